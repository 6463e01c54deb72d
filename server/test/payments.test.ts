import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statement } from '../src/db/database.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { createEpay } from '../src/gateways/epay/epay.ts'
import { createSandbox } from '../src/gateways/sandbox/sandbox.ts'
import { fen } from '../src/kernel/fen.ts'
import { bindIdempotencyKey } from '../src/kernel/idempotency.ts'
import type { Credits } from '../src/kernel/money.ts'
import { parseCredits, units } from '../src/kernel/money.ts'
import { pollOrders, queryOrder } from '../src/kernel/payments/ask-gateway.ts'
import {
  addChannel,
  deleteChannel,
  enableChannel,
  ensureChannels,
  listChannels,
  SECRET_MASK,
  updateChannel,
} from '../src/kernel/payments/channels.ts'
import { createOrder } from '../src/kernel/payments/create-order.ts'
import type { Order } from '../src/kernel/payments/order.ts'
import { readOrder, readOrderById } from '../src/kernel/payments/order.ts'
import { quotePackage } from '../src/kernel/payments/packages.ts'
import { refundOrder } from '../src/kernel/payments/refund.ts'
import { takeNotification } from '../src/kernel/payments/settle.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import type { EpayStandIn, Mutation } from './gateways/epay-stand-in.ts'
import { startEpayStandIn } from './gateways/epay-stand-in.ts'

/** The work order's size; `npm run test:payments` runs all of it, CI a tenth. */
const ORDERS = Number(process.env.ORDERS ?? 100)

let site: TestSite
let standIn: EpayStandIn
let address: string
before(async () => {
  standIn = await startEpayStandIn()
  site = await buildSite({ gateways: [createEpay(createOutbound({ allow: ['127.0.0.1/32'] }))] })
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  const bound = site.app.server.address()
  assert.ok(bound && typeof bound === 'object')
  address = `http://127.0.0.1:${bound.port}`
  site.context.publicUrl = address
  await addEpay()
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await standIn.close()
  assert.deepEqual(findings, [], 'the books are true')
})

function addEpay() {
  const { url, pid, key } = standIn
  return addChannel(site.context, {
    name: 'epay',
    gateway: 'epay',
    url,
    merchant: pid,
    secret: key,
    options: {},
    methods: ['alipay', 'wxpay'],
  })
}

async function order(
  accountId: bigint,
  packageId = 'package_100',
  key: string | null = null,
): Promise<Order> {
  return createOrder(
    site.context,
    { accountId },
    {
      item: quotePackage(site.context, packageId),
      channelUuid: null,
      method: 'alipay',
      returnUrl: 'https://shop.example.com/back',
      idempotencyKey: key === null ? null : bindIdempotencyKey('payment/create', key, { packageId }),
      origin: { ip: '203.0.113.7', device: null },
    },
  )
}

const FORGERIES: readonly Mutation[] = [
  'empty-key',
  'other-key',
  'key-undefined',
  'missing-sign',
  'empty-sign',
  'tampered-money',
  'wrong-pid',
  'money-more',
  'money-less',
  'money-exponent',
  'money-nan',
  'money-negative',
  'money-spaces',
  'repeated-money',
  'repeated-sign',
  'trade-closed',
  'unknown-order',
]

/** A small seeded generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const watch = (at: TestSite) => ({
  available: async (accountId: bigint) => (await readBalance(at.context, { accountId })).available,
  creditsOf: async (orderIds: readonly bigint[]) => {
    const [row] = await at.context.db.rows<{ entries: bigint }>(
      statement(
        'credits of orders',
        `select count(*) as entries from entry where kind = 'purchase' and effect = any ($1)`,
      ),
      [orderIds.map((id) => `order:${id}`)],
    )
    return Number(row?.entries)
  },
})
const available = (accountId: bigint) => watch(site).available(accountId)
const creditsOf = (orderIds: readonly bigint[]) => watch(site).creditsOf(orderIds)

/** A site where things are bought, each for the same credits. */
type Shop = {
  site: TestSite
  credits: Credits
  buyer: () => Promise<Buyer>
  buy: (buyer: Buyer) => Promise<Order>
}
type Buyer = { accountId: bigint; token: string }

