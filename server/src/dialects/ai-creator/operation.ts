import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { formatYuan, parseYuan } from '../../kernel/fen.ts'
import { parseCredits, toNumber } from '../../kernel/money.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import type { Activity, ActivityStatus, ActivityType } from '../../kernel/promotions/activities.ts'
import { createActivity, joinActivity, listActivities } from '../../kernel/promotions/activities.ts'
import type {
  ClaimStatus,
  Coupon,
  CouponClaim,
  CouponStatus,
  CouponType,
} from '../../kernel/promotions/coupons.ts'
import { claimCoupon, createCoupon, listClaims, listCoupons } from '../../kernel/promotions/coupons.ts'
import { ensureReferralCode, listReferrals } from '../../kernel/promotions/referral-codes.ts'
import { readSiteFigures } from '../../kernel/statistics/figures.ts'
import { readId } from '../shared/query.ts'
import { done, donePage } from './envelope.ts'
import { parseTime, readChoice, readDay, readPage } from './query.ts'
import { presentTime } from './time.ts'

// ---- Activities ------------------------------------------------------------------------------------------

const Reward = Type.Optional(Type.Union([Type.Number(), Type.Null()]))
const CreateActivity = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  type: Type.Union([
    Type.Literal('credit_gift'),
    Type.Literal('membership_discount'),
    Type.Literal('referral_bonus'),
    Type.Literal('first_purchase'),
  ]),
  description: Type.Optional(Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()])),
  config: Type.Object({ credits: Reward, percent: Reward }),
  start_time: Type.String({ maxLength: 40 }),
  end_time: Type.String({ maxLength: 40 }),
  max_participants: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), Type.Null()]),
  ),
  /** Credits that may be given in all. */
  budget: Reward,
})

/** 9.1 创建活动: `POST /operation/activities`; appendix B says the types. */
const createActivityRoute = route({
  method: 'POST',
  path: '/operation/activities',
  allow: 'admin',
  rate: 'write',
  body: CreateActivity,
  run: (context, operator, { body }) =>
    createActivity(context, operator, {
      name: readName(body.name),
      type: body.type satisfies ActivityType,
      description: body.description ?? '',
      config: body.config as Json,
      credits: body.config.credits == null ? null : readCredits('config.credits', body.config.credits),
      percent: body.config.percent == null ? null : readPercent('config.percent', body.config.percent),
      startsAt: readTime('start_time', body.start_time),
      endsAt: readTime('end_time', body.end_time),
      mostParticipants: body.max_participants ?? null,
      budget: body.budget == null ? null : readCredits('budget', body.budget),
    }),
  reply: (activity) => done(presentActivity(activity), '活动创建成功'),
})

const ACTIVITY_STATUSES: readonly ActivityStatus[] = ['active', 'upcoming', 'ended', 'disabled']

/** 9.2 获取活动列表: `GET /operation/activities`. */
const activities = route({
  method: 'GET',
  path: '/operation/activities',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    listActivities(context, {
      ...readPage(query),
      status: readChoice(query, 'status', ACTIVITY_STATUSES),
      withDisabled: actor.role === 'admin',
    }),
  reply: (page) => donePage(page, presentActivity),
})

/** 9.3 参与活动: `POST /operation/activities/:activity_id/participate`; for activities that give credits. */
const participate = route({
  method: 'POST',
  path: '/operation/activities/:activity_id/participate',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params, origin }) =>
    joinActivity(context, actor, readId('活动ID', params.activity_id), origin),
  reply: ({ id, activityId, credits, available, at }) =>
    done(
      {
        id: Number(id),
        activity_id: Number(activityId),
        reward_type: 'credits',
        reward_amount: toNumber(credits),
        credit_balance: toNumber(available),
        participated_at: presentTime(at),
      },
      `参与成功，获得 ${toNumber(credits)} 积分`,
    ),
})

function presentActivity(activity: Activity) {
  return {
    id: Number(activity.id),
    name: activity.name,
    type: activity.type,
    description: activity.description,
    config: activity.config,
    status: activity.status,
    start_time: presentTime(activity.startsAt),
    end_time: presentTime(activity.endsAt),
    max_participants: activity.mostParticipants,
    current_participants: activity.participants,
    budget: activity.budget === null ? null : toNumber(activity.budget),
    created_at: presentTime(activity.createdAt),
  }
}

// ---- Coupons ---------------------------------------------------------------------------------------------

