import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { credits } from '../money.ts'
import { GatewayError } from '../ports/gateway.ts'
import { readBalance } from '../wallet/balance.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById } from './order.ts'

const claimRefund = statement('claim refund', 'select claim_refund_v2($1, $2, $3) as outcome')
const endRefund = statement('end refund', 'select end_refund_v2($1, $2, $3) as done')

/**
 * Pays an order back, as an operator does: first what it gave is taken from the account (credits with what was added
 * to them, the rest of a membership, the reward of whoever invited its payer), then the gateway is told. When it says
 * no all of it comes back; when nobody can say, the order stays *refunding* for an operator and is never sent again by
 * itself. A membership that was paid from the wallet is paid back to it.
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
  if (claimed?.outcome !== 'claimed' && claimed?.outcome !== 'refunded')
    throw refusal('order_not_refundable', { id: order.handle })
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
  const { tradeNumber, amountFen, gatewayTrade } = order
  return () => open.gateway.refund(account, { tradeNumber, amountFen, gatewayTrade: gatewayTrade ?? '' })
}

function tellOfMembership(context: Context, { item, accountId }: Order): void {
  if (item === 'membership') context.events.publish('account', accountId)
}
