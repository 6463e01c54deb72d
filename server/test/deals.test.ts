import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { KernelError } from '../src/kernel/errors.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { readMembership } from '../src/kernel/memberships/membership.ts'
import { units } from '../src/kernel/money.ts'
import { readOrderById } from '../src/kernel/payments/order.ts'
import { refundOrder } from '../src/kernel/payments/refund.ts'
import { GatewayError } from '../src/kernel/ports/gateway.ts'
import {
  ensureReferralCode,
  listReferrals,
  registerReferral,
} from '../src/kernel/promotions/referral-codes.ts'
import type { Deals } from './deals-stage.ts'
import { CROWD, openDeals, tally } from './deals-stage.ts'
import { pictureOf } from './factories.ts'

let deals: Deals
before(async () => {
  deals = await openDeals()
})
after(() => deals.close())

const DAY_MS = 86_400_000
const claim = (accountId: bigint) =>
  deals.look<{ state: string; order_id: bigint | null }>(
    'select state, order_id from coupon_claim where account_id = $1',
    [accountId],
  )
const endsIn = async (accountId: bigint): Promise<number> => {
  const member = await readMembership(deals.site.context, { accountId })
  return member?.endsAt ? (member.endsAt.getTime() - Date.now()) / DAY_MS : 0
}
const isNear = (given: number, expected: number) => Math.abs(given - expected) < 0.01

// Coupons ---------------------------------------------------------------------------------------------------

test('a coupon takes a percentage or yuan off, never below a fen, or adds credits; payment uses it', async () => {
  await deals.coupon('TEN', { value: 1_000n })
  await deals.coupon('FIVE', { type: 'amount', value: 500n })
  await deals.coupon('ALL', { value: 10_000n })
  await deals.coupon('MORE', { type: 'credits', value: 300_000n })
  for (const [code, fen, bonus] of [
    ['ten', 900n, 0n],
    ['FIVE', 500n, 0n],
    ['ALL', 1n, 0n],
    ['MORE', 1_000n, units(30)],
  ] as const) {
    const [accountId] = await deals.users(1)
    assert.ok(accountId)
    const order = await deals.order(accountId, { yuan: 10 }, { coupon: code })
    assert.deepEqual([order.listFen, order.amountFen, order.bonusCredits], [1_000n, fen, bonus], code)
    assert.equal((await claim(accountId)).state, 'reserved')
    assert.equal(await deals.pay(order), 'success')
    assert.deepEqual(await claim(accountId), { state: 'used', order_id: order.id })
    assert.equal(await deals.available(accountId), units(100) + bonus)
  }
})

test('a coupon that is not there for this order is refused, each for its reason, and nothing is left of the order', async () => {
  await deals.coupon('LATER', { from: '1 hour' })
  await deals.coupon('OVER', { from: '-2 hours', until: '-1 hour' })
  await deals.coupon('OFF', { state: 'disabled' })
  await deals.coupon('LARGE', { least_fen: 1_001n })
  await deals.coupon('CREDITS', { type: 'credits', value: 1n })
  await deals.coupon('ONCE')
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const refused = async (coupon: string, what: { yuan: number } | { plan: string } = { yuan: 10 }) =>
    tally([deals.order(accountId, what, { coupon })])
  assert.deepEqual(await refused('LATER'), { 'coupon_refused not_begun': 1 })
  assert.deepEqual(await refused('OVER'), { 'coupon_refused ended': 1 })
  assert.deepEqual(await refused('OFF'), { 'coupon_refused disabled': 1 })
  assert.deepEqual(await refused('LARGE'), { 'coupon_refused below_minimum': 1 })
  assert.deepEqual(await refused('CREDITS', { plan: 'monthly' }), { 'coupon_refused unfit': 1 })
  assert.deepEqual(await refused('NOBODY'), { coupon_not_found: 1 })
  const { count } = await deals.look<{ count: bigint }>(
    'select count(*) from payment_order where account_id = $1',
    [accountId],
  )
  assert.equal(count, 0n)
  const order = await deals.order(accountId, { yuan: 10 }, { coupon: 'ONCE' })
  assert.deepEqual(await refused('ONCE'), { 'coupon_refused reserved': 1 })
  await deals.pay(order)
  assert.deepEqual(await refused('ONCE'), { 'coupon_refused used': 1 })
})

