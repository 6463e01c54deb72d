import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statement } from '../src/db/database.ts'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import type { Context } from '../src/kernel/context.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { credits, units } from '../src/kernel/money.ts'
import type { ActivityInput } from '../src/kernel/promotions/activities.ts'
import { createActivity, joinActivity, listActivities } from '../src/kernel/promotions/activities.ts'
import type { CouponInput } from '../src/kernel/promotions/coupons.ts'
import { claimCoupon, createCoupon, listClaims, listCoupons } from '../src/kernel/promotions/coupons.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

// Coupons and activities in everybody's hands at once: exactly as many win as there is room for.

let site: TestSite
let context: Context
let admin: Awaited<ReturnType<typeof createUser>>
before(async () => {
  site = await buildSite({ dialect: aiCreator })
  context = site.context
  admin = await createUser(context, units(0), { role: 'admin' })
})
after(async () => {
  assert.deepEqual(await verifyLedger(context), [], 'the books are true')
  await site.close()
})

const HOUR_MS = 3_600_000
const from = (hours: number): Date => new Date(Date.now() + hours * HOUR_MS)
const origin = { ip: '127.0.0.1', device: 'test' }
let serial = 0

function coupon(changes: Partial<CouponInput> = {}): CouponInput {
  serial += 1
  return {
    ...{ code: `CODE${serial}`, name: '充值优惠券', type: 'percent', value: 1_000n, leastFen: 0n },
    ...{ mostClaims: null, validFrom: from(-1), validUntil: from(1) },
    ...changes,
  }
}

function gift(changes: Partial<ActivityInput> = {}): ActivityInput {
  return {
    ...{ name: '新用户注册送积分', type: 'credit_gift', description: '', config: { credits: 10 } },
    ...{ credits: units(10), percent: null, startsAt: from(-1), endsAt: from(1) },
    ...{ mostParticipants: null, budget: null },
    ...changes,
  }
}

const codeOf = (error: unknown): string =>
  error instanceof KernelError
    ? `${error.code}${'problem' in error.details ? ` ${error.details.problem}` : ''}`
    : String(error)

async function outcomes(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const all = (await Promise.allSettled(calls)).map((one) =>
    one.status === 'fulfilled' ? 'done' : codeOf(one.reason),
  )
  return Object.fromEntries([...new Set(all)].map((what) => [what, all.filter((one) => one === what).length]))
}

const users = (count: number) =>
  Promise.all(Array.from({ length: count }, () => createUser(context, units(0))))

test('of a hundred accounts at once seven get the seven coupons, and nobody two', async () => {
  const { id } = await createCoupon(context, admin, coupon({ mostClaims: 7 }))
  const crowd = await users(50)
  const twice = [...crowd, ...crowd]
  const seen = await outcomes(twice.map((user) => claimCoupon(context, user, id)))
  assert.equal(seen.done, 7)
  const counted = statement(
    'claims of coupon',
    'select c.claims, (select count(*) from coupon_claim m where m.coupon_id = c.id) as held from coupon c where c.id = $1',
  )
  assert.deepEqual(await context.db.rows(counted, [id]), [{ claims: 7, held: 7n }])
})

test('one account claims a coupon once, however often it asks', async () => {
  const { id } = await createCoupon(context, admin, coupon())
  const [user] = await users(1)
  assert.ok(user)
  const seen = await outcomes(Array.from({ length: 100 }, () => claimCoupon(context, user, id)))
  assert.deepEqual(seen, { done: 1, 'coupon_refused claimed_before': 99 })
})

test('of a hundred accounts at once as many join as the budget has gifts for', async () => {
  const activity = await createActivity(context, admin, gift({ budget: units(75) }))
  const crowd = await users(100)
  const seen = await outcomes(crowd.map((user) => joinActivity(context, user, activity.id, origin)))
  assert.deepEqual(seen, { done: 7, 'activity_closed spent': 93 })
  const balances = await Promise.all(crowd.map((user) => readBalance(context, user)))
  assert.equal(
    balances.reduce((sum, { available }) => sum + available, 0n),
    units(70),
  )
  const [row] = (await listActivities(context, { page: 1, limit: 1, status: null, withDisabled: true })).items
  assert.deepEqual([row?.participants, row?.given], [7, units(70)])
})

