import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { formatYuan } from '../fen.ts'
import type { GatewayAccount } from '../ports/gateway.ts'
import { askAfter } from './ask-gateway.ts'
import type { OpenChannel } from './channels.ts'
import { channelById } from './channels.ts'
import { accountsThatSign, mayVouchFor } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById, readOrderNamed } from './order.ts'
import { settleReport } from './settle.ts'

/** A report on an order by the id that clients see, in a document's own form, with what is to prove it. */
export type Callback = {
  handle: string
  method: string
  gatewayTrade: string
  isPaid: boolean
  /** The body as it arrived, and the headers that came with it; null where they are absent. */
  rawBody: string
  timestamp: string | null
  signature: string | null
}

const SIGNED_FOR_SECONDS = 300
/** Each unsigned report makes us ask a gateway, so an order is asked after only so often. */
const ASKED_PER_ORDER = { name: 'callback', points: 6, perSeconds: 60 }

/**
 * Takes a report that an order is paid, as far as it is proved: signed over the raw body with the secret of the
 * order's own channel, not longer than 300 s ago; or, unsigned, confirmed by the order's own gateway when asked. A
 * signature that is wrong is not made good by asking. Safe to repeat: an order is credited once.
 *
 * @returns the order, which is paid.
 * @throws order_not_found, rate_limited, gateway_failed when nothing proves that it is paid; it can still be paid then
 */
export async function takeCallback(context: Context, callback: Callback): Promise<Order> {
  const order = await readOrderNamed(context, callback.handle)
  if (!callback.isPaid || callback.method !== order.method) throw refusal('gateway_failed')
  if (callback.signature !== null || callback.timestamp !== null) {
    if (!(await settleSigned(context, order, callback))) throw refusal('gateway_failed')
  } else if (order.state !== 'paid') {
    const wait = await context.limiter.take(ASKED_PER_ORDER, `order:${order.id}`)
    if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
    await askAfter(context, order)
  }
  const now = await readOrderById(context, order.id)
  if (now.state !== 'paid') throw refusal('gateway_failed')
  return now
}

/** Whether the signature proves the report; what follows from it has then happened. */
async function settleSigned(context: Context, order: Order, callback: Callback): Promise<boolean> {
  if (order.channelId === null || !isTimely(context, callback.timestamp)) return false
  const open = await channelById(context, order.channelId)
  const by = await signersOf(context, open, order, callback)
  const [account] = by
  if (!account) {
    context.log.warn({ order: order.id, channel: open.channel.id }, 'a signed callback was refused')
    return false
  }
  // The document's report names no amount: whoever has the channel's secret says that this order is paid, all of it.
  const report = {
    tradeNumber: order.tradeNumber,
    gatewayTrade: callback.gatewayTrade,
    merchant: account.merchant,
    amount: formatYuan(order.amountFen),
    currency: order.currency,
    isPaid: true,
  }
  const outcome = await settleReport(context, open, report, 'notification', by)
  return outcome === 'credited' || outcome === 'repeated'
}

function isTimely(context: Context, timestamp: string | null): boolean {
  if (timestamp === null || !/^\d{1,12}$/.test(timestamp)) return false
  const ageSeconds = Math.abs(context.clock.now().getTime() / 1000 - Number(timestamp))
  return ageSeconds <= SIGNED_FOR_SECONDS
}

/** The accounts of the order's own channel whose secret made the signature, and that may vouch for the order. */
async function signersOf(
  context: Context,
  open: OpenChannel,
  order: Order,
  { timestamp, signature, rawBody }: Callback,
): Promise<GatewayAccount[]> {
  if (signature === null || !/^[0-9a-f]{64}$/.test(signature)) return []
  const given = Buffer.from(signature)
  const by = (await accountsThatSign(context, open)).filter(({ secret }) => {
    if (secret === '') return false
    const expected = createHmac('sha256', secret).update(`${timestamp}.${rawBody}`).digest('hex')
    return timingSafeEqual(given, Buffer.from(expected))
  })
  return by.length > 0 && (await mayVouchFor(context, open, by, order)) ? by : []
}
