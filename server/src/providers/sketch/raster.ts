/** A picture in memory, and the few operations on it that styles are made of. All run in libvips' threads. */
import sharp, { type Blend, type OverlayOptions, type Sharp } from 'sharp'
import { type Hex, mix } from './color.ts'
import type { Tile } from './texture.ts'

/** Three bytes a pixel, sRGB. */
export type Raster = { data: Buffer; width: number; height: number }

export const open = (raster: Raster): Sharp =>
  sharp(raster.data, {
    raw: { width: raster.width, height: raster.height, channels: 3 },
    limitInputPixels: false,
  })

/** Runs a pipeline to the end; the result always has three channels. */
export const settle = async (pipeline: Sharp): Promise<Raster> => {
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

export const over = (raster: Raster, blend: Blend): OverlayOptions => ({
  input: raster.data,
  raw: { width: raster.width, height: raster.height, channels: 3 },
  blend,
})

/** The tile's upper left part; libvips refuses to lay a tile that is larger than the picture. */
const cropTile = ({ data, size }: Tile, width: number, height: number): Buffer =>
  Buffer.concat(Array.from({ length: height }, (_, y) => data.subarray(y * size * 4, (y * size + width) * 4)))

/** Repeats a tile over the whole picture. */
export const tiled = (raster: Raster, tile: Tile, blend: Blend): OverlayOptions => {
  const [width, height] = [Math.min(tile.size, raster.width), Math.min(tile.size, raster.height)]
  const input = width === tile.size && height === tile.size ? tile.data : cropTile(tile, width, height)
  return { input, raw: { width, height, channels: 4 }, tile: true, blend }
}

/** Luminance in all three channels (libvips' own greyscale would drop to one). */
export const grey = (pipeline: Sharp): Sharp =>
  pipeline.recomb([
    [0.299, 0.587, 0.114],
    [0.299, 0.587, 0.114],
    [0.299, 0.587, 0.114],
  ])

/** What a blend mode leaves as it is: mixing a colour towards it is how a wash is thinned. */
const neutral: Partial<Record<Blend, Hex>> = { multiply: '#ffffff', 'soft-light': '#808080' }

/**
 * A plain colour over the whole picture, `strength` 0…1. (libvips darkens too much when a half-transparent
 * colour multiplies, so that those modes get an opaque colour, thinned towards the neutral one.)
 */
export const wash = (raster: Raster, color: Hex, strength: number, blend: Blend): OverlayOptions => {
  const still = neutral[blend]
  const background =
    still === undefined
      ? { ...channels(color), alpha: strength }
      : { ...channels(mix(still, color, strength)), alpha: 1 }
  return { input: { create: { width: raster.width, height: raster.height, channels: 4, background } }, blend }
}

export const channels = (color: Hex): { r: number; g: number; b: number } => {
  const value = Number.parseInt(color.slice(1), 16)
  return { r: value >> 16, g: (value >> 8) & 255, b: value & 255 }
}

/** Draws SVG text (already complete) to a raster of this size, in pixels. */
export const rasterize = (svg: string, width: number, height: number): Promise<Raster> =>
  settle(
    sharp(Buffer.from(svg), { limitInputPixels: false, unlimited: true }).resize(width, height, {
      fit: 'fill',
    }),
  )

/** Mixes two rasters of one size: 0 is all `from`, 1 is all `to`. */
export const blendRasters = async (from: Raster, to: Raster, t: number): Promise<Raster> => {
  if (t <= 0) return from
  if (t >= 1) return to
  const layer = await open(to).ensureAlpha(t).raw().toBuffer()
  return settle(
    open(from).composite([{ input: layer, raw: { width: to.width, height: to.height, channels: 4 } }]),
  )
}
