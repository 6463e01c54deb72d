import {
  type GatewayAccount,
  GatewayError,
  type PaymentReport,
  type RawNotification,
} from '../../kernel/ports/gateway.ts'
import { readAnswer } from '../shared/answer.ts'
import { openKeys } from './account.ts'
import { decryptResource, flawOfSignature } from './signature.ts'
import { readTransaction } from './transaction.ts'

/**
 * Reads a payment notification (protocols.md 2.3): the signature in the headers over the raw body, then the
 * resource, which only our APIv3 key opens. Whose merchant, order and amount it is, the kernel checks.
 */
export function readWechatPayNotification(
  account: GatewayAccount,
  { method, query, body, headers }: RawNotification,
  nowMs: number,
): PaymentReport {
  const keys = openKeys(account, 'signature')
  const flaw = flawOfSignature(keys.platform, headers, body, nowMs)
  if (flaw !== null) throw unsigned(flaw)
  if (method !== 'POST' || query !== '') throw malformed('is not a plain POST')
  const notice = readAnswer(body)
  const resource = notice?.nested('resource') ?? null
  if (notice === null || resource === null) throw malformed('has no resource')
  if (!notice.text('event_type').startsWith('TRANSACTION.')) throw malformed('is not of a payment')
  if (resource.text('algorithm') !== 'AEAD_AES_256_GCM') throw malformed('is encrypted in an unknown way')
  const opened = decryptResource(keys.apiV3Key, {
    ciphertext: resource.text('ciphertext'),
    nonce: resource.text('nonce'),
    associatedData: resource.text('associated_data'),
  })
  // Signed by WeChat, and yet not for this key: another merchant's, or ours before the key was replaced.
  if (opened === null) throw unsigned('is encrypted with another APIv3 key')
  const transaction = readAnswer(opened)
  if (transaction === null) throw malformed('holds something that is not JSON')
  const report = readTransaction(keys.appid, transaction)
  if (report.tradeNumber === '' || report.gatewayTrade === '' || report.amount === '')
    throw malformed('is not complete')
  return report
}

function unsigned(how: string): GatewayError {
  return new GatewayError('signature', `the wechat-pay notification ${how}`)
}

function malformed(what: string): GatewayError {
  return new GatewayError('malformed', `the wechat-pay notification ${what}`)
}
