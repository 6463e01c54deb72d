import { setTimeout as sleep } from 'node:timers/promises'
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
import type { Answer } from '../shared/answer.ts'
import { GatewayRefusal } from '../shared/send.ts'
import { beijingTime, shortLine, wholeFen } from '../shared/texts.ts'
import { checkWechatPayAccount, openKeys, readMode } from './account.ts'
import { callWechatPay, isUnknownThere, type WechatPayCall } from './call.ts'
import { readWechatPayNotification } from './notification.ts'
import { readTransaction } from './transaction.ts'

const MAX_DESCRIPTION_BYTES = 127
/** WeChat takes a refund and does it a moment later; most are done within these waits. */
const REFUND_WAITS_MS = [500, 1_500, 3_000] as const

type Setup = { now: () => number; refundWaitsMs: readonly number[] }
type Call = (account: GatewayAccount, call: WechatPayCall) => Promise<Answer | null>

/** WeChat Pay APIv3, directly: a code to scan (Native) or a link for a phone's browser (H5), protocols.md 2.3. */
export function createWechatPay(outbound: Outbound, setup: Partial<Setup> = {}): Gateway {
  const { now, refundWaitsMs } = { now: Date.now, refundWaitsMs: REFUND_WAITS_MS, ...setup }
  const call: Call = (account, request) => callWechatPay(outbound, now, account, request)
  return {
    name: 'wechat-pay',
    takesMethod: (method) => /^(wx|wechat|weixin)/i.test(method),
    checkAccount: checkWechatPayAccount,
    create: (account, order) => create(call, account, order),
    query: (account, tradeNumber) => query(call, account, tradeNumber),
    readNotification: (account, notification) => readWechatPayNotification(account, notification, now()),
    answers: {
      taken: { status: 200, contentType: 'application/json; charset=utf-8', body: '' },
      refused: {
        status: 400,
        contentType: 'application/json; charset=utf-8',
        body: '{"code":"FAIL","message":"失败"}',
      },
    },
    close: (account, tradeNumber) => close(call, account, tradeNumber),
    refund: (account, refund) => payBack(call, account, refund, refundWaitsMs),
    askRefund: (account, refund) => askRefund(call, account, refund),
  }
}

async function create(call: Call, account: GatewayAccount, order: GatewayOrder): Promise<Checkout> {
  const total = wholeFen(order.amountFen)
  const mode = readMode(account)
  const { appid } = openKeys(account, 'unavailable')
  const body = {
    mchid: account.merchant,
    appid,
    description: shortLine(order.name, MAX_DESCRIPTION_BYTES) || order.tradeNumber,
    out_trade_no: order.tradeNumber,
    time_expire: `${beijingTime(order.expiresAt)}+08:00`,
    notify_url: order.notifyUrl,
    amount: { total, currency: 'CNY' },
  }
  if (mode === 'native') {
    const answer = await call(account, {
      method: 'POST',
      path: '/v3/pay/transactions/native',
      body,
      isEffect: true,
    })
    return { payUrl: null, qrCode: place(answer, 'code_url', /^weixin:\/\//), gatewayTrade: null }
  }
  const answer = await call(account, {
    method: 'POST',
    path: '/v3/pay/transactions/h5',
    body: { ...body, scene_info: { payer_client_ip: order.clientIp, h5_info: { type: 'Wap' } } },
    isEffect: true,
  })
  const link = place(answer, 'h5_url', /^https?:\/\//)
  const back = `${link.includes('?') ? '&' : '?'}redirect_url=${encodeURIComponent(order.returnUrl)}`
  return { payUrl: order.returnUrl === '' ? link : link + back, qrCode: null, gatewayTrade: null }
}

function place(answer: Answer | null, field: string, pattern: RegExp): string {
  const text = answer?.text(field) ?? ''
  if (pattern.test(text) && URL.canParse(text)) return text
  throw new GatewayError('ambiguous', 'wechat-pay opened an order and named no place to pay it')
}

async function query(
  call: Call,
  account: GatewayAccount,
  tradeNumber: string,
): Promise<PaymentReport | null> {
  try {
    const answer = await call(account, {
      method: 'GET',
      path: `/v3/pay/transactions/out-trade-no/${tradeNumber}?mchid=${account.merchant}`,
      isEffect: false,
    })
    const { appid } = openKeys(account, 'unavailable')
    const report = answer && readTransaction(appid, answer)
    if (report?.tradeNumber !== tradeNumber)
      throw new GatewayError('malformed', 'wechat-pay answered with another order')
    return report
  } catch (error) {
    if (isUnknownThere(error)) return null
    throw error
  }
}

async function close(call: Call, account: GatewayAccount, tradeNumber: string): Promise<void> {
  try {
    await call(account, {
      method: 'POST',
      path: `/v3/pay/transactions/out-trade-no/${tradeNumber}/close`,
      body: { mchid: account.merchant },
      isEffect: true,
    })
  } catch (error) {
    const isClosed = error instanceof GatewayRefusal && /^ORDER_?CLOSED$/.test(error.code)
    if (!isClosed && !isUnknownThere(error)) throw error
  }
}

// Paying back ----------------------------------------------------------------------------------------------

async function payBack(
  call: Call,
  account: GatewayAccount,
  refund: GatewayRefund,
  waitsMs: readonly number[],
): Promise<void> {
  const amount = wholeFen(refund.amountFen)
  const answer = await call(account, {
    method: 'POST',
    path: '/v3/refund/domestic/refunds',
    body: {
      ...(refund.gatewayTrade === ''
        ? { out_trade_no: refund.tradeNumber }
        : { transaction_id: refund.gatewayTrade }),
      out_refund_no: refund.refundNumber,
      amount: { refund: amount, total: amount, currency: 'CNY' },
    },
    isEffect: true,
  })
  let outcome = outcomeOf(answer, refund)
  for (const waitMs of waitsMs) {
    if (outcome !== 'unknown') break
    await sleep(waitMs)
    // It is under way: whatever keeps us from asking says nothing about it, and "no such refund" only that it is young.
    outcome = await askRefund(call, account, refund).catch((error: unknown): RefundOutcome => {
      if (error instanceof GatewayError) return 'unknown'
      throw error
    })
    if (outcome === 'undone') outcome = 'unknown'
  }
  if (outcome === 'undone') throw new GatewayRefusal('wechat-pay', 'CLOSED', 'the refund is closed')
  if (outcome !== 'done')
    throw new GatewayError('ambiguous', 'wechat-pay took a refund and has not done it yet')
}

async function askRefund(call: Call, account: GatewayAccount, refund: GatewayRefund): Promise<RefundOutcome> {
  try {
    const answer = await call(account, {
      method: 'GET',
      path: `/v3/refund/domestic/refunds/${refund.refundNumber}`,
      isEffect: false,
    })
    return outcomeOf(answer, refund)
  } catch (error) {
    if (isUnknownThere(error)) return 'undone'
    throw error
  }
}

/** `ABNORMAL` (the payer's card is gone) ends only by hand, in the merchant platform: nobody may guess. */
function outcomeOf(answer: Answer | null, refund: GatewayRefund): RefundOutcome {
  if (answer?.text('out_refund_no') !== refund.refundNumber) return 'unknown'
  const status = answer.text('status')
  return status === 'SUCCESS' ? 'done' : status === 'CLOSED' ? 'undone' : 'unknown'
}
