import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Submission } from './submit.ts'
import { submitTask } from './submit.ts'
import type { Task, TaskState } from './task.ts'
import { readTaskById } from './task.ts'

/** How long a synchronous dialect's call is held open (decided reading *Synchronous calls*). */
const LONGEST_WAIT_MS = 280_000
/** Events may be lost; rows are the truth. */
const READ_AGAIN_MS = 2_000

const ENDED: Readonly<Record<TaskState, boolean>> = {
  awaiting_approval: false,
  queued: false,
  running: false,
  unknown: false,
  succeeded: true,
  failed: true,
  canceled: true,
}

/**
 * Submits a task and waits for its end, as synchronous dialects do. A repeat with the same idempotency key
 * joins the same task. A client that leaves cancels nothing.
 *
 * @throws what `submitTask` throws; generation_failed when it ended without a result; generation_running when
 *   the wait is over first
 */
export async function runTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  submission: Submission,
  longestWaitMs = LONGEST_WAIT_MS,
): Promise<Task> {
  const { taskId } = await submitTask(context, actor, submission)
  const task = await awaitTask(context, actor, taskId, longestWaitMs)
  if (task.state === 'succeeded') return task
  if (!ENDED[task.state]) throw refusal('generation_running', { id: task.handle, workId: task.workId })
  throw refusal('generation_failed', { id: task.handle, reason: task.failure ?? 'unknown' })
}

/** Waits until the task has ended or the time is over, and returns it as it then is. */
async function awaitTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  taskId: bigint,
  longestWaitMs: number,
): Promise<Task> {
  const endsAt = performance.now() + longestWaitMs
  let wake = (): void => {}
  let changed = false
  // Subscribed before the row is read: an end in between is not missed.
  const stop = context.events.subscribe('task', taskId, () => {
    changed = true
    wake()
  })
  try {
    for (;;) {
      changed = false
      const task = await readTaskById(context, actor, taskId)
      const leftMs = endsAt - performance.now()
      if (ENDED[task.state] || leftMs <= 0) return task
      if (!changed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(leftMs, READ_AGAIN_MS))
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    }
  } finally {
    stop()
  }
}
