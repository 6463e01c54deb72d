/** What a clip is made of: the scene of its prompt (or its first picture) as layers, from back to front. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import sharp from 'sharp'
import type { VideoJob } from '../../../kernel/ports/provider.ts'
import { asDocument, type Composition, composeDrawing } from '../draw.ts'
import { type Finish, movingFinishes, sheetMargin } from '../finish.ts'
import type { Palette } from '../palette.ts'
import { createRandom } from '../random.ts'
import { channels, open, type Raster, settle } from '../raster.ts'
import type { Reading } from '../read-prompt.ts'
import { decodeSource } from '../restyle.ts'
import { type Particles, type Plane, splitPlanes } from '../scene/plane.ts'
import { createDefs, rect } from '../svg.ts'
import type { DetailName, StyleName } from '../vocabulary.ts'
import { chooseMove } from './choose-move.ts'
import { isParticles } from './particles.ts'
import type { LayerMessage, Rgb, Shot } from './shot.ts'

/** How much larger than the screen a layer is, so that the camera has room. */
const room = 1.18

type Size = { width: number; height: number }

/** Prompts reach clips without a guidance; this is the usual one. */
const guidance = 7

const even = (value: number): number => Math.round(value / 2) * 2

/** The side of a pixel-art pixel: about a hundred of them on the short side, and even because of the chroma. */
const cellOf = ({ width, height }: Size): number => Math.max(2, 2 * Math.round(Math.min(width, height) / 208))

const pixelate = async (raster: Raster, cell: number): Promise<Raster> => {
  const tiny = await open(raster)
    .resize(raster.width / cell, raster.height / cell, { fit: 'fill', kernel: 'lanczos3' })
    .modulate({ saturation: 1.18 })
    .sharpen({ sigma: 0.7 })
    .png({ palette: true, colours: 48, dither: 0 })
    .toBuffer()
  return settle(sharp(tiny).resize(raster.width, raster.height, { fit: 'fill', kernel: 'nearest' }))
}

/** A cover whose cells are all or nothing. */
const pixelCover = async (cover: Buffer, size: Size, cell: number): Promise<Buffer> => {
  const raw = { raw: { ...size, channels: 1 as const } }
  const tiny = await sharp(cover, raw)
    .resize(size.width / cell, size.height / cell, { fit: 'fill', kernel: 'cubic' })
    .threshold(110)
    .toColourspace('b-w')
    .raw()
    .toBuffer()
  return sharp(tiny, { raw: { width: size.width / cell, height: size.height / cell, channels: 1 } })
    .resize(size.width, size.height, { fit: 'fill', kernel: 'nearest' })
    .toColourspace('b-w')
    .raw()
    .toBuffer()
}

/** Styles that paint every layer anew, which takes time: their scenes are cut into fewer. */
const slow = new Set<StyleName>(['watercolor', 'oil', 'ink'])

/** Layers of more pixels than this are fewer, for the sake of memory (each takes 3.5 bytes a pixel). */
const manyPixels = 2_500_000

/** Joins neighbours that differ least in depth until there are at most so many (or none can be joined). */
const thinOut = (planes: readonly Plane[], most: number): Plane[] => {
  const kept = [...planes]
  while (kept.length > most) {
    let best = -1
    let least = Number.POSITIVE_INFINITY
    for (let i = 1; i < kept.length; i += 1) {
      const [a, b] = [kept[i - 1], kept[i]]
      if (a === undefined || b === undefined || a.motion !== b.motion || isParticles(a.motion)) continue
      const apart = Math.abs(b.depth - a.depth)
      if (apart < least) [best, least] = [i, apart]
    }
    const [a, b] = [kept[best - 1], kept[best]]
    if (a === undefined || b === undefined) break
    kept.splice(best - 1, 2, { motion: a.motion, depth: b.depth, svg: a.svg + b.svg })
  }
  return kept
}

/** Styles in which dust in the light would look like a mistake. */
const clean = new Set<StyleName>(['ink', 'line', 'flat', 'papercut', 'pixel', 'minimal'])

const fallingThings: readonly [DetailName, Particles][] = [
  ['fireflies', 'fireflies'],
  ['petals', 'petals'],
  ['rain', 'rain'],
  ['snow', 'snow'],
  ['fireworks', 'fireworks'],
]

const rgb = (hex: string): Rgb => {
  const { r, g, b } = channels(hex)
  return [r, g, b]
}

const shotOf = (job: VideoJob, size: Size, composition: Composition): Shot => {
  const { reading, palette } = composition
  const random = createRandom(reading.hash ^ Math.imul(job.seed, 0x9e3779b1)).fork('clip')
  const cell = reading.style === 'pixel' && job.source === undefined ? cellOf(size) : 0
  const step = Math.max(2, cell)
  const layer = {
    width: Math.ceil((size.width * room) / step) * step,
    height: Math.ceil((size.height * room) / step) * step,
  }
  const tones = reading.details.has('fireworks')
    ? [...palette.accents, '#fff2c4']
    : [palette.leaf[1], palette.leaf[2], palette.accents[0]]
  return {
    ...size,
    fps: job.fps,
    frames: job.seconds * job.fps,
    seed: (reading.hash ^ job.seed) >>> 0,
    move: chooseMove(job.prompt, random),
    focus: { x: 0.5, y: composition.figurative && job.source === undefined ? 0.58 : 0.5 },
    layer,
    cell,
    shines: reading.style === 'cyberpunk' && job.source === undefined,
    glow: rgb(palette.light),
    colors: tones.map(rgb),
  }
}

