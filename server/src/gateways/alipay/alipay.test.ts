import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { AlipaySdk } from 'alipay-sdk'
import {
  ALIPAY_FORGERIES,
  type AlipayMutation,
  type AlipayStandIn,
  startAlipayStandIn,
} from '../../../test/gateways/alipay-stand-in.ts'
import { anOrder, refusal, testGateway } from '../../../test/gateways/gateway-suite.ts'
import { makeCertificate, makeKeys, pemOf } from '../../../test/gateways/self-signed.ts'
import type { Misbehaviour } from '../../../test/gateways/stand-in-server.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import type {
  Gateway,
  GatewayAccount,
  GatewayErrorKind,
  GatewayRefund,
  RawNotification,
} from '../../kernel/ports/gateway.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { createAlipay } from './alipay.ts'

/** The real way out, in less time where a test waits for it. */
const real = createOutbound({ allow: ['127.0.0.0/8'] })
let timeoutMs: number | null = null
const outbound: Outbound = (url, request) =>
  real(url, timeoutMs === null ? request : { ...request, timeoutMs })
const alipay = createAlipay(outbound)

let standIn: AlipayStandIn
let page: GatewayAccount
let qr: GatewayAccount

before(async () => {
  standIn = await startAlipayStandIn()
  page = standIn.account
  qr = { ...page, options: { mode: 'qr' } }
})
afterEach(() => {
  standIn.misbehaves(null)
  timeoutMs = null
})
after(() => standIn.close())

/** A payer who follows the link: only then Alipay hears of an order. */
const followed: Gateway = {
  ...alipay,
  create: async (account, order) => {
    const checkout = await alipay.create(account, order)
    const reply = await fetch(checkout.payUrl ?? '')
    assert.equal(reply.status, 200, await reply.text())
    return checkout
  },
}

for (const [mode, gateway] of [
  ['page', followed],
  ['qr', alipay],
] as const) {
  testGateway(`alipay (${mode})`, async () => {
    const behind = await startAlipayStandIn({ appId: '2021000000000002' })
    const elsewhere = await startAlipayStandIn()
    await elsewhere.close()
    const own = { ...behind.account, options: { mode } }
    return {
      gateway,
      account: own,
      secrets: [own.secret, behind.privateKeyPem, behind.privateKeyPem.slice(100, 160)],
      otherSecrets: [elsewhere.account.secret],
      pay: behind.pay,
      notification: (tradeNumber, { amount, isPaid }) =>
        behind.notification(tradeNumber, {
          changes: { total_amount: amount, trade_status: isPaid ? 'TRADE_SUCCESS' : 'WAIT_BUYER_PAY' },
        }),
      isAskable: true,
      isUnknownUntilPaid: mode === 'qr',
      unreachable: mode === 'qr' ? { ...own, url: elsewhere.url } : null,
      close: behind.close,
    }
  })
}

const open = async (changes: Parameters<typeof anOrder>[0] = {}): Promise<GatewayRefund> => {
  const order = anOrder(changes)
  await alipay.create(qr, order)
  const { tradeNumber, amountFen } = order
  return { tradeNumber, amountFen, gatewayTrade: '', refundNumber: `${tradeNumber}_refund` }
}

const openAndPay = async (): Promise<GatewayRefund> => {
  const order = await open()
  standIn.pay(order.tradeNumber)
  return order
}

