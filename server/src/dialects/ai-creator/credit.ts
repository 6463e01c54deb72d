import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Fen } from '../../kernel/fen.ts'
import { fenOfNumber, formatYuan } from '../../kernel/fen.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { readMembership } from '../../kernel/memberships/membership.ts'
import { quotePlan } from '../../kernel/memberships/plans.ts'
import { credits, toNumber } from '../../kernel/money.ts'
import { takeCallback } from '../../kernel/payments/callback.ts'
import type { OrderItem } from '../../kernel/payments/create-order.ts'
import { createOrder } from '../../kernel/payments/create-order.ts'
import type { Order, OrderState } from '../../kernel/payments/order.ts'
import { listOrders } from '../../kernel/payments/order.ts'
import { readBalance } from '../../kernel/wallet/balance.ts'
import type { EntryKind, StatementRow } from '../../kernel/wallet/statement.ts'
import { readStatement } from '../../kernel/wallet/statement.ts'
import { done, donePage, refuse } from './envelope.ts'
import { presentStanding } from './members.ts'
import { readChoice, readPage } from './query.ts'
import { presentTime } from './time.ts'

const PaymentMethod = Type.String({ minLength: 1, maxLength: 20 })
const CouponCode = Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()]))

const CreateRecharge = Type.Object({
  amount: Type.Number(),
  payment_method: PaymentMethod,
  coupon_code: CouponCode,
})

/** 2.1 创建充值订单: an order of the caller's own amount, at 10 credits for 1 yuan. */
const recharge = route({
  method: 'POST',
  path: '/credit/recharge',
  allow: 'user',
  rate: 'write',
  body: CreateRecharge,
  run: (context, actor, { body, idempotencyKey, origin }) =>
    createOrder(context, actor, {
      item: quoteRecharge(context, body.amount),
      channelUuid: null,
      method: body.payment_method,
      couponCode: body.coupon_code ?? null,
      returnUrl: `${context.publicUrl}/payment/result`,
      idempotencyKey:
        idempotencyKey === null ? null : bindIdempotencyKey('credit/recharge', idempotencyKey, body),
      origin,
    }),
  reply: (order) => done({ ...presentNewOrder(order), credits: toNumber(order.credits) }, '订单创建成功'),
})

/** @throws input_invalid for more than two decimals */
function quoteRecharge({ preset }: Context, yuan: number): OrderItem {
  const priceFen = fenOfNumber(yuan)
  if (priceFen === null)
    throw refusal('input_invalid', { field: 'amount', problem: yuan < 0 ? 'too_small' : 'format' })
  const perFen = (preset.creditsPerYuan ?? 0n) / 100n
  return {
    kind: 'credits',
    name: `充值${shortYuan(priceFen)}元`,
    credits: credits(priceFen * perFen),
    priceFen,
  }
}

/** Yuan as people say them: 10, 9.9, 0.01. */
const shortYuan = (amount: Fen): string => String(Number(formatYuan(amount)))

const CreateMembership = Type.Object({
  membership_type: Type.String({ minLength: 1, maxLength: 40 }),
  payment_method: PaymentMethod,
  coupon_code: CouponCode,
})

/** 2.2 创建会员订单: one of the plans of appendix D; with `balance` it is paid from the wallet at once. */
const membership = route({
  method: 'POST',
  path: '/credit/membership',
  allow: 'user',
  rate: 'write',
  body: CreateMembership,
  run: (context, actor, { body, idempotencyKey, origin }) =>
    createOrder(context, actor, {
      item: quotePlan(context, body.membership_type),
      channelUuid: null,
      method: body.payment_method,
      couponCode: body.coupon_code ?? null,
      returnUrl: `${context.publicUrl}/payment/result`,
      idempotencyKey:
        idempotencyKey === null ? null : bindIdempotencyKey('credit/membership', idempotencyKey, body),
      origin,
    }),
  reply: (order) => done({ ...presentNewOrder(order), membership_type: order.plan }, '会员订单创建成功'),
})

