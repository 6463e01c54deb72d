/** The small honest mark in the corner: these pictures are drawn by a program, and say so. */
import { createRequire } from 'node:module'
import sharp from 'sharp'
import { open, type Raster, settle } from './raster.ts'

const fontFile = createRequire(import.meta.url).resolve(
  '@expo-google-fonts/noto-sans-sc/500Medium/NotoSansSC_500Medium.ttf',
)

const words = 'Atelier · sketch'

type Mark = { input: Buffer; width: number; height: number }

/** Marks by height in pixels; a dozen sizes cover every picture. */
const marks = new Map<number, Promise<Mark>>()

const write = async (
  color: string,
  height: number,
): Promise<{ data: Buffer; info: { width: number; height: number } }> =>
  sharp({
    text: {
      text: `<span foreground="${color}">${words}</span>`,
      fontfile: fontFile,
      font: 'Noto Sans SC Medium 20',
      rgba: true,
      dpi: 300,
    },
  })
    .resize({ height })
    .png()
    .toBuffer({ resolveWithObject: true })

const makeMark = async (height: number): Promise<Mark> => {
  const [light, dark] = await Promise.all([write('#ffffff', height), write('#1a1430', height)])
  const pad = Math.max(2, Math.round(height * 0.4))
  const [width, tall] = [light.info.width + 2 * pad, light.info.height + 2 * pad]
  const shadow = await sharp({
    create: { width, height: tall, channels: 4, background: { r: 26, g: 20, b: 48, alpha: 0 } },
  })
    .composite([{ input: dark.data, left: pad, top: pad + Math.max(1, Math.round(height * 0.05)) }])
    .png()
    .toBuffer()
  const soft = await sharp(shadow)
    .blur(Math.max(0.6, height * 0.14))
    .png()
    .toBuffer()
  const input = await sharp(soft)
    .composite([{ input: light.data, left: pad, top: pad }])
    .ensureAlpha()
    .png()
    .toBuffer()
  return { input, width, height: tall }
}

/** Writes the mark into the lower right corner, about an eighth of the width. */
export const writeMark = async (raster: Raster): Promise<Raster> => {
  const short = Math.min(raster.width, raster.height)
  const height = Math.max(6, Math.round(short / 50))
  const known = marks.get(height) ?? makeMark(height)
  marks.set(height, known)
  const mark = await known
  const margin = Math.round(short * 0.012)
  const [left, top] = [raster.width - mark.width - margin, raster.height - mark.height - margin]
  if (left < 0 || top < 0) return raster
  return settle(open(raster).composite([{ input: mark.input, left, top }]))
}
