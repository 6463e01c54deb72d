import { ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import { readRetryAfter, wordsFor } from '../shared/refusal.ts'
import type { Wire } from '../shared/wire.ts'

// What Google's no means for the money: `unavailable` and `throttled` only where nothing was done.

type Head = { status: number; headers: Readonly<Record<string, string>> }
type Said = {
  message: string
  /** google.rpc's name of it, such as `RESOURCE_EXHAUSTED`; empty where somebody else answered in Google's place. */
  status: string
  /** google.rpc's number; 0 when there is none. */
  code: number
  reasons: string
  retryDelayMs: number | null
}

const CONTENT_WORDS =
  /safety|prohibited|usage guidelines|responsible ai|content (policy|filter)|sensitive words|violates? .{0,40}polic|blocked/i
/** Said with 400, but never the input's fault: the key, the project's billing, its country. */
const OPERATORS_WORDS =
  /api key|billing|location is not supported|not (found|supported) for (api version|this model)/i
const MAX_DELAY_MS = 60 * 60_000

/** What went wrong with a call that may have cost something, from the status and the error object in the body. */
export function refusalOf(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  head: Head,
  body: unknown,
): ProviderError {
  const said = readError(body)
  const kind = kindOf(head, said)
  const canWait = kind === 'throttled' || kind === 'unavailable'
  const retryAfterMs = canWait ? (readRetryAfter(head.headers) ?? said.retryDelayMs) : null
  return new ProviderError(
    kind,
    `${vendor}: ${head.status} ${wordsOf(redact, said)}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** An error object inside an answer that began well. Known not to have been done only where its name says so. */
export function refusalInside(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  body: unknown,
): ProviderError {
  const said = readError(body)
  const words = `${vendor}: ${wordsOf(redact, said)}`
  const retryAfter = said.retryDelayMs === null ? {} : { retryAfterMs: said.retryDelayMs }
  if (CONTENT_WORDS.test(said.message)) return new ProviderError('content', words)
  if (said.status === 'RESOURCE_EXHAUSTED') return new ProviderError('throttled', words, retryAfter)
  if (isOperators(said)) return new ProviderError('unavailable', words)
  if (said.status === 'INVALID_ARGUMENT') return new ProviderError('rejected', words)
  return new ProviderError('ambiguous', words)
}

const INVALID_ARGUMENT = 3

/** A clip that ended in an error. Google charges for clips that were made, so another one may be tried. */
export function refusalOfClip(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  error: unknown,
): ProviderError {
  const said = readError({ error })
  const words = `${vendor}: ${wordsOf(redact, said)}`
  if (CONTENT_WORDS.test(said.message)) return new ProviderError('content', words)
  return new ProviderError(said.code === INVALID_ARGUMENT ? 'rejected' : 'failed', words)
}

export function hasError(body: unknown): boolean {
  const one: unknown = Array.isArray(body) ? body[0] : body
  return isObject(one) && one.error !== undefined && one.error !== null
}

/** Google's words for operators. */
export function wordsIn({ redact }: Pick<Wire, 'redact'>, body: unknown): string {
  return wordsOf(redact, readError(body))
}

function wordsOf(redact: Wire['redact'], { status, message }: Said): string {
  return wordsFor(redact, [status, message])
}

function kindOf({ status, headers }: Head, said: Said): ProviderError['kind'] {
  // A redirect is not followed with a body: the configured address is wrong.
  if (status < 400) return 'unavailable'
  if (status >= 500) {
    // Google documents UNAVAILABLE as load that was turned away; a bare 503 may be a proxy's, after it was handed on.
    const isTurnedAway =
      status === 501 || (status === 503 && (said.status === 'UNAVAILABLE' || 'retry-after' in headers))
    return isTurnedAway ? 'unavailable' : 'ambiguous'
  }
  if (status === 429) return 'throttled'
  // What a proxy gave up on may have been done.
  if (status === 408 || status === 409 || status === 499) return 'ambiguous'
  if (status === 400 || status === 413 || status === 415 || status === 422) {
    if (isOperators(said)) return 'unavailable'
    return CONTENT_WORDS.test(said.message) ? 'content' : 'rejected'
  }
  return 'unavailable'
}

function isOperators({ status, reasons, message }: Said): boolean {
  return (
    ['FAILED_PRECONDITION', 'PERMISSION_DENIED', 'UNAUTHENTICATED', 'NOT_FOUND', 'UNAVAILABLE'].includes(
      status,
    ) ||
    reasons.includes('API_KEY') ||
    OPERATORS_WORDS.test(message)
  )
}

/** `{error: {code, message, status, details}}`, or a list of such from a stream that is none. */
function readError(body: unknown): Said {
  const one: unknown = Array.isArray(body) ? body[0] : body
  const error = isObject(one) && isObject(one.error) ? one.error : {}
  const details = Array.isArray(error.details) ? error.details.filter(isObject) : []
  return {
    message: textOf(error.message),
    status: textOf(error.status),
    code: typeof error.code === 'number' ? error.code : 0,
    reasons: details.map(({ reason }) => textOf(reason)).join(' '),
    retryDelayMs: readDelay(details.map(({ retryDelay }) => retryDelay).find(Boolean)),
  }
}

/** A duration of protobuf's JSON, such as `34.5s`. */
function readDelay(given: unknown): number | null {
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(textOf(given)) ?? []
  return seconds === undefined ? null : Math.min(Number(seconds) * 1000, MAX_DELAY_MS)
}
