import { Readable } from 'node:stream'
import { route } from '../../http/dialect.ts'
import { toNumber } from '../../kernel/money.ts'
import type { EntryKind } from '../../kernel/wallet/statement.ts'
import type { Transaction, TransactionFilter } from '../../kernel/wallet/transactions.ts'
import { exportTransactions, listTransactions } from '../../kernel/wallet/transactions.ts'
import { BYTE_ORDER_MARK, toCsvLines } from '../shared/csv.ts'
import { given } from '../shared/query.ts'
import { done } from './envelope.ts'
import { readAmount, readIdFilter, readMoment, readPage } from './query.ts'
import { presentTime } from './time.ts'

/** 7.2 交易类型 of every kind of entry: whatever the system does by itself, top-ups among it, is `system_auto`. */
const TYPES: Readonly<Record<EntryKind, string>> = {
  adjustment: 'admin_adjustment',
  bonus: 'system_auto',
  purchase: 'system_auto',
  purchase_refund: 'system_auto',
  gift: 'system_auto',
  gift_reversal: 'system_auto',
  membership: 'user_consume',
  membership_refund: 'user_refund',
  hold: 'user_consume',
  capture: 'user_consume',
  difference: 'user_refund',
  release: 'user_refund',
}

/** A type that no entry has is no mistake of the caller's: there are none of it. */
function kindsOf(type: string): EntryKind[] {
  return (Object.keys(TYPES) as EntryKind[]).filter((kind) => TYPES[kind] === type)
}

function readFilter(query: Readonly<Record<string, string>>): TransactionFilter {
  const type = given(query, 'type')
  return {
    accountId: readIdFilter(query, 'user_id'),
    kinds: type === null ? null : kindsOf(type),
    from: readMoment(query, 'start_time'),
    until: readEnd(query),
    least: readAmount(query, 'min_amount'),
    most: readAmount(query, 'max_amount'),
  }
}

/** `end_time` is included: a moment with its millisecond, since that is all a client has seen of a row's time. */
function readEnd(query: Readonly<Record<string, string>>): Date | null {
  const end = readMoment(query, 'end_time', true)
  return end && query.end_time?.includes('T') ? new Date(end.getTime() + 1) : end
}

/** 获取交易列表: `GET /admin/transactions`. */
const list = route({
  method: 'GET',
  path: '/admin/transactions',
  allow: 'admin',
  rate: 'read',
  run: (context, _actor, { query }) =>
    listTransactions(context, { ...readPage(query, 20), filter: readFilter(query) }),
  reply: ({ items, total, page, limit }) =>
    done('Transactions retrieved successfully', {
      transactions: items.map(presentTransaction),
      total,
      page,
      limit,
    }),
})

function presentTransaction(row: Transaction) {
  return {
    id: Number(row.id),
    created_at: presentTime(row.createdAt),
    user_id: Number(row.accountId),
    amount: toNumber(row.amount),
    balance_before: toNumber(row.before),
    balance_after: toNumber(row.after),
    reason: reasonOf(row),
    operator: row.operator ?? 'system',
    type: TYPES[row.kind],
    ip_address: row.ip ?? '',
    device_info: row.device ?? '',
    hash: row.hash,
  }
}

/** The wording of the earlier system (facts/aigentools.md, 3.6 and 3.7); an adjustment's reason is its author's. */
function reasonOf({ kind, reason, task, order }: Transaction): string {
  if (order !== null) return kind === 'purchase_refund' ? `充值退款: ${order}` : `充值订单: ${order}`
  if (task === null || reason !== null) return reason ?? ''
  if (kind === 'hold') return `Create task for model: ${task.model}`
  return kind === 'release'
    ? `Refund for task ${task.id} failure`
    : `Refund of the difference for task ${task.id}`
}

/**
 * 导出交易记录: `GET /admin/transactions/export`, the same rows as the list, all of them, as CSV. What fails in the
 * middle breaks the connection off, so that no part of the books passes for the whole.
 */
const download = route({
  method: 'GET',
  path: '/admin/transactions/export',
  allow: 'admin',
  rate: 'write',
  run: async (context, _actor, { query }) => ({
    pages: exportTransactions(context, readFilter(query)),
    at: context.clock.now(),
  }),
  reply: ({ pages, at }) => ({
    status: 200,
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename=transactions_${presentTime(at)
        .replace(/\D/g, '')
        .slice(0, 14)}.csv`,
    },
    body: Readable.from(toCsv(pages), { objectMode: false }),
  }),
})

const COLUMNS = [
  ...['ID', 'Time', 'User ID', 'Type', 'Amount', 'Balance Before', 'Balance After'],
  ...['Reason', 'Operator', 'IP Address', 'Device Info', 'Hash'],
]
/** The head of the file comes before the first page is asked for, so a client hears at once that it is coming. */
async function* toCsv(pages: AsyncIterable<Transaction[]>): AsyncGenerator<string, void, undefined> {
  yield BYTE_ORDER_MARK + toCsvLines([COLUMNS])
  for await (const rows of pages) yield toCsvLines(rows.map(toCells))
}

function toCells(row: Transaction) {
  const shown = presentTransaction(row)
  return [
    ...[shown.id, shown.created_at, shown.user_id, shown.type, row.amount, row.before, row.after],
    ...[shown.reason, shown.operator, shown.ip_address, shown.device_info, shown.hash],
  ]
}

export const transactionRoutes = [list, download]
