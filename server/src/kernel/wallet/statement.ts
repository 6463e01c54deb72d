import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { Fen } from '../fen.ts'
import { fen } from '../fen.ts'
import type { TaskKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

export type EntryKind =
  | 'bonus'
  | 'adjustment'
  | 'hold'
  | 'capture'
  | 'difference'
  | 'release'
  | 'purchase'
  | 'purchase_refund'
  | 'gift'
  | 'gift_reversal'
  | 'membership'
  | 'membership_refund'

/** What an entry was about: a task's kind; for gifts an order that came with more, an invitation, or a redeemed code. */
export type EntryTopic = TaskKind | 'order' | 'referral' | 'code'

/** A row of the statement: what changed the available balance. `amount` is negative for what was taken. */
export type StatementRow = {
  id: bigint
  kind: EntryKind
  topic: EntryTopic | null
  amount: Credits
  balance: Credits
  reason: string | null
  taskHandle: string | null
  /** For purchases: the order's number at the gateway, what the gateway calls it, what it cost and how it was paid. */
  order: {
    handle: string
    tradeNumber: string
    gatewayTrade: string | null
    method: string
    name: string
    amountFen: Fen
  } | null
  createdAt: Date
}

/** Which rows of a statement are wanted; any of the given pairs. */
export type StatementFilter = readonly { kinds: readonly EntryKind[]; topic?: TaskKind }[]

/**
 * The caller's statement, newest first. Taking a hold is the consumption, giving it back the refund, and a
 * capture shows only a difference, so the rows always add up to the available balance.
 *
 * @param filter null for all rows; an empty list matches nothing.
 */
export async function readStatement(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: PageRequest & { filter: StatementFilter | null },
): Promise<Page<StatementRow>> {
  let query = context.db.kysely
    .selectFrom('entry as e')
    .where('e.account_id', '=', actor.accountId)
    .whereRef('e.available_before', '<>', 'e.available_after')
  const { filter } = request
  if (filter) {
    query = query.where((where) =>
      where.or(
        filter.map(({ kinds, topic }) =>
          where.and([where('e.kind', 'in', [...kinds]), ...(topic ? [where('e.topic', '=', topic)] : [])]),
        ),
      ),
    )
  }
  const [rows, count] = await Promise.all([
    query
      .leftJoin('task as t', 't.id', 'e.task_id')
      .leftJoin('payment_order as o', (join) =>
        join.on((on) =>
          on.or([on('o.entry_id', '=', on.ref('e.id')), on('o.refund_entry_id', '=', on.ref('e.id'))]),
        ),
      )
      .select(['e.id', 'e.kind', 'e.topic', 'e.available_after', 'e.reason', 't.handle', 'e.created_at'])
      .select([
        'o.handle as order_handle',
        'o.trade_number',
        'o.gateway_trade',
        'o.method',
        'o.name',
        'o.amount_fen',
      ])
      .select(sql<bigint>`e.available_after - e.available_before`.as('amount'))
      .orderBy('e.sequence', 'desc')
      .limit(request.limit)
      .offset((request.page - 1) * request.limit)
      .execute(),
    query.select(sql<bigint>`count(*)`.as('total')).executeTakeFirstOrThrow(),
  ])
  const items = rows.map((row) => ({
    id: row.id,
    kind: row.kind as EntryKind,
    topic: row.topic as EntryTopic | null,
    amount: credits(row.amount),
    balance: credits(row.available_after),
    reason: row.reason,
    taskHandle: row.handle,
    order:
      row.order_handle === null ||
      row.trade_number === null ||
      row.method === null ||
      row.name === null ||
      row.amount_fen === null
        ? null
        : {
            handle: row.order_handle,
            tradeNumber: row.trade_number,
            gatewayTrade: row.gateway_trade,
            method: row.method,
            name: row.name,
            amountFen: fen(row.amount_fen),
          },
    createdAt: row.created_at,
  }))
  return toPage({ page: request.page, limit: request.limit }, items, count.total)
}
