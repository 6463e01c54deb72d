import { createRequire } from 'node:module'
import sharp from 'sharp'
import { PlatformError } from '../../kernel/ports/platform.ts'

const MOST_PIXELS = 64_000_000
const QUALITIES = [88, 76, 62, 48]

/** A picture as JPEG that is no wider than `side` and no larger than `mostBytes`. Throws `PlatformError`. */
export async function toJpeg(bytes: Uint8Array, side: number, mostBytes: number): Promise<Uint8Array> {
  for (const [index, quality] of QUALITIES.entries()) {
    const shrunk = Math.round(side / 2 ** (index / 2))
    const jpeg = await sharp(bytes, { limitInputPixels: MOST_PIXELS })
      .rotate()
      .resize(shrunk, shrunk, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .jpeg({ quality, mozjpeg: true })
      .toBuffer()
      .catch((cause: unknown): never => {
        throw new PlatformError('refused', 'a picture cannot be read', { reason: 'content_unfit', cause })
      })
    if (jpeg.byteLength <= mostBytes) return jpeg
  }
  throw new PlatformError('refused', 'a picture stays too large', { reason: 'content_unfit' })
}

const WIDTH = 900
const HEIGHT = 383
const fontFile = createRequire(import.meta.url).resolve(
  '@expo-google-fonts/noto-sans-sc/500Medium/NotoSansSC_500Medium.ttf',
)
const GROUNDS = [
  ['#1f4e5f', '#79a8a9'],
  ['#5b3a5a', '#d38b9a'],
  ['#28427b', '#7fa3e0'],
  ['#6b3f23', '#dba15e'],
] as const

/** A cover for a work without a picture: its title on a calm ground, the same each time. JPEG, 900 by 383. */
export async function drawCover(title: string): Promise<Uint8Array> {
  const sum = [...title].reduce((total, character) => total + (character.codePointAt(0) ?? 0), 0)
  const [from, to] = GROUNDS[sum % GROUNDS.length] ?? GROUNDS[0]
  const ground = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient></defs>
    <rect width="100%" height="100%" fill="url(#g)"/>
    <circle cx="790" cy="60" r="190" fill="#fff" fill-opacity=".08"/><circle cx="860" cy="330" r="120" fill="#fff" fill-opacity=".1"/>
    <rect x="64" y="72" width="56" height="6" rx="3" fill="#fff" fill-opacity=".85"/></svg>`
  const escaped = title.replace(/[&<>]/g, (one) => `&#${one.codePointAt(0)};`)
  const text =
    title.trim() === ''
      ? []
      : [
          {
            input: {
              text: {
                text: `<span foreground="white">${escaped}</span>`,
                fontfile: fontFile,
                font: 'Noto Sans SC Medium 44',
                width: 700,
                height: 230,
                rgba: true,
                wrap: 'word-char' as const,
              },
            },
            left: 64,
            top: 104,
          },
        ]
  return sharp(Buffer.from(ground)).composite(text).jpeg({ quality: 88 }).toBuffer()
}
