import { statement } from '../../db/database.ts'
import { isConnectionLoss } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { removeLeftoversOf } from '../works/remove-leftovers.ts'
import { endTasks } from './cancel.ts'

const overdueTasks = statement(
  'overdue tasks',
  `select id from task where state in ('awaiting_approval', 'queued', 'running', 'unknown') and deadline < now()
   order by deadline limit 500`,
)

// Should never find one: a hold outlives its task's deadline by a minute, and ending the task settles it.
const forgottenHolds = statement(
  'forgotten holds',
  `select h.id from hold h where h.state = 'open' and h.deadline < now() - interval '1 minute'
   and not exists (select from task t where t.hold_id = h.id and t.state in ('awaiting_approval', 'queued', 'running', 'unknown')) limit 500`,
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
  const end = (ids: readonly bigint[]): Promise<{ id: bigint }[]> =>
    context.db.rows<{ id: bigint }>(endTasks, [
      context.keys.chain,
      ids,
      null,
      ['awaiting_approval', 'queued', 'running', 'unknown'],
      'failed',
      'deadline',
    ])
  const ids = overdue.map((row) => row.id)
  // One that cannot be ended must not keep the others from it.
  const ended = await end(ids).catch(async (error) => {
    if (ids.length < 2 || isConnectionLoss(error)) throw error
    const each = await Promise.allSettled(ids.map((id) => end([id])))
    for (const result of each) {
      if (result.status === 'rejected')
        context.log.error({ error: result.reason }, 'an overdue task could not be ended')
    }
    return each.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  })
  for (const { id } of ended) {
    context.events.publish('ended', id)
    context.events.publish('task', id)
  }
  await removeLeftoversOf(
    context,
    ended.map(({ id }) => id),
  )
  const holds = await context.db.rows<{ id: bigint }>(forgottenHolds, [])
  for (const { id } of holds) {
    await context.db.rows(resolveHold, [context.keys.chain, id])
    context.log.error({ hold: id }, 'a hold was open past its deadline without a task; it was given back')
  }
  return { ended: ended.length, forgotten: holds.length }
}
