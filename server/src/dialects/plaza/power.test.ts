import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Deals } from '../../../test/deals-stage.ts'
import { CROWD, openDeals, SECRET } from '../../../test/deals-stage.ts'
import { setSetting } from '../../kernel/catalog/administer.ts'
import { readMemberLevel } from '../../kernel/memberships/membership.ts'
import { units } from '../../kernel/money.ts'
import { readOrderNamed } from '../../kernel/payments/order.ts'
import { refundOrder } from '../../kernel/payments/refund.ts'
import { createRedeemCodes } from '../../kernel/promotions/redeem-codes.ts'
import { adjustVouchers } from '../../kernel/wallet/vouchers.ts'
import { plaza } from './dialect.ts'

let deals: Deals
before(async () => {
  deals = await openDeals(plaza)
})
after(() => deals.close())

type Body = { code: number; message: string; error?: string; data?: Record<string, unknown> }

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
const recharge = (token: string, body: object, headers?: Record<string, string>) =>
  call('POST', '/user/recharge', token, body, headers)
const power = async (token: string) => (await call('GET', '/user/compute-power', token)).data
const orderOf = ({ data }: Body) => readOrderNamed(deals.site.context, String(data?.orderId))
const makeCode = async (credits = 500): Promise<string> => {
  const [code = ''] = await createRedeemCodes(deals.site.context, {
    ...{ count: 1, worth: { kind: 'credits', credits: units(credits) }, label: '' },
    ...{ expiresAt: null, operatorId: null },
  })
  return code
}

test('compute power has the documented five keys; sign-up power is no gift', async () => {
  const { context } = deals.site
  const { accountId, token } = await deals.user(units(50))
  const reply = await call('GET', '/user/compute-power', token)
  assert.deepEqual(Object.keys(reply).sort(), ['code', 'data', 'message', 'status', 'timestamp'])
  assert.deepEqual(reply.data, { total: 50, used: 0, remaining: 50, gifted: 0, hdCount: 0 })
  await adjustVouchers(context, { accountId, count: 2, reason: 'test', key: 'hd', operatorId: null })
  assert.equal((await power(token))?.hdCount, 2)
  assert.equal((await call('GET', '/user/compute-power', null)).status, 401)
})

