import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An object as a storage stand-in keeps it. */
export type StoredObject = { bytes: Buffer; modifiedAt: Date }

/** A storage service on loopback that keeps objects in memory and looks at every signature. */
export type StandIn = {
  port: number
  /** By `bucket/name`. */
  objects: Map<string, StoredObject>
  /** What was asked, as `METHOD /path`, oldest first. */
  requests: string[]
  /** Bytes of bodies that have arrived so far. */
  received: () => number
  /** Answers the next `times` requests with this status and nothing done. */
  failNext: (status: number, times: number) => void
  close: () => Promise<void>
}

/** Everything of a request, body included; null when it broke off before its end. */
export async function readWhole(request: IncomingMessage, onBytes: (count: number) => void) {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) {
      onBytes(chunk.length)
      chunks.push(chunk)
    }
  } catch {
    return null
  }
  return request.complete ? Buffer.concat(chunks) : null
}

/** Sends an object, or the range of it that was asked for. */
export function sendObject(request: IncomingMessage, response: ServerResponse, object: StoredObject): void {
  const { bytes, modifiedAt } = object
  const headers = { 'last-modified': modifiedAt.toUTCString(), etag: '"1"' }
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range ? Math.min(Number(range[2]), bytes.length - 1) : bytes.length - 1
  const part = bytes.subarray(start, end + 1)
  const contentRange = range && { 'content-range': `bytes ${start}-${end}/${bytes.length}` }
  response.writeHead(range ? 206 : 200, { ...headers, 'content-length': part.length, ...contentRange })
  response.end(request.method === 'HEAD' ? undefined : part)
}

/** So few a page that a listing of a test has several. */
const LISTED = 3

/** The objects of a bucket whose names begin with the `prefix` of the query, a page of them, as both wires write it. */
export function listing(objects: StandIn['objects'], bucket: string, url: URL): string {
  const prefix = url.searchParams.get('prefix') ?? ''
  const after = url.searchParams.get('continuation-token') ?? ''
  const names = [...objects.keys()]
    .filter((name) => name.startsWith(`${bucket}/`))
    .map((name) => name.slice(bucket.length + 1))
    .filter((name) => name.startsWith(prefix) && name > after)
    .sort()
  const page = names.slice(0, LISTED)
  const last = names.length > LISTED ? page.at(-1) : undefined
  const rows = page.map((name) => `<Contents><Key>${name}</Key><Size>1</Size></Contents>`).join('')
  const next = last === undefined ? '' : `<NextContinuationToken>${last}</NextContinuationToken>`
  return `<ListBucketResult><Name>${bucket}</Name><Prefix>${prefix}</Prefix><KeyCount>${page.length}</KeyCount><IsTruncated>${last !== undefined}</IsTruncated>${rows}${next}</ListBucketResult>`
}

/** Serves `answer` on a port of its own. */
export async function startStandIn(
  answer: (request: IncomingMessage, response: ServerResponse, standIn: StandIn, body: Buffer) => void,
): Promise<StandIn> {
  let received = 0
  let failure = { status: 0, times: 0 }
  const server = createServer(async (request, response) => {
    standIn.requests.push(`${request.method} ${request.url}`)
    const body = await readWhole(request, (count) => {
      received += count
    })
    // Nothing is kept of a request that did not end.
    if (body === null) return response.destroy()
    if (failure.times > 0) {
      failure.times -= 1
      response.writeHead(failure.status, { 'content-type': 'application/xml' })
      response.end(
        request.method === 'HEAD'
          ? undefined
          : '<Error><Code>Planned</Code><Message>planned</Message></Error>',
      )
      return
    }
    answer(request, response, standIn, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const standIn: StandIn = {
    port: (server.address() as AddressInfo).port,
    objects: new Map(),
    requests: [],
    received: () => received,
    failNext: (status, times) => {
      failure = { status, times }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return standIn
}

/** An error as these services send it. */
export function refuseXml(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  code: string,
): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(
    request.method === 'HEAD'
      ? undefined
      : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  )
}
