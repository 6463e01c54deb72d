import {
  type GatewayAccount,
  GatewayError,
  type PaymentReport,
  type RawNotification,
} from '../../kernel/ports/gateway.ts'
import { decodeForm } from '../shared/form.ts'
import { isSignedBy } from '../shared/rsa.ts'
import { openKeys } from './account.ts'

const REQUIRED = ['app_id', 'seller_id', 'trade_no', 'out_trade_no', 'total_amount', 'trade_status'] as const

/** `TRADE_FINISHED` is paid too, and can no longer be refunded. */
export const PAID: ReadonlySet<string> = new Set(['TRADE_SUCCESS', 'TRADE_FINISHED'])

/**
 * Reads an asynchronous notification (protocols.md 2.2). Nothing of it is believed before the signature holds;
 * whose application, order and amount it is, the kernel checks.
 */
export function readAlipayNotification(
  account: GatewayAccount,
  notification: RawNotification,
): PaymentReport {
  const keys = openKeys(account, 'signature')
  const params = decodeForm('alipay', formOf(notification))
  // RSA with SHA-1 is what else the wire knows; a notification does not choose how weakly it is signed.
  if (params.get('sign_type') !== 'RSA2') throw unsigned('is not signed with RSA2')
  if (!isSignedBy(signedText(params), params.get('sign') ?? '', keys.alipayPublicKey))
    throw unsigned('is signed with another key or was changed')
  refuseAmbiguous(params)
  const field = (name: (typeof REQUIRED)[number]): string => {
    const value = params.get(name)
    if (value) return value
    throw malformed(`lacks ${name}`)
  }
  // One key of Alipay's may vouch for several applications and sellers: the kernel refuses a stranger's.
  const isOurs = field('seller_id') === keys.sellerId
  const isPaidBack = params.has('refund_fee') || params.has('gmt_refund')
  return {
    tradeNumber: field('out_trade_no'),
    gatewayTrade: field('trade_no'),
    merchant: isOurs ? field('app_id') : `${field('app_id')} for ${field('seller_id')}`,
    amount: field('total_amount'),
    currency: 'CNY',
    isPaid: PAID.has(field('trade_status')) && !isPaidBack,
  }
}

/** All parameters but `sign` and `sign_type`, sorted, with their values decoded once. */
function signedText(params: ReadonlyMap<string, string>): string {
  return [...params]
    .filter(([name]) => name !== 'sign' && name !== 'sign_type')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** Alipay posts a form. What the browser's return carries in its query never passes for one. */
function formOf({ method, query, contentType, body }: RawNotification): string {
  if (method !== 'POST' || query !== '') throw malformed('is not a plain POST')
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/x-www-form-urlencoded') throw malformed('is not a form')
  return body
}

/** The signed text joins raw values, so one signature can fit several sets of parameters: none may hide another. */
function refuseAmbiguous(params: ReadonlyMap<string, string>): void {
  for (const [name, value] of params) {
    if (/[&=]/.test(name) || /&[^&=]*=/.test(value)) throw malformed('can be read in two ways')
  }
}

function unsigned(how: string): GatewayError {
  return new GatewayError('signature', `the alipay notification ${how}`)
}

function malformed(what: string): GatewayError {
  return new GatewayError('malformed', `the alipay notification ${what}`)
}
