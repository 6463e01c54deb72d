import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { removeLeftoversOf } from '../works/remove-leftovers.ts'
import type { Task, TaskName, TaskReach, TaskState } from './task.ts'
import { readTask } from './task.ts'

export const endTasks = statement('end tasks', 'select end_tasks_v1($1, $2, $3, $4, $5, $6) as id')

/**
 * Cancels a task within reach and gives its hold back. Against a finish, a
 * timeout or another cancel exactly one wins.
 *
 * @param from the states in which a document lets it be canceled; waiting or running unless given.
 * @throws task_not_found, task_not_cancelable when it is in no such state
 */
export async function cancelTask(
  context: Context,
  reach: TaskReach,
  named: TaskName,
  from: readonly TaskState[] = ['awaiting_approval', 'queued', 'running'],
): Promise<Task> {
  const task = await readTask(context, reach, named)
  const ended = await context.db.rows(endTasks, [
    context.keys.chain,
    [task.id],
    reach.accountId,
    from,
    'canceled',
    null,
  ])
  if (ended.length === 0) throw refusal('task_not_cancelable', { id: task.handle })
  context.events.publish('ended', task.id)
  context.events.publish('task', task.id)
  await removeLeftoversOf(context, [task.id])
  return readTask(context, reach, named)
}
