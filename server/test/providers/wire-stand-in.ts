import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'

/** What reached the stand-in, its body read as its content type says. */
export type Seen = {
  method: string
  /** Below the base address, without the query. */
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  fields: Record<string, unknown>
  files: { name: string; type: string; bytes: number }[]
}

/** Answers one request in place of the wire as documented. */
export type Misbehaviour = (response: ServerResponse, seen: Seen) => void | Promise<void>

export type WireStandIn = {
  /** Base address. */
  url: string
  key: string
  seen: Seen[]
  /** What the next requests meet, in order; null for the wire as documented. */
  next: (Misbehaviour | null)[]
  /** Connections whose answers are under way. */
  open: () => number
  close: () => Promise<void>
}

/** Of no vendor's form, so that no rule about a form hides it; and with characters that addresses escape. */
const KEY = 'key-stand-in-0123456789/abc+def'

/**
 * A vendor's wire on loopback, below `base`: `answer` as documented, unless a test has something else met. `serve`
 * takes what the vendor keeps elsewhere, such as its storage; it is not counted and never misbehaves.
 */
export async function startWire(
  base: string,
  answer: (response: ServerResponse, seen: Seen, own: { key: string; url: string }) => void | Promise<void>,
  serve: (response: ServerResponse, seen: Seen) => boolean = () => false,
): Promise<WireStandIn> {
  const seen: Seen[] = []
  const next: WireStandIn['next'] = []
  const open = new Set<ServerResponse>()
  let url = ''
  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    const work = async (): Promise<void> => {
      const one = await readRequest(request, base)
      if (serve(response, one)) return
      seen.push(one)
      const misbehave = next.shift()
      await (misbehave ? misbehave(response, one) : answer(response, one, { key: KEY, url }))
    }
    work().catch((error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`
  return {
    url,
    key: KEY,
    seen,
    next,
    open: () => open.size,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

export const picture = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#3f7fd0' } })
    .png()
    .toBuffer()

export function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

async function readRequest(request: IncomingMessage, base: string): Promise<Seen> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { headers, method = 'GET' } = request
  const url = new URL(request.url ?? '/', 'http://stand-in')
  const seen = { method, path: url.pathname.slice(base.length), query: url.searchParams, headers }
  const contentType = headers['content-type'] ?? ''
  if (body.length === 0) return { ...seen, fields: {}, files: [] }
  if (contentType === 'application/json') return { ...seen, fields: JSON.parse(body.toString()), files: [] }
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  const fields: Seen['fields'] = {}
  const files: Seen['files'] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value
    else files.push({ name, type: value.type, bytes: value.size })
  }
  return { ...seen, fields, files }
}