/** `amount` is what was asked for, `payable_amount` what is to be paid (decided reading *ai-creator*). */
function presentNewOrder(order: Order) {
  return {
    order_id: order.handle,
    order_no: order.handle,
    amount: yuanOf(order.listFen),
    payable_amount: yuanOf(order.amountFen),
    bonus_credits: toNumber(order.bonusCredits),
    payment_method: order.method,
    payment_status: STATUS[order.state],
    payment_url: order.payUrl ?? order.qrCode,
  }
}

const yuanOf = (amount: Fen): number => Number(amount) / 100

const STATUS: Readonly<Record<OrderState, 'pending' | 'paid' | 'failed' | 'refunded' | 'cancelled'>> = {
  created: 'pending',
  open: 'pending',
  expired: 'cancelled',
  closed: 'failed',
  paid: 'paid',
  refunding: 'refunded',
  refunded: 'refunded',
}

const PaymentCallback = Type.Object({
  order_id: Type.String({ minLength: 1, maxLength: 100 }),
  payment_method: PaymentMethod,
  transaction_id: Type.String({ minLength: 1, maxLength: 128 }),
  status: Type.String({ minLength: 1, maxLength: 40 }),
})

const unproved = () => refuse(40_005, '支付未确认，请完成支付后重试或联系客服')

/**
 * 2.3 支付回调. The document says of no proof: here only what is signed with the channel's secret, or what the
 * order's own gateway confirms, is credited (decided reading *ai-creator*).
 */
const callback = route({
  method: 'POST',
  path: '/credit/payment/callback',
  allow: 'public',
  rate: 'write',
  body: PaymentCallback,
  bodyLimit: 65_536,
  takesRaw: true,
  refusals: { gateway_failed: unproved, payment_unconfigured: unproved },
  run: (context, _actor, { body, raw }) =>
    takeCallback(context, {
      handle: body.order_id,
      method: body.payment_method,
      gatewayTrade: body.transaction_id,
      isPaid: body.status === 'success',
      rawBody: raw?.body ?? '',
      timestamp: raw?.header('x-timestamp') ?? null,
      signature: raw?.header('x-signature') ?? null,
    }),
  reply: (order) => done({ order_id: order.handle, status: 'paid' }),
})

/** The caller's balance and membership, for every answer that shows both. */
async function readStanding(context: Context, actor: Pick<Actor, 'accountId'>) {
  const [{ available }, member] = await Promise.all([
    readBalance(context, actor),
    readMembership(context, actor),
  ])
  return { available, member }
}

/** 2.4 获取积分余额. */
const balance = route({
  method: 'GET',
  path: '/credit/balance',
  allow: 'user',
  rate: 'read',
  run: (context, actor) => readStanding(context, actor),
  reply: ({ available, member }) => done(presentStanding(available, member)),
})

const TYPES = ['recharge', 'consume', 'refund', 'reward', 'expire'] as const
type TransactionType = (typeof TYPES)[number]

const TASKS: Readonly<Record<string, string>> = {
  text: 'AI写作',
  image: '图片生成',
  video: '视频生成',
  deck: 'PPT生成',
}
const taskName = ({ topic }: StatementRow): string => TASKS[topic ?? ''] ?? 'AI生成'
const orderName = ({ order }: StatementRow, otherwise: string): string => order?.name ?? otherwise

