import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { credits } from '../money.ts'
import type { GatewayRefund, RefundOutcome } from '../ports/gateway.ts'
import { GatewayError } from '../ports/gateway.ts'
import { readBalance } from '../wallet/balance.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order, OrderRow } from './order.ts'
import { ORDER_COLUMNS, readOrderById, toOrder } from './order.ts'

const claimRefund = statement('claim refund', 'select claim_refund_v2($1, $2, $3) as outcome')
const endRefund = statement('end refund', 'select end_refund_v2($1, $2, $3) as done')

// No `refund` call takes this long: whoever asks later does not meet one that is still on its way.
const takeAsking = statement(
  'take asking after refund',
  `update payment_order set updated_at = now()
   where id = $1 and state = 'refunding' and updated_at < now() - interval '2 minutes' returning id`,
)

/** An order is paid back once and whole, so its own number is the refund's: a gateway pays one number back once. */
function toRefund({ tradeNumber, amountFen, gatewayTrade }: Order): GatewayRefund {
  return { tradeNumber, amountFen, gatewayTrade: gatewayTrade ?? '', refundNumber: `${tradeNumber}_refund` }
}

/**
 * Asks the gateway what became of a refund that nobody could tell the end of, and ends it here likewise.
 * @returns null when there is none, when it was only just sent, or when the gateway keeps no books of refunds.
 */
async function endPendingRefund(context: Context, order: Order): Promise<RefundOutcome | null> {
  if (order.channelId === null) return null
  const open = await channelById(context, order.channelId)
  const { askRefund } = open.gateway
  if (!askRefund || (await context.db.rows(takeAsking, [order.id])).length === 0) return null
  try {
    const outcome = await askRefund(await accountOfOrder(context, open, order), toRefund(order))
    if (outcome !== 'unknown')
      await context.db.rows(endRefund, [context.keys.chain, order.id, outcome === 'done'])
    if (outcome === 'undone') tellOfMembership(context, order)
    return outcome
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.error({ order: order.id, error }, 'a gateway could not be asked after a refund')
    return 'unknown'
  }
}

const refundsUnderWay = statement(
  'refunds under way',
  `select ${ORDER_COLUMNS} from payment_order
   where state = 'refunding' and updated_at < now() - interval '10 minutes'
     and channel_id in (select id from payment_channel where gateway = any ($1))
   order by updated_at limit 20`,
)

/**
 * Asks after the refunds that gateways took and had not done at once, so that none waits for an operator to
 * remember it. Safe to run in any number of processes at once.
 *
 * @returns how many were asked after.
 */
export async function askAfterRefunds(context: Context): Promise<number> {
  const askable = [...context.gateways.values()].filter(({ askRefund }) => askRefund !== undefined)
  if (askable.length === 0) return 0
  const rows = await context.db.rows<OrderRow>(refundsUnderWay, [askable.map(({ name }) => name)])
  for (const row of rows) await endPendingRefund(context, toOrder(row))
  return rows.length
}

/**
 * Pays an order back, as an operator does: first what it gave is taken from the account (credits with what was added
 * to them, the rest of a membership, the reward of whoever invited its payer), then the gateway is told. When it says
 * no all of it comes back; when nobody can say, the order stays *refunding* and is never sent again by itself: whoever
 * asks for it once more has the gateway asked what became of it. A membership that was paid from the wallet is paid back to it.
 *
 * @throws order_not_refundable, insufficient_credits when they have been spent, gateway_failed
 */
export async function refundOrder(
  context: Context,
  orderId: bigint,
  operatorId: bigint | null,
): Promise<Order> {
  const order = await readOrderById(context, orderId)
  // Before anything is taken: a channel that cannot be opened pays nothing back.
  const sendBack = order.channelId === null ? null : await prepareRefund(context, order, order.channelId)
  const [claimed] = await context.db.rows<{ outcome: string }>(claimRefund, [
    context.keys.chain,
    orderId,
    operatorId,
  ])
  if (claimed?.outcome === 'insufficient') {
    const { available } = await readBalance(context, order)
    const required = credits(order.credits + order.bonusCredits)
    throw refusal('insufficient_credits', { required, available })
  }
  if (claimed?.outcome !== 'claimed' && claimed?.outcome !== 'refunded') {
    const outcome = await endPendingRefund(context, order)
    if (outcome === 'done') return readOrderById(context, orderId)
    if (outcome !== null) throw refusal('gateway_failed')
    throw refusal('order_not_refundable', { id: order.handle })
  }
  tellOfMembership(context, order)
  if (claimed.outcome === 'refunded' || !sendBack) return readOrderById(context, orderId)
  try {
    await sendBack()
  } catch (error) {
    const isUndone = error instanceof GatewayError && error.kind !== 'ambiguous'
    context.log.error({ order: orderId, error, isUndone }, 'a refund did not go through')
    if (isUndone) {
      await context.db.rows(endRefund, [context.keys.chain, orderId, false])
      tellOfMembership(context, order)
    }
    throw refusal('gateway_failed')
  }
  await context.db.rows(endRefund, [context.keys.chain, orderId, true])
  return readOrderById(context, orderId)
}

async function prepareRefund(
  context: Context,
  order: Order,
  channelId: bigint,
): Promise<() => Promise<void>> {
  const open = await channelById(context, channelId)
  const account = await accountOfOrder(context, open, order)
  return () => open.gateway.refund(account, toRefund(order))
}

function tellOfMembership(context: Context, { item, accountId }: Order): void {
  if (item === 'membership') context.events.publish('account', accountId)
}
