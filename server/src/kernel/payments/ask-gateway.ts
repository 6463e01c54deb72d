import pLimit from 'p-limit'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { PaymentReport } from '../ports/gateway.ts'
import { GatewayError } from '../ports/gateway.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order, OrderRow } from './order.ts'
import { readOrder, readOrderById, toOrder } from './order.ts'
import { settleReport } from './settle.ts'

/** Asks the gateway after an order and credits it when it is paid there; null when it cannot say. */
export async function askAfter(context: Context, order: Order): Promise<PaymentReport | null> {
  // Paid from the wallet: there is nobody to ask.
  if (order.channelId === null) return null
  try {
    const channel = await channelById(context, order.channelId)
    const open = { ...channel, account: await accountOfOrder(context, channel, order) }
    const report = await open.gateway.query(open.account, order.tradeNumber)
    if (report?.tradeNumber !== order.tradeNumber) return null
    if (report.isPaid) await settleReport(context, open, report, 'query')
    return report
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.warn({ order: order.id, kind: error.kind }, 'a gateway could not be asked after an order')
    return null
  }
}

/**
 * Asks after an order in its turn. One that expired unpaid is closed at the gateway, so that nobody pays for what
 * was let go; one that was paid in that moment refuses to be closed, and is asked after again.
 */
async function pollOrder(context: Context, order: Order): Promise<void> {
  const report = await askAfter(context, order)
  if (order.state !== 'expired' || report?.isPaid) return
  if (!(await closeThere(context, order))) await askAfter(context, order)
}

/** Closes an order at its gateway. @returns false when it was not closed, whyever. */
async function closeThere(context: Context, order: Order): Promise<boolean> {
  if (order.channelId === null) return true
  try {
    const open = await channelById(context, order.channelId)
    if (!open.gateway.close) return true
    await open.gateway.close(await accountOfOrder(context, open, order), order.tradeNumber)
    return true
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.warn({ order: order.id, kind: error.kind }, 'an expired order was not closed at its gateway')
    return false
  }
}

/**
 * The caller's order, with what the gateway says of it now. A payment whose notification was lost is credited
 * here too.
 *
 * @throws order_not_found, payment_unconfigured
 */
export async function queryOrder(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  named: { handle: string | null; tradeNumber: string | null },
): Promise<{ order: Order; report: PaymentReport | null }> {
  const order = await readOrder(context, actor, named)
  const report = await askAfter(context, order)
  return { order: report?.isPaid ? await readOrderById(context, order.id) : order, report }
}

const claimPolls = statement('claim polls', 'select * from claim_polls_v2($1)')
const POLLS_AT_ONCE = 8
const BATCH = 64

/**
 * Asks after every unpaid order whose time has come, so that a lost notification is found (money rule 9); an
 * expired one is closed at its gateway. Safe to run in any number of processes at once.
 *
 * @returns how many orders were asked after.
 */
export async function pollOrders(context: Context): Promise<number> {
  const rows = await context.db.rows<OrderRow>(claimPolls, [BATCH])
  const slot = pLimit(POLLS_AT_ONCE)
  const asked = await Promise.allSettled(rows.map((row) => slot(() => pollOrder(context, toOrder(row)))))
  for (const result of asked) {
    if (result.status === 'rejected')
      context.log.error({ error: result.reason }, 'an order could not be polled')
  }
  return rows.length
}
