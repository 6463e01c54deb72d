/** The last hand on a picture: what a style does to finished pixels, for drawings and for photographs alike. */
import sharp from 'sharp'
import { paintOver } from './brush.ts'
import type { Palette } from './palette.ts'
import { createNoise, type Random } from './random.ts'
import { blendRasters, channels, grey, open, over, type Raster, settle, tiled, wash } from './raster.ts'
import { type Point, path, smooth } from './svg.ts'
import { textures } from './texture.ts'
import type { StyleName } from './vocabulary.ts'

export type Finish = (raster: Raster, palette: Palette, random: Random) => Promise<Raster>

const short = (raster: Raster): number => Math.min(raster.width, raster.height)

/** The edges of shapes as dark lines on white; `width` is in pixels. */
export const edges = async (raster: Raster, width: number, gain: number): Promise<Raster> => {
  const base = await settle(grey(open(raster)).normalise())
  const soft = await settle(open(base).blur(Math.max(0.5, width)))
  const difference = await settle(open(base).composite([over(soft, 'difference')]))
  return settle(open(difference).linear(gain, -10).negate())
}

/** Slow uneven clouds of tone, as pigment dries in puddles: a few dozen random values, enlarged smoothly. */
const puddles = (raster: Raster, random: Random, depth: number): Promise<Raster> => {
  const [width, height] = raster.width > raster.height ? [13, 9] : [9, 13]
  const data = Buffer.alloc(width * height * 3)
  for (let i = 0; i < data.length; i += 3) {
    const tone = random.between(-1, 1) * depth
    for (let channel = 0; channel < 3; channel += 1) {
      data[i + channel] = Math.round(128 + tone + random.between(-0.2, 0.2) * depth)
    }
  }
  const size = { fit: 'fill', kernel: 'cubic' } as const
  return settle(open({ data, width, height }).resize(raster.width, raster.height, size))
}

const washes: Finish = async (raster, _palette, random) => {
  const { paper, canvas } = await textures()
  const unit = short(raster) / 1000
  // A median melts small shapes together as water does, but above about 1600 pixels it would take seconds.
  const calm = unit > 1.6 ? open(raster).blur(1.2 * unit) : open(raster).median(3)
  const soft = await settle(calm.modulate({ saturation: 0.92, brightness: 1.06 }))
  const bleed = await settle(open(soft).blur(Math.max(0.8, 7 * unit)))
  const wet = await blendRasters(soft, bleed, 0.42)
  const rims = await settle(open(await edges(soft, Math.max(0.8, 3.4 * unit), 2)).linear(0.62, 98))
  return settle(
    open(wet).composite([
      over(await puddles(raster, random, 50), 'soft-light'),
      over(rims, 'multiply'),
      tiled(raster, canvas, 'soft-light'),
      tiled(raster, paper, 'soft-light'),
    ]),
  )
}

