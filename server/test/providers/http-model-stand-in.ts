import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import sharp from 'sharp'
import type { Json } from '../../src/kernel/ports/provider.ts'

/**
 * What the vendor answers: JSON, a text that is none, or bytes. `hang` never answers though the job was taken, `cut`
 * breaks the connection in the middle of an answer.
 */
export type Reply = {
  status?: number
  headers?: Record<string, string>
  json?: Json
  body?: string | Uint8Array
  hang?: true
  cut?: true
}

type Seen = { method: string; path: string; headers: Record<string, string>; body: string }
type Behaviour = Reply | ((seen: Seen) => Reply)

export type HttpModelStandIn = {
  /** The submit address. */
  url: string
  origin: string
  /** Jobs that were sent, in order: what a vendor would have charged for. */
  starts: Seen[]
  /** What was asked after jobs, in order. */
  queries: Seen[]
  /** Fetches of result files. */
  fetches: Seen[]
  /** What the next starts are answered with; the last one stays. */
  onStart: (...replies: Behaviour[]) => void
  onQuery: (...replies: Behaviour[]) => void
  /** A small PNG, as base64 and where it can be fetched. */
  picture: { base64: string; bytes: Buffer; url: string }
  /** 300 MB of a clip that never was. */
  hugeUrl: string
  /** Redirects to the given address. */
  redirectTo: (address: string) => string
  close: () => Promise<void>
}

const HUGE_BYTES = 300 * 1024 * 1024

/** Starts an HTTP model on 127.0.0.1 that says what it is told to say and remembers what it was asked. */
export async function startHttpModelStandIn(): Promise<HttpModelStandIn> {
  const starts: Seen[] = []
  const queries: Seen[] = []
  const fetches: Seen[] = []
  let startReplies: Behaviour[] = []
  let queryReplies: Behaviour[] = []
  const bytes = await sharp({ create: { width: 48, height: 32, channels: 3, background: '#336699' } })
    .png()
    .toBuffer()

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seen = await see(request)
    if (seen.path.startsWith('/files/')) {
      fetches.push(seen)
      await serveFile(seen.path, response, bytes)
    } else if (seen.method === 'GET') {
      queries.push(seen)
      send(response, take(queryReplies, seen))
    } else {
      starts.push(seen)
      send(response, take(startReplies, seen))
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}/v1/generate`,
    origin,
    starts,
    queries,
    fetches,
    onStart: (...replies) => {
      startReplies = replies
    },
    onQuery: (...replies) => {
      queryReplies = replies
    },
    picture: { base64: bytes.toString('base64'), bytes, url: `${origin}/files/picture.png` },
    hugeUrl: `${origin}/files/huge.mp4`,
    redirectTo: (address) => `${origin}/files/away?to=${encodeURIComponent(address)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function see(request: IncomingMessage): Promise<Seen> {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  )
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers,
    body: await text(request),
  }
}

function take(replies: Behaviour[], seen: Seen): Reply {
  const reply = replies.length > 1 ? replies.shift() : replies[0]
  if (!reply) return { status: 500, json: { message: 'the test said nothing of this call' } }
  return typeof reply === 'function' ? reply(seen) : reply
}

function send(response: ServerResponse, reply: Reply): void {
  if (reply.hang) return
  const body = reply.body ?? JSON.stringify(reply.json ?? {})
  const headers = { 'content-type': 'application/json', ...reply.headers }
  if (reply.cut) {
    response.writeHead(reply.status ?? 200, { ...headers, 'content-length': '1000' })
    response.write(body, () => response.destroy())
    return
  }
  response.writeHead(reply.status ?? 200, headers).end(body)
}

async function serveFile(path: string, response: ServerResponse, picture: Uint8Array): Promise<void> {
  const url = new URL(path, 'http://stand.in')
  if (url.pathname === '/files/away') {
    response.writeHead(302, { location: url.searchParams.get('to') ?? '/' }).end()
  } else if (url.pathname === '/files/huge.mp4') {
    response.writeHead(200, { 'content-type': 'video/mp4' })
    const chunk = Buffer.alloc(1024 * 1024)
    for (let sent = 0; sent < HUGE_BYTES && !response.destroyed; sent += chunk.length) {
      if (!response.write(chunk))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
    }
    response.end()
  } else {
    response.writeHead(200, { 'content-type': 'image/png' }).end(picture)
  }
}
