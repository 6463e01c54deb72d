import { apart, nearestLength, nearestShape, type Shape } from '../shared/nearest.ts'
import type { GoogleOptions } from './options.ts'

type Ratio = Shape & { name: string }
const ratio = (name: string): Ratio => {
  const [width = 1, height = 1] = name.split(':').map(Number)
  return { name, width, height }
}

/** What pictures may look like (`@google/genai`, ImageConfig). */
const PICTURES: readonly [Ratio, ...Ratio[]] = [
  ratio('1:1'),
  ...['2:3', '3:2', '3:4', '4:3', '9:16', '16:9', '21:9'].map(ratio),
]
/** The side of a square picture of each size; other shapes have about its area. */
const SIZES = [
  { name: '1K', side: 1024 },
  { name: '2K', side: 2048 },
  { name: '4K', side: 4096 },
]
const CLIPS: readonly [Ratio, ...Ratio[]] = [ratio('16:9'), ratio('9:16')]
/** Full HD is made in this length only. */
const FULL_HD_SECONDS = 8

/** `aspectRatio` and `imageSize` of the nearest picture; the one that comes is kept in its own size. */
export function chooseImageConfig(
  { model, ...wanted }: Shape & { model: string },
  { imageSize, isAspectRatioSent }: GoogleOptions,
): { aspectRatio?: string; imageSize?: string } {
  const side = Math.sqrt(wanted.width * wanted.height)
  const [nearest] = SIZES.toSorted((a, b) => apart(a.side, side) - apart(b.side, side))
  // The models before the third generation make one size, and refuse to be asked for it.
  const bySize = /^gemini-[12]\b/.test(model) ? undefined : nearest?.name
  const size = imageSize === 'by_size' ? bySize : imageSize === 'off' ? undefined : imageSize
  return {
    ...(isAspectRatioSent && { aspectRatio: nearestShape(wanted, PICTURES).name }),
    ...(size !== undefined && { imageSize: size }),
  }
}

/** Shape, length and resolution of the nearest clip; `durationSeconds` is what is paid for. */
export function chooseClip(
  wanted: Shape & { seconds: number },
  { clipResolution, clipSeconds }: GoogleOptions,
): { aspectRatio: string; durationSeconds: number; resolution?: string } {
  const durationSeconds = nearestLength(wanted.seconds, clipSeconds)
  const short = Math.min(wanted.width, wanted.height)
  const isFullHd = durationSeconds >= FULL_HD_SECONDS && apart(short, 1080) < apart(short, 720)
  const resolution = clipResolution === 'by_size' ? (isFullHd ? '1080p' : '720p') : clipResolution
  return {
    aspectRatio: nearestShape(wanted, CLIPS).name,
    durationSeconds,
    ...(resolution !== 'off' && { resolution }),
  }
}
