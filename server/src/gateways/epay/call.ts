import { type GatewayAccount, GatewayError } from '../../kernel/ports/gateway.ts'
import { type Outbound, OutboundError, type OutboundReply } from '../../kernel/ports/outbound.ts'
import { type Answer, readAnswer } from '../shared/answer.ts'

export type EpayCall = {
  file: 'mapi.php' | 'api.php'
  /** Named in the query also of a POST: the original epay reads it only there. */
  act?: 'order' | 'refund'
  method: 'GET' | 'POST'
  fields: Readonly<Record<string, string>>
  /** Whether it changes anything there. Asking does not, so asking is never `ambiguous`. */
  isEffect: boolean
}

const TIMEOUT_MS = 15_000
const MAX_BYTES = 256 * 1024
const MAX_WORDS = 200
const ORDER_UNKNOWN =
  /(订单|交易|order|trade).{0,20}(不存在|未找到|not (exist|found))|(未找到|找不到|查无|没有).{0,6}(订单|交易)/i

/** The gateway said no, in its own words. */
export class EpayRefusal extends GatewayError {
  /** No such order there: `订单号不存在`, `未找到该订单`, `order not found`, … but not `商户不存在`. */
  readonly isOrderUnknown: boolean
  constructor(words: string) {
    super('refused', `epay refused: ${words || 'without a reason'}`)
    this.isOrderUnknown = ORDER_UNKNOWN.test(words)
  }
}

/** The address of one of the gateway's scripts. */
export function endpoint(account: GatewayAccount, file: string): string {
  return `${account.url.replace(/\/+$/, '')}/${file}`
}

/**
 * Calls one script and reads its answer. Throws `GatewayError`: `refused` (an `EpayRefusal`), `unavailable`,
 * and, when the answer cannot be understood, `ambiguous` for an effect and `malformed` for a question.
 */
export async function callEpay(outbound: Outbound, account: GatewayAccount, call: EpayCall): Promise<Answer> {
  const reply = await send(outbound, account, call)
  const answer = readAnswer(reply.body)
  checkStatus(call, reply.status, answer, account)
  if (answer === null) throw notUnderstood(call, 'with something that is not its JSON')
  if (answer.text('code') === '') throw notUnderstood(call, 'without a code')
  if (!isOne(answer.text('code'))) throw new EpayRefusal(wordsOf(answer, account))
  return answer
}

async function send(outbound: Outbound, account: GatewayAccount, call: EpayCall): Promise<OutboundReply> {
  const form = new URLSearchParams(call.fields).toString()
  const bounds = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, isOperatorConfigured: true } as const
  const headers = { accept: 'application/json, text/plain, */*' }
  try {
    if (call.method === 'GET')
      return await outbound(`${endpoint(account, call.file)}?${form}`, { ...bounds, headers })
    return await outbound(`${endpoint(account, call.file)}${call.act ? `?act=${call.act}` : ''}`, {
      ...bounds,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
    })
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    const isKnownNotDone = error.kind === 'forbidden' || error.kind === 'unreachable'
    const kind = isKnownNotDone || !call.isEffect ? 'unavailable' : 'ambiguous'
    throw new GatewayError(kind, `epay: ${error.message}`, { cause: error })
  }
}

/** Statuses other than 2xx. What a server says while it fails is no proof of what it did. */
function checkStatus(call: EpayCall, status: number, answer: Answer | null, account: GatewayAccount): void {
  if (status >= 200 && status < 300) return
  const message = `epay answered HTTP ${status}`
  if (status === 429) throw new GatewayError('unavailable', message)
  const isRefusal = status >= 400 && status < 500 && status !== 408
  if (isRefusal) throw new EpayRefusal(wordsOf(answer, account) || `HTTP ${status}`)
  if (call.isEffect) throw new GatewayError('ambiguous', message)
  throw new GatewayError(status >= 400 ? 'unavailable' : 'malformed', message)
}

function notUnderstood(call: EpayCall, how: string): GatewayError {
  return new GatewayError(call.isEffect ? 'ambiguous' : 'malformed', `epay answered ${how}`)
}

/** The gateway's words for an operator: one short line, without the key in case it echoes what we sent. */
function wordsOf(answer: Answer | null, { secret }: GatewayAccount): string {
  const words = answer?.text('msg') || answer?.text('message') || ''
  const clean = words
    .replaceAll(secret, '***')
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  return [...clean].slice(0, MAX_WORDS).join('')
}

/** `1`, `"1"` and PHP's `1.0`. */
export function isOne(text: string): boolean {
  return /^1(\.0+)?$/.test(text)
}
