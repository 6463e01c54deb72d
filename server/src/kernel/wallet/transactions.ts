import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { EntryKind } from './statement.ts'

/** A statement row of any account, as an operator sees it. `amount` is negative for what was taken. */
export type Transaction = {
  id: bigint
  createdAt: Date
  accountId: bigint
  kind: EntryKind
  amount: Credits
  before: Credits
  after: Credits
  reason: string | null
  /** User name of the operator who did it; null for what the house or the account's owner did. */
  operator: string | null
  ip: string | null
  device: string | null
  /** The entry's place in the keyed chain, as hexadecimal digits; `atelier ledger verify` re-computes it. */
  hash: string
  task: { id: bigint; model: string } | null
  /** The handle of the order that a purchase or its refund belongs to. */
  order: string | null
}

/** Which rows are wanted; null stands for all. */
export type TransactionFilter = {
  accountId: bigint | null
  /** An empty list matches nothing. */
  kinds: readonly EntryKind[] | null
  /** Posted at or after this. */
  from: Date | null
  /** Posted before this. */
  until: Date | null
  /** Bounds of the signed amount, both included. */
  least: Credits | null
  most: Credits | null
}

/**
 * Which way an entry of a kind moves the available balance. A capture does not: it pays what a hold took before,
 * and is no transaction.
 */
const DIRECTIONS: Readonly<Record<EntryKind, 'in' | 'out' | 'either' | 'neither'>> = {
  bonus: 'in',
  adjustment: 'either',
  hold: 'out',
  capture: 'neither',
  difference: 'in',
  release: 'in',
  purchase: 'in',
  purchase_refund: 'out',
}

/** The kinds that a transaction can be of. */
export const TRANSACTION_KINDS = (Object.keys(DIRECTIONS) as EntryKind[]).filter(
  (kind) => DIRECTIONS[kind] !== 'neither',
)

/**
 * The kinds that can have a row in these bounds. A positive hold is looked for nowhere: PostgreSQL would go through
 * all holds by time before it knew that there is none.
 */
function kindsOf({ kinds, least, most }: TransactionFilter): EntryKind[] {
  return TRANSACTION_KINDS.filter((kind) => {
    if (kinds && !kinds.includes(kind)) return false
    const direction = DIRECTIONS[kind]
    return direction === 'in'
      ? most === null || most > 0n
      : direction === 'either' || least === null || least < 0n
  })
}

/**
 * One page of the statement rows of all accounts, newest first: by time, and within one account in the order of
 * its chain. `total` is exact; counting reads only an index.
 */
export async function listTransactions(
  context: Context,
  request: PageRequest & { filter: TransactionFilter },
): Promise<Page<Transaction>> {
  const { page, limit, filter } = request
  if (kindsOf(filter).length === 0) return toPage({ page, limit }, [], 0)
  const [rows, counted] = await Promise.all([
    read(context, filter, sql``, { limit, offset: (page - 1) * limit }),
    sql<{
      total: bigint
    }>`select count(*) as total from (${selectKeys(filter, sql``, sql``)}) as matching`.execute(
      context.db.kysely,
    ),
  ])
  return toPage({ page, limit }, rows.map(toTransaction), counted.rows[0]?.total ?? 0)
}

/** Rows read at once: enough that the database is not asked too often, few enough to be nothing in memory. */
const ROWS_AT_ONCE = 500

/**
 * All rows that match, newest first, in pages: a million rows need no more memory than five hundred. Each page is
 * a statement of its own that goes on where the last one ended, so no connection and no transaction is held while
 * the consumer is slow, and none when it leaves.
 *
 * The newest row is the newest when the first page is read: what is posted later comes before it, where nobody looks
 * again. Only an entry that was being posted at that very moment may be in it or not.
 */
