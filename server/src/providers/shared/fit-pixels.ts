import { apart, type Shape } from './nearest.ts'

/** What a model takes as a size in pixels. */
export type PixelBounds = {
  fewest: number
  most: number
  /** The longer side over the shorter one; any where it is left out. */
  mostRatio?: number
  leastSide?: number
  mostSide?: number
}

/** Sides that are changed become multiples of this: every model in use takes those. */
const STEP = 16

/** The size within the bounds that comes closest: the wanted one where it is allowed, else one of its shape. */
export function fitPixels(wanted: Shape, bounds: PixelBounds): Shape {
  const { fewest, most, mostRatio = Number.POSITIVE_INFINITY } = bounds
  const { leastSide = 1, mostSide = Number.POSITIVE_INFINITY } = bounds
  const isAllowed = ({ width, height }: Shape): boolean =>
    width * height >= fewest &&
    width * height <= most &&
    Math.max(width, height) <= Math.min(width, height) * mostRatio &&
    Math.min(width, height) >= leastSide &&
    Math.max(width, height) <= mostSide
  if (isAllowed(wanted)) return wanted

  const widest = Math.min(mostRatio, mostSide / leastSide)
  const ratio = Math.min(widest, Math.max(1 / widest, wanted.width / wanted.height))
  const least = Math.max(fewest, leastSide ** 2 * Math.max(ratio, 1 / ratio))
  const largest = Math.min(most, mostSide ** 2 / Math.max(ratio, 1 / ratio))
  const area = Math.min(largest, Math.max(least, wanted.width * wanted.height))
  const ideal = { width: Math.sqrt(area * ratio), height: Math.sqrt(area / ratio) }
  const far = ({ width, height }: Shape): number =>
    apart(width / height, ratio) * 10 + apart(width * height, area)
  // Rounding may leave the bounds again, so the sizes around the ideal one are looked at.
  const around = sidesAround(ideal.width).flatMap((width) =>
    sidesAround(ideal.height).map((height) => ({ width, height })),
  )
  const allowed = around.filter(isAllowed)
  const [first = ideal, ...others] = allowed.length > 0 ? allowed : around
  return others.reduce((best, one) => (far(one) < far(best) ? one : best), first)
}

function sidesAround(side: number): number[] {
  const steps = Math.floor(side / STEP)
  return [steps - 1, steps, steps + 1, steps + 2].filter((count) => count > 0).map((count) => count * STEP)
}
