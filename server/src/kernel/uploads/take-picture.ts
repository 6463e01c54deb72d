import { open, stat } from 'node:fs/promises'
import pLimit from 'p-limit'
import sharp, { type Sharp } from 'sharp'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { OutboundError } from '../ports/outbound.ts'
import { findOwnFile } from './find-upload.ts'

const MOST_PIXELS = 40_000_000
const MOST_SIDE = 2_048
const MOST_BYTES = 20 * 1_048_576
const FETCH_MS = 20_000

/** Decoding takes tens of megabytes and all of a core; more than two at once would starve everything else. */
const bounded = pLimit(2)

/** Formats we read and write, by their first bytes; what anybody says they are does not count. SVG is not among them. */
const FORMATS = {
  png: {
    begins: (head: string): boolean => head.startsWith('\x89PNG\r\n\x1a\n'),
    extension: 'png',
    write: (picture: Sharp): Sharp => picture.png(),
  },
  jpeg: {
    begins: (head: string): boolean => head.startsWith('\xff\xd8\xff'),
    extension: 'jpg',
    // On white, where the original was transparent.
    write: (picture: Sharp): Sharp => picture.flatten({ background: '#ffffff' }).jpeg({ quality: 90 }),
  },
  webp: {
    begins: (head: string): boolean => head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP',
    extension: 'webp',
    write: (picture: Sharp): Sharp => picture.webp({ quality: 90 }),
  },
  gif: {
    begins: (head: string): boolean => /^GIF8[79]a/.test(head),
    extension: 'gif',
    write: (picture: Sharp): Sharp => picture.gif(),
  },
} as const

type Format = keyof typeof FORMATS

/** A picture with nothing in it but its pixels. */
export type CleanPicture = {
  bytes: Uint8Array
  extension: string
  mediaType: string
  width: number
  height: number
}

/** How a picture is written anew: no side longer than `side` pixels, and in which format. */
export type PictureForm = { side: number; format: Format }

const STORED: PictureForm = { side: MOST_SIDE, format: 'png' }

/** Why a picture is not taken. */
class UnfitPicture extends Error {
  override readonly name = 'UnfitPicture'
  readonly problem: 'type' | 'too_large' | 'broken'
  constructor(problem: 'type' | 'too_large' | 'broken', cause?: unknown) {
    super(problem, { cause })
    this.problem = problem
  }
}

/**
 * Makes a user's picture safe to keep and to show: checks its content, turns it upright, drops its metadata and
 * writes it anew. Larger ones are made to fit; of an animation the first frame is kept.
 *
 * @param form its own format and at most 2048 pixels a side, unless given.
 * @throws input_invalid for `field` when it is no picture we read, or too large
 */
export async function cleanPicture(
  field: string,
  bytes: Uint8Array,
  form: Partial<PictureForm> = {},
): Promise<CleanPicture> {
  try {
    return await rewrite(bytes, form)
  } catch (error) {
    if (!(error instanceof UnfitPicture)) throw error
    throw refusal('input_invalid', {
      field,
      problem: error.problem === 'too_large' ? 'too_large' : 'format',
    })
  }
}

/**
 * The same for a picture that came with a form and lies on our disk.
 *
 * @throws upload_refused (type, too_large, broken) for `field`
 */
export async function cleanSentPicture(
  field: string,
  path: string,
  form: Partial<PictureForm> = {},
): Promise<CleanPicture> {
  try {
    return await rewrite(path, form)
  } catch (error) {
    if (!(error instanceof UnfitPicture)) throw error
    const { problem } = error
    throw refusal('upload_refused', {
      field,
      problem,
      ...(problem === 'too_large' && { mostBytes: MOST_BYTES }),
    })
  }
}

/** @param source the picture itself, or its path: then it is never in our own memory as it was sent. */
async function rewrite(source: Uint8Array | string, form: Partial<PictureForm>): Promise<CleanPicture> {
  const bytes = typeof source === 'string' ? (await stat(source)).size : source.byteLength
  if (bytes > MOST_BYTES) throw new UnfitPicture('too_large')
  const own = formatOf(typeof source === 'string' ? await readHead(source) : source)
  if (own === null) throw new UnfitPicture('type')
  const { side = MOST_SIDE, format = own } = form
  const { extension, write } = FORMATS[format]
  try {
    return await bounded(async () => {
      const picture = sharp(source, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
        .rotate()
        .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      const { data, info } = await write(picture).toBuffer({ resolveWithObject: true })
      const { width, height } = info
      return { bytes: data, extension, mediaType: `image/${format}`, width, height }
    })
  } catch (cause) {
    throw new UnfitPicture('broken', cause)
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** Told by the first bytes, so that no decoder is tried on what is none of these. */
function formatOf(bytes: Uint8Array): Format | null {
  const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1')
  const names = Object.keys(FORMATS) as Format[]
  return names.find((name) => FORMATS[name].begins(head)) ?? null
}

/**
 * Takes a picture in that the user names, and stores it under a key of ours, as a PNG.
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
 * Takes in a picture that came with a form, and stores it under a key of ours, as a PNG.
 *
 * @param path of a `SentFile`, which stays as it is.
 * @returns the store key.
 * @throws upload_refused (type, too_large, broken) for `field`
 */
export async function storeSentPicture(context: Context, field: string, path: string): Promise<string> {
  const { bytes } = await cleanSentPicture(field, path, STORED)
  const key = `${context.ids.token(32)}.png`
  await context.files.put(key, bytes)
  return key
}

/**
 * Reads a picture that the user names: a `data:` URL, a file or an upload of this site, which is read from the
 * store, or a public address, which is fetched by the one outbound client. Nothing is kept.
 *
 * @throws input_invalid for `field`
 */
export async function readPictureFrom(
  context: Context,
  field: string,
  address: string,
  form: PictureForm = STORED,
): Promise<Uint8Array> {
  const bytes = await fetchFrom(context, field, address)
  return (await cleanPicture(field, bytes, form)).bytes
}

async function fetchFrom(context: Context, field: string, address: string): Promise<Uint8Array> {
  const data = /^data:image\/[a-z0-9.+-]+;base64,([A-Za-z0-9+/=\s]+)$/.exec(address)
  if (data) return Buffer.from(data[1] ?? '', 'base64')
  const own = await findOwnFile(context, address)
  if (own !== null) {
    if (own === 'missing' || own.bytes > MOST_BYTES)
      throw refusal('input_invalid', { field, problem: 'format' })
    return readStored(context, own.storeKey)
  }
  try {
    const limits = { timeoutMs: FETCH_MS, maxBytes: MOST_BYTES, maxRedirects: 3 }
    const reply = await context.outbound(address, limits)
    if (reply.status !== 200) throw refusal('input_invalid', { field, problem: 'format' })
    return reply.body
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