test('of a hundred accounts at once as many join as may take part; one account once', async () => {
  const activity = await createActivity(context, admin, gift({ mostParticipants: 5 }))
  const crowd = await users(25)
  const calls = [...crowd, ...crowd, ...crowd, ...crowd].map((user) =>
    joinActivity(context, user, activity.id, origin),
  )
  const seen = await outcomes(calls)
  assert.equal(seen.done, 5)
  const balances = await Promise.all(crowd.map((user) => readBalance(context, user)))
  assert.deepEqual([...new Set(balances.map(({ available }) => available))].sort(), [0n, units(10)])
})

test('windows are kept to the second, by the database’s clock', async () => {
  const [user] = await users(1)
  assert.ok(user)
  const early = await createCoupon(context, admin, coupon({ validFrom: from(1), validUntil: from(2) }))
  const late = await createCoupon(context, admin, coupon({ validFrom: from(-2), validUntil: from(-1) }))
  await assert.rejects(claimCoupon(context, user, early.id), { details: { problem: 'not_begun' } })
  await assert.rejects(claimCoupon(context, user, late.id), { details: { problem: 'ended' } })
  await assert.rejects(claimCoupon(context, user, 999_999n), { code: 'coupon_not_found' })
  const soon = await createActivity(context, admin, gift({ startsAt: from(1), endsAt: from(2) }))
  const over = await createActivity(context, admin, gift({ startsAt: from(-2), endsAt: from(-1) }))
  await assert.rejects(joinActivity(context, user, soon.id, origin), { details: { problem: 'not_begun' } })
  await assert.rejects(joinActivity(context, user, over.id, origin), { details: { problem: 'ended' } })
  assert.equal((await readBalance(context, user)).available, 0n)
})

test('what works by itself cannot be joined, and what an operator asks for has to make sense', async () => {
  const [user] = await users(1)
  assert.ok(user)
  const discount = gift({ type: 'membership_discount', credits: null, percent: 2_000 })
  const { id } = await createActivity(context, admin, discount)
  await assert.rejects(joinActivity(context, user, id, origin), { code: 'activity_not_joinable' })
  const senseless: [Partial<ActivityInput>, string][] = [
    [{ credits: null }, 'config.credits'],
    [{ credits: credits(0n) }, 'config.credits'],
    [{ percent: 10 }, 'config'],
    [{ type: 'membership_discount', credits: null }, 'config.percent'],
    [{ type: 'membership_discount', credits: null, percent: 10_001 }, 'config.percent'],
    [{ endsAt: from(-1) }, 'end_time'],
  ]
  for (const [changes, field] of senseless)
    await assert.rejects(createActivity(context, admin, gift(changes)), (error) => {
      assert.ok(error instanceof KernelError && 'field' in error.details)
      assert.equal(error.details.field, field)
      return true
    })
  await assert.rejects(createCoupon(context, admin, coupon({ value: 10_001n })), { code: 'input_invalid' })
  await assert.rejects(createCoupon(context, admin, coupon({ validUntil: from(-2) })), {
    code: 'input_invalid',
  })
  const { code } = await createCoupon(context, admin, coupon())
  await assert.rejects(createCoupon(context, admin, coupon({ code: code.toLowerCase() })), {
    code: 'coupon_exists',
  })
})

test('a list shows where a coupon stands, and a claim that is past its time has ended', async () => {
  const [user] = await users(1)
  assert.ok(user)
  const { id } = await createCoupon(context, admin, coupon({ mostClaims: 1 }))
  await claimCoupon(context, user, id)
  const page = { page: 1, limit: 100, withDisabled: false }
  const exhausted = await listCoupons(context, { ...page, status: 'exhausted' })
  assert.ok(exhausted.items.some((one) => one.id === id))
  await context.db.rows(
    statement('age coupon', `update coupon set valid_until = now() - interval '1 second' where id = $1`),
    [id],
  )
  const mine = await listClaims(context, user, { page: 1, limit: 10, statuses: ['ended'] })
  assert.deepEqual([mine.total, mine.items[0]?.status], [1, 'ended'])
  const [stranger] = await users(1)
  assert.ok(stranger)
  assert.equal((await listClaims(context, stranger, { page: 1, limit: 10, statuses: null })).total, 0)
})