/** 附录 C, and what the kernel calls each. */
const COUPON_TYPES: Readonly<Record<'discount' | 'deduction' | 'credit_bonus', CouponType>> = {
  discount: 'percent',
  deduction: 'amount',
  credit_bonus: 'credits',
}

const CreateCoupon = Type.Object({
  code: Type.String({ minLength: 1, maxLength: 40 }),
  name: Type.String({ minLength: 1, maxLength: 100 }),
  type: Type.Union([Type.Literal('discount'), Type.Literal('deduction'), Type.Literal('credit_bonus')]),
  value: Type.Number(),
  min_amount: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  max_usage: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), Type.Null()])),
  valid_from: Type.String({ maxLength: 40 }),
  valid_until: Type.String({ maxLength: 40 }),
})

/** 9.4 创建优惠券: `POST /operation/coupons`. `discount` is percent off, `deduction` yuan off (decided reading). */
const createCouponRoute = route({
  method: 'POST',
  path: '/operation/coupons',
  allow: 'admin',
  rate: 'write',
  body: CreateCoupon,
  run: (context, operator, { body }) => {
    const { type, value } = body
    return createCoupon(context, operator, {
      code: body.code.trim(),
      name: readName(body.name),
      type: COUPON_TYPES[type],
      value: {
        discount: () => BigInt(readPercent('value', value)),
        deduction: () => readFen('value', value),
        credit_bonus: () => readCredits('value', value) as bigint,
      }[type](),
      leastFen: body.min_amount == null ? 0n : readFen('min_amount', body.min_amount),
      mostClaims: body.max_usage ?? null,
      validFrom: readTime('valid_from', body.valid_from),
      validUntil: readTime('valid_until', body.valid_until),
    })
  },
  reply: (coupon) => done(presentCoupon(coupon), '优惠券创建成功'),
})

const COUPON_STATUSES: readonly CouponStatus[] = ['active', 'upcoming', 'ended', 'exhausted', 'disabled']

/** 9.5 获取优惠券列表: `GET /operation/coupons`. */
const coupons = route({
  method: 'GET',
  path: '/operation/coupons',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    listCoupons(context, {
      ...readPage(query),
      status: readChoice(query, 'status', COUPON_STATUSES),
      withDisabled: actor.role === 'admin',
    }),
  reply: (page) => donePage(page, presentCoupon),
})

/** 9.6 领取优惠券: `POST /operation/coupons/:coupon_id/claim`. */
const claim = route({
  method: 'POST',
  path: '/operation/coupons/:coupon_id/claim',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) => claimCoupon(context, actor, readId('优惠券ID', params.coupon_id)),
  reply: (taken) => done(presentClaim(taken), '领取成功'),
})

/** What my-coupons asks for and what the kernel calls it; an order that is not paid yet holds a coupon. */
const CLAIM_STATUSES = {
  unused: ['unused'],
  reserved: ['reserved'],
  used: ['used'],
  expired: ['ended'],
} as const satisfies Record<string, readonly ClaimStatus[]>

/** 9.7 获取我的优惠券: `GET /operation/my-coupons`. */
const myCoupons = route({
  method: 'GET',
  path: '/operation/my-coupons',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const status = readChoice(query, 'status', Object.keys(CLAIM_STATUSES) as (keyof typeof CLAIM_STATUSES)[])
    return listClaims(context, actor, {
      ...readPage(query),
      statuses: status === null ? null : CLAIM_STATUSES[status],
    })
  },
  reply: (page) => donePage(page, presentClaim),
})

function presentCoupon(coupon: Coupon) {
  const { type, value, leastFen } = coupon
  const names = Object.entries(COUPON_TYPES).find(([, one]) => one === type)
  return {
    id: Number(coupon.id),
    code: coupon.code,
    name: coupon.name,
    type: names?.[0] ?? type,
    value: { percent: Number(value) / 100, amount: Number(value) / 100, credits: toNumber(value) }[type],
    min_amount: Number(leastFen) / 100,
    max_usage: coupon.mostClaims,
    used_count: coupon.claims,
    valid_from: presentTime(coupon.validFrom),
    valid_until: presentTime(coupon.validUntil),
    status: coupon.status,
    created_at: presentTime(coupon.createdAt),
  }
}

