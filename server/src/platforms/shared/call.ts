import { randomBytes } from 'node:crypto'
import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { OutboundError } from '../../kernel/ports/outbound.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import type { Json } from '../../kernel/ports/provider.ts'

const CALL_MS = 30_000
const UPLOAD_MS = 10 * 60_000
const MOST_BYTES = 1_048_576
const MOST_WORDS = 200

export type JsonObject = { [key: string]: Json }

export type PlatformCall = {
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  signal: AbortSignal
  /** How long it may take; half a minute unless given. */
  timeoutMs?: number
  /** False for an address that the platform named and nobody configured. */
  isOwnAddress?: boolean
}

/**
 * One request to a platform, whose answers are JSON objects.
 *
 * @throws PlatformError `unavailable` when nothing was sent or a proxy refused it, `throttled`, `ambiguous` when
 *   something was sent and no answer came that can be read
 */
export async function callPlatform(outbound: Outbound, url: string, call: PlatformCall): Promise<JsonObject> {
  const { method = 'POST', headers = {}, body, signal, timeoutMs = CALL_MS, isOwnAddress = true } = call
  const reply = await outbound(url, {
    method,
    headers: { accept: 'application/json', ...headers },
    ...(body !== undefined && { body }),
    timeoutMs,
    maxBytes: MOST_BYTES,
    isOperatorConfigured: isOwnAddress,
    signal,
  }).catch((error: unknown): never => {
    if (!(error instanceof OutboundError)) throw error
    const isUnsent = error.kind === 'unreachable' || error.kind === 'forbidden'
    throw new PlatformError(isUnsent ? 'unavailable' : 'ambiguous', error.message, { cause: error })
  })
  if (reply.status === 429) {
    throw new PlatformError('throttled', 'HTTP 429', { retryAfterMs: retryAfterMs(reply) })
  }
  if (reply.status >= 500) throw new PlatformError('ambiguous', `HTTP ${reply.status}`)
  const json = parseObject(reply.body)
  if (json) return json
  // A page instead of an answer: with a success nobody knows what it stands for.
  throw new PlatformError(
    reply.status < 400 ? 'ambiguous' : 'unavailable',
    `HTTP ${reply.status} without JSON`,
  )
}

/** For what a clip takes. */
export const UPLOADING = { timeoutMs: UPLOAD_MS } as const

function retryAfterMs({ headers }: OutboundReply): number {
  const value = headers['retry-after'] ?? ''
  return /^\d{1,6}$/.test(value) ? Math.min(Number(value), 3_600) * 1_000 : 60_000
}

/** Numbers that a double cannot hold become their own digits: one digit off is somebody else's post. */
function parseObject(bytes: Uint8Array): JsonObject | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value: unknown = JSON.parse(text, (_key, one: unknown, context?: { source?: string }) =>
      typeof one === 'number' && Number.isInteger(one) && !Number.isSafeInteger(one) && context?.source
        ? context.source
        : one,
    )
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

export const asObject = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

/** A number or a text as text; empty for anything else. */
export const asText = (value: Json | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

/** A platform's words for operators, without what it was sent in confidence, cut last so that no half stays. */
export function wordsOf(text: Json | undefined, secrets: readonly string[]): string {
  const all = secrets.filter((secret) => secret.length >= 4)
  return all
    .reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), asText(text))
    .slice(0, MOST_WORDS)
}

type Part =
  | { name: string; value: string }
  | { name: string; filename: string; mediaType: string; bytes: Uint8Array }

/** A multipart body (RFC 7578). Names are ours, so nothing in them needs escaping. */
export function multipart(parts: readonly Part[]): { headers: Record<string, string>; body: Uint8Array } {
  const boundary = `atelier${randomBytes(16).toString('hex')}`
  const chunks = parts.flatMap((part) => {
    const isFile = 'bytes' in part
    const file = isFile ? `; filename="${part.filename}"\r\ncontent-type: ${part.mediaType}` : ''
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${part.name}"${file}\r\n\r\n`
    return [Buffer.from(head), isFile ? part.bytes : Buffer.from(part.value), Buffer.from('\r\n')]
  })
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  }
}

/** At most so many characters as readers count them. */
export function cut(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}

/** What stands beside a clip: its title and its topics. */
export function captionOf(title: string, tags: readonly string[], most: number): string {
  const fresh = tags.filter((tag) => !title.includes(`#${tag}`)).map((tag) => `#${tag}`)
  return cut([title, ...fresh].join(' ').trim(), most)
}
