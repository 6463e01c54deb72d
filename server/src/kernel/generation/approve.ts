import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Task, TaskName } from './task.ts'
import { readTask } from './task.ts'

const approveTaskStatement = statement(
  'approve task',
  'select approve_task_v1($1, $2, make_interval(secs => $3)) as approved',
)

/**
 * Lets anybody's task that awaits approval run, as an administrator does. Of two approvals, or of an approval and
 * a cancel, exactly one happens.
 *
 * @throws task_not_found, task_not_awaiting_approval
 */
export async function approveTask(
  context: Context,
  operator: Pick<Actor, 'accountId'>,
  named: TaskName,
): Promise<Task> {
  const anybodys = { accountId: null }
  const task = await readTask(context, anybodys, named)
  const [row] = await context.db.rows<{ approved: boolean }>(approveTaskStatement, [
    task.id,
    operator.accountId,
    context.preset.taskMs / 1000,
  ])
  if (!row?.approved) throw refusal('task_not_awaiting_approval', { id: task.handle })
  context.events.publish('queue')
  context.events.publish('task', task.id)
  return readTask(context, anybodys, named)
}
