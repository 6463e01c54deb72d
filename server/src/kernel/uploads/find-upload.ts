import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { readOwnAddress } from './addresses.ts'

const storedUpload = statement(
  'stored upload',
  'select store_key, media_type from upload where name = $1 and store_key is not null',
)

/** Where an upload lies, by its name; null when there is none, or none any more. Anybody may look at it. */
export async function findUpload(
  context: Context,
  name: string,
): Promise<{ storeKey: string; mediaType: string } | null> {
  const [row] = await context.db.rows<{ store_key: string; media_type: string }>(storedUpload, [name])
  return row ? { storeKey: row.store_key, mediaType: row.media_type } : null
}

/**
 * The store key of a file of this site that somebody names by its address, so that it is read from the store
 * and not over the network (decided reading); null when the address is not ours, `missing` when it is and there
 * is no such file.
 */
export async function findOwnFile(
  context: Context,
  address: string,
): Promise<{ storeKey: string; bytes: number } | 'missing' | null> {
  const own = readOwnAddress(context.publicUrl, address)
  if (own === null) return null
  if (own.kind === 'nothing') return 'missing'
  const storeKey = own.kind === 'file' ? own.storeKey : (await findUpload(context, own.name))?.storeKey
  const stat = storeKey === undefined ? null : await context.files.stat(storeKey)
  return storeKey === undefined || stat === null ? 'missing' : { storeKey, bytes: stat.bytes }
}
