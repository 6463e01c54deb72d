import { ALL_FORMATS, BufferSource, Input } from 'mediabunny'
import sharp from 'sharp'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import type { TaskInput } from '../generation/task-input.ts'
import { outputsOf } from '../generation/task-input.ts'
import type { Output } from '../ports/provider.ts'

/** A stored file, in the columns that `finish_task_v2` reads. */
export type StoredFile = {
  role: 'output' | 'thumbnail'
  position: number
  store_key: string
  media_type: string
  bytes: number
  width: number | null
  height: number | null
  duration_ms: number | null
}

/** What a file turned out to be when it was read. */
type Inspected = {
  mediaType: string
  extension: string
  width: number | null
  height: number | null
  durationMs: number | null
  /** What its thumbnail is made from; null when there is nothing to show. */
  still: Uint8Array | null
}

const THUMBNAIL_SIDE = 320
const MOST_PIXELS = 64_000_000
const PICTURES: Readonly<Record<string, string>> = { png: 'png', jpeg: 'jpg', webp: 'webp' }
const EXTENSIONS = [...Object.values(PICTURES), 'mp4', 'pptx']

/**
 * Copies a provider's outputs into our own files, each with a thumbnail. What the bytes are is read from the
 * bytes. Keys follow from task, generation and place and are unguessable, so whoever takes over an
 * interrupted task knows what to clear away.
 *
 * @throws when an output is no file we know, or the store cannot take it.
 */
export async function storeOutputs(
  context: Context,
  task: Claimed,
  outputs: readonly Output[],
): Promise<StoredFile[]> {
  const stored: StoredFile[] = []
  for (const [position, output] of outputs.entries()) {
    if (!('bytes' in output))
      throw new Error('outputs by address need a provider that says how to fetch them')
    const file = isPptx(output.bytes)
      ? PPTX
      : isMp4(output.bytes)
        ? await inspectClip(output.bytes, output.poster ?? null)
        : await inspectPicture(output.bytes)
    const keep = async (
      role: StoredFile['role'],
      bytes: Uint8Array,
      what: Omit<Inspected, 'still'>,
    ): Promise<void> => {
      const store_key = `${storeName(context, task, role, position)}.${what.extension}`
      await context.files.put(store_key, bytes)
      const { mediaType: media_type, width, height, durationMs: duration_ms } = what
      stored.push({
        role,
        position,
        store_key,
        media_type,
        bytes: bytes.byteLength,
        width,
        height,
        duration_ms,
      })
    }
    await Promise.all([keep('output', output.bytes, file), file.still && keepThumbnail(keep, file.still)])
  }
  return stored
}

type Keep = (role: StoredFile['role'], bytes: Uint8Array, what: Omit<Inspected, 'still'>) => Promise<void>

async function keepThumbnail(keep: Keep, still: Uint8Array): Promise<void> {
  const { data, info } = await sharp(still, { limitInputPixels: MOST_PIXELS })
    .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
    // Little effort: a few bytes more, a third of the time.
    .webp({ quality: 82, effort: 1 })
    .toBuffer({ resolveWithObject: true })
  const { width, height } = info
  await keep('thumbnail', data, {
    mediaType: 'image/webp',
    extension: 'webp',
    width,
    height,
    durationMs: null,
  })
}

async function inspectPicture(bytes: Uint8Array): Promise<Inspected> {
  const { format, width, height } = await sharp(bytes, { limitInputPixels: MOST_PIXELS }).metadata()
  const extension = PICTURES[format]
  if (!extension) throw new Error(`an output of type ${format}`)
  // A picture that is no larger than a thumbnail is its own.
  const still = Math.max(width, height) > THUMBNAIL_SIDE ? bytes : null
  return { mediaType: `image/${format}`, extension, width, height, durationMs: null, still }
}

/** A package whose names say that it is a presentation. */
function isPptx(bytes: Uint8Array): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return file.subarray(0, 4).toString('latin1') === 'PK\x03\x04' && file.includes('ppt/presentation.xml')
}

const PPTX: Inspected = {
  mediaType: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  extension: 'pptx',
  width: null,
  height: null,
  durationMs: null,
  still: null,
}

/** ISO media files carry `ftyp` after the length of their first box. */
function isMp4(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset + 4, 4).toString('latin1') === 'ftyp'
}

async function inspectClip(bytes: Uint8Array, poster: Uint8Array | null): Promise<Inspected> {
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(bytes) })
  const track = await input.getPrimaryVideoTrack()
  if (!track) throw new Error('a clip without a picture track')
  const durationMs = Math.round((await input.computeDuration()) * 1000)
  const { displayWidth: width, displayHeight: height } = track
  return { mediaType: 'video/mp4', extension: 'mp4', width, height, durationMs, still: poster }
}

/** Removes what earlier generations of a task left in the store; their keys can be derived again. */
export async function removeLeftovers(
  context: Context,
  task: TaskInput & Pick<Claimed, 'id' | 'generation'>,
): Promise<void> {
  const names: string[] = []
  const outputs = outputsOf(task)
  for (let generation = 1; generation < task.generation; generation += 1) {
    for (let position = 0; position < outputs; position += 1) {
      for (const role of ['output', 'thumbnail'] as const) {
        const name = storeName(context, { id: task.id, generation }, role, position)
        names.push(...EXTENSIONS.map((extension) => `${name}.${extension}`))
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
