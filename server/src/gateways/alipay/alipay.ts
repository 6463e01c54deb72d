import {
  type Checkout,
  type Gateway,
  type GatewayAccount,
  GatewayError,
  type GatewayOrder,
  type GatewayRefund,
  type PaymentReport,
  type RefundOutcome,
} from '../../kernel/ports/gateway.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { beijingTime, shortLine, yuan } from '../shared/texts.ts'
import { checkAlipayAccount, readMode } from './account.ts'
import { callAlipay, isUnknownThere } from './call.ts'
import { PAID, readAlipayNotification } from './notification.ts'
import { pageUrl } from './page.ts'

const MAX_SUBJECT_BYTES = 256

/** Alipay, directly: its page or a code to scan, signed with RSA2 (protocols.md 2.2). */
export function createAlipay(outbound: Outbound): Gateway {
  return {
    name: 'alipay',
    takesMethod: (method) => /^ali/i.test(method),
    checkAccount: checkAlipayAccount,
    create: (account, order) => create(outbound, account, order),
    query: (account, tradeNumber) => query(outbound, account, tradeNumber),
    readNotification: readAlipayNotification,
    answers: {
      taken: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' },
      refused: { status: 400, contentType: 'text/plain; charset=utf-8', body: 'fail' },
    },
    close: (account, tradeNumber) => close(outbound, account, tradeNumber),
    refund: (account, refund) => payBack(outbound, account, refund),
    askRefund: (account, refund) => askRefund(outbound, account, refund),
  }
}

async function create(outbound: Outbound, account: GatewayAccount, order: GatewayOrder): Promise<Checkout> {
  const content = {
    out_trade_no: order.tradeNumber,
    total_amount: yuan(order.amountFen),
    subject: subject(order),
    time_expire: beijingTime(order.expiresAt).replace('T', ' '),
  }
  if (readMode(account) === 'page')
    return { payUrl: pageUrl(account, order, content), qrCode: null, gatewayTrade: null }
  const answer = await callAlipay(outbound, account, {
    path: '/v3/alipay/trade/precreate',
    body: { ...content, notify_url: order.notifyUrl },
    isEffect: true,
  })
  const qrCode = answer.text('qr_code')
  if (!/^https:\/\//.test(qrCode) || answer.text('out_trade_no') !== order.tradeNumber)
    throw new GatewayError('ambiguous', 'alipay opened an order and answered with no code for it')
  return { payUrl: null, qrCode, gatewayTrade: null }
}

/** Alipay refuses `/`, `=` and `&` in a subject, and `&` also parts what is signed: their wide twins look alike. */
function subject(order: GatewayOrder): string {
  const wide = order.name.replaceAll('&', '＆').replaceAll('=', '＝').replaceAll('/', '／')
  return shortLine(wide, MAX_SUBJECT_BYTES) || order.tradeNumber
}

/** An order whose payer has not yet come to the page, or scanned the code, is not known there: null, as a stranger's. */
async function query(
  outbound: Outbound,
  account: GatewayAccount,
  tradeNumber: string,
): Promise<PaymentReport | null> {
  try {
    const answer = await callAlipay(outbound, account, {
      path: '/v3/alipay/trade/query',
      body: { out_trade_no: tradeNumber },
      isEffect: false,
    })
    if (answer.text('out_trade_no') !== tradeNumber)
      throw new GatewayError('malformed', 'alipay answered with another order')
    const isPaid = PAID.has(answer.text('trade_status'))
    const amount = answer.text('total_amount')
    if (isPaid && amount === '') throw new GatewayError('malformed', 'alipay answered without an amount')
    return {
      tradeNumber,
      gatewayTrade: answer.text('trade_no'),
      // Its signature is one for this application; the answer itself names none.
      merchant: account.merchant,
      amount,
      currency: 'CNY',
      isPaid,
    }
  } catch (error) {
    if (isUnknownThere(error)) return null
    throw error
  }
}

/** A page that was never visited and a code that was never scanned expire by their `time_expire`. */
async function close(outbound: Outbound, account: GatewayAccount, tradeNumber: string): Promise<void> {
  try {
    await callAlipay(outbound, account, {
      path: '/v3/alipay/trade/close',
      body: { out_trade_no: tradeNumber },
      isEffect: true,
    })
  } catch (error) {
    if (!isUnknownThere(error)) throw error
  }
}

/** `fund_change` says that this very call moved the money; a repeat moves none and says `N`, so the refund is asked after. */
async function payBack(outbound: Outbound, account: GatewayAccount, refund: GatewayRefund): Promise<void> {
  const answer = await callAlipay(outbound, account, {
    path: '/v3/alipay/trade/refund',
    body: {
      ...tradeOf(refund),
      refund_amount: yuan(refund.amountFen),
      out_request_no: refund.refundNumber,
    },
    isEffect: true,
  })
  if (answer.text('fund_change') === 'Y') return
  const outcome = await askRefund(outbound, account, refund).catch((error: unknown): RefundOutcome => {
    if (error instanceof GatewayError) return 'unknown'
    throw error
  })
  if (outcome !== 'done') throw new GatewayError('ambiguous', 'alipay took a refund and has not done it yet')
}

async function askRefund(
  outbound: Outbound,
  account: GatewayAccount,
  refund: GatewayRefund,
): Promise<RefundOutcome> {
  try {
    const answer = await callAlipay(outbound, account, {
      path: '/v3/alipay/trade/fastpay/refund/query',
      body: { ...tradeOf(refund), out_request_no: refund.refundNumber },
      isEffect: false,
    })
    const status = answer.text('refund_status')
    if (status === 'REFUND_SUCCESS') return 'done'
    return status === '' || status === 'REFUND_FAIL' ? 'undone' : 'unknown'
  } catch (error) {
    if (isUnknownThere(error)) return 'undone'
    throw error
  }
}

function tradeOf({ gatewayTrade, tradeNumber }: GatewayRefund): Record<string, string> {
  return gatewayTrade === '' ? { out_trade_no: tradeNumber } : { trade_no: gatewayTrade }
}
