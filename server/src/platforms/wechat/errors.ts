import type { PlatformProblem } from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'

/** The token is no longer taken: nothing was done, and a new one is worth a try. */
export class StaleToken extends Error {}

/** shared/protocols.md, 4.1, *Error map*. */
const STALE = new Set([40_001, 40_014, 42_001])
const REASONS: Readonly<Record<number, PlatformProblem>> = {
  40002: 'credentials_wrong',
  40013: 'credentials_wrong',
  40125: 'credentials_wrong',
  41002: 'credentials_wrong',
  41004: 'credentials_wrong',
  40164: 'address_not_allowed',
  61004: 'address_not_allowed',
  40005: 'content_unfit',
  40009: 'content_unfit',
  45002: 'content_unfit',
  45003: 'content_unfit',
  45004: 'content_unfit',
  45166: 'content_refused',
  53503: 'content_refused',
  53504: 'by_hand_only',
  53505: 'by_hand_only',
  45009: 'quota_spent',
  48001: 'no_permission',
  48004: 'no_permission',
  50002: 'no_permission',
}
const BUSY = -1
const TOO_FAST = 45_011
const TOO_FAST_MS = 60_000

/** What WeChat said no with: its number decides, its words are for operators. */
export class WechatRefusal extends PlatformError {
  readonly errcode: number
  constructor(errcode: number, reason: PlatformProblem, message: string, address?: string) {
    super('refused', message, { reason, ...(address !== undefined && { address }) })
    this.errcode = errcode
  }
}

/** Turns an `errcode` that is not 0 into what to throw. */
export function errorFor(errcode: number, words: string): Error {
  const message = `${errcode} ${words}`
  if (STALE.has(errcode)) return new StaleToken(message)
  // Documented as busy, to be tried again: nothing was done.
  if (errcode === BUSY) return new PlatformError('unavailable', message)
  if (errcode === TOO_FAST) return new PlatformError('throttled', message, { retryAfterMs: TOO_FAST_MS })
  return new WechatRefusal(errcode, REASONS[errcode] ?? 'unavailable', message, addressIn(errcode, words))
}

/** 40164 tells which of our addresses is not on the account's list: `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, …`. */
function addressIn(errcode: number, words: string): string | undefined {
  if (errcode !== 40_164) return undefined
  const [, address] = /\bip[: ]+((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:.]*:[0-9a-f:.]+)/i.exec(words) ?? []
  return address
}
