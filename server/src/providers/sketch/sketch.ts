/**
 * The built-in provider: draws pictures and clips on this machine, from the words of the prompt and the seed, and
 * measures pictures, and composes texts from templates. It is a renderer of known motifs, not an AI model, and needs no
 * key and no network.
 */
import { availableParallelism } from 'node:os'
import {
  type CallOptions,
  type ImageJob,
  type Output,
  type Provider,
  ProviderError,
} from '../../kernel/ports/provider.ts'
import { fitClip } from './clip/fit-clip.ts'
import { makeClip } from './clip/make-clip.ts'
import { describe } from './describe/describe.ts'
import { draw } from './draw.ts'
import { open, type Raster } from './raster.ts'
import { restyle } from './restyle.ts'
import { writeMark } from './watermark.ts'
import { compose } from './write/compose.ts'

/** Pixels, both sides. */
const smallest = 64
const largest = 4096
const mostPictures = 16

const demand = (holds: boolean, message: string): void => {
  if (!holds) throw new ProviderError('rejected', message)
}

/** Refuses what cannot be drawn. Throws `ProviderError('rejected')`. */
const checkJob = (job: ImageJob): void => {
  for (const side of [job.width, job.height]) {
    demand(
      Number.isInteger(side) && side >= smallest && side <= largest,
      `Sides must be ${smallest}…${largest} pixels.`,
    )
  }
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= mostPictures,
    `The count must be 1…${mostPictures}.`,
  )
  demand(Number.isFinite(job.seed), 'The seed must be a number.')
  demand(Number.isFinite(job.guidance), 'The guidance must be a number.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
  const strength = job.strength ?? 0.6
  demand(Number.isFinite(strength) && strength >= 0 && strength <= 1, 'The strength must be 0…1.')
}

/** Each picture of a job has its own seed; the first has the job's. */
const seedOf = (job: ImageJob, index: number): number =>
  (Math.trunc(job.seed) + Math.imul(index, 0x9e3779b1)) >>> 0

const paintOne = (job: ImageJob, index: number, stage: () => void): Promise<Raster> => {
  const common = {
    prompt: job.prompt,
    negativePrompt: job.negativePrompt ?? '',
    width: job.width,
    height: job.height,
    seed: seedOf(job, index),
    guidance: Math.min(20, Math.max(1, job.guidance)),
  }
  if (job.source === undefined) return draw(common, stage)
  return restyle({ ...common, source: job.source.bytes, strength: job.strength ?? 0.6 }, stage)
}

const encode = async (raster: Raster): Promise<Output> => {
  const bytes = await open(raster).png({ compressionLevel: 6 }).toBuffer()
  return { bytes, mediaType: 'image/png', width: raster.width, height: raster.height }
}

/** The most steps one picture reports; progress never reaches 100 before the job is done. */
const stagesPerPicture = 6

const run = async (job: ImageJob, { signal, progress }: CallOptions): Promise<Output[]> => {
  signal.throwIfAborted()
  checkJob(job)
  const outputs: Output[] = []
  for (let index = 0; index < job.count; index += 1) {
    let passed = 0
    const stage = (): void => {
      signal.throwIfAborted()
      passed = Math.min(stagesPerPicture, passed + 1)
      progress(Math.floor((99 * (index + passed / (stagesPerPicture + 1))) / job.count))
    }
    const painted = await paintOne(job, index, stage)
    stage()
    const signed = job.watermark ? await writeMark(painted) : painted
    stage()
    outputs.push(await encode(signed))
    signal.throwIfAborted()
  }
  return outputs
}

/** The provider. Throws `ProviderError('rejected')` for sizes, lengths and sources that it cannot work with. */
export function createSketch(): Provider {
  return {
    name: 'sketch',
    kinds: ['image', 'image_edit', 'video', 'vision', 'text'],
    repeatable: true,
    concurrency: availableParallelism(),
    start: async (job, options) => {
      if (job.kind === 'custom') throw new ProviderError('rejected', 'sketch knows no calls of others')
      const outputs = job.kind === 'video' ? [await makeClip(fitClip(job), options)] : await run(job, options)
      return { state: 'done', outputs }
    },
    write: (job, { signal }) => (job.kind === 'vision' ? describe(job, signal) : compose(job, signal)),
  }
}
