import { randomUUID } from 'node:crypto'
import { type GatewayAccount, GatewayError } from '../../kernel/ports/gateway.ts'
import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { type Answer, readAnswer } from '../shared/answer.ts'
import { isSignedBy, signRsa } from '../shared/rsa.ts'
import { type GatewayCall, GatewayRefusal, notUnderstood, sendCall } from '../shared/send.ts'
import { type AlipayKeys, openKeys } from './account.ts'

export type AlipayCall = {
  path: `/v3/alipay/trade/${string}`
  body: Readonly<Record<string, string>>
  isEffect: boolean
}

/**
 * Calls the third version of Alipay's interface: JSON, our signature in a header, Alipay's in the answer's headers
 * (protocols.md 2.2). Throws `GatewayError`; `signature` for an answer to a question that Alipay did not sign.
 */
export async function callAlipay(
  outbound: Outbound,
  account: GatewayAccount,
  { path, body, isEffect }: AlipayCall,
): Promise<Answer> {
  const keys = openKeys(account, 'unavailable')
  const url = new URL(`${account.url}${path}`)
  const json = JSON.stringify(body)
  const { authorization, signature } = authorize(account, keys, url.pathname, json)
  const call: GatewayCall = {
    gateway: 'alipay',
    method: 'POST',
    url: url.href,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'alipay-request-id': randomUUID().replaceAll('-', ''),
      ...(keys.certificates && { 'alipay-root-cert-sn': keys.certificates.root }),
      authorization,
    },
    body: json,
    isEffect,
    secrets: [authorization, signature],
  }
  const reply = await sendCall(outbound, call)
  if (!isSigned(reply, keys)) {
    const message = 'alipay: the answer is not signed by Alipay'
    throw new GatewayError(isEffect ? 'ambiguous' : 'signature', message)
  }
  const answer = readAnswer(reply.body)
  if (answer === null) throw notUnderstood(call, 'with something that is not JSON')
  return answer
}

/** Whether a call was refused because there is no such order, or no such refund. */
export function isUnknownThere(error: unknown): boolean {
  return error instanceof GatewayRefusal && /(TRADE|REFUND|ORDER)_NOT_EXIST$/.test(error.code)
}

function authorize(
  account: GatewayAccount,
  keys: AlipayKeys,
  path: string,
  body: string,
): { authorization: string; signature: string } {
  const parts = [
    `app_id=${account.merchant}`,
    ...(keys.certificates ? [`app_cert_sn=${keys.certificates.app}`] : []),
    `nonce=${randomUUID()}`,
    `timestamp=${Date.now()}`,
  ].join(',')
  const signature = signRsa(`${parts}\nPOST\n${path}\n${body}\n`, keys.privateKey)
  return { authorization: `ALIPAY-SHA256withRSA ${parts},sign=${signature}`, signature }
}

function isSigned({ headers, body }: OutboundReply, keys: AlipayKeys): boolean {
  const text = new TextDecoder().decode(body)
  const signed = `${headers['alipay-timestamp'] ?? ''}\n${headers['alipay-nonce'] ?? ''}\n${text}\n`
  return isSignedBy(signed, headers['alipay-signature'] ?? '', keys.alipayPublicKey)
}
