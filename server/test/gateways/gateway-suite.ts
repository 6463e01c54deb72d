import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import {
  type Gateway,
  type GatewayAccount,
  GatewayError,
  type GatewayErrorKind,
  type GatewayOrder,
  type RawNotification,
} from '../../src/kernel/ports/gateway.ts'

/** A gateway to test, and the hands to move what is behind it. */
export type GatewayBench = {
  gateway: Gateway
  account: GatewayAccount
  /** What of the account nobody may ever read: its secret, or the keys in that document. */
  secrets: readonly string[]
  /** Secrets that are whole and yet not this account's. */
  otherSecrets: readonly string[]
  /** The payer pays an order that was opened. */
  pay: (tradeNumber: string) => void
  /** What the gateway would send of it. */
  notification: (tradeNumber: string, payment: { amount: string; isPaid: boolean }) => RawNotification
  /** Whether it keeps books that can be asked; otherwise `query` is always null. */
  isAskable: boolean
  /** Whether it learns of an order only when its payer comes. */
  isUnknownUntilPaid?: boolean
  /** An account whose gateway nobody can reach; null for one that needs no network. */
  unreachable: GatewayAccount | null
  close: () => Promise<void>
}

/** Whatever fails here, `GatewayError` of this kind must come of it. */
export async function refusal(
  work: Promise<unknown> | (() => unknown),
  kind: GatewayErrorKind,
): Promise<GatewayError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    assert.ok(error instanceof GatewayError, `threw ${error}`)
    assert.equal(error.kind, kind, error.message)
    return error
  }
  assert.fail(`it went through, expected ${kind}`)
}

let orders = 0

/** An order with a number of its own. */
export function anOrder(changes: Partial<GatewayOrder> = {}): GatewayOrder {
  orders += 1
  return {
    tradeNumber: `AT_suite_${orders}`,
    amountFen: 990n,
    name: 'VIP会员',
    method: 'alipay',
    notifyUrl: 'https://app.example.com/api/pay/epay/notify',
    returnUrl: 'https://app.example.com/pay/return?from=cashier&lang=zh',
    clientIp: '203.0.113.7',
    expiresAt: new Date(Date.now() + 2 * 3_600_000),
    ...changes,
  }
}

