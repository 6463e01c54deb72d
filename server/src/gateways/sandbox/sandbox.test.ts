import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { anOrder, refusal, testGateway } from '../../../test/gateways/gateway-suite.ts'
import type { CashierOutcome, GatewayAccount, GatewayOrder } from '../../kernel/ports/gateway.ts'
import { renderCashier } from './cashier-page.ts'
import { readCashierLink } from './link.ts'
import { createSandbox, signSandboxNotification } from './sandbox.ts'

const account: GatewayAccount = {
  url: 'http://localhost:3334',
  merchant: 'sandbox',
  secret: 'a-sandbox-secret-0123456789abcdefghij',
  options: {},
}
const sandbox = createSandbox()

testGateway('sandbox', async () => ({
  gateway: sandbox,
  account,
  secrets: [account.secret],
  otherSecrets: [`${account.secret} `],
  pay: () => {},
  notification: (tradeNumber, payment) => signSandboxNotification(account, { tradeNumber, ...payment }),
  isAskable: false,
  unreachable: null,
  close: async () => {},
}))

async function link(order: GatewayOrder): Promise<{ tradeNumber: string; query: string; path: string }> {
  const { payUrl } = await sandbox.create(account, order)
  const { origin, pathname, search } = new URL(payUrl ?? '')
  const tradeNumber = decodeURIComponent(pathname.split('/').at(-1) ?? '')
  return { tradeNumber, query: search, path: `${origin}${pathname}` }
}

describe('a cashier link', () => {
  test('leads to the site and says what the order says', async () => {
    const order = anOrder({ name: '1000 Tokens & 更多', amountFen: 1600n, method: 'wxpay' })
    const { path, ...given } = await link(order)
    assert.equal(path, `http://localhost:3334/cashier/${order.tradeNumber}`)
    const expected = {
      tradeNumber: order.tradeNumber,
      amountFen: 1600n,
      name: order.name,
      returnUrl: order.returnUrl,
      method: 'wxpay',
    }
    assert.deepEqual(readCashierLink(account, given), expected)
    assert.deepEqual(readCashierLink(account, { ...given, query: given.query.slice(1) }), expected)
  })

  for (const name of ['amount', 'name', 'return', 'method', 'sign']) {
    test(`is void when its ${name} is changed, missing or repeated`, async () => {
      const given = await link(anOrder())
      const changes: readonly ((query: URLSearchParams) => void)[] = [
        (query) => query.set(name, name === 'amount' ? '0.01' : 'https://evil.example/'),
        (query) => query.delete(name),
        (query) => query.append(name, query.get(name) ?? ''),
      ]
      for (const change of changes) {
        const query = new URLSearchParams(given.query)
        change(query)
        await refusal(() => readCashierLink(account, { ...given, query: query.toString() }), 'signature')
      }
    })
  }

  test('is void for another order, another secret and no secret', async () => {
    const given = await link(anOrder())
    await refusal(() => readCashierLink(account, { ...given, tradeNumber: 'AT_other' }), 'signature')
    await refusal(() => readCashierLink({ ...account, secret: 'another' }, given), 'signature')
    await refusal(() => readCashierLink({ ...account, secret: '' }, given), 'signature')
  })

  for (const amount of ['1e2', 'NaN', '-1.00', '1', '1.0', '01.00 ', '１.00', '']) {
    test(`is void with an amount of ${JSON.stringify(amount)}`, async () => {
      const given = await link(anOrder())
      const query = new URLSearchParams(given.query)
      query.set('amount', amount)
      await refusal(() => readCashierLink(account, { ...given, query: query.toString() }), 'signature')
    })
  }
})

describe('a sandbox notification', () => {
  test('cannot be made from a link: what the signature is for is signed too', async () => {
    const { tradeNumber, amountFen, name, returnUrl, method, ...rest } = anOrder()
    const given = await link({ tradeNumber, amountFen, name, returnUrl, method, ...rest })
    const sign = new URLSearchParams(given.query).get('sign') ?? ''
    const signedText = JSON.stringify([tradeNumber, String(amountFen), name, returnUrl, method])
    const genuine = signSandboxNotification(account, { tradeNumber, amount: '9.90', isPaid: true })
    for (const body of [signedText, genuine.body]) {
      const notification = { ...genuine, query: `sign=${sign}`, body }
      await refusal(() => sandbox.readNotification(account, notification), 'signature')
    }
  })

  test('is not believed when it is signed with the empty secret of an account that has none', async () => {
    const keyless = { ...account, secret: '' }
    const { body, ...rest } = signSandboxNotification(account, {
      tradeNumber: 'AT_1',
      amount: '1.00',
      isPaid: true,
    })
    const sign = createHmac('sha256', '').update(`atelier sandbox notification\n${body}`).digest('hex')
    const forged = { ...rest, query: `sign=${sign}`, body }
    await refusal(() => sandbox.readNotification(keyless, forged), 'signature')
  })

  test('is not made without a secret', async () => {
    const payment = { tradeNumber: 'AT_1', amount: '1.00', isPaid: true }
    await refusal(() => signSandboxNotification({ ...account, secret: '' }, payment), 'unavailable')
  })
})

describe('the cashier page', () => {
  const page = {
    tradeNumber: 'AT_1',
    amountFen: 1_234_567n,
    name: '1000 Tokens',
    method: 'alipay',
    returnUrl: 'https://app.example.com/pay?a=1&b=2',
  }

  test('asks: banner, amount, both buttons, no script', () => {
    const html = renderCashier(page)
    assert.match(html, /^<!doctype html>/)
    assert.match(html, /沙箱收银台 · 不会产生真实扣款/)
    assert.match(html, /12,345<small>\.67/)
    assert.match(html, /支付宝/)
    assert.match(html, /<form method="post">/)
    assert.match(html, /name="outcome" value="paid"/)
    assert.match(html, /name="outcome" value="cancelled"/)
    assert.doesNotMatch(html, /<script|https?:\/\//)
  })

  const RESULTS: readonly (readonly [CashierOutcome, RegExp])[] = [
    ['paid', /支付成功/],
    ['cancelled', /已取消支付/],
    ['closed', /订单已关闭/],
  ]
  for (const [outcome, words] of RESULTS) {
    test(`tells that it is ${outcome}, with a way back and nothing more to pay`, () => {
      const html = renderCashier({ ...page, outcome })
      assert.match(html, words)
      assert.match(html, /href="https:\/\/app\.example\.com\/pay\?a=1&amp;b=2"/)
      assert.doesNotMatch(html, /<form/)
    })
  }

  test('escapes everything it is told', () => {
    const evil = `"'><script>alert(1)</script>&`
    for (const outcome of [undefined, 'paid', 'cancelled', 'closed'] as const) {
      const told = { ...page, name: evil, tradeNumber: evil, method: evil, returnUrl: `https://a.b/${evil}` }
      const html = renderCashier(outcome ? { ...told, outcome } : told)
      assert.doesNotMatch(html, /<script|"'>/)
      assert.match(html, /&quot;&#39;&gt;&lt;script&gt;/)
    }
  })

  for (const returnUrl of ['javascript:alert(1)', 'data:text/html,x', 'nonsense', '']) {
    test(`makes no link of ${JSON.stringify(returnUrl)}`, () => {
      const html = renderCashier({ ...page, returnUrl, outcome: 'paid' })
      assert.doesNotMatch(html, /<a |javascript:/)
    })
  }

  test('does not take a method for a property of an object', () => {
    assert.match(renderCashier({ ...page, method: 'constructor' }), /<dd>constructor<\/dd>/)
  })
})
