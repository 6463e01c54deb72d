import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { inspect } from 'node:util'
import { pino } from 'pino'
import { statement } from '../../src/db/database.ts'
import { createOutbound } from '../../src/files/fetch-remote.ts'
import { createAlipay } from '../../src/gateways/alipay/alipay.ts'
import { createEpay } from '../../src/gateways/epay/epay.ts'
import { createWechatPay } from '../../src/gateways/wechat-pay/wechat-pay.ts'
import { KernelError } from '../../src/kernel/errors.ts'
import { fen } from '../../src/kernel/fen.ts'
import { units } from '../../src/kernel/money.ts'
import { pollOrders } from '../../src/kernel/payments/ask-gateway.ts'
import { addChannel, listChannels, updateChannel } from '../../src/kernel/payments/channels.ts'
import { createOrder } from '../../src/kernel/payments/create-order.ts'
import type { Order } from '../../src/kernel/payments/order.ts'
import { readOrderById } from '../../src/kernel/payments/order.ts'
import { askAfterRefunds, refundOrder } from '../../src/kernel/payments/refund.ts'
import type { GatewayAccount, RawNotification } from '../../src/kernel/ports/gateway.ts'
import { readBalance } from '../../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { ALIPAY_FORGERIES, type AlipayStandIn, startAlipayStandIn } from './alipay-stand-in.ts'
import { type EpayStandIn, type Mutation, startEpayStandIn } from './epay-stand-in.ts'
import { deliver } from './stand-in-server.ts'
import { startWechatPayStandIn, WECHAT_FORGERIES, type WechatPayStandIn } from './wechat-pay-stand-in.ts'

/** The work order's size; `npm run test:payments` runs all of it, CI a tenth. */
const ORDERS = Number(process.env.ORDERS ?? 100)
/** At least so many callbacks that are no payment, at the full size 2,000. */
const LEAST_FORGED = ORDERS * 2

let site: TestSite
let address: string
let epay: EpayStandIn
let alipay: AlipayStandIn
let otherAlipay: AlipayStandIn
let wechatPay: WechatPayStandIn
let otherWechatPay: WechatPayStandIn

/** One channel, and what its gateway sends. */
type Counter = {
  uuid: string
  method: string
  pay: (order: Order) => void | Promise<void>
  genuine: (order: Order) => RawNotification
  forgeries: readonly string[]
  forged: (order: Order, mutate: string) => RawNotification
}
const counters: Counter[] = []

const EPAY_FORGERIES: readonly Mutation[] = [
  'empty-key',
  'other-key',
  'key-undefined',
  'missing-sign',
  'empty-sign',
  'tampered-money',
  'wrong-pid',
  'money-more',
  'money-less',
  'repeated-money',
  'trade-closed',
  'unknown-order',
]

const add = async (
  gateway: string,
  account: GatewayAccount,
  methods: readonly string[],
  options: Record<string, string> = {},
): Promise<string> => {
  const { url, merchant, secret } = account
  const input = { name: gateway, gateway, url, merchant, secret, options, methods: [...methods] }
  return (await addChannel(site.context, input)).uuid
}

