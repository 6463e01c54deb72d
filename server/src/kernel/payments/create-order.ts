import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import type { CouponProblem } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Fen } from '../fen.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import { GatewayError } from '../ports/gateway.ts'
import { channelById, channelFor, channelNamed, FROM_WALLET } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById } from './order.ts'

const createOrderStatement = statement(
  'create order',
  `select outcome, order_id, problem, required, available from create_order_v3($1, $2, $3, $4, $5, $6, $7, $8, $9,
     $10, $11, $12, $13, $14, $15, $16, $17, make_interval(secs => $18), make_interval(secs => $19), $20, $21, $22)`,
)
type Created = {
  outcome: string
  order_id: bigint | null
  problem: CouponProblem | 'unknown' | null
  required: bigint | null
  available: bigint | null
}

const recordCheckout = statement(
  'record checkout',
  `update payment_order set state = case when state = 'created' then 'open' else state end, pay_url = $2, qr_code = $3,
     gateway_trade = coalesce(gateway_trade, $4), updated_at = now() where id = $1`,
)
const closeOrder = statement('close order', 'select close_order_v1($1)')

const LIFETIME_SECONDS = 2 * 3_600
const FIRST_POLL_SECONDS = 20

/**
 * What is bought: its name for the payer, what it gives and what it costs before any coupon. Quoted by the caller's
 * use-case.
 */
export type OrderItem =
  | { kind: 'credits'; name: string; credits: Credits; priceFen: Fen }
  | {
      kind: 'membership'
      name: string
      plan: string
      level: 1 | 2
      /** Null for life. */
      days: number | null
      credits: Credits
      vouchers: number
      priceFen: Fen
    }

const LEAST_FEN = 1n
/** 100,000 yuan. */
const MOST_FEN = 10_000_000n

/**
 * Opens an order and asks the gateway where its payer goes. The order is on record, and polled, before the gateway
 * hears of it, so no payment can arrive for an order we do not know; and what is wrong with the method or the channel
 * is found before there is an order (facts/aigentools.md, B27).
 *
 * A coupon is reserved in the same statement, or claimed and reserved; without one, the activity that makes the order
 * cheapest applies by itself. Paid from the wallet (`balance`), a membership is paid and extended at once; credits cannot
 * buy credits.
 *
 * @param input.channelUuid the channel that the client chose; null for the first that takes the method.
 * @throws input_invalid, payment_method_refused, payment_unconfigured, channel_not_found, channel_disabled,
 *   idempotency_key_reused, account_disabled, coupon_not_found, coupon_refused, insufficient_credits, gateway_failed
 */
export async function createOrder(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: {
    item: OrderItem
    channelUuid: string | null
    method: string
    couponCode?: string | null
    returnUrl: string
    idempotencyKey: IdempotencyKey | null
    origin: Origin
  },
): Promise<Order> {
  const { item } = input
  if (item.priceFen < LEAST_FEN) throw refusal('input_invalid', { field: 'amount', problem: 'too_small' })
  if (item.priceFen > MOST_FEN) throw refusal('input_invalid', { field: 'amount', problem: 'too_large' })
  const funds = await findFunds(context, input)
  const key = input.idempotencyKey
  const coupon = input.couponCode?.trim() || null
  const [row] = await context.db.rows<Created>(createOrderStatement, [
    context.keys.chain,
    actor.accountId,
    context.preset.orderHandle(item.kind, context.clock.now().getTime(), context.ids),
    `trade_${context.keys.installationTag}${context.ids.token(14)}`,
    funds.channelId,
    input.method,
    item.name,
    item.kind,
    item.credits,
    item.kind === 'membership' ? item.plan : null,
    item.kind === 'membership' ? item.level : 1,
    item.kind === 'membership' ? item.days : null,
    item.kind === 'membership' ? item.vouchers : 0,
    item.priceFen,
    coupon,
    funds.creditsPerFen,
    input.returnUrl,
    LIFETIME_SECONDS,
    FIRST_POLL_SECONDS,
    key?.scope ?? null,
    key?.key ?? null,
    key?.bodyHash ?? null,
  ])
  const order = await readOrderById(context, requireCreated(row, coupon))
  // Refused at the gateway by the request that this one repeats.
  if (order.state === 'closed') throw refusal('gateway_failed')
  if (row?.outcome === 'created' && order.state === 'paid') context.events.publish('account', actor.accountId)
  // A repeat finds the first one's checkout, or asks again when the first was cut off before it had one.
  return order.state === 'created' ? checkOutOnce(context, order, input) : order
}

