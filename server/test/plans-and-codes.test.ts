import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cameo } from '../src/dialects/cameo/dialect.ts'
import { authenticate } from '../src/kernel/accounts/authenticate.ts'
import { logIn } from '../src/kernel/accounts/log-in.ts'
import { setSetting } from '../src/kernel/catalog/administer.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { readMemberLevel, readMembership } from '../src/kernel/memberships/membership.ts'
import { units } from '../src/kernel/money.ts'
import { readOrderById } from '../src/kernel/payments/order.ts'
import { refundOrder } from '../src/kernel/payments/refund.ts'
import { GatewayError } from '../src/kernel/ports/gateway.ts'
import { createRedeemCodes, disableRedeemCodes, redeemCode } from '../src/kernel/promotions/redeem-codes.ts'
import { readSiteFigures } from '../src/kernel/statistics/figures.ts'
import { adjustBalance } from '../src/kernel/wallet/adjust.ts'
import { readPower } from '../src/kernel/wallet/power.ts'
import { adjustVouchers } from '../src/kernel/wallet/vouchers.ts'
import type { Deals } from './deals-stage.ts'
import { CROWD, openDeals, tally } from './deals-stage.ts'
import { createUser, pictureOf } from './factories.ts'

let deals: Deals
before(async () => {
  deals = await openDeals(cameo)
})
after(() => deals.close())

const DAY_MS = 86_400_000
const nobody = { ip: null, device: null }

/** Level, days left (rounded; null for life), credits and vouchers. */
async function standing(accountId: bigint) {
  const { context } = deals.site
  const [{ level, endsAt }, { remaining, hd }] = await Promise.all([
    readMemberLevel(context, { accountId }),
    readPower(context, { accountId }),
  ])
  const days = endsAt && Math.round((endsAt.getTime() - Date.now()) / DAY_MS)
  return [level, days, remaining, hd]
}
async function one(): Promise<bigint> {
  const [accountId] = await deals.users(1)
  assert.ok(accountId)
  return accountId
}
const buy = async (accountId: bigint, plan: string) => {
  const order = await deals.order(accountId, { plan })
  assert.equal(await deals.pay(order), 'success')
  return order
}
const refund = (order: { id: bigint }) => refundOrder(deals.site.context, order.id, null)
/** Lets so many days of a membership pass. */
const pass = (accountId: bigint, days: number) =>
  deals.look(
    `update membership set started_at = started_at - $2 * interval '1 day', ends_at = ends_at - $2 * interval '1 day',
       high_until = high_until - $2 * interval '1 day' where account_id = $1 returning plan`,
    [accountId, days],
  )
const makeCodes = (count: number, changes: Partial<Parameters<typeof createRedeemCodes>[1]> = {}) =>
  createRedeemCodes(deals.site.context, {
    ...{ count, worth: { kind: 'credits' as const, credits: units(500) }, label: '', expiresAt: null },
    ...{ operatorId: null, ...changes },
  })
const redeem = (accountId: bigint, code: string, ip: string | null = null) =>
  redeemCode(
    deals.site.context,
    { accountId },
    { code, field: 'code', idempotencyKey: null, origin: { ip, device: null } },
  )

// Plans -----------------------------------------------------------------------------------------------------

test('cameo hole 3: an unpaid order makes no member; 100 payments of one at once give its credits, voucher and time once', async () => {
  const accountId = await one()
  const order = await deals.order(accountId, { plan: 'yearly' })
  assert.deepEqual([order.state, order.amountFen], ['open', 9_998n])
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
  const answers = await Promise.all(Array.from({ length: CROWD }, () => deals.pay(order)))
  assert.ok(answers.every((answer) => answer === 'success'))
  assert.deepEqual(await standing(accountId), [2, 365, units(2_000), 1])
  const { gifted } = await readPower(deals.site.context, { accountId })
  assert.equal(gifted, 0n, 'what was paid for is no gift')
})

test('a payment that arrives after the order expired counts once; one of another amount not at all', async () => {
  const accountId = await one()
  const order = await deals.order(accountId, { plan: 'monthly' })
  await deals.expire(order)
  assert.equal(await deals.pay({ ...order, amountFen: 1n as typeof order.amountFen }), 'fail')
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
  await Promise.all([deals.pay(order), deals.pay(order)])
  assert.deepEqual(await standing(accountId), [1, 30, units(2_000), 1])
})

