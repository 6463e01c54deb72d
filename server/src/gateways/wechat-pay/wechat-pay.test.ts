import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { Aes, Decorator, Formatter, Rsa } from 'wechatpay-axios-plugin'
import { anOrder, refusal, testGateway } from '../../../test/gateways/gateway-suite.ts'
import { makeKeys, pemOf } from '../../../test/gateways/self-signed.ts'
import type { Misbehaviour } from '../../../test/gateways/stand-in-server.ts'
import {
  startWechatPayStandIn,
  WECHAT_FORGERIES,
  type WechatMutation,
  type WechatPayStandIn,
} from '../../../test/gateways/wechat-pay-stand-in.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import type { GatewayAccount, GatewayErrorKind, GatewayRefund } from '../../kernel/ports/gateway.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { decryptResource } from './signature.ts'
import { createWechatPay } from './wechat-pay.ts'

/** The real way out, in less time where a test waits for it. */
const real = createOutbound({ allow: ['127.0.0.0/8'] })
let timeoutMs: number | null = null
const outbound: Outbound = (url, request) =>
  real(url, timeoutMs === null ? request : { ...request, timeoutMs })
const wechatPay = createWechatPay(outbound, { refundWaitsMs: [1, 1, 1] })

let standIn: WechatPayStandIn
let account: GatewayAccount
let h5: GatewayAccount

before(async () => {
  standIn = await startWechatPayStandIn()
  account = standIn.account
  h5 = { ...account, options: { mode: 'h5' } }
})
afterEach(() => {
  standIn.misbehaves(null)
  standIn.signsWith('publicKey')
  timeoutMs = null
})
after(() => standIn.close())

for (const mode of ['native', 'h5'] as const) {
  testGateway(`wechat-pay (${mode})`, async () => {
    const behind = await startWechatPayStandIn({ mchid: '1900000002' })
    const elsewhere = await startWechatPayStandIn()
    await elsewhere.close()
    const own = { ...behind.account, options: { mode } }
    const document = JSON.parse(own.secret)
    return {
      gateway: wechatPay,
      account: own,
      secrets: [own.secret, behind.privateKeyPem, behind.privateKeyPem.slice(100, 160), behind.apiV3Key],
      otherSecrets: [
        elsewhere.account.secret,
        JSON.stringify({ ...document, apiV3Key: 'fedcba9876543210fedcba9876543210' }),
      ],
      pay: behind.pay,
      notification: (tradeNumber, { amount, isPaid }) =>
        behind.notification(tradeNumber, {
          changes: {
            amount: { total: Number(amount.replace('.', '')), currency: 'CNY' },
            trade_state: isPaid ? 'SUCCESS' : 'NOTPAY',
          },
        }),
      isAskable: true,
      unreachable: { ...own, url: elsewhere.url },
      close: behind.close,
    }
  })
}

const open = async (): Promise<GatewayRefund> => {
  const { tradeNumber, amountFen, ...order } = anOrder()
  await wechatPay.create(account, { ...order, tradeNumber, amountFen })
  return { tradeNumber, amountFen, gatewayTrade: '', refundNumber: `${tradeNumber}_refund` }
}

const openAndPay = async (): Promise<GatewayRefund> => {
  const order = await open()
  standIn.pay(order.tradeNumber)
  return order
}

test('the worked vector of AEAD_AES_256_GCM opens (protocols.md 2.3), and nothing that differs from it', () => {
  const vector = {
    ciphertext: 'XB6AYUjndFbh+NAj34vT6jX9mbJcV0bdIxf2VusbB7eArrnvM1kld01s1LQvjXDihqOrvhFAjEOYiTHIXg==',
    nonce: 'a1b2c3d4e5f6',
    associatedData: 'transaction',
  }
  const key = '0123456789abcdef0123456789abcdef'
  assert.equal(decryptResource(key, vector), '{"out_trade_no":"T1","trade_state":"SUCCESS"}')
  for (const wrong of [
    { ...vector, associatedData: '' },
    { ...vector, nonce: 'a1b2c3d4e5f7' },
    { ...vector, nonce: 'a1b2c3d4e5f' },
    { ...vector, ciphertext: vector.ciphertext.replace('XB6A', 'XB6B') },
    { ...vector, ciphertext: vector.ciphertext.slice(0, -4) },
    { ...vector, ciphertext: '' },
  ])
    assert.equal(decryptResource(key, wrong), null)
  assert.equal(decryptResource('1123456789abcdef0123456789abcdef', vector), null)
})

