import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

const countRows = statement(
  'ready works of account',
  `select count(*) as total from work where account_id = $1 and state = 'ready' and deleted_at is null`,
)

/**
 * How many works the caller has that are done and not deleted. Counted rather than kept: a counter would be one more
 * row that every finished task of the account wants, and `works_ready_of_account` answers from the index alone.
 */
export async function countReadyWorks(context: Context, actor: Pick<Actor, 'accountId'>): Promise<number> {
  const [row] = await context.db.rows<{ total: bigint }>(countRows, [actor.accountId])
  return Number(row?.total ?? 0)
}
