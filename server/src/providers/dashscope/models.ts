import type { ImageJob, VideoJob } from '../../kernel/ports/provider.ts'
import { fitPixels, type PixelBounds } from '../shared/fit-pixels.ts'
import { apart, nearestLength, nearestShape, readShape, type Shape } from '../shared/nearest.ts'
import type { DashScopeOptions } from './options.ts'

/** What a model of pictures takes, by its document. */
type PictureModel = {
  model: RegExp
  wire: 'sync' | 'async'
  perCall: number
  /** `off`: it takes none; a list to choose from; bounds; `exact` where nothing is known. */
  size: 'off' | 'exact' | readonly [string, ...string[]] | PixelBounds
}

const square = (side: number): number => side * side

/** The first that fits counts. */
const PICTURES: readonly PictureModel[] = [
  { model: /^qwen-image-edit$/, wire: 'sync', perCall: 1, size: 'off' },
  {
    model: /^qwen-image-edit/,
    wire: 'sync',
    perCall: 6,
    size: { fewest: square(512), most: square(2048), leastSide: 512, mostSide: 2048 },
  },
  {
    model: /^qwen-image-2/,
    wire: 'sync',
    perCall: 6,
    size: { fewest: square(512), most: square(2048) },
  },
  {
    model: /^qwen-image/,
    wire: 'sync',
    perCall: 1,
    size: ['1328*1328', '1664*928', '928*1664', '1472*1104', '1104*1472'],
  },
  {
    model: /^wan2\.5/,
    wire: 'async',
    perCall: 4,
    size: { fewest: square(768), most: square(1440), mostRatio: 4 },
  },
  {
    model: /^(wanx|wan2\.[0-4])/,
    wire: 'async',
    perCall: 4,
    size: { fewest: square(512), most: square(1440), leastSide: 512, mostSide: 1440 },
  },
  {
    model: /^wan2\.\d+-image/,
    wire: 'sync',
    perCall: 4,
    size: { fewest: square(768), most: square(1280), mostRatio: 4 },
  },
  {
    model: /^wan/,
    wire: 'sync',
    perCall: 4,
    size: { fewest: square(1280), most: square(1440), mostRatio: 4 },
  },
  { model: /^z-image/, wire: 'sync', perCall: 1, size: { fewest: square(512), most: square(2048) } },
  { model: /^/, wire: 'sync', perCall: 1, size: 'exact' },
]

/** How a job of pictures is put to its model. */
export type PictureFit = {
  wire: 'sync' | 'async'
  /** As DashScope writes it, `1280*1280`; null to leave it to the vendor. */
  size: string | null
  perCall: number
}

export function fitPicture(job: ImageJob, options: DashScopeOptions): PictureFit {
  const known = PICTURES.find(({ model }) => model.test(job.model)) as PictureModel
  return {
    wire: options.pictureWire === 'model' ? known.wire : options.pictureWire,
    perCall: options.picturesPerCall ?? known.perCall,
    size: sizeOf(job, options.imageSize === 'model' ? known.size : options.imageSize),
  }
}

function sizeOf({ width, height }: ImageJob, size: PictureModel['size']): string | null {
  const wanted = { width, height }
  if (size === 'off') return null
  if (size === 'exact') return textOf(wanted)
  return textOf('most' in size ? fitPixels(wanted, size) : nearestShape(wanted, shapesOf(size)))
}

type Tier = '480P' | '720P' | '1080P'
const TIERS: Readonly<Record<Tier, { pixels: number; sizes: readonly string[] }>> = {
  '480P': { pixels: 832 * 480, sizes: ['832*480', '480*832', '624*624'] },
  '720P': { pixels: 1280 * 720, sizes: ['1280*720', '720*1280', '960*960', '1088*832', '832*1088'] },
  '1080P': {
    pixels: 1920 * 1080,
    sizes: ['1920*1080', '1080*1920', '1440*1440', '1632*1248', '1248*1632'],
  },
}

const CLIPS: readonly { model: RegExp; tiers: readonly [Tier, ...Tier[]]; seconds: readonly number[] }[] = [
  { model: /^wan2\.5/, tiers: ['480P', '720P', '1080P'], seconds: [5, 10] },
  { model: /^wan2\.2/, tiers: ['480P', '1080P'], seconds: [5] },
  { model: /^wanx/, tiers: ['480P', '720P'], seconds: [5] },
  { model: /^/, tiers: ['720P', '1080P'], seconds: [5, 10, 15] },
]

/** How a clip is put to its model: by pixels from words, by a class of resolution from a picture. */
export type ClipFit = {
  model: string
  seconds: number
  shape: { size: string } | { resolution: Tier }
}

export function fitClip(job: VideoJob, options: DashScopeOptions): ClipFit {
  const model = options.areModelsPaired ? pairOf(job) : job.model
  const known = CLIPS.find((one) => one.model.test(model)) as (typeof CLIPS)[number]
  const seconds = nearestLength(job.seconds, options.clipSeconds ?? known.seconds)
  if (job.source) {
    const pixels = job.width * job.height
    const far = (tier: Tier): number => apart(TIERS[tier].pixels, pixels)
    return { model, seconds, shape: { resolution: known.tiers.reduce((a, b) => (far(b) < far(a) ? b : a)) } }
  }
  const [first, ...others] = known.tiers.flatMap((tier) => TIERS[tier].sizes)
  return {
    model,
    seconds,
    shape: { size: textOf(nearestShape(job, shapesOf([first ?? '1280*720', ...others]))) },
  }
}

/** A model of the port serves clips from words and from a picture; here these are two models of one name. */
function pairOf({ model, source }: VideoJob): string {
  return source ? model.replace(/-t2v(?=-|$)/, '-i2v') : model.replace(/-i2v(?=-|$)/, '-t2v')
}

function shapesOf(sizes: readonly [string, ...string[]]): [Shape, ...Shape[]] {
  const [first, ...others] = sizes.map((size) => readShape(size) as Shape)
  return [first as Shape, ...others]
}

const textOf = ({ width, height }: Shape): string => `${width}*${height}`
