import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import pLimit from 'p-limit'
import sharp from 'sharp'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Container } from '../ports/first-frame.ts'
import { HEAD_BYTES, identify, UnfitOutput } from '../works/inspect.ts'
import { MEDIA_TYPES } from '../works/media-types.ts'
import { measureClip } from './measure-clip.ts'
import { makePoster } from './poster.ts'
import { cleanSentPicture } from './take-picture.ts'
import { UPLOADS_A_DAY } from './take-signed-upload.ts'

export const MOST_PICTURE_BYTES = 10 * 1_048_576
export const MOST_CLIP_BYTES = 100 * 1_048_576
/** Beside `UPLOADS_A_DAY`: a day's clips for one account, and no place to host films. */
export const BYTES_A_DAY = 2 * 1_073_741_824

const THUMBNAIL_SIDE = 320
const DAY_SECONDS = 86_400

/** A file of a form, as it lies on our disk. */
export type Sent = { field: string; path: string; bytes: number }

/** A picture or clip of its owner's, and the small picture that shows it. */
export type SentUpload = {
  storeKey: string
  previewKey: string
  mediaType: string
  bytes: number
  width: number
  height: number
  /** Of clips alone. */
  durationMs: number | null
}

/** Of pictures, whole ones are in memory while they are at work; the others wait on the disk. */
const atWork = pLimit(2)

const countSent = statement(
  'count sent file',
  `insert into upload_count as c (account_id, day, uploads, bytes)
   values ($1, (now() at time zone 'utc')::date, 1, $3)
   on conflict (account_id, day) do update set uploads = c.uploads + 1, bytes = c.bytes + $3
     where c.uploads < $2 and c.bytes + $3 <= $4
   returning uploads`,
)
const addLoose = statement('add loose sent files', 'insert into loose_file (store_key) values ($1), ($2)')
// The sweeper takes them after an hour, and must not have begun.
const claimLoose = statement(
  'claim loose sent files',
  `delete from loose_file where store_key in ($1, $2) and since > now() - interval '50 minutes' returning store_key`,
)
const insertSent = statement(
  'insert sent file',
  `insert into sent_file (account_id, store_key, preview_key, media_type, bytes, width, height, duration_ms)
   values ($1, $2, $3, $4, $5, $6, $7, $8)`,
)

/**
 * Takes in a picture or a clip that came with a form: what it is, is told by its content alone. A picture is written
 * anew, so that nothing is in it but its pixels, at most 2048 a side; of an animation its first frame is kept. A clip
 * is stored as it came, read and never run. Both get a small picture that shows them. The account's day is charged
 * before anything is done, since one that fails has cost as much.
 *
 * @param kind what the caller takes; the other is refused as a wrong type.
 * @param sent the first file of the form; undefined when there was none.
 * @throws upload_refused (missing, type, too_large, broken); rate_limited when the account has sent 200 files or
 *   2 GiB today (UTC); unavailable when the store takes no more, which leaves nothing behind.
 */
export async function takeUpload(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  kind: 'picture' | 'clip',
  sent: Sent | undefined,
): Promise<SentUpload> {
  const field = sent?.field ?? 'file'
  if (!sent) throw refusal('upload_refused', { field, problem: 'missing' })
  if (sent.bytes === 0) throw refusal('upload_refused', { field, problem: 'broken' })
  await charge(context, actor, sent.bytes)
  return kind === 'picture' ? atWork(() => takePicture(context, actor, sent)) : takeClip(context, actor, sent)
}

async function charge(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  bytes: number,
): Promise<void> {
  const counted = await context.db.rows(countSent, [accountId, UPLOADS_A_DAY, bytes, BYTES_A_DAY])
  if (counted.length > 0) return
  const passed = Math.floor(context.clock.now().getTime() / 1000) % DAY_SECONDS
  throw refusal('rate_limited', { retryAfterSeconds: DAY_SECONDS - passed })
}

async function takePicture(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  { field, path }: Sent,
): Promise<SentUpload> {
  const { bytes, extension, mediaType, width, height } = await cleanSentPicture(field, path)
  const preview = await sharp(bytes)
    .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 82, effort: 1 })
    .toBuffer()
  const measures = { mediaType, bytes: bytes.byteLength, width, height, durationMs: null }
  return keep(context, actor, { extension, content: bytes, preview, measures })
}

async function takeClip(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  { field, path, bytes }: Sent,
): Promise<SentUpload> {
  const extension = await identifyClip(field, path)
  const clip = await measureClip(path)
  if (clip === null) throw refusal('upload_refused', { field, problem: 'broken' })
  const preview = await makePoster(context, path, extension, clip)
  const measures = { mediaType: MEDIA_TYPES[extension].mediaType, bytes, ...clip }
  return keep(context, actor, { extension, content: createReadStream(path), preview, measures })
}

async function identifyClip(field: string, path: string): Promise<Container> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    const found = await identify(buffer.subarray(0, bytesRead))
    if (found === 'mp4' || found === 'webm' || found === 'mov') return found
  } catch (error) {
    if (!(error instanceof UnfitOutput)) throw error
  } finally {
    await file.close()
  }
  throw refusal('upload_refused', { field, problem: 'type' })
}

type Kept = {
  extension: string
  content: Uint8Array | AsyncIterable<Uint8Array>
  preview: Uint8Array
  measures: Omit<SentUpload, 'storeKey' | 'previewKey'>
}

async function keep(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  { extension, content, preview, measures }: Kept,
): Promise<SentUpload> {
  const storeKey = `${context.ids.token(32)}.${extension}`
  const previewKey = `${context.ids.token(32)}.webp`
  const { mediaType, bytes, width, height, durationMs } = measures
  await context.db.rows(addLoose, [storeKey, previewKey])
  try {
    await context.files.put(storeKey, content)
    await context.files.put(previewKey, preview)
  } catch (cause) {
    // What is half there is a loose file; where it can be, it is removed at once.
    await Promise.allSettled([context.files.remove(storeKey), context.files.remove(previewKey)])
    throw Object.assign(refusal('unavailable'), { cause })
  }
  await context.db.transaction(async (within) => {
    if ((await within.rows(claimLoose, [storeKey, previewKey])).length !== 2)
      throw new Error('an upload took so long that its files were cleared away')
    const row = [accountId, storeKey, previewKey, mediaType, bytes, width, height, durationMs]
    await within.rows(insertSent, row)
  })
  return { storeKey, previewKey, ...measures }
}
