import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Deals } from '../../../test/deals-stage.ts'
import { openDeals, SECRET } from '../../../test/deals-stage.ts'
import { createUser } from '../../../test/factories.ts'
import { units } from '../../kernel/money.ts'
import { addChannel } from '../../kernel/payments/channels.ts'
import type { Order } from '../../kernel/payments/order.ts'
import { readOrderNamed } from '../../kernel/payments/order.ts'
import { refundOrder } from '../../kernel/payments/refund.ts'

let deals: Deals
before(async () => {
  deals = await openDeals()
})
after(() => deals.close())

type Body = { code: number; message: string; data: Record<string, never> | null }

async function call(
  method: 'GET' | 'POST',
  path: string,
  token: string | null,
  payload?: object | string,
  headers: Record<string, string> = {},
): Promise<Body & { status: number }> {
  const reply = await deals.site.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(payload !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && { payload }),
  })
  return { status: reply.statusCode, ...reply.json() }
}

const now = (): number => Math.floor(deals.site.context.clock.now().getTime() / 1000)
const sign = (secret: string, timestamp: string | number, body: string): string =>
  createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
const reportOn = (order: Order, changes: object = {}): string =>
  JSON.stringify({
    order_id: order.handle,
    payment_method: order.method,
    transaction_id: '2026012212345678',
    status: 'success',
    ...changes,
  })
const send = (body: string, headers: Record<string, string> = {}) =>
  call('POST', '/credit/payment/callback', null, body, headers)
const sendSigned = (body: string, secret = SECRET, timestamp: number | string = now()) =>
  send(body, { 'x-timestamp': String(timestamp), 'x-signature': sign(secret, timestamp, body) })