async function visitWaliassets(): Promise<Shop> {
  const buyer = () => createUser(site.context, units(0))
  return { site, credits: units(100), buyer, buy: ({ accountId }) => order(accountId) }
}

let second: TestSite | undefined
after(async () => {
  if (!second) return
  const findings = await verifyLedger(second.context)
  await second.close()
  assert.deepEqual(findings, [], 'the books are true')
})

/** The other document, by its routes alone: an administrator sets the channel up, users buy, payers follow the link. */
async function visitAigentools(): Promise<Shop> {
  second ??= await openAigentools()
  const { app, context } = second
  const call = async (method: 'POST' | 'GET', url: string, token: string, payload?: object) => {
    const reply = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers: { authorization: `Bearer ${token}` },
      ...(payload && { payload }),
    })
    assert.equal(reply.statusCode, 200, reply.payload)
    return reply.json().data
  }
  const admin = await createUser(context, units(0), { role: 'admin' })
  const { uuid } = await call('POST', '/admin/payment/config', admin.token, {
    name: '易支付',
    payment_method: 'epay',
    config: { pid: standIn.pid, key: standIn.key, gateway: standIn.url },
    enable: true,
  })
  return {
    site: second,
    credits: parseCredits('12.34') as Credits,
    buyer: () => createUser(context, units(0)),
    buy: async ({ accountId, token }) => {
      const { jump_url, order_id } = await call('POST', '/payment/create', token, {
        amount: 12.34,
        payment_method_uuid: uuid,
        payment_channel: 'wxpay',
        return_url: 'https://shop.example.com/recharge?tab=1&from=home',
      })
      const page = await fetch(jump_url)
      assert.ok(page.ok && new URL(jump_url).pathname === '/submit.php', jump_url)
      await page.arrayBuffer()
      return readOrder(context, { accountId }, { handle: order_id, tradeNumber: null })
    },
  }
}

async function openAigentools(): Promise<TestSite> {
  const opened = await buildSite({
    dialect: aigentools,
    gateways: [createEpay(createOutbound({ allow: ['127.0.0.1/32'] }))],
  })
  await opened.app.listen({ port: 0, host: '127.0.0.1' })
  const bound = opened.app.server.address()
  assert.ok(bound && typeof bound === 'object')
  opened.context.publicUrl = `http://127.0.0.1:${bound.port}`
  return opened
}

const SHOPS = [
  ['waliassets', visitWaliassets],
  ['aigentools', visitAigentools],
] as const

for (const [name, visit] of SHOPS)
  test(`${name}: ${ORDERS} orders with 1 to 25 deliveries each, shuffled, parallel and forged: each paid one credited once`, {
    timeout: 300_000,
  }, async (t) => {
    const shop = await visit()
    const { site } = shop
    const { available, creditsOf } = watch(site)
    const roll = random(20_261_121)
    const buyers = await Promise.all(Array.from({ length: 10 }, shop.buyer))
    const paid: Order[] = []
    const unpaid: Order[] = []
    const deliveries: { order: Order; send: () => Promise<unknown> }[] = []
    let forged = 0
    for (let index = 0; index < ORDERS; index += 1) {
      const buyer = buyers[index % buyers.length]
      assert.ok(buyer)
      const made = await shop.buy(buyer)
      const isPaid = roll() < 0.7
      if (isPaid) {
        standIn.pay(made.tradeNumber)
        paid.push(made)
      } else unpaid.push(made)
      const count = 1 + Math.floor(roll() * 25)
      for (let delivery = 0; delivery < count; delivery += 1) {
        const isTrue = isPaid && (delivery === 0 || roll() < 0.4)
        const mutate = FORGERIES[Math.floor(roll() * FORGERIES.length)]
        assert.ok(mutate)
        const method = roll() < 0.5 ? 'GET' : 'POST'
        if (!isTrue) forged += 1
        deliveries.push({
          order: made,
          send: () => standIn.notify(made.tradeNumber, isTrue ? { method } : { method, mutate }),
        })
      }
    }
    for (let last = deliveries.length - 1; last > 0; last -= 1) {
      const other = Math.floor(roll() * (last + 1))
      ;[deliveries[last], deliveries[other]] = [
        deliveries[other] as (typeof deliveries)[0],
        deliveries[last] as (typeof deliveries)[0],
      ]
    }
    for (let from = 0; from < deliveries.length; from += 50) {
      await Promise.all(deliveries.slice(from, from + 50).map(({ send }) => send()))
    }
    for (const made of paid)
      assert.equal((await readOrderById(site.context, made.id)).state, 'paid', made.tradeNumber)
    for (const made of unpaid)
      assert.equal((await readOrderById(site.context, made.id)).state, 'open', made.tradeNumber)
    assert.equal(await creditsOf(paid.map(({ id }) => id)), paid.length)
    assert.equal(await creditsOf(unpaid.map(({ id }) => id)), 0)
    const balances = await Promise.all(buyers.map(({ accountId }) => available(accountId)))
    assert.equal(
      balances.reduce((sum, one) => sum + one, 0n),
      shop.credits * BigInt(paid.length),
    )
    t.diagnostic(
      `${ORDERS} orders, ${deliveries.length} deliveries, ${forged} forged or wrong, ${paid.length} paid, ${paid.length} credited once`,
    )
  })

