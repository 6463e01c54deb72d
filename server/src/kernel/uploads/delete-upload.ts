import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { readOwnAddress } from './addresses.ts'

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/
const LONGEST_SHOWN = 100

const deleteSent = statement(
  'delete sent file',
  `with gone as (
     delete from sent_file where store_key = $2 and account_id = $1 returning store_key, preview_key),
   loose as (
     insert into loose_file (store_key) select key from gone, unnest(array[store_key, preview_key]) as key
     on conflict do nothing)
   select store_key, preview_key from gone`,
)
const forgetLoose = statement('forget deleted files', 'delete from loose_file where store_key in ($1, $2)')

/**
 * Deletes the caller's upload and its small picture, at once. It is found by the key that we gave it, among the
 * caller's own rows, and by nothing else: what is no such key names no file at all (facts/cameo.md, hole 1).
 *
 * @param name its key, or the address that ends in it.
 * @throws upload_not_found, also when it is somebody else's
 */
export async function deleteUpload(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  name: string,
): Promise<void> {
  const missing = refusal('upload_not_found', { name: name.slice(0, LONGEST_SHOWN) })
  const own = readOwnAddress(context.publicUrl, name)
  const storeKey = own?.kind === 'file' ? own.storeKey : name
  if (!KEY.test(storeKey)) throw missing
  const [row] = await context.db.rows<{ store_key: string; preview_key: string }>(deleteSent, [
    accountId,
    storeKey,
  ])
  if (!row) throw missing
  await Promise.all([context.files.remove(row.store_key), context.files.remove(row.preview_key)])
  // Until here the sweeper knew of them.
  await context.db.rows(forgetLoose, [row.store_key, row.preview_key])
}