test('recharge: an order with the documented id, its amount as asked and what is to be paid; then paid, listed, on the statement', async () => {
  await deals.coupon('DISCOUNT10', { value: 1_000n })
  const { token, accountId } = await deals.user()
  const made = await call('POST', '/credit/recharge', token, {
    amount: 10.0,
    payment_method: 'alipay',
    coupon_code: 'DISCOUNT10',
  })
  assert.deepEqual([made.status, made.code, made.message], [200, 200, '订单创建成功'])
  const { order_id, payment_url, ...rest } = made.data as unknown as Record<string, string>
  assert.match(order_id ?? '', /^R20\d{6}\d{7,}$/)
  assert.match(payment_url ?? '', /^https:\/\/payment\.example\.com\/pay\?order=trade_/)
  assert.deepEqual(rest, {
    order_no: order_id,
    amount: 10,
    payable_amount: 9,
    bonus_credits: 0,
    payment_method: 'alipay',
    payment_status: 'pending',
    credits: 100,
  })
  const order = await readOrderNamed(deals.site.context, order_id ?? '')
  assert.notEqual(order.handle, order.tradeNumber)
  await deals.pay(order)
  const listed = await call('GET', '/credit/recharge/orders?page=1&page_size=20', token)
  const [row] = (listed.data as unknown as { items: Record<string, unknown>[] }).items
  assert.deepEqual(
    [row?.order_id, row?.amount, row?.credits, row?.payment_status, row?.payment_url],
    [order_id, 10, 100, 'paid', null],
  )
  assert.match(String(row?.paid_at), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
  const statement = await call('GET', '/credit/transactions', token)
  const data = statement.data as unknown as { total: number; items: Record<string, unknown>[] }
  assert.deepEqual([data.total, data.items.length], [1, 1])
  const { id, created_at, ...shown } = data.items[0] ?? {}
  assert.equal(typeof id, 'number')
  assert.deepEqual(shown, {
    type: 'recharge',
    transaction_type: 'recharge',
    amount: 100,
    balance_before: 0,
    balance_after: 100,
    description: '充值10元',
  })
  assert.match(String(created_at), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
  await refundOrder(deals.site.context, order.id, accountId)
  const types = async (type: string) =>
    ((await call('GET', `/credit/transactions?type=${type}`, token)).data as unknown as { total: number })
      .total
  assert.deepEqual(
    await Promise.all(['recharge', 'consume', 'refund', 'reward', 'expire'].map(types)),
    [1, 0, 1, 0, 0],
  )
  assert.equal((await call('GET', '/credit/transactions?type=other', token)).code, 400)
})

test('membership: the documented plans; `balance` pays at once and buys no credits', async () => {
  const { token } = await deals.user(units(99))
  const made = await call('POST', '/credit/membership', token, {
    membership_type: 'monthly',
    payment_method: 'wechat',
  })
  assert.deepEqual([made.code, made.message], [200, '会员订单创建成功'])
  const { order_id, membership_type, amount } = made.data as unknown as Record<string, unknown>
  assert.match(String(order_id), /^M20\d{6}\d{7,}$/)
  assert.deepEqual([membership_type, amount], ['monthly', 9.9])
  assert.equal((await call('GET', '/credit/balance', token)).data?.is_member, false)
  const paid = await call('POST', '/credit/membership', token, {
    membership_type: 'monthly',
    payment_method: 'balance',
  })
  assert.deepEqual([paid.code, paid.data?.payment_url, paid.data?.payment_status], [200, null, 'paid'])
  const { membership_end_date, member_expired_at, ...standing } = (
    await call('GET', '/credit/balance', token)
  ).data as unknown as Record<string, unknown>
  assert.deepEqual(standing, { credit_balance: 0, is_member: true, membership_type: 'monthly', credits: 0 })
  assert.equal(membership_end_date, member_expired_at)
  assert.match(String(membership_end_date), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
  const listed = await call('GET', '/credit/membership/orders', token)
  const { items } = listed.data as unknown as { items: Record<string, unknown>[] }
  assert.deepEqual(
    items.map((row) => [row.payment_status, row.original_amount, row.discount_amount]),
    [
      ['paid', 9.9, 0],
      ['pending', 9.9, 0],
    ],
  )
  assert.equal(items[0]?.expired_at, membership_end_date)
  const consumed = await call('GET', '/credit/transactions?type=consume', token)
  const [row] = (consumed.data as unknown as { items: Record<string, unknown>[] }).items
  assert.deepEqual([row?.amount, row?.description], [-99, '购买月度会员'])

  const refused = async (path: string, body: object) => {
    const { status, code } = await call('POST', path, token, body)
    return [status, code]
  }
  const membership = { membership_type: 'monthly', payment_method: 'balance' }
  assert.deepEqual(await refused('/credit/membership', membership), [400, 40_001])
  assert.deepEqual(
    await refused('/credit/membership', { ...membership, membership_type: 'weekly' }),
    [400, 400],
  )
  assert.deepEqual(await refused('/credit/recharge', { amount: 10, payment_method: 'balance' }), [400, 400])
  assert.deepEqual(await refused('/credit/recharge', { amount: 10, payment_method: 'cash' }), [400, 400])
  for (const amount of [0, -1, 0.001, 1e9])
    assert.deepEqual(await refused('/credit/recharge', { amount, payment_method: 'alipay' }), [400, 400])
  const coupon = { amount: 10, payment_method: 'alipay', coupon_code: 'NOBODY' }
  assert.deepEqual(await refused('/credit/recharge', coupon), [400, 40_003])
})

test('nobody sees or pays what is not theirs', async () => {
  const [{ token, accountId }, other] = await Promise.all([deals.user(), deals.user()])
  await deals.order(accountId, { yuan: 1 })
  for (const path of ['balance', 'transactions', 'recharge/orders', 'membership/orders'])
    assert.equal((await call('GET', `/credit/${path}`, null)).status, 401)
  for (const path of ['recharge', 'membership'])
    assert.equal((await call('POST', `/credit/${path}`, null, {})).status, 401)
  const total = async (bearer: string) =>
    ((await call('GET', '/credit/recharge/orders', bearer)).data as unknown as { total: number }).total
  assert.deepEqual([await total(token), await total(other.token)], [1, 0])
  // A coupon that is reserved, or used up, by another is nobody else's.
  await deals.coupon('THEIRS', { most_claims: 1 })
  await deals.order(accountId, { yuan: 1 }, { coupon: 'THEIRS' })
  const foreign = { amount: 1, payment_method: 'alipay', coupon_code: 'THEIRS' }
  assert.equal((await call('POST', '/credit/recharge', other.token, foreign)).code, 40_003)
})

test('a signed callback is credited once, however often it is repeated', async () => {
  const { accountId } = await deals.user()
  const order = await deals.order(accountId, { yuan: 10 })
  const body = reportOn(order)
  const answers = await Promise.all(Array.from({ length: 20 }, () => sendSigned(body)))
  for (const { status, data } of answers)
    assert.deepEqual([status, data], [200, { order_id: order.handle, status: 'paid' }])
  assert.equal(await deals.available(accountId), units(100))
})

test('an unsigned callback is worth what the gateway says when it is asked', async () => {
  const { accountId } = await deals.user()
  const order = await deals.order(accountId, { yuan: 10 })
  assert.equal((await send(reportOn(order))).code, 40_005)
  assert.equal(await deals.available(accountId), 0n)
  deals.gateway.pay(order.tradeNumber)
  assert.deepEqual((await send(reportOn(order))).data, { order_id: order.handle, status: 'paid' })
  assert.equal(await deals.available(accountId), units(100))
  assert.deepEqual(
    await send(reportOn(order, { order_id: 'R202601221000001' })).then(({ status, code }) => [status, code]),
    [400, 40_004],
  )
})

test('a failed payment is 40005 and leaves the order payable', async () => {
  const { accountId } = await deals.user()
  const order = await deals.order(accountId, { yuan: 10 })
  const failed = await sendSigned(reportOn(order, { status: 'failed' }))
  assert.deepEqual([failed.status, failed.code], [400, 40_005])
  assert.equal((await sendSigned(reportOn(order))).code, 200)
  assert.equal(await deals.available(accountId), units(100))
})

test('600 forged callbacks credit nothing', { timeout: 120_000 }, async (t) => {
  const { context } = deals.site
  const other = await addChannel(context, {
    name: 'other',
    gateway: 'fake',
    url: 'https://other.example.com',
    merchant: 'other',
    secret: 'the secret of another merchant',
    options: {},
    methods: ['wechat'],
  })
  const { accountId } = await deals.user()
  const orders = await Promise.all(Array.from({ length: 30 }, () => deals.order(accountId, { yuan: 10 })))
  const old = await deals.order((await createUser(context, units(0))).accountId, { yuan: 10 })
  const replayed = reportOn(old)
  const replay = { 'x-timestamp': String(now()), 'x-signature': sign(SECRET, now(), replayed) }
  assert.equal((await send(replayed, replay)).code, 200)

  const signed = (body: string, secret: string, timestamp: number | string, over = body) => ({
    body,
    headers: { 'x-timestamp': String(timestamp), 'x-signature': sign(secret, timestamp, over) },
  })
  const forgeries: ((order: Order) => { body: string; headers: Record<string, string> })[] = [
    (order) => ({ body: reportOn(order), headers: {} }),
    (order) => ({ body: reportOn(order), headers: { 'x-signature': sign(SECRET, now(), reportOn(order)) } }),
    (order) => ({ body: reportOn(order), headers: { 'x-timestamp': String(now()) } }),
    (order) => ({ body: reportOn(order), headers: { 'x-timestamp': String(now()), 'x-signature': '' } }),
    (order) => ({
      body: reportOn(order),
      headers: { 'x-timestamp': String(now()), 'x-signature': '0'.repeat(64) },
    }),
    (order) => signed(reportOn(order), 'the secret of another merchant', now()),
    (order) => signed(reportOn(order), '', now()),
    (order) => signed(reportOn(order), SECRET.slice(1), now()),
    (order) => signed(reportOn(order), SECRET, now() - 302),
    (order) => signed(reportOn(order), SECRET, now() + 400),
    (order) => signed(reportOn(order), SECRET, `${now()}.0`),
    (order) => signed(reportOn(order), SECRET, '1e9'),
    (order) => signed(reportOn(order), SECRET, now(), replayed),
    (order) => ({ body: reportOn(order), headers: replay }),
    (order) => signed(reportOn(order), SECRET, now(), `${reportOn(order)} `),
    (order) => signed(` ${reportOn(order)}`, SECRET, now(), reportOn(order)),
    (order) => signed(reportOn(order, { payment_method: 'wechat' }), SECRET, now()),
    (order) => signed(reportOn(order, { status: 'SUCCESS' }), SECRET, now()),
    (order) => signed(reportOn(order, { order_id: order.tradeNumber }), SECRET, now()),
    (order) => {
      const { headers, body } = signed(reportOn(order), SECRET, now())
      return { body, headers: { ...headers, 'x-signature': (headers['x-signature'] ?? '').toUpperCase() } }
    },
  ]
  const sent = orders.flatMap((order) => forgeries.map((forge) => forge(order)))
  const codes: number[] = []
  for (let from = 0; from < sent.length; from += 50) {
    const answers = await Promise.all(
      sent.slice(from, from + 50).map(({ body, headers }) => send(body, headers)),
    )
    codes.push(...answers.map(({ code }) => code))
  }
  assert.ok(
    codes.length >= 600 && codes.every((code) => [40_004, 40_005].includes(code)),
    [...new Set(codes)].join(),
  )
  assert.equal(await deals.available(accountId), 0n)
  for (const { handle } of orders) assert.equal((await readOrderNamed(context, handle)).state, 'open')
  assert.equal(await deals.available(old.accountId), units(100))
  assert.ok(other.id !== deals.channel.id)
  t.diagnostic(`${codes.length} forged callbacks, nothing credited`)
})
