import { statement } from '../../db/database.ts'
import { fullModels } from '../channels/full-models.ts'
import type { Context } from '../context.ts'
import type { Metered } from '../metering/explanation.ts'
import type { Json } from '../ports/provider.ts'
import type { TaskInput } from './task-input.ts'

/** A task as its worker holds it: until the lease ends, and only in this generation. */
export type Claimed = TaskInput & Claim

/** A reply of the assistant whose process has lost it; nobody claims any other. */
export type ClaimedReply = { kind: 'chat'; input: Json } & Claim

type Claim = {
  id: bigint
  account_id: bigint
  model_id: bigint
  price_subject: string
  price_version: number
  cost: bigint
  /** How the hold was measured; null where the price is fixed. */
  explanation: Metered | null
  generation: number
  attempts: number
  max_attempts: number
  attempt_generation: number
  operation: Json
  remote_id: string | null
  deadline: Date
  /** How often in a row its vendor could not be asked. */
  unanswered: number
  /** The least time between two looks at its job, where its connection says something else than its provider. */
  askEveryMs?: number
  /** The channels that would not have it, in this series of attempts. */
  refused_by: bigint[]
}

const claimTasksStatement = statement(
  'claim tasks',
  'select * from claim_tasks_v2($1, $2, make_interval(secs => $3), $4)',
)

/**
 * Claims up to `take` due tasks for `worker`, each under a lease. Every claim raises the generation. What waits for
 * a model without room is left where it is. A worker is ready
 * for replies among them; where there are none, it need not be said.
 */
export function claimTasks<Due extends Claimed | ClaimedReply = Claimed>(
  context: Context,
  worker: string,
  take: number,
  leaseMs: number,
): Promise<Due[]> {
  return context.db.rows<Due>(claimTasksStatement, [worker, take, leaseMs / 1000, fullModels(context)])
}

const claimStartsStatement = statement(
  'claim starts',
  'select * from claim_starts_v1($1, $2, make_interval(secs => $3), $4)',
)

/** As `claimTasks`, without what is under way at vendors: `claimChecks` takes that, and neither waits for the other. */
export function claimStarts(
  context: Context,
  worker: string,
  take: number,
  leaseMs: number,
): Promise<(Claimed | ClaimedReply)[]> {
  return context.db.rows(claimStartsStatement, [worker, take, leaseMs / 1000, fullModels(context)])
}

const extendLeasesStatement = statement(
  'extend leases',
  'select extend_leases_v1($1, $2, make_interval(secs => $3)) as id',
)

/** Extends the leases of the tasks that a worker holds. @returns those it no longer holds: stop working on them. */
export async function extendLeases(
  context: Context,
  held: readonly Pick<Claimed, 'id' | 'generation'>[],
  leaseMs: number,
): Promise<bigint[]> {
  if (held.length === 0) return []
  const rows = await context.db.rows<{ id: bigint }>(extendLeasesStatement, [
    held.map((task) => task.id),
    held.map((task) => task.generation),
    leaseMs / 1000,
  ])
  return rows.map((row) => row.id)
}

const returnTasksStatement = statement(
  'return tasks',
  `update task t set due_at = now(), worker = null from unnest($1::bigint[], $2::int[]) as held (id, generation)
   where t.id = held.id and t.generation = held.generation and t.state = 'running'`,
)

/** Gives claimed tasks back at once, as a worker does that stops: the next one need not wait for the lease. */
export async function returnTasks(
  context: Context,
  held: readonly Pick<Claimed, 'id' | 'generation'>[],
): Promise<void> {
  if (held.length === 0) return
  await context.db.rows(returnTasksStatement, [
    held.map((task) => task.id),
    held.map((task) => task.generation),
  ])
  context.events.publish('queue')
}
