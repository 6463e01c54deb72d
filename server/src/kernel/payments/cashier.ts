import type { Context } from '../context.ts'
import type { CashierOutcome, CashierVisit } from '../ports/gateway.ts'
import { GatewayError } from '../ports/gateway.ts'
import { channelById } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { OrderState } from './order.ts'
import { findOrderByTradeNumber } from './order.ts'
import { takeNotification } from './settle.ts'

/** What a page says of an order that is not waiting for its payer. */
const TOLD: Readonly<Record<OrderState, CashierOutcome | null>> = {
  created: null,
  open: null,
  expired: 'closed',
  closed: 'closed',
  paid: 'paid',
  refunding: 'closed',
  refunded: 'closed',
}

/**
 * A visit to a cashier that is a page of the site itself (the sandbox). Pressing *pay* makes a signed
 * notification that goes through `takeNotification` like any other.
 *
 * @param decision what the payer pressed, or null when the page is only looked at.
 * @returns the page, or null when the link is not one of ours.
 */
export async function visitCashier(
  context: Context,
  visit: CashierVisit,
  decision: 'paid' | 'cancelled' | null,
): Promise<string | null> {
  const order = await findOrderByTradeNumber(context, visit.tradeNumber)
  if (!order || order.channelId === null) return null
  const open = await channelById(context, order.channelId)
  const { channel, gateway } = open
  if (!gateway.cashier) return null
  const account = await accountOfOrder(context, open, order)
  try {
    const told = TOLD[order.state]
    if (decision === null || told !== null) return gateway.cashier.page(account, visit, told ?? undefined)
    if (decision === 'cancelled') return gateway.cashier.page(account, visit, 'cancelled')
    const page = gateway.cashier.page(account, visit, 'paid')
    const answer = await takeNotification(context, channel.uuid, gateway.cashier.payment(account, visit))
    return answer === gateway.answers.taken ? page : gateway.cashier.page(account, visit, 'closed')
  } catch (error) {
    if (error instanceof GatewayError && error.kind === 'signature') return null
    throw error
  }
}
