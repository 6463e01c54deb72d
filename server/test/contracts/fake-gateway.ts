import type { Checkout, Gateway, GatewayOrder, PaymentReport } from '../../src/kernel/ports/gateway.ts'
import { GatewayError } from '../../src/kernel/ports/gateway.ts'

/** An order as the fake cashier has it; a test may change what is reported of it. */
type Trade = { order: GatewayOrder; isPaid: boolean; amount: string; gatewayTrade: string }

export type FakeGateway = Gateway & {
  /** Every order that was opened, by our number. */
  trades: Map<string, Trade>
  /** What the next calls of `create` and `query` do instead of working. */
  nextCreate: (() => Promise<Checkout>)[]
  nextQuery: (() => Promise<PaymentReport | null>)[]
  refunds: string[]
  /** Pays an order, as its payer does at the cashier; nobody is told of it. */
  pay: (tradeNumber: string) => void
}

const ANSWER = { status: 200, contentType: 'text/plain; charset=utf-8' }

/**
 * A gateway that takes money in memory. Its notifications are forms or query strings signed with the bare
 * secret: what a real one signs with is the business of `server/src/gateways`.
 */
export function createFakeGateway(): FakeGateway {
  const trades: FakeGateway['trades'] = new Map()
  const fake: FakeGateway = {
    name: 'fake',
    trades,
    nextCreate: [],
    nextQuery: [],
    refunds: [],
    pay: (tradeNumber) => {
      const trade = trades.get(tradeNumber)
      if (!trade) throw new Error(`nobody opened ${tradeNumber}`)
      trade.isPaid = true
    },
    create: async (_account, order) => {
      const instead = fake.nextCreate.shift()
      if (instead) return instead()
      const gatewayTrade = `remote_trade_${345_678 + trades.size}`
      const amount = `${order.amountFen / 100n}.${String(order.amountFen % 100n).padStart(2, '0')}`
      trades.set(order.tradeNumber, { order, isPaid: false, amount, gatewayTrade })
      return {
        payUrl: `https://payment.example.com/pay?order=${order.tradeNumber}`,
        qrCode: `https://qr.example.com/${order.tradeNumber}`,
        gatewayTrade,
      }
    },
    query: async (account, tradeNumber) => {
      const instead = fake.nextQuery.shift()
      if (instead) return instead()
      const trade = trades.get(tradeNumber)
      if (!trade) return null
      const { isPaid, amount, gatewayTrade } = trade
      return { tradeNumber, gatewayTrade, merchant: account.merchant, amount, currency: 'CNY', isPaid }
    },
    readNotification: (account, { method, query, body }) => {
      const fields = new URLSearchParams(method === 'GET' ? query : body)
      if (fields.get('sign') !== account.secret) throw new GatewayError('signature', 'not signed by us')
      return {
        tradeNumber: fields.get('out_trade_no') ?? '',
        gatewayTrade: fields.get('trade_no') ?? '',
        merchant: fields.get('pid') ?? '',
        amount: fields.get('money') ?? '',
        currency: 'CNY',
        isPaid: fields.get('trade_status') === 'TRADE_SUCCESS',
      }
    },
    answers: { taken: { ...ANSWER, body: 'success' }, refused: { ...ANSWER, body: 'fail' } },
    refund: async (_account, { tradeNumber }) => {
      fake.refunds.push(tradeNumber)
    },
  }
  return fake
}
