import {
  type Checkout,
  type Gateway,
  type GatewayAccount,
  GatewayError,
  type GatewayOrder,
  type PaymentReport,
} from '../../kernel/ports/gateway.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import type { Answer } from '../shared/answer.ts'
import { callEpay, EpayRefusal, endpoint, isOne } from './call.ts'
import { readEpayNotification } from './notification.ts'
import { readOptions } from './options.ts'
import { signEpay } from './signature.ts'

/** Epay cuts longer names itself, in the middle of a character, and then signs what is left. */
const MAX_NAME_BYTES = 127

/** Where a payer may be sent: web pages, and the wallets that a deep link opens. */
const PAY_SCHEMES = new Set([
  'http:',
  'https:',
  'alipay:',
  'alipayqr:',
  'alipays:',
  'mqqapi:',
  'uppaywallet:',
  'upwallet:',
  'weixin:',
  'wxp:',
])

/** Epay V1 (易支付): one merchant id and one MD5 key, at any of its many deployments (protocols.md 1). */
export function createEpay(outbound: Outbound): Gateway {
  return {
    name: 'epay',
    create: (account, order) => create(outbound, account, order),
    query: (account, tradeNumber) => query(outbound, account, tradeNumber),
    readNotification: readEpayNotification,
    answers: {
      taken: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' },
      // Most deployments look for the word `success` in the body, some only at the status: saying no in both
      // makes either kind send again.
      refused: { status: 400, contentType: 'text/plain; charset=utf-8', body: 'fail' },
    },
    refund: (account, order) => refund(outbound, account, order),
  }
}

// Opening an order -----------------------------------------------------------------------------------------

async function create(outbound: Outbound, account: GatewayAccount, order: GatewayOrder): Promise<Checkout> {
  const options = readOptions(account)
  const params = orderParams(account, order)
  if (options.mode === 'submit') {
    const signed = sign(account, params)
    const url = `${endpoint(account, 'submit.php')}?${new URLSearchParams(signed)}`
    return { payUrl: url, qrCode: null, gatewayTrade: null }
  }
  const answer = await callEpay(outbound, account, {
    file: 'mapi.php',
    method: 'POST',
    fields: sign(account, { ...params, clientip: order.clientIp, device: 'pc' }),
    isEffect: true,
  })
  return readCheckout(account, answer)
}

function orderParams(account: GatewayAccount, order: GatewayOrder): Record<string, string> {
  return {
    pid: account.merchant,
    type: order.method,
    out_trade_no: order.tradeNumber,
    notify_url: order.notifyUrl,
    return_url: order.returnUrl,
    name: shortName(order.name) || order.tradeNumber,
    money: yuan(order.amountFen),
  }
}

function sign(account: GatewayAccount, params: Readonly<Record<string, string>>): Record<string, string> {
  requireKey(account)
  const filled = Object.entries(params).filter(([, value]) => value !== '')
  return {
    ...Object.fromEntries(filled),
    sign: signEpay(filled, account.secret, readOptions(account)),
    sign_type: 'MD5',
  }
}

/** Fen as yuan with two decimals. Orders of nothing or less are a mistake of the caller. */
function yuan(amountFen: bigint): string {
  if (amountFen <= 0n) throw new RangeError(`not an amount to pay: ${amountFen} fen`)
  return `${amountFen / 100n}.${(amountFen % 100n).toString().padStart(2, '0')}`
}

/**
 * At most 127 bytes of UTF-8, cut between characters. `&` becomes its full-width twin, because the signed text
 * joins raw values with it and could be read in two ways; line breaks do not survive every deployment.
 */
function shortName(name: string): string {
  const clean = name
    .replaceAll('&', '＆')
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  let short = ''
  let bytes = 0
  for (const character of clean) {
    bytes += Buffer.byteLength(character)
    if (bytes > MAX_NAME_BYTES) break
    short += character
  }
  return short
}

function readCheckout(account: GatewayAccount, answer: Answer): Checkout {
  const payUrl =
    payLink(account, answer.text('payurl')) ??
    payLink(account, answer.text('payurl2')) ??
    payLink(account, answer.text('urlscheme'))
  const qrCode = qrText(account, answer.text('qrcode'))
  if (payUrl === null && qrCode === null) {
    throw new GatewayError('ambiguous', 'epay opened an order and named no place to pay it')
  }
  return { payUrl, qrCode, gatewayTrade: answer.text('trade_no') || answer.text('O_id') || null }
}