test('100 orders at once for the last seven claims of a coupon: seven are opened with it', async () => {
  const id = await deals.coupon('SEVEN', { most_claims: 7 })
  const accounts = await deals.users(CROWD)
  const counted = await tally(accounts.map((one) => deals.order(one, { yuan: 10 }, { coupon: 'SEVEN' })))
  assert.deepEqual(counted, { ok: 7, 'coupon_refused exhausted': 93 })
  const row = await deals.look(
    'select claims, (select count(*) from coupon_claim where coupon_id = $1) as rows from coupon where id = $1',
    [id],
  )
  assert.deepEqual(row, { claims: 7, rows: 7n })
})

test('100 orders of one account at once with one coupon: one has it', async () => {
  await deals.coupon('MINE')
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const crowd = Array.from({ length: CROWD }, () => deals.order(accountId, { yuan: 10 }, { coupon: 'MINE' }))
  assert.deepEqual(await tally(crowd), { ok: 1, 'coupon_refused reserved': 99 })
})

test('what an order had reserved is free when it expires or its gateway refuses it', async () => {
  await deals.coupon('FREE')
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  await deals.expire(await deals.order(accountId, { yuan: 10 }, { coupon: 'FREE' }))
  assert.deepEqual(await claim(accountId), { state: 'unused', order_id: null })
  deals.gateway.nextCreate.push(async () => {
    throw new GatewayError('refused', 'no')
  })
  assert.deepEqual(await tally([deals.order(accountId, { yuan: 10 }, { coupon: 'FREE' })]), {
    gateway_failed: 1,
  })
  assert.deepEqual(await claim(accountId), { state: 'unused', order_id: null })
  assert.equal((await deals.order(accountId, { yuan: 10 }, { coupon: 'FREE' })).amountFen, 900n)
})

test('paid after it expired, an order uses its coupon if that is free; otherwise it buys what its money buys', async () => {
  await deals.coupon('LATE', { value: 5_000n })
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const first = await deals.order(accountId, { yuan: 10 }, { coupon: 'LATE' })
  await deals.expire(first)
  const second = await deals.order(accountId, { plan: 'quarterly' }, { coupon: 'LATE' })
  await deals.expire(second)
  const third = await deals.order(accountId, { yuan: 10 }, { coupon: 'LATE' })
  await deals.expire(third)
  await deals.pay(first)
  assert.equal(await deals.available(accountId), units(100))
  await deals.pay(second)
  assert.ok(isNear(await endsIn(accountId), 45), 'half the price, half the days')
  await deals.pay(third)
  assert.equal(await deals.available(accountId), units(150))
  assert.equal((await readOrderById(deals.site.context, third.id)).credits, units(50))
})

// Activities ------------------------------------------------------------------------------------------------

test('the activity that makes an order cheapest applies by itself, once for an account, and never beside a coupon', async () => {
  const small = await deals.activity({ type: 'membership_discount', percent: 1_000 })
  const large = await deals.activity({ type: 'membership_discount', percent: 2_000 })
  const over = await deals.activity({
    type: 'membership_discount',
    percent: 9_000,
    from: '-2 hours',
    until: '-1 hour',
  })
  await deals.coupon('BESIDE', { value: 100n })
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const withCoupon = await deals.order(accountId, { plan: 'yearly' }, { coupon: 'BESIDE' })
  assert.equal(withCoupon.amountFen, 9_801n)
  assert.equal((await deals.order(accountId, { yuan: 10 })).amountFen, 1_000n, 'of a membership only')
  const first = await deals.order(accountId, { plan: 'yearly' })
  assert.equal(first.amountFen, 7_920n)
  assert.equal((await deals.order(accountId, { plan: 'yearly' })).amountFen, 8_910n)
  assert.equal((await deals.order(accountId, { plan: 'yearly' })).amountFen, 9_900n)
  await deals.expire(first)
  assert.equal((await deals.order(accountId, { plan: 'yearly' })).amountFen, 7_920n, 'free again')
  await deals.look('update activity set state = $2 where id = any ($1) returning id', [
    [small, large, over],
    'disabled',
  ])
})

