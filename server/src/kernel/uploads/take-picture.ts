import sharp from 'sharp'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { OutboundError } from '../ports/outbound.ts'

const MOST_PIXELS = 40_000_000
const MOST_SIDE = 2_048
const MOST_BYTES = 20 * 1_048_576
const FETCH_MS = 20_000

/** Picture formats we read; what the bytes are decides, not what anybody says they are. SVG is not among them. */
const FORMATS: Readonly<Record<string, true>> = { png: true, jpeg: true, webp: true, gif: true }

/**
 * Takes a user's picture in: checks its content, turns it upright, drops its metadata, re-encodes it and stores
 * it under a key of ours. Larger ones are made to fit 2048 a side.
 *
 * @returns the store key.
 * @throws input_invalid for `field` when it is no picture we read, or too large
 */
export async function storePicture(context: Context, field: string, bytes: Uint8Array): Promise<string> {
  if (bytes.byteLength > MOST_BYTES) throw refusal('input_invalid', { field, problem: 'too_large' })
  const picture = sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
  const { format } = await picture.metadata().catch(() => ({ format: '' }))
  if (!format || !Object.hasOwn(FORMATS, format)) throw refusal('input_invalid', { field, problem: 'format' })
  const png = await picture
    .rotate()
    .resize(MOST_SIDE, MOST_SIDE, { fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer()
    .catch(() => {
      throw refusal('input_invalid', { field, problem: 'format' })
    })
  const key = `${context.ids.token(32)}.png`
  await context.files.put(key, png)
  return key
}

/**
 * Takes a picture in that the user names: a `data:` URL, a file of this site, or a public address, which is
 * fetched by the one outbound client.
 *
 * @throws input_invalid for `field`
 */
export async function storePictureFrom(context: Context, field: string, address: string): Promise<string> {
  const data = /^data:image\/[a-z0-9.+-]+;base64,([A-Za-z0-9+/=\s]+)$/.exec(address)
  if (data) return storePicture(context, field, Buffer.from(data[1] ?? '', 'base64'))
  if (address.startsWith(`${context.publicUrl}/files/`)) {
    const key = address.slice(`${context.publicUrl}/files/`.length)
    const own = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/.test(key) && (await context.files.stat(key))
    if (!own || own.bytes > MOST_BYTES) throw refusal('input_invalid', { field, problem: 'format' })
    return storePicture(context, field, await readStored(context, key))
  }
  try {
    const reply = await context.outbound(address, {
      timeoutMs: FETCH_MS,
      maxBytes: MOST_BYTES,
      maxRedirects: 3,
    })
    if (reply.status !== 200) throw refusal('input_invalid', { field, problem: 'format' })
    return await storePicture(context, field, reply.body)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw refusal('input_invalid', { field, problem: error.kind === 'too_large' ? 'too_large' : 'format' })
  }
}

/** A stored file's bytes. */
export async function readStored(context: Context, storeKey: string): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of context.files.read(storeKey)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