/** Some deployments answer with paths of their site instead of whole addresses. */
function payLink(account: GatewayAccount, text: string): string | null {
  if (text === '') return null
  const url = URL.parse(text, endpoint(account, ''))
  return url && PAY_SCHEMES.has(url.protocol) ? url.href : null
}

/** A QR text is opaque and stays as it is, but a bare path means nothing to the phone that scans it. */
function qrText(account: GatewayAccount, text: string): string | null {
  if (text === '') return null
  return text.startsWith('/') ? payLink(account, text) : text
}

// Asking after an order ------------------------------------------------------------------------------------

/**
 * The key travels in a POST body. Old deployments read their parameters from the query alone, so unless the
 * option `query` says otherwise, a POST that comes to nothing is asked again as they expect.
 */
async function query(
  outbound: Outbound,
  account: GatewayAccount,
  tradeNumber: string,
): Promise<PaymentReport | null> {
  requireKey(account)
  const way = readOptions(account).query
  const asked = { act: 'order', pid: account.merchant, out_trade_no: tradeNumber }
  const ask = async (
    method: 'GET' | 'POST',
    fields: Readonly<Record<string, string>>,
  ): Promise<PaymentReport | null> => {
    try {
      const call = { file: 'api.php', act: 'order', method, fields, isEffect: false } as const
      return readReport(account, tradeNumber, await callEpay(outbound, account, call))
    } catch (error) {
      if (error instanceof EpayRefusal && error.isOrderUnknown) return null
      throw error
    }
  }
  if (way === 'signed') return ask('GET', sign(account, asked))
  const fields = { ...asked, key: account.secret }
  if (way === 'get') return ask('GET', fields)
  try {
    return await ask('POST', fields)
  } catch (error) {
    const isOtherWayWorthTrying = error instanceof GatewayError && error.kind !== 'unavailable'
    if (way === 'post' || !isOtherWayWorthTrying) throw error
    return ask('GET', fields)
  }
}

function readReport(account: GatewayAccount, tradeNumber: string, answer: Answer): PaymentReport | null {
  const order = answer.nested('data') ?? answer
  // A deployment may leave out what we asked with; what it does say must fit, or the kernel refuses it.
  const told = order.text('out_trade_no') || tradeNumber
  if (told !== tradeNumber) throw new GatewayError('malformed', 'epay answered with another order')
  const amount = order.text('money')
  if (amount === '' && order === answer && answer.has('data')) return null
  if (amount === '') throw new GatewayError('malformed', 'epay answered without an amount')
  const status = order.text('status')
  return {
    tradeNumber,
    gatewayTrade: order.text('trade_no'),
    merchant: order.text('pid') || account.merchant,
    amount,
    currency: 'CNY',
    isPaid: status === '' ? order.text('trade_status') === 'TRADE_SUCCESS' : isOne(status),
  }
}

// Paying back ----------------------------------------------------------------------------------------------

/** Epay has no idempotency key for refunds: the caller holds a lock of its own and never repeats `ambiguous`. */
async function refund(
  outbound: Outbound,
  account: GatewayAccount,
  order: Parameters<Gateway['refund']>[1],
): Promise<void> {
  requireKey(account)
  const payBack = async (number: Readonly<Record<string, string>>): Promise<void> => {
    const fields = {
      act: 'refund',
      pid: account.merchant,
      key: account.secret,
      money: yuan(order.amountFen),
      ...number,
    }
    await callEpay(outbound, account, {
      file: 'api.php',
      act: 'refund',
      method: 'POST',
      fields,
      isEffect: true,
    })
  }
  if (order.gatewayTrade === '') return payBack({ out_trade_no: order.tradeNumber })
  try {
    await payBack({ trade_no: order.gatewayTrade })
  } catch (error) {
    // Known not to have been done: some deployments find an order by one of its two numbers only.
    if (!(error instanceof EpayRefusal && error.isOrderUnknown)) throw error
    await payBack({ out_trade_no: order.tradeNumber })
  }
}

function requireKey(account: GatewayAccount): void {
  if (account.secret === '') throw new GatewayError('unavailable', 'no epay key is set')
}
