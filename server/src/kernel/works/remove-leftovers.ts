import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Storing } from './store-key.ts'
import { generationOf, taskPrefix } from './store-key.ts'

/**
 * Removes what the generations of a task before `below` stored. Those can end it no more, so their files belong
 * to nothing, whatever they are and however many; a later worker's are not touched. A store that does not answer
 * is no reason to hold up the task: whoever ends it tries again.
 */
export async function removeLeftovers(
  context: Context,
  { id }: { id: bigint },
  below: number,
): Promise<void> {
  try {
    await context.files.removeAll(taskPrefix(context, id), (key) => generationOf(key) < below)
  } catch (error) {
    context.log.warn({ task: id, error }, 'what a task left in the store could not be removed')
  }
}

const claimedBefore = statement(
  'ended tasks with earlier claims',
  'select id, generation from task where id = any ($1) and generation > 1',
)

/** The same for tasks that were ended over the heads of their workers, which may be dead. */
export async function removeLeftoversOf(context: Context, ids: readonly bigint[]): Promise<void> {
  if (ids.length === 0) return
  const tasks = await context.db.rows<Storing>(claimedBefore, [ids])
  for (const task of tasks) await removeLeftovers(context, task, task.generation)
}
