import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import {
  type EpayStandIn,
  type Misbehaviour,
  type Mutation,
  startEpayStandIn,
} from '../../../test/gateways/epay-stand-in.ts'
import { anOrder, refusal, testGateway } from '../../../test/gateways/gateway-suite.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import type {
  Checkout,
  GatewayAccount,
  GatewayErrorKind,
  GatewayRefund,
  RawNotification,
} from '../../kernel/ports/gateway.ts'
import type { Outbound, OutboundRequest } from '../../kernel/ports/outbound.ts'
import { createEpay } from './epay.ts'
import { isSameSignature, signEpay } from './signature.ts'

/** The real way out, in less time where a test waits for it. */
const real = createOutbound({ allow: ['127.0.0.0/8'] })
let timeoutMs: number | null = null
const outbound: Outbound = (url, request: OutboundRequest) =>
  real(url, timeoutMs === null ? request : { ...request, timeoutMs })
const epay = createEpay(outbound)

let standIn: EpayStandIn
let account: GatewayAccount

before(async () => {
  standIn = await startEpayStandIn()
  account = { url: standIn.url, merchant: standIn.pid, secret: standIn.key, options: {} }
})
afterEach(() => {
  standIn.misbehaves(null)
  timeoutMs = null
})
after(() => standIn.close())

const withOptions = (options: Record<string, string>): GatewayAccount => ({ ...account, options })

async function open(): Promise<GatewayRefund> {
  const { tradeNumber, amountFen, ...order } = anOrder()
  const { gatewayTrade } = await epay.create(account, { ...order, tradeNumber, amountFen })
  return { tradeNumber, gatewayTrade: gatewayTrade ?? '', amountFen, refundNumber: `${tradeNumber}_refund` }
}

async function openAndPay(): ReturnType<typeof open> {
  const order = await open()
  standIn.pay(order.tradeNumber)
  return order
}

testGateway('epay', async () => {
  const behind = await startEpayStandIn({ pid: '1002' })
  const gone = await startEpayStandIn()
  await gone.close()
  const own = { url: behind.url, merchant: behind.pid, secret: behind.key, options: {} }
  return {
    gateway: epay,
    account: own,
    secrets: [own.secret],
    otherSecrets: [`${own.secret} `],
    pay: behind.pay,
    notification: (tradeNumber, { isPaid }) =>
      behind.notification(tradeNumber, isPaid ? {} : { mutate: 'trade-closed' }),
    isAskable: true,
    unreachable: { ...own, url: gone.url },
    close: behind.close,
  }
})

