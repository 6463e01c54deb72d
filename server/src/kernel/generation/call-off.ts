import { statement } from '../../db/database.ts'
import { channelById } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import type { Context } from '../context.ts'
import type { Json } from '../ports/provider.ts'
import type { Claimed } from './claim.ts'

type Orphan = {
  id: bigint
  started_at: string
  task_id: bigint
  channel_id: bigint | null
  operation: Json
  call_offs: number
}

// An attempt that was ended while it was pending is `abandoned`, whoever ended it: its owner, an operator, the deadline.
// One in doubt is ended with its task. Raising the count is the claim: of several processes one calls, and when that one
// dies another does a minute later. The moment goes out as text, as a number of milliseconds would not find the row again.
const claimOrphans = statement(
  'claim orphans',
  `with due as (
     select a.id, a.started_at from attempt a
     where a.state in ('abandoned', 'unknown') and a.operation is not null and a.called_off_at is null
       and a.call_offs < 3 and a.started_at > now() - interval '2 days'
       and (a.call_off_due_at is null or a.call_off_due_at <= now())
       and (a.state = 'abandoned' or not exists (select from task t where t.id = a.task_id and t.attempt_id = a.id
         and t.state not in ('failed', 'canceled')))
     order by a.started_at limit 100 for update skip locked)
   update attempt a set call_offs = a.call_offs + 1, call_off_due_at = now() + interval '1 minute'
   from due where a.id = due.id and a.started_at = due.started_at
   returning a.id, a.started_at::text as started_at, a.task_id, a.channel_id, a.operation, a.call_offs`,
)
const recordCallOff = statement(
  'record call-off',
  'update attempt set called_off_at = now() where id = $1 and started_at = $2::timestamptz',
)
const recordOrphan = statement(
  'record orphan',
  `update attempt set operation = $3 where task_id = $1 and generation = $2 and operation is null
   and state in ('started', 'abandoned', 'unknown')`,
)

const WITHIN_MS = 10_000

/**
 * Tells vendors of the jobs that nobody waits for any more: those whose task was canceled, deleted or overdue while they
 * were under way, so that they are not made and paid for in vain. Best effort, three times at most, a minute apart; users
 * and their money have nothing to do with it, as the hold was settled with the end of the task. Safe to run anywhere, any
 * number of times at once.
 *
 * @returns how many jobs were called off.
 */
export async function callOffOrphans(context: Context): Promise<number> {
  const orphans = await context.db.rows<Orphan>(claimOrphans, [])
  const told = await Promise.all(orphans.map((orphan) => callOff(context, orphan)))
  return told.filter((isTold) => isTold).length
}

async function callOff(context: Context, orphan: Orphan): Promise<boolean> {
  try {
    // Where the job was sent, whatever serves its model now.
    const channel = orphan.channel_id === null ? null : await channelById(context.db, orphan.channel_id)
    const provider = channel && context.providers.get(channel.provider)
    // A vendor that cannot be told has nothing to be told again.
    const call = channel && provider?.cancel?.(orphan.operation, openConnection(context, channel))
    if (call) await within(WITHIN_MS, call)
    await context.db.rows(recordCallOff, [orphan.id, orphan.started_at])
    return call !== undefined && call !== null
  } catch (error) {
    const { id: attempt, task_id: task, channel_id: channel, call_offs: tries } = orphan
    context.log.warn({ task, attempt, channel, tries, error }, 'a job could not be called off at its vendor')
    return false
  }
}

/** Its result, unless that takes too long: a vendor that never answers would keep all the others waiting. */
async function within<Result>(ms: number, result: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  return Promise.race([result, late]).finally(() => clearTimeout(timer))
}

/**
 * Keeps the operation of a job that started after its task was ended or taken over by somebody else: nobody else knows
 * it, and `callOffOrphans` finds it by this. Changes nothing where the attempt has an operation.
 */
export async function keepOrphan(context: Context, task: Claimed, operation: Json): Promise<void> {
  await context.db.rows(recordOrphan, [task.id, task.attempt_generation, JSON.stringify(operation)])
}

/**
 * Follows a signal with a delay. A start that is given up while its request is under way leaves a job that nobody can
 * name; given a moment more, its vendor's answer says what to call off.
 */
export function signalAfter(signal: AbortSignal, ms: number = WITHIN_MS): AbortSignal {
  const delayed = new AbortController()
  const follow = (): void => void setTimeout(() => delayed.abort(signal.reason), ms).unref()
  if (signal.aborted) delayed.abort(signal.reason)
  else signal.addEventListener('abort', follow, { once: true })
  return delayed.signal
}
