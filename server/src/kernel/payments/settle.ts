import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Fen } from '../fen.ts'
import { parseYuan } from '../fen.ts'
import type { GatewayAccount, GatewayAnswer, PaymentReport, RawNotification } from '../ports/gateway.ts'
import { GatewayError } from '../ports/gateway.ts'
import type { OpenChannel } from './channels.ts'
import { channelByUuid } from './channels.ts'
import { accountsThatSign, mayVouchFor } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { findOrderByTradeNumber } from './order.ts'

declare const verified: unique symbol
/**
 * A payment that a gateway vouched for and that fits its order in every respect. Only `verifyReport` makes one,
 * and only one can be credited.
 */
export type VerifiedPayment = {
  readonly [verified]: true
  order: Order
  channelId: bigint
  amountFen: Fen
  currency: 'CNY'
  gatewayTrade: string
}

/** Why a report is no payment; counted and logged, told to nobody. */
export type ReportFlaw =
  | 'unpaid'
  | 'other_merchant'
  | 'unknown_order'
  | 'other_channel'
  | 'other_account'
  | 'other_amount'
  | 'other_currency'

/**
 * The checks of money rule 9 after the signature, in their order: merchant, order, its own channel, amount in
 * fen, currency, state.
 */
async function verifyReport(
  context: Context,
  open: OpenChannel,
  report: PaymentReport,
  vouchers: readonly GatewayAccount[],
): Promise<VerifiedPayment | ReportFlaw> {
  const named = vouchers.filter(({ merchant }) => merchant === report.merchant)
  if (named.length === 0) return 'other_merchant'
  // PostgreSQL takes no NUL: no order has one in its number, and a trade that had could not be kept.
  if (`${report.tradeNumber}${report.gatewayTrade}`.includes('\0')) return 'unknown_order'
  const order = await findOrderByTradeNumber(context, report.tradeNumber)
  if (!order) return 'unknown_order'
  if (order.channelId !== open.channel.id) return 'other_channel'
  if (!(await mayVouchFor(context, open, named, order))) return 'other_account'
  const amountFen = parseYuan(report.amount)
  if (amountFen === null || amountFen !== order.amountFen) return 'other_amount'
  if (report.currency !== order.currency) return 'other_currency'
  if (!report.isPaid) return 'unpaid'
  const payment = {
    order,
    channelId: open.channel.id,
    amountFen,
    currency: report.currency,
    gatewayTrade: report.gatewayTrade,
  }
  return payment as VerifiedPayment
}

export type Settlement = 'credited' | 'repeated' | 'closed' | ReportFlaw

const settleOrder = statement(
  'settle order',
  'select outcome, reduced from settle_order_v2($1, $2, $3, $4, $5, $6, $7, $8)',
)
const storeReport = statement(
  'store payment report',
  'insert into payment_report (order_id, channel_id, source, outcome, report) values ($1, $2, $3, $4, $5)',
)

/** The only door to a credit for money. @returns what became of it; 'repeated' when it had been credited. */
async function creditPayment(
  context: Context,
  payment: VerifiedPayment,
  source: 'notification' | 'query',
): Promise<'credited' | 'repeated' | 'closed'> {
  const { order, channelId, amountFen, currency, gatewayTrade } = payment
  const reward = context.preset.referralReward ?? 0n
  const values = [context.keys.chain, order.id, channelId, amountFen, currency, gatewayTrade, source, reward]
  const [row] = await context.db.rows<{ outcome: string; reduced: boolean }>(settleOrder, values)
  const outcome = row?.outcome
  if (outcome === 'mismatch') throw new Error(`order ${order.id} changed while its payment was verified`)
  if (outcome !== 'credited' && outcome !== 'repeated' && outcome !== 'closed')
    throw new Error(`settle_order_v2 answered ${outcome}`)
  if (row?.reduced) {
    context.log.warn(
      { order: order.id },
      'an order was paid after it expired, and its coupon or activity was gone: it bought what its money buys without',
    )
  }
  // A membership counts from the next request on.
  if (outcome === 'credited' && order.item === 'membership')
    context.events.publish('account', order.accountId)
  return outcome
}

const closedAccount = statement('closed account', `select from account where id = $1 and state = 'closed'`)

/** Money is credited whoever owns the wallet now; but nobody can spend it there, so an operator has to know. */
async function tellOfClosedAccount(context: Context, { id, accountId }: Order): Promise<void> {
  if ((await context.db.rows(closedAccount, [accountId])).length === 0) return
  context.log.error(
    { order: id, account: accountId },
    'an order of a closed account was paid and credited: an operator must decide',
  )
}

/**
 * What follows from a report whose signature, or whose connection, proves that the gateway made it.
 * Safe to repeat and to race: an order is credited once.
 *
 * @param vouchers the merchant accounts whose key or connection proves it; the open one unless given.
 */
export async function settleReport(
  context: Context,
  open: OpenChannel,
  report: PaymentReport,
  source: 'notification' | 'query',
  vouchers: readonly GatewayAccount[] = [open.account],
): Promise<Settlement> {
  const payment = await verifyReport(context, open, report, vouchers)
  if (typeof payment === 'string') {
    if (payment !== 'unpaid') {
      context.log.warn(
        { channel: open.channel.id, tradeNumber: report.tradeNumber, flaw: payment },
        'a payment report does not fit',
      )
    }
    return payment
  }
  const outcome = await creditPayment(context, payment, source)
  if (outcome === 'credited') await tellOfClosedAccount(context, payment.order)
  if (outcome === 'closed') {
    context.log.error({ order: payment.order.id }, 'a closed order was paid: an operator must decide')
  }
  if (outcome !== 'repeated') {
    const values = [payment.order.id, open.channel.id, source, outcome, JSON.stringify(report)]
    await context.db.rows(storeReport, values)
  }
  return outcome
}

/**
 * Reads a notification with the keys that fit its signature: the channel's own or, after that was changed, one
 * that open orders may still have. Throws the `GatewayError` of the channel's own when none does.
 */
async function readSigned(
  context: Context,
  open: OpenChannel,
  notification: RawNotification,
): Promise<{ by: GatewayAccount[]; report: PaymentReport }> {
  const by: GatewayAccount[] = []
  let report: PaymentReport | undefined
  let failure: unknown
  for (const account of await accountsThatSign(context, open)) {
    try {
      report = open.gateway.readNotification(account, notification)
      by.push(account)
    } catch (error) {
      if (!(error instanceof GatewayError && error.kind === 'signature')) throw error
      failure ??= error
    }
  }
  if (!report) throw failure
  return { by, report }
}

/**
 * Takes a gateway's notification. Whatever comes, the answer is the gateway's own: taken, or not.
 *
 * @returns null when no such channel exists: then there is nothing to answer for.
 */
export async function takeNotification(
  context: Context,
  channelUuid: string,
  notification: RawNotification,
): Promise<GatewayAnswer | null> {
  const open = await channelByUuid(context, channelUuid)
  if (!open) return null
  const { answers } = open.gateway
  let signed: { by: GatewayAccount[]; report: PaymentReport }
  try {
    signed = await readSigned(context, open, notification)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.warn({ channel: open.channel.id, kind: error.kind }, 'a notification was refused')
    return answers.refused
  }
  const outcome = await settleReport(context, open, signed.report, 'notification', signed.by)
  // Whatever settles nothing is refused, so that a payment we could not place is sent again.
  return outcome === 'credited' || outcome === 'repeated' || outcome === 'closed'
    ? answers.taken
    : answers.refused
}