describe('the signature of epay V1', () => {
  const KEY = '89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i'
  const PLAIN = { keyPrefix: '', isZeroEmpty: false } as const
  const ORDER: readonly (readonly [string, string])[] = [
    ['type', 'alipay'],
    ['pid', '1001'],
    ['out_trade_no', 'T202611200001'],
    ['notify_url', 'https://app.example.com/api/pay/epay/notify'],
    ['return_url', 'https://app.example.com/pay/return'],
    ['name', 'VIP会员'],
    ['money', '9.90'],
  ]

  test('is that of the worked examples (protocols.md 1.1)', () => {
    assert.equal(signEpay(ORDER, KEY, PLAIN), '566d81f059730efa2f595d4dbf106a27')
    const mapi = [...ORDER, ['clientip', '203.0.113.7'], ['device', 'pc']] as const
    assert.equal(signEpay(mapi, KEY, PLAIN), 'f73e893bcc0a92c5bb9c7a7e118ac5cc')
  })

  test('leaves out sign, sign_type and what is empty', () => {
    const more = [...ORDER, ['sign', 'x'], ['sign_type', 'MD5'], ['param', '']] as const
    assert.equal(signEpay(more, KEY, PLAIN), '566d81f059730efa2f595d4dbf106a27')
  })

  test('has its quirks', () => {
    const zero = [...ORDER, ['param', '0']] as const
    assert.notEqual(signEpay(zero, KEY, PLAIN), signEpay(ORDER, KEY, PLAIN))
    assert.equal(signEpay(zero, KEY, { ...PLAIN, isZeroEmpty: true }), signEpay(ORDER, KEY, PLAIN))
    assert.equal(
      signEpay(ORDER, KEY, { ...PLAIN, keyPrefix: '&key=' }),
      signEpay(ORDER, `&key=${KEY}`, PLAIN),
    )
  })

  test('is never made without a key', () => assert.throws(() => signEpay(ORDER, '', PLAIN), RangeError))

  test('is compared whole, whatever its case', () => {
    const right = '566d81f059730efa2f595d4dbf106a27'
    assert.ok(isSameSignature(right, right))
    assert.ok(isSameSignature(right.toUpperCase(), right))
    for (const wrong of [
      '',
      right.slice(1),
      `${right}0`,
      ` ${right}`,
      right.replace('5', '6'),
      '会'.repeat(32),
    ]) {
      assert.ok(!isSameSignature(wrong, right), wrong)
    }
  })

  test('makes the golden notification readable', () => {
    const query =
      'money=9.90&name=VIP%E4%BC%9A%E5%91%98&out_trade_no=T202611200001&pid=1001' +
      '&trade_no=2026112020450012345&trade_status=TRADE_SUCCESS&type=alipay&param=' +
      '&sign=406c5fe1a5f45d323ce5aa1b13ea584c&sign_type=MD5'
    const golden = { url: 'https://pay.example.com', merchant: '1001', secret: KEY, options: {} }
    const expected = {
      tradeNumber: 'T202611200001',
      gatewayTrade: '2026112020450012345',
      merchant: '1001',
      amount: '9.90',
      currency: 'CNY',
      isPaid: true,
    }
    const get = { method: 'GET', query, contentType: '', body: '', headers: {} }
    assert.deepEqual(epay.readNotification(golden, get), expected)
    const post = {
      method: 'POST',
      query: '',
      contentType: 'application/x-www-form-urlencoded; charset=UTF-8',
      body: query,
      headers: {},
    }
    assert.deepEqual(epay.readNotification(golden, post), expected)
  })
})

