/**
 * Small repeating tiles of grain and paper, made once per process and reused: the only loops over pixels on
 * the main thread, 160 × 160 each (under 5 ms).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import sharp from 'sharp'
import { createRandom } from './random.ts'

export type Tile = { data: Buffer; size: number }

const size = 160

/** Film grain: black and white specks whose alpha is at most `strength` (0…255). */
const makeGrain = (seed: number, strength: number): Tile => {
  const random = createRandom(seed)
  const data = Buffer.alloc(size * size * 4)
  for (let i = 0; i < data.length; i += 4) {
    const value = random.bell()
    const tone = value > 0 ? 255 : 0
    data[i] = tone
    data[i + 1] = tone
    data[i + 2] = tone
    data[i + 3] = Math.round(Math.abs(value) * strength)
  }
  return { data, size }
}

/** Soft uneven paper around middle grey (which soft light leaves alone): noise blurred over its own repetition, so that the tile has no seam. */
const makePaper = async (seed: number, blur: number, contrast: number): Promise<Tile> => {
  const random = createRandom(seed)
  const noise = Buffer.alloc(size * size)
  for (let i = 0; i < noise.length; i += 1) noise[i] = Math.floor(random.next() * 256)
  const margin = 24
  const wide = await sharp(noise, { raw: { width: size, height: size, channels: 1 } })
    .extend({ top: margin, bottom: margin, left: margin, right: margin, extendWith: 'repeat' })
    .toColourspace('b-w')
    .raw()
    .toBuffer()
  const all = size + 2 * margin
  const soft = await sharp(wide, { raw: { width: all, height: all, channels: 1 } })
    .blur(blur)
    .extract({ left: margin, top: margin, width: size, height: size })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const step = soft.info.channels
  const data = Buffer.alloc(size * size * 4)
  for (let i = 0; i < size * size; i += 1) {
    const value = Math.max(
      0,
      Math.min(255, Math.round(128 + ((soft.data[i * step] ?? 128) - 127.5) * contrast)),
    )
    data[i * 4] = value
    data[i * 4 + 1] = value
    data[i * 4 + 2] = value
    data[i * 4 + 3] = 255
  }
  return { data, size }
}

type Textures = { fineGrain: Tile; strongGrain: Tile; paper: Tile; canvas: Tile }

let made: Promise<Textures> | undefined

/** The tiles; the first call makes them. */
export const textures = (): Promise<Textures> => {
  made ??= makeAll()
  return made
}

/** Makes the tiles one by one, giving the event loop its turn between them. */
const makeAll = async (): Promise<Textures> => {
  const fineGrain = makeGrain(11, 10)
  await nextTurn()
  const strongGrain = makeGrain(12, 26)
  await nextTurn()
  const paper = await makePaper(13, 1.7, 0.75)
  await nextTurn()
  return { fineGrain, strongGrain, paper, canvas: await makePaper(14, 0.8, 0.3) }
}
