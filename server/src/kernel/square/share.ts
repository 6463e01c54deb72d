import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const countShareStatement = statement(
  'count share',
  `update work set shares = shares + 1 where id = $1 and account_id = $2 and deleted_at is null returning shares`,
)

/**
 * Counts that the caller asked for an address of a work of theirs to pass on. @returns how often by now
 * @throws work_not_found, also for somebody else's
 */
export async function countShare(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<number> {
  const [row] = await context.db.rows<{ shares: number }>(countShareStatement, [workId, actor.accountId])
  if (!row) throw refusal('work_not_found', { id: String(workId) })
  return row.shares
}
