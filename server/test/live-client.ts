import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientOptions } from 'ws'
import { WebSocket } from 'ws'
import type { TestSite } from './build-site.ts'

export type Message = {
  type: 'task_progress' | 'task_complete' | 'task_failed'
  taskId: string
  progress?: number
  status?: string
  result?: { images?: { url: string }[] }
  error?: string
}

/** A client of live progress with all that it was told, and how its socket ended. */
export type LiveClient = {
  socket: WebSocket
  messages: Message[]
  texts: string[]
  /** Those about one task. */
  of: (taskId: string) => Message[]
  /** Waits until it was told so. */
  until: (is: (messages: readonly Message[]) => unknown, what: string) => Promise<void>
  closed: Promise<{ code: number; reason: string }>
}

export async function portOf(site: Pick<TestSite, 'app'>): Promise<number> {
  if (!site.app.server.listening) await site.app.listen({ port: 0, host: '127.0.0.1' })
  const address = site.app.server.address()
  assert.ok(address && typeof address === 'object')
  return address.port
}

/** Connects with a token in the address, as the document has it; waits for the handshake only. */
export async function connect(
  site: Pick<TestSite, 'app'>,
  token: string | null,
  options: { path?: string; protocols?: string[] } & ClientOptions = {},
): Promise<LiveClient> {
  const { path = '/ws', protocols = [], ...rest } = options
  const query = token === null ? '' : `?token=${encodeURIComponent(token)}`
  const socket = new WebSocket(`ws://127.0.0.1:${await portOf(site)}${path}${query}`, protocols, rest)
  const messages: Message[] = []
  const texts: string[] = []
  socket.on('message', (data) => {
    const text = String(data)
    texts.push(text)
    if (text.startsWith('{')) messages.push(JSON.parse(text))
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  return {
    socket,
    messages,
    texts,
    of: (taskId) => messages.filter((one) => one.taskId === taskId),
    until: (is, what) => eventually(() => is(messages), `${what}; told ${JSON.stringify(messages)}`),
    closed,
  }
}

export async function eventually(is: () => unknown, what: string, withinMs = 10_000): Promise<void> {
  for (const endsAt = performance.now() + withinMs; !(await is()); await sleep(5))
    assert.ok(performance.now() < endsAt, `never came: ${what}`)
}
