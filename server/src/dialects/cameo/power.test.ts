import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Deals } from '../../../test/deals-stage.ts'
import { openDeals } from '../../../test/deals-stage.ts'
import { pictureOf } from '../../../test/factories.ts'
import { cancelTask } from '../../kernel/generation/cancel.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import { readMemberLevel } from '../../kernel/memberships/membership.ts'
import { units } from '../../kernel/money.ts'
import { readOrderNamed } from '../../kernel/payments/order.ts'
import { refundOrder } from '../../kernel/payments/refund.ts'
import { createRedeemCodes } from '../../kernel/promotions/redeem-codes.ts'
import { readPower } from '../../kernel/wallet/power.ts'
import { cameo } from './dialect.ts'

let deals: Deals
before(async () => {
  deals = await openDeals(cameo)
})
after(() => deals.close())

type Body = { code: number; message: string; data: Record<string, unknown> | null }
type Row = {
  id: number
  type: string
  amount: number
  balance: number
  description: string
  created_at: string
}

async function call(
  method: 'GET' | 'POST',
  path: string,
  token: string | null,
  payload?: object,
  headers: Record<string, string> = {},
): Promise<Body & { status: number }> {
  const reply = await deals.site.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
    ...(payload !== undefined && { payload }),
  })
  return { status: reply.statusCode, ...reply.json() }
}
const purchase = (token: string, body: object) => call('POST', '/users/purchase-membership', token, body)
const redeem = (token: string, code: unknown, headers?: Record<string, string>) =>
  call('POST', '/users/redeem', token, { code }, headers)
const makeCodes = (
  worth: Parameters<typeof createRedeemCodes>[1]['worth'] = { kind: 'credits', credits: units(500) },
) => createRedeemCodes(deals.site.context, { count: 1, worth, label: '', expiresAt: null, operatorId: null })

test('cameo hole 3: purchase-membership makes an unpaid order; its plan, power and HD count come with the payment', async () => {
  const { context } = deals.site
  for (const [plan_type, amount, level] of [
    ['monthly', 19.98, 1],
    ['yearly', 99.98, 2],
    ['lifetime', 299.98, 2],
  ] as const) {
    const { accountId, token } = await deals.user()
    const made = await purchase(token, { plan_type })
    assert.deepEqual([made.status, made.code], [200, 0])
    const { order_id, payment_url, ...rest } = made.data ?? {}
    assert.deepEqual(rest, {
      ...{ plan_type, amount, computing_power: 2_000, hd_count: 1 },
      ...{ payment_method: 'alipay', status: 'pending' },
    })
    assert.match(String(order_id), /^C\d{20}$/)
    assert.match(String(payment_url), /^https:/)
    assert.deepEqual(await readMemberLevel(context, { accountId }), { level: 0, endsAt: null })
    assert.equal((await readPower(context, { accountId })).total, 0n)
    const order = await readOrderNamed(context, String(order_id))
    await Promise.all([deals.pay(order), deals.pay(order)])
    const member = await readMemberLevel(context, { accountId })
    assert.deepEqual([member.level, member.endsAt === null], [level, plan_type === 'lifetime'])
    const { total, hd } = await readPower(context, { accountId })
    assert.deepEqual([total, hd], [units(2_000), 1])
  }
  const { token } = await deals.user()
  assert.equal(
    (await purchase(token, { plan_type: 'monthly', payment_method: 'wechat' })).data?.payment_method,
    'wechat',
  )
})

test('bad input: each field has its sentence; nothing works without a login', async () => {
  const { token } = await deals.user()
  const refused = async (body: object) => {
    const { status, code, message, data } = await purchase(token, body)
    assert.deepEqual([code, data], [status, null])
    return [status, message]
  }
  assert.deepEqual(await refused({}), [400, '会员套餐不能为空'])
  assert.deepEqual(await refused({ plan_type: 'weekly' }), [400, '会员套餐不存在'])
  assert.deepEqual(await refused({ plan_type: 7 }), [400, '会员套餐类型不正确'])
  assert.deepEqual(await refused({ plan_type: 'monthly', payment_method: 7 }), [400, '支付方式类型不正确'])
  assert.deepEqual(await refused({ plan_type: 'monthly', payment_method: 'balance' }), [
    400,
    '不支持的支付方式',
  ])
  for (const code of ['', '  ', undefined]) {
    const { status, message } = await redeem(token, code)
    assert.deepEqual([status, message], [400, '卡密不能为空'])
  }
  assert.equal((await redeem(token, 12)).status, 400)
  assert.equal((await call('GET', '/users/computing-power-logs?page=0', token)).status, 400)
  for (const path of ['users/computing-power-logs', 'distribution/referral-code', 'distribution/team'])
    assert.equal((await call('GET', `/${path}`, null)).status, 401)
  for (const path of ['purchase-membership', 'redeem'])
    assert.equal((await call('POST', `/users/${path}`, null, {})).status, 401)
})