for (const [name, visit] of SHOPS)
  test(`${name}: all callbacks dropped: ${ORDERS} paid orders are credited by polling, once`, {
    timeout: 300_000,
  }, async (t) => {
    const shop = await visit()
    const { site } = shop
    const { available, creditsOf } = watch(site)
    const buyers = await Promise.all(Array.from({ length: 10 }, shop.buyer))
    const made: Order[] = []
    for (let index = 0; index < ORDERS; index += 1) {
      const one = await shop.buy(buyers[index % buyers.length] as Buyer)
      standIn.pay(one.tradeNumber)
      made.push(one)
    }
    await site.context.db.rows(
      statement('polls due', `update payment_order set next_poll_at = now() where next_poll_at is not null`),
      [],
    )
    const other = await site.another()
    let polls = 0
    for (let asked = 1; asked > 0; ) {
      const counts = await Promise.all([
        pollOrders(site.context),
        pollOrders(other),
        pollOrders(site.context),
      ])
      asked = counts.reduce((sum, count) => sum + count, 0)
      polls += asked
    }
    assert.equal(await creditsOf(made.map(({ id }) => id)), made.length)
    const balances = await Promise.all(buyers.map(({ accountId }) => available(accountId)))
    assert.equal(
      balances.reduce((sum, one) => sum + one, 0n),
      shop.credits * BigInt(made.length),
    )
    t.diagnostic(`${made.length} orders credited in ${polls} polls`)
  })

test('an unpaid order is polled ever more slowly, at its expiry and once more, then never (money rule 9)', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made = await order(accountId)
  const pass = (interval: string) =>
    site.context.db.rows(
      statement(
        `pass ${interval}`,
        `update payment_order set created_at = created_at - interval '${interval}', expires_at = expires_at - interval '${interval}',
        next_poll_at = next_poll_at - interval '${interval}' where id = $1`,
      ),
      [made.id],
    )
  const wait = async (): Promise<number | null> => {
    const [row] = await site.context.db.rows<{ wait: number | null }>(
      statement(
        'next poll',
        'select extract(epoch from next_poll_at - now())::float8 as wait from payment_order where id = $1',
      ),
      [made.id],
    )
    return row?.wait == null ? null : Math.round(row.wait)
  }
  const waits: (number | null)[] = [await wait()]
  for (const interval of ['20 seconds', '5 minutes', '30 minutes', '2 hours', '5 minutes']) {
    await pass(interval)
    await pollOrders(site.context)
    waits.push(await wait())
  }
  assert.deepEqual(waits, [20, 20, 60, 300, 300, null])
  assert.equal((await readOrderById(site.context, made.id)).state, 'expired')
  // Money that comes late is still money: the notification of an expired order is credited.
  standIn.pay(made.tradeNumber)
  await standIn.notify(made.tradeNumber)
  assert.equal(await available(accountId), units(100))
})

