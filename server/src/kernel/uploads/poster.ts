import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import type { Context } from '../context.ts'
import type { Container } from '../ports/first-frame.ts'
import type { ClipMeasures } from './measure-clip.ts'

const SIDE = 640
const FONT = fileURLToPath(
  import.meta.resolve('@expo-google-fonts/noto-sans-sc/500Medium/NotoSansSC_500Medium.ttf'),
)

/**
 * A picture that stands for a sent clip, as WebP: its first frame where something here can decode it, otherwise a
 * drawn card that says how long and how large it is and does not pretend to be a frame.
 */
export async function makePoster(
  context: Pick<Context, 'firstFrame'>,
  path: string,
  container: Container,
  clip: ClipMeasures,
): Promise<Uint8Array> {
  const frame = await context.firstFrame({ path, container, side: SIDE })
  if (frame === null) return drawCard(container, clip)
  return sharp(frame, { limitInputPixels: 4 * SIDE * SIDE })
    .webp({ quality: 82 })
    .toBuffer()
    .catch(() => drawCard(container, clip))
}

/** In the shape of the clip: a strip of film, a triangle, and what is known of it. */
async function drawCard(container: Container, clip: ClipMeasures): Promise<Uint8Array> {
  const scale = SIDE / Math.max(clip.width, clip.height)
  // A clip of one line would leave no room for what is said of it.
  const width = Math.max(240, Math.round(clip.width * scale))
  const height = Math.max(240, Math.round(clip.height * scale))
  const [x, y] = [width / 2, height / 2 - 24]
  const hole = 18
  const holes = Array.from({ length: Math.floor(width / (2 * hole)) }, (_, index) => {
    const left = index * 2 * hole + hole / 2
    return `<rect x="${left}" y="10" width="${hole}" height="12" rx="3"/><rect x="${left}" y="${height - 22}" width="${hole}" height="12" rx="3"/>`
  })
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<rect width="100%" height="100%" fill="#1d2330"/><rect width="100%" height="32" fill="#11151e"/>
<rect y="${height - 32}" width="100%" height="32" fill="#11151e"/><g fill="#2c3446">${holes.join('')}</g>
<circle cx="${x}" cy="${y}" r="38" fill="none" stroke="#8fa3c7" stroke-width="3"/>
<path d="M${x - 12} ${y - 20} L${x + 22} ${y} L${x - 12} ${y + 20} Z" fill="#8fa3c7"/></svg>`
  const words = await sharp({
    text: {
      text: `<span foreground="#c9d3e6">${toClock(clip.durationMs)}   ${clip.width} × ${clip.height}   ${container.toUpperCase()}</span>`,
      font: 'Noto Sans SC 16',
      fontfile: FONT,
      rgba: true,
      dpi: 72,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true })
  const left = Math.max(0, Math.round((width - words.info.width) / 2))
  return sharp(Buffer.from(drawing))
    .composite([{ input: words.data, left, top: Math.round(y + 54) }])
    .webp({ quality: 82 })
    .toBuffer()
}

function toClock(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  const two = (part: number): string => String(part).padStart(2, '0')
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`
}
