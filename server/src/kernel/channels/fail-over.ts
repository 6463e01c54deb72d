import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import { backoffSeconds, giveUp, requeue, wordsOf } from '../generation/outcome.ts'
import { ProviderError } from '../ports/provider.ts'
import { chooseChannels, type Served } from './choose-channel.ts'
import { noteFull } from './full-models.ts'

const putBackTask = statement(
  'put back task',
  'select put_back_task_v1($1, $2, make_interval(secs => $3)) as done',
)

/** However long a vendor is to be left alone: an operator may have it tried again, or bring in another. */
const LONGEST_WAIT_MS = 2_000

/** Puts a task back for which no channel has room, until one may have: it was not tried, and has not failed. */
export async function putBack(context: Context, task: Claimed, waitMs: number): Promise<void> {
  const ms = Math.min(LONGEST_WAIT_MS, Math.max(50, waitMs))
  // One that some channels have refused waits for others than the rest does.
  if (task.refused_by.length === 0) noteFull(context, task.model_id, ms)
  await context.db.rows(putBackTask, [task.id, task.generation, ms / 1000])
}

/**
 * What becomes of a task whose start is known not to have been done. While another channel is in service it goes there,
 * and that costs it none of its attempts; nor does a vendor that asks for patience, or one that is tried to see whether
 * it is back. Only when everybody has refused it an attempt is used up, so that this neither ends early nor goes on for
 * ever; the deadline ends the rest.
 */
export async function failOver(
  context: Context,
  task: Claimed,
  candidates: readonly Served[],
  at: { served: Served; isProbe: boolean },
  error: ProviderError,
): Promise<void> {
  const { channel, provider } = at.served
  const words = wordsOf(error)
  context.log.warn(
    { task: task.id, provider: provider.name, channel: channel.id, kind: error.kind, error },
    'a provider refused a task',
  )
  const isThrottled = error.kind === 'throttled' && !provider.repeatable
  const refusedBy = isThrottled ? task.refused_by : [...task.refused_by, channel.id]
  const { usable, waitMs, hasFresh } = chooseChannels(context, candidates, refusedBy)
  if (isThrottled || at.isProbe || hasFresh) {
    const wait = usable.length > 0 ? 0 : Math.min(LONGEST_WAIT_MS, waitMs ?? LONGEST_WAIT_MS)
    const refuser = isThrottled || at.isProbe ? null : channel.id
    await requeue(context, task, 'failed', words, wait / 1000, { counts: false, refusedBy: refuser })
  } else if (task.attempts >= task.max_attempts) await giveUp(context, task, 'unavailable', words)
  else {
    const { retryAfterMs } = error
    const seconds = retryAfterMs === undefined ? backoffSeconds(task.attempts) : retryAfterMs / 1000
    await requeue(context, task, 'failed', words, seconds, { counts: true, refusedBy: channel.id })
  }
}

/** Whether an error of a start says for sure that nothing was done, and may be done elsewhere. */
export function isKnownNotDone(error: unknown): error is ProviderError {
  return error instanceof ProviderError && (error.kind === 'throttled' || error.kind === 'unavailable')
}