describe('what the usual library makes of the same wire', () => {
  const client = (): Decorator => {
    const { serial, privateKey, platform } = JSON.parse(account.secret)
    const certs = Object.fromEntries(
      Object.entries(platform as Record<string, string>).map(([id, pem]) => [id, Rsa.from(pem, 'public')]),
    )
    const setup = { mchid: account.merchant, serial, privateKey, certs, baseURL: account.url }
    return new Decorator(setup)
  }

  test('it can speak with the stand-in, so what the stand-in checks is what WeChat documents', async () => {
    const { tradeNumber } = await openAndPay()
    const path = `v3/pay/transactions/out-trade-no/${tradeNumber}`
    for (const which of ['publicKey', 'certificate'] as const) {
      standIn.signsWith(which)
      const { data } = await client().request(path, 'GET', undefined, { params: { mchid: account.merchant } })
      assert.equal(data.trade_state, 'SUCCESS')
      assert.equal((await wechatPay.query(account, tradeNumber))?.isPaid, true)
    }
  })

  test('it verifies and opens a notification as we do', async () => {
    const { tradeNumber } = await openAndPay()
    const { headers, body } = standIn.notification(tradeNumber)
    const { platform, apiV3Key } = JSON.parse(account.secret)
    const key = Rsa.from(platform[headers['wechatpay-serial'] ?? ''], 'public')
    const text = Formatter.response(
      headers['wechatpay-timestamp'] ?? '',
      headers['wechatpay-nonce'] ?? '',
      body,
    )
    assert.ok(Rsa.verify(text, headers['wechatpay-signature'] ?? '', key))
    const { ciphertext, nonce, associated_data } = JSON.parse(body).resource
    const opened = Aes.AesGcm.decrypt(ciphertext, apiV3Key, nonce, associated_data)
    assert.equal(opened, decryptResource(apiV3Key, { ciphertext, nonce, associatedData: associated_data }))
    assert.equal(JSON.parse(opened).out_trade_no, tradeNumber)
  })
})

describe('opening a wechat-pay order', () => {
  test('native is a code to scan, of a call that says what is bought and until when', async () => {
    const order = anOrder({ name: '会'.repeat(60) })
    const checkout = await wechatPay.create(account, order)
    assert.match(checkout.qrCode ?? '', /^weixin:\/\/wxpay\/bizpayurl\?pr=/)
    assert.deepEqual([checkout.payUrl, checkout.gatewayTrade], [null, null])
    const { path, body } = standIn.requests.at(-1) ?? assert.fail()
    assert.equal(path, '/v3/pay/transactions/native')
    assert.deepEqual(JSON.parse(body), {
      mchid: account.merchant,
      appid: 'wxd678efh567hg6787',
      description: '会'.repeat(42),
      out_trade_no: order.tradeNumber,
      time_expire: `${new Date(order.expiresAt.getTime() + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`,
      notify_url: order.notifyUrl,
      amount: { total: 990, currency: 'CNY' },
    })
  })

  test('h5 is a link that leads back', async () => {
    const order = anOrder()
    const { payUrl, qrCode } = await wechatPay.create(h5, order)
    assert.equal(qrCode, null)
    assert.match(
      payUrl ?? '',
      /^https:\/\/wx\.tenpay\.com\/cgi-bin\/mmpayweb-bin\/checkmweb\?prepay_id=wx2020\d+&package=1&/,
    )
    assert.equal(new URL(payUrl ?? '').searchParams.get('redirect_url'), order.returnUrl)
    const { scene_info } = JSON.parse(standIn.requests.at(-1)?.body ?? '')
    assert.deepEqual(scene_info, { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } })
  })

  test('our numbers fit what WeChat takes: 6 to 32 of its characters', () => {
    // kernel/payments/create-order.ts makes them: `trade_`, four digits of the installation, 14 of a token.
    const number = `trade_abcd${'A-_z0123456789'}`
    assert.match(number, /^[0-9A-Za-z_\-|*]{6,32}$/)
    assert.match(`${number}_refund`, /^[0-9A-Za-z_\-|*@]{6,64}$/)
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
    ['other-serial', 'ambiguous'],
    ['other-body', 'ambiguous'],
    ['stale', 'ambiguous'],
    ['no-place', 'ambiguous'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when wechat does ${how}`, async () => {
      standIn.misbehaves(how)
      timeoutMs = 300
      const asked = standIn.requests.length
      await refusal(wechatPay.create(account, anOrder()), kind)
      assert.equal(standIn.requests.length, asked + 1, 'it was asked once')
    })
  }

  test('a slow answer is an answer', async () => {
    standIn.misbehaves('slow')
    assert.ok((await wechatPay.create(account, anOrder())).qrCode)
  })

  test('an answer that echoes the authorization and the key is not repeated', async () => {
    standIn.misbehaves('echo')
    const error = await refusal(wechatPay.create(account, anOrder()), 'refused')
    assert.equal(error.message, 'wechat-pay refused: PARAM_ERROR bad *** *** ***')
    const signature = /signature="([^"]+)"/.exec(standIn.requests.at(-1)?.headers.authorization ?? '')?.[1]
    const shown = inspect(error, { depth: 9 })
    assert.ok(signature && !shown.includes(signature) && !shown.includes(standIn.apiV3Key))
  })
})

describe('asking wechat-pay after an order', () => {
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
    ['other-serial', 'signature'],
    ['other-body', 'signature'],
    ['stale', 'signature'],
    ['wrong-json', 'malformed'],
    ['other-order', 'malformed'],
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind}, never ambiguous, when wechat does ${how}`, async () => {
      const { tradeNumber } = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      await refusal(wechatPay.query(account, tradeNumber), kind)
    })
  }

  test('signs the path with its query and an empty body', async () => {
    const { tradeNumber } = await openAndPay()
    const report = await wechatPay.query(account, tradeNumber)
    assert.equal(report?.gatewayTrade, standIn.transactions.get(tradeNumber)?.transaction_id)
    const { method, target, body, headers } = standIn.requests.at(-1) ?? assert.fail()
    assert.deepEqual(
      [method, target, body, headers['wechatpay-serial']],
      [
        'GET',
        `/v3/pay/transactions/out-trade-no/${tradeNumber}?mchid=1900000001`,
        '',
        standIn.serials.publicKey,
      ],
    )
  })

  test('with another private key is refused, and not taken for an unknown order', async () => {
    const { tradeNumber } = await openAndPay()
    const other = pemOf.privateKey(makeKeys().privateKey)
    const secret = JSON.stringify({ ...JSON.parse(account.secret), privateKey: other })
    await refusal(wechatPay.query({ ...account, secret }, tradeNumber), 'refused')
  })
})

