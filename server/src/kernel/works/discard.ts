import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { removeLeftoversOf } from './remove-leftovers.ts'

const discardStatement = statement(
  'discard works',
  'select work_id, task_id, was_ended, source from discard_works_v1($1, $2, $3)',
)

type Row = { work_id: bigint; task_id: bigint; was_ended: boolean; source: string | null }

/**
 * Deletes those of the works that are the caller's: gone from every list at once, their files soon after. What is still
 * being made is canceled and its price given back; what was made stays paid.
 *
 * @returns how many were deleted.
 */
export async function discardWorks(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workIds: readonly bigint[],
): Promise<number> {
  const rows = await context.db.rows<Row>(discardStatement, [context.keys.chain, actor.accountId, workIds])
  const ended = rows.filter((row) => row.was_ended).map((row) => row.task_id)
  for (const taskId of ended) {
    context.events.publish('ended', taskId)
    context.events.publish('task', taskId)
  }
  await removeLeftoversOf(context, ended)
  return rows.length
}

/** The same for one work. @throws work_not_found, also for somebody else's */
export async function discardWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<void> {
  if ((await discardWorks(context, actor, [workId])) === 0)
    throw refusal('work_not_found', { id: String(workId) })
}