test('redeem: power or days, once ever; used, expired and unknown codes say so', async () => {
  const [{ token }, other] = await Promise.all([deals.user(units(100)), deals.user()])
  const [code = ''] = await makeCodes()
  const { data, message } = await redeem(token, code)
  assert.equal(message, '兑换成功')
  assert.deepEqual(data, {
    ...{ type: 'computing_power', value: 500, computing_power: 600, total_computing_power: 600 },
    ...{ gifted_computing_power: 500, hd_count: 0, user_type: 'normal', membership_expires_at: null },
  })
  for (const sender of [token, other.token]) {
    const again = await redeem(sender, code)
    assert.deepEqual([again.status, again.code, again.message, again.data], [400, 400, '卡密已被使用', null])
  }
  const unknown = await redeem(other.token, 'AAAABBBBCCCCDDDD')
  assert.deepEqual([unknown.status, unknown.message], [404, '卡密不存在'])
  const [late = ''] = await makeCodes()
  await deals.look('update redeem_code set expires_at = now() where hint = $1 returning id', [late.slice(-4)])
  const expired = await redeem(other.token, late)
  assert.deepEqual([expired.status, expired.message], [400, '卡密已过期'])
  const [svip = ''] = await makeCodes({ kind: 'membership', plan: 'yearly', days: 3 })
  const key = { 'idempotency-key': 'once' }
  const redeemed = await Promise.all(Array.from({ length: 10 }, () => redeem(other.token, svip, key)))
  for (const { data } of redeemed)
    assert.deepEqual([data?.type, data?.value, data?.user_type], ['svip', 3, 'svip'])
  const { endsAt } = await readMemberLevel(deals.site.context, other)
  assert.equal(Math.round(((endsAt?.getTime() ?? 0) - Date.now()) / 86_400_000), 3)
})

test('guessing ends with 429 and Retry-After', async () => {
  const { token } = await deals.user()
  for (let tries = 0; tries < 10; tries += 1) assert.equal((await redeem(token, `GUESS${tries}`)).status, 404)
  const reply = await deals.site.app.inject({
    method: 'POST',
    url: '/api/v1/users/redeem',
    headers: { authorization: `Bearer ${token}` },
    payload: { code: 'GUESS' },
  })
  assert.deepEqual([reply.statusCode, reply.json().code], [429, 429])
  assert.ok(Number(reply.headers['retry-after']) >= 1)
})

test('cameo hole 13: the power logs are the rows of the ledger, in Chinese, the caller’s own, paged', async () => {
  const { context } = deals.site
  const [mine, other] = await Promise.all([deals.user(), deals.user()])
  const made = await purchase(mine.token, { plan_type: 'monthly' })
  const order = await readOrderNamed(context, String(made.data?.order_id))
  await deals.pay(order)
  const [code = ''] = await makeCodes()
  await redeem(mine.token, code)
  const { taskId } = await submitTask(context, mine, pictureOf('a picture'))
  await cancelTask(context, mine, taskId)
  await refundOrder(context, order.id, null)
  const list = async (token: string, query = '') => {
    const { data } = await call('GET', `/users/computing-power-logs${query}`, token)
    return data as unknown as { list: Row[]; total: number; page: number; pageSize: number }
  }
  const all = await list(mine.token)
  const rows = all.list.map(({ type, amount, balance, description }) => [type, amount, balance, description])
  // What a test's account is opened with is taken from it at once.
  assert.deepEqual(rows.slice(0, 5), [
    ['refund', -2_000, 500, '月度会员退款，扣回算力'],
    ['refund', 10, 2_500, '图片生成未完成，算力退还'],
    ['consume', -10, 2_490, '图片生成'],
    ['gift', 500, 2_500, '卡密兑换'],
    ['recharge', 2_000, 2_000, '月度会员'],
  ])
  assert.deepEqual(rows.at(-1), ['gift', 100, 100, '注册赠送'])
  assert.equal(all.total, rows.length)
  assert.ok(
    all.list.every(({ id, created_at }) => Number.isInteger(id) && !Number.isNaN(Date.parse(created_at))),
  )
  const second = await list(mine.token, '?page=2&pageSize=2')
  assert.deepEqual([second.page, second.pageSize, second.list], [2, 2, all.list.slice(2, 4)])
  const foreign = await list(other.token)
  assert.ok(foreign.list.every(({ id }) => all.list.every((row) => row.id !== id)))
})

test('a referral code is one’s own and stays; the team is whom its owner invited and nobody else’s', async () => {
  const [mine, invited, other] = await Promise.all([deals.user(), deals.user(), deals.user()])
  const codes = await Promise.all(
    Array.from({ length: 10 }, () => call('GET', '/distribution/referral-code', mine.token)),
  )
  assert.equal(new Set(codes.map(({ data }) => data?.referral_code)).size, 1)
  assert.match(String(codes[0]?.data?.referral_code), /^[A-Z0-9]{8}$/)
  await deals.refer(invited.accountId, mine.accountId)
  const { data } = await call('GET', '/distribution/team', mine.token)
  const [row] = (data?.list ?? []) as { username: string }[]
  assert.deepEqual(
    [data?.total, data?.page, data?.pageSize, row?.username.startsWith('user')],
    [1, 1, 20, true],
  )
  assert.equal((await call('GET', '/distribution/team', other.token)).data?.total, 0)
})
