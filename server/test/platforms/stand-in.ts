import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as a platform reads it. */
export type StandInRequest = {
  method: string
  path: string
  query: URLSearchParams
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  /** The body as JSON or as a form; empty for files. */
  fields: Record<string, unknown>
  /** Parts of a multipart body by name. */
  parts: ReadonlyMap<string, { filename: string | null; bytes: Buffer }>
}

/**
 * What goes wrong with the next request to a path: `slow` does it and never answers, `cut` does it and breaks the
 * line, `garbage` does it and answers a page, `http-500` does it and says it broke, `http-429` does nothing. An
 * object is the answer instead, with nothing done.
 */
export type Misbehaviour = 'slow' | 'cut' | 'garbage' | 'http-500' | 'http-429' | object

export type PlatformStandIn = {
  url: string
  requests: StandInRequest[]
  /** What was made public or put among the drafts, in order. */
  made: string[]
  /** Plans what the next request to `path` meets; several are met one after the other. */
  misbehave: (path: string, ...how: Misbehaviour[]) => void
  to: (path: string) => StandInRequest[]
  reset: () => void
  close: () => Promise<void>
}

/** Serves a platform's documented wire on loopback. `answer` does what is asked and says what the platform would. */
export async function startStandIn(
  answer: (request: StandInRequest, standIn: PlatformStandIn) => object,
): Promise<PlatformStandIn> {
  const plans = new Map<string, Misbehaviour[]>()
  const server = createServer(async (message, response) => {
    const request = await readRequest(message)
    standIn.requests.push(request)
    const how = plans.get(request.path)?.shift()
    const json = (value: object): void =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (typeof how === 'object') return json(how)
    if (how === 'http-429') return void response.writeHead(429, { 'retry-after': '7' }).end('slow down')
    const said = answer(request, standIn)
    if (how === 'slow') return
    if (how === 'cut') return void response.destroy()
    if (how === 'garbage') return void response.end('<!doctype html><title>安全验证</title>')
    if (how === 'http-500') return void response.writeHead(500).end('{"errcode":0,"result":1}')
    json(said)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const standIn: PlatformStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    made: [],
    misbehave: (path, ...how) => void plans.set(path, [...(plans.get(path) ?? []), ...how]),
    to: (path) => standIn.requests.filter((one) => one.path === path),
    reset: () => {
      plans.clear()
      standIn.requests.length = 0
      standIn.made.length = 0
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return standIn
}

async function readRequest(message: IncomingMessage): Promise<StandInRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://stand.in')
  const type = message.headers['content-type'] ?? ''
  const fields = type.includes('json')
    ? (JSON.parse(body.toString()) as Record<string, unknown>)
    : type.includes('urlencoded')
      ? Object.fromEntries(new URLSearchParams(body.toString()))
      : {}
  return {
    method: message.method ?? '',
    path: pathname,
    query: searchParams,
    headers: message.headers,
    body,
    fields,
    parts: readParts(body, /boundary=(.+)$/.exec(type)?.[1]),
  }
}

/** Reads a multipart body as RFC 7578 has it; what does not follow it is not found. */
function readParts(body: Buffer, boundary: string | undefined): StandInRequest['parts'] {
  const parts = new Map<string, { filename: string | null; bytes: Buffer }>()
  if (boundary === undefined) return parts
  const text = body.toString('latin1')
  const pieces = text.split(`--${boundary}`)
  if (pieces.at(-1) !== '--\r\n') return parts
  for (const piece of pieces.slice(1, -1)) {
    const at = piece.indexOf('\r\n\r\n')
    const [, name] = /[; ]name="([^"]+)"/.exec(piece.slice(0, at)) ?? []
    const [, filename = null] = /filename="([^"]+)"/.exec(piece.slice(0, at)) ?? []
    if (name !== undefined)
      parts.set(name, { filename, bytes: Buffer.from(piece.slice(at + 4, -2), 'latin1') })
  }
  return parts
}
