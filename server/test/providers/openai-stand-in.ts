import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAiWire } from './openai-wire.ts'
import { aPicture, clip, readRequest, type Seen, send } from './vendor-stand-in.ts'

/** Answers one request in place of the wire as documented. */
export type Misbehaviour = (response: ServerResponse, seen: Seen) => void | Promise<void>

export type OpenAiStandIn = {
  /** Base address, ending in `/v1`. */
  url: string
  key: string
  seen: Seen[]
  /** What the next requests meet, in order. */
  next: Misbehaviour[]
  /** Connections whose answers are under way. */
  open: () => number
  close: () => Promise<void>
}

/** The wire of OpenAI on loopback, for tests that say themselves what the next request meets. */
export async function startOpenAiStandIn(): Promise<OpenAiStandIn> {
  const seen: Seen[] = []
  const next: Misbehaviour[] = []
  const open = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    answer(request, response).catch((error) => response.destroy(error))
  })
  const wire = openAiWire()
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const read = await readRequest(request)
    const one: Seen = { ...read, role: wire.roleOf(read) }
    seen.push(one)
    const misbehave = next.shift()
    if (misbehave) return misbehave(response, one)
    const { authorization = '' } = one.headers
    if (authorization !== `Bearer ${wire.key}`) {
      return send(response, wire.wrongKey?.(authorization) ?? { status: 401 })
    }
    // Nothing is published here: the pictures lie inside the answers.
    return send(response, await wire.answer(one, { origin: '', publish: () => '', picture: aPicture, clip }))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    key: wire.key ?? '',
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

// What a test lets the next requests meet ----------------------------------------------------------------------

/** Never answers; the request ends when the other side hangs up. */
export const silence: Misbehaviour = () => {}

export const status =
  (code: number, body: unknown, headers: Record<string, string> = {}): Misbehaviour =>
  (response) =>
    json(response, code, body, headers)

/** Sends these pieces as they are, some milliseconds apart, and then ends, breaks off or waits. */
export const raw =
  (
    pieces: readonly string[],
    then: 'end' | 'break' | 'wait' = 'end',
    type = 'text/event-stream',
  ): Misbehaviour =>
  async (response) => {
    response.writeHead(200, { 'content-type': type })
    for (const piece of pieces) {
      response.write(piece)
      await sleep(5)
    }
    if (then === 'end') response.end()
    if (then === 'break') response.destroy()
  }

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string>,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
