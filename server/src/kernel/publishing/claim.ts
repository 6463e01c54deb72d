import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { PublishPhase } from '../ports/platform.ts'
import type { Json } from '../ports/provider.ts'

/** A platform of a publication as its worker holds it: until the lease ends, and only in this generation. */
export type ClaimedTarget = {
  id: bigint
  publication_id: bigint
  account_id: bigint
  platform: string
  binding_id: bigint | null
  generation: number
  attempts: number
  phase: PublishPhase
  acting_at: Date | null
  operation: Json
  remote_account: string | null
}

const claimTargetsStatement = statement(
  'claim targets',
  'select * from claim_targets_v1($1, $2, make_interval(secs => $3))',
)

/** Claims up to `take` due platforms for `worker`, each under a lease. Every claim raises the generation. */
export function claimTargets(
  context: Context,
  worker: string,
  take: number,
  leaseMs: number,
): Promise<ClaimedTarget[]> {
  return context.db.rows<ClaimedTarget>(claimTargetsStatement, [worker, take, leaseMs / 1000])
}

const extendTargetsStatement = statement(
  'extend targets',
  'select extend_targets_v1($1, $2, make_interval(secs => $3)) as id',
)

/** Extends the leases that a worker holds. @returns those it no longer holds: stop working on them. */
export async function extendTargets(
  context: Context,
  held: readonly ClaimedTarget[],
  leaseMs: number,
): Promise<bigint[]> {
  if (held.length === 0) return []
  const rows = await context.db.rows<{ id: bigint }>(extendTargetsStatement, [
    held.map(({ id }) => id),
    held.map(({ generation }) => generation),
    leaseMs / 1000,
  ])
  return rows.map(({ id }) => id)
}

const returnTargetsStatement = statement(
  'return targets',
  `update publication_target t set due_at = now(), worker = null
   from unnest($1::bigint[], $2::int[]) as held (id, generation)
   where t.id = held.id and t.generation = held.generation and t.state = 'publishing' and t.acting_at is null`,
)

/**
 * Gives claimed platforms back at once, as a worker does that stops. Not those in the middle of a call that makes
 * something: its answer may yet come, and whoever claims next can only call it unknown.
 */
export async function returnTargets(context: Context, held: readonly ClaimedTarget[]): Promise<void> {
  if (held.length === 0) return
  await context.db.rows(returnTargetsStatement, [
    held.map(({ id }) => id),
    held.map(({ generation }) => generation),
  ])
}
