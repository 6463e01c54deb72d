/**
 * Layers as the worker keeps them: luma and chroma of video (BT.709, limited range, 4:2:0), multiplied by
 * their cover, so that a frame is put together in the encoder's own format: 2.75 samples a pixel instead of
 * four, and nothing to convert afterwards.
 */
import type { Motion } from '../scene/plane.ts'
import type { LayerMessage, Rgb } from './shot.ts'

export type Layer = {
  motion: Motion
  depth: number
  /** Where the layer has anything, in pixels of the whole layer; even numbers. */
  left: number
  top: number
  width: number
  height: number
  /** Luma in the low byte, cover in the high one. */
  luma: Uint16Array
  /** U, V and cover, three bytes for every 2 × 2 pixels. */
  chroma: Uint8Array
  /** First and last + 1 column with cover, for every row (two numbers a row). */
  spans: Int32Array
  opaque: boolean
  /** From this row (of the whole layer) down to the edge nothing below shows through; else Infinity. */
  solid: number
  /** Sides where the layer reaches the edge of its picture: beyond them its last pixels go on. */
  touches: { left: boolean; top: boolean; right: boolean; bottom: boolean }
}

export const yOf = (r: number, g: number, b: number): number => 0.1826 * r + 0.6142 * g + 0.062 * b
export const uOf = (r: number, g: number, b: number): number => -0.1006 * r - 0.3386 * g + 0.4392 * b
export const vOf = (r: number, g: number, b: number): number => 0.4392 * r - 0.3989 * g - 0.0403 * b

export type Yuv = readonly [y: number, u: number, v: number]

export const toYuv = ([r, g, b]: Rgb): Yuv => [16 + yOf(r, g, b), 128 + uOf(r, g, b), 128 + vOf(r, g, b)]

/** Below this, light that a style spreads outside a layer's own shapes is not worth a pixel. */
const leastGlow = 12

/** Light is kept in 64ths until it is video, or the faint edge of a halo would be rounded to a visible step. */
const fine = 64

type Extent = { width: number; height: number; shines: boolean }

type Box = { left: number; top: number; right: number; bottom: number }

/**
 * What the layer adds: the picture with it, less what shows through of the picture below. Where a style that
 * `shines` made the surroundings brighter (neon) the layer gets a little cover of its own for that light; in
 * others (paint runs, strokes fall anew) such differences are chance, and would only crawl.
 */
const peel = (
  picture: Uint8Array,
  below: Uint8Array | undefined,
  cover: Uint8Array | undefined,
  size: Extent,
): { light: Uint16Array; box: Box } => {
  const { width, height } = size
  const light = new Uint16Array(width * height * 4)
  const box = { left: width, top: height, right: 0, bottom: 0 }
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x
      let a = cover === undefined || below === undefined ? 255 : (cover[i] as number)
      let r = picture[i * 3] as number
      let g = picture[i * 3 + 1] as number
      let b = picture[i * 3 + 2] as number
      if (a < 255 && below !== undefined) {
        const through = (255 - a) / 255
        r = Math.max(0, r - (below[i * 3] as number) * through)
        g = Math.max(0, g - (below[i * 3 + 1] as number) * through)
        b = Math.max(0, b - (below[i * 3 + 2] as number) * through)
        const most = Math.max(r, g, b)
        if (a === 0 && (most < leastGlow || !size.shines)) continue
        a = Math.max(a, Math.ceil(most))
      }
      if (a === 0) continue
      light[i * 4] = r * fine
      light[i * 4 + 1] = g * fine
      light[i * 4 + 2] = b * fine
      light[i * 4 + 3] = a
      if (x < box.left) box.left = x
      if (x >= box.right) box.right = x + 1
      if (y < box.top) box.top = y
      if (y >= box.bottom) box.bottom = y + 1
    }
  }
  return { light, box }
}

