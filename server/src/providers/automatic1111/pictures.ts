import { setTimeout as sleep } from 'node:timers/promises'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ImageJob, ProviderError, type Step } from '../../kernel/ports/provider.ts'
import { isObject, parseJson } from '../shared/json.ts'
import { decodePicture } from '../shared/pictures.ts'
import { ask, checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { readServer, refusalOf, type Server } from './call.ts'

/** What a model is called that stands for whichever checkpoint the server has loaded. */
export const LOADED_CHECKPOINT = 'default'
const MOST_PICTURES = 16
/** A picture of 2048 by 2048 that hardly compresses is some 13 MB, and a third more in base64. */
const MAX_BYTES_PER_PICTURE = 24 * 1024 * 1024
const MAX_BYTES = 200 * 1024 * 1024
const MAX_PROGRESS_BYTES = 1024 * 1024
/** The server's own, when nothing is said. */
const USUAL_STRENGTH = 0.75
const INTERRUPT_WITHIN_MS = 1_000

/**
 * Makes pictures by `POST /sdapi/v1/txt2img` or `img2img`, which answer when all are made (protocols.md 5.8); what the
 * server says of its progress meanwhile is passed on. Nobody is paid, so what may have been done is made again: what
 * still runs is interrupted before. Throws `ProviderError`.
 */
export async function makePictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('automatic1111', call)
  const to = readServer(call.connection)
  checkJob(job)
  const done = new AbortController()
  const watching = watch(outbound, to, call, done.signal)
  try {
    return await order(outbound, job, to, call)
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== 'ambiguous') throw error
    await interrupt(outbound, to)
    throw new ProviderError('unavailable', error.message, { cause: error })
  } finally {
    done.abort()
    await watching
  }
}

async function order(outbound: Outbound, job: ImageJob, to: Server, call: CallOptions): Promise<Step> {
  const reply = await send(outbound, to, {
    path: `sdapi/v1/${job.kind === 'image_edit' ? 'img2img' : 'txt2img'}`,
    body: JSON.stringify(requestBody(job, to)),
    contentType: 'application/json',
    maxBytes: Math.min(MAX_BYTES, MAX_BYTES_PER_PICTURE * job.count),
    signal: call.signal,
  })
  if (reply.status !== 200) throw refusalOf(to, reply)
  const answer = parseJson(reply.body)
  const images = isObject(answer) && Array.isArray(answer.images) ? answer.images : null
  if (!images) throw notUnderstood(to, 'with something that is not its JSON')
  // Interrupted at the server by somebody, it answers with what there is.
  if (images.length < job.count) {
    throw new ProviderError('failed', `automatic1111: it made ${images.length} of ${job.count} pictures`)
  }
  const outputs = await Promise.all(
    images.slice(0, job.count).map((image) => decodePicture(to, typeof image === 'string' ? image : '')),
  )
  return { state: 'done', outputs, usage: { pictures: outputs.length } }
}

function checkJob(job: ImageJob): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(job.count >= 1 && job.count <= MOST_PICTURES, `The count must be 1…${MOST_PICTURES}.`)
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
}

function requestBody(job: ImageJob, { options }: Server): object {
  const { steps, sampler, extraBody } = options
  return {
    prompt: job.prompt,
    negative_prompt: job.negativePrompt ?? '',
    width: job.width,
    height: job.height,
    seed: job.seed,
    cfg_scale: job.guidance,
    steps,
    // One after the other: side by side they would need the memory of all.
    n_iter: job.count,
    batch_size: 1,
    send_images: true,
    ...(sampler !== null && { sampler_name: sampler }),
    ...(job.model !== LOADED_CHECKPOINT && { override_settings: { sd_model_checkpoint: job.model } }),
    ...(job.kind === 'image_edit' &&
      job.source && {
        init_images: [Buffer.from(job.source.bytes).toString('base64')],
        denoising_strength: job.strength ?? USUAL_STRENGTH,
      }),
    ...extraBody,
  }
}

/** Passes the server's progress on until the job is done. It is that of whatever the server works on. */
async function watch(outbound: Outbound, to: Server, call: CallOptions, done: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([done, call.signal])
  let latest = 0
  while (!signal.aborted) {
    // What cannot be told is no reason to stop the job.
    await sleep(to.options.progressEveryMs, null, { signal })
      .then(() => readProgress(outbound, to, signal))
      .then((percent) => {
        latest = Math.max(latest, percent)
        if (!signal.aborted) call.progress(latest)
      })
      .catch(() => {})
  }
}

async function readProgress(outbound: Outbound, to: Server, signal: AbortSignal): Promise<number> {
  const path = 'sdapi/v1/progress?skip_current_image=true'
  const { body } = await ask(outbound, to, { path, maxBytes: MAX_PROGRESS_BYTES, signal })
  const answer = parseJson(body)
  const progress = isObject(answer) ? Number(answer.progress) : Number.NaN
  return progress > 0 ? Math.min(99, Math.floor(progress * 100)) : 0
}

/** Stops whatever the server works on. Best effort, and soon: somebody waits for the end of the call. */
async function interrupt(outbound: Outbound, to: Server): Promise<void> {
  const signal = AbortSignal.timeout(INTERRUPT_WITHIN_MS)
  const request = {
    method: 'POST',
    path: 'sdapi/v1/interrupt',
    maxBytes: MAX_PROGRESS_BYTES,
    signal,
  } as const
  await ask(outbound, to, request).catch(() => {})
}
