import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type Output,
  ProviderError,
  type Step,
} from '../../kernel/ports/provider.ts'
import { type Batch, makeInBatches } from '../shared/in-batches.ts'
import { isObject, parseJson } from '../shared/json.ts'
import { readTokens } from '../shared/openai/usage.ts'
import { textsAtFirst } from '../shared/paths.ts'
import { dataAddress, decodePicture, fileAt } from '../shared/pictures.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { fitPicture, type PictureFit } from './models.ts'
import { parametersOf } from './parameters.ts'
import { refusalInside, refusalOf } from './refusal.ts'
import { startPictureTasks } from './tasks.ts'

const MOST_PICTURES = 10
const MAX_PROMPT = 10_000
/** Answers name addresses; some gateways put pictures inside. */
const MAX_BYTES_PER_PICTURE = 40 * 1024 * 1024

/**
 * Makes pictures (protocols.md 5.5): by one answer from wan2.6 and qwen-image on, edits too, and by tasks from older
 * models, which edit nothing. Throws `ProviderError`.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('dashscope', call)
  const to = readDeployment(call.connection)
  checkJob(job)
  const fit = fitPicture(job, to.options)
  if (fit.wire === 'async') {
    // The channel is at fault, not the picture.
    if (job.kind === 'image_edit') {
      throw new ProviderError('unavailable', `dashscope: ${job.model} makes no pictures from pictures here`)
    }
    return startPictureTasks(outbound, job, fit, to, call)
  }
  return makeInBatches(job, fit.perCall, call, (batch) => makeBatch(outbound, batch, fit, to, call))
}

async function makeBatch(
  outbound: Outbound,
  job: ImageJob,
  fit: PictureFit,
  to: Deployment,
  call: CallOptions,
): Promise<Batch> {
  checkWaiting('dashscope', call)
  const content = [...(job.source ? [{ image: dataAddress(job.source) }] : []), { text: job.prompt }]
  const { negativePrompt = '' } = job
  const parameters = {
    ...parametersOf(job, fit, to),
    ...(negativePrompt.trim() !== '' && { negative_prompt: negativePrompt }),
  }
  const reply = await send(outbound, to, {
    path: to.options.syncPath,
    body: JSON.stringify({ model: job.model, input: { messages: [{ role: 'user', content }] }, parameters }),
    contentType: 'application/json',
    maxBytes: MAX_BYTES_PER_PICTURE * job.count,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  if (!isObject(answer)) throw notUnderstood(to, 'with something that is not its JSON')
  const found = textsAtFirst(answer, to.options.picturesAt).slice(0, job.count)
  if (found.length === 0) throw refusalInside(to, answer) ?? notUnderstood(to, 'without a picture')
  const outputs = await Promise.all(found.map((one) => pictureAt(to, one)))
  const tokens = readTokens(answer.usage)
  // Where pictures are billed by number, tokens are told as 0.
  const isByTokens = tokens !== null && tokens.outputTokens > 0
  return { outputs, usage: { ...(isByTokens && tokens), pictures: outputs.length } }
}

function pictureAt(to: Deployment, found: string): Output | Promise<Output> {
  return found.startsWith('data:') ? decodePicture(to, found) : fileAt(to, found)
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
