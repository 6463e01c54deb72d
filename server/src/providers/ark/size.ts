import { apart, nearestLength, nearestShape, readShape, type Shape } from '../shared/nearest.ts'
import type { ArkOptions } from './options.ts'

/** What is documented of a family of picture models (protocols.md 5.6; the bounds are not checked). */
type Family = { model: RegExp; leastPixels: number; mostPixels: number; hasSeed: boolean }

const FAMILIES: readonly Family[] = [
  { model: /seed(ream|edit)-3[-.]0/, leastPixels: 512 * 512, mostPixels: 2_048 * 2_048, hasSeed: true },
  { model: /seedream-4[-.]0/, leastPixels: 1_280 * 720, mostPixels: 4_096 * 4_096, hasSeed: false },
]
/** Of the newer ones, and of whatever comes after them. */
const NEWEST = { leastPixels: 2_560 * 1_440, mostPixels: 4_096 * 4_096, hasSeed: false }
/** Sides are multiples of this, as picture models like them. */
const STEP = 8
/** No model draws anything longer than sixteen times its other side. */
const MOST_RATIO = 16

export type PictureFit = { size: string; hasSeed: boolean }

/**
 * The size to ask a picture model for: of the shape that is wanted, and as near to its area as the model goes. What
 * edits with 3.0 takes the shape of the source (`adaptive`).
 */
export function fitPicture(
  wanted: Shape & { model: string; hasSource: boolean },
  options: Pick<ArkOptions, 'leastPixels' | 'mostPixels' | 'seeds'>,
): PictureFit {
  const family = FAMILIES.find(({ model }) => model.test(wanted.model)) ?? NEWEST
  const hasSeed = options.seeds === 'model' ? family.hasSeed : options.seeds === 'on'
  if (wanted.hasSource && /seededit-3[-.]0/.test(wanted.model)) return { size: 'adaptive', hasSeed }
  const least = options.leastPixels ?? family.leastPixels
  const most = Math.max(least, options.mostPixels ?? family.mostPixels)
  const ratio = Math.min(MOST_RATIO, Math.max(1 / MOST_RATIO, wanted.width / wanted.height))
  const area = Math.min(most, Math.max(least, wanted.width * wanted.height))
  // Up for the least area and down for the most, so that rounding leaves no bound.
  const round = area === least ? Math.ceil : Math.floor
  const width = round(Math.sqrt(area * ratio) / STEP) * STEP
  const height = round(Math.sqrt(area / ratio) / STEP) * STEP
  return { size: `${width}x${height}`, hasSeed }
}

const RATIOS = ['16:9', '4:3', '1:1', '3:4', '9:16', '21:9'] as const
const SHORT_SIDES = { '480p': 480, '720p': 720, '1080p': 1_080 } as const
/** Whole seconds from the shortest to the longest that a model makes. */
const LENGTHS: readonly { model: RegExp; least: number; most: number; hasFlags: boolean }[] = [
  { model: /seedance-1[-.]0/, least: 2, most: 12, hasFlags: true },
  { model: /seedance-1[-.]5/, least: 4, most: 12, hasFlags: false },
]
const NEWEST_LENGTHS = { least: 4, most: 15, hasFlags: false }

export type ClipFit = { ratio: string; resolution: string; seconds: number; hasFlags: boolean }

/** What to ask a clip model for: the nearest shape and resolution, and the shortest length that is long enough. */
export function fitClip(
  wanted: Shape & { model: string; seconds: number; hasSource: boolean },
  options: Pick<ArkOptions, 'seconds' | 'resolutions' | 'clipParameters'>,
): ClipFit {
  const { least, most, hasFlags } = LENGTHS.find(({ model }) => model.test(wanted.model)) ?? NEWEST_LENGTHS
  const lengths = options.seconds ?? Array.from({ length: most - least + 1 }, (_, place) => least + place)
  const [first, ...others] = RATIOS.map((ratio) => {
    const { width, height } = readShape(ratio) ?? wanted
    // Of one area, so that the shape alone decides.
    return { ratio, width: Math.sqrt(width / height), height: Math.sqrt(height / width) }
  })
  const short = Math.min(wanted.width, wanted.height)
  const far = (resolution: keyof typeof SHORT_SIDES): number => apart(SHORT_SIDES[resolution], short)
  return {
    // A clip that begins with a picture has its shape.
    ratio: wanted.hasSource || !first ? 'adaptive' : nearestShape(wanted, [first, ...others]).ratio,
    resolution: options.resolutions.reduce((best, one) => (far(one) < far(best) ? one : best)),
    seconds: nearestLength(wanted.seconds, lengths),
    hasFlags: options.clipParameters === 'model' ? hasFlags : options.clipParameters === 'flags',
  }
}
