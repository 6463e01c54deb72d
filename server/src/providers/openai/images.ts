import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type Output,
  ProviderError,
  type Step,
  type Usage,
} from '../../kernel/ports/provider.ts'
import { encodeForm } from '../shared/form.ts'
import { isObject, parseJson } from '../shared/json.ts'
import { hasError, refusalInside, refusalOf } from '../shared/openai/refusal.ts'
import { readTokens } from '../shared/openai/usage.ts'
import { decodePicture, fileAt } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import type { OpenAiOptions } from './options.ts'
import { chooseSize } from './size.ts'

const MOST_PICTURES = 10
const MAX_PROMPT = 32_000
/** A picture of 3840 by 2160 that hardly compresses is some 25 MB, and a third more in base64. */
const MAX_BYTES_PER_PICTURE = 40 * 1024 * 1024
const MAX_BYTES = 200 * 1024 * 1024

/**
 * Makes pictures by `POST /images/generations`, or `/images/edits` from a source (protocols.md 5.1). The wire has no
 * seed, guidance, strength or watermark; what is to be avoided is said in the prompt.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('openai', call)
  const to = readDeployment(call.connection)
  checkJob(job)
  const outputs: Output[] = []
  let tokens: Tokens = { inputTokens: 0, outputTokens: 0 }
  while (outputs.length < job.count) {
    const count = Math.min(job.count - outputs.length, to.options.picturesPerCall, mostAtOnce(job.model))
    try {
      const made = await ask(outbound, { ...job, count }, to, call)
      outputs.push(...made.outputs)
      tokens = tokens && made.tokens && sumOf(tokens, made.tokens)
    } catch (error) {
      if (outputs.length === 0 || !(error instanceof ProviderError)) throw error
      // Whatever became of this call, pictures have been made: the job must not be started again.
      throw new ProviderError('ambiguous', `${error.message} (after ${outputs.length} pictures)`)
    }
  }
  const usage: Usage = { ...tokens, pictures: outputs.length }
  return { state: 'done', outputs, usage }
}

/** Null as soon as one call does not say: a sum of the rest would be too low. */
type Tokens = { inputTokens: number; outputTokens: number } | null
type Made = { outputs: Output[]; tokens: Tokens }

const sumOf = (a: NonNullable<Tokens>, b: NonNullable<Tokens>): NonNullable<Tokens> => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
})

/** DALL·E 3, retired at OpenAI and alive at gateways, refuses every `n` but 1. */
function mostAtOnce(model: string): number {
  return model.startsWith('dall-e-3') ? 1 : MOST_PICTURES
}

/** One call; as many pictures as it was asked for. */
async function ask(outbound: Outbound, job: ImageJob, to: Deployment, call: CallOptions): Promise<Made> {
  const { path, body, contentType } = await (job.kind === 'image_edit' ? editOf : generationOf)(
    job,
    to.options,
  )
  checkWaiting('openai', call)
  const reply = await send(outbound, to, {
    path,
    body,
    contentType,
    maxBytes: Math.min(MAX_BYTES, MAX_BYTES_PER_PICTURE * job.count),
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  if (hasError(answer)) throw refusalInside(to, answer)
  const data = isObject(answer) && Array.isArray(answer.data) ? answer.data : null
  if (!data) throw notUnderstood(to, 'with something that is not its JSON')
  // A task pays for all it asked for; some gateways ignore `n`, and say so by nothing else.
  if (data.length < job.count) throw notUnderstood(to, `with ${data.length} of ${job.count} pictures`)
  const outputs = await Promise.all(data.slice(0, job.count).map((one) => readPicture(one, to)))
  return { outputs, tokens: readTokens(isObject(answer) ? answer.usage : null) }
}

function checkJob(job: ImageJob): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(
    [...promptOf(job)].length <= MAX_PROMPT,
    `The prompt must not be longer than ${MAX_PROMPT} characters.`,
  )
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= MOST_PICTURES,
    `The count must be 1…${MOST_PICTURES}.`,
  )
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
}

const promptOf = ({ prompt, negativePrompt = '' }: ImageJob): string =>
  negativePrompt.trim() === '' ? prompt : `${prompt}\n\nAvoid: ${negativePrompt}`

type Sent = { path: string; body: string | Uint8Array; contentType: string }

function fieldsOf(job: ImageJob, options: OpenAiOptions): Record<string, unknown> {
  const size = chooseSize(job, options.imageSize)
  return {
    model: job.model,
    prompt: promptOf(job),
    n: job.count,
    ...(size !== null && { size }),
    // GPT image models refuse it, so only those deployments get it whose operator says so.
    ...(options.responseFormat !== null && { response_format: options.responseFormat }),
    ...options.pictureFields,
    ...options.extraBody,
  }
}

async function generationOf(job: ImageJob, options: OpenAiOptions): Promise<Sent> {
  return {
    path: 'images/generations',
    body: JSON.stringify(fieldsOf(job, options)),
    contentType: 'application/json',
  }
}

async function editOf(job: ImageJob, options: OpenAiOptions): Promise<Sent> {
  const fields = Object.entries(fieldsOf(job, options)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const { bytes, mediaType } = job.source ?? { bytes: new Uint8Array(), mediaType: '' }
  const files = [{ name: options.imageField, bytes, mediaType }]
  return { path: 'images/edits', ...(await encodeForm(Object.fromEntries(fields), files)) }
}

async function readPicture(one: unknown, to: Deployment): Promise<Output> {
  if (!isObject(one)) throw notUnderstood(to, 'with something that is not a picture')
  const { b64_json: base64, url } = one
  if (typeof base64 === 'string' && base64 !== '') return decodePicture(to, base64)
  if (typeof url !== 'string' || url === '') throw notUnderstood(to, 'with something that is not a picture')
  return url.startsWith('data:') ? decodePicture(to, url) : fileAt(to, url)
}
