import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type Output,
  ProviderError,
  type Step,
  type Usage,
} from '../../kernel/ports/provider.ts'
import { type Batch, makeInBatches } from '../shared/in-batches.ts'
import { isObject, parseJson } from '../shared/json.ts'
import { dataAddress, decodePicture, fileAt } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { fitPicture } from './models.ts'
import { refusalInside, refusalOf } from './refusal.ts'

const MOST_PICTURES = 10
const MAX_PROMPT = 10_000
const MOST_GUIDANCE = 10
/** A picture of 4096 by 4096 as JPEG, a third more in base64. */
const MAX_BYTES_PER_PICTURE = 60 * 1024 * 1024
const MAX_BYTES = 240 * 1024 * 1024

/**
 * Makes pictures, and pictures from a picture, by `POST images/generations` (protocols.md 5.6). Several are a call each,
 * or a series in one call, which the model makes as long as it likes. Throws `ProviderError`.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('ark', call)
  const to = readDeployment(call.connection)
  checkJob(job)
  const perCall = to.options.several === 'series' ? job.count : 1
  return makeInBatches(job, perCall, call, (batch) => makeBatch(outbound, batch, to, call))
}

async function makeBatch(
  outbound: Outbound,
  job: ImageJob,
  to: Deployment,
  call: CallOptions,
): Promise<Batch> {
  checkWaiting('ark', call)
  const reply = await send(outbound, to, {
    path: 'images/generations',
    body: JSON.stringify(bodyOf(job, to)),
    contentType: 'application/json',
    maxBytes: Math.min(MAX_BYTES, MAX_BYTES_PER_PICTURE * job.count),
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  if (!isObject(answer)) throw notUnderstood(to, 'with something that is not its JSON')
  const items = (Array.isArray(answer.data) ? answer.data : []).filter(isObject)
  const made = items.filter(hasPicture).slice(0, job.count)
  if (made.length === 0) throw emptyHanded(to, answer, items)
  const outputs = await Promise.all(made.map((one) => readPicture(one, to)))
  return { outputs, usage: { ...tokensOf(answer.usage), pictures: outputs.length } }
}

function bodyOf(job: ImageJob, { options }: Deployment): object {
  const { size, isSeedTaken } = fitPicture(job, options)
  const isSeries = options.several === 'series' && job.count > 1
  return {
    ...options.pictureBody,
    model: job.model,
    prompt: promptOf(job),
    ...(job.source && { image: dataAddress(job.source) }),
    size,
    response_format: options.responseFormat,
    // Ark marks pictures unless it is told not to.
    watermark: job.watermark,
    stream: false,
    ...(isSeries && {
      sequential_image_generation: 'auto',
      sequential_image_generation_options: { max_images: job.count },
    }),
    ...(isSeedTaken && {
      seed: job.seed,
      guidance_scale: Math.min(MOST_GUIDANCE, Math.max(1, job.guidance)),
    }),
  }
}

/** Version 4 draws a series only when the words ask for one; the wire has nothing for what is to be avoided. */
function promptOf({ prompt, negativePrompt = '' }: ImageJob): string {
  return negativePrompt.trim() === '' ? prompt : `${prompt}\n\nAvoid: ${negativePrompt}`
}

const textAt = (one: Record<string, unknown>, name: string): string =>
  typeof one[name] === 'string' ? String(one[name]) : ''

const hasPicture = (one: Record<string, unknown>): boolean =>
  textAt(one, 'b64_json') !== '' || textAt(one, 'url') !== ''

function readPicture(one: Record<string, unknown>, to: Deployment): Output | Promise<Output> {
  const inside = textAt(one, 'b64_json')
  if (inside !== '') return decodePicture(to, inside)
  const url = textAt(one, 'url')
  return url.startsWith('data:') ? decodePicture(to, url) : fileAt(to, url)
}

/**
 * A success without a picture. Items may have been refused one by one: when all of them were for the same kind of reason
 * that is known not to be paid for (moderation, the input), that is the answer. Anything else is in doubt, since pictures
 * may have been made.
 */
function emptyHanded(
  to: Deployment,
  answer: Record<string, unknown>,
  items: readonly Record<string, unknown>[],
): ProviderError {
  const errors = [answer, ...items].flatMap((one) => refusalInside(to, one) ?? [])
  const [first] = errors
  if (!first || (items.length > 0 && errors.length < items.length))
    return notUnderstood(to, 'without a picture')
  const isOfOneKind = errors.every(({ kind }) => kind === first.kind)
  return isOfOneKind ? first : new ProviderError('ambiguous', first.message)
}

/** `output_tokens` alone: Ark counts no input of pictures. */
function tokensOf(usage: unknown): Usage {
  const tokens = isObject(usage) ? usage.output_tokens : null
  return Number.isSafeInteger(tokens) && Number(tokens) > 0 ? { outputTokens: Number(tokens) } : {}
}

function checkJob(job: ImageJob): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand([...job.prompt].length <= MAX_PROMPT, `The prompt must not be longer than ${MAX_PROMPT} characters.`)
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= MOST_PICTURES,
    `The count must be 1…${MOST_PICTURES}.`,
  )
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
}
