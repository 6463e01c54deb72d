import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { removeLeftoversOf } from '../works/remove-leftovers.ts'
import type { Task } from './task.ts'
import { readTask } from './task.ts'

export const endTasks = statement('end tasks', 'select end_tasks_v1($1, $2, $3, $4, $5, $6) as id')

/**
 * Cancels the caller's task while it waits or runs and gives its hold back. Against a finish, a timeout or
 * another cancel exactly one wins.
 *
 * @throws task_not_found, task_not_cancelable when it has ended
 */
export async function cancelTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  handle: string,
): Promise<Task> {
  const task = await readTask(context, actor, handle)
  const ended = await context.db.rows(endTasks, [
    context.keys.chain,
    [task.id],
    actor.accountId,
    ['queued', 'running'],
    'canceled',
    null,
  ])
  if (ended.length === 0) throw refusal('task_not_cancelable', { id: handle })
  context.events.publish('ended', task.id)
  context.events.publish('task', task.id)
  await removeLeftoversOf(context, [task.id])
  return readTask(context, actor, handle)
}
