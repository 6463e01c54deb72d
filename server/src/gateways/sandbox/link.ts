import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CashierVisit, GatewayAccount, GatewayOrder } from '../../kernel/ports/gateway.ts'
import { GatewayError } from '../../kernel/ports/gateway.ts'

/** What a cashier link says, once its signature is checked. */
export type CashierLink = {
  tradeNumber: string
  amountFen: bigint
  name: string
  returnUrl: string
  method: string
}

const LINK_FIELDS = ['amount', 'name', 'return', 'method', 'sign'] as const

/** The address of the page on which an order is paid, signed so that nobody can make one up. */
export function cashierUrl(account: GatewayAccount, order: GatewayOrder): string {
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
export function readCashierLink(account: GatewayAccount, given: CashierVisit): CashierLink {
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

// Signatures and amounts -----------------------------------------------------------------------------------

/** The purpose is signed too, so that the signature of a link is of no use for a notification. */
export function hmac(account: GatewayAccount, purpose: string, text: string): string {
  return createHmac('sha256', account.secret).update(`atelier sandbox ${purpose}\n${text}`).digest('hex')
}

export function isSame(given: string, expected: string): boolean {
  return /^[0-9a-f]{64}$/.test(given) && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}

export function forged(message: string): GatewayError {
  return new GatewayError('signature', message)
}

/** Fen as yuan with two decimals. */
export function yuan(amountFen: bigint): string {
  return `${amountFen / 100n}.${(amountFen % 100n).toString().padStart(2, '0')}`
}

function readYuan(text: string): bigint | null {
  return /^\d{1,12}\.\d{2}$/.test(text) ? BigInt(text.replace('.', '')) : null
}
