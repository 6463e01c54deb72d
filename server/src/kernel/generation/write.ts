import { statement } from '../../db/database.ts'
import type { Channel } from '../catalog/catalog.ts'
import { NotAsked } from '../channels/not-asked.ts'
import type { Context } from '../context.ts'
import type { Meter, Settlement } from '../metering/meter.ts'
import { createMeter } from '../metering/meter.ts'
import { checkWritten } from '../moderation/check-words.ts'
import { credits } from '../money.ts'
import type { DeckContent } from '../ports/deck-renderer.ts'
import type { CallOptions, Output, Provider, TextJob } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { collectText, type Written } from '../tools/collect-text.ts'
import { deckTemplate } from '../tools/deck/deck-template.ts'
import { deckWords, InvalidDeck, readDeck } from '../tools/deck/read-deck.ts'
import { isDeclined } from '../tools/template.ts'
import type { Claimed } from './claim.ts'

// Tasks whose outcome is words: a text, or the content of a deck, which is then rendered.

/** What a task that writes came to: the words of its work, and for a deck its file. */
export type Writing = {
  text: string
  isCut: boolean
  outputs: Output[]
  /** What its words cost, where they are counted. */
  settlement: Settlement | null
}

/** More than any tool asks for; what a provider writes beyond it is cut. */
const MOST_CHARACTERS = 100_000
/** How many characters a token of the longest texts stands for, about, to tell how far a text has come. */
const CHARACTERS_PER_TOKEN = 1.5
const DECK_CHARACTERS = 6_000

/**
 * Has a text written, piece by piece. Progress grows with it.
 * @throws ProviderError, also when nothing was written or the model declined; the signal's reason
 */
export async function writeText(
  context: Context,
  task: Claimed & { kind: 'text' },
  channel: Channel,
  provider: Provider,
  options: CallOptions,
): Promise<Writing> {
  const { input } = task
  const tool = context.preset.writingTools?.find(({ name }) => name === input.tool)
  if (!tool) throw new NotAsked(`the tool ${input.tool} is no longer offered`)
  const job: TextJob = {
    kind: 'text',
    model: channel.vendorModel,
    purpose: tool.name,
    values: input.values,
    seed: seedOf(task),
    system: tool.system,
    messages: [{ role: 'user', text: tool.user(input.values) }],
    maxTokens: tool.maxTokens,
    temperature: tool.temperature,
  }
  const expected = tool.lengths?.most ?? tool.maxTokens * CHARACTERS_PER_TOKEN
  const { text, reason, settlement } = await write(task, provider, job, options, expected)
  checkWritten(context, text)
  return { text, isCut: reason === 'length', outputs: [], settlement }
}

/**
 * Has the content of a deck written and renders it. What is no deck is refused with its fault, and the next attempt,
 * which tells the model of it, is the last.
 *
 * @throws ProviderError; InvalidDeck when the repair was no deck either; the signal's reason
 */
export async function writeDeck(
  context: Context,
  task: Claimed & { kind: 'deck' },
  channel: Channel,
  provider: Provider,
  options: CallOptions,
): Promise<Writing> {
  const { decks } = context
  if (!decks) throw new NotAsked('nobody renders decks here')
  const fault = await lastFault(context, task)
  // What an attempt costs that came to no deck is the house's.
  const job = deckJob(task, channel, fault)
  const { text, reason, settlement } = await write(task, provider, job, options, DECK_CHARACTERS)
  let content: DeckContent
  try {
    if (reason === 'length') throw new InvalidDeck('the answer reached its bound before it had ended')
    content = readDeck(text)
    checkWritten(context, content)
  } catch (error) {
    if (!(error instanceof InvalidDeck)) throw error
    const words = `${DECK_REFUSED}${error.message}`
    if (fault !== null) throw new InvalidDeck(words)
    throw new ProviderError('failed', words, { retryAfterMs: 0 })
  }
  const bytes = await decks.render(content).catch((error: unknown) => {
    // Known not to have been done, whatever the text cost: only our own part broke.
    throw new ProviderError('failed', 'the deck could not be rendered', { cause: error })
  })
  options.signal.throwIfAborted()
  return {
    text: deckWords(content),
    isCut: false,
    outputs: [{ bytes, mediaType: PPTX, width: 0, height: 0 }],
    settlement,
  }
}