before(async () => {
  // One application and merchant each, and strangers who are customers of the same wallets.
  ;[epay, alipay, otherAlipay, wechatPay, otherWechatPay] = await Promise.all([
    startEpayStandIn(),
    startAlipayStandIn(),
    startAlipayStandIn({ appId: '2021000000000777', sellerId: '2088000000000777' }),
    startWechatPayStandIn(),
    startWechatPayStandIn({ mchid: '1900000777', apiV3Key: '777456789abcdef0123456789abcdef7' }),
  ])
  const outbound = createOutbound({ allow: ['127.0.0.1/32'] })
  site = await buildSite({
    gateways: [
      createEpay(outbound),
      createAlipay(outbound),
      createWechatPay(outbound, { refundWaitsMs: [1] }),
    ],
  })
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  const bound = site.app.server.address()
  assert.ok(bound && typeof bound === 'object')
  address = `http://127.0.0.1:${bound.port}`
  site.context.publicUrl = address
  const both = ['alipay', 'wxpay']
  const ofEpay = (uuid: string): Counter => ({
    uuid,
    method: 'alipay',
    pay: ({ tradeNumber }) => epay.pay(tradeNumber),
    genuine: ({ tradeNumber }) => epay.notification(tradeNumber, { method: 'POST' }),
    forgeries: EPAY_FORGERIES,
    forged: ({ tradeNumber }, mutate) => epay.notification(tradeNumber, { mutate: mutate as Mutation }),
  })
  const ofAlipay = (uuid: string, at: AlipayStandIn, follows: boolean): Counter => ({
    uuid,
    method: 'alipay',
    pay: async (order) => {
      if (follows) await visit(order)
      at.pay(order.tradeNumber)
    },
    genuine: ({ tradeNumber }) => at.notification(tradeNumber),
    forgeries: ALIPAY_FORGERIES,
    forged: ({ tradeNumber }, mutate) =>
      at.notification(tradeNumber, { mutate: mutate as (typeof ALIPAY_FORGERIES)[number] }),
  })
  const ofWechat = (uuid: string, at: WechatPayStandIn): Counter => ({
    uuid,
    method: 'wxpay',
    pay: ({ tradeNumber }) => at.pay(tradeNumber),
    genuine: ({ tradeNumber }) => at.notification(tradeNumber),
    forgeries: WECHAT_FORGERIES,
    forged: ({ tradeNumber }, mutate) =>
      at.notification(tradeNumber, { mutate: mutate as (typeof WECHAT_FORGERIES)[number] }),
  })
  const { url, pid, key } = epay
  counters.push(
    ofEpay(await add('epay', { url, merchant: pid, secret: key, options: {} }, both)),
    ofAlipay(await add('alipay', alipay.account, both), alipay, true),
    ofAlipay(await add('alipay', alipay.account, both, { mode: 'qr' }), alipay, false),
    ofAlipay(await add('alipay', otherAlipay.account, both, { mode: 'qr' }), otherAlipay, false),
    ofWechat(await add('wechat-pay', wechatPay.account, both), wechatPay),
    ofWechat(await add('wechat-pay', wechatPay.account, both, { mode: 'h5' }), wechatPay),
    ofWechat(await add('wechat-pay', otherWechatPay.account, both), otherWechatPay),
  )
})
afterEach(() => {
  for (const standIn of [alipay, wechatPay]) standIn.misbehaves(null)
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await Promise.all([epay, alipay, otherAlipay, wechatPay, otherWechatPay].map((standIn) => standIn.close()))
  assert.deepEqual(findings, [], 'the books are true')
})

async function visit({ payUrl }: Order): Promise<void> {
  const page = await fetch(payUrl ?? assert.fail('no place to pay'))
  assert.equal(page.status, 200, await page.text())
}

function buy(accountId: bigint, { uuid, method }: Pick<Counter, 'uuid' | 'method'>): Promise<Order> {
  return createOrder(
    site.context,
    { accountId },
    {
      item: { kind: 'credits', name: '100 & more', credits: units(100), priceFen: fen(200n) },
      channelUuid: uuid,
      method,
      returnUrl: 'https://shop.example.com/back',
      idempotencyKey: null,
      origin: { ip: '203.0.113.7', device: null },
    },
  )
}

const notifyUrl = (uuid: string) => `${address}${site.context.preset.notifyPath(uuid)}`
const available = async (accountId: bigint) => (await readBalance(site.context, { accountId })).available
const stateOf = async ({ id }: Order) => (await readOrderById(site.context, id)).state

