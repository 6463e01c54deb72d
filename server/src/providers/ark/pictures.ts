import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ImageJob, ProviderError, type Step } from '../../kernel/ports/provider.ts'
import { isObject, parseJson } from '../shared/json.ts'
import { type Made, makeOneByOne } from '../shared/one-by-one.ts'
import { hasError, refusalInside, refusalOf } from '../shared/openai/refusal.ts'
import { dataAddress, decodePicture, fileAt } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { fitPicture } from './size.ts'

const MOST_PICTURES = 10
/** Sixteen megapixels that hardly compress, and a third more in base64. */
const MAX_BYTES = 96 * 1024 * 1024

/**
 * Makes pictures by `POST images/generations`, one at a time (protocols.md 5.6): a series that the wire makes at once is
 * as long as the model likes, and of one story. Throws `ProviderError`.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('ark', call)
  const to = readDeployment(call.connection)
  checkJob(job)
  return makeOneByOne(job, call, (one) => makeOne(outbound, one, to, call))
}

async function makeOne(outbound: Outbound, job: ImageJob, to: Deployment, call: CallOptions): Promise<Made> {
  checkWaiting('ark', call)
  const reply = await send(outbound, to, {
    path: 'images/generations',
    body: JSON.stringify(bodyOf(job, to)),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  if (hasError(answer)) throw refusalInside(to, answer)
  const [picture] = isObject(answer) && Array.isArray(answer.data) ? answer.data : []
  if (!isObject(picture) || !isObject(answer)) throw notUnderstood(to, 'without a picture')
  // One picture may be refused while the request itself went through.
  if (hasError(picture)) throw refusalInside(to, picture)
  const { b64_json: base64, url } = picture
  const usage = { pictures: 1, ...tokensOf(answer.usage) }
  if (typeof base64 === 'string' && base64 !== '') return { output: await decodePicture(to, base64), usage }
  if (typeof url !== 'string' || url === '') throw notUnderstood(to, 'with something that is not a picture')
  return { output: fileAt(to, url), usage }
}

function bodyOf(job: ImageJob, { options }: Deployment): object {
  const { size, hasSeed } = fitPicture({ ...job, hasSource: job.source !== undefined }, options)
  return {
    ...options.extraBody,
    model: job.model,
    prompt: promptOf(job),
    ...(job.source && { image: dataAddress(job.source) }),
    size,
    response_format: options.responseFormat,
    watermark: job.watermark,
    ...(hasSeed && { seed: job.seed, guidance_scale: Math.min(10, Math.max(1, job.guidance)) }),
  }
}

const promptOf = ({ prompt, negativePrompt = '' }: ImageJob): string =>
  negativePrompt.trim() === '' ? prompt : `${prompt}\n\n不要出现：${negativePrompt}`

function tokensOf(usage: unknown): { outputTokens?: number } {
  const tokens = isObject(usage) ? usage.output_tokens : null
  return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0
    ? { outputTokens: tokens }
    : {}
}

function checkJob(job: ImageJob): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= MOST_PICTURES,
    `The count must be 1…${MOST_PICTURES}.`,
  )
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
}
