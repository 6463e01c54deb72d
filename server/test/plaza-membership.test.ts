import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { createEpay } from '../src/gateways/epay/epay.ts'
import { units } from '../src/kernel/money.ts'
import { addChannel } from '../src/kernel/payments/channels.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'
import type { EpayStandIn, NotifyOptions } from './gateways/epay-stand-in.ts'
import { startEpayStandIn } from './gateways/epay-stand-in.ts'

let standIn: EpayStandIn
let site: TestSite
let address: string
before(async () => {
  standIn = await startEpayStandIn()
  const { limits } = plaza.preset
  const many = { points: 1_000_000, perSeconds: 60 }
  site = await buildSite({
    dialect: plaza,
    providers: [createFakeProvider()],
    gateways: [createEpay(createOutbound({ allow: ['127.0.0.1/32'] }))],
    // The limits of a minute are not what this is about; the quotas are the document's.
    preset: { limits: { ...limits, generate: many, read: many, write: many } },
  })
  address = await site.app.listen({ port: 0, host: '127.0.0.1' })
  site.context.publicUrl = address
  await addChannel(site.context, {
    ...{ name: 'epay', gateway: 'epay', url: standIn.url, merchant: standIn.pid, secret: standIn.key },
    ...{ options: {}, methods: ['alipay', 'wechat'] },
  })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await standIn.close()
  assert.deepEqual(findings, [])
})

async function call(method: 'GET' | 'POST', path: string, token: string, body?: object) {
  const response = await fetch(`${address}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const { data } = (await response.json()) as { data?: Record<string, unknown> }
  return { status: response.status, header: (name: string) => response.headers.get(name), data: data ?? {} }
}

test('a VIP plan paid at the cashier lifts the quotas of the day and of the hour, and nothing before does', async () => {
  const { token } = await createUser(site.context, units(10_000))
  const picture = () => call('POST', '/generate/text-to-image', token, { prompt: '一只猫' })
  const clip = () => call('POST', '/generate/text-to-video', token, { prompt: '海' })
  const profile = () => call('GET', '/user/profile', token)

  // 普通用户: ten pictures and three clips a day, a hundred calls an hour; all of the first two are used.
  for (let made = 0; made < 10; made += 1) assert.equal((await picture()).status, 200)
  for (let made = 0; made < 3; made += 1) assert.equal((await clip()).status, 200)
  const expectUser = async (): Promise<void> => {
    for (const [make, most] of [
      [picture, '10'],
      [clip, '3'],
    ] as const) {
      const refused = await make()
      assert.deepEqual([refused.status, refused.header('x-quota-limit')], [429, most])
    }
    assert.equal((await profile()).header('x-ratelimit-limit'), '100')
  }
  await expectUser()

  const made = await call('POST', '/user/recharge', token, { plan: 'monthly', paymentMethod: 'alipay' })
  assert.equal(made.status, 200)
  const [order, ...others] = standIn.orders.values()
  assert.ok(order)
  assert.deepEqual([order.money, others.length], ['19.98', 0])
  const told = async (options: NotifyOptions = {}) =>
    (await standIn.notify(order.out_trade_no, options)).map(({ body }) => body)
  // Neither an order nor a forged notification of it makes a member.
  await expectUser()
  standIn.pay(order.out_trade_no)
  assert.deepEqual(await told({ mutate: 'other-key' }), ['fail'])
  await expectUser()

  assert.deepEqual(await told(), ['success'])
  const paid = await call('GET', `/user/recharge/${made.data.orderId}`, token)
  assert.deepEqual([paid.data.status, paid.data.paid, paid.data.plan], ['completed', true, 'monthly'])

  // VIP: a hundred pictures and twenty clips a day, a thousand calls an hour; what was used stays used.
  const shown = (reply: Awaited<ReturnType<typeof call>>) => [
    ...[reply.status, reply.header('x-quota-limit'), reply.header('x-quota-remaining')],
    reply.header('x-ratelimit-limit'),
  ]
  assert.deepEqual(shown(await picture()), [200, '100', '89', '1000'])
  assert.deepEqual(shown(await clip()), [200, '20', '16', '1000'])
  for (let left = 15; left >= 0; left -= 1)
    assert.equal((await clip()).header('x-quota-remaining'), String(left))
  assert.equal((await clip()).status, 429)
  // More calls than a user has in an hour.
  let last = await profile()
  while (Number(last.header('x-ratelimit-remaining')) > 880) last = await profile()
  assert.equal(last.status, 200)
})
