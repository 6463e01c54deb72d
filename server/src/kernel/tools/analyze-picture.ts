import sharp from 'sharp'
import { statement } from '../../db/database.ts'
import { openConnection } from '../catalog/connections.ts'
import { channelsOf, type Served } from '../channels/choose-channel.ts'
import { enterFirst, enterUnrecorded } from '../channels/enter-channel.ts'
import { NotAsked } from '../channels/not-asked.ts'
import type { Actor, Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { refusal } from '../errors.ts'
import { checkWritten, RefusedByList } from '../moderation/check-words.ts'
import { countRefusedRequest } from '../moderation/count-refusals.ts'
import type { Provider, ProviderConnection, ProviderErrorKind, TextJob } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { readPictureFrom } from '../uploads/take-picture.ts'
import type { Written } from './collect-text.ts'
import { collectText } from './collect-text.ts'
import type { PictureInput, Template } from './template.ts'
import { isDeclined } from './template.ts'
import { findPictureTemplate } from './templates/index.ts'

/** Vendors charge by the pixel and look at no more than about this. */
const SENT = { side: 1_024, format: 'jpeg' } as const
const MOST_CHARACTERS = 20_000
/** Over all channels together: somebody waits for the answer (facts/aigentools.md, 3.9). */
const CAP_MS = 60_000
/** How long it waits for a channel that has room. */
const LONGEST_WAIT_MS = 10_000

export type Analysis = { text: string; provider: string; templateVersion: number }

/** How an analysis ended, as its row will have it. */
type Ending = {
  outcome: 'succeeded' | 'unreadable' | Failure
  provider: string | null
  usage: Written['usage']
}

const beginAnalysis = statement(
  'begin analysis',
  'select analysis_id as id, wait_seconds as wait from begin_analysis_v1($1, $2, $3, $4, make_interval(secs => $5))',
)

const endAnalysis = statement(
  'end analysis',
  `update analysis set outcome = $2, provider = $3, input_tokens = $4, output_tokens = $5, finished_at = now()
   where id = $1 returning id`,
)

/**
 * Has a picture described by the default vision model, for the purpose of a template. Nothing is charged and
 * nothing of the picture is kept; each account has so many an hour (design.md, aigentools; B23), counted in the
 * database. What no vendor can have billed does not count: a picture that cannot be read, a vendor out of reach.
 *
 * @param input.address of the picture; see `readPictureFrom`.
 * @param options.capMs how long the vendors may take together.
 * @throws input_invalid for `template` (unknown, or switched off) or `address`, rate_limited, analysis_failed
 */
export async function analyzePicture(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: { address: string; template: string },
  options: { capMs?: number } = {},
): Promise<Analysis> {
  const template = findPictureTemplate(input.template, context.preset.templatesOff)
  if (!template) throw refusal('input_invalid', { field: 'template', problem: 'format' })
  const channels = describersOf(context)
  if (channels.length === 0) {
    context.log.warn({}, 'no open vision model has a channel whose provider can write')
    throw refusal('analysis_failed', { reason: 'unavailable' })
  }

  const { points, perSeconds } = context.preset.analysisLimit
  const values = [actor.accountId, template.name, template.version, points, perSeconds]
  const [begun] = await context.db.rows<{ id: bigint | null; wait: number | null }>(beginAnalysis, values)
  if (!begun?.id) throw refusal('rate_limited', { retryAfterSeconds: begun?.wait ?? perSeconds })

  const ending: Ending = { outcome: 'unreadable', provider: null, usage: null }
  try {
    const job = await toJob(context, template, input.address)
    const text = await write(context, channels, job, options.capMs ?? CAP_MS, ending, actor.accountId)
    return { text, provider: ending.provider ?? '', templateVersion: template.version }
  } finally {
    await noteDown(context, begun.id, ending)
  }
}

/** An answer is not lost because it could not be noted down: its row then stays open, and counts. */
async function noteDown(context: Context, id: bigint, { outcome, provider, usage }: Ending): Promise<void> {
  const values = [id, outcome, provider, usage?.inputTokens ?? null, usage?.outputTokens ?? null]
  await context.db
    .rows(endAnalysis, values)
    .catch((error) => context.log.error({ error, analysis: id }, 'an analysis could not be noted down'))
}

/** Who describes pictures by the default vision model, in the order in which they are to be asked. */
function describersOf(context: Context): Served[] {
  const model = context.catalog.models().find((one) => one.kind === 'vision' && one.isDefault)
  if (model?.state !== 'open') return []
  return channelsOf(context, model, ({ write, kinds }) => write !== undefined && kinds.includes('vision'))
}

type Request = Omit<TextJob, 'model'>

async function toJob(context: Context, template: Template<PictureInput>, address: string): Promise<Request> {
  const bytes = await readPictureFrom(context, 'address', address, SENT)
  const { width, height } = await sharp(bytes).metadata()
  const { name: purpose, system, maxTokens, temperature } = template
  const pictures = [{ bytes, mediaType: 'image/jpeg' }]
  const messages = [{ role: 'user' as const, text: template.user({ width, height }), pictures }]
  return { kind: 'vision', purpose, system, messages, maxTokens, temperature }
}

/** Asks one channel after the other, as long as nothing can have been done; keeps in `ending` how it went. */
async function write(
  context: Context,
  channels: readonly Served[],
  request: Request,
  capMs: number,
  ending: Ending,
  accountId: bigint,
): Promise<string> {
  const cap = new AbortController()
  const timer = setTimeout(() => cap.abort(), capMs)
  try {
    for (let rest = channels; rest.length > 0; ) {
      const entered = await enterFirst(context, rest, (one) => enterUnrecorded(context, one), {
        signal: cap.signal,
        longestMs: Math.min(LONGEST_WAIT_MS, capMs),
      })
      if (!entered) break
      const { served, entry } = entered
      rest = rest.filter((one) => one !== served)
      const connection = openConnection(context, served.channel)
      ending.provider = served.provider.name
      try {
        const text = await ask(served, connection, request, cap.signal, ending)
        checkWritten(context, text)
        entry.end(null)
        ending.outcome = 'succeeded'
        return text
      } catch (error) {
        entry.end(error)
        const reason = cap.signal.aborted ? 'deadline' : reasonOf(error, served.provider)
        const details = { provider: served.provider.name, reason, words: redact(error, connection) }
        context.log.warn(details, 'a provider did not describe a picture')
        ending.outcome = reason
        if (reason === 'content') {
          const by = error instanceof RefusedByList ? 'list' : 'vendor'
          await countRefusedRequest(context, { accountId, kind: 'analysis', by })
        }
        if (reason !== 'unavailable') throw refusal('analysis_failed', { reason })
      }
    }
  } finally {
    clearTimeout(timer)
  }
  ending.outcome = 'unavailable'
  throw refusal('analysis_failed', { reason: 'unavailable' })
}

/** One call. @throws ProviderError, also for an answer that is none */
async function ask(
  { channel, provider }: Served,
  connection: ProviderConnection | null,
  request: Request,
  cap: AbortSignal,
  ending: Ending,
): Promise<string> {
  const stop = new AbortController()
  const signal = AbortSignal.any([cap, stop.signal])
  try {
    const parts = provider.write?.({ ...request, model: channel.vendorModel }, { connection, signal })
    if (!parts) throw new NotAsked(`${provider.name} does not write`)
    const written = await collectText(parts, { signal, mostCharacters: MOST_CHARACTERS })
    ending.usage = written.usage
    const text = written.text.trim()
    if (written.reason === 'content') throw new ProviderError('content', 'moderation ended the text')
    if (text === '') throw new ProviderError('ambiguous', 'the answer is empty')
    if (isDeclined(text))
      throw new ProviderError('content', 'the model declined, as the template tells it to')
    return text
  } finally {
    // A text that was cut goes on, and costs, until somebody says stop.
    stop.abort()
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

function reasonOf(error: unknown, provider: Provider): Failure {
  if (error instanceof ProviderError) return REASONS[error.kind]
  return provider.repeatable ? 'unavailable' : 'unknown'
}

const MOST_WORDS = 1_000

/** A vendor's words for the log: some repeat the key they were sent. */
function redact(error: unknown, connection: ProviderConnection | null): string {
  const words = error instanceof Error ? error.message : String(error)
  const secrets = connection ? [connection.secret, ...Object.values(connection.headers)] : []
  return secrets
    .filter((secret) => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '[secret]'), words)
    .slice(0, MOST_WORDS)
}