test('100 notifications, 20 polls and 20 queries of one payment at once: one credit (W7)', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made = await order(accountId, 'package_500')
  standIn.pay(made.tradeNumber)
  await Promise.all([
    standIn.notify(made.tradeNumber, { times: 50 }),
    standIn.notify(made.tradeNumber, { times: 50, method: 'POST' }),
    ...Array.from({ length: 20 }, () =>
      queryOrder(site.context, { accountId }, { handle: made.handle, tradeNumber: null }),
    ),
  ])
  assert.equal(await available(accountId), units(500))
  assert.equal(await creditsOf([made.id]), 1)
})

test('an order is credited only through its own channel, disabled and deleted ones included', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made = await order(accountId)
  const other = await addEpay()
  standIn.pay(made.tradeNumber)
  const [own] = await listChannels(site.context)
  assert.ok(own)
  const [elsewhere] = await standIn.notify(made.tradeNumber, {
    to: `${address}/api/payment/notify/${other.uuid}`,
  })
  assert.notEqual(elsewhere?.body, 'success')
  assert.equal(await available(accountId), 0n)
  await enableChannel(site.context, own.id, false)
  await deleteChannel(site.context, own.id)
  const [unknown] = await standIn.notify(made.tradeNumber, {
    to: `${address}/api/payment/notify/00000000-0000-4000-8000-000000000000`,
  })
  assert.equal(unknown?.status, 404)
  assert.equal((await standIn.notify(made.tradeNumber))[0]?.body, 'success')
  assert.equal(await available(accountId), units(100))
  assert.deepEqual(
    (await listChannels(site.context)).map(({ uuid }) => uuid),
    [other.uuid],
  )
})

test('one idempotency key is one order; the gateway hears of it once', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const before = standIn.requests.length
  const crowd = await Promise.all(
    Array.from({ length: 20 }, () => order(accountId, 'package_100', 'all-at-once')),
  )
  assert.equal(new Set(crowd.map(({ id }) => id)).size, 1)
  assert.ok(crowd.every(({ payUrl, state }) => payUrl !== null && state === 'open'))
  assert.equal(standIn.requests.length, before + 1)
  const first = await order(accountId, 'package_100', 'my-order')
  const asked = standIn.requests.length
  const again = await Promise.all(
    Array.from({ length: 20 }, () => order(accountId, 'package_100', 'my-order')),
  )
  assert.deepEqual(new Set(again.map(({ id }) => id)), new Set([first.id]))
  assert.equal(standIn.requests.length, asked)
  await assert.rejects(order(accountId, 'package_500', 'my-order'), { code: 'idempotency_key_reused' })
})

test('a key whose order the gateway refused may buy again; a refused repeat does not close what may be paid', async () => {
  const { accountId } = await createUser(site.context, units(0))
  standIn.misbehaves('refuses')
  await assert.rejects(order(accountId, 'package_100', 'refused-once'), { code: 'gateway_failed' })
  standIn.misbehaves(null)
  assert.ok((await order(accountId, 'package_100', 'refused-once')).payUrl)

  standIn.misbehaves('cut')
  await assert.rejects(order(accountId, 'package_100', 'cut-then-refused'), { code: 'gateway_failed' })
  const [cut] = await site.context.db.rows<{ id: bigint; trade_number: string }>(
    statement(
      'free checkout',
      `update payment_order set checkout_until = null where account_id = $1 and state = 'created' returning id, trade_number`,
    ),
    [accountId],
  )
  assert.ok(cut)
  standIn.pay(cut.trade_number)
  standIn.misbehaves('refuses')
  await assert.rejects(order(accountId, 'package_100', 'cut-then-refused'), { code: 'gateway_failed' })
  standIn.misbehaves(null)
  assert.equal((await readOrderById(site.context, cut.id)).state, 'created')
  await standIn.notify(cut.trade_number)
  assert.equal(await available(accountId), units(100))
})