function presentClaim(taken: CouponClaim) {
  const coupon = presentCoupon(taken.coupon)
  const { code, name, type, value, min_amount, valid_from, valid_until } = coupon
  return {
    id: Number(taken.id),
    coupon_id: coupon.id,
    ...{ code, name, type, value, min_amount, valid_from, valid_until },
    status: taken.status === 'ended' ? 'expired' : taken.status,
    received_at: presentTime(taken.claimedAt),
    used_at: taken.usedAt && presentTime(taken.usedAt),
    order_id: taken.orderHandle,
    coupon,
  }
}

// ---- Referrals -------------------------------------------------------------------------------------------

/** 9.8 生成推荐码: `POST /operation/referral/generate`; one code for each account, for good. */
const generateCode = route({
  method: 'POST',
  path: '/operation/referral/generate',
  allow: 'user',
  rate: 'write',
  run: async (context, actor) => ({
    code: await ensureReferralCode(context, actor),
    publicUrl: context.publicUrl,
  }),
  reply: ({ code, publicUrl }) =>
    done({ referral_code: code, referral_url: `${publicUrl}/register?ref=${code}` }, '推荐码已生成'),
})

/** 9.9 获取推荐记录: `GET /operation/referral/records`. */
const records = route({
  method: 'GET',
  path: '/operation/referral/records',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => listReferrals(context, actor, readPage(query)),
  reply: ({ items, total, page, limit, rewards }) =>
    done({
      total,
      total_rewards: toNumber(rewards),
      page,
      page_size: limit,
      items: items.map((one) => ({
        id: Number(one.id),
        referred_user: one.username,
        reward_amount: toNumber(one.reward),
        status: one.state,
        created_at: presentTime(one.createdAt),
      })),
    }),
})

// ---- Statistics ------------------------------------------------------------------------------------------

/** 9.10 获取运营统计: `GET /operation/statistics`; days in UTC+8, both included (decided reading). */
const statistics = route({
  method: 'GET',
  path: '/operation/statistics',
  allow: 'admin',
  rate: 'read',
  run: (context, _operator, { query }) => {
    const [first, last] = [readDay(query, 'start_date'), readDay(query, 'end_date')]
    if (first && last && last < first)
      throw refusal('input_invalid', { field: 'end_date', problem: 'too_small' })
    return readSiteFigures(context, {
      first: first && presentTime(first).slice(0, 10),
      last: last && presentTime(last).slice(0, 10),
    })
  },
  reply: (figures) =>
    done({
      total_users: figures.accounts,
      new_users: figures.newAccounts,
      total_revenue: Number(formatYuan(figures.revenueFen)),
      total_credits_sold: toNumber(figures.creditsSold),
      active_members: figures.activeMembers,
      conversion_rate:
        figures.accounts > 0
          ? Math.min(1, Math.round((figures.payers / figures.accounts) * 10_000) / 10_000)
          : 0,
    }),
})

// ---- Reading numbers and times ---------------------------------------------------------------------------

function readName(text: string): string {
  const name = text.trim()
  if (name === '') throw refusal('input_invalid', { field: 'name', problem: 'missing' })
  return name
}

function readTime(field: string, text: string): Date {
  const time = parseTime(text)
  if (time === null) throw refusal('input_invalid', { field, problem: 'format' })
  return time
}

function readCredits(field: string, number: number) {
  const amount = parseCredits(number)
  if (amount === null) throw refusal('input_invalid', { field, problem: 'format' })
  if (amount <= 0n) throw refusal('input_invalid', { field, problem: 'too_small' })
  return amount
}

/** Yuan with at most two decimals, as fen. */
function readFen(field: string, number: number): bigint {
  if (number < 0) throw refusal('input_invalid', { field, problem: 'too_small' })
  const amount = parseYuan(String(number))
  if (amount === null) throw refusal('input_invalid', { field, problem: 'format' })
  return amount
}

/** Percent with at most two decimals, as hundredths of a percent. */
function readPercent(field: string, number: number): number {
  const hundredths = Math.round(number * 100)
  if (number <= 0) throw refusal('input_invalid', { field, problem: 'too_small' })
  if (number > 100) throw refusal('input_invalid', { field, problem: 'too_large' })
  if (Math.abs(hundredths - number * 100) > 1e-6) throw refusal('input_invalid', { field, problem: 'format' })
  return hundredths
}

export const operationRoutes = [
  createActivityRoute,
  activities,
  participate,
  createCouponRoute,
  coupons,
  claim,
  myCoupons,
  generateCode,
  records,
  statistics,
]
