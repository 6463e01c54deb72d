import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { endTasks } from './cancel.ts'

const overdueTasks = statement(
  'overdue tasks',
  `select id from task where state in ('queued', 'running', 'unknown') and deadline < now()
   order by deadline limit 500`,
)

// Should never find one: a hold outlives its task's deadline by a minute, and ending the task settles it.
const forgottenHolds = statement(
  'forgotten holds',
  `select h.id from hold h where h.state = 'open' and h.deadline < now() - interval '1 minute'
   and not exists (select from task t where t.hold_id = h.id and t.state in ('queued', 'running', 'unknown')) limit 500`,
)
const resolveHold = statement('resolve hold', 'select resolve_hold_v1($1, $2, 0)')

/**
 * Ends every task past its deadline and gives its hold back, whoever has its lease; and gives back holds that
 * no task answers for. Safe to run anywhere, any number of times at once.
 *
 * @returns how many tasks were ended and how many holds were found forgotten.
 */
export async function sweepTasks(context: Context): Promise<{ ended: number; forgotten: number }> {
  const overdue = await context.db.rows<{ id: bigint }>(overdueTasks, [])
  const ended = await context.db.rows<{ id: bigint }>(endTasks, [
    context.keys.chain,
    overdue.map((row) => row.id),
    null,
    ['queued', 'running', 'unknown'],
    'failed',
    'deadline',
  ])
  for (const { id } of ended) context.events.publish('task', id)
  const holds = await context.db.rows<{ id: bigint }>(forgottenHolds, [])
  for (const { id } of holds) {
    await context.db.rows(resolveHold, [context.keys.chain, id])
    context.log.error({ hold: id }, 'a hold was open past its deadline without a task; it was given back')
  }
  return { ended: ended.length, forgotten: holds.length }
}
