import { GatewayError } from '../../kernel/ports/gateway.ts'
import { type Outbound, OutboundError, type OutboundReply } from '../../kernel/ports/outbound.ts'
import { type Answer, readAnswer } from './answer.ts'

export type GatewayCall = {
  /** How the gateway is called in messages to operators. */
  gateway: string
  method: 'GET' | 'POST'
  url: string
  headers: Readonly<Record<string, string>>
  body: string
  /** Whether it changes anything there. Asking does not, so asking is never `ambiguous`. */
  isEffect: boolean
  /** What an answer may echo and nobody shall read: the authorization that was sent, keys. */
  secrets: readonly string[]
}

const TIMEOUT_MS = 15_000
const MAX_BYTES = 256 * 1024
const MAX_WORDS = 200

/** The gateway said no: its code, for the adapter to tell cases apart, and its words in the message. */
export class GatewayRefusal extends GatewayError {
  readonly code: string
  constructor(gateway: string, code: string, words: string) {
    super('refused', `${gateway} refused: ${[code, words].filter((one) => one !== '').join(' ')}`)
    this.code = code
  }
}

/**
 * Sends one call. A 2xx comes back whole, for its signature to be checked; what else was answered is thrown as
 * what it means: `refused` for a readable 4xx, `unavailable` when nothing can have been done, `ambiguous` when an
 * effect may have been.
 */
export async function sendCall(outbound: Outbound, call: GatewayCall): Promise<OutboundReply> {
  let reply: OutboundReply
  try {
    reply = await outbound(call.url, {
      method: call.method,
      headers: call.headers,
      ...(call.body !== '' && { body: call.body }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      isOperatorConfigured: true,
    })
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    const isKnownNotDone = error.kind === 'forbidden' || error.kind === 'unreachable'
    const kind = isKnownNotDone || !call.isEffect ? 'unavailable' : 'ambiguous'
    throw new GatewayError(kind, `${call.gateway}: ${error.message}`, { cause: error })
  }
  if (reply.status >= 200 && reply.status < 300) return reply
  throw failure(call, reply)
}

/** An answer that cannot be believed or understood says nothing about what was done. */
export function notUnderstood(call: Pick<GatewayCall, 'gateway' | 'isEffect'>, how: string): GatewayError {
  return new GatewayError(call.isEffect ? 'ambiguous' : 'malformed', `${call.gateway} answered ${how}`)
}

/** Neither a refusal nor a success: the gateway itself does not know what it did. */
const UNSURE = /SYSTEM_?ERROR|UNKNOW|SERVICE_UNAVAILABLE/i

/** Statuses other than 2xx. What a server says while it fails is no proof of what it did. */
function failure(call: GatewayCall, { status, body }: OutboundReply): GatewayError {
  const answer = readAnswer(body)
  const code = scrub(answer?.text('code') ?? '', call.secrets)
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429 && !UNSURE.test(code)
  if (isRefusal)
    return new GatewayRefusal(call.gateway, code || `HTTP ${status}`, wordsOf(answer, call.secrets))
  const message = `${call.gateway} answered HTTP ${status} ${code}`.trim()
  if (status === 429) return new GatewayError('unavailable', message)
  if (call.isEffect) return new GatewayError('ambiguous', message)
  return new GatewayError(status >= 400 ? 'unavailable' : 'malformed', message)
}

/** The gateway's words for an operator: one short line, without what we sent in confidence. */
function wordsOf(answer: Answer | null, secrets: readonly string[]): string {
  return scrub(answer?.text('message') ?? '', secrets)
}

function scrub(words: string, secrets: readonly string[]): string {
  let clean = words
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, '***')
  clean = clean.replace(/\p{Cc}+/gu, ' ').trim()
  return [...clean].slice(0, MAX_WORDS).join('')
}