/** A small seeded generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function shuffle<T>(list: T[], roll: () => number): void {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(roll() * (last + 1))
    ;[list[last], list[other]] = [list[other] as T, list[last] as T]
  }
}

test(`${LEAST_FORGED} and more forged, replayed, cross-channel, wrong-amount and wrong-merchant callbacks credit nothing, at every gateway`, {
  timeout: 600_000,
}, async (t) => {
  const roll = random(20_261_125)
  const { accountId } = await createUser(site.context, units(0))
  const perCounter = Math.max(3, Math.ceil(ORDERS / counters.length / 4))
  const paid: Order[] = []
  const unpaid: Order[] = []
  const deliveries: (() => Promise<void>)[] = []
  const count = { forged: 0, crossed: 0, replayed: 0, genuine: 0 }

  const wrong = (notification: RawNotification, to: string, what: string) => async (): Promise<void> => {
    const answer = await deliver(notification, to)
    assert.notEqual(answer.status, 200, `${what} was taken`)
  }
  for (const counter of counters) {
    for (let index = 0; index < perCounter; index += 1) {
      const order = await buy(accountId, counter)
      const isPaid = index % 2 === 0
      if (isPaid) await counter.pay(order)
      else if (order.payUrl?.includes('/gateway.do')) await visit(order)
      ;(isPaid ? paid : unpaid).push(order)
      const own = notifyUrl(counter.uuid)
      const mutations = [...counter.forgeries]
      shuffle(mutations, roll)
      for (
        let forged = 0;
        forged < 12 || forged < LEAST_FORGED / (counters.length * perCounter);
        forged += 1
      ) {
        const mutate = mutations[forged % mutations.length] ?? assert.fail()
        deliveries.push(wrong(counter.forged(order, mutate), own, mutate))
        count.forged += 1
      }
      // What is true at its own channel is nothing at any other, of another gateway or of the same one.
      for (const other of counters) {
        if (other === counter) continue
        const elsewhere = notifyUrl(other.uuid)
        deliveries.push(wrong(counter.genuine(order), elsewhere, `one of ${counter.uuid} at ${other.uuid}`))
        count.crossed += 1
      }
      if (!isPaid) continue
      const genuine = counter.genuine(order)
      for (let times = 0; times < 4; times += 1) {
        deliveries.push(async () => {
          const answer = await deliver(genuine, own)
          assert.equal(answer.status, 200, 'a true one was not taken')
        })
        if (times === 0) count.genuine += 1
        else count.replayed += 1
      }
    }
  }
  shuffle(deliveries, roll)
  for (let from = 0; from < deliveries.length; from += 50)
    await Promise.all(deliveries.slice(from, from + 50).map((send) => send()))

  for (const order of paid) assert.equal(await stateOf(order), 'paid')
  for (const order of unpaid) assert.equal(await stateOf(order), 'open')
  assert.equal(await available(accountId), units(100) * BigInt(paid.length))
  const crediting = await site.context.db.rows<{ entries: bigint }>(
    statement(
      'purchases of account',
      `select count(*) as entries from entry where account_id = $1 and kind = 'purchase'`,
    ),
    [accountId],
  )
  assert.equal(crediting[0]?.entries, BigInt(paid.length))
  assert.ok(count.forged + count.crossed + count.replayed >= LEAST_FORGED)
  t.diagnostic(
    `${paid.length + unpaid.length} orders at ${counters.length} channels of 3 gateways: ${count.forged} forged or wrong, ${count.crossed} at another channel, ${count.replayed} repeated, ${count.genuine} true; ${paid.length} credited once`,
  )
})

test('lost notifications of every gateway are found by polling, once', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const orders: Order[] = []
  for (const counter of counters) {
    const order = await buy(accountId, counter)
    await counter.pay(order)
    orders.push(order)
  }
  await due(orders)
  const other = await site.another()
  await Promise.all([pollOrders(site.context), pollOrders(other), pollOrders(site.context)])
  for (const order of orders) assert.equal(await stateOf(order), 'paid')
  assert.equal(await available(accountId), units(100) * BigInt(orders.length))
})

const due = (orders: readonly Order[]) =>
  site.context.db.rows(
    statement('polls of these due', 'update payment_order set next_poll_at = now() where id = any ($1)'),
    [orders.map(({ id }) => id)],
  )
const expire = (orders: readonly Order[]) =>
  site.context.db.rows(
    statement(
      'these expire',
      'update payment_order set expires_at = now(), next_poll_at = now() where id = any ($1)',
    ),
    [orders.map(({ id }) => id)],
  )

test('an order that expires unpaid is closed at its gateway, and one paid in that moment is credited', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const [, paged, , , native] = counters
  assert.ok(paged && native)
  const orders = [await buy(accountId, paged), await buy(accountId, native)]
  const [atAlipay, atWechat] = orders
  assert.ok(atAlipay && atWechat)
  await visit(atAlipay)
  await expire(orders)
  await pollOrders(site.context)
  assert.equal(alipay.trades.get(atAlipay.tradeNumber)?.status, 'TRADE_CLOSED')
  assert.equal(wechatPay.transactions.get(atWechat.tradeNumber)?.trade_state, 'CLOSED')
  assert.deepEqual(await Promise.all(orders.map(stateOf)), ['expired', 'expired'])
  assert.equal(await available(accountId), 0n)

  // Paid between being asked after and being closed: the gateway refuses to close, and is asked once more.
  const late = await buy(accountId, native)
  const { transactions } = wechatPay
  const transaction = transactions.get(late.tradeNumber) ?? assert.fail()
  let asked = 0
  Object.defineProperty(transaction, 'trade_state', { get: () => (asked++ === 0 ? 'NOTPAY' : 'SUCCESS') })
  await expire([late])
  await pollOrders(site.context)
  assert.equal(await stateOf(late), 'paid')
  assert.equal(await available(accountId), units(100))
})

test('a refund under way is never sent again; asking for it once more asks the gateway what became of it', async () => {
  const native = counters[4] ?? assert.fail()
  const { accountId } = await createUser(site.context, units(0))
  const pay = async (): Promise<Order> => {
    const order = await buy(accountId, native)
    await native.pay(order)
    assert.equal((await deliver(native.genuine(order), notifyUrl(native.uuid))).status, 200)
    return order
  }
  const later = ({ id }: Order) =>
    site.context.db.rows(
      statement(
        'two minutes later',
        `update payment_order set updated_at = updated_at - interval '2 minutes' where id = $1`,
      ),
      [id],
    )
  const refundsSent = () =>
    wechatPay.requests.filter(({ path }) => path === '/v3/refund/domestic/refunds').length

  const done = await pay()
  wechatPay.misbehaves('refund-processing')
  const sent = refundsSent()
  await assert.rejects(refundOrder(site.context, done.id, null), { code: 'gateway_failed' })
  await assert.rejects(refundOrder(site.context, done.id, null), { code: 'order_not_refundable' })
  await later(done)
  await assert.rejects(
    refundOrder(site.context, done.id, null),
    { code: 'gateway_failed' },
    'still under way',
  )
  assert.deepEqual([await stateOf(done), await available(accountId)], ['refunding', 0n])
  wechatPay.settleRefunds()
  await later(done)
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => refundOrder(site.context, done.id, null)),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.deepEqual([await stateOf(done), await available(accountId)], ['refunded', 0n])
  assert.equal(refundsSent(), sent + 1)

  // Cut off before it was taken there: found undone, the credits come back, and it can be asked for again.
  const lost = await pay()
  wechatPay.misbehaves('http-500')
  await assert.rejects(refundOrder(site.context, lost.id, null), { code: 'gateway_failed' })
  assert.deepEqual([await stateOf(lost), await available(accountId)], ['refunding', 0n])
  wechatPay.misbehaves(null)
  await later(lost)
  await assert.rejects(refundOrder(site.context, lost.id, null), { code: 'gateway_failed' })
  assert.deepEqual([await stateOf(lost), await available(accountId)], ['paid', units(100)])
  await refundOrder(site.context, lost.id, null)
  assert.deepEqual([await stateOf(lost), await available(accountId)], ['refunded', 0n])
  await deliver(native.genuine(lost), notifyUrl(native.uuid))
  assert.equal(await available(accountId), 0n, 'a refunded order is not credited again')
})

test('a refund that stays under way is asked after by the clock, once in ten minutes and by one process', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const made: Order[] = []
  for (const counter of [counters[0], counters[2], counters[4]]) {
    assert.ok(counter)
    const order = await buy(accountId, counter)
    await counter.pay(order)
    assert.equal((await deliver(counter.genuine(order), notifyUrl(counter.uuid))).status, 200)
    made.push(order)
  }
  epay.misbehaves('cut')
  for (const standIn of [alipay, wechatPay]) standIn.misbehaves('refund-processing')
  for (const { id } of made)
    await assert.rejects(refundOrder(site.context, id, null), { code: 'gateway_failed' })
  epay.misbehaves(null)
  for (const standIn of [alipay, wechatPay]) standIn.misbehaves(null)
  wechatPay.settleRefunds()
  assert.equal(await askAfterRefunds(site.context), 0, 'not yet')
  await site.context.db.rows(
    statement(
      'ten minutes later',
      `update payment_order set updated_at = updated_at - interval '11 minutes' where id = any ($1)`,
    ),
    [made.map(({ id }) => id)],
  )
  const asked = () =>
    wechatPay.requests.filter(({ method, path }) => method === 'GET' && path.includes('refunds'))
  const before = asked().length
  const other = await site.another()
  await Promise.all([askAfterRefunds(site.context), askAfterRefunds(other), askAfterRefunds(site.context)])
  assert.equal(asked().length, before + 1)
  // Alipay never took it, WeChat did it, and epay cannot be asked: that one waits for an operator.
  assert.deepEqual(await Promise.all(made.map(stateOf)), ['refunding', 'paid', 'refunded'])
  assert.equal(await available(accountId), units(100))
  assert.equal(await askAfterRefunds(site.context), 0)
})

test('what a gateway echoes of our authorization and keys reaches no error and no log', async () => {
  const lines: string[] = []
  const log = site.context.log
  const { accountId } = await createUser(site.context, units(0))
  const scanned = [counters[2] ?? assert.fail(), counters[4] ?? assert.fail()]
  const paid = await Promise.all(scanned.map((counter) => buy(accountId, counter)))
  for (const [index, counter] of scanned.entries()) {
    const order = paid[index] ?? assert.fail()
    await counter.pay(order)
    assert.equal((await deliver(counter.genuine(order), notifyUrl(counter.uuid))).status, 200)
  }
  const open = await Promise.all(scanned.map((counter) => buy(accountId, counter)))
  const from = [alipay.requests.length, wechatPay.requests.length] as const
  site.context.log = pino(
    { level: 'trace', serializers: { error: pino.stdSerializers.errWithCause } },
    { write: (line) => void lines.push(line) },
  )
  try {
    for (const standIn of [alipay, wechatPay]) standIn.misbehaves('echo')
    for (const counter of scanned)
      lines.push(inspect(await buy(accountId, counter).catch((error: unknown) => error), { depth: 9 }))
    for (const { id } of paid)
      lines.push(
        inspect(await refundOrder(site.context, id, null).catch((error: unknown) => error), { depth: 9 }),
      )
    await expire(open)
    await pollOrders(site.context)
  } finally {
    site.context.log = log
  }
  const written = lines.join('')
  assert.match(written, /alipay refused: INVALID_PARAMETER bad header \*\*\*/)
  assert.match(written, /wechat-pay refused: PARAM_ERROR bad \*\*\*/)
  assert.match(written, /was not closed at its gateway/)
  const sent = [...alipay.requests.slice(from[0]), ...wechatPay.requests.slice(from[1])]
  assert.ok(sent.length >= 6)
  for (const { headers } of sent) {
    const signature = /sign(?:ature)?="?([A-Za-z0-9+/=]{100,})/.exec(headers.authorization ?? '')?.[1]
    assert.ok(signature !== undefined && !written.includes(signature))
  }
  for (const secret of [wechatPay.apiV3Key, 'PRIVATE KEY', alipay.privateKeyPem.slice(100, 150)])
    assert.ok(!written.includes(secret))
})

