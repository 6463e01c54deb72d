import type { LimitFunction } from 'p-limit'
import pLimit from 'p-limit'
import type { Asking } from '../asking/asking.ts'
import { takeOverReply } from '../assistant/take-over-reply.ts'
import type { Channel, Model } from '../catalog/catalog.ts'
import { channelOfAttempt } from '../catalog/catalog.ts'
import { editModelOf } from '../catalog/edit-model.ts'
import { channelsOf, chooseChannels, type Served } from '../channels/choose-channel.ts'
import { type Entry, enterChannel } from '../channels/enter-channel.ts'
import { failOver, isKnownNotDone, putBack } from '../channels/fail-over.ts'
import { noteRoom } from '../channels/full-models.ts'
import { settleLostAttempt } from '../channels/reconcile.ts'
import { expandMentions } from '../characters/mentions.ts'
import type { Context } from '../context.ts'
import { checkBeforeCall, textsOf, textsOfJob } from '../moderation/check-words.ts'
import type { CallOptions, Provider, ProviderJob, Step } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { InvalidDeck } from '../tools/deck/read-deck.ts'
import { readStored } from '../uploads/take-picture.ts'
import { signalAfter } from './call-off.ts'
import type { Claimed, ClaimedReply } from './claim.ts'
import { complete, giveUp, keepPending, settleError } from './outcome.ts'
import { callOptions } from './progress.ts'
import { withStyle } from './style.ts'
import type { Writing } from './write.ts'
import { writeDeck, writeText } from './write.ts'

/**
 * Takes a claimed task one step further: starts it at a provider, or asks after it, and writes what came of
 * it. Every write is fenced by the claim's generation, so a worker that lost its lease changes nothing.
 *
 * The provider is called only after the attempt is on record; what may have been done is never sent again
 * (money rule 6), and the task is called done only after its files are our own (rule 7).
 *
 * @param signal aborted when the lease is lost or the worker stops.
 * @param asking how its vendor is asked, for a job under way there; at once unless given.
 */
export async function advanceTask(
  context: Context,
  task: Claimed | ClaimedReply,
  signal: AbortSignal,
  asking?: Asking,
): Promise<void> {
  if (task.kind === 'chat') return takeOverReply(context, task)
  if (task.operation !== null) await askAfter(context, task, signal, asking)
  else if (task.attempt_generation === task.generation) await startTask(context, task, signal)
  else
    await settleLostAttempt(context, task, signal, (channel) =>
      isMaking(task) ? toJob(context, task, channel) : null,
    )
}

/** Whoever has the operation is asked after it, whatever has become of the model since. */
async function askAfter(
  context: Context,
  task: Claimed,
  signal: AbortSignal,
  asking?: Asking,
): Promise<void> {
  // Where nothing was put on record, repeating is free, and it has but the channels it has.
  const channel =
    asking?.channel ??
    (await channelOfAttempt(context.db, task.id)) ??
    channelsOf(context, modelOf(context, task))[0]?.channel
  const provider = channel && context.providers.get(channel.provider)
  if (!channel || !provider) {
    await giveUp(context, task, 'unavailable', 'nobody can ask after the operation any more')
    return
  }
  const { options, stop } = callOptions(context, task, channel, signal)
  let step: Step
  try {
    if (!provider.check)
      throw new ProviderError('ambiguous', `${provider.name} cannot be asked after an operation`)
    const { check } = provider
    const ask = (): Promise<Step> => check(task.operation, options)
    step = await (asking ? asking.ask(ask) : ask())
  } catch (error) {
    await settleError(context, task, provider, error, signal, channel.id)
    return
  } finally {
    stop()
  }
  if (step.state === 'pending') await keepPending(context, task, provider, step, signal)
  else {
    await complete(context, task, provider, step, signal)
    noteRoom(context, task.model_id)
  }
}

