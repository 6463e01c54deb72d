import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'

/** Who refused what was asked for: a vendor's moderation, or the operator's word list. */
export type RefusedBy = 'vendor' | 'list'

const countRequest = statement(
  'count refused request',
  `insert into refused_content as r (account_id, day, kind, refused_by, times)
   values ($1, (now() at time zone 'utc')::date, $2, $3, 1)
   on conflict (account_id, day, kind, refused_by) do update set times = r.times + 1`,
)
const countTask = statement(
  'count refused task',
  `insert into refused_content as r (account_id, day, kind, refused_by, times)
   select account_id, (now() at time zone 'utc')::date, kind, $2, 1 from task where id = $1
   on conflict (account_id, day, kind, refused_by) do update set times = r.times + 1`,
)

/** Counts a request that was refused before it became a task. Never throws: the refusal matters more. */
export async function countRefusedRequest(
  context: Context,
  request: { accountId: bigint; kind: string; by: RefusedBy },
): Promise<void> {
  const { accountId, kind, by } = request
  await context.db.rows(countRequest, [accountId, kind, by]).catch((error) => complain(context, error))
}

/** Counts a task that has ended because of what it asked for. Never throws: it has ended. */
export async function countRefusedTask(context: Context, taskId: bigint, by: RefusedBy): Promise<void> {
  await context.db.rows(countTask, [taskId, by]).catch((error) => complain(context, error))
}

function complain(context: Context, error: unknown): void {
  context.log.error({ error }, 'a refusal could not be counted')
}

export type RefusedAccount = {
  account: bigint
  username: string
  vendor: bigint
  list: bigint
  lastDay: string
}

const listRows = statement(
  'accounts with refused content',
  `select a.id as account, a.username, sum(r.times) filter (where r.refused_by = 'vendor') as vendor,
     sum(r.times) filter (where r.refused_by = 'list') as list, max(r.day)::text as "lastDay"
   from refused_content r join account a on a.id = r.account_id
   where r.day > (now() at time zone 'utc')::date - $1::int
   group by a.id, a.username order by sum(r.times) desc, a.id limit $2`,
)

/** Whose requests were refused most in the last days (UTC, today among them). */
export async function listRefusals(
  context: Context,
  { days, limit }: { days: number; limit: number },
): Promise<RefusedAccount[]> {
  const rows = await context.db.rows<RefusedAccount>(listRows, [days, limit])
  return rows.map((row) => ({ ...row, vendor: BigInt(row.vendor ?? 0), list: BigInt(row.list ?? 0) }))
}

const sums = statement(
  'refused content by kind',
  'select kind, refused_by as by, sum(times)::float8 as times from refused_content group by kind, refused_by',
)

/** How often what a site's users asked for was refused, ever. */
export function sumRefusals(context: Context): Promise<{ kind: string; by: RefusedBy; times: number }[]> {
  return context.db.rows(sums, [])
}
