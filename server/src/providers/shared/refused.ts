import { ProviderError, type ProviderErrorKind } from '../../kernel/ports/provider.ts'
import { readRetryAfter, wordsFor } from './refusal.ts'
import type { Wire } from './wire.ts'

// What a no means for the money at vendors that name their errors by codes: `unavailable` and `throttled` only where
// nothing was done.

type Head = { status: number; headers: Readonly<Record<string, string>> }
type Speaker = Pick<Wire, 'vendor' | 'redact'>

/** An error as a vendor tells it; empty where it tells nothing. */
export type Said = { code: string; message: string }

/** A vendor's codes by what they mean, asked in this order. */
export type Codes = {
  /** Refused by moderation. */
  content: RegExp
  /** Never the input's fault: the key, the balance, a model that was not opened. */
  operators: RegExp
  throttled: RegExp
  /** The input is at fault. */
  input: RegExp
}

/** What went wrong with a request that was answered with a status of its own; the code says more than the status. */
export function refusalByCode(to: Speaker, head: Head, said: Said, codes: Codes): ProviderError {
  const kind = kindOf(head, said, codes)
  const canWait = kind === 'throttled' || kind === 'unavailable'
  const retryAfterMs = canWait ? readRetryAfter(head.headers) : null
  return new ProviderError(
    kind,
    `${to.vendor}: ${head.status} ${wordsOf(to, said)}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** An error inside an answer that began well: known not to have been done only where its code says so. */
export function refusalInsideByCode(to: Speaker, said: Said, codes: Codes): ProviderError {
  return new ProviderError(kindOfCode(said, codes) ?? 'ambiguous', `${to.vendor}: ${wordsOf(to, said)}`)
}

/**
 * A job that ended without a result. `unlessRefused` is what it is where its code blames neither the input nor
 * moderation. Never `throttled` or `unavailable`: these say that the job goes on, and it would be asked after for ever.
 */
export function refusalOfEnded(
  to: Speaker,
  said: Said,
  codes: Codes,
  unlessRefused: 'failed' | 'ambiguous',
): ProviderError {
  const kind = kindOfCode(said, codes)
  const isRefused = kind === 'content' || kind === 'rejected'
  return new ProviderError(isRefused ? kind : unlessRefused, `${to.vendor}: ${wordsOf(to, said)}`)
}

/** A vendor's words for operators. */
export function wordsOf({ redact }: Pick<Speaker, 'redact'>, { code, message }: Said): string {
  return wordsFor(redact, [code, message])
}

function kindOf({ status, headers }: Head, said: Said, codes: Codes): ProviderErrorKind {
  // A redirect is not followed with a body: the configured address is wrong.
  if (status < 400) return 'unavailable'
  if (status >= 500)
    return status === 501 || (status === 503 && 'retry-after' in headers) ? 'unavailable' : 'ambiguous'
  // An exhausted account may answer 429 too, but waiting does not fill it.
  if (status === 429) return codes.operators.test(said.code) ? 'unavailable' : 'throttled'
  const kind = kindOfCode(said, codes)
  if (kind === 'content') return kind
  // What a proxy or a lock gave up on may have been done.
  if (status === 408 || status === 409 || status === 499) return 'ambiguous'
  if (kind === 'unavailable' || kind === 'throttled') return kind
  return status === 400 || status === 413 || status === 415 || status === 422 ? 'rejected' : 'unavailable'
}

function kindOfCode(
  { code }: Said,
  codes: Codes,
): 'content' | 'unavailable' | 'throttled' | 'rejected' | null {
  if (codes.content.test(code)) return 'content'
  if (codes.operators.test(code)) return 'unavailable'
  if (codes.throttled.test(code)) return 'throttled'
  return codes.input.test(code) ? 'rejected' : null
}