test('a channel that its gateway would not understand is refused when it is set up, in a sentence', async () => {
  const { url, merchant, secret } = alipay.account
  const channel = { name: 'x', gateway: 'alipay', url, merchant, secret, options: {}, methods: ['alipay'] }
  const { privateKey: _, ...lacking } = JSON.parse(secret)
  const reasonOf = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof KernelError && error.code === 'input_invalid')
    return 'reason' in error.details ? String(error.details.reason) : ''
  }
  const before = await listChannels(site.context)
  assert.match(
    await reasonOf(addChannel(site.context, { ...channel, secret: JSON.stringify(lacking) })),
    /^alipay: the secret document lacks privateKey \(.+\)\.$/,
  )
  assert.match(await reasonOf(addChannel(site.context, { ...channel, merchant: '1' })), /app_id/)
  assert.match(
    await reasonOf(addChannel(site.context, { ...channel, options: { mode: 'x' } })),
    /mode is one of page, qr/,
  )
  await assert.rejects(addChannel(site.context, { ...channel, methods: ['wxpay'] }), {
    code: 'payment_method_refused',
  })
  assert.equal((await listChannels(site.context)).length, before.length)
  const ours = before.find(({ gateway }) => gateway === 'alipay') ?? assert.fail()
  assert.deepEqual(ours.methods, ['alipay'], 'what it cannot serve is not offered through it')
  assert.match(await reasonOf(updateChannel(site.context, ours.id, { secret: 'a new key' })), /JSON document/)
  await updateChannel(site.context, ours.id, { name: 'another name' })
  const shown = JSON.stringify(await listChannels(site.context), (_name, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  assert.ok(!shown.includes('PRIVATE KEY') && !shown.includes(wechatPay.apiV3Key))
})