describe('what the official SDK makes of the same wire', () => {
  const sdk = (): AlipaySdk => {
    const secret = JSON.parse(page.secret) as Record<string, string>
    return new AlipaySdk({
      appId: page.merchant,
      privateKey: secret.privateKey ?? '',
      keyType: 'PKCS8',
      alipayPublicKey: secret.alipayPublicKey ?? '',
      gateway: `${page.url}/gateway.do`,
      endpoint: page.url,
      camelcase: false,
    })
  }

  test('it can speak with the stand-in, so what the stand-in checks is what Alipay documents', async () => {
    const tradeNumber = 'AT_by_the_sdk'
    const time_expire = '2099-01-01 00:00:00'
    const body = {
      out_trade_no: tradeNumber,
      total_amount: '9.90',
      subject: 'sdk',
      notify_url: 'http://x.y/',
      time_expire,
    }
    const { data } = await sdk().curl<{ qr_code: string }>('POST', '/v3/alipay/trade/precreate', { body })
    assert.match(data.qr_code, /^https:\/\/qr\.alipay\.com\//)
    standIn.pay(tradeNumber)
    const asked = await sdk().curl<{ trade_status: string }>('POST', '/v3/alipay/trade/query', {
      body: { out_trade_no: tradeNumber },
    })
    assert.equal(asked.data.trade_status, 'TRADE_SUCCESS')
    assert.equal((await alipay.query(qr, tradeNumber))?.isPaid, true)
  })

  test('its page address is taken by the stand-in, as ours is', async () => {
    const url = sdk().pageExecute('alipay.trade.page.pay', 'GET', {
      bizContent: {
        out_trade_no: 'AT_sdk_page',
        total_amount: '9.90',
        subject: 'sdk',
        product_code: 'FAST_INSTANT_TRADE_PAY',
        time_expire: '2099-01-01 00:00:00',
      },
      notifyUrl: 'https://app.example.com/notify',
    })
    assert.equal((await fetch(url)).status, 200)
    assert.equal(standIn.trades.get('AT_sdk_page')?.total_amount, '9.90')
  })

  test('it finds true and false notifications as we do, percent signs and spaces and all', async () => {
    for (const subject of [
      'plain',
      '100% 会员',
      '100%25 + more',
      'a+b%2Bc',
      '％＆=',
      'émoji 😀',
      "it's ~(1)*!",
    ]) {
      const { tradeNumber } = await openAndPay()
      const genuine = standIn.notification(tradeNumber, { changes: { subject } })
      const fields = Object.fromEntries(new URLSearchParams(genuine.body))
      assert.equal(sdk().checkNotifySignV2(fields), true, subject)
      assert.equal(alipay.readNotification(page, genuine).isPaid, true, subject)
      const forged = { ...genuine, body: genuine.body.replace('total_amount=9.90', 'total_amount=9.91') }
      assert.equal(sdk().checkNotifySignV2(Object.fromEntries(new URLSearchParams(forged.body))), false)
      await refusal(() => alipay.readNotification(page, forged), 'signature')
    }
  })
})

describe('opening an alipay order', () => {
  test('a page address is signed over what is bought, and calls nobody', async () => {
    const asked = standIn.requests.length
    const order = anOrder({ name: 'VIP & 会员=1/2 100%' })
    const { payUrl, qrCode, gatewayTrade } = await alipay.create(page, order)
    assert.deepEqual([qrCode, gatewayTrade, standIn.requests.length], [null, null, asked])
    const url = new URL(payUrl ?? '')
    assert.equal(url.origin + url.pathname, `${standIn.url}/gateway.do`)
    assert.equal(url.searchParams.get('notify_url'), order.notifyUrl)
    assert.equal(url.searchParams.get('return_url'), order.returnUrl)
    assert.deepEqual(JSON.parse(url.searchParams.get('biz_content') ?? ''), {
      out_trade_no: order.tradeNumber,
      total_amount: '9.90',
      subject: 'VIP ＆ 会员＝1／2 100%',
      product_code: 'FAST_INSTANT_TRADE_PAY',
      time_expire: new Date(order.expiresAt.getTime() + 8 * 3_600_000)
        .toISOString()
        .slice(0, 19)
        .replace('T', ' '),
    })
    assert.equal((await fetch(url)).status, 200)
    url.searchParams.set('biz_content', url.searchParams.get('biz_content')?.replace('9.90', '0.01') ?? '')
    assert.equal((await fetch(url)).status, 400, 'what was signed cannot be changed')
  })

  test('a code to scan comes of a signed call', async () => {
    const order = anOrder()
    const checkout = await alipay.create(qr, order)
    assert.match(checkout.qrCode ?? '', /^https:\/\/qr\.alipay\.com\//)
    assert.deepEqual([checkout.payUrl, checkout.gatewayTrade], [null, null])
    assert.equal(standIn.requests.at(-1)?.path, '/v3/alipay/trade/precreate')
    assert.equal(standIn.trades.get(order.tradeNumber)?.notify_url, order.notifyUrl)
  })

  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'ambiguous'],
    ['system-error', 'ambiguous'],
    ['late-500', 'ambiguous'],
    ['redirect', 'ambiguous'],
    ['cut', 'ambiguous'],
    ['hang', 'ambiguous'],
    ['html', 'ambiguous'],
    ['wrong-json', 'ambiguous'],
    ['unsigned', 'ambiguous'],
    ['other-key', 'ambiguous'],
    ['other-body', 'ambiguous'],
    ['other-order', 'ambiguous'],
    ['no-place', 'ambiguous'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when alipay does ${how}`, async () => {
      standIn.misbehaves(how)
      timeoutMs = 300
      const asked = standIn.requests.length
      await refusal(alipay.create(qr, anOrder()), kind)
      assert.equal(standIn.requests.length, asked + 1, 'it was asked once')
    })
  }

  test('a slow answer is an answer', async () => {
    standIn.misbehaves('slow')
    assert.ok((await alipay.create(qr, anOrder())).qrCode)
  })

  test('an answer that echoes the authorization is not repeated', async () => {
    standIn.misbehaves('echo')
    const error = await refusal(alipay.create(qr, anOrder()), 'refused')
    const { authorization = '' } = standIn.requests.at(-1)?.headers ?? {}
    const shown = inspect(error, { depth: 9 })
    assert.equal(error.message, 'alipay refused: INVALID_PARAMETER bad header *** ***')
    assert.ok(!shown.includes(authorization.split('sign=')[1] ?? 'missing') && !shown.includes('PRIVATE KEY'))
  })
})

describe('asking alipay after an order', () => {
  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'unavailable'],
    ['system-error', 'unavailable'],
    ['cut', 'unavailable'],
    ['hang', 'unavailable'],
    ['redirect', 'malformed'],
    ['html', 'signature'],
    ['unsigned', 'signature'],
    ['other-key', 'signature'],
    ['other-body', 'signature'],
    ['wrong-json', 'malformed'],
    ['other-order', 'malformed'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind}, never ambiguous, when alipay does ${how}`, async () => {
      const { tradeNumber } = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      await refusal(alipay.query(qr, tradeNumber), kind)
    })
  }

  for (const [status, isPaid] of [
    ['TRADE_SUCCESS', true],
    ['TRADE_FINISHED', true],
    ['WAIT_BUYER_PAY', false],
    ['TRADE_CLOSED', false],
  ] as const) {
    test(`${status} is ${isPaid ? 'paid' : 'not paid'}, asked or told`, async () => {
      const { tradeNumber } = await open()
      const trade = standIn.trades.get(tradeNumber) ?? assert.fail()
      trade.status = status
      assert.equal((await alipay.query(qr, tradeNumber))?.isPaid, isPaid)
      const notification = standIn.notification(tradeNumber, { changes: { trade_status: status } })
      assert.equal(alipay.readNotification(qr, notification).isPaid, isPaid)
    })
  }

  test('with another private key is refused, and not taken for an unknown order', async () => {
    const { tradeNumber } = await openAndPay()
    const secret = JSON.stringify({
      ...JSON.parse(qr.secret),
      privateKey: pemOf.privateKey(makeKeys().privateKey),
    })
    await refusal(alipay.query({ ...qr, secret }, tradeNumber), 'refused')
  })
})