/** What every gateway must do, whatever its wire. */
export function testGateway(name: string, setup: () => Promise<GatewayBench>): void {
  describe(`${name} as a gateway`, () => {
    let bench: GatewayBench
    before(async () => {
      bench = await setup()
    })
    after(() => bench.close())

    const opened = async (changes: Partial<GatewayOrder> = {}): Promise<GatewayOrder> => {
      const order = anOrder(changes)
      await bench.gateway.create(bench.account, order)
      return order
    }

    test('opens an order and says where to pay it', async () => {
      const { payUrl, qrCode } = await bench.gateway.create(bench.account, anOrder())
      assert.ok(payUrl !== null || qrCode !== null)
      if (payUrl !== null) assert.match(new URL(payUrl).protocol, /^https?:$/)
      for (const secret of bench.secrets)
        assert.ok(!`${payUrl} ${qrCode}`.includes(secret), 'the secret is in the link')
    })

    for (const [amountFen, amount] of [
      [1n, '0.01'],
      [10n, '0.10'],
      [7000n, '70.00'],
      [123_456_789n, '1234567.89'],
    ] as const) {
      test(`keeps an amount of ${amount} yuan to the fen`, async () => {
        const order = await opened({ amountFen })
        bench.pay(order.tradeNumber)
        const report = bench.gateway.readNotification(
          bench.account,
          bench.notification(order.tradeNumber, { amount, isPaid: true }),
        )
        assert.equal(report.amount, amount)
        if (bench.isAskable) {
          assert.equal((await bench.gateway.query(bench.account, order.tradeNumber))?.amount, amount)
        }
      })
    }

    for (const amountFen of [0n, -1n]) {
      test(`takes no order of ${amountFen} fen`, async () => {
        await assert.rejects(bench.gateway.create(bench.account, anOrder({ amountFen })), RangeError)
      })
    }

    test('takes any name', async () => {
      for (const name of [
        'a',
        '会员'.repeat(100),
        '<b>&amp;="\'</b>',
        'a&money=0.01',
        '👩‍👩‍👧‍👦'.repeat(20),
        ' \n\t ',
      ]) {
        await bench.gateway.create(bench.account, anOrder({ name }))
      }
    })

    test('answers null for an order that was never opened', async () => {
      assert.equal(await bench.gateway.query(bench.account, 'AT_never_opened'), null)
    })

    test('tells paid from unpaid when asked', async () => {
      const { tradeNumber } = await opened()
      if (!bench.isAskable) {
        assert.equal(await bench.gateway.query(bench.account, tradeNumber), null)
        return
      }
      const unpaid = await bench.gateway.query(bench.account, tradeNumber)
      if (bench.isUnknownUntilPaid) assert.equal(unpaid, null)
      else assert.equal(unpaid?.isPaid, false)
      bench.pay(tradeNumber)
      const paid = await bench.gateway.query(bench.account, tradeNumber)
      assert.deepEqual(
        { ...paid, gatewayTrade: '' },
        {
          tradeNumber,
          gatewayTrade: '',
          merchant: bench.account.merchant,
          amount: '9.90',
          currency: 'CNY',
          isPaid: true,
        },
      )
    })

    test('reads a true notification, again and again', async () => {
      const { tradeNumber } = await opened()
      const notification = bench.notification(tradeNumber, { amount: '9.90', isPaid: true })
      for (let times = 0; times < 2; times += 1) {
        const report = bench.gateway.readNotification(bench.account, notification)
        assert.equal(report.tradeNumber, tradeNumber)
        assert.equal(report.merchant, bench.account.merchant)
        assert.equal(report.amount, '9.90')
        assert.equal(report.currency, 'CNY')
        assert.equal(report.isPaid, true)
        assert.notEqual(report.gatewayTrade, '')
      }
    })

    test('reads one that says the order is not paid', async () => {
      const { tradeNumber } = await opened()
      const notification = bench.notification(tradeNumber, { amount: '9.90', isPaid: false })
      assert.equal(bench.gateway.readNotification(bench.account, notification).isPaid, false)
    })

    test('believes no notification under another secret, or none', async () => {
      const { tradeNumber } = await opened()
      const notification = bench.notification(tradeNumber, { amount: '9.90', isPaid: true })
      for (const secret of ['another-secret-0123456789abcdefg', ...bench.otherSecrets, '']) {
        const account = { ...bench.account, secret }
        const error = await refusal(() => bench.gateway.readNotification(account, notification), 'signature')
        for (const one of bench.secrets) assert.ok(!inspect(error).includes(one))
      }
    })

    test('believes no notification in which one character changed', async () => {
      const { tradeNumber } = await opened()
      const genuine = bench.notification(tradeNumber, { amount: '9.90', isPaid: true })
      const report = bench.gateway.readNotification(bench.account, genuine)
      const field = genuine.body === '' ? 'query' : 'body'
      fc.assert(
        fc.property(
          fc.nat(genuine[field].length - 1),
          fc.string({ unit: 'binary-ascii', maxLength: 1 }),
          (at, other) => {
            const text = genuine[field]
            const changed = { ...genuine, [field]: text.slice(0, at) + other + text.slice(at + 1) }
            try {
              // What is not signed may change; what is reported may not.
              assert.deepEqual(bench.gateway.readNotification(bench.account, changed), report)
            } catch (error) {
              if (!(error instanceof GatewayError)) throw error
              assert.ok(error.kind === 'signature' || error.kind === 'malformed')
            }
          },
        ),
        { numRuns: 2_000 },
      )
    })

    test('turns any rubbish away with an error of its own', () => {
      const rubbish = fc.oneof(fc.string({ unit: 'binary' }), fc.webQueryParameters(), fc.json())
      fc.assert(
        fc.property(
          fc.constantFrom('GET', 'POST', 'PUT', ''),
          rubbish,
          fc.constantFrom('', 'application/x-www-form-urlencoded', 'application/json', 'text/plain'),
          rubbish,
          (method, query, contentType, body) => {
            assert.throws(
              () =>
                bench.gateway.readNotification(bench.account, {
                  method,
                  query,
                  contentType,
                  body,
                  headers: {},
                }),
              (error) =>
                error instanceof GatewayError && (error.kind === 'signature' || error.kind === 'malformed'),
            )
          },
        ),
        { numRuns: 2_000 },
      )
    })

    test('pays back what was paid', async () => {
      const order = anOrder()
      const { gatewayTrade } = await bench.gateway.create(bench.account, order)
      bench.pay(order.tradeNumber)
      await bench.gateway.refund(bench.account, {
        tradeNumber: order.tradeNumber,
        gatewayTrade: gatewayTrade ?? '',
        amountFen: order.amountFen,
        refundNumber: `${order.tradeNumber}_refund`,
      })
    })

    test('closes an order that nobody paid, again and again, and knows of one that was', async (context) => {
      const { gateway, account } = bench
      if (!gateway.close) return context.skip('it has no such call')
      const { tradeNumber } = await opened()
      await gateway.close(account, tradeNumber)
      await gateway.close(account, tradeNumber)
      await gateway.close(account, 'AT_never_opened')
      const paid = await opened()
      bench.pay(paid.tradeNumber)
      await refusal(gateway.close(account, paid.tradeNumber), 'refused')
    })

    test('says what became of a refund, and does one number once', async (context) => {
      const { gateway, account } = bench
      if (!gateway.askRefund) return context.skip('it keeps no books of them')
      const { tradeNumber, amountFen } = await opened()
      bench.pay(tradeNumber)
      const refund = { tradeNumber, amountFen, gatewayTrade: '', refundNumber: `${tradeNumber}_refund` }
      assert.equal(await gateway.askRefund(account, refund), 'undone')
      await gateway.refund(account, refund)
      assert.equal(await gateway.askRefund(account, refund), 'done')
      await gateway.refund(account, refund)
      assert.equal((await gateway.query(account, tradeNumber))?.isPaid, false)
    })

    test('finds its account whole, and says in one sentence what another lacks', async (context) => {
      const { gateway, account } = bench
      if (!gateway.checkAccount) return context.skip('any secret will do')
      assert.equal(gateway.checkAccount(account), null)
      for (const wrong of [
        { ...account, secret: '' },
        { ...account, secret: '{}' },
        { ...account, secret: '[]' },
        { ...account, secret: account.secret.slice(0, -1) },
        { ...account, merchant: 'somebody' },
        { ...account, options: { mode: 'wrong' } },
        { ...account, options: { wrong: '1' } },
      ]) {
        const sentence = gateway.checkAccount(wrong)
        assert.match(sentence ?? '', /^[a-z-]+: .+\.$|^the .+\.$|^[a-z-]+ has .+\.$/)
        for (const secret of bench.secrets) assert.ok(!sentence?.includes(secret))
      }
    })

    test('opens nothing without a secret, and knows that it did not', async () => {
      await refusal(bench.gateway.create({ ...bench.account, secret: '' }, anOrder()), 'unavailable')
    })

    test('is unavailable, not ambiguous, when nobody is there', async (context) => {
      const account = bench.unreachable
      if (account === null) return context.skip('it needs no network')
      const { gateway } = bench
      const paid = { tradeNumber: 'AT_1', gatewayTrade: '1', amountFen: 1n, refundNumber: 'AT_1_refund' }
      for (const work of [
        gateway.create(account, anOrder()),
        gateway.query(account, 'AT_1'),
        gateway.refund(account, paid),
      ]) {
        const error = await refusal(work, 'unavailable')
        for (const one of bench.secrets) assert.ok(!inspect(error, { depth: 9 }).includes(one))
      }
    })

    test('answers taken and refused so that they can be told apart', () => {
      const { taken, refused } = bench.gateway.answers
      assert.equal(taken.status, 200)
      assert.notEqual(refused.body, taken.body)
      assert.ok(refused.status >= 400)
    })
  })
}