describe('paying back through wechat-pay', () => {
  test('is done when WeChat says so, a moment after it took it', async () => {
    const order = await openAndPay()
    const gatewayTrade = standIn.transactions.get(order.tradeNumber)?.transaction_id ?? ''
    await wechatPay.refund(account, { ...order, gatewayTrade })
    const [taken, asked] = standIn.requests.slice(-2)
    assert.deepEqual(JSON.parse(taken?.body ?? ''), {
      transaction_id: gatewayTrade,
      out_refund_no: order.refundNumber,
      amount: { refund: 990, total: 990, currency: 'CNY' },
    })
    assert.equal(asked?.path, `/v3/refund/domestic/refunds/${order.refundNumber}`)
  })

  test('one under way is ambiguous, and found done by asking later', async () => {
    const order = await openAndPay()
    standIn.misbehaves('refund-processing')
    await refusal(wechatPay.refund(account, order), 'ambiguous')
    standIn.misbehaves(null)
    assert.equal(await wechatPay.askRefund?.(account, order), 'unknown')
    standIn.settleRefunds()
    assert.equal(await wechatPay.askRefund?.(account, order), 'done')
  })

  test('one that WeChat closed is known not to be done', async () => {
    const order = await openAndPay()
    standIn.misbehaves('refund-closed')
    await refusal(wechatPay.refund(account, order), 'refused')
    assert.equal(await wechatPay.askRefund?.(account, order), 'undone')
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
  ]
  for (const [how, kind] of FAILURES) {
    test(`is ${kind} when wechat does ${how}`, async () => {
      const order = await openAndPay()
      standIn.misbehaves(how)
      timeoutMs = 300
      await refusal(wechatPay.refund(account, order), kind)
    })
  }
})

describe('reading what wechat-pay sends', () => {
  const MALFORMED: ReadonlySet<WechatMutation> = new Set([
    'plain-resource',
    'refund-event',
    'no-amount',
    'other-currency',
  ])
  const REPORTED: Partial<Record<WechatMutation, Record<string, unknown>>> = {
    'wrong-mchid': { merchant: '1900000009' },
    'wrong-appid': { merchant: '1900000001 for wx0000000000000000' },
    'amount-more': { amount: '9.91' },
    'amount-less': { amount: '9.89' },
    'amount-fraction': { amount: '990.5 fen' },
    'amount-exponent': { amount: '2e2 fen' },
    'amount-negative': { amount: '-990 fen' },
    'amount-text': { amount: '990元 fen' },
    'not-paid': { isPaid: false },
    'paid-back': { isPaid: false },
    'unknown-order': { tradeNumber: 'T_nobody_knows' },
  }
  for (const mutate of WECHAT_FORGERIES) {
    const reported = REPORTED[mutate]
    test(`${mutate} ${reported ? 'is reported as it came' : 'is refused'}`, async () => {
      const { tradeNumber } = await openAndPay()
      const notification = standIn.notification(tradeNumber, { mutate })
      if (reported) {
        const report = wechatPay.readNotification(account, notification)
        return assert.deepEqual(report, { ...report, ...reported })
      }
      const kind = MALFORMED.has(mutate) ? 'malformed' : 'signature'
      await refusal(() => wechatPay.readNotification(account, notification), kind)
    })
  }

  for (const which of ['publicKey', 'certificate'] as const) {
    test(`a true one, signed with the key of its ${which}`, async () => {
      standIn.signsWith(which)
      const { tradeNumber } = await openAndPay()
      assert.deepEqual(wechatPay.readNotification(account, standIn.notification(tradeNumber)), {
        tradeNumber,
        gatewayTrade: standIn.transactions.get(tradeNumber)?.transaction_id,
        merchant: '1900000001',
        amount: '9.90',
        currency: 'CNY',
        isPaid: true,
      })
    })
  }

  test('a serial finds its own key only, and no property of an object', async () => {
    const { tradeNumber } = await openAndPay()
    const genuine = standIn.notification(tradeNumber)
    for (const serial of [standIn.serials.certificate, 'constructor', '__proto__', '']) {
      const headers = { ...genuine.headers, 'wechatpay-serial': serial }
      await refusal(() => wechatPay.readNotification(account, { ...genuine, headers }), 'signature')
    }
  })

  test('is believed for five minutes either way, by the clock it is given', async () => {
    const { tradeNumber } = await openAndPay()
    const genuine = standIn.notification(tradeNumber)
    const sentAt = Number(genuine.headers['wechatpay-timestamp']) * 1_000
    for (const [offset, isBelieved] of [
      [-300_000, true],
      [300_000, true],
      [-301_000, false],
      [301_000, false],
    ] as const) {
      const then = createWechatPay(outbound, { now: () => sentAt + offset })
      const read = () => then.readNotification(account, genuine)
      if (isBelieved) assert.ok(read().isPaid)
      else await refusal(read, 'signature')
    }
  })
})

describe('a wechat-pay account', () => {
  const secretWith = (changes: Record<string, unknown>): GatewayAccount => ({
    ...account,
    secret: JSON.stringify({ ...JSON.parse(account.secret), ...changes }),
  })
  const check = (one: GatewayAccount) => wechatPay.checkAccount?.(one)

  test('says what is missing', () => {
    for (const name of ['appid', 'serial', 'privateKey', 'apiV3Key', 'platform']) {
      assert.match(
        check(secretWith({ [name]: undefined })) ?? '',
        new RegExp(`^wechat-pay: .* lacks ${name} `),
      )
    }
    assert.match(check(secretWith({ apiV3Key: 'short' })) ?? '', /apiV3Key of the secret document is not/)
    assert.match(
      check(secretWith({ platform: { PUB_KEY_ID_1: 'x' } })) ?? '',
      /platform PUB_KEY_ID_1 .* not an RSA key/,
    )
    assert.match(check(secretWith({ platform: { 'no serial': 'x' } })) ?? '', /maps serial numbers/)
    assert.match(check({ ...account, secret: 'a key' }) ?? '', /its secret is a JSON document/)
    assert.match(check({ ...account, merchant: 'wx1' }) ?? '', /mchid/)
    assert.equal(check(h5), null)
  })

  test('without a public key asks for no particular signer', async () => {
    const { platform } = JSON.parse(account.secret)
    const { serials } = standIn
    const certified = secretWith({ platform: { [serials.certificate]: platform[serials.certificate] } })
    const { tradeNumber } = await openAndPay()
    standIn.signsWith('certificate')
    assert.equal((await wechatPay.query(certified, tradeNumber))?.isPaid, true)
    assert.equal(standIn.requests.at(-1)?.headers['wechatpay-serial'], undefined)
    standIn.signsWith('publicKey')
    await refusal(wechatPay.query(certified, tradeNumber), 'signature')
  })

  test('serves the methods of its wallet alone', () => {
    const methods = ['alipay', 'wxpay', 'wechat', 'balance']
    assert.deepEqual(
      methods.filter((method) => wechatPay.takesMethod?.(method)),
      ['wxpay', 'wechat'],
    )
  })
})