test('a first purchase is cheaper, or more, once: also of 100 orders at once; and none after a payment', async () => {
  const id = await deals.activity({ type: 'first_purchase', percent: 5_000, credits: 200_000n })
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const orders = await Promise.all(Array.from({ length: CROWD }, () => deals.order(accountId, { yuan: 10 })))
  const cheap = orders.filter(({ amountFen }) => amountFen === 500n)
  assert.equal(cheap.length, 1)
  const [order] = cheap
  assert.ok(order)
  await deals.pay(order)
  assert.equal(await deals.available(accountId), units(120))
  const [other] = await deals.users(1)
  assert.ok(other)
  await deals.look('insert into payer (account_id) values ($1) returning account_id', [other])
  assert.equal((await deals.order(other, { yuan: 10 })).amountFen, 1_000n)
  await deals.look('update activity set state = $2 where id = $1 returning id', [id, 'disabled'])
})

test('100 first orders at once: as many have the promise as there are places, and as the budget pays for', async () => {
  const places = await deals.activity({ type: 'first_purchase', percent: 1_000, most: 7 })
  const crowd = await deals.users(CROWD)
  const orders = await Promise.all(crowd.map((one) => deals.order(one, { yuan: 10 })))
  assert.equal(orders.filter(({ amountFen }) => amountFen === 900n).length, 7)
  await deals.look('update activity set state = $2 where id = $1 returning id', [places, 'disabled'])
  const budget = await deals.activity({
    type: 'first_purchase',
    credits: units(20),
    budget: units(20 * 9 + 19),
  })
  const others = await deals.users(CROWD)
  const more = await Promise.all(others.map((one) => deals.order(one, { yuan: 10 })))
  assert.equal(more.filter(({ bonusCredits }) => bonusCredits === units(20)).length, 9)
  await Promise.all(more.map(deals.pay))
  const row = await deals.look(
    'select participants, given, (select count(entry_id) from participation where activity_id = $1) as paid from activity where id = $1',
    [budget],
  )
  assert.deepEqual(row, { participants: 9, given: units(180), paid: 9n })
  await deals.look('update activity set state = $2 where id = $1 returning id', [budget, 'disabled'])
})

// Referrals -------------------------------------------------------------------------------------------------

test('a referral code is eight of A–Z and 0–9, one for an account, also when asked for by 100 at once', async () => {
  const [inviter, invited, other] = await deals.users(3)
  assert.ok(inviter && invited && other)
  const { context } = deals.site
  const codes = await Promise.all(
    Array.from({ length: CROWD }, () => ensureReferralCode(context, { accountId: inviter })),
  )
  assert.equal(new Set(codes).size, 1)
  const [code = ''] = codes
  assert.match(code, /^[A-Z0-9]{8}$/)
  await registerReferral(context.db, { referredId: invited, code: code.toLowerCase() })
  assert.deepEqual(await tally([registerReferral(context.db, { referredId: other, code: 'NOBODY99' })]), {
    referral_code_unknown: 1,
  })
  assert.deepEqual(await tally([registerReferral(context.db, { referredId: inviter, code: code })]), {
    referral_code_unknown: 1,
  })
  const second = await ensureReferralCode(context, { accountId: other })
  await registerReferral(context.db, { referredId: invited, code: second })
  const list = await listReferrals(context, { accountId: inviter }, { page: 1, limit: 20 })
  assert.deepEqual([list.total, list.items[0]?.state, list.rewards], [1, 'pending', 0n])
  assert.equal((await listReferrals(context, { accountId: other }, { page: 1, limit: 20 })).total, 0)
})