describe('opening an epay order', () => {
  test('posts a signed form to mapi.php', async () => {
    const order = anOrder()
    const checkout = await epay.create(account, order)
    const { method, path, query, form } = standIn.requests.at(-1) ?? assert.fail('nothing was asked')
    assert.deepEqual([method, path, query], ['POST', '/mapi.php', ''])
    const { sign, ...rest } = form
    assert.match(sign ?? '', /^[0-9a-f]{32}$/)
    assert.deepEqual(rest, {
      pid: '1001',
      type: 'alipay',
      out_trade_no: order.tradeNumber,
      notify_url: order.notifyUrl,
      return_url: order.returnUrl,
      name: 'VIP会员',
      money: '9.90',
      clientip: '203.0.113.7',
      device: 'pc',
      sign_type: 'MD5',
    })
    const trade = standIn.orders.get(order.tradeNumber)?.trade_no
    assert.deepEqual(checkout, {
      payUrl: `${standIn.url}/pay/${trade}`,
      qrCode: `weixin://wxpay/bizpayurl?pr=${trade}`,
      gatewayTrade: trade,
    })
  })

  test('leaves the method out when the payer may choose', async () => {
    await epay.create(account, anOrder({ method: '' }))
    assert.ok(!Object.hasOwn(standIn.requests.at(-1)?.form ?? {}, 'type'))
  })

  test('takes a base address with a slash at its end', async () => {
    await epay.create({ ...account, url: `${standIn.url}/` }, anOrder())
    assert.equal(standIn.requests.at(-1)?.path, '/mapi.php')
  })

  const NAMES: readonly (readonly [string, string])[] = [
    ['会'.repeat(43), '会'.repeat(42)],
    [`x${'会'.repeat(43)}`, `x${'会'.repeat(42)}`],
    ['a'.repeat(200), 'a'.repeat(127)],
    ['😀'.repeat(40), '😀'.repeat(31)],
    ['A&B', 'A＆B'],
    ['two\r\nlines', 'two lines'],
  ]
  for (const [name, sent] of NAMES) {
    test(`sends ${JSON.stringify(name.slice(0, 12))} as ${Buffer.byteLength(sent)} bytes`, async () => {
      await epay.create(account, anOrder({ name }))
      assert.equal(standIn.requests.at(-1)?.form.name, sent)
    })
  }

  const SHAPES: readonly (readonly [Misbehaviour, (trade: string) => Partial<Checkout>])[] = [
    ['bom', (trade) => ({ gatewayTrade: trade })],
    ['slow', (trade) => ({ gatewayTrade: trade })],
    ['code-as-text', (trade) => ({ gatewayTrade: trade })],
    [
      'relative-paths',
      (trade) => ({ payUrl: `${standIn.url}/pay/${trade}`, qrCode: `${standIn.url}/qr/${trade}` }),
    ],
    ['o-id', (trade) => ({ payUrl: `${standIn.url}/pay/${trade}`, qrCode: null, gatewayTrade: trade })],
  ]
  for (const [how, expected] of SHAPES) {
    test(`understands an answer with ${how}`, async () => {
      standIn.misbehaves(how)
      const order = anOrder()
      const checkout = await epay.create(account, order)
      const trade = standIn.orders.get(order.tradeNumber)?.trade_no ?? ''
      assert.deepEqual(checkout, { ...checkout, ...expected(trade) })
    })
  }

  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-404', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'ambiguous'],
    ['redirect', 'ambiguous'],
    ['cut', 'ambiguous'],
    ['hang', 'ambiguous'],
    ['html', 'ambiguous'],
    ['empty', 'ambiguous'],
    ['wrong-json', 'ambiguous'],
    ['no-links', 'ambiguous'],
    ['bad-links', 'ambiguous'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when the gateway does ${how}`, async () => {
      standIn.misbehaves(how)
      timeoutMs = 300
      const asked = standIn.requests.length
      await refusal(epay.create(account, anOrder()), kind)
      assert.equal(standIn.requests.length, asked + 1, 'it was asked once')
    })
  }

  test('repeats the words of a refusal in one line, without the key', async () => {
    standIn.misbehaves('echo-key')
    const { message } = await refusal(epay.create(account, anOrder()), 'refused')
    assert.equal(message, 'epay refused: bad request: key=*** see line 2')
  })

  test('is refused with another key', async () => {
    await refusal(epay.create({ ...account, secret: 'wrong' }, anOrder()), 'refused')
  })

  test('in submit mode makes a signed address and calls nobody', async () => {
    const asked = standIn.requests.length
    const order = anOrder({ name: '会员 & more' })
    const checkout = await epay.create(withOptions({ mode: 'submit' }), order)
    assert.equal(standIn.requests.length, asked)
    assert.equal(checkout.qrCode, null)
    assert.equal(checkout.gatewayTrade, null)
    const url = new URL(checkout.payUrl ?? '')
    assert.equal(url.origin + url.pathname, `${standIn.url}/submit.php`)
    assert.ok(!url.href.includes(account.secret))
    await fetch(url)
    assert.equal(standIn.orders.get(order.tradeNumber)?.money, '9.90', 'the gateway accepts it')
  })

  for (const options of [{ mode: 'mobile' }, { mod: 'submit' }, { query: '' }, { constructor: 'x' }]) {
    test(`refuses the options ${JSON.stringify(options)} before anything is sent`, async () => {
      const asked = standIn.requests.length
      await refusal(epay.create(withOptions(options), anOrder()), 'unavailable')
      assert.equal(standIn.requests.length, asked)
    })
  }
})

describe('asking epay after an order', () => {
  const asks = async (options: Record<string, string>, tradeNumber: string) => {
    const from = standIn.requests.length
    const report = await epay.query(withOptions(options), tradeNumber)
    return { report, requests: standIn.requests.slice(from) }
  }

  test('posts the key in the body, with nothing secret in the address', async () => {
    const { tradeNumber, gatewayTrade } = await openAndPay()
    const { report, requests } = await asks({}, tradeNumber)
    assert.equal(report?.isPaid, true)
    assert.equal(report?.gatewayTrade, gatewayTrade)
    assert.deepEqual(requests, [
      {
        method: 'POST',
        path: '/api.php',
        query: 'act=order',
        form: { act: 'order', pid: '1001', key: account.secret, out_trade_no: tradeNumber },
      },
    ])
  })

  test('asks again by GET where only the query is read', async () => {
    const { tradeNumber } = await openAndPay()
    standIn.misbehaves('query-string-only')
    const { report, requests } = await asks({}, tradeNumber)
    assert.equal(report?.isPaid, true)
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['POST', 'GET'],
    )
  })

  test('but not when the operator forbids the key in an address', async () => {
    const { tradeNumber } = await openAndPay()
    standIn.misbehaves('query-string-only')
    await refusal(epay.query(withOptions({ query: 'post' }), tradeNumber), 'refused')
    assert.equal(standIn.requests.at(-1)?.method, 'POST')
  })

  test('asks by GET alone, or with a signature in place of the key, when told to', async () => {
    const { tradeNumber } = await openAndPay()
    const get = await asks({ query: 'get' }, tradeNumber)
    assert.equal(get.report?.isPaid, true)
    assert.deepEqual(
      get.requests.map(({ method }) => method),
      ['GET'],
    )
    const signed = await asks({ query: 'signed' }, tradeNumber)
    assert.equal(signed.report?.isPaid, true)
    assert.ok(!JSON.stringify(signed.requests).includes(account.secret))
  })

  for (const how of ['nested', 'trade-status', 'bom'] as const) {
    test(`understands an answer with ${how}`, async () => {
      const { tradeNumber } = await open()
      standIn.misbehaves(how)
      assert.equal((await epay.query(account, tradeNumber))?.isPaid, false)
      standIn.pay(tradeNumber)
      assert.equal((await epay.query(account, tradeNumber))?.isPaid, true)
    })
  }

  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-404', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'unavailable'],
    ['cut', 'unavailable'],
    ['hang', 'unavailable'],
    ['redirect', 'malformed'],
    ['html', 'malformed'],
    ['empty', 'malformed'],
    ['wrong-json', 'malformed'],
    ['other-order', 'malformed'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind}, never ambiguous, when the gateway does ${how}`, async () => {
      const { tradeNumber } = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      await refusal(epay.query(account, tradeNumber), kind)
    })
  }

  test('with another key is refused, and not taken for an unknown order', async () => {
    const { tradeNumber } = await openAndPay()
    await refusal(epay.query({ ...account, secret: 'wrong' }, tradeNumber), 'refused')
  })
})

