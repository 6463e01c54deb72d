import { statement } from '../../db/database.ts'
import { keepAvatar, takeAvatar } from '../accounts/avatar.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Character } from './character.ts'
import { CHARACTER_VIEW, normaliseName } from './character.ts'

/** More than anybody tells apart, and few enough to be looked through at every mention. */
export const MOST_CHARACTERS = 500

// Creations of one account wait for each other here, so that none goes past the number.
const lockOwner = statement('lock owner of characters', 'select from account where id = $1 for no key update')
const insertRow = statement(
  'create character',
  `insert into character (account_id, name, type, avatar)
   select $1, $2, $3, $4 where (select count(*) from character where account_id = $1) < $5
   returning ${CHARACTER_VIEW}`,
)

/**
 * Makes a character of the caller's own.
 *
 * @param input.avatar an address, or a picture as a `data:` URL; null for none. See `takeAvatar`.
 * @throws input_invalid for `name`, `avatar`, or `characters` when the caller has as many as anybody may
 */
export async function createCharacter(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  input: { name: string; type: string; avatar: string | null },
): Promise<Character> {
  const name = normaliseName(input.name)
  const avatar = input.avatar === null ? null : await takeAvatar(context, 'avatar', input.avatar, null)
  return context.db.transaction(async (within) => {
    await within.rows(lockOwner, [accountId])
    const values = [accountId, name, input.type, avatar, MOST_CHARACTERS]
    const [row] = await within.rows<Character>(insertRow, values)
    if (!row) throw refusal('input_invalid', { field: 'characters', problem: 'too_large' })
    await keepAvatar(within, null, avatar)
    return row
  })
}
