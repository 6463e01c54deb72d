import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

/** Somebody whom prompts may mention. */
export type Character = {
  id: bigint
  /** Whose it is; null for the house's own, which everybody uses and nobody edits. */
  accountId: bigint | null
  name: string
  /** Where it is from, in its document's word. */
  type: string
  /** A store key or an address; `avatarUrl` makes an address of it. */
  avatar: string | null
  /** What prompts call a character of the house after an `@`, besides its name. */
  mention: string | null
  createdAt: Date
  updatedAt: Date
}

/** The columns of `Character`, for a query over `character`. */
export const CHARACTER_VIEW = `id, account_id as "accountId", name, type, avatar, mention, created_at as "createdAt",
  updated_at as "updatedAt"`

const readUsable = statement(
  'usable character',
  `select ${CHARACTER_VIEW} from character where id = $1 and (account_id = $2 or account_id is null)`,
)

/** A character that the caller may use: an own one or the house's. @throws character_not_found */
export async function readCharacter(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  characterId: bigint,
): Promise<Character> {
  const [row] = await context.db.rows<Character>(readUsable, [characterId, actor.accountId])
  if (!row) throw refusal('character_not_found', { id: String(characterId) })
  return row
}

const LONGEST_NAME = 50

/** A character's name as it is stored: trimmed, in one Unicode form, on one line. @throws input_invalid for `name` */
export function normaliseName(text: string): string {
  const name = text.normalize('NFC').trim()
  if (name === '') throw refusal('input_invalid', { field: 'name', problem: 'missing' })
  if ([...name].length > LONGEST_NAME) throw refusal('input_invalid', { field: 'name', problem: 'too_long' })
  // Neither control characters nor those that turn the direction of what follows them.
  if (/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u.test(name))
    throw refusal('input_invalid', { field: 'name', problem: 'format' })
  return name
}