describe('what other deployments answer', () => {
  let body = ''
  const server = createServer((request, response) => {
    request.resume()
    response.end(body)
  })
  let there: GatewayAccount
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    there = { ...account, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/epay` }
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  for (const msg of [
    '订单号不存在',
    '商户订单号不存在！',
    '未找到该订单',
    '订单不存在或已完成',
    'Order not found',
  ]) {
    test(`${msg} is an unknown order`, async () => {
      body = JSON.stringify({ code: -1, msg })
      assert.equal(await epay.query(there, 'T1'), null)
    })
  }

  for (const msg of ['商户不存在', '商户ID不存在', 'Merchant does not exist', 'Not Found', '']) {
    test(`${msg || 'nothing'} is a refusal`, async () => {
      body = JSON.stringify({ code: -1, msg })
      await refusal(epay.query(there, 'T1'), 'refused')
    })
  }

  test('a long message is cut', async () => {
    body = JSON.stringify({ code: -1, msg: '错'.repeat(10_000) })
    const { message } = await refusal(epay.query(there, 'T1'), 'refused')
    assert.ok(message.length < 250)
  })

  test('a message that says 成功 is no payment', async () => {
    body = '{"code":-1,"msg":"支付成功","status":1,"money":"1.00"}'
    await refusal(epay.query(there, 'T1'), 'refused')
  })

  test('empty data is an unknown order', async () => {
    for (const data of ['null', '[]', '""']) {
      body = `{"code":1,"msg":"ok","data":${data}}`
      assert.equal(await epay.query(there, 'T1'), null)
    }
  })

  test('numbers keep their digits', async () => {
    body =
      '{"code":1.0,"trade_no":20261120204500123451,"out_trade_no":"T1","pid":1001,"money":2.00,"status":1}'
    assert.deepEqual(await epay.query(there, 'T1'), {
      tradeNumber: 'T1',
      gatewayTrade: '20261120204500123451',
      merchant: '1001',
      amount: '2.00',
      currency: 'CNY',
      isPaid: true,
    })
  })

  test('amounts and merchants are reported as they came, for the kernel to refuse', async () => {
    body = '{"code":1,"out_trade_no":"T1","pid":"2002","money":1e2,"status":1}'
    const report = await epay.query(there, 'T1')
    assert.equal(report?.amount, '1e2')
    assert.equal(report?.merchant, '2002')
  })

  for (const status of ['0', '2', '"0"', '""', '"paid"', 'true', 'null', '10', '[1]']) {
    test(`a status of ${status} is not paid`, async () => {
      body = `{"code":1,"out_trade_no":"T1","money":"1.00","status":${status}}`
      assert.equal((await epay.query(there, 'T1'))?.isPaid, false)
    })
  }

  test('an answer without an amount is malformed', async () => {
    body = '{"code":1,"out_trade_no":"T1","status":1}'
    await refusal(epay.query(there, 'T1'), 'malformed')
  })

  test('paths are resolved against the site, or the folder of the gateway', async () => {
    body = '{"code":1,"payurl":"/pay/1","qrcode":"plain-token"}'
    const { origin } = new URL(there.url)
    assert.deepEqual(await epay.create(there, anOrder()), {
      payUrl: `${origin}/pay/1`,
      qrCode: 'plain-token',
      gatewayTrade: null,
    })
    body = '{"code":1,"payurl":"pay.php?id=1"}'
    assert.equal((await epay.create(there, anOrder())).payUrl, `${origin}/epay/pay.php?id=1`)
    body = '{"code":1,"urlscheme":"weixin://dl/business/?ticket=x"}'
    assert.equal((await epay.create(there, anOrder())).payUrl, 'weixin://dl/business/?ticket=x')
  })
})

describe('paying back through epay', () => {
  test('posts the key in the body', async () => {
    const order = await openAndPay()
    await epay.refund(account, order)
    assert.equal(standIn.orders.get(order.tradeNumber)?.refunded, true)
    const { method, query, form } = standIn.requests.at(-1) ?? assert.fail('nothing was asked')
    assert.deepEqual([method, query], ['POST', 'act=refund'])
    assert.deepEqual(form, {
      act: 'refund',
      pid: '1001',
      key: account.secret,
      money: '9.90',
      trade_no: order.gatewayTrade,
    })
  })

  test('tries our number where theirs is unknown, and has one number only when told one', async () => {
    const order = await openAndPay()
    standIn.misbehaves('finds-by-own-number-only')
    const asked = standIn.requests.length
    await epay.refund(account, order)
    assert.equal(standIn.orders.get(order.tradeNumber)?.refunded, true)
    assert.equal(standIn.requests.length, asked + 2)
    const other = await openAndPay()
    standIn.misbehaves('finds-by-trade-no-only')
    await refusal(epay.refund(account, { ...other, gatewayTrade: '' }), 'refused')
    await epay.refund(account, other)
    assert.equal(standIn.orders.get(other.tradeNumber)?.refunded, true)
  })

  test('is refused for what is not paid, unknown, or paid back already', async () => {
    const unpaid = await open()
    await refusal(epay.refund(account, unpaid), 'refused')
    await refusal(epay.refund(account, { ...unpaid, tradeNumber: 'T0', gatewayTrade: 'x' }), 'refused')
    const order = await openAndPay()
    await epay.refund(account, order)
    await refusal(epay.refund(account, order), 'refused')
  })

  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-404', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'ambiguous'],
    ['redirect', 'ambiguous'],
    ['cut', 'ambiguous'],
    ['hang', 'ambiguous'],
    ['html', 'ambiguous'],
    ['empty', 'ambiguous'],
    ['wrong-json', 'ambiguous'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when the gateway does ${how}, and is not repeated`, async () => {
      const order = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      const asked = standIn.requests.length
      await refusal(epay.refund(account, order), kind)
      assert.equal(standIn.requests.length, asked + 1)
    })
  }
})

