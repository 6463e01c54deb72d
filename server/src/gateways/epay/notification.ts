import {
  type GatewayAccount,
  GatewayError,
  type PaymentReport,
  type RawNotification,
} from '../../kernel/ports/gateway.ts'
import { decodeForm } from '../shared/form.ts'
import { readSignatureQuirks } from './options.ts'
import { isSameSignature, type SignatureQuirks, signEpay } from './signature.ts'

const REQUIRED = ['pid', 'trade_no', 'out_trade_no', 'money', 'trade_status'] as const
/** What we send with every order and no notification has. */
const ORDER_ONLY = ['notify_url', 'return_url', 'clientip', 'device'] as const

/**
 * Reads a V1 notification, a query or a form, usually by GET or POST (protocols.md 1.3). Nothing of it is
 * believed before the signature holds; whose merchant, order and amount it is, the kernel checks.
 */
export function readEpayNotification(account: GatewayAccount, notification: RawNotification): PaymentReport {
  const params = decodeForm('epay', formOf(notification))
  checkSignature(account, params)
  refuseAmbiguous(params)
  const field = (name: (typeof REQUIRED)[number]): string => {
    const value = params.get(name)
    if (value) return value
    throw new GatewayError('malformed', `the epay notification lacks ${name}`)
  }
  return {
    tradeNumber: field('out_trade_no'),
    gatewayTrade: field('trade_no'),
    merchant: field('pid'),
    amount: field('money'),
    currency: 'CNY',
    isPaid: field('trade_status') === 'TRADE_SUCCESS',
  }
}

/**
 * Parameters in one place only, whatever the method: with two places, two readers could see two notifications. What
 * the signature covers does not depend on the method either (specs/aigentools.md, 4.3: ANY).
 */
function formOf({ query, contentType, body }: RawNotification): string {
  const inQuery = query.replace(/^\?/, '')
  if (inQuery !== '' && body !== '') throw malformed('has a query and a body')
  if (body === '') return inQuery
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/x-www-form-urlencoded') throw malformed('has a body that is not a form')
  return body
}

function checkSignature(account: GatewayAccount, params: ReadonlyMap<string, string>): void {
  const given = params.get('sign') ?? ''
  if (account.secret === '') throw new GatewayError('signature', 'no epay key is set')
  if (given === '') throw new GatewayError('signature', 'the epay notification is not signed')
  if (isSameSignature(given, signEpay(params, account.secret, signatureQuirks(account)))) return
  throw new GatewayError('signature', 'the epay notification is signed with another key or was changed')
}

function signatureQuirks(account: GatewayAccount): SignatureQuirks {
  try {
    return readSignatureQuirks(account)
  } catch (error) {
    throw new GatewayError('signature', 'the epay signature options are wrong', { cause: error })
  }
}

/**
 * The signed text joins raw values with `&` and `=`, so one signature can fit several sets of parameters, and
 * we sign too: a payer holds the signature of each `submit.php` address, and in some dialects chooses its
 * `return_url`. With `…?&trade_no=1&trade_status=TRADE_SUCCESS` in there, the signed order cut apart anew is a
 * signed payment. So nothing that only an order has may come back, nor a value that hides a parameter.
 */
function refuseAmbiguous(params: ReadonlyMap<string, string>): void {
  for (const name of ORDER_ONLY) {
    if (params.has(name)) throw malformed('is an order')
  }
  for (const [name, value] of params) {
    if (/[&=]/.test(name) || /&[^&=]*=/.test(value)) throw malformed('can be read in two ways')
  }
}

function malformed(what: string): GatewayError {
  return new GatewayError('malformed', `the epay notification ${what}`)
}
