/**
 * Makes a clip: H.264 in MP4, without sound. This thread draws the layers (libvips does the work, in threads
 * of its own); a worker puts the frames together and encodes them, so that the event loop stays free.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type CallOptions, ProviderError, type VideoJob } from '../../../kernel/ports/provider.ts'
import { open } from '../raster.ts'
import { type Layers, planClip } from './layers.ts'
import type { FromWorker, LayerMessage, Shot, ToWorker } from './shot.ts'
import { createSlots } from './slots.ts'
import { tidyMp4 } from './tidy-mp4.ts'

/** Pixels, both sides. */
export const smallest = 128
export const largest = 1920
/** Frames a second. */
export const slowest = 8
export const fastest = 30

export type Clip = {
  bytes: Uint8Array
  mediaType: 'video/mp4'
  width: number
  height: number
  /** The first frame, PNG. */
  poster: Uint8Array
}

/** Clips that are made at a time in this process: each keeps one core busy, and takes 250 MB at 1280 × 720. */
const slots = createSlots(availableParallelism() > 2 ? 2 : 1)

const demand = (holds: boolean, message: string): void => {
  if (!holds) throw new ProviderError('rejected', message)
}

const within = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high

const checkJob = (job: VideoJob): void => {
  for (const side of [job.width, job.height])
    demand(within(side, smallest, largest), `Sides of a clip must be ${smallest}…${largest} pixels.`)
  demand(within(job.seconds, 1, 60), 'A clip must be 1…60 seconds long.')
  demand(within(job.fps, slowest, fastest), `A clip must have ${slowest}…${fastest} frames a second.`)
  demand(Number.isFinite(job.seed), 'The seed must be a number.')
}

type Finished = Extract<FromWorker, { type: 'done' }>

const buffersOf = ({ picture, cover }: LayerMessage): ArrayBuffer[] =>
  [picture, cover].flatMap((data) => (data === undefined ? [] : [data.buffer as ArrayBuffer]))

/** Feeds layers to the worker, each when it is ready for it, and waits for the film. */
const film = (worker: Worker, layers: Layers, advance: (share: number) => void): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const send = (message: ToWorker, transfer: ArrayBuffer[] = []): void =>
      worker.postMessage(message, transfer)
    let drawn = 0
    const feed = async (): Promise<void> => {
      const { value, done } = await layers.next()
      if (done === true) return send({ type: 'render' })
      send(value, buffersOf(value))
      drawn += 1
      advance(drawingShare * (1 - 0.85 ** drawn))
    }
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') feed().catch(reject)
      else if (message.type === 'progress') advance(drawingShare + (1 - drawingShare) * message.share)
      else if (message.type === 'done') resolve(message)
      else reject(new Error(`The clip could not be encoded: ${message.reason}`))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('The thread that made the clip ended before it was done.')))
  })

/** How much of the time goes into drawing layers, roughly; the rest is frames. */
const drawingShare = 0.15

const startWorker = (shot: Shot): Worker =>
  new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: shot,
    // Nothing of how this process was started (a test runner's flags, secrets in the environment) concerns it.
    execArgv: [],
    env: {},
    name: 'sketch clip',
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  })

const posterOf = (rgb: Uint8Array, { width, height }: Shot): Promise<Buffer> =>
  open({ data: Buffer.from(rgb.buffer, rgb.byteOffset, rgb.byteLength), width, height })
    .png({ compressionLevel: 6 })
    .toBuffer()

/** Rejects as soon as the signal is aborted, whatever else is being waited for. */
const aborted = (signal: AbortSignal, done: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: done })
  })

const shoot = async (job: VideoJob, { signal, progress }: CallOptions): Promise<Clip> => {
  const { shot, layers } = planClip(job, { width: job.width & ~1, height: job.height & ~1 })
  const advance = (share: number): void => {
    if (!signal.aborted) progress(Math.min(99, Math.floor(share * 99)))
  }
  const worker = startWorker(shot)
  const done = new AbortController()
  try {
    const { file, poster } = await Promise.race([film(worker, layers, advance), aborted(signal, done.signal)])
    return {
      bytes: tidyMp4(file),
      mediaType: 'video/mp4',
      width: shot.width,
      height: shot.height,
      poster: await posterOf(poster, shot),
    }
  } finally {
    done.abort()
    await worker.terminate()
  }
}

/**
 * Makes the clip of a job; odd sides lose a pixel. Throws `ProviderError('rejected')` for sizes, lengths and
 * sources that it cannot work with, and the signal's reason within a moment of an abort.
 */
export const makeClip = async (job: VideoJob, options: CallOptions): Promise<Clip> => {
  checkJob(job)
  const leave = await slots.enter(options.signal)
  try {
    return await shoot(job, options)
  } finally {
    leave()
  }
}
