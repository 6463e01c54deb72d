import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RawNotification } from '../../src/kernel/ports/gateway.ts'

export type StandInCall = {
  method: string
  path: string
  /** Path and query as they were sent. */
  target: string
  query: URLSearchParams
  headers: Readonly<Record<string, string>>
  body: string
}

export type StandInReply = { status: number; headers: Record<string, string>; body: string }

/**
 * How the next answers go wrong. `cut`, `hang` and `late-500` happen after the deed: from outside nobody can tell.
 * The other plain ones happen before anything is done; the rest is about what is answered, and how it is signed.
 */
export type Misbehaviour =
  | 'http-500'
  | 'http-429'
  | 'html'
  | 'redirect'
  | 'cut'
  | 'hang'
  | 'slow'
  | 'late-500'
  | 'unsigned'
  | 'other-key'
  | 'other-serial'
  | 'other-body'
  | 'stale'
  | 'wrong-json'
  | 'refuses'
  | 'system-error'
  | 'echo'
  | 'other-order'
  | 'no-place'
  | 'refund-processing'
  | 'refund-closed'

/** Misbehaviour that needs no look at the request. */
const EARLY: Partial<Record<Misbehaviour, (response: ServerResponse) => void>> = {
  'http-500': (response) => void response.writeHead(500).end('<h1>Internal Server Error</h1>'),
  'http-429': (response) => void response.writeHead(429).end('{"code":"FREQUENCY_LIMITED"}'),
  html: (response) => void response.end('<!doctype html><title>hello</title>'),
  redirect: (response) => void response.writeHead(301, { location: 'https://pay.example.com/' }).end(),
}

/** A gateway on 127.0.0.1: `act` does what is asked and signs the answer. */
export async function startStandInServer(
  act: (call: StandInCall) => StandInReply,
  behaviour: () => Misbehaviour | null,
): Promise<{ url: string; requests: StandInCall[]; close: () => Promise<void> }> {
  const requests: StandInCall[] = []
  const server = createServer((request, response) => {
    readCall(request)
      .then(async (call) => {
        requests.push(call)
        const how = behaviour()
        const early = how === null ? undefined : EARLY[how]
        if (early) return early(response)
        const { status, headers, body } = act(call)
        if (how === 'cut') return void response.destroy()
        if (how === 'hang') return
        if (how === 'late-500') return void response.writeHead(502).end('{"code":"BAD_GATEWAY"}')
        if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 150))
        response.writeHead(status, headers).end(body)
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readCall(request: IncomingMessage): Promise<StandInCall> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const target = request.url ?? '/'
  const { pathname, searchParams } = new URL(target, 'http://stand.in')
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value)
  const body = Buffer.concat(chunks).toString()
  return { method: request.method ?? '', path: pathname, target, query: searchParams, headers, body }
}

/** Sends a notification to an address, as a gateway does. */
export async function deliver(
  notification: RawNotification,
  to: string,
): Promise<{ status: number; body: string }> {
  const { method, query, contentType, body, headers } = notification
  const reply = await fetch(`${to}${query && `?${query}`}`, {
    method,
    headers: { ...headers, ...(contentType && { 'content-type': contentType }) },
    ...(method === 'GET' ? {} : { body }),
    redirect: 'manual',
  })
  return { status: reply.status, body: await reply.text() }
}
