import pLimit from 'p-limit'
import sharp from 'sharp'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { MOST_PIXELS } from './inspect.ts'
import { mediaTypeOf } from './media-types.ts'
import type { FileRole } from './store-key.ts'
import { thumbnailKey, thumbnailPrefixOf } from './store-key.ts'

const THUMBNAIL_SIDE = 320
const MOST_SOURCE_BYTES = 64 * 1_048_576
const KEY = /^[a-z2-7]{45}\.webp$/

/** So many at a time in a process, whoever asks for how many: each has a whole picture in memory. */
const atWork = pLimit(2)
/** Those on the way, so that a page that asks twice does not have them made twice. */
const onTheWay = new WeakMap<Context, Map<string, Promise<boolean>>>()

/**
 * Makes the thumbnail with this key, if there is an output it belongs to, and stores it like any file. Called
 * when somebody asks for it and it is not there yet: most are never asked for (docs/decisions/0009). Of a clip it
 * is made from its poster.
 *
 * @returns whether it is in the store now.
 */
export function makeThumbnail(context: Context, key: string): Promise<boolean> {
  if (!KEY.test(key)) return Promise.resolve(false)
  const making = onTheWay.get(context) ?? new Map<string, Promise<boolean>>()
  onTheWay.set(context, making)
  const started = making.get(key)
  if (started) return started
  const work = make(context, key).finally(() => making.delete(key))
  making.set(key, work)
  return work
}

type Row = { store_key: string; role: FileRole; position: number }

// Keys are of a-z and 2-7, which every collation sorts before a further z.
const filesNear = statement(
  'files of a thumbnail',
  `select f.store_key, f.role, f.position from file f join work w on w.id = f.work_id
   where f.store_key between $1::text and $1::text || 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz' and f.role in ('output', 'poster')
     and w.deleted_at is null and f.removed_at is null`,
)

async function make(context: Context, key: string): Promise<boolean> {
  const still = await findStill(context, key)
  if (still === null) return false
  return atWork(async () => {
    try {
      const source = await readStill(context, still)
      if (!source) return false
      const thumbnail = await sharp(source, { limitInputPixels: MOST_PIXELS })
        .autoOrient()
        .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
        // Little effort: a few bytes more, a third of the time.
        .webp({ quality: 82, effort: 1 })
        .toBuffer()
      await context.files.put(key, thumbnail)
    } catch (error) {
      context.log.warn({ still, error }, 'a thumbnail could not be made')
      return false
    }
    // The work may have been deleted meanwhile, and its files removed before this one was there.
    if ((await findStill(context, key)) !== null) return true
    await context.files.remove(key)
    return false
  })
}

/** The stored picture that shows the output with this thumbnail: the output itself, or its poster. */
async function findStill(context: Context, key: string): Promise<string | null> {
  const rows = await context.db.rows<Row>(filesNear, [thumbnailPrefixOf(key)])
  const output = rows.find((row) => row.role === 'output' && thumbnailKey(context, row.store_key) === key)
  if (!output) return null
  const poster = rows.find((row) => row.role === 'poster' && row.position === output.position)
  const still = (poster ?? output).store_key
  return mediaTypeOf(still)?.kind === 'picture' ? still : null
}

async function readStill(context: Context, key: string): Promise<Buffer | null> {
  const stat = await context.files.stat(key)
  if (!stat || stat.bytes > MOST_SOURCE_BYTES) return null
  const pieces: Buffer[] = await context.files.read(key).toArray()
  return Buffer.concat(pieces)
}