test('the higher level is used up first and the lower waits behind it, in whichever order they were bought', async () => {
  for (const plans of [
    ['monthly', 'yearly'],
    ['yearly', 'monthly'],
  ]) {
    const accountId = await one()
    for (const plan of plans) await buy(accountId, plan)
    assert.deepEqual((await standing(accountId)).slice(0, 2), [2, 395])
    assert.equal((await readMembership(deals.site.context, { accountId }))?.plan, 'yearly')
    await pass(accountId, 364)
    assert.deepEqual((await standing(accountId)).slice(0, 2), [2, 31])
    await pass(accountId, 2)
    assert.deepEqual((await standing(accountId)).slice(0, 2), [1, 29])
    await pass(accountId, 30)
    assert.deepEqual((await standing(accountId)).slice(0, 2), [0, null])
  }
})

test('a refund takes the time of its own level and leaves the other; a refused one gives all of it back', async () => {
  const accountId = await one()
  const year = await buy(accountId, 'yearly')
  const month = await buy(accountId, 'monthly')
  await pass(accountId, 300)
  const { refund: works } = deals.gateway
  deals.gateway.refund = async () => {
    throw new GatewayError('refused', 'no')
  }
  for (const order of [year, month]) assert.deepEqual(await tally([refund(order)]), { gateway_failed: 1 })
  deals.gateway.refund = works
  assert.deepEqual(await standing(accountId), [2, 95, units(4_000), 2])
  assert.deepEqual(await tally(Array.from({ length: 20 }, () => refund(year))), {
    ok: 1,
    order_not_refundable: 19,
  })
  assert.deepEqual(await standing(accountId), [1, 30, units(2_000), 1])
  await refund(month)
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
})

test('what was spent of a plan cannot be refunded; a voucher is taken back as far as there is one', async () => {
  const { context } = deals.site
  const accountId = await one()
  const order = await buy(accountId, 'monthly')
  await submitTask(context, { accountId }, pictureOf('spent'))
  assert.deepEqual(await tally([refund(order)]), { insufficient_credits: 1 })
  assert.deepEqual(await standing(accountId), [1, 30, units(1_990), 1])
  const grant = { accountId, reason: 'test', operatorId: null }
  await adjustBalance(context, { ...grant, amount: units(10), key: 'enough again', origin: nobody })
  await adjustVouchers(context, { ...grant, count: -1, key: 'used up' })
  await refund(order)
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
})

test('for life: no end, a member in every respect, once however often it is bought; what was bought besides comes back after a refund', async () => {
  const { context } = deals.site
  const { accountId, email, password } = await createUser(context, units(0))
  const before = (await readSiteFigures(context, { first: null, last: null })).activeMembers
  const first = await buy(accountId, 'lifetime')
  assert.deepEqual(await standing(accountId), [2, null, units(2_000), 1])
  assert.equal((await readOrderById(context, first.id)).membershipEndsAt, null)
  const member = await readMembership(context, { accountId })
  assert.deepEqual([member?.isActive, member?.endsAt, member?.plan], [true, null, 'lifetime'])
  const { session } = await logIn(context, { by: 'email', name: email, password, address: null })
  const { memberUntil } = await authenticate(context, session.id)
  assert.ok(memberUntil && memberUntil.getTime() > Date.now() + 1_000 * 365 * DAY_MS)
  assert.equal((await readSiteFigures(context, { first: null, last: null })).activeMembers, before + 1)
  const second = await buy(accountId, 'lifetime')
  const month = await buy(accountId, 'monthly')
  assert.deepEqual(await standing(accountId), [2, null, units(6_000), 3])
  await refund(first)
  assert.deepEqual(await standing(accountId), [2, null, units(4_000), 2])
  const { refund: works } = deals.gateway
  deals.gateway.refund = async () => {
    throw new GatewayError('refused', 'no')
  }
  assert.deepEqual(await tally([refund(second)]), { gateway_failed: 1 })
  deals.gateway.refund = works
  assert.deepEqual(await standing(accountId), [2, null, units(4_000), 2])
  await refund(second)
  assert.deepEqual(await standing(accountId), [1, 30, units(2_000), 1])
  await refund(month)
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
})

test('20 lifetimes, ten of them refunded while ten are paid: credits, vouchers and level are what the paid ones say', async () => {
  const accountId = await one()
  const orders = await Promise.all(
    Array.from({ length: 20 }, () => deals.order(accountId, { plan: 'lifetime' })),
  )
  await Promise.all(orders.slice(0, 10).map(deals.pay))
  await Promise.all([...orders.slice(0, 10).map(refund), ...orders.slice(10).map(deals.pay)])
  assert.deepEqual(await standing(accountId), [2, null, units(20_000), 10])
  await Promise.all(orders.slice(10).map(refund))
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
})

