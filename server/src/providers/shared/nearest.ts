export type Shape = { width: number; height: number }

/**
 * The one of a vendor's sizes that comes closest: the closest shape, and among equal shapes the closest area. Both are
 * compared as ratios, so that twice as wide is as far as half as wide.
 */
export function nearestShape<One extends Shape>(wanted: Shape, shapes: readonly [One, ...One[]]): One {
  const far = (one: Shape): number =>
    apart(one.width / one.height, wanted.width / wanted.height) * 1_000 +
    apart(one.width * one.height, wanted.width * wanted.height)
  return shapes.reduce((best, one) => (far(one) < far(best) ? one : best))
}

/** How far two amounts are from each other: 0 for the same, the same for twice and for half. */
export function apart(a: number, b: number): number {
  return Math.abs(Math.log(a / b))
}

/** A ratio such as `16:9` or a size such as `1280x720`, as a shape; null for anything else. */
export function readShape(text: string): Shape | null {
  const [, width, height] = /^([1-9]\d{0,4})[:x*]([1-9]\d{0,4})$/.exec(text) ?? []
  return width === undefined ? null : { width: Number(width), height: Number(height) }
}

/**
 * The length of a clip to ask for: the shortest that is long enough, else the longest there is. `lengths` are in
 * seconds, the shortest first.
 */
export function nearestLength(seconds: number, lengths: readonly number[]): number {
  return lengths.find((one) => one >= seconds) ?? lengths.at(-1) ?? seconds
}
