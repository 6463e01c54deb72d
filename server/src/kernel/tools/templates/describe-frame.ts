import type { PictureInput } from '../template.ts'

const COMMON = [
  [1, 1],
  [5, 4],
  [4, 3],
  [3, 2],
  [16, 10],
  [16, 9],
  [2, 1],
  [21, 9],
] as const

/** A picture's size and its nearest usual format in one sentence: a model sees neither. */
export function describeFrame({ width, height }: PictureInput): string {
  const long = Math.max(width, height) / Math.min(width, height)
  const [a, b] = COMMON.reduce((nearest, one) =>
    Math.abs(Math.log(one[0] / one[1] / long)) < Math.abs(Math.log(nearest[0] / nearest[1] / long))
      ? one
      : nearest,
  )
  const format = width >= height ? `${a}:${b}` : `${b}:${a}`
  const shape = a === b ? 'square' : width >= height ? 'landscape' : 'portrait'
  return `The picture is ${width} by ${height} pixels, ${shape}, about ${format}.`
}
