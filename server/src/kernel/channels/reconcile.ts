import { statement } from '../../db/database.ts'
import type { Channel } from '../catalog/catalog.ts'
import { channelOfAttempt } from '../catalog/catalog.ts'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import {
  complete,
  doubt,
  FIRST_LOOK_MS,
  giveUp,
  keepPending,
  requeue,
  settleError,
  wordsOf,
} from '../generation/outcome.ts'
import { callOptions } from '../generation/progress.ts'
import type { Provider, ProviderJob } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { removeLeftovers } from '../works/remove-leftovers.ts'

// What is in doubt is never sent again: where the vendor can be asked by our own name of the attempt, it is.

const LONGEST_LOOK_MS = 300_000

const ageOfAttempt = statement(
  'age of attempt',
  `select extract(epoch from now() - coalesce(a.sent_at, a.started_at)) * 1000 as ms
   from task t join attempt a on a.id = t.attempt_id and a.started_at = t.attempt_at where t.id = $1`,
)
const reopenAttempt = statement('reopen attempt', 'select reopen_attempt_v1($1, $2) as done')
const lookAgainStatement = statement('look again', 'select look_again_v1(100) as id')

/**
 * Hands the tasks in doubt whose vendor is to be asked for them now to the workers. Safe to run anywhere, any number of
 * times at once.
 */
export async function lookAgain(context: Context): Promise<number> {
  const rows = await context.db.rows<{ id: bigint }>(lookAgainStatement, [])
  if (rows.length > 0) context.events.publish('queue')
  return rows.length
}

/**
 * An attempt whose worker is gone, or whose task was in doubt. Where nothing was sent, or where repeating is free, it goes
 * back into the queue; where the vendor can be asked for it, it is; otherwise nobody may send it again.
 *
 * @param toJob what was sent, as far as the vendor needs it to find the job.
 */
export async function settleLostAttempt(
  context: Context,
  task: Claimed,
  signal: AbortSignal,
  toJob: (channel: Channel) => Promise<ProviderJob> | null,
): Promise<void> {
  const channel = await channelOfAttempt(context.db, task.id)
  const provider = channel && context.providers.get(channel.provider)
  if (!channel || provider?.repeatable) {
    await removeLeftovers(context, task, task.generation)
    await tryAnew(context, task, 'abandoned', 'the worker was lost')
    return
  }
  const job = provider?.find ? toJob(channel) : null
  if (provider && job) await lookFor(context, task, { channel, provider }, job, signal)
  else await doubt(context, task, 'the worker was lost after the attempt was recorded', null)
}

/** A task that takes every worker down with it must not do so for ever. */
async function tryAnew(context: Context, task: Claimed, state: string, words: string): Promise<void> {
  if (task.attempts >= task.max_attempts) await giveUp(context, task, 'unavailable', `${words}, every time`)
  else await requeue(context, task, state, words, 0)
}

async function lookFor(
  context: Context,
  task: Claimed,
  { channel, provider }: { channel: Channel; provider: Provider },
  job: Promise<ProviderJob>,
  signal: AbortSignal,
): Promise<void> {
  let options: ReturnType<typeof callOptions>
  try {
    options = callOptions(context, task, channel, signal)
  } catch (error) {
    // Its key cannot be decrypted here: nobody can be asked.
    await doubt(context, task, wordsOf(error), null)
    return
  }
  let found: Awaited<ReturnType<NonNullable<Provider['find']>>> | undefined
  try {
    found = await provider.find?.(await job, options.options)
  } catch (error) {
    if (signal.aborted) return
    if (isVerdict(error)) await settleError(context, task, provider, error, signal, channel.id)
    else await doubtOn(context, task, error)
    return
  } finally {
    options.stop()
  }
  if (!found) throw new Error('only who can find is asked to')
  if (found.state === 'not_done') {
    await tryAnew(context, task, 'failed', 'the vendor has no such job')
    return
  }
  const [reopened] = await context.db.rows<{ done: boolean }>(reopenAttempt, [task.id, task.generation])
  if (!reopened?.done) return
  context.log.info({ task: task.id, channel: channel.id }, 'a job in doubt was found at its vendor')
  if (found.state === 'pending') await keepPending(context, task, provider, found, signal)
  else await complete(context, task, provider, found, signal)
}

/** What the vendor says of the job itself, and not of being asked. */
function isVerdict(error: unknown): boolean {
  return error instanceof ProviderError && ['failed', 'rejected', 'content'].includes(error.kind)
}

/** Asked again after as long as it has been in doubt already, within five seconds and five minutes. */
async function doubtOn(context: Context, task: Claimed, error: unknown): Promise<void> {
  const [row] = await context.db.rows<{ ms: number }>(ageOfAttempt, [task.id])
  const usual = Math.min(LONGEST_LOOK_MS, Math.max(FIRST_LOOK_MS, Number(row?.ms ?? 0)))
  const wanted = error instanceof ProviderError ? error.retryAfterMs : undefined
  context.log.warn({ task: task.id, error }, 'a vendor could not say what has become of a job in doubt')
  await doubt(context, task, null, Math.max(usual, wanted ?? 0))
}
