import h264 from 'h264-mp4-encoder'

/** A real clip of colours, `frames` long at ten a second, as MP4. */
export async function aClip(
  options: { width?: number; height?: number; frames?: number } = {},
): Promise<Buffer> {
  const { width = 64, height = 48, frames = 10 } = options
  const encoder = await h264.createH264MP4Encoder()
  encoder.width = width
  encoder.height = height
  encoder.frameRate = 10
  encoder.initialize()
  const frame = new Uint8Array(width * height * 4)
  for (let index = 0; index < frames; index += 1) {
    for (let at = 0; at < frame.length; at += 4) frame.set([200, (at / 4) % width, index * 10, 255], at)
    encoder.addFrameRgba(frame)
  }
  encoder.finalize()
  const bytes = Buffer.from(encoder.FS.readFile(encoder.outputFilename))
  encoder.delete()
  return bytes
}

/** A box of an MP4: its length, its name and what is in it; `says` is a length that is not its own. */
export function box(name: string, content: Buffer, says = content.length + 8): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(says)
  head.write(name, 4, 'latin1')
  return Buffer.concat([head, content])
}
