import sharp from 'sharp'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import type { Output } from '../ports/provider.ts'

/** A stored file, in the columns that `finish_task_v1` reads. */
export type StoredFile = {
  role: 'output' | 'thumbnail'
  position: number
  store_key: string
  media_type: string
  bytes: number
  width: number | null
  height: number | null
}

const THUMBNAIL_SIDE = 320
const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
}

/**
 * Copies a provider's outputs into our own files, each with a thumbnail. What the bytes are is read from the
 * bytes. Keys follow from task, generation and place and are unguessable, so whoever takes over an
 * interrupted task knows what to clear away.
 *
 * @throws when an output is not a picture we know, or the store cannot take it.
 */
export async function storeOutputs(
  context: Context,
  task: Claimed,
  outputs: readonly Output[],
): Promise<StoredFile[]> {
  const stored: StoredFile[] = []
  for (const [position, output] of outputs.entries()) {
    if (!('bytes' in output)) throw new Error('outputs by address need the outbound client')
    const picture = sharp(output.bytes, { limitInputPixels: 64_000_000 })
    const { format, width, height } = await picture.metadata()
    const mediaType = `image/${format}`
    const extension = EXTENSIONS[mediaType]
    if (!extension) throw new Error(`an output of type ${mediaType}`)
    const thumbnail = await picture
      .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 82 })
      .toBuffer({ resolveWithObject: true })
    const files = [
      { role: 'output', bytes: output.bytes, mediaType, extension, width, height },
      {
        role: 'thumbnail',
        bytes: thumbnail.data,
        mediaType: 'image/webp',
        extension: 'webp',
        ...sizeOf(thumbnail.info),
      },
    ] as const
    for (const file of files) {
      const key = `${storeName(context, task, file.role, position)}.${file.extension}`
      await context.files.put(key, file.bytes)
      const { role, mediaType: media_type, width: w, height: h } = file
      stored.push({
        role,
        position,
        store_key: key,
        media_type,
        bytes: file.bytes.byteLength,
        width: w,
        height: h,
      })
    }
  }
  return stored
}

function sizeOf(info: { width: number; height: number }): { width: number; height: number } {
  return { width: info.width, height: info.height }
}

/** Removes what earlier generations of a task left in the store; their keys can be derived again. */
export async function removeLeftovers(
  context: Context,
  task: Pick<Claimed, 'id' | 'generation' | 'input'>,
): Promise<void> {
  const names: string[] = []
  for (let generation = 1; generation < task.generation; generation += 1) {
    for (let position = 0; position < task.input.count; position += 1) {
      for (const role of ['output', 'thumbnail'] as const) {
        const name = storeName(context, { id: task.id, generation }, role, position)
        names.push(...[...new Set(Object.values(EXTENSIONS))].map((extension) => `${name}.${extension}`))
      }
    }
  }
  await Promise.all(names.map((name) => context.files.remove(name)))
}

/** 32 characters of a keyed hash: 160 bits that only this site can compute. */
function storeName(
  context: Context,
  task: Pick<Claimed, 'id' | 'generation'>,
  role: StoredFile['role'],
  position: number,
): string {
  const digest = context.keys.codeHash(
    'file',
    String(task.id),
    String(task.generation),
    role,
    String(position),
  )
  return toBase32(digest.subarray(0, 20))
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

function toBase32(bytes: Uint8Array): string {
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((value >>> (bits - 5)) & 31)
  }
  return text
}
