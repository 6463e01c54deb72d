import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { hostileAiCreator, made, SECRET } from './ai-creator.ts'
import { testHostileClients } from './suite.ts'
import { JSON_TYPE } from './values.ts'

const ground = testHostileClients(hostileAiCreator)
const { ask, refuses, read, leavingNothing } = ground

const NUMBERS = ['0', '-1', 'NaN', '1e3', '0.5', '1,5', '%D9%A1', '99999999999999999999', "1'"]
const DAYS = ['2024-02-30', '2024-13-01', 'yesterday', '2024-1-1', '-2024-01-01', '99999-01-01', '0000-01-01']
const WORDS = ['nonsense', '__proto__', 'constructor', "x'", '%E7%8C%AB']
const PAGES = { page: NUMBERS, page_size: NUMBERS }
const LISTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '/credit/transactions': { ...PAGES, type: WORDS, transaction_type: WORDS },
  '/credit/recharge/orders': PAGES,
  '/credit/membership/orders': PAGES,
  '/creations': { ...PAGES, type: WORDS, status: WORDS, start_date: DAYS, end_date: DAYS },
  '/publish/history': { ...PAGES, platform: WORDS, status: WORDS },
  '/operation/activities': { ...PAGES, status: WORDS },
  '/operation/coupons': { ...PAGES, status: WORDS },
  '/operation/my-coupons': { ...PAGES, status: WORDS },
  '/operation/referral/records': PAGES,
  '/operation/statistics': { start_date: DAYS, end_date: DAYS },
  '/models': { is_active: ['2', 'yes', ...WORDS] },
}

for (const [path, bad] of Object.entries(LISTS)) {
  test(`GET ${path}: pages, days and choices that are none are refused, a huge page is 100 rows`, () =>
    leavingNothing(async () => {
      const token = ground.admin
      for (const [name, values] of Object.entries(bad)) {
        for (const value of values) {
          const { code } = await refuses({ path: `/api/v1${path}?${name}=${value}`, token }, value)
          assert.equal(code, 400, `${path}?${name}=${value}`)
        }
      }
      if (!('page_size' in bad)) return
      const answer = await ask({ path: `/api/v1${path}?page_size=1000000&page=1000000`, token })
      const { isSuccess, data } = read(answer, path)
      assert.equal(isSuccess, true)
      assert.equal((data as { page_size: number }).page_size, 100)
    }))
}

test('payment callbacks: forged, old, crossed or for nothing, none is credited', async () => {
  const { rich } = ground
  const order = await made(ground, rich, '/credit/recharge', { amount: 10, payment_method: 'alipay' })
  await leavingNothing(async () => {
    const now = Math.floor(Date.now() / 1000)
    const claim = { payment_method: 'alipay', transaction_id: 'x', status: 'success' }
    const sign = (secret: string, time: unknown, body: string): string =>
      createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')
    for (const order_id of [order.order_id, 'R202601220000001', '__proto__', "'", '猫', '1']) {
      const body = JSON.stringify({ ...claim, order_id })
      const real = sign(SECRET, now, body)
      const signed: Record<string, string>[] = [
        {},
        { 'x-signature': real },
        { 'x-timestamp': `${now}`, 'x-signature': sign('another secret', now, body) },
        { 'x-timestamp': `${now}`, 'x-signature': sign(SECRET, now, `${body} `) },
        { 'x-timestamp': `${now - 86_400}`, 'x-signature': sign(SECRET, now - 86_400, body) },
        { 'x-timestamp': `${now + 86_400}`, 'x-signature': sign(SECRET, now + 86_400, body) },
        ...['NaN', '', '-1', '1e99', 'x'.repeat(4_000)].map((time) => ({
          'x-timestamp': time,
          'x-signature': sign(SECRET, time, body),
        })),
        ...['', 'x', '0'.repeat(64), real.slice(0, 63), '\xff'.repeat(64), 'x'.repeat(4_000)].map((text) => ({
          'x-timestamp': `${now}`,
          'x-signature': text,
        })),
      ]
      for (const headers of signed) {
        const call = { method: 'POST', path: '/api/v1/credit/payment/callback', body }
        await refuses({ ...call, headers: { ...JSON_TYPE, ...headers } }, `${order_id}`)
      }
    }
  })
  const { data } = read(await ask({ path: '/api/v1/credit/recharge/orders', token: rich }), 'orders')
  const { items } = data as { items: { order_id: string; payment_status: string }[] }
  assert.equal(items.find((one) => one.order_id === order.order_id)?.payment_status, 'pending')
})

test('the pages for people: nonsense is a page or an envelope, nothing sent is shown, nothing stays', () =>
  leavingNothing(async () => {
    const nonsense = ['x', 'a'.repeat(32), 'a'.repeat(3_000), '%00', '%E7%8C%AB', '__proto__', '..%2f', '%zz']
    const script = '%3Cscript%3Ealert(1)%3C/script%3E'
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const token of [...nonsense, script]) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        for (const headers of [form, JSON_TYPE, { 'content-type': 'nonsense' }]) {
          const body = method === 'GET' ? undefined : `link=${'x'.repeat(100)}`
          const path = `/handoff/${token}`
          const answer = await ask({ method, path, headers, ...(body && { body }) })
          assert.ok([400, 404, 415].includes(answer.status), `${method} ${path}: ${answer.status}`)
          assert.doesNotMatch(answer.text, /<script>alert|FST_|\.ts:\d/)
        }
      }
    }
    for (const code of [
      ...nonsense.filter((one) => !one.includes('%zz')),
      script,
      '%22%3E%3Cimg%20src=x%3E',
    ]) {
      const answer = await ask({ path: `/register?ref=${code}&ref=${code}` })
      assert.equal(answer.status, 200, code)
      assert.doesNotMatch(answer.text, /<script>alert|"><img|FST_/)
    }
  }))

test('after all of it the site does its job and the books are true', async () => {
  const { rich } = ground
  await made(ground, rich, '/image/generate', { prompt: '还好', size: '64x64' })
  await made(ground, rich, '/writing/wechat_article/generate', { title: '还好' })
  assert.deepEqual(await verifyLedger(ground.site.context), [])
})
