import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import { isConnectionLoss } from '../../db/errors.ts'
import { keepAsking } from '../asking/keep-asking.ts'
import { backoffMs, nextAskMs } from '../asking/next-ask.ts'
import type { Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { settleMade } from '../metering/settle-made.ts'
import { RefusedByList } from '../moderation/check-words.ts'
import { countRefusedTask } from '../moderation/count-refusals.ts'
import type { Provider, ProviderErrorKind, Step } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { UnfitOutput } from '../works/inspect.ts'
import { removeLeftovers } from '../works/remove-leftovers.ts'
import type { StoredFile } from '../works/store-outputs.ts'
import { storeOutputs } from '../works/store-outputs.ts'
import { keepOrphan } from './call-off.ts'
import type { Claimed } from './claim.ts'
import { learnFrom } from './estimate.ts'
import type { Writing } from './write.ts'

// What becomes of a task after a step of its provider. Every write is fenced by the claim's generation.

type Ended = { done: boolean }

const finishTask = statement(
  'finish task',
  'select finish_task_v3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as done',
)
const awaitOperation = statement(
  'await operation',
  'select await_operation_v2($1, $2, $3, $4, $5, make_interval(secs => $6)) as done',
)
const requeueTask = statement(
  'requeue task',
  'select requeue_task_v2($1, $2, $3, $4, make_interval(secs => $5), $6, $7) as done',
)
const doubtTask = statement(
  'doubt task',
  'select doubt_task_v2($1, $2, $3, make_interval(secs => $4)) as done',
)
/**
 * Turns a provider's no into what happens next. Its own words stay with the attempt, for operators.
 * @param channelId where it said so, if another channel is to be preferred from now on.
 */
export async function settleError(
  context: Context,
  task: Claimed,
  provider: Provider,
  error: unknown,
  signal: AbortSignal,
  channelId: bigint | null = null,
): Promise<void> {
  // The lease is gone or the worker stops: whoever claims the task next decides.
  if (signal.aborted) return
  const kind: ProviderErrorKind =
    error instanceof ProviderError ? error.kind : provider.repeatable ? 'unavailable' : 'ambiguous'
  const words = wordsOf(error)
  context.log.warn({ task: task.id, provider: provider.name, kind, error }, 'a provider refused a task')
  switch (kind) {
    case 'rejected':
      await giveUp(context, task, kind, words)
      return
    case 'content':
      if (await giveUp(context, task, kind, words))
        await countRefusedTask(context, task.id, error instanceof RefusedByList ? 'list' : 'vendor')
      return
    case 'throttled':
    case 'unavailable': {
      if (task.operation !== null) {
        // The operation lives on at the vendor; only asking failed.
        const afterMs = backoffMs(task, error instanceof ProviderError ? error.retryAfterMs : undefined)
        const { operation, remote_id: remoteId } = task
        const next = nextAskMs(context, provider, task, afterMs)
        await keepAsking(context, task, {
          operation,
          remoteId,
          progress: 0,
          afterMs: next,
          isAnswered: false,
        })
        return
      }
      await tryAnew(context, task, words, error, channelId)
      return
    }
    case 'failed':
      await tryAnew(context, task, words, error, channelId)
      return
    case 'ambiguous':
      await doubt(context, task, words, provider.find && isMade(task) ? FIRST_LOOK_MS : null)
      return
  }
}

/**
 * Another attempt on the same hold, later, as long as there are attempts left; the dead operation of this one goes
 * with it, so that what comes next is a new job at the vendor and not another look at the failed one.
 */
async function tryAnew(
  context: Context,
  task: Claimed,
  words: string,
  error: unknown,
  channelId: bigint | null,
): Promise<void> {
  if (task.attempts >= task.max_attempts) {
    await giveUp(context, task, 'unavailable', words)
    return
  }
  const afterMs = error instanceof ProviderError ? error.retryAfterMs : undefined
  const seconds = afterMs === undefined ? backoffSeconds(task.attempts) : afterMs / 1000
  await requeue(context, task, 'failed', words, seconds, { counts: true, refusedBy: channelId })
}

/** The first look at a job that may have been started; its request may still be on the way before. */
export const FIRST_LOOK_MS = 5_000

/** Whether a task makes things, as vendors can be asked for; what writes is gone with its stream. */
const isMade = ({ kind }: Claimed): boolean => kind === 'image' || kind === 'video' || kind === 'custom'

/**
 * Nobody can say whether the attempt was done: it is never sent again. The vendor is asked for it after a while where it
 * can be, and an operator or the deadline ends it otherwise.
 *
 * @param words why; null leaves on record what is there.
 */
export async function doubt(
  context: Context,
  task: Claimed,
  words: string | null,
  lookAfterMs: number | null,
): Promise<void> {
  const seconds = lookAfterMs === null ? null : lookAfterMs / 1000
  await context.db.rows(doubtTask, [task.id, task.generation, words, seconds])
  context.events.publish('task', task.id)
}

/** A provider's own words, as they are kept for operators. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 2_000) : String(error)
}

/** 1, 2, 4 … at most 60 seconds. */
export function backoffSeconds(attempt: number): number {
  return Math.min(60, 2 ** Math.max(0, attempt - 1))
}

/**
 * Puts a task back into the queue after an attempt that is known not to have been done.
 *
 * @param attempt.counts whether it was one of the attempts that the task has.
 * @param attempt.refusedBy the channel that would not have it, if another is to be preferred.
 */
export async function requeue(
  context: Context,
  task: Claimed,
  state: string,
  words: string,
  seconds: number,
  attempt: { counts: boolean; refusedBy: bigint | null } = { counts: true, refusedBy: null },
): Promise<void> {
  const { counts, refusedBy } = attempt
  await context.db.rows(requeueTask, [task.id, task.generation, state, words, seconds, counts, refusedBy])
  context.events.publish('queue')
}

/** @returns whether this ended it; somebody else may have */
export async function giveUp(
  context: Context,
  task: Claimed,
  failure: Failure,
  words: string,
): Promise<boolean> {
  const values = [
    context.keys.chain,
    task.id,
    task.generation,
    'failed',
    0n,
    failure,
    words,
    null,
    null,
    false,
    null,
  ]
  const [ended] = await context.db.rows<Ended>(finishTask, values)
  context.events.publish('task', task.id)
  await removeEarlier(context, task)
  return ended?.done ?? false
}

/** What workers stored that were killed before they could end the task: nothing, for one that was claimed once. */
async function removeEarlier(context: Context, task: Claimed): Promise<void> {
  if (task.generation > 1) await removeLeftovers(context, task, task.generation)
}

/**
 * Stores a finished job's outputs as our own files, and what was written with it, then ends the task and settles its hold in one
 * statement.
 */
export async function complete(
  context: Context,
  task: Claimed,
  provider: Provider,
  step: Step & { state: 'done' },
  signal: AbortSignal,
  writing: Writing | null = null,
): Promise<void> {
  let files: StoredFile[]
  try {
    if (step.outputs.length === 0 && writing === null)
      throw new ProviderError('unavailable', 'the provider answered without any output')
    files = await storeOutputs(context, task, step.outputs, signal)
  } catch (error) {
    await settleUnstorable(context, task, provider, error, signal)
    return
  }
  const { charge, explanation } = settleMade(task, files, step.usage, writing?.settlement ?? null)
  const values = [
    context.keys.chain,
    task.id,
    task.generation,
    'succeeded',
    charge,
    null,
    null,
    JSON.stringify(files),
    writing?.text ?? null,
    writing?.isCut ?? false,
    JSON.stringify(explanation),
  ]
  const [ended] = await persist<Ended>(context, signal, finishTask, values)
  if (ended?.done) {
    context.events.publish('task', task.id)
    await learnFrom(context, task)
    await removeEarlier(context, task)
  } else await removeUnclaimed(context, task, files)
}

const claimedFiles = statement('claimed files', 'select store_key from file where store_key = any ($1)')

/** Somebody else ended the task meanwhile: what this worker stored belongs to nothing, unless its own write did it. */
async function removeUnclaimed(context: Context, task: Claimed, files: readonly StoredFile[]): Promise<void> {
  const keys = files.map((file) => file.store_key)
  const rows = await context.db.rows<{ store_key: string }>(claimedFiles, [keys])
  const claimed = new Set(rows.map((row) => row.store_key))
  if (claimed.size > 0 || keys.length === 0) context.events.publish('task', task.id)
  await Promise.all(keys.filter((key) => !claimed.has(key)).map((key) => context.files.remove(key)))
}

/**
 * Made, but not kept (a full disk, an address that does not answer): made again where that is free, asked for again
 * where the vendor has it, on the same hold and until the task's deadline. What we would not serve is the end of it.
 */
async function settleUnstorable(
  context: Context,
  task: Claimed,
  provider: Provider,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  context.log.error({ task: task.id, error }, 'the outputs of a task could not be stored')
  await removeLeftovers(context, task, task.generation + 1)
  // The lease is gone or the worker stops: whoever claims the task next decides.
  if (signal.aborted) return
  const canRepeat = !(error instanceof UnfitOutput) && (provider.repeatable || task.operation !== null)
  const words = error instanceof Error ? error.message.slice(0, 2_000) : String(error)
  if (canRepeat) await settleError(context, task, provider, new ProviderError('unavailable', words), signal)
  else await giveUp(context, task, 'unavailable', words)
}

/**
 * Writes through a database that comes and goes. Repeating is safe: the generation fences every write, so a
 * second one after a lost acknowledgement finds nothing to do.
 */
async function persist<Row>(
  context: Context,
  signal: AbortSignal,
  what: ReturnType<typeof statement>,
  values: readonly unknown[],
): Promise<Row[]> {
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 2_000)) {
    try {
      return await context.db.rows<Row>(what, values)
    } catch (error) {
      if (!isConnectionLoss(error) || signal.aborted) throw error
      await sleep(delayMs)
    }
  }
}

/** Stores the operation of a job that goes on at the vendor, and gives the task back until its next check. */
export async function keepPending(
  context: Context,
  task: Claimed,
  provider: Provider,
  step: Step & { state: 'pending' },
  signal: AbortSignal,
): Promise<void> {
  const { operation, checkAfterMs, progress = 0 } = step
  const remoteId = provider.remoteId?.(operation) ?? null
  const afterMs = nextAskMs(context, provider, task, checkAfterMs)
  if (task.operation !== null) {
    await keepAsking(context, task, { operation, remoteId, progress, afterMs, isAnswered: true })
    return
  }
  // What was paid for is on record before anything else happens to it.
  const values = [
    task.id,
    task.generation,
    JSON.stringify(operation),
    remoteId,
    Math.min(99, progress),
    afterMs / 1000,
  ]
  const [kept] = await persist<Ended>(context, signal, awaitOperation, values)
  if (!kept?.done && task.operation === null) await keepOrphan(context, task, operation)
  context.events.publish('task', task.id)
}
