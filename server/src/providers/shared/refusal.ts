/** Takes keys out of words that an operator will read. */
export type Redact = (words: string) => string

const MAX_WORDS = 300
const MAX_RETRY_AFTER_MS = 60 * 60_000

/** A vendor's words for operators: on one line, without keys, and only then cut: half a key is a leak as well. */
export function wordsFor(redact: Redact, parts: readonly string[]): string {
  const words = parts.filter(Boolean).join(': ')
  return redact(words).replaceAll(/\s+/g, ' ').slice(0, MAX_WORDS) || 'without a reason'
}

/**
 * Milliseconds to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, 10.2.3), at most an hour;
 * null when the vendor does not say. The date is read against the vendor's own clock where it sends one.
 */
export function readRetryAfter(headers: Readonly<Record<string, string>>): number | null {
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
