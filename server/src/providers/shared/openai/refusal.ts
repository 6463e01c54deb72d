import { ProviderError } from '../../../kernel/ports/provider.ts'
import { isObject, textOf } from '../json.ts'
import { readRetryAfter, wordsFor } from '../refusal.ts'
import type { Wire } from '../wire.ts'

// What a vendor's no means for the money: `unavailable` and `throttled` only where nothing was done.

type Head = { status: number; headers: Readonly<Record<string, string>> }
type Said = { message: string; code: string; type: string }

/** Codes and types in which deployments say that moderation refused. */
const CONTENT_CODE = /content_?(policy|filter)|moderation|safety|sensitive|data_?inspection/i
const CONTENT_WORDS = /safety system|content (management )?policy|flagged as|敏感|违规/i
/** Said with 400 by some gateways, but never the input's fault: the key, the balance, the model's name. */
const OPERATORS_CODE =
  /api_?key|authentication|permission|insufficient_(user_)?quota|billing|model_?not_?(found|open)|no_available_channel|arrearage|overdue|access_?denied/i
const THROTTLED_CODE = /rate_?limit|too_many_requests|throttling/i
/** OpenAI documents 503 with these as load that was turned away. */
const OVERLOADED = /overloaded|slow_?down|no_available_channel/i

/**
 * What went wrong, from the status and the error object in the body, if there is one. The vendor's words are
 * kept for operators, shortened, without keys.
 */
export function refusalOf(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  head: Head,
  body: unknown,
): ProviderError {
  const said = readError(body)
  const kind = kindOf(head, said)
  const retryAfterMs = kind === 'throttled' || kind === 'unavailable' ? readRetryAfter(head.headers) : null
  return new ProviderError(
    kind,
    `${vendor}: ${head.status} ${wordsFor(redact, [said.code || said.type, said.message])}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** An error object inside an answer that began well. Known not to have been done only where its code says so. */
export function refusalInside(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  body: unknown,
): ProviderError {
  const said = readError(body)
  const codes = `${said.code} ${said.type}`
  const words = `${vendor}: ${wordsFor(redact, [said.code || said.type, said.message])}`
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
  if (!isObject(body)) return { message: '', code: '', type: '' }
  if (typeof body.error === 'string') return { message: body.error, code: textOf(body.code), type: '' }
  const error = isObject(body.error) ? body.error : body
  return { message: textOf(error.message), code: textOf(error.code), type: textOf(error.type) }
}