test('recharge opens an order at ten power for a yuan; only its payment gives power, and a refund takes it', async () => {
  const { token } = await deals.user()
  const made = await recharge(token, { amount: 105, paymentMethod: 'alipay' })
  assert.deepEqual([made.status, made.code], [200, 200])
  const { orderId, paymentUrl, ...rest } = made.data ?? {}
  assert.deepEqual(rest, { amount: 105, price: 10.5, status: 'pending' })
  assert.match(String(orderId), /^P\d{8}T?.*\d{12}$/)
  assert.match(String(paymentUrl), /^https:/)
  assert.equal((await power(token))?.remaining, 0)
  const asked = await call('GET', `/user/recharge/${orderId}`, token)
  assert.deepEqual([asked.data?.status, asked.data?.paid, asked.data?.paidAt], ['pending', false, null])
  await deals.pay(await orderOf(made))
  assert.deepEqual(await power(token), { total: 105, used: 0, remaining: 105, gifted: 0, hdCount: 0 })
  const paid = await call('GET', `/user/recharge/${orderId}`, token)
  assert.deepEqual([paid.data?.status, paid.data?.paid, paid.data?.paymentUrl], ['completed', true, null])
  assert.match(String(paid.data?.paidAt), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
  await refundOrder(deals.site.context, (await orderOf(made)).id, null)
  assert.equal((await power(token))?.remaining, 0)
  assert.equal((await call('GET', `/user/recharge/${orderId}`, token)).data?.status, 'refunded')
})

test('the price of power: a fen at least, rounded up, and the operator sets it', async () => {
  const { context } = deals.site
  const { token } = await deals.user()
  const price = async (amount: number) =>
    (await recharge(token, { amount, paymentMethod: 'wechat' })).data?.price
  assert.deepEqual([await price(1), await price(1_000_000)], [0.1, 100_000])
  await setSetting(context, 'credits_per_yuan', 1_000)
  assert.deepEqual([await price(1), await price(11), await price(1_000)], [0.01, 0.02, 1])
  await setSetting(context, 'credits_per_yuan', null)
  assert.equal(await price(10), 1)
})

test('plaza hole 5: membership without payment: a plan makes nobody VIP before it is paid, then once of 100 notifications', async () => {
  const { context } = deals.site
  for (const [plan, price, level, days] of [
    ['monthly', 19.98, 1, 30],
    ['quarterly', 49.98, 1, 90],
    ['yearly', 99.98, 2, 365],
  ] as const) {
    const { accountId, token } = await deals.user()
    const made = await recharge(token, { plan, paymentMethod: 'alipay' })
    const { orderId, paymentUrl, ...rest } = made.data ?? {}
    assert.deepEqual(rest, { amount: 0, plan, price, status: 'pending' })
    assert.equal((await readMemberLevel(context, { accountId })).level, 0)
    const order = await orderOf(made)
    await Promise.all(Array.from({ length: CROWD }, () => deals.pay(order)))
    const member = await readMemberLevel(context, { accountId })
    const left = ((member.endsAt?.getTime() ?? 0) - Date.now()) / 86_400_000
    assert.deepEqual([member.level, Math.round(left)], [level, days])
    assert.equal((await call('GET', `/user/recharge/${orderId}`, token)).data?.plan, plan)
  }
})

test('plaza hole 11: recharge without payment: forged notifications and client calls credit nothing', async () => {
  const { token } = await deals.user()
  const made = await recharge(token, { amount: 100, paymentMethod: 'alipay' })
  const order = await orderOf(made)
  const fields = {
    ...{ sign: SECRET, out_trade_no: order.tradeNumber, trade_no: 'remote', pid: 'merchant' },
    ...{ money: '10.00', trade_status: 'TRADE_SUCCESS' },
  }
  const forged = [
    { sign: 'another secret' },
    { sign: '' },
    { pid: 'other' },
    { money: '9.99' },
    { money: '0.01' },
    { out_trade_no: order.handle },
    { out_trade_no: 'trade_unknown' },
    { trade_status: 'WAIT_BUYER_PAY' },
  ]
  const notify = (changes: object) =>
    deals.site.app.inject({
      method: 'POST',
      url: `/api/v1/payment/notify/${deals.channel.uuid}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: String(new URLSearchParams({ ...fields, ...changes })),
    })
  for (const changes of forged) assert.equal((await notify(changes)).body, 'fail', JSON.stringify(changes))
  await recharge(token, { amount: 100, paymentMethod: 'alipay', status: 'completed', paid: true })
  assert.equal((await power(token))?.total, 0)
  const answers = await Promise.all(Array.from({ length: CROWD }, () => notify({})))
  assert.ok(answers.every(({ body }) => body === 'success'))
  assert.equal((await power(token))?.total, 100)
})

test('an order is its owner’s: foreign, missing and malformed ones are the same 404', async () => {
  const [mine, other] = await Promise.all([deals.user(), deals.user()])
  const made = await recharge(mine.token, { amount: 10, paymentMethod: 'alipay' })
  const ask = async (id: string, token: string | null) => {
    const { status, message } = await call('GET', `/user/recharge/${id}`, token)
    return [status, message]
  }
  const id = String(made.data?.orderId)
  assert.equal((await ask(id, mine.token))[0], 200)
  for (const wrong of [id, 'P20240126000000000000', '1', 'no-order'])
    assert.deepEqual(await ask(wrong, other.token), [404, '订单不存在'])
  assert.equal((await ask(id, null))[0], 401)
  assert.equal(
    (await call('POST', '/user/recharge', null, { amount: 1, paymentMethod: 'alipay' })).status,
    401,
  )
})

test('exactly one of amount, plan and code, each as it must be', async () => {
  const { token } = await deals.user()
  const refused = async (body: object) => {
    const { status, code, message, error } = await recharge(token, body)
    assert.equal(code, status)
    return [status, error ?? message]
  }
  const method = { paymentMethod: 'alipay' }
  const choose = '请在充值数量(amount)、会员套餐(plan)和卡密(cardCode)中选择一项'
  for (const body of [
    {},
    method,
    { amount: 1, plan: 'monthly', ...method },
    { amount: 1, cardCode: 'X', ...method },
    { plan: 'monthly', cardCode: 'X', ...method },
  ])
    assert.deepEqual(await refused(body), [400, choose])
  for (const amount of [0, -1, 1.5, 1_000_001, '10', null, 1e21])
    assert.match(String((await refused({ amount, ...method })).join()), /^400,充值数量/)
  assert.deepEqual(await refused({ amount: 1 }), [400, '支付方式不能为空'])
  for (const paymentMethod of ['balance', 'cash', 'ALIPAY'])
    assert.deepEqual(await refused({ amount: 1, paymentMethod }), [400, '不支持的支付方式'])
  for (const paymentMethod of [1, '', null])
    assert.match(String((await refused({ amount: 1, paymentMethod })).join()), /^400,支付方式/)
  assert.deepEqual(await refused({ plan: 'lifetime', ...method }), [400, '会员套餐不存在'])
  for (const plan of [1, '', null])
    assert.match(String((await refused({ plan, ...method })).join()), /^400,会员套餐/)
  for (const cardCode of ['', '  ']) assert.deepEqual(await refused({ cardCode }), [400, '卡密不能为空'])
  for (const cardCode of [1, null, 'x'.repeat(101)])
    assert.match(String((await refused({ cardCode })).join()), /^400,卡密/)
})

test('a code is worth its power at once and only once; its refusals are the sentences of the field', async () => {
  const [{ token }, other] = await Promise.all([deals.user(units(50)), deals.user()])
  const cardCode = await makeCode()
  const made = await recharge(token, { cardCode })
  assert.deepEqual(made.data, {
    status: 'completed',
    total: 550,
    used: 0,
    remaining: 550,
    gifted: 500,
    hdCount: 0,
  })
  const again = await recharge(other.token, { cardCode })
  assert.deepEqual([again.status, again.message], [400, '卡密已被使用'])
  const unknown = await recharge(other.token, { cardCode: 'AAAABBBBCCCCDDDD' })
  assert.deepEqual([unknown.status, unknown.message], [404, '卡密不存在'])
  assert.equal((await power(other.token))?.total, 0)
})

test('with an Idempotency-Key an order or a code is one, and another body is refused', async () => {
  const { token } = await deals.user()
  const order = { amount: 10, paymentMethod: 'alipay' }
  const key = { 'idempotency-key': 'one-key' }
  const made = await Promise.all(Array.from({ length: 20 }, () => recharge(token, order, key)))
  assert.ok(made.every(({ status }) => status === 200))
  assert.equal(new Set(made.map(({ data }) => data?.orderId)).size, 1)
  assert.equal((await recharge(token, { ...order, amount: 11 }, key)).status, 422)
  const code = { cardCode: await makeCode() }
  const other = { 'idempotency-key': 'another-key' }
  const redeemed = await Promise.all(Array.from({ length: 20 }, () => recharge(token, code, other)))
  assert.ok(redeemed.every(({ status, data }) => status === 200 && data?.remaining === 500))
  assert.equal((await recharge(token, { cardCode: 'AAAABBBBCCCCDDDD' }, other)).status, 422)
})
