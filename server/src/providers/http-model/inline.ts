import sharp from 'sharp'
import type { Output } from '../../kernel/ports/provider.ts'

const MOST_PIXELS = 64_000_000

/** Bytes that came inside an answer, as an output; null when they are neither a picture nor an MP4. */
export async function readInline(bytes: Uint8Array): Promise<Output | null> {
  // ISO media files carry `ftyp` after the length of their first box. Their size is read when they are stored.
  if (Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'ftyp')
    return { bytes, mediaType: 'video/mp4', width: 0, height: 0 }
  try {
    const { format, width, height } = await sharp(bytes, { limitInputPixels: MOST_PIXELS }).metadata()
    return { bytes, mediaType: `image/${format}`, width, height }
  } catch {
    return null
  }
}