test('100 payments at once of 50 pairs who invited each other: no deadlock, each rewarded once', async () => {
  const people = await deals.users(CROWD)
  await Promise.all(people.map((one, index) => deals.refer(one, people[index ^ 1] as bigint)))
  const orders = await Promise.all(people.map((one) => deals.order(one, { yuan: 1 })))
  // Each is notified twice, at the same time.
  const answers = await Promise.allSettled([...orders, ...orders].map(deals.pay))
  const failed = answers.filter((one) => one.status === 'rejected' || one.value !== 'success')
  assert.deepEqual(failed, [])
  const balances = await Promise.all(people.map(deals.available))
  assert.ok(balances.every((available) => available === units(60)))
})

test('only the first payment rewards; a bonus is added as long as its budget lasts', async () => {
  const [referrer] = await deals.users(1)
  assert.ok(referrer)
  const activity = await deals.activity({ type: 'referral_bonus', credits: units(20), budget: units(7 * 20) })
  const crowd = await deals.users(CROWD)
  await Promise.all(crowd.map((one) => deals.refer(one, referrer)))
  const orders = await Promise.all([...crowd, ...crowd].map((one) => deals.order(one, { yuan: 1 })))
  await Promise.all(orders.map(deals.pay))
  assert.equal(await deals.available(referrer), units(CROWD * 50 + 7 * 20))
  const list = await listReferrals(deals.site.context, { accountId: referrer }, { page: 1, limit: 1 })
  assert.deepEqual([list.total, list.rewards], [CROWD, units(CROWD * 50 + 7 * 20)])
  await deals.look('update activity set state = $2 where id = $1 returning id', [activity, 'disabled'])
})

// Memberships -----------------------------------------------------------------------------------------------

test('100 renewals paid at once: each adds its days; one paid twice adds them once', async () => {
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const orders = await Promise.all(
    Array.from({ length: CROWD }, () => deals.order(accountId, { plan: 'monthly' })),
  )
  await Promise.all([...orders, ...orders].map(deals.pay))
  assert.ok(isNear(await endsIn(accountId), CROWD * 30))
  assert.equal(await deals.available(accountId), 0n)
})

test('from the wallet, 100 memberships at once with credits for three: three are paid, at 10 credits for 1 yuan', async () => {
  const { accountId } = await deals.user(units(99 * 3 + 98))
  const crowd = Array.from({ length: CROWD }, () =>
    deals.order(accountId, { plan: 'monthly' }, { method: 'balance' }),
  )
  assert.deepEqual(await tally(crowd), { ok: 3, insufficient_credits: 97 })
  assert.equal(await deals.available(accountId), units(98))
  assert.ok(isNear(await endsIn(accountId), 90))
  assert.deepEqual(await tally([deals.order(accountId, { yuan: 1 }, { method: 'balance' })]), {
    payment_method_refused: 1,
  })
  const row = await deals.look(
    'select (select count(*) from payer where account_id = $1) as payers, count(*) as orders from payment_order where account_id = $1',
    [accountId],
  )
  assert.deepEqual(row, { payers: 0n, orders: 3n }, 'no money came in, and no refused order is left')
})

test('a membership from the wallet against 50 pictures at once: what was paid is what there was, and members pay nothing', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { accountId } = await deals.user(units(119))
    const [bought, ...made] = await Promise.allSettled([
      deals.order(accountId, { plan: 'monthly' }, { method: 'balance' }),
      ...Array.from({ length: 50 }, (_, index) =>
        submitTask(deals.site.context, { accountId }, pictureOf(`${index}`)),
      ),
    ])
    const paid = await deals.look<{ pictures: bigint; free: bigint }>(
      `select count(*) filter (where amount > 0) as pictures, count(*) filter (where free_reason = 'membership') as free
       from hold where account_id = $1`,
      [accountId],
    )
    const isMember = bought?.status === 'fulfilled'
    assert.equal(
      await deals.available(accountId),
      units(119 - (isMember ? 99 : 0)) - paid.pictures * units(20),
    )
    assert.equal(
      made.filter(({ status }) => status === 'fulfilled').length,
      Number(paid.pictures + paid.free),
    )
    assert.ok(isMember || paid.free === 0n)
    for (const one of made)
      if (one.status === 'rejected') assert.equal((one.reason as KernelError).code, 'insufficient_credits')
    if (isMember)
      assert.ok(
        made.every(({ status }) => status === 'fulfilled'),
        'a member is never told of too little credit',
      )
  }
})

