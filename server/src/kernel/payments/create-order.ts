import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Fen } from '../fen.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import type { Credits } from '../money.ts'
import { GatewayError } from '../ports/gateway.ts'
import { channelById, channelFor, channelNamed } from './channels.ts'
import { accountOfOrder } from './merchant-accounts.ts'
import type { Order } from './order.ts'
import { readOrderById } from './order.ts'

const createOrderStatement = statement(
  'create order',
  `select outcome, order_id from create_order_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, make_interval(secs => $10),
     make_interval(secs => $11), $12, $13, $14)`,
)

const recordCheckout = statement(
  'record checkout',
  `update payment_order set state = case when state = 'created' then 'open' else state end, pay_url = $2, qr_code = $3,
     gateway_trade = coalesce(gateway_trade, $4), updated_at = now() where id = $1`,
)
// Only the first attempt's refusal says that the order is not there; and a refusal is never stored, so its key
// may buy again.
const closeOrder = statement(
  'close order',
  `with closed as (
     update payment_order set state = 'closed', next_poll_at = null, updated_at = now()
     where id = $1 and state = 'created' and checkouts = 1 returning id)
   delete from idempotency where account_id = $2 and order_id in (select id from closed)`,
)

const LIFETIME_SECONDS = 2 * 3_600
const FIRST_POLL_SECONDS = 20

/** What is bought: its name for the payer, the credits it gives and what it costs. Quoted by the caller's use-case. */
export type OrderItem = { name: string; credits: Credits; priceFen: Fen }

const LEAST_FEN = 1n
/** 100,000 yuan. */
const MOST_FEN = 10_000_000n

/**
 * Opens an order for credits and asks the gateway where its payer goes. The order is on record, and polled, before
 * the gateway hears of it, so no payment can arrive for an order we do not know; and what is wrong with the method
 * or the channel is found before there is an order (facts/aigentools.md, B27).
 *
 * @param input.channelUuid the channel that the client chose; null for the first that takes the method.
 * @throws input_invalid, payment_method_refused, payment_unconfigured, channel_not_found, channel_disabled,
 *   idempotency_key_reused, account_disabled, gateway_failed
 */
export async function createOrder(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: {
    item: OrderItem
    channelUuid: string | null
    method: string
    returnUrl: string
    idempotencyKey: IdempotencyKey | null
    origin: Origin
  },
): Promise<Order> {
  const { item } = input
  if (item.priceFen < LEAST_FEN) throw refusal('input_invalid', { field: 'amount', problem: 'too_small' })
  if (item.priceFen > MOST_FEN) throw refusal('input_invalid', { field: 'amount', problem: 'too_large' })
  if (!context.preset.methods.includes(input.method))
    throw refusal('payment_method_refused', { method: input.method })
  const { channel } =
    input.channelUuid === null
      ? await channelFor(context, input.method)
      : await channelNamed(context, input.channelUuid, input.method)
  const key = input.idempotencyKey
  const [row] = await context.db.rows<{ outcome: string; order_id: bigint | null }>(createOrderStatement, [
    actor.accountId,
    context.preset.orderHandle(context.clock.now().getTime(), context.ids.token(9)),
    `trade_${context.keys.installationTag}${context.ids.token(14)}`,
    channel.id,
    input.method,
    item.name,
    item.credits,
    item.priceFen,
    input.returnUrl,
    LIFETIME_SECONDS,
    FIRST_POLL_SECONDS,
    key?.scope ?? null,
    key?.key ?? null,
    key?.bodyHash ?? null,
  ])
  if (row?.outcome === 'key_conflict') throw refusal('idempotency_key_reused')
  if (row?.outcome === 'account_ended') throw refusal('account_disabled')
  if (!row || row.order_id === null) throw new Error(`create_order_v1 answered ${row?.outcome}`)
  const order = await readOrderById(context, row.order_id)
  // Refused at the gateway by the request that this one repeats.
  if (order.state === 'closed') throw refusal('gateway_failed')
  // A repeat finds the first one's checkout, or asks again when the first was cut off before it had one.
  return order.state === 'created' ? checkOutOnce(context, order, input) : order
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
      await context.db.rows(closeOrder, [order.id, order.accountId])
    throw refusal('gateway_failed')
  }
}