test('an operator sets plans and the price of credits; nonsense is refused, and what was bought keeps its level', async () => {
  const { context } = deals.site
  const accountId = await one()
  await buy(accountId, 'yearly')
  const weekly = {
    id: 'weekly',
    name: '周会员',
    yuan: '4.98',
    days: 7,
    level: 1,
    credits: '300',
    vouchers: 2,
  }
  await setSetting(context, 'plans', [weekly])
  assert.throws(() => deals.order(accountId, { plan: 'yearly' }), { code: 'plan_not_found' })
  const other = await one()
  const order = await buy(other, 'weekly')
  assert.deepEqual([order.amountFen, await standing(other)], [498n, [1, 7, units(300), 2]])
  assert.deepEqual((await standing(accountId)).slice(0, 2), [2, 365])
  for (const wrong of [
    [{ ...weekly, days: 0 }],
    [{ ...weekly, days: '7' }],
    [{ ...weekly, level: 3 }],
    [{ ...weekly, vouchers: -1 }],
    [{ ...weekly, vouchers: 1.5 }],
    [{ ...weekly, credits: '-1' }],
    [{ ...weekly, yuan: '0' }],
    [{ ...weekly, id: 'no id' }],
    [weekly, weekly],
    'weekly',
  ])
    assert.deepEqual(await tally([setSetting(context, 'plans', wrong)]), { 'input_invalid format': 1 })
  for (const wrong of [0, -1, 0.001, 'ten', []])
    assert.deepEqual(await tally([setSetting(context, 'credits_per_yuan', wrong)]), {
      'input_invalid format': 1,
    })
  await setSetting(context, 'plans', null)
})

// Vouchers --------------------------------------------------------------------------------------------------

test('a grant of vouchers has its effect once per key, and nobody has fewer than none', async () => {
  const { context } = deals.site
  const accountId = await one()
  const grant = { accountId, count: 3, reason: 'a present', key: 'present 1', operatorId: null }
  const done = await Promise.all(Array.from({ length: 50 }, () => adjustVouchers(context, grant)))
  assert.equal(done.filter(Boolean).length, 1)
  assert.deepEqual(await tally([adjustVouchers(context, { ...grant, count: 4 })]), {
    idempotency_key_reused: 1,
  })
  const takes = Array.from({ length: 50 }, (_, index) =>
    adjustVouchers(context, { ...grant, count: -1, key: `take ${index}` }),
  )
  assert.deepEqual(await tally(takes), { ok: 3, 'input_invalid too_large': 47 })
  assert.deepEqual(await standing(accountId), [0, null, 0n, 0])
  for (const count of [0, 1.5, Number.NaN])
    assert.deepEqual(await tally([adjustVouchers(context, { ...grant, count, key: 'x' })]), {
      'input_invalid too_small': 1,
    })
  await assert.rejects(deals.look('update voucher_entry set amount = 9 where account_id = $1', [accountId]))
})

test('gifted is what operators and promotions gave, less what they took; a sign-up bonus and purchases are not', async () => {
  const { context } = deals.site
  const accountId = await one()
  await deals.look(
    `select post_entry_v1($1, $2, 'bonus', null, 'grants', 'available', $3, 'bonus for the test', null, null, null, null, null)`,
    [context.keys.chain, accountId, units(100)],
  )
  await deals.pay(await deals.order(accountId, { yuan: 1 }))
  const adjust = (amount: number, key: string) =>
    adjustBalance(context, {
      ...{ accountId, amount: units(amount), reason: 'test', key, operatorId: null },
      origin: nobody,
    })
  await adjust(50, 'gifted 1')
  await adjust(-20, 'gifted 2')
  const [code = ''] = await makeCodes(1)
  await redeem(accountId, code)
  await submitTask(context, { accountId }, pictureOf('used'))
  const power = await readPower(context, { accountId })
  assert.deepEqual(power, {
    total: units(640),
    used: units(10),
    remaining: units(630),
    gifted: units(530),
    hd: 0,
  })
  await adjust(-600, 'gifted 3')
  assert.equal((await readPower(context, { accountId })).gifted, 0n)
})

// Codes -----------------------------------------------------------------------------------------------------