test('a member generates for nothing; a lapsed one is told so when there is too little credit', async () => {
  const { context } = deals.site
  const [accountId, stranger] = await deals.users(2)
  assert.ok(accountId && stranger)
  await deals.pay(await deals.order(accountId, { plan: 'monthly' }))
  const { taskId } = await submitTask(context, { accountId }, pictureOf('free'))
  assert.equal((await readTaskById(context, { accountId }, taskId)).cost, 0n)
  const hold = await deals.look('select amount, free_reason from hold where task_id = $1', [taskId])
  assert.deepEqual(hold, { amount: 0n, free_reason: 'membership' })
  await deals.look(
    `update membership set started_at = now() - interval '31 days', ends_at = now() where account_id = $1 returning plan`,
    [accountId],
  )
  const wasMember = async (id: bigint) => {
    const error = await submitTask(context, { accountId: id }, pictureOf('paid')).catch((caught) => caught)
    assert.ok(error instanceof KernelError && error.code === 'insufficient_credits')
    return (error.details as { wasMember?: boolean }).wasMember
  }
  assert.equal(await wasMember(accountId), true)
  assert.equal(await wasMember(stranger), false)
})

// Refunds ---------------------------------------------------------------------------------------------------

const figures = () =>
  deals.look<{ revenue: bigint; sold: bigint; payers: bigint }>(
    `select coalesce(sum(value) filter (where name = 'revenue_fen'), 0)::bigint as revenue,
       coalesce(sum(value) filter (where name = 'credits_sold'), 0)::bigint as sold,
       coalesce(sum(value) filter (where name = 'payers'), 0)::bigint as payers from daily_figure`,
  )

test('a refund takes back credits, what was added to them and the reward; what the referrer spent is written off', async () => {
  const { context } = deals.site
  await deals.coupon('BONUS', { type: 'credits', value: units(30) })
  const start = await figures()
  const [payer, referrer] = await deals.users(2)
  assert.ok(payer && referrer)
  await deals.refer(payer, referrer)
  const order = await deals.order(payer, { yuan: 10 }, { coupon: 'BONUS' })
  await deals.pay(order)
  assert.deepEqual(await figures(), {
    revenue: start.revenue + 1_000n,
    sold: start.sold + units(130),
    payers: start.payers + 1n,
  })
  // Too little is left: nothing moves.
  await submitTask(context, { accountId: payer }, pictureOf('spent'))
  assert.deepEqual(await tally([refundOrder(context, order.id, null)]), { insufficient_credits: 1 })
  assert.equal(await deals.available(payer), units(110))
  assert.equal(await deals.available(referrer), units(50))
  await deals.pay(await deals.order(payer, { yuan: 2 }))
  await submitTask(context, { accountId: referrer }, pictureOf('spent too'))

  // The gateway says no: all of it comes back.
  const { refund } = deals.gateway
  deals.gateway.refund = async () => {
    throw new GatewayError('refused', 'no')
  }
  const before = await figures()
  assert.deepEqual(await tally([refundOrder(context, order.id, null)]), { gateway_failed: 1 })
  deals.gateway.refund = refund
  assert.deepEqual(await figures(), before)
  assert.deepEqual([await deals.available(payer), await deals.available(referrer)], [units(130), units(30)])

  const crowd = Array.from({ length: 20 }, () => refundOrder(context, order.id, null))
  assert.deepEqual(await tally(crowd), { ok: 1, order_not_refundable: 19 })
  assert.deepEqual([await deals.available(payer), await deals.available(referrer)], [0n, 0n])
  const referral = await deals.look(
    'select state, credits, written_off from referral where referred_id = $1',
    [payer],
  )
  assert.deepEqual(referral, { state: 'reversed', credits: units(50), written_off: units(20) })
  assert.equal((await claim(payer)).state, 'used')
  assert.deepEqual(await figures(), {
    revenue: start.revenue + 200n,
    sold: start.sold + units(20),
    payers: start.payers + 1n,
  })
})

