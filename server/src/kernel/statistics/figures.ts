import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'

/** A site's figures. Money in fen, credits in 1/10000 units. */
export type Figures = {
  /** Accounts that are not closed, now. */
  accounts: number
  /** Opened in the days asked for. */
  newAccounts: number
  revenueFen: bigint
  creditsSold: bigint
  /** Memberships that run now. */
  activeMembers: number
  /** Accounts that have ever paid. */
  payers: number
}

// Sums over days that are kept as things happen: at most one row a day and figure, however many orders there are.
const readFigures = statement(
  'figures',
  `with span as (
     select name, sum(value) as total,
       sum(value) filter (where ($1::date is null or day >= $1) and ($2::date is null or day <= $2)) as within
     from daily_figure group by name)
   select coalesce((select total from span where name = 'accounts'), 0)::bigint
       - coalesce((select total from span where name = 'closed_accounts'), 0)::bigint as accounts,
     coalesce((select within from span where name = 'accounts'), 0)::bigint as new_accounts,
     coalesce((select within from span where name = 'revenue_fen'), 0)::bigint as revenue_fen,
     coalesce((select within from span where name = 'credits_sold'), 0)::bigint as credits_sold,
     coalesce((select total from span where name = 'payers'), 0)::bigint as payers,
     (select count(*) from membership where ends_at > now() or lifetime_level is not null) as active_members`,
)

type Row = {
  accounts: bigint
  new_accounts: bigint
  revenue_fen: bigint
  credits_sold: bigint
  payers: bigint
  active_members: bigint
}

/**
 * What an operator wants to know of a site.
 * @param days the first and the last day, `YYYY-MM-DD` in UTC+8, both included; null for no bound.
 */
export async function readSiteFigures(
  context: Context,
  days: { first: string | null; last: string | null },
): Promise<Figures> {
  const [row] = await context.db.rows<Row>(readFigures, [days.first, days.last])
  if (!row) throw new Error('sums always have a row')
  return {
    accounts: Number(row.accounts),
    newAccounts: Number(row.new_accounts),
    revenueFen: row.revenue_fen,
    creditsSold: row.credits_sold,
    activeMembers: Number(row.active_members),
    payers: Number(row.payers),
  }
}
