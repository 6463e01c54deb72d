/** Paints a picture again with brush strokes that follow its shapes: for oil and impressionist styles. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createNoise, type Random } from './random.ts'
import { grey, open, over, type Raster, settle } from './raster.ts'
import { n } from './svg.ts'

/** Strokes read their colours from a copy this wide or high, in pixels. */
const sampleSide = 200

type Coat = { size: number; count: number; alpha: number; detail: number }

const coats: readonly Coat[] = [
  { size: 40, count: 900, alpha: 0.95, detail: 0 },
  { size: 20, count: 1300, alpha: 0.9, detail: 6 },
  { size: 9, count: 1900, alpha: 0.92, detail: 16 },
  { size: 4.6, count: 2600, alpha: 0.95, detail: 34 },
]

const two = (value: number): string =>
  Math.max(0, Math.min(255, Math.round(value)))
    .toString(16)
    .padStart(2, '0')

/** One coat of strokes as SVG, in the pixels of the sample. */
const strokes = (sample: Raster, random: Random, coat: Coat, unit: number): string => {
  const { data, width, height } = sample
  const at = (x: number, y: number, channel: number): number => {
    const cx = Math.max(0, Math.min(width - 1, Math.round(x)))
    const cy = Math.max(0, Math.min(height - 1, Math.round(y)))
    return data[(cy * width + cx) * 3 + channel] ?? 0
  }
  const light = (x: number, y: number): number => at(x, y, 0) * 0.3 + at(x, y, 1) * 0.59 + at(x, y, 2) * 0.11
  const drift = createNoise(random, 2)
  let svg = ''
  for (let i = 0; i < coat.count; i += 1) {
    const [x, y] = [random.between(0, width), random.between(0, height)]
    const gx = light(x + 1.5, y) - light(x - 1.5, y)
    const gy = light(x, y + 1.5) - light(x, y - 1.5)
    const slope = Math.hypot(gx, gy)
    if (slope < coat.detail) continue
    const angle = slope > 5 ? Math.atan2(gx, -gy) : drift(x / 34 + y / 53) * 2.4
    const length = coat.size * unit * random.between(0.7, 1.5) * (slope > 30 ? 0.6 : 1)
    const [dx, dy] = [Math.cos(angle) * length, Math.sin(angle) * length]
    const bend = random.between(-0.18, 0.18)
    const shift = random.between(-13, 13)
    const color = `#${two(at(x, y, 0) + shift)}${two(at(x, y, 1) + shift)}${two(at(x, y, 2) + shift)}`
    svg += `<path d="M${n(x - dx / 2)} ${n(y - dy / 2)}q${n(dx / 2 - dy * bend)} ${n(dy / 2 + dx * bend)} ${n(dx)} ${n(dy)}" stroke="${color}" stroke-width="${n(coat.size * unit * 0.42 * random.between(0.7, 1.2))}"/>`
  }
  return `<g stroke-opacity="${coat.alpha}">${svg}</g>`
}

/** Paints `raster` again with strokes; the event loop gets a turn between coats. */
export const paintOver = async (raster: Raster, random: Random): Promise<Raster> => {
  const scale = sampleSide / Math.max(raster.width, raster.height)
  const sample = await settle(
    open(raster).resize(
      Math.max(2, Math.round(raster.width * scale)),
      Math.max(2, Math.round(raster.height * scale)),
      { fit: 'fill' },
    ),
  )
  const unit = (Math.min(sample.width, sample.height) + sampleSide * 0.5) / 1500
  let body = ''
  for (const coat of coats) {
    body += strokes(sample, random, coat, unit * 1.5)
    await nextTurn()
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${raster.width}" height="${raster.height}" viewBox="0 0 ${sample.width} ${sample.height}" preserveAspectRatio="none"><g fill="none" stroke-linecap="round">${body}</g></svg>`
  const painted = await paintLayer(svg, raster)
  return settle(open(painted).composite([{ ...over(await relief(painted), 'overlay') }]))
}

const paintLayer = async (svg: string, raster: Raster): Promise<Raster> =>
  settle(open(raster).composite([{ input: Buffer.from(svg), limitInputPixels: false }]))

/** The raised edges of wet paint, as a grey map around 128. */
const relief = async (raster: Raster): Promise<Raster> =>
  settle(
    grey(open(raster)).convolve({
      width: 3,
      height: 3,
      kernel: [-1, -0.6, 0, -0.6, 0, 0.6, 0, 0.6, 1],
      scale: 4,
      offset: 128,
    }),
  )
