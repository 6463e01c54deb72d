import { ALL_FORMATS, BufferSource, Input } from 'mediabunny'
import sharp from 'sharp'
import type { Output } from '../../kernel/ports/provider.ts'

const MOST_PIXELS = 64_000_000

/** Bytes that came inside an answer, as an output; null when they are neither a picture nor an MP4. */
export async function readInline(bytes: Uint8Array): Promise<Output | null> {
  try {
    // ISO media files carry `ftyp` after the length of their first box.
    const isClip = Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'ftyp'
    return await (isClip ? readClip(bytes) : readPicture(bytes))
  } catch {
    return null
  }
}

async function readPicture(bytes: Uint8Array): Promise<Output> {
  const { format, width, height } = await sharp(bytes, { limitInputPixels: MOST_PIXELS }).metadata()
  return { bytes, mediaType: `image/${format}`, width, height }
}

async function readClip(bytes: Uint8Array): Promise<Output | null> {
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(bytes) })
  const track = await input.getPrimaryVideoTrack()
  return track && { bytes, mediaType: 'video/mp4', width: track.displayWidth, height: track.displayHeight }
}