const covered = async (svg: string, size: Size): Promise<{ rgba: Buffer; cover: Buffer }> => {
  const rgba = await sharp(Buffer.from(svg), { limitInputPixels: false, unlimited: true })
    .resize(size.width, size.height, { fit: 'fill' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer()
  const cover = await sharp(rgba, { raw: { ...size, channels: 4 } })
    .extractChannel(3)
    .toColourspace('b-w')
    .raw()
    .toBuffer()
  return { rgba, cover }
}

const onTop = async (raster: Raster, rgba: Buffer): Promise<Raster> => {
  const { width, height } = raster
  return settle(open(raster).composite([{ input: rgba, raw: { width, height, channels: 4 } }]))
}

/** The memory of a buffer that libvips owns cannot be handed to another thread; a copy can. */
const own = (data: Buffer): Uint8Array => new Uint8Array(data)

/** Layers of one clip. Each is drawn when it is asked for, so that one at a time is in memory. */
export type Layers = AsyncGenerator<LayerMessage, void, void>

type Sheet = { palette: Palette; reading: Reading }

const finishFor = (shot: Shot, { palette, reading }: Sheet): ((raster: Raster) => Promise<Raster>) => {
  if (shot.cell > 0) return (raster) => pixelate(raster, shot.cell)
  const finish: Finish = movingFinishes[reading.style]
  return (raster) => finish(raster, palette, createRandom(shot.seed))
}

async function* sceneLayers(shot: Shot, composition: Composition): Layers {
  const { layer: size, cell } = shot
  const { reading, palette, figurative } = composition
  const planes = thinOut(
    splitPlanes(composition.body, figurative ? 'still' : 'flow'),
    slow.has(reading.style) || size.width * size.height > manyPixels ? 8 : 14,
  )
  const busy = planes.some(({ motion }) => isParticles(motion))
  if (!busy && !clean.has(reading.style)) planes.push({ motion: 'motes', depth: 1.1, svg: '' })
  const finish = finishFor(shot, composition)
  let bare: Raster | undefined
  let picture: Raster | undefined
  for (const { motion, depth, svg } of planes) {
    if (isParticles(motion)) {
      yield { type: 'layer', motion, depth }
      continue
    }
    const { rgba, cover } = await covered(asDocument(composition, svg, size), size)
    bare =
      bare === undefined
        ? await settle(sharp(rgba, { raw: { ...size, channels: 4 } }))
        : await onTop(bare, rgba)
    picture = await finish(bare)
    yield {
      type: 'layer',
      motion,
      depth,
      picture: own(picture.data),
      cover: own(cell > 0 ? await pixelCover(cover, size, cell) : cover),
    }
    await nextTurn()
  }
  if (picture === undefined) return
  const overlays: string[] = []
  if (palette.night && composition.vignette !== '' && reading.style !== 'pixel')
    overlays.push(asDocument(composition, composition.vignette, size))
  if (reading.style === 'watercolor')
    overlays.push(sheetMargin(size.width, size.height, palette, createRandom(shot.seed)))
  for (const svg of overlays) {
    const { rgba, cover } = await covered(svg, size)
    picture = await onTop(picture, rgba)
    yield { type: 'layer', motion: 'fixed', depth: 0, picture: own(picture.data), cover: own(cover) }
  }
}

/** A broad soft light, as through a window that passes by. */
const lightDocument = (size: Size, color: string): string => {
  const defs = createDefs()
  const fill = defs.radial([
    [0, color, 0.3],
    [0.5, color, 0.12],
    [1, color, 0],
  ])
  const side = Math.max(size.width, size.height) * 0.9
  const body = rect(size.width / 2 - side / 2, size.height * 0.3 - side / 2, side, side, { fill })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${defs.text()}${body}</svg>`
}

async function* sourceLayers(shot: Shot, source: Uint8Array, { reading, palette }: Sheet): Layers {
  const { layer: size } = shot
  let picture = await decodeSource({ source, ...size })
  yield { type: 'layer', motion: 'still', depth: 1, picture: own(picture.data) }
  const { rgba, cover } = await covered(lightDocument(size, palette.glow), size)
  picture = await onTop(picture, rgba)
  yield { type: 'layer', motion: 'sweep', depth: 0.3, picture: own(picture.data), cover: own(cover) }
  const named = fallingThings.filter(([detail]) => reading.details.has(detail))
  for (const [, motion] of named.length > 0 ? named : [['sun', 'motes'] as const])
    yield { type: 'layer', motion, depth: 1.1 }
}

/** Plans a clip of this many pixels (both even). Throws `ProviderError('rejected')` for an unreadable source, when its layer is asked for. */
export const planClip = (job: VideoJob, pixels: Size): { shot: Shot; layers: Layers } => {
  const size = { width: even(pixels.width), height: even(pixels.height) }
  const { prompt, seed } = job
  const composition = composeDrawing({ prompt, negativePrompt: '', ...size, seed, guidance })
  const shot = shotOf(job, size, composition)
  const layers =
    job.source === undefined
      ? sceneLayers(shot, composition)
      : sourceLayers(shot, job.source.bytes, composition)
  return { shot, layers }
}
