import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import type { MemberLevel } from '../../kernel/memberships/membership.ts'
import { readMemberLevel } from '../../kernel/memberships/membership.ts'
import { quotePlan } from '../../kernel/memberships/plans.ts'
import { toNumber } from '../../kernel/money.ts'
import { createOrder } from '../../kernel/payments/create-order.ts'
import type { OrderState } from '../../kernel/payments/order.ts'
import type { CodeWorth } from '../../kernel/promotions/redeem-codes.ts'
import { redeemCode } from '../../kernel/promotions/redeem-codes.ts'
import { ensureReferralCode, listReferrals } from '../../kernel/promotions/referral-codes.ts'
import { readPower } from '../../kernel/wallet/power.ts'
import type { EntryKind, StatementRow } from '../../kernel/wallet/statement.ts'
import { readStatement } from '../../kernel/wallet/statement.ts'
import { done } from './envelope.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'

const TASKS: Readonly<Record<string, string>> = {
  image: '图片生成',
  video: '视频生成',
  chat: 'AI助手',
}
const taskName = ({ topic }: StatementRow): string => TASKS[topic ?? ''] ?? 'AI生成'
const orderName = ({ order }: StatementRow): string => order?.name ?? '充值'

type LogType = 'recharge' | 'consume' | 'refund' | 'gift' | 'adjust'

/** What each kind of entry is called, and what a user reads of it. */
const LOGS: Readonly<Record<EntryKind, { type: LogType; describe: (row: StatementRow) => string }>> = {
  purchase: { type: 'recharge', describe: orderName },
  purchase_refund: {
    type: 'refund',
    describe: (row) => `${orderName(row)}${row.amount > 0n ? '退款未成功，算力退回' : '退款，扣回算力'}`,
  },
  hold: { type: 'consume', describe: taskName },
  // Changes no balance, and so is never a row.
  capture: { type: 'consume', describe: taskName },
  difference: { type: 'refund', describe: (row) => `${taskName(row)}差额退还` },
  release: { type: 'refund', describe: (row) => `${taskName(row)}未完成，算力退还` },
  membership: { type: 'consume', describe: (row) => `购买${orderName(row)}` },
  membership_refund: { type: 'refund', describe: (row) => `${orderName(row)}退款，算力退还` },
  bonus: { type: 'gift', describe: ({ reason }) => reason ?? '注册赠送' },
  gift: { type: 'gift', describe: (row) => describeGift(row) },
  gift_reversal: { type: 'gift', describe: (row) => `${describeGift(row)}收回` },
  adjustment: { type: 'adjust', describe: ({ reason }) => reason ?? '管理员调整' },
}

function describeGift({ topic, reason }: StatementRow): string {
  if (topic === 'code') return '卡密兑换'
  if (topic === 'referral') return '推荐奖励'
  // An order's reason is its number at the gateway, which tells a user nothing.
  return topic === 'order' ? '订单赠送' : (reason ?? '活动赠送')
}

/** 算力记录: the ledger's own rows, newest first; the earlier implementation's list was always empty (hole 13). */
const logs = route({
  method: 'GET',
  path: '/users/computing-power-logs',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => readStatement(context, actor, { ...readPage(query), filter: null }),
  reply: ({ items, total, page, limit }) =>
    done({ list: items.map(presentLog), total, page, pageSize: limit }),
})

function presentLog(row: StatementRow) {
  const { type, describe } = LOGS[row.kind]
  return {
    id: Number(row.id),
    type,
    amount: toNumber(row.amount),
    balance: toNumber(row.balance),
    description: describe(row),
    created_at: presentTime(row.createdAt),
  }
}

const PurchaseMembership = Type.Object({
  plan_type: Type.String({ minLength: 1, maxLength: 40 }),
  payment_method: Type.Optional(Type.String({ minLength: 1, maxLength: 20 })),
})

