import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const deleteWorkStatement = statement(
  'delete work',
  `with mine as (
     update work set deleted_at = now() where id = $1 and account_id = $2 and deleted_at is null returning id)
   select exists (select from mine) as deleted, exists (select from work where id = $1 and deleted_at is null and account_id <> $2) as foreign`,
)

/**
 * Deletes the caller's work: gone from every list at once, its files soon after. What was paid stays paid.
 *
 * @throws work_not_found, work_not_owned when it is somebody else's
 */
export async function deleteWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<void> {
  const [row] = await context.db.rows<{ deleted: boolean; foreign: boolean }>(deleteWorkStatement, [
    workId,
    actor.accountId,
  ])
  if (row?.deleted) return
  throw row?.foreign
    ? refusal('work_not_owned', { id: String(workId) })
    : refusal('work_not_found', { id: String(workId) })
}
