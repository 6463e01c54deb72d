import { ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import { readRetryAfter, wordsFor } from '../shared/refusal.ts'
import type { Wire } from '../shared/wire.ts'

// What Runway's no means for the money: `unavailable` and `throttled` only where nothing was done.

type Head = { status: number; headers: Readonly<Record<string, string>> }

const CONTENT_WORDS = /moderation|safety|content polic|sensitive/i
/** Said with 400, but never the input's fault: the balance, the key, the version or the model. */
const OPERATORS_WORDS = /enough credits|api key|x-runway-version|api version|model variant|not available/i

/** What went wrong with a start, from the status and `{error}` in the body, if it is there. */
export function refusalOf(to: Pick<Wire, 'vendor' | 'redact'>, head: Head, body: unknown): ProviderError {
  const kind = kindOf(head, readError(body))
  const canWait = kind === 'throttled' || kind === 'unavailable'
  const retryAfterMs = canWait ? readRetryAfter(head.headers) : null
  return new ProviderError(
    kind,
    `${to.vendor}: ${head.status} ${wordsIn(to, body)}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** Runway's words for operators. */
export function wordsIn({ redact }: Pick<Wire, 'redact'>, body: unknown): string {
  return wordsFor(redact, [readError(body)])
}

function kindOf({ status, headers }: Head, words: string): ProviderError['kind'] {
  // A redirect is not followed with a body: the configured address is wrong.
  if (status < 400) return 'unavailable'
  if (status >= 500) {
    // Documented as load that was turned away, where Runway says so itself; a proxy's page may stand for anything.
    const isTurnedAway =
      status === 501 || ((status === 502 || status === 503) && (words !== '' || 'retry-after' in headers))
    return isTurnedAway ? 'unavailable' : 'ambiguous'
  }
  if (status === 429) return 'throttled'
  // What a proxy gave up on may have been done.
  if (status === 408 || status === 409 || status === 499) return 'ambiguous'
  if (status === 400 || status === 413 || status === 415 || status === 422) {
    if (OPERATORS_WORDS.test(words)) return 'unavailable'
    return CONTENT_WORDS.test(words) ? 'content' : 'rejected'
  }
  return 'unavailable'
}

function readError(body: unknown): string {
  if (!isObject(body)) return ''
  const { error, issues } = body
  const words = isObject(error) ? textOf(error.message) : textOf(error)
  return [words, Array.isArray(issues) ? JSON.stringify(issues) : ''].filter(Boolean).join(' ')
}

/**
 * A task that ended without a result (docs.dev.runwayml.com, task failures). What was refused is told by `failureCode`;
 * what failed may be tried again when it cost nothing, which Runway says in `cost`.
 */
export function refusalOfTask(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  task: Readonly<Record<string, unknown>>,
): ProviderError {
  const code = textOf(task.failureCode)
  const words = `${vendor}: ${wordsFor(redact, [textOf(task.status), code, textOf(task.failure)])}`
  if (/(^|\.)SAFETY(\.|$)/.test(code)) return new ProviderError('content', words)
  if (/^ASSET\./.test(code)) return new ProviderError('rejected', words)
  const credits = isObject(task.cost) ? task.cost.credits : 0
  if (credits === 0) return new ProviderError('failed', words)
  return new ProviderError('ambiguous', `${words} (charged ${textOf(credits) || 'something'})`)
}
