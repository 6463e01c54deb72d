import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ImageJob, ProviderError, type Step } from '../../kernel/ports/provider.ts'
import { parseJson } from '../shared/json.ts'
import { type Made, makeOneByOne } from '../shared/one-by-one.ts'
import { decodePicture } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { isContentReason, readAnswer } from './answer.ts'
import { type Deployment, methodPath, readDeployment } from './call.ts'
import { hasError, refusalInside, refusalOf } from './refusal.ts'
import { chooseImageConfig } from './shape.ts'
import { picturePart } from './text.ts'

const MOST_PICTURES = 10
/** A picture of 4K that hardly compresses, a third more in base64, and as much again of thoughts. */
const MAX_BYTES = 100 * 1024 * 1024

/**
 * Makes pictures by `POST models/{model}:generateContent`, with the source among the parts for an edit (protocols.md
 * 5.3). One call makes one picture. The wire has no guidance, strength or watermark; what is to be avoided is said in
 * the prompt.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('google', call)
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
  checkWaiting('google', call)
  const reply = await send(outbound, to, {
    path: methodPath(job.model, 'generateContent'),
    body: JSON.stringify(requestBody(job, to)),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const body = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, body)
  if (hasError(body)) throw refusalInside(to, body)
  const answer = readAnswer(body)
  if (!answer) throw notUnderstood(to, 'with something that is not its JSON')
  // The last one: what a model drew on the way comes before it.
  const picture = answer.pictures.at(-1)
  if (picture === undefined) {
    const { blockReason, finishReason, texts } = answer
    const words = [blockReason || finishReason || 'no reason', texts.join(' ').slice(0, 200)]
      .filter(Boolean)
      .join(': ')
    // With STOP the model answered in words, which is how it says no by itself.
    const isRefusal =
      blockReason !== '' || isContentReason(finishReason) || (finishReason === 'STOP' && texts.length > 0)
    if (isRefusal) throw new ProviderError('content', to.redact(`google: no picture, ${words}`))
    throw notUnderstood(to, to.redact(`without a picture, ${words}`))
  }
  return { output: await decodePicture(to, picture), ...(answer.usage && { usage: answer.usage }) }
}

function requestBody(job: ImageJob, { options }: Deployment): object {
  const imageConfig = chooseImageConfig(job, options)
  return {
    ...options.extraBody,
    contents: [
      { role: 'user', parts: [...(job.source ? [picturePart(job.source)] : []), { text: promptOf(job) }] },
    ],
    generationConfig: {
      responseModalities: ['TEXT', 'IMAGE'],
      ...(options.isSeedSent && { seed: job.seed }),
      ...(Object.keys(imageConfig).length > 0 && { imageConfig }),
    },
  }
}

const promptOf = ({ prompt, negativePrompt = '' }: ImageJob): string =>
  negativePrompt.trim() === '' ? prompt : `${prompt}\n\nAvoid: ${negativePrompt}`

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
