import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { createSandbox } from '../src/gateways/sandbox/sandbox.ts'
import { units } from '../src/kernel/money.ts'
import { ensureChannels } from '../src/kernel/payments/channels.ts'
import { readOrderNamed } from '../src/kernel/payments/order.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

test('ai-creator: the whole purchase of a membership at the sandbox cashier, without any gateway', async (t) => {
  const site = await buildSite({ dialect: aiCreator, gateways: [createSandbox()] })
  t.after(() => site.close())
  await ensureChannels(site.context, { epay: null, sandbox: true })
  const { token } = await createUser(site.context, units(0))
  const headers = { authorization: `Bearer ${token}` }
  const membership = { membership_type: 'yearly', payment_method: 'wechat' }
  const made = await site.app.inject({
    method: 'POST',
    url: '/api/v1/credit/membership',
    headers,
    payload: membership,
  })
  const { payment_url, order_id } = made.json().data
  const { pathname, search } = new URL(payment_url)
  const page = await site.app.inject({ method: 'GET', url: `${pathname}${search}` })
  assert.match(page.payload, /年度会员/)
  const pressed = { 'content-type': 'application/x-www-form-urlencoded' }
  for (let times = 0; times < 2; times += 1)
    await site.app.inject({
      method: 'POST',
      url: `${pathname}${search}`,
      headers: pressed,
      payload: 'outcome=paid',
    })
  const balance = await site.app.inject({ method: 'GET', url: '/api/v1/credit/balance', headers })
  assert.equal(balance.json().data.membership_type, 'yearly')
  const { paidAt, membershipEndsAt } = await readOrderNamed(site.context, order_id)
  assert.ok(paidAt && membershipEndsAt)
  assert.equal(Math.round((membershipEndsAt.getTime() - paidAt.getTime()) / 86_400_000), 365)
})