export async function* exportTransactions(
  context: Context,
  filter: TransactionFilter,
): AsyncGenerator<Transaction[], void, undefined> {
  if (kindsOf(filter).length === 0) return
  let after: RawBuilder<unknown> = sql``
  for (;;) {
    const rows = await read(context, filter, after, { limit: ROWS_AT_ONCE, offset: 0 })
    if (rows.length > 0) yield rows.map(toTransaction)
    const last = rows.at(-1)
    if (!last || rows.length < ROWS_AT_ONCE) return
    after =
      filter.accountId === null
        ? sql`and (e.created_at, e.id) < (${last.place}::timestamptz, ${last.id}::bigint)`
        : sql`and e.sequence < ${last.place}::bigint`
  }
}

type Row = {
  id: bigint
  /** Where the row stands in its list, as text: a Date would lose the microseconds. */
  place: string
  created_at: Date
  account_id: bigint
  kind: EntryKind
  available_before: bigint
  available_after: bigint
  reason: string | null
  operator: string | null
  ip: string | null
  device: string | null
  hash: string
  task_id: bigint | null
  model: string | null
  order_handle: string | null
}

/**
 * The keys of what matches, each part followed by `order`. An account's rows are found by its chain. All others are
 * found kind by kind: PostgreSQL merges parts that are each in order and limited from one index, and would sort
 * everything for `kind in (…)` or for parts that it may flatten.
 */
function selectKeys(
  filter: TransactionFilter,
  further: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const { accountId, from, until, least, most } = filter
  const kinds = kindsOf(filter)
  const matches = sql`e.available_before <> e.available_after
    ${from ? sql`and e.created_at >= ${from}` : sql``} ${until ? sql`and e.created_at < ${until}` : sql``}
    ${least === null ? sql`` : sql`and e.available_after - e.available_before >= ${least}::bigint`}
    ${most === null ? sql`` : sql`and e.available_after - e.available_before <= ${most}::bigint`} ${further}`
  if (accountId !== null) {
    return sql`select e.id, e.sequence as place from entry e where e.account_id = ${accountId}
      and e.kind = any (${kinds}::text[]) and ${matches} ${order}`
  }
  const parts = kinds.map(
    (kind) =>
      sql`(select e.id, e.created_at as place from entry e where e.kind = ${kind} and ${matches} ${order})`,
  )
  return sql`${sql.join(parts, sql` union all `)}`
}

/** The rows that match, newest first. Only these are looked up: what an offset skips is keys in an index. */
async function read(
  context: Context,
  filter: TransactionFilter,
  further: RawBuilder<unknown>,
  { limit, offset }: { limit: number; offset: number },
): Promise<Row[]> {
  const keys = selectKeys(filter, further, sql`order by place desc, id desc limit ${limit + offset}`)
  const query = sql<Row>`
    select e.id, k.place::text as place, e.created_at, e.account_id, e.kind, e.available_before, e.available_after,
      e.reason, operator.username as operator, e.ip, e.device, encode(e.hash, 'hex') as hash,
      t.id as task_id, m.title as model, coalesce(paid.handle, refunded.handle) as order_handle
    from (select id, place from (${keys}) as part order by place desc, id desc limit ${limit} offset ${offset}) as k
    join entry e on e.id = k.id
    left join account operator on operator.id = e.operator_id
    left join task t on t.id = e.task_id
    left join model m on m.id = t.model_id
    left join payment_order paid on paid.entry_id = e.id
    left join payment_order refunded on refunded.refund_entry_id = e.id
    order by k.place desc, k.id desc`
  return (await query.execute(context.db.kysely)).rows
}

function toTransaction(row: Row): Transaction {
  return {
    id: row.id,
    createdAt: row.created_at,
    accountId: row.account_id,
    kind: row.kind,
    amount: credits(row.available_after - row.available_before),
    before: credits(row.available_before),
    after: credits(row.available_after),
    reason: row.reason,
    operator: row.operator,
    ip: row.ip,
    device: row.device,
    hash: row.hash,
    task: row.task_id === null || row.model === null ? null : { id: row.task_id, model: row.model },
    order: row.order_handle,
  }
}
