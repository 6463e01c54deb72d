/** Picture to picture: repaints a source in the style, light and colours that the prompt asks for. */
import sharp from 'sharp'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { mix } from './color.ts'
import { edges, finishes } from './finish.ts'
import { choosePalette, type Palette } from './palette.ts'
import { createRandom } from './random.ts'
import { blendRasters, channels, grey, open, over, type Raster, settle, wash } from './raster.ts'
import { type Reading, readPrompt } from './read-prompt.ts'
import type { StyleName } from './vocabulary.ts'

export type Restyling = {
  source: Uint8Array
  prompt: string
  negativePrompt: string
  /** Pixels. */
  width: number
  height: number
  seed: number
  guidance: number
  /** How far to leave the source, 0…1. */
  strength: number
}

/** A source may have at most this many pixels; more is refused before it is decoded. */
const largestSource = 50_000_000

/** Decodes the source, cropped to cover the wanted size. Throws `ProviderError('rejected')` when it cannot. */
export const decodeSource = async ({
  source,
  width,
  height,
}: Pick<Restyling, 'source' | 'width' | 'height'>): Promise<Raster> => {
  try {
    return await settle(
      sharp(source, { limitInputPixels: largestSource, failOn: 'error' })
        .autoOrient()
        .flatten({ background: '#ffffff' })
        .resize(width, height, { fit: 'cover', position: 'attention' }),
    )
  } catch (error) {
    throw new ProviderError('rejected', 'The source picture cannot be read.', { cause: error })
  }
}

/** Styles for a prompt that names none; which one is decided by seed. */
const quiet: readonly [StyleName, ...StyleName[]] = ['watercolor', 'oil', 'watercolor', 'oil', 'papercut']

/** Pulls shadows and lights towards the palette: a gentle duotone over the picture's own colours. */
const grade = async (raster: Raster, palette: Palette, amount: number): Promise<Raster> => {
  const [dark, light] = [
    channels(mix(palette.near, palette.ink, 0.5)),
    channels(mix(palette.sky[2], palette.light, 0.4)),
  ]
  const tones = await settle(grey(open(raster)))
  const duotone = await settle(
    open(tones).linear(
      [(light.r - dark.r) / 255, (light.g - dark.g) / 255, (light.b - dark.b) / 255],
      [dark.r, dark.g, dark.b],
    ),
  )
  return blendRasters(raster, duotone, amount)
}

/** Flat areas of few tones with dark outlines, for papercut, flat and minimal. */
const poster = async (raster: Raster): Promise<Raster> => {
  const calm = await settle(open(raster).median(3).modulate({ saturation: 1.2 }))
  const few = await sharp(
    await open(calm).png({ palette: true, colours: 11, dither: 0, compressionLevel: 1 }).toBuffer(),
  )
    .removeAlpha()
    .raw()
    .toBuffer()
  const flat = { data: few, width: raster.width, height: raster.height }
  const lines = await edges(calm, Math.max(1.2, Math.min(raster.width, raster.height) / 400), 5)
  return settle(open(flat).composite([over(lines, 'multiply')]))
}

const relight = async (raster: Raster, reading: Reading, palette: Palette): Promise<Raster> => {
  if (reading.time === 'night') {
    const dim = await settle(open(raster).modulate({ brightness: 0.74, saturation: 0.85 }))
    return settle(
      open(dim).composite([
        wash(raster, '#2a4a9a', 0.5, 'soft-light'),
        wash(raster, palette.sky[0], 0.16, 'over'),
      ]),
    )
  }
  if (
    reading.moods.has('warm') ||
    reading.time === 'sunset' ||
    reading.time === 'dawn' ||
    reading.season === 'autumn'
  ) {
    return settle(
      open(raster).composite([
        wash(raster, '#ff9a4a', 0.42, 'soft-light'),
        wash(raster, palette.glow, 0.12, 'over'),
      ]),
    )
  }
  if (reading.moods.has('cold') || reading.season === 'winter') {
    return settle(
      open(raster).composite([
        wash(raster, '#4a86d8', 0.45, 'soft-light'),
        wash(raster, '#dfeefb', 0.12, 'over'),
      ]),
    )
  }
  return raster
}

const paint = async (
  raster: Raster,
  reading: Reading,
  style: StyleName,
  palette: Palette,
  seed: number,
): Promise<Raster> => {
  if (style === 'papercut' || style === 'flat' || style === 'minimal') return poster(raster)
  if (style === 'ink') {
    const drained = await settle(open(raster).modulate({ saturation: 0.12 }).linear(1.12, 0))
    return finishes.ink(drained, palette, createRandom(seed))
  }
  if (style === 'cyberpunk') {
    const night = await settle(
      open(raster)
        .modulate({ brightness: 0.78, saturation: 1.35 })
        .composite([wash(raster, '#7a1fd0', 0.5, 'soft-light')]),
    )
    return finishes.cyberpunk(await grade(night, palette, 0.4), palette, createRandom(seed))
  }
  return finishes[style](raster, palette, createRandom(reading.hash ^ seed))
}

/**
 * Repaints a picture. Strength 0 gives the source back (cropped to size), 1 the full repainting; between the
 * two the repainting shows more and more. `stage` is called before each costly step and may throw to stop.
 * Throws `ProviderError('rejected')` for a source that cannot be read.
 */
export const restyle = async (job: Restyling, stage: () => void): Promise<Raster> => {
  stage()
  const source = await decodeSource(job)
  const reading = readPrompt(job.prompt, job.negativePrompt)
  const random = createRandom(reading.hash ^ Math.imul(job.seed, 0x9e3779b1))
  const palette = choosePalette(reading, random.fork('palette'), job.guidance)
  const style = reading.style === 'storybook' ? random.pick(quiet) : reading.style
  if (job.strength <= 0) return source
  stage()
  const lit = await relight(source, reading, palette)
  stage()
  const painted = await paint(lit, reading, style, palette, job.seed)
  stage()
  const amount = (reading.colors.length > 0 ? 0.5 : 0.16) * Math.min(1.2, 0.5 + job.guidance / 20)
  const graded = style === 'line' || style === 'ink' ? painted : await grade(painted, palette, amount)
  stage()
  return blendRasters(source, graded, Math.min(1, job.strength))
}