test('a gateway that says no closes the order; one that hangs up in the middle leaves it to polling', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const orders = () =>
    site.context.db.rows<{ state: string; id: bigint; trade_number: string }>(
      statement(
        'states of orders',
        'select state, id, trade_number from payment_order where account_id = $1 order by id',
      ),
      [accountId],
    )
  standIn.misbehaves('refuses')
  await assert.rejects(order(accountId), { code: 'gateway_failed' })
  standIn.misbehaves('cut')
  await assert.rejects(order(accountId), { code: 'gateway_failed' })
  standIn.misbehaves(null)
  const [refused, cut] = await orders()
  assert.deepEqual([refused?.state, cut?.state], ['closed', 'created'])
  assert.ok(cut)
  standIn.pay(cut.trade_number)
  await site.context.db.rows(
    statement('poll cut', 'update payment_order set next_poll_at = now() where id = $1'),
    [cut.id],
  )
  await pollOrders(site.context)
  assert.equal(await available(accountId), units(100))
})

test('a refund takes the credits back first, once, and only what is there (W8)', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made = await order(accountId)
  await assert.rejects(refundOrder(site.context, made.id, null), { code: 'order_not_refundable' })
  standIn.pay(made.tradeNumber)
  await standIn.notify(made.tradeNumber)
  standIn.misbehaves('refuses')
  await assert.rejects(refundOrder(site.context, made.id, null), { code: 'gateway_failed' })
  standIn.misbehaves(null)
  assert.equal(await available(accountId), units(100), 'given back when the gateway said no')
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => refundOrder(site.context, made.id, null)),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(await available(accountId), 0n)
  assert.equal((await readOrderById(site.context, made.id)).state, 'refunded')
  await standIn.notify(made.tradeNumber)
  assert.equal(await available(accountId), 0n, 'a refunded order is not credited again')

  const spent = await order(accountId)
  standIn.pay(spent.tradeNumber)
  await standIn.notify(spent.tradeNumber)
  await site.context.db.rows(
    statement(
      'spend',
      `select post_entry_v1($1, $2, 'adjustment', null, 'available', 'adjustments', $3, null, null, 'spent', null, null, null)`,
    ),
    [site.context.keys.chain, accountId, units(1)],
  )
  await assert.rejects(refundOrder(site.context, spent.id, null), { code: 'insufficient_credits' })
  assert.equal((await readOrderById(site.context, spent.id)).state, 'paid')
})

test('a refund that was cut off is not sent again by itself', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made = await order(accountId)
  standIn.pay(made.tradeNumber)
  await standIn.notify(made.tradeNumber)
  standIn.misbehaves('cut')
  await assert.rejects(refundOrder(site.context, made.id, null), { code: 'gateway_failed' })
  standIn.misbehaves(null)
  assert.equal((await readOrderById(site.context, made.id)).state, 'refunding')
  await assert.rejects(refundOrder(site.context, made.id, null), { code: 'order_not_refundable' })
  assert.equal(await available(accountId), 0n)
})

