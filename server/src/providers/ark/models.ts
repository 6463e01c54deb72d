import type { ImageJob, VideoJob } from '../../kernel/ports/provider.ts'
import { fitPixels, type PixelBounds } from '../shared/fit-pixels.ts'
import { apart, nearestLength, nearestShape, readShape } from '../shared/nearest.ts'
import type { ArkOptions, Resolution } from './options.ts'

type PictureModel = { model: RegExp; size: 'adaptive' | PixelBounds; isSeedTaken: boolean }

const MOST_RATIO = 16
const FEWEST_2K = 2560 * 1440
const MOST_4K = 4096 * 4096
/** What 5.0-lite takes at most: a tenth more than 3072 by 3072. */
const MOST_3K = 10_404_496

/** What models of pictures take, by their document; the first that fits counts. */
const PICTURES: readonly PictureModel[] = [
  { model: /seededit-3/, size: 'adaptive', isSeedTaken: true },
  {
    model: /seedream-3/,
    size: { fewest: 512 * 512, most: 2048 * 2048, leastSide: 512, mostSide: 2048 },
    isSeedTaken: true,
  },
  {
    model: /seedream-4-0/,
    size: { fewest: 1280 * 720, most: MOST_4K, mostRatio: MOST_RATIO },
    isSeedTaken: false,
  },
  {
    model: /seedream-4/,
    size: { fewest: FEWEST_2K, most: MOST_4K, mostRatio: MOST_RATIO },
    isSeedTaken: false,
  },
  // Later ones, and endpoints, whose names say nothing: what all of version 4 and 5 take.
  { model: /^/, size: { fewest: FEWEST_2K, most: MOST_3K, mostRatio: MOST_RATIO }, isSeedTaken: false },
]

/** How a job of pictures is put to its model. */
export type PictureFit = { size: string; isSeedTaken: boolean }

export function fitPicture(job: ImageJob, options: ArkOptions): PictureFit {
  const known = PICTURES.find(({ model }) => model.test(job.model)) as PictureModel
  const isSeedTaken = options.picturesBySeed === 'model' ? known.isSeedTaken : options.picturesBySeed === 'on'
  return { size: sizeOf(job, known, options), isSeedTaken }
}

function sizeOf(
  { width, height }: ImageJob,
  { size }: PictureModel,
  { imageSize, pixels }: ArkOptions,
): string {
  if (imageSize !== 'model' && imageSize !== 'exact') return imageSize
  if (imageSize === 'exact') return `${width}x${height}`
  if (size === 'adaptive' && pixels === null) return size
  const bounds = { ...(size === 'adaptive' ? {} : size), ...pixels } as PixelBounds
  const fit = fitPixels({ width, height }, bounds)
  return `${fit.width}x${fit.height}`
}

type ClipModel = { model: RegExp; resolutions: readonly Resolution[]; seconds: readonly [number, number] }
/** What models of clips take, by their document; the first that fits counts. */
const CLIPS: readonly ClipModel[] = [
  { model: /seedance-1-5/, resolutions: ['480p', '720p', '1080p'], seconds: [4, 12] },
  { model: /seedance-1/, resolutions: ['480p', '720p', '1080p'], seconds: [2, 12] },
  { model: /^/, resolutions: ['480p', '720p'], seconds: [4, 15] },
]
const PIXELS: Readonly<Record<Resolution, number>> = {
  '480p': 864 * 480,
  '720p': 1280 * 720,
  '1080p': 1920 * 1080,
}
const RATIOS = ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9'] as const

/** How a clip is put to its model. */
export type ClipFit = { resolution: Resolution; ratio: string; duration: number }

export function fitClip(job: VideoJob, options: ArkOptions): ClipFit {
  const known = CLIPS.find(({ model }) => model.test(job.model)) as ClipModel
  const [shortest, longest] = known.seconds
  const lengths = Array.from({ length: longest - shortest + 1 }, (_one, index) => shortest + index)
  const resolutions = options.resolutions ?? known.resolutions
  const far = (one: Resolution): number => apart(PIXELS[one], job.width * job.height)
  return {
    resolution: resolutions.reduce((best, one) => (far(one) < far(best) ? one : best)),
    // With a first picture it is the picture's own: another one would cut it.
    ratio: job.source && options.sourceRatio === 'adaptive' ? 'adaptive' : ratioOf(job),
    duration: nearestLength(job.seconds, options.clipSeconds ?? lengths),
  }
}

function ratioOf(job: VideoJob): string {
  const [first, ...others] = RATIOS.map((ratio) => ({ ...shapeOf(ratio), ratio }))
  return nearestShape(job, [first ?? { width: 16, height: 9, ratio: '16:9' as const }, ...others]).ratio
}

const shapeOf = (ratio: string) => readShape(ratio) ?? { width: 16, height: 9 }