test('a refunded membership is shorter by what it bought, never before now; undone it is what it was', async () => {
  const { context } = deals.site
  const start = await figures()
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const month = await deals.order(accountId, { plan: 'monthly' })
  const quarter = await deals.order(accountId, { plan: 'quarterly' })
  await deals.pay(month)
  await deals.pay(quarter)
  assert.ok(isNear(await endsIn(accountId), 120))
  const { refund } = deals.gateway
  deals.gateway.refund = async () => {
    throw new GatewayError('unavailable', 'away')
  }
  assert.deepEqual(await tally([refundOrder(context, quarter.id, null)]), { gateway_failed: 1 })
  assert.ok(isNear(await endsIn(accountId), 120))
  deals.gateway.refund = refund
  await refundOrder(context, quarter.id, null)
  assert.ok(isNear(await endsIn(accountId), 30))
  await deals.look(
    `update membership set started_at = now() - interval '20 days', ends_at = now() + interval '10 days' where account_id = $1 returning plan`,
    [accountId],
  )
  await refundOrder(context, month.id, null)
  const member = await readMembership(context, { accountId })
  assert.equal(member?.isActive, false)
  assert.ok(isNear(await endsIn(accountId), 0))
  assert.deepEqual(await figures(), start)
})

test('a membership from the wallet is paid back to it, once, of 20 refunds at once', async () => {
  const { context } = deals.site
  const { accountId } = await deals.user(units(100))
  const order = await deals.order(accountId, { plan: 'monthly' }, { method: 'balance' })
  assert.deepEqual([order.state, order.payUrl, await deals.available(accountId)], ['paid', null, units(1)])
  const crowd = Array.from({ length: 20 }, () => refundOrder(context, order.id, null))
  assert.deepEqual(await tally(crowd), { ok: 1, order_not_refundable: 19 })
  assert.equal(await deals.available(accountId), units(100))
  assert.equal((await readMembership(context, { accountId }))?.isActive, false)
})

test('100 refunds and payments of one account at once leave the figures and its payer true', async () => {
  const { context } = deals.site
  const start = await figures()
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  const orders = await Promise.all(Array.from({ length: CROWD }, () => deals.order(accountId, { yuan: 1 })))
  const early = orders.slice(0, 50)
  const late = orders.slice(50)
  await Promise.all(early.map(deals.pay))
  await Promise.all([...early.map((one) => refundOrder(context, one.id, null)), ...late.map(deals.pay)])
  const paid = await figures()
  assert.deepEqual(paid, {
    revenue: start.revenue + 5_000n,
    sold: start.sold + units(500),
    payers: start.payers + 1n,
  })
  await Promise.all(late.map((one) => refundOrder(context, one.id, null)))
  assert.deepEqual(await figures(), start)
  assert.equal(await deals.available(accountId), 0n)
})

test('accounts that open and close are counted by day', async () => {
  const read = () =>
    deals.look<{ opened: bigint; closed: bigint; real: bigint }>(
      `select coalesce(sum(value) filter (where name = 'accounts'), 0)::bigint as opened,
         coalesce(sum(value) filter (where name = 'closed_accounts'), 0)::bigint as closed,
         (select count(*) from account) as real from daily_figure`,
    )
  const start = await read()
  const [one] = await deals.users(10)
  await deals.look(`update account set state = 'closed' where id = $1 returning id`, [one])
  const end = await read()
  assert.deepEqual([end.opened - start.opened, end.closed - start.closed, end.opened], [10n, 1n, end.real])
})
