import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'

/** An account with its wallet, as an operator and its owner see it. */
export type AccountSummary = {
  id: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  state: 'active' | 'disabled' | 'closed'
  /** Raised by every change; an update that is based on an older one is refused. */
  version: number
  activated_at: Date
  deactivated_at: Date | null
  created_at: Date
  updated_at: Date
  /** Net of holds; negative when drawn on the credit limit. */
  available: Credits
  held: Credits
  spent: Credits
  credit_limit: Credits
}

/** The columns of `AccountSummary` and where they come from. */
export const SUMMARY = `a.id, a.uuid, a.username, a.email, a.role, a.state, a.version, a.activated_at, a.deactivated_at,
  a.created_at, a.updated_at, w.available, w.held, w.spent, w.credit_limit
  from account a join wallet w on w.account_id = a.id`

// Names of closed accounts are free for others, so the one that lives comes first.
const findAccount = statement(
  'find account',
  `select ${SUMMARY} where a.id::text = $1 or a.uuid::text = $1 or a.email = lower($1) or lower(a.username) = lower($1)
   order by (a.id::text = $1) desc, (a.state <> 'closed') desc, a.id desc limit 1`,
)
const accountById = statement('account by id', `select ${SUMMARY} where a.id = $1`)

/** Finds one account by number, uuid, address or user name. @throws account_not_found */
export async function findAccountFor(context: Context, account: string): Promise<AccountSummary> {
  const [row] = await context.db.rows<AccountSummary>(findAccount, [account])
  if (!row) throw refusal('account_not_found', { account })
  return row
}

/** The caller's own account with its wallet: one read by key. */
export async function readOwnAccount(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
): Promise<AccountSummary> {
  const [row] = await context.db.rows<AccountSummary>(accountById, [actor.accountId])
  if (!row) throw refusal('account_missing')
  return row
}

/** An account that an operator names by its number. @throws account_not_found when there is none or it is closed */
export async function readAccount(context: Context, accountId: bigint): Promise<AccountSummary> {
  const [row] = await context.db.rows<AccountSummary>(accountById, [accountId])
  if (!row || row.state === 'closed') throw refusal('account_not_found', { account: String(accountId) })
  return row
}