const PPTX = 'application/vnd.openxmlformats-officedocument.presentationml.presentation'
const DECK_REFUSED = 'no deck: '

function deckJob(task: Claimed & { kind: 'deck' }, channel: Channel, fault: string | null): TextJob {
  const { topic, outline } = task.input
  return {
    kind: 'text',
    model: channel.vendorModel,
    purpose: deckTemplate.name,
    values: { topic, outline: outline.join('\n') },
    seed: seedOf(task),
    format: 'json',
    system: deckTemplate.system,
    messages: [{ role: 'user', text: deckTemplate.user({ topic, outline, fault }) }],
    maxTokens: deckTemplate.maxTokens,
    temperature: deckTemplate.temperature,
  }
}

/** The same for every attempt of a task, and another for the next purchase of the same. */
function seedOf({ id }: Pick<Claimed, 'id'>): number {
  return Number(id % 2_147_483_646n) + 1
}

const lastFaultOfAttempts = statement(
  'fault of earlier attempts',
  `select error from (
     select error from attempt where task_id = $1 order by started_at desc limit $2) of_this_series
   where starts_with(error, $3) limit 1`,
)

/** What was wrong with the deck of an earlier attempt of this series; null when there was none. */
async function lastFault(context: Context, task: Claimed): Promise<string | null> {
  if (task.attempts < 2) return null
  // Every refusal of a channel is one more on record.
  const values = [task.id, task.attempts + task.refused_by.length, DECK_REFUSED]
  const [row] = await context.db.rows<{ error: string }>(lastFaultOfAttempts, values)
  return row ? row.error.slice(DECK_REFUSED.length) : null
}

async function write(
  task: Claimed,
  provider: Provider,
  job: TextJob,
  options: CallOptions,
  expectedCharacters: number,
): Promise<Written & { settlement: Settlement | null }> {
  if (!provider.write) throw new NotAsked(`${provider.name} does not write`)
  const { connection, signal, progress } = options
  const meter = meterOf(task, job)
  const hangUp = new AbortController()
  const call = { connection, signal: AbortSignal.any([signal, hangUp.signal]) }
  const written = await collectText(provider.write(withinHold(task, job), call), {
    signal,
    mostCharacters: MOST_CHARACTERS,
    onText: (text, piece) => {
      meter?.take(piece)
      // Whatever is expected, the end is only known when it comes.
      progress(Math.min(95, (95 * text.length) / expectedCharacters))
    },
    isEnough: () => meter?.isSpent() ?? false,
  }).finally(() => {
    // A text that was cut goes on, and costs, until somebody says stop.
    hangUp.abort()
  })
  // PostgreSQL has no character 0; a text that holds one could never be stored.
  const text = written.text.replaceAll('\0', '').trim()
  if (written.reason === 'content' || isDeclined(text))
    throw new ProviderError('content', 'the model declined')
  if (text === '') throw new ProviderError('failed', 'the provider wrote nothing')
  return { ...written, text, settlement: meter?.settle(written.usage) ?? null }
}

function meterOf({ explanation, cost }: Claimed, { system, messages }: TextJob): Meter | null {
  return explanation && createMeter(explanation, [system, ...messages.map(({ text }) => text)], credits(cost))
}

/** A template may have changed since the hold was taken; what it pays for has not. */
function withinHold({ explanation }: Claimed, job: TextJob): TextJob {
  if (explanation?.most.unit !== 'tokens') return job
  return { ...job, maxTokens: Math.min(job.maxTokens, explanation.most.outputTokens) }
}
