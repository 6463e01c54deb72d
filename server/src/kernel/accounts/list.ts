import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { AccountSummary } from './account.ts'
import { SUMMARY } from './account.ts'

/** Which accounts an operator wants to see; null for any. */
export type AccountFilter = {
  /** Part of a user name or address, in any case. */
  search: string | null
  role: 'user' | 'admin' | null
  active: boolean | null
  createdFrom: Date | null
  /** The first moment that is too late. */
  createdBefore: Date | null
  /** Closed accounts are history: only the command line asks for them. */
  withClosed?: boolean
}

const WHERE = `($1::text is null or position(lower($1) in lower(a.username)) > 0 or position(lower($1) in a.email) > 0)
  and ($2::text is null or a.role = $2) and ($3::boolean is null or (a.state = 'active') = $3)
  and ($4::timestamptz is null or a.created_at >= $4) and ($5::timestamptz is null or a.created_at < $5)
  and ($6 or a.state <> 'closed')`

const listRows = statement(
  'list accounts',
  `select ${SUMMARY} where ${WHERE} order by a.id desc limit $7 offset $8`,
)
const countRows = statement('count accounts', `select count(*) as total from account a where ${WHERE}`)

/** Lists accounts, newest first, with how many there are in all. */
export async function listAccounts(
  context: Context,
  filter: AccountFilter,
  rows: { limit: number; offset: number },
): Promise<{ items: AccountSummary[]; total: number }> {
  const values = [
    filter.search,
    filter.role,
    filter.active,
    filter.createdFrom,
    filter.createdBefore,
    filter.withClosed ?? false,
  ]
  const [items, [count]] = await Promise.all([
    context.db.rows<AccountSummary>(listRows, [...values, rows.limit, rows.offset]),
    context.db.rows<{ total: bigint }>(countRows, values),
  ])
  return { items, total: Number(count?.total ?? 0) }
}
