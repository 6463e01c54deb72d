import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import { isConnectionLoss } from '../../db/errors.ts'
import type { Channel, Model } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import { channelsOf, type Served } from '../channels/choose-channel.ts'
import { enterChannel, enterFirst } from '../channels/enter-channel.ts'
import type { Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { checkWritten, moderatesOutputs, RefusedByList } from '../moderation/check-words.ts'
import type { RefusedBy } from '../moderation/count-refusals.ts'
import { countRefusedTask } from '../moderation/count-refusals.ts'
import type { Provider, ProviderErrorKind, TextJob, Usage } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { estimateTokens } from './estimate-tokens.ts'
import type { LiveReply } from './live-reply.ts'
import type { ReplyEnding } from './reply.ts'
import { deskOf } from './reply-desk.ts'

/** A channel whose provider can write. */
export type Writer = Served & { write: NonNullable<Provider['write']> }

/** Those that can write with a model, in the order in which they are to be asked. */
export function writersOf(context: Context, model: Model): Writer[] {
  return channelsOf(context, model, ({ write }) => write !== undefined).flatMap((served) =>
    served.provider.write ? [{ ...served, write: served.provider.write }] : [],
  )
}

/** How long a reply waits for a channel that has room; somebody sits before it. */
const LONGEST_WAIT_MS = 30_000

/** More than any model was asked for; what is written beyond it is cut. */
const MOST_CHARACTERS = 32_000

/** How the writing came out, before it is on record. */
type Outcome = {
  state: 'done' | 'stopped' | 'broken' | 'failed'
  isCut: boolean
  failure: Failure | null
  /** The provider's own words, for operators. */
  error: string | null
  /** As the vendor counted it. */
  usage?: Usage | null
  /** Who refused it, where it was for its content. */
  refusedBy?: RefusedBy
}

const endReply = statement(
  'end reply',
  'select is_ended, has_text from end_reply_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
)
const retryReply = statement('retry reply', 'select retry_reply_v1($1, $2, $3, $4) as done')
const readEnding = statement(
  'ending of reply',
  `select m.state, m.has_text, t.failure from message m join task t on t.id = m.task_id
   where m.task_id = $1 and m.role = 'assistant'`,
)

/**
 * Has a reply written, hands it on as it comes and ends its task. The first channel's attempt is on record before this is
 * called; another channel is asked only when the one before is known not to have done anything (money rule 6).
 *
 * The rule of what it costs (docs/decisions/0014 and 0017): its price, or what its words come to, when the vendor wrote
 * anything, also when nobody waited for the rest; nothing when not a word came, or when the vendor refused what it was
 * asked.
 *
 * Never throws.
 */
export async function writeReply(
  context: Context,
  live: LiveReply,
  channels: readonly Writer[],
  job: Omit<TextJob, 'model'>,
  longestMs: number,
): Promise<void> {
  try {
    const outcome = await firstOf(context, live, channels, job, longestMs)
    const ending = await settle(context, live, outcome)
    deskOf(context).remove(live)
    context.events.publish('reply', live.taskId)
    live.tellEnd(ending)
  } catch (error) {
    // Its lease lapses, and whoever takes it over finds the words so far.
    context.log.error({ task: live.taskId, code: codeOf(error) }, 'a reply could not be ended')
    deskOf(context).remove(live)
    live.tellEnd(live.text() === '' ? failed('unavailable', live) : { state: 'broken' })
  }
}

/** The writing itself, or what ends it from outside, whichever comes first: a provider may heed no signal. */
function firstOf(
  context: Context,
  live: LiveReply,
  channels: readonly Writer[],
  job: Omit<TextJob, 'model'>,
  longestMs: number,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const tooLong = new AbortController()
    const timer = setTimeout(() => {
      resolve({ state: 'broken', isCut: true, failure: 'deadline', error: 'it took too long' })
      tooLong.abort(new Error('it took too long'))
    }, longestMs)
    const stopped = (): void =>
      resolve({ state: 'stopped', isCut: true, failure: 'deadline', error: 'nobody waited' })
    live.signal.addEventListener('abort', stopped, { once: true })
    if (live.signal.aborted) stopped()
    const signal = AbortSignal.any([live.signal, tooLong.signal])
    askEach(context, live, channels, job, signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

async function askEach(
  context: Context,
  live: LiveReply,
  channels: readonly Writer[],
  job: Omit<TextJob, 'model'>,
  signal: AbortSignal,
): Promise<Outcome> {
  let rest = channels
  for (;;) {
    const entered = await enterFirst(
      context,
      rest,
      (one) => enterChannel(context, one, { id: live.taskId, generation: live.generation }),
      { signal, longestMs: LONGEST_WAIT_MS },
    )
    const served = rest.find(({ channel }) => channel.id === entered?.served.channel.id)
    if (!entered || !served)
      return { state: 'failed', isCut: false, failure: 'unavailable', error: 'no channel had room in time' }
    try {
      const outcome = await ask(context, live, served, job, signal)
      entered.entry.end(null)
      return outcome
    } catch (error) {
      entered.entry.end(signal.aborted ? signal.reason : error)
      const outcome = outcomeOf(error, live, served.provider)
      rest = rest.filter((one) => one !== served)
      const [next] = rest
      if (signal.aborted) return outcome
      // Not its words: a vendor may repeat what it was sent.
      const details = { task: live.taskId, provider: served.provider.name, kind: kindOf(error) }
      context.log.warn(details, 'a provider did not write a reply')
      if (!next || live.text() !== '' || !isKnownNotDone(error)) return outcome
      const values = [live.taskId, live.generation, next.channel.id, outcome.error]
      const [row] = await context.db.rows<{ done: boolean }>(retryReply, values)
      if (!row?.done) return outcome
    }
  }
}

const DONE = { state: 'done', failure: null, error: null } as const

/** One call. @throws ProviderError, also for an answer that is none */
async function ask(
  context: Context,
  live: LiveReply,
  { channel, write }: Writer,
  job: Omit<TextJob, 'model'>,
  signal: AbortSignal,
): Promise<Outcome> {
  const hangUp = new AbortController()
  const connection = connectionOf(context, channel)
  const call = { connection, signal: AbortSignal.any([signal, hangUp.signal]) }
  let length = 0
  // What may be refused as a whole is not shown in parts.
  const holdsBack = moderatesOutputs(context)
  let held = ''
  const handOver = (): void => {
    if (held === '') return
    checkWritten(context, held)
    live.say(held)
    held = ''
  }
  try {
    for await (const part of write({ ...job, model: channel.vendorModel }, call)) {
      // What comes after the end has been decided is nobody's.
      if (signal.aborted) throw signal.reason
      if (part.type === 'end') {
        if (part.reason === 'content') throw new ProviderError('content', 'the vendor refused to answer')
        handOver()
        if (live.text().trim() === '') throw new ProviderError('failed', 'the provider wrote nothing')
        return { ...DONE, isCut: part.reason === 'length', usage: part.usage }
      }
      // PostgreSQL has no character 0.
      const text = part.text.includes('\0') ? part.text.replaceAll('\0', '') : part.text
      if (text === '') continue
      length += text.length
      live.meter?.take(text)
      if (holdsBack) held += text
      else live.say(text)
      if (length <= MOST_CHARACTERS && !live.meter?.isSpent()) continue
      handOver()
      return { ...DONE, isCut: true }
    }
    throw new ProviderError('ambiguous', 'the text broke off')
  } finally {
    // A text that was cut goes on, and costs, until somebody says stop.
    hangUp.abort()
  }
}

function connectionOf(context: Context, channel: Channel) {
  try {
    return openConnection(context, channel)
  } catch (error) {
    // Sealed under another SECRET_KEY: that channel is as good as switched off.
    throw new ProviderError('unavailable', 'the connection of the channel cannot be decrypted', {
      cause: error,
    })
  }
}

const REASONS: Readonly<Record<ProviderErrorKind, Failure>> = {
  rejected: 'rejected',
  content: 'content',
  throttled: 'unavailable',
  unavailable: 'unavailable',
  failed: 'unavailable',
  ambiguous: 'unknown',
}

const kindOf = (error: unknown): ProviderErrorKind | null =>
  error instanceof ProviderError ? error.kind : null

function isKnownNotDone(error: unknown): boolean {
  const kind = kindOf(error)
  return kind === 'throttled' || kind === 'unavailable' || kind === 'failed'
}

function outcomeOf(error: unknown, live: LiveReply, provider: Provider): Outcome {
  const kind = kindOf(error)
  const failure = kind ? REASONS[kind] : provider.repeatable ? 'unavailable' : 'unknown'
  const words = error instanceof Error ? error.message.slice(0, 2_000) : String(error)
  // The vendor's own no is nobody's answer, whatever it wrote before.
  const hasAnswer = kind !== 'content' && live.text().trim() !== ''
  const refusedBy = error instanceof RefusedByList ? 'list' : 'vendor'
  return {
    state: hasAnswer ? 'broken' : 'failed',
    isCut: hasAnswer,
    failure,
    error: words,
    ...(kind === 'content' && { refusedBy }),
  }
}

/** Puts the end on record. */
async function settle(context: Context, live: LiveReply, outcome: Outcome): Promise<ReplyEnding> {
  const text = live.text()
  const hasAnswer = outcome.state !== 'failed' && text.trim() !== ''
  if (!live.isLost()) {
    const settlement = hasAnswer ? (live.meter?.settle(outcome.usage) ?? null) : null
    const [row] = await persist<{ is_ended: boolean; has_text: boolean | null }>(context, [
      context.keys.chain,
      live.taskId,
      live.generation,
      hasAnswer ? outcome.state : 'failed',
      hasAnswer ? text : '',
      hasAnswer ? estimateTokens(text) : 0,
      outcome.isCut,
      outcome.failure,
      outcome.error,
      settlement?.charge ?? null,
      settlement && JSON.stringify(settlement.explanation),
    ])
    if (row?.is_ended) {
      if (outcome.refusedBy) await countRefusedTask(context, live.taskId, outcome.refusedBy)
      if (hasAnswer && outcome.state !== 'failed') return { state: outcome.state }
      return failed(outcome.failure ?? 'unavailable', live)
    }
  }
  // Whoever took it over, or the account's closing, has ended it.
  const [row] = await context.db.rows<{ state: string; has_text: boolean; failure: Failure | null }>(
    readEnding,
    [live.taskId],
  )
  return row?.has_text ? { state: 'broken' } : failed(row?.failure ?? 'unknown', live)
}

function failed(reason: Failure, live: LiveReply): ReplyEnding {
  return { state: 'failed', reason, hadText: live.text() !== '' }
}

/** As long as a database may take to come back; a lease that lapses meanwhile makes this write change nothing. */
const PERSIST_FOR_MS = 60_000

async function persist<Row>(context: Context, values: readonly unknown[]): Promise<Row[]> {
  const giveUpAt = performance.now() + PERSIST_FOR_MS
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 2_000)) {
    try {
      return await context.db.rows<Row>(endReply, values)
    } catch (error) {
      if (!isConnectionLoss(error) || performance.now() > giveUpAt) throw error
      await sleep(delayMs)
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error
    ? String(error.code)
    : error instanceof Error
      ? error.name
      : 'unknown'
}
