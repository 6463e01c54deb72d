import { type GatewayAccount, GatewayError } from '../../kernel/ports/gateway.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Answer, readAnswer } from '../shared/answer.ts'
import { type GatewayCall, GatewayRefusal, notUnderstood, sendCall } from '../shared/send.ts'
import { openKeys } from './account.ts'
import { authorize, flawOfSignature } from './signature.ts'

export type WechatPayCall = {
  method: 'GET' | 'POST'
  /** With its query. */
  path: `/v3/${string}`
  body?: object
  isEffect: boolean
}

/**
 * Calls APIv3 (protocols.md 2.3) and believes only an answer that WeChat signed; null for one without a body.
 * Throws `GatewayError`; `signature` for an answer to a question that is not WeChat's.
 */
export async function callWechatPay(
  outbound: Outbound,
  now: () => number,
  account: GatewayAccount,
  { method, path, body, isEffect }: WechatPayCall,
): Promise<Answer | null> {
  const keys = openKeys(account, 'unavailable')
  const url = new URL(`${account.url}${path}`)
  const json = body === undefined ? '' : JSON.stringify(body)
  const request = { method, target: `${url.pathname}${url.search}`, body: json }
  const { authorization, signature } = authorize(account.merchant, keys, request, now())
  const publicKeyId = [...keys.platform.keys()].find((serial) => serial.startsWith('PUB_KEY_ID_'))
  const call: GatewayCall = {
    gateway: 'wechat-pay',
    method,
    url: url.href,
    headers: {
      accept: 'application/json',
      ...(json !== '' && { 'content-type': 'application/json' }),
      // WeChat refuses requests that say nothing of who asks.
      'user-agent': 'atelier',
      // Asks WeChat to sign with its public key while its certificates are still about.
      ...(publicKeyId !== undefined && { 'wechatpay-serial': publicKeyId }),
      authorization,
    },
    body: json,
    isEffect,
    secrets: [authorization, signature, keys.apiV3Key],
  }
  const reply = await sendCall(outbound, call)
  const text = new TextDecoder().decode(reply.body)
  const flaw = flawOfSignature(keys.platform, reply.headers, text, now())
  if (flaw !== null)
    throw new GatewayError(isEffect ? 'ambiguous' : 'signature', `wechat-pay: the answer ${flaw}`)
  if (text === '') return null
  const answer = readAnswer(text)
  if (answer === null) throw notUnderstood(call, 'with something that is not JSON')
  return answer
}

/** Whether a call was refused because there is no such order, or no such refund. */
export function isUnknownThere(error: unknown): boolean {
  return error instanceof GatewayRefusal && /NOT_?EXISTS?$/.test(error.code) && !/^(MCH|APP)/.test(error.code)
}
