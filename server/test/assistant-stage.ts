import assert from 'node:assert/strict'
import { createParser } from 'eventsource-parser'
import type { Dialect } from '../src/http/dialect.ts'
import { toNumber, units } from '../src/kernel/money.ts'
import type { Outbound } from '../src/kernel/ports/outbound.ts'
import type { CallOptions, Provider, TextJob, TextPart } from '../src/kernel/ports/provider.ts'
import type { Preset } from '../src/kernel/preset.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { withoutQuotas } from './contracts/stage.ts'
import { createUser } from './factories.ts'
import type { FakeWriter } from './fakes/writing.ts'
import { createFakeWriter } from './fakes/writing.ts'

export type AssistantUser = { accountId: bigint; token: string }
export type Sse = { type: string; content?: string; conversationId?: string; error?: string }

/** An answer of real HTTP: JSON, or a stream of events that is read as it comes. */
export type Answer = {
  status: number
  headers: Headers
  /** The body, where it is JSON. */
  json: { code: number; message: string; data: Record<string, unknown> | null } | null
  /** The events so far, and comments as `:`. */
  events: Sse[]
  comments: string[]
  /** Reads until an event fits, or the stream ends. */
  until: (fits: (event: Sse) => boolean) => Promise<Sse | undefined>
  /** Reads to the end; the words of all tokens. */
  text: () => Promise<string>
  last: () => Sse | undefined
}

/** A site on a port of its own, whose assistant writes as the test says. */
export type AssistantStage = {
  site: TestSite
  writer: FakeWriter
  url: string
  user: (credits?: number) => Promise<AssistantUser>
  call: (
    method: string,
    path: string,
    user: AssistantUser | null,
    body?: unknown,
    more?: More,
  ) => Promise<Answer>
  balance: (user: AssistantUser) => Promise<number>
  rows: <Row>(text: string, values?: unknown[]) => Promise<Row[]>
  /** One outcome for every reply, and the books are true. */
  assertTrue: () => Promise<void>
  close: () => Promise<void>
}

export type More = { headers?: Record<string, string>; signal?: AbortSignal }

export async function openAssistantStage(
  dialect: Dialect,
  options: { providers?: readonly Provider[]; outbound?: Outbound; preset?: Partial<Preset> } = {},
): Promise<AssistantStage> {
  const writer = createFakeWriter({ repeatable: false })
  const lifted = Object.keys(dialect.preset.limits).map((name) => [
    name,
    { points: 1_000_000, perSeconds: 60 },
  ])
  const site = await buildSite({
    dialect,
    providers: options.providers ?? [writer],
    ...(options.outbound && { outbound: options.outbound }),
    preset: {
      limits: Object.fromEntries(lifted) as Preset['limits'],
      ...withoutQuotas(dialect.preset),
      ...options.preset,
    },
  })
  const address = await site.app.listen({ port: 0, host: '127.0.0.1' })
  const rows: AssistantStage['rows'] = async (text, values = []) =>
    (await site.context.db.pool.query(text, values)).rows as never
  return {
    site,
    writer,
    url: address,
    rows,
    user: async (count = 100) => createUser(site.context, units(count)),
    call: (method, path, user, body, more = {}) =>
      read(`${address}${dialect.base}${path}`, {
        method,
        headers: {
          ...(user && { authorization: `Bearer ${user.token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...more.headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(more.signal && { signal: more.signal }),
      }),
    balance: async ({ accountId }) => toNumber((await readBalance(site.context, { accountId })).available),
    assertTrue: async () => {
      assert.deepEqual(await verifyLedger(site.context), [])
      const open = await rows(
        `select t.id, t.state, m.state from task t left join message m on m.task_id = t.id and m.role = 'assistant'
         where t.kind = 'chat' and (t.state not in ('succeeded', 'failed', 'canceled') or m.state is null
           or m.state = 'writing' or (t.charged > 0) <> m.has_text
           or (select count(*) from entry e where e.task_id = t.id and e.effect like 'resolve:%') <> 1)`,
      )
      assert.deepEqual(open, [])
    },
    close: site.close,
  }
}

async function read(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const events: Sse[] = []
  const comments: string[] = []
  const parser = createParser({
    onEvent: ({ data }) => events.push(JSON.parse(data)),
    onComment: (comment) => comments.push(comment),
  })
  const reader = isStream ? response.body?.getReader() : undefined
  const decoder = new TextDecoder()
  const more = async (): Promise<boolean> => {
    const chunk = await reader?.read()
    if (!chunk || chunk.done) return false
    parser.feed(decoder.decode(chunk.value, { stream: true }))
    return true
  }
  return {
    status: response.status,
    headers: response.headers,
    json: isStream ? null : ((await response.json()) as Answer['json']),
    events,
    comments,
    until: async (fits) => {
      for (;;) {
        const found = events.find(fits)
        if (found || !(await more())) return found
      }
    },
    text: async () => {
      while (await more());
      return events.map(({ content }) => content ?? '').join('')
    },
    last: () => events.at(-1),
  }
}

type Write = (job: TextJob, options: Pick<CallOptions, 'connection' | 'signal'>) => AsyncIterable<TextPart>

/** Writes a piece whenever the test says so, and notes when it was hung up on. */
export function inHand(): {
  write: Write
  say: (text: string) => void
  end: () => void
  /** Resolves when it is being asked, and when it was hung up on, with the moment. */
  asked: Promise<void>
  aborted: Promise<number>
} {
  const asked = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<number>()
  const queue: TextPart[] = []
  let wake = (): void => {}
  const put = (part: TextPart): void => {
    queue.push(part)
    wake()
  }
  return {
    asked: asked.promise,
    aborted: aborted.promise,
    say: (text) => put({ type: 'text', text }),
    end: () => put({ type: 'end', reason: 'stop', usage: null }),
    write: async function* (_job, { signal }) {
      asked.resolve()
      signal.addEventListener('abort', () => {
        aborted.resolve(performance.now())
        wake()
      })
      for (;;) {
        const part = queue.shift()
        if (part) {
          yield part
          if (part.type === 'end') return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          signal.throwIfAborted()
        }
      }
    },
  }
}
