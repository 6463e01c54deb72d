import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

/** A membership as its owner sees it; a lapsed one is still shown with its end. One for life has no end. */
export type Membership = { isActive: boolean; plan: string; startedAt: Date; endsAt: Date | null }

const readRow = statement(
  'membership of account',
  `select plan, started_at as "startedAt", case when lifetime_level is null then ends_at end as "endsAt",
     ends_at > now() or lifetime_level is not null as "isActive"
   from membership where account_id = $1`,
)

/** The caller's membership, as of now; null for who never was a member. */
export async function readMembership(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
): Promise<Membership | null> {
  const [row] = await context.db.rows<Membership>(readRow, [actor.accountId])
  return row ?? null
}

/** How high a member an account is: 0 is none, or none any more. `endsAt` is null for those, and for a membership for life. */
export type MemberLevel = { level: 0 | 1 | 2; endsAt: Date | null }

const readLevel = statement(
  'member level',
  `select greatest(coalesce(lifetime_level, 0),
       case when high_until > now() then 2 when ends_at > now() then 1 else 0 end)::int as level,
     case when lifetime_level is null and ends_at > now() then ends_at end as "endsAt"
   from membership where account_id = $1`,
)

/**
 * How high a member an account is now, and when all of its membership ends. The level is what was bought: it stays
 * though an operator changes the plan.
 */
export async function readMemberLevel(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
): Promise<MemberLevel> {
  const [row] = await context.db.rows<MemberLevel>(readLevel, [actor.accountId])
  return row ?? { level: 0, endsAt: null }
}
