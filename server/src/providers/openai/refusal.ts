import { ProviderError } from '../../kernel/ports/provider.ts'

// What a vendor's no means for the money: `unavailable` and `throttled` only where nothing was done.

/** Takes keys out of words that an operator will read. */
export type Redact = (words: string) => string

type Head = { status: number; headers: Readonly<Record<string, string>> }
type Said = { message: string; code: string; type: string }

const MAX_WORDS = 300
const MAX_RETRY_AFTER_MS = 60 * 60_000

/** Codes and types in which deployments say that moderation refused. */
const CONTENT_CODE = /content_?(policy|filter)|moderation|safety|sensitive|data_?inspection/i
const CONTENT_WORDS = /safety system|content (management )?policy|flagged as|敏感|违规/i
/** Said with 400 by some gateways, but never the input's fault: the key, the balance, the model's name. */
const OPERATORS_CODE =
  /api_?key|authentication|permission|insufficient_(user_)?quota|billing|model_not_found|no_available_channel/i
const THROTTLED_CODE = /rate_?limit|too_many_requests/i
/** OpenAI documents 503 with these as load that was turned away. */
const OVERLOADED = /overloaded|slow_?down|no_available_channel/i

/**
 * What went wrong, from the status and the error object in the body, if there is one. The vendor's words are
 * kept for operators, shortened, without keys.
 */
export function refusalOf(head: Head, body: unknown, redact: Redact): ProviderError {
  const said = readError(body)
  const kind = kindOf(head, said)
  const retryAfterMs = kind === 'throttled' || kind === 'unavailable' ? readRetryAfter(head.headers) : null
  return new ProviderError(
    kind,
    `openai: ${head.status} ${wordsOf(said, redact)}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** An error object inside an answer that began well. Known not to have been done only where its code says so. */
export function refusalInside(body: unknown, redact: Redact): ProviderError {
  const said = readError(body)
  const codes = `${said.code} ${said.type}`
  const words = `openai: ${wordsOf(said, redact)}`
  if (isContent(said)) return new ProviderError('content', words)
  if (THROTTLED_CODE.test(codes)) return new ProviderError('throttled', words)
  if (OPERATORS_CODE.test(codes)) return new ProviderError('unavailable', words)
  if (/invalid_request/i.test(codes)) return new ProviderError('rejected', words)
  return new ProviderError('ambiguous', words)
}

export function hasError(body: unknown): boolean {
  return isObject(body) && body.error !== undefined && body.error !== null
}

function kindOf({ status, headers }: Head, said: Said): ProviderError['kind'] {
  const codes = `${said.code} ${said.type}`
  // A redirect is not followed with a body: the configured address is wrong.
  if (status < 400) return 'unavailable'
  if (status >= 500) {
    const isTurnedAway =
      status === 501 ||
      ((status === 503 || status === 529) && (OVERLOADED.test(codes) || 'retry-after' in headers))
    return isTurnedAway ? 'unavailable' : 'ambiguous'
  }
  // An exhausted account answers 429 too, but waiting does not fill it.
  if (status === 429) return OPERATORS_CODE.test(codes) ? 'unavailable' : 'throttled'
  if (isContent(said)) return 'content'
  // What a proxy or a lock gave up on may have been done.
  if (status === 408 || status === 409 || status === 499) return 'ambiguous'
  if (OPERATORS_CODE.test(codes)) return 'unavailable'
  return status === 400 || status === 413 || status === 415 || status === 422 ? 'rejected' : 'unavailable'
}

function isContent({ code, type, message }: Said): boolean {
  return CONTENT_CODE.test(`${code} ${type}`) || CONTENT_WORDS.test(message)
}

/** `{error: {message, code, type}}`, `{error: 'words'}`, or `{message, code}` of servers that know no better. */
function readError(body: unknown): Said {
  const text = (value: unknown): string =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  if (!isObject(body)) return { message: '', code: '', type: '' }
  if (typeof body.error === 'string') return { message: body.error, code: text(body.code), type: '' }
  const error = isObject(body.error) ? body.error : body
  return { message: text(error.message), code: text(error.code), type: text(error.type) }
}

function wordsOf({ code, type, message }: Said, redact: Redact): string {
  const words = [code || type, message].filter(Boolean).join(': ')
  // Redacted before it is cut: half a key is a leak as well.
  return redact(words).replaceAll(/\s+/g, ' ').slice(0, MAX_WORDS) || 'without a reason'
}

/**
 * Milliseconds to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, 10.2.3). The date is
 * read against the vendor's own clock where it sends one.
 */
function readRetryAfter(headers: Head['headers']): number | null {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN)
  if (ms >= 0) return Math.min(ms, MAX_RETRY_AFTER_MS)
  const after = headers['retry-after']?.trim()
  if (after === undefined || after === '') return null
  const seconds = Number(after)
  if (seconds >= 0) return Math.min(seconds * 1000, MAX_RETRY_AFTER_MS)
  const then = Date.parse(after)
  if (Number.isNaN(then)) return null
  const now = Date.parse(headers.date ?? '')
  return Math.min(Math.max(0, then - (Number.isNaN(now) ? Date.now() : now)), MAX_RETRY_AFTER_MS)
}

/** Hides the key and the values of the operator's headers, also as they look inside an address. */
export function redactor(secrets: readonly string[]): Redact {
  const hidden = secrets
    // A header such as `2` is no secret, and hiding it would hide the words.
    .filter((secret) => secret.length >= 4)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((a, b) => b.length - a.length)
  return (words) => {
    let clean = words
    for (const secret of hidden) clean = clean.replaceAll(secret, '***')
    // OpenAI itself repeats a wrong key with its middle starred out; what is left of it goes as well.
    return clean.replaceAll(/\b(sk-|Bearer\s+)[^\s"'}]+/gi, '***')
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
