import type { OpenAiOptions, Size } from './options.ts'

const THREE: readonly Size[] = [
  { width: 1024, height: 1024 },
  { width: 1536, height: 1024 },
  { width: 1024, height: 1536 },
]

/** What models of OpenAI take (protocols.md 5.1); retired ones live on at gateways. */
const BY_MODEL: readonly { model: RegExp; sizes: 'free' | readonly Size[] }[] = [
  { model: /^gpt-image-2/, sizes: 'free' },
  { model: /^(gpt-image-1|chatgpt-image)/, sizes: THREE },
  {
    model: /^dall-e-3/,
    sizes: [
      { width: 1024, height: 1024 },
      { width: 1792, height: 1024 },
      { width: 1024, height: 1792 },
    ],
  },
  { model: /^dall-e-2/, sizes: [256, 512, 1024].map((side) => ({ width: side, height: side })) },
]

const STEP = 16
const MOST_RATIO = 3
const LONGEST = 3840
/** 3840 by 2160. */
const MOST_PIXELS = 3840 * 2160
/** Smaller pictures are refused; not in our copy of the document, and harmless where it is not so. */
const FEWEST_PIXELS = 655_360

/**
 * The size to ask for, as `WxH`, or null to leave it to the vendor. A picture that comes in another size than was
 * asked for is kept as it is: cutting it would throw away what was made and paid.
 */
export function chooseSize(
  { model, ...wanted }: Size & { model: string },
  choice: OpenAiOptions['imageSize'],
): string | null {
  if (choice === 'off') return null
  if (choice === 'exact') return textOf(wanted)
  const known = choice === 'model' ? BY_MODEL.find((one) => one.model.test(model))?.sizes : choice
  if (known === undefined) return textOf(wanted)
  return textOf(known === 'free' ? freeSize(wanted) : nearest(wanted, known))
}

const textOf = ({ width, height }: Size): string => `${width}x${height}`

/** The closest shape; among equal shapes the closest area. */
export function nearest(wanted: Size, sizes: readonly Size[]): Size {
  const apart = (a: number, b: number): number => Math.abs(Math.log(a / b))
  const far = (size: Size): number =>
    apart(size.width / size.height, wanted.width / wanted.height) * 1_000 +
    apart(size.width * size.height, wanted.width * wanted.height)
  return sizes.toSorted((a, b) => far(a) - far(b))[0] ?? wanted
}

/** Multiples of 16 of nearly the wanted shape, within what the model takes. */
function freeSize({ width, height }: Size): Size {
  const ratio = Math.min(MOST_RATIO, Math.max(1 / MOST_RATIO, width / height))
  const pixels = Math.min(MOST_PIXELS, Math.max(FEWEST_PIXELS, width * height))
  let long = Math.sqrt(pixels * Math.max(ratio, 1 / ratio))
  let short = Math.sqrt(pixels / Math.max(ratio, 1 / ratio))
  const shrink = Math.min(1, LONGEST / long)
  long = Math.floor((long * shrink) / STEP) * STEP
  // Rounded up, so that the shape stays within 3:1 and the area above the least; down where it would be too much.
  short = Math.ceil((short * shrink) / STEP) * STEP
  if (long * short < FEWEST_PIXELS) long += STEP
  if (long * short > MOST_PIXELS) short -= STEP
  if (long > short * MOST_RATIO) short += STEP
  return ratio >= 1 ? { width: long, height: short } : { width: short, height: long }
}
