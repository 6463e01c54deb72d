import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { mediaTypeOf } from '../works/media-types.ts'
import { readOwnAddress } from './addresses.ts'
import { cleanPicture, readStored } from './take-picture.ts'

const LONGEST_SHOWN = 100
const MOST_BYTES = 64 * 1_048_576

const ownFile = statement(
  'own file by key',
  `select store_key from sent_file where store_key = $2 and account_id = $1
   union all
   select f.store_key from file f join work w on w.id = f.work_id
   where f.store_key = $2 and f.role in ('output', 'poster') and f.removed_at is null
     and w.account_id = $1 and w.deleted_at is null
   limit 1`,
)
const ownUpload = statement(
  'own upload by name',
  'select store_key from upload where name = $2 and account_id = $1 and store_key is not null',
)

/**
 * Takes the picture of the caller's own upload or work, by its address, as the source of something new: a copy under
 * a key of its own, as a PNG, because a task removes a source that it did not use.
 *
 * @returns the store key of the copy.
 * @throws upload_not_found when the address is none of ours, or what is there is somebody else's, gone or no picture;
 *   input_invalid for `image` when it is too large to be written anew
 */
export async function findOwnPicture(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  address: string,
): Promise<string> {
  const missing = refusal('upload_not_found', { name: address.slice(0, LONGEST_SHOWN) })
  const storeKey = await findOwn(context, actor, address)
  if (storeKey === null || mediaTypeOf(storeKey)?.kind !== 'picture') throw missing
  const stat = await context.files.stat(storeKey)
  if (stat === null || stat.bytes > MOST_BYTES) throw missing
  const { bytes } = await cleanPicture('image', await readStored(context, storeKey), {
    side: 2_048,
    format: 'png',
  })
  const key = `${context.ids.token(32)}.png`
  await context.files.put(key, bytes)
  return key
}

async function findOwn(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  address: string,
): Promise<string | null> {
  const own = readOwnAddress(context.publicUrl, address)
  if (own === null || own.kind === 'nothing') return null
  const [row] =
    own.kind === 'file'
      ? await context.db.rows<{ store_key: string }>(ownFile, [accountId, own.storeKey])
      : await context.db.rows<{ store_key: string }>(ownUpload, [accountId, own.name])
  return row?.store_key ?? null
}