describe('reading what epay sends', () => {
  const read = (notification: RawNotification) => epay.readNotification(account, notification)

  for (const method of ['GET', 'POST'] as const) {
    test(`a true ${method}`, async () => {
      const { tradeNumber, gatewayTrade } = await openAndPay()
      assert.deepEqual(read(standIn.notification(tradeNumber, { method })), {
        tradeNumber,
        gatewayTrade,
        merchant: '1001',
        amount: '9.90',
        currency: 'CNY',
        isPaid: true,
      })
    })

    const FORGED: readonly Mutation[] = [
      'empty-key',
      'other-key',
      'key-undefined',
      'missing-sign',
      'empty-sign',
      'tampered-money',
    ]
    for (const mutate of FORGED) {
      test(`${mutate} by ${method} is a wrong signature`, async () => {
        const { tradeNumber } = await openAndPay()
        await refusal(() => read(standIn.notification(tradeNumber, { method, mutate })), 'signature')
      })
    }

    for (const mutate of ['repeated-money', 'repeated-sign', 'hidden-parameter'] as const) {
      test(`${mutate} by ${method} is malformed`, async () => {
        const { tradeNumber } = await openAndPay()
        await refusal(() => read(standIn.notification(tradeNumber, { method, mutate })), 'malformed')
      })
    }
  }

  const REPORTED: readonly (readonly [Mutation, Record<string, unknown>])[] = [
    ['wrong-pid', { merchant: '2002' }],
    ['money-more', { amount: '9.91' }],
    ['money-less', { amount: '9.89' }],
    ['money-exponent', { amount: '1e2' }],
    ['money-nan', { amount: 'NaN' }],
    ['money-negative', { amount: '-9.90' }],
    ['money-spaces', { amount: ' 9.90' }],
    ['trade-closed', { isPaid: false }],
    ['unknown-order', { tradeNumber: 'T_nobody_knows' }],
  ]
  for (const [mutate, expected] of REPORTED) {
    test(`${mutate}, truly signed, is reported as it came`, async () => {
      const { tradeNumber } = await openAndPay()
      const report = read(standIn.notification(tradeNumber, { mutate }))
      assert.deepEqual(report, { ...report, ...expected })
    })
  }

  const form = async (change: (text: string) => Partial<RawNotification>): Promise<RawNotification> => {
    const { tradeNumber } = await openAndPay()
    const notification = standIn.notification(tradeNumber)
    return { ...notification, ...change(notification.query) }
  }
  const FORM = 'application/x-www-form-urlencoded'

  test('a query may begin with its question mark', async () => {
    assert.equal(read(await form((text) => ({ query: `?${text}` }))).isPaid, true)
  })

  test('values are decoded once, with + as a space', async () => {
    const order = anOrder({ name: '100%25 off + more' })
    await epay.create(account, order)
    const notification = standIn.notification(order.tradeNumber)
    assert.match(notification.query, /100%2525\+off\+%2B\+more/)
    assert.equal(read(notification).tradeNumber, order.tradeNumber)
  })

  const MALFORMED: readonly (readonly [string, (text: string) => Partial<RawNotification>])[] = [
    ['a query and a body', (text) => ({ method: 'POST', contentType: FORM, body: text })],
    ['a body that is not a form', (text) => ({ query: '', contentType: 'application/json', body: text })],
    ['broken encoding', (text) => ({ query: `${text}&param=%E4%BC` })],
    ['a name encoded twice over', (text) => ({ query: `${text}&mone%79=1` })],
  ]
  for (const [what, change] of MALFORMED) {
    test(`${what} is malformed`, async () => {
      const notification = await form(change)
      await refusal(() => read(notification), 'malformed')
    })
  }

  test('what a notification lacks is malformed, once the signature holds', async () => {
    const facts = {
      out_trade_no: 'T1',
      pid: '1001',
      trade_no: '1',
      trade_status: 'TRADE_SUCCESS',
      money: '1.00',
    }
    const plain = { keyPrefix: '', isZeroEmpty: false } as const
    for (const lacking of Object.keys(facts)) {
      const rest = Object.entries(facts).filter(([name]) => name !== lacking)
      const query = new URLSearchParams([...rest, ['sign', signEpay(rest, account.secret, plain)]]).toString()
      await refusal(() => read({ method: 'GET', query, contentType: '', body: '', headers: {} }), 'malformed')
    }
  })

  test('a name that hides a parameter is malformed though its signature holds', async () => {
    const facts = {
      out_trade_no: 'T1',
      pid: '1001',
      trade_no: '1',
      trade_status: 'TRADE_SUCCESS',
      money: '1.00',
    }
    const params = [...Object.entries(facts), ['a=1&b', '2']] as const
    const sign = signEpay(params, account.secret, { keyPrefix: '', isZeroEmpty: false })
    const query = new URLSearchParams({ ...Object.fromEntries(params), sign }).toString()
    await refusal(() => read({ method: 'GET', query, contentType: '', body: '', headers: {} }), 'malformed')
  })

  test('our own signature on an order cannot be cut into a payment', async () => {
    // A payer who may choose `return_url` reads the signature in the submit.php address (README).
    const returnUrl = 'https://evil.example/?a&trade_no=1&trade_status=TRADE_SUCCESS'
    const order = anOrder({ returnUrl })
    const { payUrl } = await epay.create(withOptions({ mode: 'submit' }), order)
    const signed = new URL(payUrl ?? '').searchParams
    const cut = new URLSearchParams(signed)
    cut.set('return_url', 'https://evil.example/?a')
    cut.set('trade_no', '1')
    cut.set('trade_status', 'TRADE_SUCCESS')
    const hidden = new URLSearchParams(cut)
    hidden.delete('return_url')
    hidden.delete('notify_url')
    hidden.set('name', `VIP会员&notify_url=${order.notifyUrl}`)
    hidden.set('pid', '1001&return_url=https://evil.example/?a')
    for (const attack of [cut, hidden]) {
      const text = [...attack]
        .filter(([name]) => !name.startsWith('sign'))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => [name, value] as const)
      const plain = { keyPrefix: '', isZeroEmpty: false } as const
      assert.equal(signEpay(text, account.secret, plain), signed.get('sign'), 'the signature does fit')
      const notification = { method: 'GET', query: attack.toString(), contentType: '', body: '', headers: {} }
      await refusal(() => read(notification), 'malformed')
    }
  })

  test('a wrong option about something else turns nothing away, one about the signature does', async () => {
    const { tradeNumber } = await openAndPay()
    const notification = standIn.notification(tradeNumber)
    assert.ok(epay.readNotification(withOptions({ mode: 'wrong' }), notification).isPaid)
    await refusal(() => epay.readNotification(withOptions({ signature: 'wrong' }), notification), 'signature')
  })

  test('the stand-in sends to the address of the order, as often as told', async () => {
    const seen: string[] = []
    const shop = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://shop')
      seen.push(`${request.method} ${searchParams.get('trade_status')}`)
      response.end(epay.answers.taken.body)
    })
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve))
    const notifyUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/notify`
    const order = anOrder({ notifyUrl })
    await epay.create(account, order)
    const answers = await standIn.notify(order.tradeNumber, { times: 3 })
    assert.deepEqual(
      answers,
      Array.from({ length: 3 }, () => ({ status: 200, body: 'success' })),
    )
    assert.deepEqual(
      seen,
      Array.from({ length: 3 }, () => 'GET TRADE_SUCCESS'),
    )
    shop.closeAllConnections()
    shop.close()
  })
})