/** One pixel of room, so that edges fade when they lie between pixels; even, because of the chroma. */
const widen = (box: Box, width: number, height: number): Box => ({
  left: Math.max(0, (box.left - 2) & ~1),
  top: Math.max(0, (box.top - 2) & ~1),
  right: Math.min(width, (box.right + 3) & ~1),
  bottom: Math.min(height, (box.bottom + 3) & ~1),
})

/** The first row from which all are fully covered, or Infinity. */
const solidRow = (luma: Uint16Array, width: number, height: number): number => {
  for (let i = width * height - 1; i >= 0; i -= 1) {
    if ((luma[i] as number) >= 0xff00) continue
    const row = Math.floor(i / width) + 1
    return row < height ? row : Infinity
  }
  return 0
}

/** Turns what was sent into a layer; `undefined` when there is nothing to see. Layer sides must be even. */
export const makeLayer = (
  message: LayerMessage & { picture: Uint8Array },
  below: Uint8Array | undefined,
  size: Extent,
): Layer | undefined => {
  const { light, box: found } = peel(message.picture, below, message.cover, size)
  if (found.right <= found.left) return undefined
  const { left, top, right, bottom } = widen(found, size.width, size.height)
  const [width, height] = [right - left, bottom - top]
  const luma = new Uint16Array(width * height)
  const chroma = new Uint8Array((width / 2) * (height / 2) * 3)
  const spans = new Int32Array(height * 2)
  for (let y = 0; y < height; y += 1) {
    let [from, to] = [width, 0]
    let i = ((y + top) * size.width + left) * 4
    for (let x = 0; x < width; x += 1, i += 4) {
      const a = light[i + 3] as number
      if (a === 0) continue
      if (from === width) from = x
      to = x + 1
      const bright = yOf(light[i] as number, light[i + 1] as number, light[i + 2] as number) / fine
      luma[y * width + x] = (a << 8) | (0.5 + (16 * a) / 255 + bright)
    }
    spans[y * 2] = from
    spans[y * 2 + 1] = to
  }
  const stride = size.width * 4
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      let [r, g, b, a] = [0, 0, 0, 0]
      const i = (y + top) * stride + (x + left) * 4
      for (const k of [i, i + 4, i + stride, i + stride + 4]) {
        r += light[k] as number
        g += light[k + 1] as number
        b += light[k + 2] as number
        a += light[k + 3] as number
      }
      if (a === 0) continue
      const j = ((y / 2) * (width / 2) + x / 2) * 3
      const base = (128 * a) / 255
      chroma[j] = 0.5 + Math.max(0, Math.min(a, base + uOf(r, g, b) / fine)) / 4
      chroma[j + 1] = 0.5 + Math.max(0, Math.min(a, base + vOf(r, g, b) / fine)) / 4
      chroma[j + 2] = 0.5 + a / 4
    }
  }
  const { motion, depth } = message
  const touches = {
    left: found.left === 0,
    top: found.top === 0,
    right: found.right === size.width,
    bottom: found.bottom === size.height,
  }
  const opaque = below === undefined
  const solid = touches.bottom && width === size.width ? top + solidRow(luma, width, height) : Infinity
  return { motion, depth, left, top, width, height, luma, chroma, spans, opaque, touches, solid }
}

/** A frame in planes as RGB, three bytes a pixel. */
export const toRgb = (frame: Uint8Array, width: number, height: number): Uint8Array => {
  const rgb = new Uint8ClampedArray(width * height * 3)
  const [uAt, vAt] = [width * height, width * height * 1.25]
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const c = (y >> 1) * (width / 2) + (x >> 1)
      const luma = ((frame[y * width + x] as number) - 16) * 1.1644
      const u = (frame[uAt + c] as number) - 128
      const v = (frame[vAt + c] as number) - 128
      const i = (y * width + x) * 3
      rgb[i] = luma + 1.7927 * v
      rgb[i + 1] = luma - 0.2132 * u - 0.5329 * v
      rgb[i + 2] = luma + 2.1124 * u
    }
  }
  return new Uint8Array(rgb.buffer)
}
