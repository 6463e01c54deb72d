import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  type Gateway,
  type GatewayAccount,
  GatewayError,
  type GatewayOrder,
  type PaymentReport,
  type RawNotification,
} from '../../kernel/ports/gateway.ts'

/** What a cashier link says, once its signature is checked. */
export type CashierLink = {
  tradeNumber: string
  amountFen: bigint
  name: string
  returnUrl: string
  method: string
}

/**
 * A gateway for trying a whole purchase on one machine: its cashier is a page of the site itself, so
 * `account.url` is the site's own public address. No money moves.
 */
export function createSandbox(): Gateway {
  return {
    name: 'sandbox',
    create: async (account, order) => ({
      payUrl: cashierUrl(account, order),
      qrCode: null,
      gatewayTrade: gatewayTrade(order.tradeNumber),
    }),
    // Nobody else keeps books here: what the cashier page decided came as a notification.
    query: async () => null,
    readNotification,
    answers: {
      taken: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' },
      refused: { status: 400, contentType: 'text/plain; charset=utf-8', body: 'fail' },
    },
    refund: async () => {},
  }
}

function gatewayTrade(tradeNumber: string): string {
  return `sandbox-${tradeNumber}`
}

// The cashier link -----------------------------------------------------------------------------------------

const LINK_FIELDS = ['amount', 'name', 'return', 'method', 'sign'] as const

function cashierUrl(account: GatewayAccount, order: GatewayOrder): string {
  if (account.secret === '') throw new GatewayError('unavailable', 'no sandbox secret is set')
  if (order.amountFen <= 0n) throw new RangeError(`not an amount to pay: ${order.amountFen} fen`)
  const { tradeNumber, name, returnUrl, method } = order
  const query = new URLSearchParams({
    amount: yuan(order.amountFen),
    name,
    return: returnUrl,
    method,
    sign: linkSignature(account, { tradeNumber, amountFen: order.amountFen, name, returnUrl, method }),
  })
  return `${account.url.replace(/\/+$/, '')}/cashier/${encodeURIComponent(tradeNumber)}?${query}`
}

/**
 * Reads a link that `create` made, from the (decoded) number in its path and its raw query. Throws
 * `GatewayError('signature')` for anything else; what the link is told to say is never shown unchecked.
 */
export function readCashierLink(
  account: GatewayAccount,
  given: { tradeNumber: string; query: string },
): CashierLink {
  const query = new URLSearchParams(given.query)
  const field = (name: (typeof LINK_FIELDS)[number]): string => {
    const [value, ...more] = query.getAll(name)
    if (value === undefined || more.length > 0) throw forged('this cashier link is incomplete')
    return value
  }
  const amountFen = readYuan(field('amount'))
  if (amountFen === null) throw forged('this cashier link names no amount')
  const link: CashierLink = {
    tradeNumber: given.tradeNumber,
    amountFen,
    name: field('name'),
    returnUrl: field('return'),
    method: field('method'),
  }
  if (account.secret !== '' && isSame(field('sign'), linkSignature(account, link))) return link
  throw forged('this cashier link was changed')
}

function linkSignature(account: GatewayAccount, link: CashierLink): string {
  const { tradeNumber, amountFen, name, returnUrl, method } = link
  return hmac(
    account,
    'cashier link',
    JSON.stringify([tradeNumber, String(amountFen), name, returnUrl, method]),
  )
}

// Notifications --------------------------------------------------------------------------------------------

/** What the cashier page's buttons send through the same door as any gateway. `amount` is decimal yuan. */
export function signSandboxNotification(
  account: GatewayAccount,
  payment: { tradeNumber: string; amount: string; isPaid: boolean },
): RawNotification {
  if (account.secret === '') throw new GatewayError('unavailable', 'no sandbox secret is set')
  const body = JSON.stringify({ ...payment, merchant: account.merchant })
  const sign = hmac(account, 'notification', body)
  return { method: 'POST', query: `sign=${sign}`, contentType: 'application/json', body }
}

function readNotification(account: GatewayAccount, { query, body }: RawNotification): PaymentReport {
  const [sign = '', ...more] = new URLSearchParams(query).getAll('sign')
  if (account.secret === '' || more.length > 0 || !isSame(sign, hmac(account, 'notification', body))) {
    throw forged('this sandbox notification was not made here')
  }
  const { tradeNumber, amount, isPaid, merchant } = readBody(body)
  return {
    tradeNumber,
    gatewayTrade: gatewayTrade(tradeNumber),
    merchant,
    amount,
    currency: 'CNY',
    isPaid,
  }
}

function readBody(body: string): { tradeNumber: string; amount: string; isPaid: boolean; merchant: string } {
  const value: unknown = JSON.parse(body)
  if (
    typeof value === 'object' &&
    value !== null &&
    'tradeNumber' in value &&
    typeof value.tradeNumber === 'string' &&
    'amount' in value &&
    typeof value.amount === 'string' &&
    'isPaid' in value &&
    typeof value.isPaid === 'boolean' &&
    'merchant' in value &&
    typeof value.merchant === 'string'
  ) {
    return {
      tradeNumber: value.tradeNumber,
      amount: value.amount,
      isPaid: value.isPaid,
      merchant: value.merchant,
    }
  }
  // Signed by us and yet unreadable: `signSandboxNotification` is broken.
  throw new GatewayError('malformed', 'this sandbox notification is not complete')
}

// Signatures and amounts -----------------------------------------------------------------------------------

/** The purpose is signed too, so that the signature of a link is of no use for a notification. */
function hmac(account: GatewayAccount, purpose: string, text: string): string {
  return createHmac('sha256', account.secret).update(`atelier sandbox ${purpose}\n${text}`).digest('hex')
}

function isSame(given: string, expected: string): boolean {
  return /^[0-9a-f]{64}$/.test(given) && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}

function forged(message: string): GatewayError {
  return new GatewayError('signature', message)
}

/** Fen as yuan with two decimals. */
export function yuan(amountFen: bigint): string {
  return `${amountFen / 100n}.${(amountFen % 100n).toString().padStart(2, '0')}`
}

function readYuan(text: string): bigint | null {
  return /^\d{1,12}\.\d{2}$/.test(text) ? BigInt(text.replace('.', '')) : null
}
