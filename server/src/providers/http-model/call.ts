import { type Outbound, OutboundError, type OutboundReply } from '../../kernel/ports/outbound.ts'
import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import type { Options } from './options.ts'

const MOST_BYTES = 10 * 1024 * 1024
/** Pictures inside the answer, where the declaration names them: half as much again as their bytes. */
const MOST_INLINE_BYTES = 64 * 1024 * 1024
const MOST_WORDS = 1_000

/** These are the connection's own affair. */
const HOP_HEADERS = new Set([
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'upgrade',
  'expect',
])

export type Call = { method: 'GET' | 'POST' | 'PUT'; url: string; body?: string; signal: AbortSignal }

/** The way out, with how long one call may take. */
export type Way = { outbound: Outbound; callMs: number }

/**
 * One request on behalf of an operator. Key and headers go to the connection's own origin and nowhere else; no
 * redirect is followed. Throws `OutboundError`.
 */
export function send(
  { outbound, callMs }: Way,
  connection: ProviderConnection,
  options: Options,
  { method, url, body, signal }: Call,
): Promise<OutboundReply> {
  const isOwn = isSameOrigin(url, connection.url)
  const isInline = options.outputs.some(({ name, path }) => /b64|base64/i.test(`${name} ${path.join('.')}`))
  return outbound(url, {
    method,
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(isOwn && authHeaders(connection)),
    },
    ...(body !== undefined && { body }),
    timeoutMs: callMs,
    maxBytes: isInline ? MOST_INLINE_BYTES : MOST_BYTES,
    maxRedirects: 0,
    isOperatorConfigured: true,
    signal,
  })
}

function authHeaders({ secret, headers }: ProviderConnection): Record<string, string> {
  const own = Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !HOP_HEADERS.has(name)),
  )
  const key = secret === '' || own.authorization !== undefined ? {} : { authorization: `Bearer ${secret}` }
  const all = { ...key, ...own }
  // Found here it is an operator's slip; found while sending it would look like a call that broke off.
  for (const [name, value] of Object.entries(all)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw new ProviderError('unavailable', 'a header of this connection cannot be sent')
  }
  return all
}

export function isSameOrigin(one: string, other: string): boolean {
  const [first, second] = [URL.parse(one), URL.parse(other)]
  return first !== null && second !== null && first.origin === second.origin
}

/**
 * The body as JSON; undefined when it is none. Numbers that a double cannot hold become their own digits: vendors
 * send task numbers of nineteen digits, and one digit off is somebody else's task.
 */
export function parseBody(reply: OutboundReply): Json | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(reply.body)
    return JSON.parse(text, keepDigits)
  } catch {
    return undefined
  }
}

function keepDigits(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  const isLong = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isLong && context?.source !== undefined && /^-?\d+$/.test(context.source) ? context.source : value
}

/** What a refused start means (README.md): only what is known not to have been done may be tried again. */
export function refusedStart(reply: OutboundReply, words: string): ProviderError {
  const { status } = reply
  const message = `HTTP ${status}: ${words}`
  const retryAfterMs = readRetryAfter(reply)
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
  if (status === 429) return new ProviderError('throttled', message, wait)
  if (status === 503 && retryAfterMs !== undefined) return new ProviderError('throttled', message, wait)
  if (status >= 500 || status === 408) return new ProviderError('ambiguous', message)
  if (status < 400 || [401, 402, 403, 404, 405, 407].includes(status))
    return new ProviderError('unavailable', message)
  return new ProviderError(kindByWords(words), message)
}

const CONTENT =
  /moderat|sensitive|nsfw|content[ _-]?(policy|filter|violat|safety)|safety (system|filter|policy)|prohibited|inappropriate|违规|敏感|审核|不合规|涉黄|色情/i

/** Whether a refusal was about what was asked for or about how. */
export function kindByWords(words: string): 'content' | 'rejected' {
  return CONTENT.test(words) ? 'content' : 'rejected'
}

/** An hour at most; a date is not worth a clock here. */
function readRetryAfter({ headers }: OutboundReply): number | undefined {
  const value = headers['retry-after']
  return value !== undefined && /^\d{1,6}$/.test(value.trim())
    ? Math.min(Number(value), 3_600) * 1_000
    : undefined
}

export function startFailed(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (!(error instanceof OutboundError)) throw error
  // Forbidden and unreachable: not a byte has left the house.
  const kind = error.kind === 'forbidden' || error.kind === 'unreachable' ? 'unavailable' : 'ambiguous'
  return new ProviderError(kind, error.message, { cause: error })
}

/**
 * A vendor's words for an operator's eyes: without the key and the header values, however they come back, and only
 * then cut, so that no half of a key is left at the end.
 */
export function wordsFor(connection: ProviderConnection, text: string): string {
  let clean = text
  for (const secret of secretsOf(connection)) clean = clean.replaceAll(secret, '[redacted]')
  return clean.replace(/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, '$1 [redacted]').slice(0, MOST_WORDS)
}

function secretsOf({ secret, headers }: ProviderConnection): string[] {
  const plain = Object.values(headers).flatMap((value) => [value, ...value.split(/[\s,;=]+/)])
  const long = plain.filter((value) => value.length >= 4)
  const all = [secret, ...long].filter((value) => value !== '')
  const written = all.flatMap((value) => [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64'),
  ])
  // The longest first: a part taken out of the middle would leave the rest standing.
  return [...new Set(written)].sort((one, other) => other.length - one.length)
}
