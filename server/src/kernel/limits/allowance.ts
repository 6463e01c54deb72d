import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Allowance, QuotaName } from '../preset.ts'

/** How much of something an account may have in a window, how much is left of it, and when the next one begins. */
export type QuotaState = { limit: number; remaining: number; resetsAt: Date }

/** The number that holds for an account: a member's as long as its membership runs, and for administrators. */
export function allowanceFor(
  context: Pick<Context, 'clock'>,
  { role, memberUntil }: Pick<Actor, 'role' | 'memberUntil'>,
  { users, members }: Allowance,
): number {
  const isMember = memberUntil !== null && memberUntil > context.clock.now()
  return isMember || role === 'admin' ? members : users
}

const readState = statement(
  'quota of today',
  `select quota_limit_v1($1, $3, $4) as limit, quota_used_v1($1, $2) as used,
     quota_day_v1(now()) + interval '1 day' as "resetsAt"`,
)

/** What is left today of a quota of making things; null where it is not counted. */
export async function readQuota(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  quota: Exclude<QuotaName, 'calls'>,
): Promise<QuotaState | null> {
  const allowance = context.preset.quotas?.[quota]
  if (!allowance) return null
  const values = [actor.accountId, quota, allowance.users, allowance.members]
  const [row] = await context.db.rows<{ limit: number; used: number; resetsAt: Date }>(readState, values)
  if (!row) throw new Error('a quota always has a state')
  return { limit: row.limit, remaining: Math.max(0, row.limit - row.used), resetsAt: row.resetsAt }
}
