import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { readOwnAddress } from '../uploads/addresses.ts'
import { readPictureFrom } from '../uploads/take-picture.ts'

const LONGEST_ADDRESS = 2_000
const STORED = { side: 512, format: 'webp' } as const

const addLooseFile = statement('add loose avatar', 'insert into loose_file (store_key) values ($1)')
// The sweeper takes a loose file after an hour, and must not have begun.
const claimLooseFile = statement(
  'claim loose avatar',
  `delete from loose_file where store_key = $1 and since > now() - interval '50 minutes' returning store_key`,
)

/**
 * Where a client finds an avatar as rows have it: a file of ours by its key, or somebody else's address.
 *
 * @param fileUrl makes the address of a stored file.
 */
export function avatarUrl(fileUrl: (storeKey: string) => string, avatar: string | null): string | null {
  return avatar === null || !isKey(avatar) ? avatar : fileUrl(avatar)
}

function isKey(avatar: string): boolean {
  return !avatar.includes(':')
}

/**
 * Takes in an avatar that somebody names. A picture of this site, known by its address, and one sent as a `data:` URL
 * are written anew under a key that nothing else names, so that the avatar stays when the upload or work it was taken
 * from goes; until `keepAvatar` has put it into its row it is a loose file. Anybody else's address is kept as it is
 * and never fetched.
 *
 * @param current the avatar that is to be replaced: its own address again means that it stays.
 * @returns what rows have: a key or an address.
 * @throws input_invalid for `field` when it is no http(s) address, or no picture that we read
 */
export async function takeAvatar(
  context: Context,
  field: string,
  address: string,
  current: string | null,
): Promise<string> {
  const isData = address.startsWith('data:')
  const own = isData ? null : readOwnAddress(context.publicUrl, address)
  if (own?.kind === 'file' && own.storeKey === current) return current
  if (!isData && own === null) return requireWebAddress(field, address)
  const picture = await readPictureFrom(context, field, address, STORED)
  const key = `${context.ids.token(32)}.webp`
  await context.db.rows(addLooseFile, [key])
  await context.files.put(key, picture)
  return key
}

function requireWebAddress(field: string, address: string): string {
  if (address.length > LONGEST_ADDRESS) throw refusal('input_invalid', { field, problem: 'too_long' })
  const wrong = refusal('input_invalid', { field, problem: 'format' })
  if (!/^https?:\/\/[^\s\p{C}"'<>\\]+$/u.test(address) || !URL.canParse(address)) throw wrong
  const { username, password } = new URL(address)
  if (username !== '' || password !== '') throw wrong
  return address
}

/**
 * Settles whose the files are, in the transaction that puts `after` in the place of `before`: the new one is nobody's
 * loose file any more, and the old one becomes one.
 */
export async function keepAvatar(
  within: Queryable,
  before: string | null,
  after: string | null,
): Promise<void> {
  if (before === after) return
  if (after !== null && isKey(after) && (await within.rows(claimLooseFile, [after])).length === 0)
    throw new Error('an avatar took so long that its file was cleared away')
  if (before !== null && isKey(before)) await within.rows(addLooseFile, [before])
}
