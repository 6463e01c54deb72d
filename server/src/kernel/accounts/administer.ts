import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { credits } from '../money.ts'
import { hashPassword } from './passwords.ts'

export type AccountSummary = {
  id: bigint
  uuid: string
  username: string
  email: string | null
  role: string
  state: string
  available: bigint
  held: bigint
  spent: bigint
  created_at: Date
}

const SUMMARY = `a.id, a.uuid, a.username, a.email, a.role, a.state, w.available, w.held, w.spent, a.created_at
  from account a join wallet w on w.account_id = a.id`

const findAccount = statement(
  'find account',
  `select ${SUMMARY} where a.id::text = $1 or a.uuid::text = $1 or a.email = lower($1) or lower(a.username) = lower($1)
   order by (a.id::text = $1) desc limit 1`,
)

const listAccountRows = statement(
  'list accounts',
  `select ${SUMMARY} where $1::text is null or a.username ilike '%' || $1 || '%' or a.email ilike '%' || $1 || '%'
   order by a.id desc limit $2 offset $3`,
)

/** Finds one account by number, uuid, address or user name. @throws account_not_found */
export async function findAccountFor(context: Context, account: string): Promise<AccountSummary> {
  const [row] = await context.db.rows<AccountSummary>(findAccount, [account])
  if (!row) throw refusal('account_not_found', { account })
  return { ...row, available: credits(row.available) }
}

/** Lists accounts, newest first; `search` matches part of a user name or address. */
export function listAccounts(
  context: Context,
  page: { search: string | null; limit: number; offset: number },
): Promise<AccountSummary[]> {
  return context.db.rows<AccountSummary>(listAccountRows, [page.search, page.limit, page.offset])
}

const setState = statement(
  'set account state',
  `update account set state = $2, session_version = session_version + 1, updated_at = now()
   where id = $1 and state <> 'closed' returning id`,
)

/**
 * Disables or enables an account, or closes it for good: its sessions end within five seconds, its ledger
 * stays (money rule 11).
 * @throws account_not_found when there is none or it was closed before.
 */
export async function setAccountState(
  context: Context,
  accountId: bigint,
  state: 'active' | 'disabled' | 'closed',
): Promise<void> {
  const rows = await context.db.rows(setState, [accountId, state])
  if (rows.length === 0) throw refusal('account_not_found', { account: String(accountId) })
  context.events.publish('account', accountId)
}

const setPasswordHash = statement(
  'set password',
  `update account set password_hash = $2, session_version = session_version + 1, updated_at = now()
   where id = $1 and state <> 'closed' returning id`,
)

/** Sets a password for somebody else, as an operator does; all their sessions end. @throws account_not_found */
export async function resetPassword(context: Context, accountId: bigint, password: string): Promise<void> {
  const rows = await context.db.rows(setPasswordHash, [accountId, await hashPassword(password)])
  if (rows.length === 0) throw refusal('account_not_found', { account: String(accountId) })
  context.events.publish('account', accountId)
}