describe('paying back through alipay', () => {
  test('asks with its own number when that is known, and repeats nothing by itself', async () => {
    const order = await openAndPay()
    const trade = standIn.trades.get(order.tradeNumber) ?? assert.fail()
    await alipay.refund(qr, { ...order, gatewayTrade: trade.trade_no })
    assert.deepEqual([...trade.refunds], [[order.refundNumber, '9.90']])
    assert.deepEqual(JSON.parse(standIn.requests.at(-1)?.body ?? ''), {
      trade_no: trade.trade_no,
      refund_amount: '9.90',
      out_request_no: order.refundNumber,
    })
  })

  const FAILURES: readonly (readonly [Misbehaviour, GatewayErrorKind])[] = [
    ['refuses', 'refused'],
    ['http-429', 'unavailable'],
    ['http-500', 'ambiguous'],
    ['system-error', 'ambiguous'],
    ['late-500', 'ambiguous'],
    ['cut', 'ambiguous'],
    ['hang', 'ambiguous'],
    ['unsigned', 'ambiguous'],
    ['other-key', 'ambiguous'],
    ['refund-processing', 'ambiguous'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when alipay does ${how}`, async () => {
      const order = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      await refusal(alipay.refund(qr, order), kind)
    })
  }

  test('one that was done and whose answer was lost is found by asking', async () => {
    const order = await openAndPay()
    standIn.misbehaves('cut')
    await refusal(alipay.refund(qr, order), 'ambiguous')
    standIn.misbehaves(null)
    assert.equal(await alipay.askRefund?.(qr, order), 'done')
  })

  test('nothing is paid back of a finished trade', async () => {
    const order = await openAndPay()
    ;(standIn.trades.get(order.tradeNumber) ?? assert.fail()).status = 'TRADE_FINISHED'
    const { message } = await refusal(alipay.refund(qr, order), 'refused')
    assert.match(message, /ACQ\.TRADE_HAS_FINISHED/)
  })
})

describe('reading what alipay sends', () => {
  const SIGNATURE: ReadonlySet<AlipayMutation> = new Set([
    'other-key',
    'app-key',
    'missing-sign',
    'empty-sign',
    'sha1',
    'no-sign-type',
    'tampered-amount',
    'tampered-order',
  ])
  const MALFORMED: ReadonlySet<AlipayMutation> = new Set([
    'repeated-amount',
    'repeated-sign',
    'by-get',
    'as-json',
    'hidden-parameter',
  ])
  const REPORTED: Partial<Record<AlipayMutation, Record<string, unknown>>> = {
    'wrong-app': { merchant: '2021000000000009' },
    'wrong-seller': { merchant: '2021000000000001 for 2088000000000009' },
    'amount-more': { amount: '9.91' },
    'amount-less': { amount: '9.89' },
    'amount-exponent': { amount: '2e0' },
    'amount-nan': { amount: 'NaN' },
    'amount-negative': { amount: '-9.90' },
    'amount-spaces': { amount: ' 9.90' },
    closed: { isPaid: false },
    waiting: { isPaid: false },
    'unknown-order': { tradeNumber: 'T_nobody_knows' },
    'paid-back': { isPaid: false },
  }
  for (const mutate of ALIPAY_FORGERIES) {
    const reported = REPORTED[mutate]
    test(`${mutate} ${reported ? 'is reported as it came' : 'is refused'}`, async () => {
      const { tradeNumber } = await openAndPay()
      const notification = standIn.notification(tradeNumber, { mutate })
      if (!reported) {
        assert.ok(SIGNATURE.has(mutate) !== MALFORMED.has(mutate), 'this test knows what to expect')
        const kind = SIGNATURE.has(mutate) ? 'signature' : 'malformed'
        await refusal(() => alipay.readNotification(page, notification), kind)
        return
      }
      const report = alipay.readNotification(page, notification)
      assert.deepEqual(report, { ...report, ...reported })
    })
  }

  test('a weaker signature is refused though it is truly Alipay’s', async () => {
    const { tradeNumber } = await openAndPay()
    const genuine = standIn.notification(tradeNumber)
    const fields = Object.fromEntries(new URLSearchParams(genuine.body))
    const { sign: _, sign_type: __, ...rest } = fields
    const text = Object.keys(rest)
      .sort()
      .map((name) => `${name}=${rest[name]}`)
      .join('&')
    const weak = sign('sha1', Buffer.from(text), standIn.alipayKeys.privateKey).toString('base64')
    for (const sign_type of ['RSA', 'RSA2', 'constructor']) {
      const body = new URLSearchParams({ ...rest, sign_type, sign: weak }).toString()
      await refusal(() => alipay.readNotification(page, { ...genuine, body }), 'signature')
    }
  })

  test('what a notification lacks is malformed, once the signature holds', async () => {
    const facts: Record<string, string> = {
      app_id: page.merchant,
      out_trade_no: 'T1',
      seller_id: '2088000000000001',
      total_amount: '1.00',
      trade_no: '1',
      trade_status: 'TRADE_SUCCESS',
    }
    const signed = (params: Record<string, string>): RawNotification => {
      const names = Object.keys(params).sort()
      const text = names.map((name) => `${name}=${params[name]}`).join('&')
      const signature = sign('sha256', Buffer.from(text), standIn.alipayKeys.privateKey).toString('base64')
      const body = new URLSearchParams({ ...params, sign_type: 'RSA2', sign: signature }).toString()
      return {
        method: 'POST',
        query: '',
        contentType: 'application/x-www-form-urlencoded',
        body,
        headers: {},
      }
    }
    assert.equal(alipay.readNotification(page, signed(facts)).isPaid, true)
    for (const lacking of Object.keys(facts)) {
      const { [lacking]: _, ...rest } = facts
      await refusal(() => alipay.readNotification(page, signed(rest)), 'malformed')
      await refusal(() => alipay.readNotification(page, signed({ ...rest, [lacking]: '' })), 'malformed')
    }
  })
})

describe('an alipay account', () => {
  const secretWith = (changes: Record<string, unknown>): GatewayAccount => ({
    ...page,
    secret: JSON.stringify({ ...JSON.parse(page.secret), ...changes }),
  })
  const check = (account: GatewayAccount) => alipay.checkAccount?.(account)

  test('says what is missing', () => {
    for (const name of ['sellerId', 'privateKey', 'alipayPublicKey']) {
      assert.match(check(secretWith({ [name]: undefined })) ?? '', new RegExp(`^alipay: .* lacks ${name} `))
      assert.match(
        check(secretWith({ [name]: 'x' })) ?? '',
        new RegExp(`${name} of the secret document is not`),
      )
    }
    assert.match(check({ ...page, secret: 'MIIEvQ' }) ?? '', /its secret is a JSON document/)
    assert.match(check({ ...page, merchant: '1001' }) ?? '', /app_id, 16 digits/)
    assert.match(check(secretWith({ appCertSn: '0'.repeat(32) })) ?? '', /lacks alipayRootCertSn/)
  })

  test('takes keys as Alipay’s own tools write them, and a certificate in the place of a key', async () => {
    const bare = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, '')
    const { privateKey, alipayPublicKey } = JSON.parse(page.secret)
    const pkcs1 = standIn.alipayKeys.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    const { pem } = makeCertificate(standIn.alipayKeys)
    const accounts = [
      secretWith({ privateKey: bare(privateKey), alipayPublicKey: bare(alipayPublicKey) }),
      secretWith({ alipayPublicKey: pem, appCertSn: 'a'.repeat(32), alipayRootCertSn: 'b'.repeat(32) }),
    ]
    assert.equal(check(secretWith({ privateKey: bare(pkcs1) })), null)
    for (const account of accounts) {
      assert.equal(check(account), null)
      const { tradeNumber } = await openAndPay()
      assert.equal((await alipay.query(account, tradeNumber))?.isPaid, true)
      assert.ok(alipay.readNotification(account, standIn.notification(tradeNumber)).isPaid)
    }
    assert.equal(standIn.requests.at(-1)?.headers['alipay-root-cert-sn'], 'b'.repeat(32))
  })

  test('needs a key that is long enough', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    assert.match(
      check(secretWith({ privateKey: pemOf.privateKey(short.privateKey) })) ?? '',
      /at least 2048 bits/,
    )
  })

  test('serves the method of its wallet alone', () => {
    const methods = ['alipay', 'wxpay', 'wechat', 'balance']
    assert.deepEqual(
      methods.filter((method) => alipay.takesMethod?.(method)),
      ['alipay'],
    )
  })
})
