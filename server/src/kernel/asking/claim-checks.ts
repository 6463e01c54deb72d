import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import type { Line } from './ask-lines.ts'

/** A job that is asked after, as its worker holds it. */
export type ClaimedCheck = Claimed & {
  /** The connection whose line it stands in; null for a provider that needs none. */
  asked_via: bigint | null
  /** What is left until it is due. */
  due_in_ms: number
  /** True when its worker was lost, who may just have asked after it. */
  is_lapsed: boolean
  channel_id: bigint | null
}

const claimChecksStatement = statement(
  'claim checks',
  `select (c.claimed).*, c.due_in_ms, c.is_lapsed, c.channel_id
   from claim_checks_v1($1, $2, $3, $4, make_interval(secs => $5), make_interval(secs => $6)) c`,
)

/**
 * Claims jobs to ask after that are due within `aheadMs`: of each line as many as are planned for it, and `loose` of
 * those that stand in none.
 */
export function claimChecks(
  context: Context,
  worker: string,
  planned: readonly { line: Line; places: number }[],
  loose: number,
  times: { aheadMs: number; leaseMs: number },
): Promise<ClaimedCheck[]> {
  return context.db.rows<ClaimedCheck>(claimChecksStatement, [
    worker,
    planned.map(({ line }) => line.connectionId),
    planned.map(({ places }) => places),
    loose,
    times.aheadMs / 1000,
    times.leaseMs / 1000,
  ])
}

const returnChecksStatement = statement(
  'return checks',
  `update task t set due_at = now() + make_interval(secs => held.after_ms / 1000), worker = null
   from unnest($1::bigint[], $2::int[], $3::float8[]) as held (id, generation, after_ms)
   where t.id = held.id and t.generation = held.generation and t.state = 'running'`,
)

/** Gives jobs back, as a worker does that stops; `afterMs` keeps what was just asked after from being asked again. */
export async function returnChecks(
  context: Context,
  held: readonly { task: Pick<Claimed, 'id' | 'generation'>; afterMs: number }[],
): Promise<void> {
  if (held.length === 0) return
  await context.db.rows(returnChecksStatement, [
    held.map(({ task }) => task.id),
    held.map(({ task }) => task.generation),
    held.map(({ afterMs }) => afterMs),
  ])
}
