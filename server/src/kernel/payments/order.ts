import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Fen } from '../fen.ts'
import { fen } from '../fen.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

export type OrderState = 'created' | 'open' | 'expired' | 'closed' | 'paid' | 'refunding' | 'refunded'

/** What an order is about: credits, or time of a membership. */
export type OrderKind = 'credits' | 'membership'

/** A purchase, as its owner sees it. */
export type Order = {
  id: bigint
  handle: string
  tradeNumber: string
  gatewayTrade: string | null
  accountId: bigint
  /** Null for what the wallet's own credits paid. */
  channelId: bigint | null
  /** Which version of the channel's merchant account it was opened with. */
  accountVersion: number
  method: string
  name: string
  item: OrderKind
  /** What a membership comes with, too; mostly 0. */
  credits: Credits
  /** Added by a coupon or an activity. */
  bonusCredits: Credits
  /** What plan a membership is of, and for how many days: null for credits, the days also for life. */
  plan: string | null
  days: number | null
  /** How many vouchers come with it. */
  vouchers: number
  /** When the membership ended after this order was paid; null for life. */
  membershipEndsAt: Date | null
  /** The price before a coupon or an activity, and what is to be paid. */
  listFen: Fen
  amountFen: Fen
  currency: 'CNY'
  state: OrderState
  payUrl: string | null
  qrCode: string | null
  createdAt: Date
  expiresAt: Date
  paidAt: Date | null
}

export type OrderRow = {
  id: bigint
  handle: string
  trade_number: string
  gateway_trade: string | null
  account_id: bigint
  channel_id: bigint | null
  account_version: number
  method: string
  name: string
  item: OrderKind
  credits: bigint
  bonus_credits: bigint
  plan: string | null
  days: number | null
  vouchers: number
  membership_ends_at: Date | null
  list_fen: bigint | null
  amount_fen: bigint
  currency: 'CNY'
  state: OrderState
  pay_url: string | null
  qr_code: string | null
  created_at: Date
  expires_at: Date
  paid_at: Date | null
}

/** The columns of `OrderRow`. */
export const ORDER_COLUMNS = `id, handle, trade_number, gateway_trade, account_id, channel_id, account_version, method, name, item,
  credits, bonus_credits, plan, days, vouchers, membership_ends_at, list_fen, amount_fen, currency, state, pay_url, qr_code, created_at, expires_at, paid_at`

/** Turns a row into an order. */
export function toOrder(row: OrderRow): Order {
  return {
    id: row.id,
    handle: row.handle,
    tradeNumber: row.trade_number,
    gatewayTrade: row.gateway_trade,
    accountId: row.account_id,
    channelId: row.channel_id,
    accountVersion: row.account_version,
    method: row.method,
    name: row.name,
    item: row.item,
    credits: credits(row.credits),
    bonusCredits: credits(row.bonus_credits),
    plan: row.plan,
    days: row.days,
    vouchers: row.vouchers,
    membershipEndsAt: row.membership_ends_at,
    listFen: fen(row.list_fen ?? row.amount_fen),
    amountFen: fen(row.amount_fen),
    currency: row.currency,
    state: row.state,
    payUrl: row.pay_url,
    qrCode: row.qr_code,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    paidAt: row.paid_at,
  }
}

const byHandle = statement(
  'order by handle',
  `select ${ORDER_COLUMNS} from payment_order where account_id = $1 and (handle = $2 or trade_number = $3)
   order by (handle = $2) desc limit 1`,
)
const byHandleAlone = statement(
  'any order by handle',
  `select ${ORDER_COLUMNS} from payment_order where handle = $1`,
)
const byId = statement('order by id', `select ${ORDER_COLUMNS} from payment_order where id = $1`)
const byTradeNumber = statement(
  'order by trade number',
  `select ${ORDER_COLUMNS} from payment_order where trade_number = $1`,
)

/**
 * The caller's order by its handle or, where that is not given or matches none, by our number at the gateway.
 * @throws order_not_found for a missing or foreign one
 */
export async function readOrder(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  named: { handle: string | null; tradeNumber: string | null },
): Promise<Order> {
  const [row] = await context.db.rows<OrderRow>(byHandle, [actor.accountId, named.handle, named.tradeNumber])
  if (!row) throw refusal('order_not_found', { id: named.handle ?? named.tradeNumber ?? '' })
  return toOrder(row)
}

/** Any order by the id that clients see, for whoever proves by other means that it is their business. @throws order_not_found */
export async function readOrderNamed(context: Context, handle: string): Promise<Order> {
  const [row] = await context.db.rows<OrderRow>(byHandleAlone, [handle])
  if (!row) throw refusal('order_not_found', { id: handle })
  return toOrder(row)
}

/** Any order by its number, for the house itself. */
export async function readOrderById(context: Context, id: bigint): Promise<Order> {
  const [row] = await context.db.rows<OrderRow>(byId, [id])
  if (!row) throw new Error(`order ${id} is gone`)
  return toOrder(row)
}

/** Any order by our number at the gateway; null when there is none. */
export async function findOrderByTradeNumber(context: Context, tradeNumber: string): Promise<Order | null> {
  const [row] = await context.db.rows<OrderRow>(byTradeNumber, [tradeNumber])
  return row ? toOrder(row) : null
}

const listRows = statement(
  'orders of account',
  `select ${ORDER_COLUMNS} from payment_order where account_id = $1 and ($2::text[] is null or state = any ($2))
     and ($5::text is null or item = $5)
   order by id desc limit $3 offset $4`,
)
const countRows = statement(
  'count orders of account',
  `select count(*) as total from payment_order where account_id = $1 and ($2::text[] is null or state = any ($2))
     and ($3::text is null or item = $3)`,
)

/** The caller's orders, newest first. */
export async function listOrders(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: PageRequest & { states: readonly OrderState[] | null; item?: OrderKind },
): Promise<Page<Order>> {
  const { page, limit, states, item = null } = request
  const [rows, [count]] = await Promise.all([
    context.db.rows<OrderRow>(listRows, [actor.accountId, states, limit, (page - 1) * limit, item]),
    context.db.rows<{ total: bigint }>(countRows, [actor.accountId, states, item]),
  ])
  return toPage({ page, limit }, rows.map(toOrder), count?.total ?? 0)
}