/** 购买会员: an order with a payment URL; nothing is given before the payment is proved (decided reading *cameo*, hole 3). */
const purchaseMembership = route({
  method: 'POST',
  path: '/users/purchase-membership',
  allow: 'user',
  rate: 'write',
  body: PurchaseMembership,
  run: (context, actor, { body, idempotencyKey, origin }) =>
    createOrder(context, actor, {
      item: quotePlan(context, body.plan_type),
      channelUuid: null,
      // Its front-end asks for none.
      method: body.payment_method ?? 'alipay',
      returnUrl: `${context.publicUrl}/payment/result`,
      idempotencyKey:
        idempotencyKey === null
          ? null
          : bindIdempotencyKey('users/purchase-membership', idempotencyKey, body),
      origin,
    }),
  reply: (order) =>
    done(
      {
        order_id: order.handle,
        plan_type: order.plan,
        amount: Number(order.amountFen) / 100,
        computing_power: toNumber(order.credits),
        hd_count: order.vouchers,
        payment_method: order.method,
        status: STATUS[order.state],
        payment_url: STATUS[order.state] === 'pending' ? (order.payUrl ?? order.qrCode) : null,
      },
      '订单已创建，请完成支付',
    ),
})

const STATUS: Readonly<Record<OrderState, 'pending' | 'paid' | 'cancelled' | 'failed' | 'refunded'>> = {
  created: 'pending',
  open: 'pending',
  expired: 'cancelled',
  closed: 'failed',
  paid: 'paid',
  refunding: 'refunded',
  refunded: 'refunded',
}

const Redeem = Type.Object({ code: Type.String({ maxLength: 100 }) })

/** 兑换卡密: once ever; the earlier implementation's race let one code be redeemed by many (hole 3). */
const redeem = route({
  method: 'POST',
  path: '/users/redeem',
  allow: 'user',
  rate: 'write',
  body: Redeem,
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    const key = idempotencyKey === null ? null : bindIdempotencyKey('users/redeem', idempotencyKey, body)
    const worth = await redeemCode(context, actor, {
      code: body.code,
      field: 'code',
      idempotencyKey: key,
      origin,
    })
    return { worth, ...(await readStanding(context, actor)) }
  },
  reply: ({ worth, power, member }) =>
    done(
      {
        ...presentWorth(worth),
        computing_power: toNumber(power.remaining),
        total_computing_power: toNumber(power.total),
        gifted_computing_power: toNumber(power.gifted),
        hd_count: power.hd,
        user_type: USER_TYPES[member.level],
        membership_expires_at: member.endsAt && presentTime(member.endsAt),
      },
      '兑换成功',
    ),
})

const USER_TYPES: Readonly<Record<MemberLevel['level'], string>> = { 0: 'normal', 1: 'vip', 2: 'svip' }

async function readStanding(context: Context, actor: Actor) {
  const [power, member] = await Promise.all([readPower(context, actor), readMemberLevel(context, actor)])
  return { power, member }
}

/** `value` is power, or days. */
function presentWorth(worth: CodeWorth) {
  return worth.kind === 'credits'
    ? { type: 'computing_power', value: toNumber(worth.credits) }
    : { type: USER_TYPES[worth.level], value: worth.days }
}

/** 推荐码 of the caller, which is the same ever after. */
const referralCode = route({
  method: 'GET',
  path: '/distribution/referral-code',
  allow: 'user',
  rate: 'read',
  run: (context, actor) => ensureReferralCode(context, actor),
  reply: (code) => done({ referral_code: code }),
})

/** 我的团队: whom the caller invited, newest first. There is one level, as in the earlier implementation's data. */
const team = route({
  method: 'GET',
  path: '/distribution/team',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => listReferrals(context, actor, readPage(query)),
  reply: ({ items, total, page, limit }) =>
    done({
      list: items.map(({ id, username, createdAt }) => ({
        id: Number(id),
        username,
        level: 1,
        created_at: presentTime(createdAt),
      })),
      total,
      page,
      pageSize: limit,
    }),
})

/** Power, memberships and codes, as its front-end uses them beyond the document (facts/cameo.md, 4). */
export const powerRoutes = [logs, purchaseMembership, redeem, referralCode, team]