test("an order of another account cannot be asked after; a channel's secret is nowhere readable", async () => {
  const owner = await createUser(site.context, units(0))
  const stranger = await createUser(site.context, units(0))
  const made = await order(owner.accountId)
  for (const named of [
    { handle: made.handle, tradeNumber: null },
    { handle: null, tradeNumber: made.tradeNumber },
  ]) {
    await assert.rejects(queryOrder(site.context, stranger, named), { code: 'order_not_found' })
  }
  const shown = JSON.stringify(await listChannels(site.context), (_name, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  assert.ok(!shown.includes(standIn.key))
  const [row] = await site.context.db.rows<{ secret: Buffer }>(
    statement('stored secret', 'select secret from payment_channel limit 1'),
    [],
  )
  assert.ok(row && !row.secret.includes(standIn.key))
  assert.equal(site.context.keys.open(row.secret), standIn.key)
  const broken = Buffer.from(row.secret)
  broken[20] = (broken[20] ?? 0) ^ 1
  assert.throws(() => site.context.keys.open(broken))
})

test('the sandbox cashier is a page whose pay button credits once, through the door of every notification', async () => {
  const sandboxed = await buildSite({
    gateways: [createSandbox(), createEpay(createOutbound({ allow: [] }))],
  })
  try {
    await ensureChannels(sandboxed.context, { epay: null, sandbox: true })
    await ensureChannels(sandboxed.context, { epay: null, sandbox: true })
    assert.equal((await listChannels(sandboxed.context)).length, 1)
    const { accountId } = await createUser(sandboxed.context, units(0))
    const made = await createOrder(
      sandboxed.context,
      { accountId },
      {
        item: quotePackage(sandboxed.context, 'package_100'),
        channelUuid: null,
        method: 'wxpay',
        returnUrl: 'https://shop.example.com/back',
        idempotencyKey: null,
        origin: { ip: null, device: null },
      },
    )
    const url = new URL(made.payUrl ?? '').href.replace('http://localhost:3334', '')
    const press = (address: string, outcome: string) =>
      sandboxed.app.inject({
        method: 'POST',
        url: address,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: `outcome=${outcome}`,
      })
    const shown = await sandboxed.app.inject({ url })
    assert.equal(shown.statusCode, 200)
    assert.match(shown.body, /沙箱收银台/)
    assert.match(shown.body, /class="amount|2<|¥|￥/)
    assert.match(String(shown.headers['content-security-policy']), /default-src 'none'/)
    assert.match((await press(url, 'cancelled')).body, /已取消支付/)
    assert.equal((await press(url.replace('amount=2.00', 'amount=0.01'), 'paid')).statusCode, 404)
    assert.equal((await readBalance(sandboxed.context, { accountId })).available, 0n)
    const pressed = await Promise.all(Array.from({ length: 10 }, () => press(url, 'paid')))
    assert.ok(pressed.every(({ body }) => body.includes('支付成功')))
    assert.equal((await readBalance(sandboxed.context, { accountId })).available, units(100))
    // Once there is a real channel the sandbox never stands in for it, not even when the real one fails.
    const epay = { url: 'http://127.0.0.1:9', merchant: '1', secret: 'a longer key' }
    await ensureChannels(sandboxed.context, { epay, sandbox: true })
    const buy = {
      item: quotePackage(sandboxed.context, 'package_100'),
      channelUuid: null,
      method: 'wxpay',
      returnUrl: '',
      idempotencyKey: null,
      origin: { ip: null, device: null },
    }
    await assert.rejects(createOrder(sandboxed.context, { accountId }, buy), { code: 'gateway_failed' })
  } finally {
    await sandboxed.close()
  }
})

test('a key is replaced while orders are open: the old one vouches for those, for a day, and for none after', async () => {
  const rotated = await buildSite({
    gateways: [createEpay(createOutbound({ allow: ['127.0.0.1/32'] }))],
    preset: { gatewayOptions: { epay: { mode: 'submit' } } },
  })
  const epay = await startEpayStandIn()
  const successor = await startEpayStandIn({ key: 'the-next-key-0123456789abcdefghij' })
  const { context } = rotated
  try {
    const added = await addChannel(context, {
      name: 'epay',
      gateway: 'epay',
      url: epay.url,
      merchant: epay.pid,
      secret: epay.key,
      options: {},
      methods: ['alipay'],
    })
    const { accountId } = await createUser(context, units(0))
    const buy = () =>
      createOrder(
        context,
        { accountId },
        {
          item: quotePackage(context, 'package_100'),
          channelUuid: added.uuid,
          method: 'alipay',
          returnUrl: 'https://shop.example.com/back',
          idempotencyKey: null,
          origin: { ip: null, device: null },
        },
      )
    const balance = async () => (await readBalance(context, { accountId })).available
    /** What a gateway with one key or the other sends of an order. */
    const deliver = async (made: Order, by: EpayStandIn) => {
      by.orders.set(made.tradeNumber, {
        trade_no: `2026${made.id}`,
        out_trade_no: made.tradeNumber,
        type: made.method,
        name: made.name,
        money: '2.00',
        notify_url: '',
        return_url: '',
        status: 1,
        refunded: false,
      })
      const answer = await takeNotification(context, added.uuid, by.notification(made.tradeNumber))
      return answer?.body
    }
    const [beforehand, late, polled, dayAfter, elsewhere] = [
      await buy(),
      await buy(),
      await buy(),
      await buy(),
      await buy(),
    ]
    assert.ok(beforehand && late && polled && dayAfter && elsewhere)
    await updateChannel(context, added.id, { secret: SECRET_MASK, urls: ['', epay.url], merchant: '' })
    const [kept] = await listChannels(context)
    assert.equal(kept?.accountVersion, 1, 'a mask and what is the same change nothing')

    await updateChannel(context, added.id, { secret: successor.key })
    assert.equal(await deliver(beforehand, epay), 'success', 'signed with the old key before it was replaced')
    assert.equal(await balance(), units(100))
    assert.equal(await deliver(late, successor), 'success', "the same merchant's new key vouches for it too")
    assert.equal(await balance(), units(200))

    const afterwards = await buy()
    assert.equal(
      await deliver(afterwards, epay),
      'fail',
      'a replaced key vouches for nothing that came after it',
    )
    assert.equal(await deliver(afterwards, successor), 'success')
    assert.equal(await balance(), units(300))

    await context.db.rows(
      statement(
        'a day passes',
        `update retired_channel_account set retired_at = retired_at - interval '25 hours'`,
      ),
      [],
    )
    assert.equal(await deliver(dayAfter, epay), 'fail', 'a day later the old key is worth nothing')
    assert.equal(await deliver(dayAfter, successor), 'success')
    assert.equal(await balance(), units(400))

    // Another merchant altogether: it vouches for its own orders, and the old ones are asked after at the old one.
    await updateChannel(context, added.id, { merchant: '4004', secret: 'a key of another merchant' })
    assert.equal(await deliver(elsewhere, successor), 'success')
    await updateChannel(context, added.id, { merchant: epay.pid, secret: epay.key })
    await updateChannel(context, added.id, { urls: [successor.url], merchant: '4004' })
    await fetch(polled.payUrl ?? '')
    epay.pay(polled.tradeNumber)
    await context.db.rows(
      statement('poll this', 'update payment_order set next_poll_at = now() where id = $1'),
      [polled.id],
    )
    await pollOrders(context)
    assert.equal((await readOrderById(context, polled.id)).state, 'paid')
    assert.equal(await balance(), units(600))
    assert.deepEqual(await verifyLedger(context), [])
  } finally {
    await rotated.close()
    await epay.close()
    await successor.close()
  }
})

test('a channel that is named must exist, be enabled and take the method; an amount has its bounds; no order is made', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const { id, uuid } = await addEpay()
  const buy = (changes: { channelUuid?: string; method?: string; priceFen?: bigint }) =>
    createOrder(
      site.context,
      { accountId },
      {
        item: { kind: 'credits', name: 'Topup', credits: units(1), priceFen: fen(changes.priceFen ?? 100n) },
        channelUuid: changes.channelUuid ?? uuid,
        method: changes.method ?? 'alipay',
        returnUrl: 'https://shop.example.com/back',
        idempotencyKey: null,
        origin: { ip: null, device: null },
      },
    )
  await assert.rejects(buy({ channelUuid: '00000000-0000-4000-8000-000000000000' }), {
    code: 'channel_not_found',
  })
  await assert.rejects(buy({ channelUuid: "' or true --" }), { code: 'channel_not_found' })
  await assert.rejects(buy({ method: 'qqpay' }), { code: 'payment_method_refused' })
  for (const priceFen of [0n, -1n, 10_000_001n]) {
    await assert.rejects(buy({ priceFen }), { code: 'input_invalid' })
  }
  await enableChannel(site.context, id, false)
  await assert.rejects(buy({}), { code: 'channel_disabled' })
  await deleteChannel(site.context, id)
  await assert.rejects(buy({}), { code: 'channel_not_found' })
  const [count] = await site.context.db.rows<{ orders: bigint }>(
    statement('orders made', 'select count(*) as orders from payment_order where account_id = $1'),
    [accountId],
  )
  assert.equal(count?.orders, 0n)
})