/** Starts a task at the first of its model's channels that has room; put back while none has. */
async function startTask(context: Context, task: Claimed, signal: AbortSignal): Promise<void> {
  const candidates = channelsOf(context, modelOf(context, task))
  const { usable, waitMs } = chooseChannels(context, candidates, task.refused_by)
  if (waitMs === null) {
    await giveUp(context, task, 'unavailable', 'no enabled channel of the model has a provider')
    return
  }
  let wait = usable.length > 0 ? Number.POSITIVE_INFINITY : waitMs
  for (const served of usable) {
    const full = await startAt(context, task, candidates, served, signal)
    if (full === null) {
      noteRoom(context, task.model_id)
      return
    }
    wait = Math.min(wait, full)
  }
  await putBack(context, task, wait)
}

/** @returns null, or the milliseconds until it is worth trying the channel again, when it has no room. */
async function startAt(
  context: Context,
  task: Claimed,
  candidates: readonly Served[],
  served: Served,
  signal: AbortSignal,
): Promise<number | null> {
  const { channel, provider } = served
  const { options, stop } = callOptions(context, task, channel, signal)
  let step: Progressed
  let entry: Entry | undefined
  try {
    const call = await prepareCall(context, task, channel, provider, options)
    const started = await slotsOf(provider)(async () => {
      signal.throwIfAborted()
      // A crash from here on is ambiguous: on record before anything leaves the house, and not a moment earlier.
      const entered = await enterChannel(context, served, task)
      if (typeof entered === 'number') return entered
      entry = entered
      return call()
    })
    if (typeof started === 'number') return started
    step = started
    entry?.end(null)
  } catch (error) {
    entry?.end(signal.aborted ? signal.reason : error instanceof InvalidDeck ? null : error)
    // Its repair was no deck either: another answer would cost as much and be no better.
    if (error instanceof InvalidDeck) await giveUp(context, task, 'unavailable', error.message)
    else if (isKnownNotDone(error) && !signal.aborted)
      await failOver(context, task, candidates, { served, isProbe: entry?.isProbe ?? false }, error)
    else await settleError(context, task, provider, error, signal, channel.id)
    return null
  } finally {
    stop()
  }
  if (step.state === 'pending') await keepPending(context, task, provider, step, signal)
  else if (step.state === 'written') {
    const { outputs } = step.writing
    await complete(context, task, provider, { state: 'done', outputs }, signal, step.writing)
  } else await complete(context, task, provider, step, signal)
  return null
}

/** How far a call came: a step of a provider that makes things, or what one that writes wrote. */
type Progressed = Step | { state: 'written'; writing: Writing }
/** A task that makes things, as providers do by `start`. */
type Making = Extract<Claimed, { kind: 'image' | 'video' | 'custom' }>

function modelOf(context: Context, task: Claimed): Model | undefined {
  return context.catalog.models().find((one) => one.id === task.model_id)
}

function isMaking(task: Claimed): task is Making {
  return task.kind === 'image' || task.kind === 'video' || task.kind === 'custom'
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
      return async () => {
        checkBeforeCall(context, textsOf(task))
        return { state: 'written', writing: await writeText(context, task, channel, provider, options) }
      }
    case 'deck':
      return async () => {
        checkBeforeCall(context, textsOf(task))
        return { state: 'written', writing: await writeDeck(context, task, channel, provider, options) }
      }
    default: {
      const job = await toJob(context, task, channel)
      // A cancel that comes while a paid job is being sent waits for its name: without it nobody could call it off.
      const signal = provider.cancel && !provider.repeatable ? signalAfter(options.signal) : options.signal
      return async () => {
        checkBeforeCall(context, textsOfJob(job))
        return provider.start(job, { ...options, signal })
      }
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
  return source
    ? { kind: 'image_edit', ...job, source, model: editModelOf(context, channel) }
    : { kind: 'image', ...job }
}

/** The prompt with the characters it mentions spelled out, as they are now; the user goes on seeing his own words. */
async function spellOut(context: Context, task: Making, prompt: string): Promise<string> {
  return (await expandMentions(context, { accountId: task.account_id }, prompt)).prompt
}
