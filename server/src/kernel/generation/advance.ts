import type { LimitFunction } from 'p-limit'
import pLimit from 'p-limit'
import { statement } from '../../db/database.ts'
import { takeOverReply } from '../assistant/take-over-reply.ts'
import type { Channel } from '../catalog/catalog.ts'
import { channelOfAttempt } from '../catalog/catalog.ts'
import { expandMentions } from '../characters/mentions.ts'
import type { Context } from '../context.ts'
import type { CallOptions, Provider, ProviderJob, Step } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { InvalidDeck } from '../tools/deck/read-deck.ts'
import { readStored } from '../uploads/take-picture.ts'
import { signalAfter } from './call-off.ts'
import type { Claimed, ClaimedReply } from './claim.ts'
import { complete, giveUp, keepPending, settleError, settleLostAttempt } from './outcome.ts'
import { callOptions } from './progress.ts'
import { withStyle } from './style.ts'
import type { Writing } from './write.ts'
import { writeDeck, writeText } from './write.ts'

const recordChannel = statement(
  'record channel',
  `update attempt a set channel_id = $3 from task t
   where t.id = $1 and t.generation = $2 and t.state = 'running' and a.id = t.attempt_id and a.started_at = t.attempt_at
   returning a.id`,
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
export async function advanceTask(
  context: Context,
  task: Claimed | ClaimedReply,
  signal: AbortSignal,
): Promise<void> {
  if (task.kind === 'chat') return takeOverReply(context, task)
  // Whoever has the operation is asked after it, whatever has become of the model since.
  const inUse = task.operation === null ? null : await channelOfAttempt(context.db, task.id)
  const channel = inUse ?? chooseChannel(context, task)
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

  const { options, stop } = callOptions(context, task, channel, signal)
  let step: Progressed
  try {
    step = await callProvider(context, task, channel, provider, options)
  } catch (error) {
    // Its repair was no deck either: another answer would cost as much and be no better.
    if (error instanceof InvalidDeck) await giveUp(context, task, 'unavailable', error.message)
    else await settleError(context, task, provider, error, signal)
    return
  } finally {
    stop()
  }
  if (step.state === 'pending') await keepPending(context, task, provider, step, signal)
  else if (step.state === 'written') {
    const { outputs } = step.writing
    await complete(context, task, provider, { state: 'done', outputs }, signal, step.writing)
  } else await complete(context, task, provider, step, signal)
}

/** How far a call came: a step of a provider that makes things, or what one that writes wrote. */
type Progressed = Step | { state: 'written'; writing: Writing }
/** A task that makes things, as providers do by `start`. */
type Making = Extract<Claimed, { kind: 'image' | 'video' | 'custom' }>

async function callProvider(
  context: Context,
  task: Claimed,
  channel: Channel,
  provider: Provider,
  options: CallOptions,
): Promise<Progressed> {
  if (task.operation !== null) {
    if (!provider.check)
      throw new ProviderError('ambiguous', `${provider.name} cannot be asked after an operation`)
    return provider.check(task.operation, options)
  }
  const call = await prepareCall(context, task, channel, provider, options)
  return slotsOf(provider)(async () => {
    options.signal.throwIfAborted()
    if (!provider.repeatable) {
      // A crash from here on is ambiguous: on record before anything leaves the house, and not a moment earlier.
      const recorded = await context.db.rows(recordChannel, [task.id, task.generation, channel.id])
      if (recorded.length === 0) throw new ProviderError('unavailable', 'the claim was lost before the call')
    }
    return call()
  })
}

/** Whatever can be had ready before it is this task's turn at the provider. */
async function prepareCall(
  context: Context,
  task: Claimed,
  channel: Channel,
  provider: Provider,
  options: CallOptions,
): Promise<() => Promise<Progressed>> {
  switch (task.kind) {
    case 'text':
      return async () => ({
        state: 'written',
        writing: await writeText(context, task, channel, provider, options),
      })
    case 'deck':
      return async () => ({
        state: 'written',
        writing: await writeDeck(context, task, channel, provider, options),
      })
    default: {
      const job = await toJob(context, task, channel)
      // A cancel that comes while a paid job is being sent waits for its name: without it nobody could call it off.
      const signal = provider.cancel && !provider.repeatable ? signalAfter(options.signal) : options.signal
      return () => provider.start(job, { ...options, signal })
    }
  }
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

async function toJob(context: Context, task: Making, channel: Channel): Promise<ProviderJob> {
  const model = channel.vendorModel
  if (task.kind === 'custom') return { kind: task.kind, model, ...task.input }
  const key = task.input.source
  const source = key === undefined ? null : { bytes: await readStored(context, key), mediaType: 'image/png' }
  if (task.kind === 'video') {
    const { source: _key, style, ...input } = task.input
    const prompt = withStyle(await spellOut(context, task, input.prompt), style)
    return { kind: task.kind, model, ...input, prompt, ...(source && { source }) }
  }
  const { source: _key, style, ...input } = task.input
  const job = { model, ...input, prompt: withStyle(await spellOut(context, task, input.prompt), style) }
  return source ? { kind: 'image_edit', ...job, source } : { kind: 'image', ...job }
}

/** The prompt with the characters it mentions spelled out, as they are now; the user goes on seeing his own words. */
async function spellOut(context: Context, task: Making, prompt: string): Promise<string> {
  return (await expandMentions(context, { accountId: task.account_id }, prompt)).prompt
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
