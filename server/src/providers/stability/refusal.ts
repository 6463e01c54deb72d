import { ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import { readRetryAfter, wordsFor } from '../shared/refusal.ts'
import type { Wire } from '../shared/wire.ts'

// What Stability's no means for the money: `unavailable` and `throttled` only where nothing was done.

type Head = { status: number; headers: Readonly<Record<string, string>> }
type Said = { name: string; words: string; isItsOwn: boolean }

const CONTENT = /moderation|flagged|content_filter|content polic/i
/** Said with 403 of a key, as the older interface does. */
const OF_A_KEY = /permission|unauthori[sz]ed|forbidden|api.?key|access denied/i

/** What went wrong, from the status and `{id, name, errors}` in the body, if it is there. */
export function refusalOf(
  { vendor, redact }: Pick<Wire, 'vendor' | 'redact'>,
  head: Head,
  body: unknown,
): ProviderError {
  const said = readError(body)
  const kind = kindOf(head, said)
  const canWait = kind === 'throttled' || kind === 'unavailable'
  const retryAfterMs = canWait ? readRetryAfter(head.headers) : null
  return new ProviderError(
    kind,
    `${vendor}: ${head.status} ${wordsFor(redact, [said.name, said.words])}`,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

function kindOf({ status, headers }: Head, said: Said): ProviderError['kind'] {
  const words = `${said.name} ${said.words}`
  // A redirect is not followed with a body: the configured address is wrong.
  if (status < 400) return 'unavailable'
  if (status >= 500) {
    return status === 501 || (status === 503 && 'retry-after' in headers) ? 'unavailable' : 'ambiguous'
  }
  if (status === 429) return 'throttled'
  if (CONTENT.test(words)) return 'content'
  // Its document knows 403 as moderation alone; what names a key, or is not its JSON (a proxy's page), is not that.
  if (status === 403) return said.isItsOwn && !OF_A_KEY.test(words) ? 'content' : 'unavailable'
  // What a proxy gave up on may have been done.
  if (status === 408 || status === 409 || status === 499) return 'ambiguous'
  return status === 400 || status === 413 || status === 415 || status === 422 ? 'rejected' : 'unavailable'
}

/** `{id, name, errors: [words]}`; some say `message` in place of `errors`. */
function readError(body: unknown): Said {
  if (!isObject(body)) return { name: '', words: '', isItsOwn: false }
  const { id, name, errors, message } = body
  const list = Array.isArray(errors) ? errors : [errors, message]
  const words = list.map(textOf).filter(Boolean).join('; ')
  return { name: textOf(name), words, isItsOwn: textOf(id) !== '' || textOf(name) !== '' }
}
