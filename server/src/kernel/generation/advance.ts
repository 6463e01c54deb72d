import { setTimeout as sleep } from 'node:timers/promises'
import type { LimitFunction } from 'p-limit'
import pLimit from 'p-limit'
import { statement } from '../../db/database.ts'
import { isConnectionLoss } from '../../db/errors.ts'
import type { Channel } from '../catalog/catalog.ts'
import type { Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import type { CallOptions, Provider, ProviderErrorKind, ProviderJob, Step } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { readStored } from '../uploads/take-picture.ts'
import type { StoredFile } from '../works/store-outputs.ts'
import { removeLeftovers, storeOutputs } from '../works/store-outputs.ts'
import type { Claimed } from './claim.ts'

type Ended = { done: boolean }

const finishTask = statement('finish task', 'select finish_task_v1($1, $2, $3, $4, $5, $6, $7, $8) as done')
const awaitOperation = statement(
  'await operation',
  'select await_operation_v1($1, $2, $3, $4, make_interval(secs => $5)) as done',
)
const requeueTask = statement(
  'requeue task',
  'select requeue_task_v1($1, $2, $3, $4, make_interval(secs => $5)) as done',
)
const doubtTask = statement('doubt task', 'select doubt_task_v1($1, $2, $3) as done')
const recordChannel = statement(
  'record channel',
  `update attempt a set channel_id = $3 from task t
   where t.id = $1 and t.generation = $2 and t.state = 'running' and a.id = t.attempt_id and a.started_at = t.attempt_at
   returning a.id`,
)
const attemptChannel = statement(
  'channel of attempt',
  `select a.channel_id from task t join attempt a on a.id = t.attempt_id and a.started_at = t.attempt_at
   where t.id = $1`,
)
const writeProgress = statement(
  'write progress',
  `update task set progress = $3, updated_at = now()
   where id = $1 and generation = $2 and state = 'running' and progress < $3 returning id`,
)

/**
 * Takes a claimed task one step further: starts it at a provider, or asks after it, and writes what came of
 * it. Every write is fenced by the claim's generation, so a worker that lost its lease changes nothing.
 *
 * The provider is called only after the attempt is on record; what may have been done is never sent again
 * (money rule 6), and the task is called done only after its files are our own (rule 7).
 *
 * @param signal aborted when the lease is lost or the worker stops.
 */
export async function advanceTask(context: Context, task: Claimed, signal: AbortSignal): Promise<void> {
  const channel = chooseChannel(context, task)
  const provider = channel && context.providers.get(channel.provider)
  if (!channel || !provider) {
    await giveUp(context, task, 'unavailable', 'no enabled channel of the model has a provider')
    return
  }
  const isTakeover = task.attempt_generation !== task.generation
  if (isTakeover && task.operation === null) {
    await settleLostAttempt(context, task, provider)
    return
  }

  const { options, stop } = callOptions(context, task, signal)
  let step: Step
  try {
    step = await callProvider(context, task, channel, provider, options)
  } catch (error) {
    await settleError(context, task, provider, error, signal)
    return
  } finally {
    stop()
  }
  if (step.state === 'pending') {
    const { operation, checkAfterMs, progress = 0 } = step
    const values = [
      task.id,
      task.generation,
      JSON.stringify(operation),
      Math.min(99, progress),
      checkAfterMs / 1000,
    ]
    await persist<Ended>(context, signal, awaitOperation, values)
    context.events.publish('task', task.id)
    return
  }
  await complete(context, task, provider, step, signal)
}

async function callProvider(
  context: Context,
  task: Claimed,
  channel: Channel,
  provider: Provider,
  options: CallOptions,
): Promise<Step> {
  if (task.operation !== null) {
    if (!provider.check)
      throw new ProviderError('ambiguous', `${provider.name} cannot be asked after an operation`)
    return provider.check(task.operation, options)
  }
  if (!provider.repeatable) {
    // A crash from here on is ambiguous: on record before anything leaves the house.
    const recorded = await context.db.rows(recordChannel, [task.id, task.generation, channel.id])
    if (recorded.length === 0) throw new ProviderError('unavailable', 'the claim was lost before the call')
  }
  const job = await toJob(context, task, channel)
  return slotsOf(provider)(() => {
    options.signal.throwIfAborted()
    return provider.start(job, options)
  })
}

/** A process starts no more jobs of a provider at once than it says it can take. */
const slots = new WeakMap<Provider, LimitFunction>()

function slotsOf(provider: Provider): LimitFunction {
  const existing = slots.get(provider)
  if (existing) return existing
  const made = pLimit(provider.concurrency)
  slots.set(provider, made)
  return made
}

async function toJob(context: Context, task: Claimed, channel: Channel): Promise<ProviderJob> {
  const model = channel.vendorModel
  if (task.kind === 'image') return { kind: task.kind, model, ...task.input }
  const { source, ...input } = task.input
  if (source === undefined) return { kind: task.kind, model, ...input }
  return {
    kind: task.kind,
    model,
    ...input,
    source: { bytes: await readStored(context, source), mediaType: 'image/png' },
  }
}

/** Weighted by channel, spread by task: a retry of the same task goes to the next channel. */
function chooseChannel(context: Context, task: Claimed): Channel | undefined {
  const model = context.catalog.models().find((one) => one.id === task.model_id)
  const channels = model?.channels ?? []
  const total = channels.reduce((sum, channel) => sum + channel.weight, 0)
  if (total === 0) return undefined
  let place = Number(task.id % BigInt(total))
  const first = channels.findIndex((channel) => {
    place -= channel.weight
    return place < 0
  })
  return channels[(first + Math.max(0, task.attempts - 1)) % channels.length]
}

/**
 * An attempt that an earlier worker left behind without a word. Where repeating is free, or where nothing had
 * been sent yet, it goes back into the queue; otherwise nobody may send it again.
 */
async function settleLostAttempt(context: Context, task: Claimed, provider: Provider): Promise<void> {
  const [attempt] = await context.db.rows<{ channel_id: bigint | null }>(attemptChannel, [task.id])
  if (!attempt) throw new Error(`task ${task.id} has no record of its attempt`)
  if (provider.repeatable || attempt.channel_id === null) {
    await removeLeftovers(context, task)
    // A task that takes every worker down with it must not do so for ever.
    if (task.attempts >= task.max_attempts)
      await giveUp(context, task, 'unavailable', 'every worker was lost')
    else await requeue(context, task, 'abandoned', 'the worker was lost', 0)
  } else {
    await context.db.rows(doubtTask, [
      task.id,
      task.generation,
      'the worker was lost after the attempt was recorded',
    ])
    context.events.publish('task', task.id)
  }
}

/** Turns a provider's no into what happens next. Its own words stay with the attempt, for operators. */
async function settleError(
  context: Context,
  task: Claimed,
  provider: Provider,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  // The lease is gone or the worker stops: whoever claims the task next decides.
  if (signal.aborted) return
  const kind: ProviderErrorKind =
    error instanceof ProviderError ? error.kind : provider.repeatable ? 'unavailable' : 'ambiguous'
  const words = error instanceof Error ? error.message.slice(0, 2_000) : String(error)
  context.log.warn({ task: task.id, provider: provider.name, kind, error }, 'a provider refused a task')
  switch (kind) {
    case 'rejected':
    case 'content':
      await giveUp(context, task, kind, words)
      return
    case 'throttled':
    case 'unavailable': {
      if (task.operation !== null) {
        // The operation lives on at the vendor; only asking failed.
        const values = [
          task.id,
          task.generation,
          JSON.stringify(task.operation),
          0,
          backoffSeconds(task.generation),
        ]
        await context.db.rows(awaitOperation, values)
        return
      }
      if (task.attempts >= task.max_attempts) {
        await giveUp(context, task, 'unavailable', words)
        return
      }
      const afterMs = error instanceof ProviderError ? error.retryAfterMs : undefined
      await requeue(
        context,
        task,
        'failed',
        words,
        afterMs === undefined ? backoffSeconds(task.attempts) : afterMs / 1000,
      )
      return
    }
    case 'ambiguous':
      await context.db.rows(doubtTask, [task.id, task.generation, words])
      context.events.publish('task', task.id)
      return
  }
}

/** 1, 2, 4 … at most 60 seconds. */
function backoffSeconds(attempt: number): number {
  return Math.min(60, 2 ** Math.max(0, attempt - 1))
}

async function requeue(
  context: Context,
  task: Claimed,
  state: string,
  words: string,
  seconds: number,
): Promise<void> {
  await context.db.rows(requeueTask, [task.id, task.generation, state, words, seconds])
  context.events.publish('queue')
}

async function giveUp(context: Context, task: Claimed, failure: Failure, words: string): Promise<void> {
  const values = [context.keys.chain, task.id, task.generation, 'failed', 0n, failure, words, null]
  await context.db.rows(finishTask, values)
  context.events.publish('task', task.id)
}

/** Stores the outputs as our own files, then ends the task and settles its hold in one statement. */
async function complete(
  context: Context,
  task: Claimed,
  provider: Provider,
  step: Step & { state: 'done' },
  signal: AbortSignal,
): Promise<void> {
  let files: StoredFile[]
  try {
    if (step.outputs.length === 0)
      throw new ProviderError('unavailable', 'the provider answered without any output')
    files = await storeOutputs(context, task, step.outputs)
  } catch (error) {
    await settleUnstorable(context, task, provider, error, signal)
    return
  }
  const values = [
    context.keys.chain,
    task.id,
    task.generation,
    'succeeded',
    task.cost,
    null,
    null,
    JSON.stringify(files),
  ]
  const [ended] = await persist<Ended>(context, signal, finishTask, values)
  if (ended?.done) context.events.publish('task', task.id)
  else await removeUnclaimed(context, task, files)
}

const claimedFiles = statement('claimed files', 'select store_key from file where store_key = any ($1)')

/** Somebody else ended the task meanwhile: what this worker stored belongs to nothing, unless its own write did it. */
async function removeUnclaimed(context: Context, task: Claimed, files: readonly StoredFile[]): Promise<void> {
  const keys = files.map((file) => file.store_key)
  const rows = await context.db.rows<{ store_key: string }>(claimedFiles, [keys])
  const claimed = new Set(rows.map((row) => row.store_key))
  if (claimed.size > 0) context.events.publish('task', task.id)
  await Promise.all(keys.filter((key) => !claimed.has(key)).map((key) => context.files.remove(key)))
}

/** Made, but not kept (a full disk): made again where that is free, asked for again where the vendor has it. */
async function settleUnstorable(
  context: Context,
  task: Claimed,
  provider: Provider,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  context.log.error({ task: task.id, error }, 'the outputs of a task could not be stored')
  await removeLeftovers(context, { ...task, generation: task.generation + 1 })
  const canRepeat = provider.repeatable || task.operation !== null
  const words = error instanceof Error ? error.message : String(error)
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

const PROGRESS_EVERY_MS = 400

/** Call options whose progress reaches the row, at most a few times a second, and never goes back. */
function callOptions(
  context: Context,
  task: Claimed,
  signal: AbortSignal,
): { options: CallOptions; stop: () => void } {
  let latest = 0
  let written = 0
  let writing = false
  const timer = setInterval(() => {
    if (latest <= written || writing) return
    writing = true
    written = latest
    context.db
      .rows(writeProgress, [task.id, task.generation, latest])
      .then((rows) => rows.length > 0 && context.events.publish('task', task.id))
      .catch((error) => context.log.debug({ error }, 'progress could not be written'))
      .finally(() => {
        writing = false
      })
  }, PROGRESS_EVERY_MS)
  timer.unref()
  return {
    options: {
      signal,
      progress: (percent) => {
        latest = Math.max(latest, Math.min(99, Math.floor(percent)))
      },
    },
    stop: () => clearInterval(timer),
  }
}
