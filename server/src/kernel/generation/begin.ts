import type { Actor, Context } from '../context.ts'
import { estimateSeconds } from './estimate.ts'
import type { Submission } from './submit.ts'
import { submitTask } from './submit.ts'
import type { Task } from './task.ts'
import { readTaskById } from './task.ts'

/** A task that is on its way, and about how many seconds it takes. */
export type Begun = { task: Task; estimatedSeconds: number }

/**
 * Submits a task for a client that asks after it later, and tells about how long it will take. A repeat with the same
 * idempotency key is told of the same task.
 *
 * @throws what `submitTask` throws
 */
export async function beginTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  submission: Submission,
): Promise<Begun> {
  const { taskId } = await submitTask(context, actor, submission)
  const task = await readTaskById(context, actor, taskId)
  return { task, estimatedSeconds: await estimateSeconds(context, task.modelId, submission) }
}