/** What each kind of entry is in the document's five types, and what a user reads of it. */
const ROWS: Readonly<Record<EntryKind, { type: TransactionType; describe: (row: StatementRow) => string }>> =
  {
    // 充值10元: what was asked for, whatever a coupon made of it.
    purchase: { type: 'recharge', describe: (row) => orderName(row, '充值') },
    purchase_refund: {
      type: 'refund',
      describe: (row) =>
        `${orderName(row, '充值')}${row.amount > 0n ? '退款未成功，积分退回' : '退款，扣回积分'}`,
    },
    hold: { type: 'consume', describe: taskName },
    // Changes no balance, and so is never a row.
    capture: { type: 'consume', describe: taskName },
    difference: { type: 'refund', describe: (row) => `${taskName(row)}差额退还` },
    release: { type: 'refund', describe: (row) => `${taskName(row)}未完成，积分退还` },
    membership: { type: 'consume', describe: (row) => `购买${orderName(row, '会员')}` },
    membership_refund: { type: 'refund', describe: (row) => `${orderName(row, '会员')}退款，积分退还` },
    bonus: { type: 'reward', describe: ({ reason }) => reason ?? '新用户奖励' },
    gift: { type: 'reward', describe: (row) => describeGift(row) },
    gift_reversal: { type: 'reward', describe: (row) => `${describeGift(row)}收回` },
    adjustment: { type: 'reward', describe: ({ reason }) => reason ?? '管理员调整' },
  }

function describeGift({ topic, reason }: StatementRow): string {
  if (topic === 'referral') return '推荐奖励'
  // An order's reason is its number at the gateway, which tells a user nothing.
  return topic === 'order' ? '订单赠送积分' : (reason ?? '活动赠送积分')
}

const kindsOf = (type: TransactionType): EntryKind[] =>
  (Object.keys(ROWS) as EntryKind[]).filter((kind) => ROWS[kind].type === type)

/** 2.5 获取交易记录; `type`, or `transaction_type` as the front-end calls it, picks one of the five types. */
const transactions = route({
  method: 'GET',
  path: '/credit/transactions',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const type = readChoice(query, 'type', TYPES) ?? readChoice(query, 'transaction_type', TYPES)
    const kinds = type === null ? null : kindsOf(type)
    return readStatement(context, actor, {
      ...readPage(query),
      // Credits never expire here, so no row is of that type.
      filter: kinds === null ? null : kinds.length === 0 ? [] : [{ kinds }],
    })
  },
  reply: (page) => donePage(page, presentTransaction),
})

function presentTransaction(row: StatementRow) {
  const { type, describe } = ROWS[row.kind]
  return {
    id: Number(row.id),
    type,
    transaction_type: type,
    amount: toNumber(row.amount),
    balance_before: toNumber(row.balance - row.amount),
    balance_after: toNumber(row.balance),
    description: describe(row),
    created_at: presentTime(row.createdAt),
  }
}

/** 2.6 获取充值订单列表. */
const rechargeOrders = route({
  method: 'GET',
  path: '/credit/recharge/orders',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    listOrders(context, actor, { ...readPage(query), states: null, item: 'credits' }),
  reply: (page) => donePage(page, (order) => ({ ...presentOrder(order), credits: toNumber(order.credits) })),
})

/** 2.7 获取会员订单列表. */
const membershipOrders = route({
  method: 'GET',
  path: '/credit/membership/orders',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    listOrders(context, actor, { ...readPage(query), states: null, item: 'membership' }),
  reply: (page) =>
    donePage(page, (order) => ({
      ...presentOrder(order),
      membership_type: order.plan,
      original_amount: yuanOf(order.listFen),
      discount_amount: yuanOf((order.listFen - order.amountFen) as Fen),
      expired_at: order.membershipEndsAt && presentTime(order.membershipEndsAt),
    })),
})

function presentOrder(order: Order) {
  return {
    id: Number(order.id),
    ...presentNewOrder(order),
    // An order that takes no payment any more has nowhere to go.
    payment_url: STATUS[order.state] === 'pending' ? (order.payUrl ?? order.qrCode) : null,
    created_at: presentTime(order.createdAt),
    paid_at: order.paidAt && presentTime(order.paidAt),
  }
}

/** 2 积分会员接口. */
export const creditRoutes = [
  recharge,
  membership,
  callback,
  balance,
  transactions,
  rechargeOrders,
  membershipOrders,
]
