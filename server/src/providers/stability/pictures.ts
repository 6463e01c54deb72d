import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ImageJob, ProviderError, type Step } from '../../kernel/ports/provider.ts'
import { encodeForm } from '../shared/form.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { nearestShape, readShape, type Shape } from '../shared/nearest.ts'
import { type Made, makeOneByOne } from '../shared/one-by-one.ts'
import { decodePicture } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { refusalOf } from './refusal.ts'

const MOST_PICTURES = 10
const MAX_PROMPT = 10_000
const MOST_GUIDANCE = 10
/** A picture of 4 megapixels that hardly compresses, a third more in base64. */
const MAX_BYTES = 40 * 1024 * 1024
const RATIOS = ['1:1', '16:9', '9:16', '3:2', '2:3', '4:5', '5:4', '21:9', '9:21'] as const

/**
 * Makes pictures by `POST v2beta/stable-image/generate/{ultra|core|sd3}` (protocols.md 5.2). One call makes one
 * picture. The wire has no size and no watermark: a shape is asked for, and the picture that comes is kept as it is.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('stability', call)
  const to = readDeployment(call.connection)
  checkJob(job)
  return makeOneByOne(job, call, (one) => makePicture(outbound, one, to, call))
}

async function makePicture(
  outbound: Outbound,
  job: ImageJob,
  to: Deployment,
  call: CallOptions,
): Promise<Made> {
  const files = job.source ? [{ name: 'image', ...job.source }] : []
  const form = await encodeForm(fieldsOf(job, to), files)
  checkWaiting('stability', call)
  const reply = await send(outbound, to, {
    path: `v2beta/stable-image/generate/${serviceOf(job.model)}`,
    ...form,
    headers: { accept: to.options.accept === 'json' ? 'application/json' : 'image/*' },
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, parseJson(reply.body))
  const { picture, finishReason } = readPicture(reply, to)
  // What comes with it is blurred: nobody wants it, and nobody is to pay for it.
  if (finishReason === 'CONTENT_FILTERED')
    throw new ProviderError('content', 'stability: the picture was filtered')
  if (finishReason !== '' && finishReason !== 'SUCCESS') {
    throw notUnderstood(to, to.redact(`with ${finishReason.slice(0, 60)}`))
  }
  return { output: await decodePicture(to, picture) }
}

/** `ultra` and `core` are services of their own; everything else is a model of `sd3`. */
function serviceOf(model: string): 'ultra' | 'core' | 'sd3' {
  return model === 'ultra' || model === 'core' ? model : 'sd3'
}

function fieldsOf(job: ImageJob, { options }: Deployment): Record<string, string> {
  const service = serviceOf(job.model)
  const { negativePrompt = '' } = job
  return {
    ...options.extraBody,
    prompt: job.prompt,
    ...(negativePrompt.trim() !== '' && { negative_prompt: negativePrompt }),
    seed: String(job.seed),
    output_format: options.outputFormat,
    ...(service === 'sd3' && { model: job.model, mode: job.source ? 'image-to-image' : 'text-to-image' }),
    // The source has a shape of its own, and sd3 refuses another one beside it.
    ...(job.source
      ? { strength: String(job.strength ?? options.strength) }
      : options.isAspectRatioSent && { aspect_ratio: chooseRatio(job) }),
    ...(service === 'sd3' &&
      options.isGuidanceSent && { cfg_scale: String(Math.min(MOST_GUIDANCE, job.guidance)) }),
    ...(options.stylePreset !== null && service !== 'sd3' && { style_preset: options.stylePreset }),
  }
}

/** The documented shape that is nearest to the one wanted. */
export function chooseRatio(wanted: Shape): (typeof RATIOS)[number] {
  const shapeOf = (name: (typeof RATIOS)[number]) => ({
    name,
    ...(readShape(name) ?? { width: 1, height: 1 }),
  })
  const [first, ...others] = RATIOS
  return nearestShape(wanted, [shapeOf(first), ...others.map(shapeOf)]).name
}

/** The picture, as bytes or as base64, whichever way it came. */
function readPicture(
  reply: OutboundReply,
  to: Deployment,
): { picture: string | Uint8Array; finishReason: string } {
  const { 'content-type': type = '', 'finish-reason': told = '' } = reply.headers
  if (/^image\//i.test(type)) return { picture: reply.body, finishReason: told.toUpperCase() }
  const body = parseJson(reply.body)
  if (!isObject(body)) throw notUnderstood(to, 'with something that is not its JSON')
  const finishReason = textOf(body.finish_reason).toUpperCase()
  return { picture: textOf(body.image), finishReason }
}

function checkJob(job: ImageJob): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(
    [job.prompt, job.negativePrompt ?? ''].every((words) => [...words].length <= MAX_PROMPT),
    `The prompt must not be longer than ${MAX_PROMPT} characters.`,
  )
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= MOST_PICTURES,
    `The count must be 1…${MOST_PICTURES}.`,
  )
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
  // No user can help it that a model was chosen for what it does not do.
  if (job.source && job.model === 'core')
    throw new ProviderError('unavailable', 'stability: core takes no picture')
}
