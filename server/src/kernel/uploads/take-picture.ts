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

/** How a picture is re-encoded: no side longer than `side` pixels; JPEG on white, PNG with its transparency. */
export type PictureForm = { side: number; format: 'png' | 'jpeg' }

const STORED: PictureForm = { side: MOST_SIDE, format: 'png' }

/**
 * Reads a user's picture: checks its content, turns it upright, drops its metadata and re-encodes it. Of one that
 * moves, the first frame is taken.
 *
 * @throws input_invalid for `field` when it is no picture we read, or too large
 */
async function readPicture(field: string, bytes: Uint8Array, form: PictureForm): Promise<Uint8Array> {
  if (bytes.byteLength > MOST_BYTES) throw refusal('input_invalid', { field, problem: 'too_large' })
  // Of nothing at all sharp does not even begin to read.
  if (bytes.byteLength === 0) throw refusal('input_invalid', { field, problem: 'format' })
  const picture = sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
  const { format } = await picture.metadata().catch(() => ({ format: '' }))
  if (!format || !Object.hasOwn(FORMATS, format)) throw refusal('input_invalid', { field, problem: 'format' })
  const upright = picture.rotate().resize(form.side, form.side, { fit: 'inside', withoutEnlargement: true })
  const encoded =
    form.format === 'png' ? upright.png() : upright.flatten({ background: '#ffffff' }).jpeg({ quality: 88 })
  return encoded.toBuffer().catch(() => {
    throw refusal('input_invalid', { field, problem: 'format' })
  })
}

/**
 * Takes a picture in that the user names, and stores it under a key of ours.
 *
 * @returns the store key.
 * @throws input_invalid for `field`
 */
export async function storePictureFrom(context: Context, field: string, address: string): Promise<string> {
  const png = await readPictureFrom(context, field, address)
  const key = `${context.ids.token(32)}.png`
  await context.files.put(key, png)
  return key
}

/**
 * Reads a picture that the user names: a `data:` URL, a file of this site, or a public address, which is fetched
 * by the one outbound client. Nothing is kept.
 *
 * @throws input_invalid for `field`
 */
export async function readPictureFrom(
  context: Context,
  field: string,
  address: string,
  form: PictureForm = STORED,
): Promise<Uint8Array> {
  const data = /^data:image\/[a-z0-9.+-]+;base64,([A-Za-z0-9+/=\s]+)$/.exec(address)
  if (data) return readPicture(field, Buffer.from(data[1] ?? '', 'base64'), form)
  if (address.startsWith(`${context.publicUrl}/files/`)) {
    const key = address.slice(`${context.publicUrl}/files/`.length)
    const own = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/.test(key) && (await context.files.stat(key))
    if (!own || own.bytes > MOST_BYTES) throw refusal('input_invalid', { field, problem: 'format' })
    return readPicture(field, await readStored(context, key), form)
  }
  try {
    const reply = await context.outbound(address, {
      timeoutMs: FETCH_MS,
      maxBytes: MOST_BYTES,
      maxRedirects: 3,
    })
    if (reply.status !== 200) throw refusal('input_invalid', { field, problem: 'format' })
    return await readPicture(field, reply.body, form)
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
