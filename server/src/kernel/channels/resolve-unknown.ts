import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { removeLeftoversOf } from '../works/remove-leftovers.ts'

/** A task of which nobody can say whether its vendor has done it, for an operator to find out. */
export type UnknownTask = {
  id: bigint
  handle: string
  account_id: bigint
  kind: string
  model: string
  attempt: bigint | null
  /** Raised whenever somebody takes it on; a verdict on an older one changes nothing. */
  generation: number
  channel: string | null
  since: Date
  deadline: Date
  /** When the vendor is asked for it next; null where nobody can ask. */
  look_at: Date | null
  /** The vendor's own words. */
  error: string | null
}

const listRows = statement(
  'list unknown tasks',
  `select t.id, t.handle, t.account_id, t.kind, m.name as model, t.attempt_id as attempt, t.generation,
     c.id || ' ' || c.provider || ' ' || c.vendor_model as channel, coalesce(a.sent_at, a.started_at, t.updated_at) as since,
     t.deadline, t.look_at, a.error
   from task t join model m on m.id = t.model_id
   left join attempt a on a.id = t.attempt_id and a.started_at = t.attempt_at
   left join channel c on c.id = a.channel_id
   where t.state = 'unknown' order by t.deadline limit $1`,
)

/** The tasks in doubt, those that end soonest first. */
export function listUnknownTasks(context: Context, most: number): Promise<UnknownTask[]> {
  return context.db.rows<UnknownTask>(listRows, [most])
}

/** What an operator found out at the vendor. */
export type Verdict =
  /** It was done, and its result cannot be had any more. */
  | 'done'
  /** It was not done; the user is told so. */
  | 'not_done'
  /** It was not done, and is tried anew on the same hold. */
  | 'retry'

const findUnknown = statement(
  'find unknown task',
  `select id, generation from task where (id::text = $1 or handle = $1) and state = 'unknown'`,
)
const resolveStatement = statement(
  'resolve unknown task',
  'select resolve_unknown_v1($1, $2, $3, $4, $5, make_interval(secs => $6)) as done',
)

/**
 * Ends a task's doubt by an operator's word. Without a result the user pays nothing, whatever the vendor did; against the
 * deadline, a look at the vendor and another operator exactly one wins.
 *
 * @param named the task's number or handle.
 * @throws task_not_found when no such task is in doubt, task_not_retryable when somebody else was faster
 */
export async function resolveUnknownTask(context: Context, named: string, verdict: Verdict): Promise<bigint> {
  const [task] = await context.db.rows<{ id: bigint; generation: number }>(findUnknown, [named])
  if (!task) throw refusal('task_not_found', { id: named })
  const [row] = await context.db.rows<{ done: boolean }>(resolveStatement, [
    context.keys.chain,
    task.id,
    task.generation,
    verdict === 'done',
    verdict === 'retry',
    context.preset.taskMs / 1000,
  ])
  if (!row?.done) throw refusal('task_not_retryable', { id: named })
  context.events.publish('task', task.id)
  if (verdict === 'retry') context.events.publish('queue')
  else await removeLeftoversOf(context, [task.id])
  return task.id
}