/** Where the money of an order comes from: a channel, or the wallet at so many credits a fen. */
async function findFunds(
  context: Context,
  { item, method, channelUuid }: { item: OrderItem; method: string; channelUuid: string | null },
): Promise<{ channelId: bigint | null; creditsPerFen: bigint | null }> {
  const { methods, creditsPerYuan } = context.preset
  if (!methods.includes(method)) throw refusal('payment_method_refused', { method })
  if (method === FROM_WALLET) {
    // Credits buy no credits, nor what comes with them.
    const isTime = item.kind === 'membership' && item.credits === 0n && item.vouchers === 0
    if (!isTime || creditsPerYuan === undefined) throw refusal('payment_method_refused', { method })
    return { channelId: null, creditsPerFen: creditsPerYuan / 100n }
  }
  const { channel } =
    channelUuid === null
      ? await channelFor(context, method)
      : await channelNamed(context, channelUuid, method)
  return { channelId: channel.id, creditsPerFen: null }
}

/** The number of the order that was opened, or that an earlier request with the same key had opened. */
function requireCreated(row: Created | undefined, coupon: string | null): bigint {
  switch (row?.outcome) {
    case 'key_conflict':
      throw refusal('idempotency_key_reused')
    case 'account_ended':
      throw refusal('account_disabled')
    case 'coupon_refused':
      if (row.problem === null || row.problem === 'unknown')
        throw refusal('coupon_not_found', { coupon: coupon ?? '' })
      throw refusal('coupon_refused', { problem: row.problem })
    case 'insufficient':
      throw refusal('insufficient_credits', {
        required: credits(row.required ?? 0n),
        available: credits(row.available ?? 0n),
      })
  }
  if (!row || row.order_id === null) throw new Error(`create_order_v3 answered ${row?.outcome}`)
  return row.order_id
}

const takeCheckout = statement(
  'take checkout',
  `update payment_order set checkout_until = now() + interval '30 seconds', checkouts = checkouts + 1
   where id = $1 and state = 'created' and (checkout_until is null or checkout_until < now()) returning id`,
)
const WAIT_MS = 15_000
const LOOK_EVERY_MS = 100

/** One request opens the order at the gateway; its repeats wait for what comes of it. */
async function checkOutOnce(
  context: Context,
  order: Order,
  input: { returnUrl: string; origin: Origin },
): Promise<Order> {
  const endsAt = performance.now() + WAIT_MS
  while (performance.now() < endsAt) {
    if ((await context.db.rows(takeCheckout, [order.id])).length > 0) return checkOut(context, order, input)
    const now = await readOrderById(context, order.id)
    if (now.state === 'closed') break
    if (now.state !== 'created') return now
    await sleep(LOOK_EVERY_MS)
  }
  throw refusal('gateway_failed')
}

async function checkOut(
  context: Context,
  order: Order,
  input: { returnUrl: string; origin: Origin },
): Promise<Order> {
  if (order.channelId === null) throw new Error(`order ${order.id} has no channel and is not paid`)
  const open = await channelById(context, order.channelId)
  const { channel, gateway } = open
  const account = await accountOfOrder(context, open, order)
  try {
    const checkout = await gateway.create(account, {
      tradeNumber: order.tradeNumber,
      amountFen: order.amountFen,
      name: order.name,
      method: order.method,
      notifyUrl: `${context.publicUrl}${context.preset.notifyPath(channel.uuid)}`,
      returnUrl: input.returnUrl,
      clientIp: input.origin.ip ?? '127.0.0.1',
      expiresAt: order.expiresAt,
    })
    await context.db.rows(recordCheckout, [order.id, checkout.payUrl, checkout.qrCode, checkout.gatewayTrade])
    return await readOrderById(context, order.id)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.error(
      { order: order.id, channel: channel.id, kind: error.kind, error },
      'a gateway took no order',
    )
    // Known not to exist there: closed. Otherwise it may exist and be paid, so polling goes on.
    if (error.kind === 'refused' || error.kind === 'unavailable')
      await context.db.rows(closeOrder, [order.id])
    throw refusal('gateway_failed')
  }
}
