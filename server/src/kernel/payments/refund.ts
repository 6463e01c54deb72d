import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { GatewayRefund, RefundOutcome } from '../ports/gateway.ts'
import { GatewayError } from '../ports/gateway.ts'
import { readBalance } from '../wallet/balance.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById } from './order.ts'

const claimRefund = statement('claim refund', 'select claim_refund_v1($1, $2, $3) as outcome')
const endRefund = statement('end refund', 'select end_refund_v1($1, $2, $3) as done')

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
 * @returns false when there is none, when it was only just sent, or when the gateway keeps no books of refunds.
 */
async function endPendingRefund(context: Context, order: Order): Promise<boolean> {
  const open = await channelById(context, order.channelId)
  const { askRefund } = open.gateway
  if (!askRefund || (await context.db.rows(takeAsking, [order.id])).length === 0) return false
  let outcome: RefundOutcome
  try {
    outcome = await askRefund(await accountOfOrder(context, open, order), toRefund(order))
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.error({ order: order.id, error }, 'a gateway could not be asked after a refund')
    throw refusal('gateway_failed')
  }
  if (outcome !== 'unknown')
    await context.db.rows(endRefund, [context.keys.chain, order.id, outcome === 'done'])
  if (outcome !== 'done') throw refusal('gateway_failed')
  return true
}

/**
 * Pays an order back, as an operator does: first the credits are taken from the account, then the gateway is
 * told. When it says no they come back; when nobody can say, the order stays *refunding* and is never sent again
 * by itself: the operator who asks for it once more has the gateway asked what became of it.
 *
 * @throws order_not_refundable, insufficient_credits when they have been spent, gateway_failed
 */
export async function refundOrder(
  context: Context,
  orderId: bigint,
  operatorId: bigint | null,
): Promise<Order> {
  const order = await readOrderById(context, orderId)
  const open = await channelById(context, order.channelId)
  const { gateway } = open
  const account = await accountOfOrder(context, open, order)
  const [claimed] = await context.db.rows<{ outcome: string }>(claimRefund, [
    context.keys.chain,
    orderId,
    operatorId,
  ])
  if (claimed?.outcome === 'insufficient') {
    const { available } = await readBalance(context, order)
    throw refusal('insufficient_credits', { required: order.credits, available })
  }
  if (claimed?.outcome !== 'claimed') {
    if (await endPendingRefund(context, order)) return readOrderById(context, orderId)
    throw refusal('order_not_refundable', { id: order.handle })
  }
  try {
    await gateway.refund(account, toRefund(order))
  } catch (error) {
    const isUndone = error instanceof GatewayError && error.kind !== 'ambiguous'
    context.log.error({ order: orderId, error, isUndone }, 'a refund did not go through')
    if (isUndone) await context.db.rows(endRefund, [context.keys.chain, orderId, false])
    throw refusal('gateway_failed')
  }
  await context.db.rows(endRefund, [context.keys.chain, orderId, true])
  return readOrderById(context, orderId)
}
