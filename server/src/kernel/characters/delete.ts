import { statement } from '../../db/database.ts'
import { keepAvatar } from '../accounts/avatar.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const deleteRow = statement(
  'delete character',
  'delete from character where id = $1 and account_id = $2 returning avatar',
)

/** Deletes a character of the caller's own. @throws character_not_found, also for the house's and other people's */
export async function deleteCharacter(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  characterId: bigint,
): Promise<void> {
  await context.db.transaction(async (within) => {
    const [row] = await within.rows<{ avatar: string | null }>(deleteRow, [characterId, accountId])
    if (!row) throw refusal('character_not_found', { id: String(characterId) })
    await keepAvatar(within, row.avatar, null)
  })
}