test('cameo hole 3: a code sent by 100 accounts at once is redeemed by one', async () => {
  const [code = ''] = await makeCodes(1)
  assert.match(code, /^[A-Z2-7]{16}$/)
  const crowd = await deals.users(CROWD)
  assert.deepEqual(await tally(crowd.map((accountId) => redeem(accountId, code))), {
    ok: 1,
    'redeem_code_refused used': 99,
  })
  const balances = await Promise.all(crowd.map(deals.available))
  assert.deepEqual(
    balances.filter((available) => available > 0n),
    [units(500)],
  )
  const stored = await deals.look<{ text: string }>(
    'select redeem_code::text as text from redeem_code where hint = $1',
    [code.slice(-4)],
  )
  assert.ok(!stored.text.includes(code), 'the code itself is kept nowhere')
})

test('a membership code sent by 100 accounts at once makes one member', async () => {
  // No entry of the books stands behind this one: the code's own row decides alone.
  const [code = ''] = await makeCodes(1, { worth: { kind: 'membership', plan: 'monthly', days: 10 } })
  const crowd = await deals.users(CROWD)
  assert.deepEqual(await tally(crowd.map((accountId) => redeem(accountId, code))), {
    ok: 1,
    'redeem_code_refused used': 99,
  })
  const { members } = await deals.look<{ members: bigint }>(
    'select count(*) as members from membership where account_id = any ($1)',
    [crowd],
  )
  assert.equal(members, 1n)
})

test('one account that sends a code 100 times at once has it once, and is stopped after ten vain tries', async () => {
  const accountId = await one()
  const [code = '', next = ''] = await makeCodes(2)
  const results = await tally(
    Array.from({ length: CROWD }, () => redeem(accountId, ` ${code.toLowerCase()} `)),
  )
  assert.deepEqual(results, { ok: 1, 'redeem_code_refused used': 10, rate_limited: 89 })
  assert.equal(await deals.available(accountId), units(500))
  assert.deepEqual(await tally([redeem(accountId, next)]), { rate_limited: 1 })
  await deals.look(
    `update redeem_miss set hour = hour - interval '1 hour' where subject = $1 returning hour`,
    [`account:${accountId}`],
  )
  assert.deepEqual(await tally([redeem(accountId, next)]), { ok: 1 })
})

test('guesses are counted by address too, however many accounts make them; what is redeemed counts for nothing', async () => {
  const crowd = await deals.users(12)
  const codes = await makeCodes(24)
  const ip = '192.0.2.7'
  for (const [index, code] of codes.entries()) await redeem(crowd[index % 12] ?? 0n, code, ip)
  const guesses = crowd.flatMap((accountId) =>
    Array.from({ length: 9 }, (_, index) => redeem(accountId, `GUESS${index}`, ip)),
  )
  assert.deepEqual(await tally(guesses), { 'redeem_code_refused unknown': 100, rate_limited: 8 })
})

test('unknown, expired and switched-off codes are refused for what they are; a membership code makes a member', async () => {
  const { context } = deals.site
  const accountId = await one()
  const [soon = ''] = await makeCodes(1, { expiresAt: new Date(Date.now() + DAY_MS) })
  await deals.look(`update redeem_code set expires_at = now() where hint = $1 returning id`, [soon.slice(-4)])
  const [off = ''] = await makeCodes(1)
  await makeCodes(3, { label: 'batch' })
  assert.equal(await disableRedeemCodes(context, { code: off }), 1)
  assert.equal(await disableRedeemCodes(context, { label: 'batch' }), 3)
  for (const [code, problem] of [
    ['NOBODYSCODE22222', 'unknown'],
    [soon, 'expired'],
    [off, 'expired'],
  ] as const)
    assert.deepEqual(await tally([redeem(accountId, code)]), { [`redeem_code_refused ${problem}`]: 1 })
  assert.deepEqual(await tally([redeem(accountId, ' - ')]), { 'input_invalid missing': 1 })
  const worth = { kind: 'membership', plan: 'yearly', days: 10 } as const
  const [svip = ''] = await makeCodes(1, { worth })
  assert.deepEqual(await redeem(accountId, svip), { ...worth, level: 2 })
  assert.deepEqual(await standing(accountId), [2, 10, 0n, 0])
  assert.equal(await disableRedeemCodes(context, { code: svip }), 0, 'a used one stays as it is')
  assert.deepEqual(await tally([makeCodes(1, { worth: { ...worth, plan: 'weekly' } })]), {
    plan_not_found: 1,
  })
  for (const wrong of [0, 1_001, 1.5]) assert.equal((await tally([makeCodes(wrong)])).ok, undefined)
  assert.equal((await tally([makeCodes(1, { worth: { kind: 'credits', credits: units(0) } })])).ok, undefined)
  assert.equal((await tally([makeCodes(1, { expiresAt: new Date(0) })])).ok, undefined)
})
