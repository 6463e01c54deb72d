import { statement } from '../../db/database.ts'
import { keepAvatar, takeAvatar } from '../accounts/avatar.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Character } from './character.ts'
import { CHARACTER_VIEW, normaliseName } from './character.ts'

/** What is absent stays; a null avatar is taken away. */
export type CharacterChanges = {
  name?: string | undefined
  type?: string | undefined
  avatar?: string | null | undefined
}

const readOwn = statement('own character', 'select avatar from character where id = $1 and account_id = $2')
const lockOwn = statement(
  'lock own character',
  'select avatar from character where id = $1 and account_id = $2 for update',
)
const updateRow = statement(
  'update character',
  `update character set name = coalesce($3, name), type = coalesce($4, type), avatar = $5,
     updated_at = greatest(now(), updated_at + interval '1 millisecond')
   where id = $1 and account_id = $2 returning ${CHARACTER_VIEW}`,
)

/**
 * Changes a character of the caller's own; the house's and other people's are as if they were not there.
 *
 * @throws character_not_found, input_invalid for `name`, `avatar`, or '' when nothing is to be changed
 */
export async function updateCharacter(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  characterId: bigint,
  { name, type, avatar }: CharacterChanges,
): Promise<Character> {
  if (name === undefined && type === undefined && avatar === undefined)
    throw refusal('input_invalid', { field: '', problem: 'missing' })
  const missing = refusal('character_not_found', { id: String(characterId) })
  const newName = name === undefined ? null : normaliseName(name)
  const [present] = await context.db.rows<{ avatar: string | null }>(readOwn, [characterId, accountId])
  if (!present) throw missing
  // Before the row is locked, for it may be a picture to read.
  const taken = avatar ? await takeAvatar(context, 'avatar', avatar, present.avatar) : avatar
  return context.db.transaction(async (within) => {
    const [locked] = await within.rows<{ avatar: string | null }>(lockOwn, [characterId, accountId])
    if (!locked) throw missing
    const after = taken === undefined ? locked.avatar : taken || null
    const values = [characterId, accountId, newName, type ?? null, after]
    const [row] = await within.rows<Character>(updateRow, values)
    if (!row) throw missing
    await keepAvatar(within, locked.avatar, after)
    return row
  })
}
