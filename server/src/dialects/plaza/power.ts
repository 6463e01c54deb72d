import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Reply } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Actor, Context, Origin } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { quotePlan } from '../../kernel/memberships/plans.ts'
import { toNumber, units } from '../../kernel/money.ts'
import { createOrder } from '../../kernel/payments/create-order.ts'
import type { Order, OrderState } from '../../kernel/payments/order.ts'
import { readOrder } from '../../kernel/payments/order.ts'
import { quoteCredits } from '../../kernel/payments/packages.ts'
import { redeemCode } from '../../kernel/promotions/redeem-codes.ts'
import type { Power } from '../../kernel/wallet/power.ts'
import { readPower } from '../../kernel/wallet/power.ts'
import { done, refuse } from './envelope.ts'
import { refusals } from './refusals.ts'
import { presentTime } from './time.ts'

/** 1. 获取算力信息. */
const computePower = route({
  method: 'GET',
  path: '/user/compute-power',
  allow: 'user',
  rate: 'read',
  run: (context, actor) => readPower(context, actor),
  reply: (power) => done(presentPower(power)),
})

function presentPower({ total, used, remaining, gifted, hd }: Power) {
  return {
    total: toNumber(total),
    used: toNumber(used),
    remaining: toNumber(remaining),
    gifted: toNumber(gifted),
    hdCount: hd,
  }
}

const Recharge = Type.Object({
  amount: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  plan: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
  cardCode: Type.Optional(Type.String({ maxLength: 100 })),
  paymentMethod: Type.Optional(Type.String({ minLength: 1, maxLength: 20 })),
})
type Recharge = Static<typeof Recharge>

const WAYS = ['amount', 'plan', 'cardCode'] as const
const CHOICE = WAYS.join(', ')

/**
 * 2. 充值算力: an order for power or for a plan, which gives nothing before its payment is proved, or a redeem code, which
 * is worth what it is at once. The document has neither body nor answer (facts/plaza.md, 1).
 */
const recharge = route({
  method: 'POST',
  path: '/user/recharge',
  allow: 'user',
  rate: 'write',
  body: Recharge,
  refusals: {
    input_invalid: (issue) =>
      issue.field === CHOICE
        ? refuse(400, '请在充值数量(amount)、会员套餐(plan)和卡密(cardCode)中选择一项')
        : refusals.input_invalid(issue),
  },
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    const key = idempotencyKey === null ? null : bindIdempotencyKey('user/recharge', idempotencyKey, body)
    if (WAYS.filter((way) => body[way] !== undefined).length !== 1)
      throw refusal('input_invalid', { field: CHOICE, problem: 'format' })
    return body.cardCode === undefined
      ? openOrder(context, actor, body, { idempotencyKey: key, origin })
      : redeem(context, actor, body.cardCode, { idempotencyKey: key, origin })
  },
  reply: (result) => ('handle' in result ? presentNewOrder(result) : presentRedeemed(result)),
})

type Sent = { idempotencyKey: ReturnType<typeof bindIdempotencyKey> | null; origin: Origin }

function openOrder(
  context: Context,
  actor: Actor,
  { amount = 0, plan, paymentMethod }: Recharge,
  sent: Sent,
): Promise<Order> {
  if (paymentMethod === undefined)
    throw refusal('input_invalid', { field: 'paymentMethod', problem: 'missing' })
  return createOrder(context, actor, {
    item:
      plan === undefined
        ? quoteCredits(context, units(amount), `充值${amount}算力`)
        : quotePlan(context, plan),
    channelUuid: null,
    method: paymentMethod,
    returnUrl: `${context.publicUrl}/payment/result`,
    ...sent,
  })
}

async function redeem(context: Context, actor: Actor, code: string, sent: Sent): Promise<Power> {
  await redeemCode(context, actor, { code, field: 'cardCode', ...sent })
  return readPower(context, actor)
}

function presentNewOrder(order: Order): Reply {
  return done(
    {
      orderId: order.handle,
      amount: toNumber(order.credits),
      ...(order.plan !== null && { plan: order.plan }),
      price: Number(order.amountFen) / 100,
      status: STATUS[order.state],
      paymentUrl: payableAt(order),
    },
    '订单已创建，请完成支付',
  )
}

function presentRedeemed(power: Power): Reply {
  return done({ status: 'completed', ...presentPower(power) }, '兑换成功')
}

const STATUS: Readonly<Record<OrderState, 'pending' | 'completed' | 'expired' | 'failed' | 'refunded'>> = {
  created: 'pending',
  open: 'pending',
  expired: 'expired',
  closed: 'failed',
  paid: 'completed',
  refunding: 'refunded',
  refunded: 'refunded',
}

/** An order that takes no payment any more has nowhere to go. */
const payableAt = (order: Order): string | null =>
  STATUS[order.state] === 'pending' ? (order.payUrl ?? order.qrCode) : null

/** An extension: what became of an order. */
const rechargeOrder = route({
  method: 'GET',
  path: '/user/recharge/:orderId',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) =>
    readOrder(context, actor, { handle: params.orderId ?? '', tradeNumber: null }),
  reply: (order) =>
    done({
      orderId: order.handle,
      amount: toNumber(order.credits),
      plan: order.plan,
      price: Number(order.amountFen) / 100,
      paymentMethod: order.method,
      status: STATUS[order.state],
      paid: order.state === 'paid',
      paymentUrl: payableAt(order),
      createdAt: presentTime(order.createdAt),
      paidAt: order.paidAt && presentTime(order.paidAt),
    }),
})

/** 算力/会员接口. */
export const powerRoutes = [computePower, recharge, rechargeOrder]