/** The uneven white margin of a painted sheet, as an SVG document in pixels. */
export const sheetMargin = (width: number, height: number, palette: Palette, random: Random): string => {
  const m = Math.min(width, height) * 0.036
  const noise = createNoise(random, 3)
  const points: Point[] = []
  const steps = 30
  const edge = (i: number, side: number): number => m * (1 + 0.55 * noise(i * 0.55 + side * 41))
  for (let i = 1; i < steps; i += 1) points.push([(width * i) / steps, edge(i, 0)])
  for (let i = 1; i < steps; i += 1) points.push([width - edge(i, 1), (height * i) / steps])
  for (let i = steps - 1; i > 0; i -= 1) points.push([(width * i) / steps, height - edge(i, 2)])
  for (let i = steps - 1; i > 0; i -= 1) points.push([edge(i, 3), (height * i) / steps])
  const hole = smooth(points, true)
  const rim =
    path(hole, { stroke: palette.ink, width: m * 0.14, alpha: 0.13 }) +
    path(hole, { stroke: palette.paper, width: m * 0.5, alpha: 0.35 })
  const body =
    rim + path(`M0 0H${width}V${height}H0z${hole}`, { fill: palette.paper, extra: 'fill-rule="evenodd"' })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`
}

const watercolor: Finish = async (raster, palette, random) => {
  const painted = await washes(raster, palette, random)
  const margin = sheetMargin(raster.width, raster.height, palette, random)
  return settle(open(painted).composite([{ input: Buffer.from(margin), limitInputPixels: false }]))
}

const ink: Finish = async (raster) => {
  const { paper, canvas } = await textures()
  const unit = short(raster) / 1000
  const muted = await settle(open(raster).modulate({ saturation: 0.72 }))
  const bleed = await settle(open(muted).blur(Math.max(0.8, 6 * unit)))
  const lines = await settle(open(await edges(raster, Math.max(0.8, 2.6 * unit), 3.2)).linear(0.86, 36))
  const wet = await blendRasters(muted, bleed, 0.35)
  return settle(
    open(wet).composite([
      over(lines, 'multiply'),
      wash(raster, '#f3ead6', 0.22, 'multiply'),
      tiled(raster, canvas, 'soft-light'),
      tiled(raster, paper, 'soft-light'),
    ]),
  )
}

const oil: Finish = async (raster, _palette, random) => {
  const { canvas } = await textures()
  const rich = await settle(open(raster).modulate({ saturation: 1.14 }))
  // A third of the picture below shows through, so that eyes and windows stay readable.
  const painted = await blendRasters(await paintOver(rich, random), rich, 0.34)
  return settle(open(painted).composite([tiled(raster, canvas, 'soft-light')]))
}

/** A pencil drawing: dark lines on paper, with a breath of the colours left. */
const line: Finish = async (raster, palette) => {
  const { paper } = await textures()
  const unit = short(raster) / 1000
  const lines = await edges(raster, Math.max(1.1, 2.2 * unit), 7)
  const { r, g, b } = channels(palette.ink === '#141a33' ? '#2c3050' : palette.ink)
  const drawn = await settle(
    open(lines).linear([(248 - r) / 255, (243 - g) / 255, (232 - b) / 255], [r, g, b]),
  )
  const tint = await settle(
    open(raster)
      .blur(Math.max(0.6, 3 * unit))
      .modulate({ saturation: 0.7 })
      .linear(0.28, 188),
  )
  return settle(open(drawn).composite([over(tint, 'multiply'), tiled(raster, paper, 'soft-light')]))
}

const pixel: Finish = async (raster) => {
  const side = Math.max(20, Math.min(112, Math.round(short(raster) / 5)))
  const scale = side / short(raster)
  const [w, h] = [
    Math.max(8, Math.round(raster.width * scale)),
    Math.max(8, Math.round(raster.height * scale)),
  ]
  const tiny = await open(raster)
    .resize(w, h, { fit: 'fill', kernel: 'lanczos3' })
    .modulate({ saturation: 1.18 })
    .sharpen({ sigma: 0.7 })
    .png({ palette: true, colours: 40, dither: 0.25 })
    .toBuffer()
  return settle(sharp(tiny).resize(raster.width, raster.height, { fit: 'fill', kernel: 'nearest' }))
}

const fade = (raster: Raster): Promise<Raster> =>
  settle(open(raster).modulate({ saturation: 0.95 }).linear([0.93, 0.91, 0.84], [20, 16, 20]))

const retro: Finish = async (raster) => {
  const { strongGrain, paper } = await textures()
  const faded = await fade(raster)
  return settle(
    open(faded).composite([
      wash(raster, '#f4d4a0', 0.14, 'multiply'),
      tiled(raster, strongGrain, 'over'),
      tiled(raster, paper, 'soft-light'),
    ]),
  )
}

/** The bright parts, spread out: what a lens adds to neon light. */
const bloom = (raster: Raster): Promise<Raster> =>
  settle(
    open(raster)
      .linear(1.5, -120)
      .blur(Math.max(0.8, (14 * short(raster)) / 1000)),
  )

const shine: Finish = async (raster) => settle(open(raster).composite([over(await bloom(raster), 'screen')]))

const neon: Finish = async (raster) => {
  const { fineGrain } = await textures()
  return settle(
    open(raster).composite([over(await bloom(raster), 'screen'), tiled(raster, fineGrain, 'over')]),
  )
}

const cut: Finish = async (raster) => {
  const { paper, fineGrain } = await textures()
  return settle(
    open(raster).composite([tiled(raster, paper, 'soft-light'), tiled(raster, fineGrain, 'over')]),
  )
}

const plain: Finish = async (raster) => raster

const storybook: Finish = async (raster) => {
  const { fineGrain } = await textures()
  return settle(
    open(raster)
      .modulate({ saturation: 1.09 })
      .composite([tiled(raster, fineGrain, 'over')]),
  )
}

export const finishes: Record<StyleName, Finish> = {
  storybook,
  watercolor,
  ink,
  oil,
  line,
  pixel,
  retro,
  cyberpunk: neon,
  papercut: cut,
  flat: plain,
  minimal: storybook,
}

/**
 * The same hands for the parts of a clip, which move against one another: without grain, which would crawl
 * (and cost most of the bytes), and without the sheet's margin, which belongs to the screen.
 */
export const movingFinishes: Record<StyleName, Finish> = {
  ...finishes,
  storybook: (raster) => settle(open(raster).modulate({ saturation: 1.09 })),
  minimal: (raster) => settle(open(raster).modulate({ saturation: 1.09 })),
  watercolor: washes,
  retro: fade,
  cyberpunk: shine,
  papercut: plain,
}
