import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

/** A membership as its owner sees it; a lapsed one is still shown with its end. */
export type Membership = { isActive: boolean; plan: string; startedAt: Date; endsAt: Date }

const readRow = statement(
  'membership of account',
  `select plan, started_at as "startedAt", ends_at as "endsAt", ends_at > now() as "isActive"
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
