/** From a prompt to pixels: reading, palette, composition, rendering and finishing of one picture. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { composeAbstract } from './abstract/compositions.ts'
import { finishes } from './finish.ts'
import { choosePalette, type Palette } from './palette.ts'
import { createRandom, hashText } from './random.ts'
import { type Raster, rasterize } from './raster.ts'
import { type Reading, readPrompt } from './read-prompt.ts'
import { type Canvas, createCanvas, type Look } from './scene/canvas.ts'
import { composeScene } from './scene/compose.ts'
import { createDefs, rect } from './svg.ts'
import type { StyleName } from './vocabulary.ts'

export type Drawing = {
  prompt: string
  negativePrompt: string
  /** Pixels. */
  width: number
  height: number
  seed: number
  guidance: number
}

const looks: Record<StyleName, Look> = {
  storybook: { flat: false, shadows: false, mist: 0.3, sparse: false },
  watercolor: { flat: false, shadows: false, mist: 0.5, sparse: false },
  ink: { flat: false, shadows: false, mist: 0.9, sparse: false },
  oil: { flat: false, shadows: false, mist: 0.25, sparse: false },
  cyberpunk: { flat: false, shadows: false, mist: 0.4, sparse: false },
  papercut: { flat: true, shadows: true, mist: 0, sparse: false },
  pixel: { flat: false, shadows: false, mist: 0.1, sparse: false },
  line: { flat: true, shadows: false, mist: 0, sparse: false },
  minimal: { flat: false, shadows: false, mist: 0.2, sparse: true },
  flat: { flat: true, shadows: false, mist: 0, sparse: false },
  retro: { flat: false, shadows: false, mist: 0.25, sparse: false },
}

/** The longest side a scene is composed for, against a short side of 1000; longer pictures show a part. */
const longest = 3000

const sceneSize = (width: number, height: number): { width: number; height: number } => {
  const short = Math.min(width, height)
  const units = (pixels: number): number => Math.min(longest, (pixels / short) * 1000)
  return { width: units(width), height: units(height) }
}

/** Whether the prompt names anything that a scene can be made of. */
const namesSomething = (reading: Reading): boolean =>
  reading.subjects.length > 0 ||
  reading.places.length > 0 ||
  reading.time !== undefined ||
  reading.season !== undefined ||
  [...reading.details].some((detail) => detail !== 'flowers')

const vignette = (canvas: Canvas): string =>
  canvas.look.flat
    ? ''
    : rect(-2, -2, canvas.width + 4, canvas.height + 4, {
        fill: canvas.defs.radial([
          [0, '#1a1030', 0],
          [0.72, '#1a1030', 0],
          [1, '#1a1030', canvas.palette.night ? 0.26 : 0.07],
        ]),
      })

/** A drawing before it is rendered: SVG text in units, and what it was made from. */
export type Composition = {
  size: { width: number; height: number }
  defs: string
  /** The scene, with marks between its planes. */
  body: string
  /** Darker corners, over everything; empty in flat styles. */
  vignette: string
  reading: Reading
  palette: Palette
  /** Whether the prompt named something; otherwise the drawing is abstract. */
  figurative: boolean
}

/** Composes a drawing. Pure, and quick enough for the event loop. */
export const composeDrawing = (drawing: Drawing): Composition => {
  const reading = readPrompt(drawing.prompt, drawing.negativePrompt)
  const random = createRandom(
    reading.hash ^ Math.imul(hashText(drawing.negativePrompt), 31) ^ Math.imul(drawing.seed, 0x9e3779b1),
  )
  const palette = choosePalette(reading, random.fork('palette'), drawing.guidance)
  const size = sceneSize(drawing.width, drawing.height)
  const canvas = createCanvas({
    ...size,
    defs: createDefs(),
    palette,
    look: looks[reading.style],
    random: random.fork('scene'),
  })
  const figurative = namesSomething(reading)
  const body = figurative
    ? composeScene(canvas, reading)
    : composeAbstract(canvas, reading.hash, reading.colors)
  const dark = vignette(canvas)
  return { size, defs: canvas.defs.text(), body, vignette: dark, reading, palette, figurative }
}

/** Wraps SVG text of a composition (or a part of it) as a document of this many pixels. */
export const asDocument = (
  { size, defs }: Composition,
  content: string,
  pixels: { width: number; height: number },
): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${pixels.width}" height="${pixels.height}" viewBox="0 0 ${size.width.toFixed(1)} ${size.height.toFixed(1)}" preserveAspectRatio="xMidYMid slice">${defs}${content}</svg>`

/** The whole drawing as an SVG document, and the palette it is in. */
export const drawSvg = (drawing: Drawing): { svg: string; reading: Reading; palette: Palette } => {
  const composition = composeDrawing(drawing)
  const { body, vignette: corners, reading, palette } = composition
  return { svg: asDocument(composition, body + corners, drawing), reading, palette }
}

/** Draws one picture. `stage` is called before each costly step and may throw to stop. */
export const draw = async (drawing: Drawing, stage: () => void): Promise<Raster> => {
  stage()
  const { svg, reading, palette } = drawSvg(drawing)
  await nextTurn()
  stage()
  const raster = await rasterize(svg, drawing.width, drawing.height)
  stage()
  return finishes[reading.style](raster, palette, createRandom(reading.hash ^ drawing.seed))
}
