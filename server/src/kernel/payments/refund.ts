import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { GatewayError } from '../ports/gateway.ts'
import { readBalance } from '../wallet/balance.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById } from './order.ts'

const claimRefund = statement('claim refund', 'select claim_refund_v1($1, $2, $3) as outcome')
const endRefund = statement('end refund', 'select end_refund_v1($1, $2, $3) as done')

/**
 * Pays an order back, as an operator does: first the credits are taken from the account, then the gateway is
 * told. When it says no they come back; when nobody can say, the order stays *refunding* for an operator and is
 * never sent again by itself.
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
  if (claimed?.outcome !== 'claimed') throw refusal('order_not_refundable', { id: order.handle })
  try {
    const { tradeNumber, amountFen, gatewayTrade } = order
    await gateway.refund(account, { tradeNumber, amountFen, gatewayTrade: gatewayTrade ?? '' })
  } catch (error) {
    const isUndone = error instanceof GatewayError && error.kind !== 'ambiguous'
    context.log.error({ order: orderId, error, isUndone }, 'a refund did not go through')
    if (isUndone) await context.db.rows(endRefund, [context.keys.chain, orderId, false])
    throw refusal('gateway_failed')
  }
  await context.db.rows(endRefund, [context.keys.chain, orderId, true])
  return readOrderById(context, orderId)
}
