import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { ProviderConnection } from '../ports/provider.ts'
import type { SealedConnection } from './catalog.ts'

/** What of a connection is only written and never read back. */
export type ConnectionSecrets = { secret: string; headers: Readonly<Record<string, string>> }

/** Decrypts what `sealSecrets` made. Throws when it was sealed under another SECRET_KEY. */
export function openSecrets(context: Pick<Context, 'keys'>, sealed: Buffer): ConnectionSecrets {
  return JSON.parse(context.keys.open(sealed)) as ConnectionSecrets
}

/** Decrypts a channel's connection for one call; null for a channel that has none. */
export function openConnection(
  context: Pick<Context, 'keys'>,
  channel: { connection: SealedConnection | null },
): ProviderConnection | null {
  if (!channel.connection) return null
  const { url, sealed, options } = channel.connection
  return { url, options, ...openSecrets(context, Buffer.from(sealed, 'base64')) }
}

/** Encrypts a connection's secrets; those that are not given stay as they were. */
export function sealSecrets(
  context: Pick<Context, 'keys'>,
  before: Buffer | null,
  changes: Partial<ConnectionSecrets>,
): Buffer {
  const { secret, headers } = before ? openSecrets(context, before) : { secret: '', headers: {} }
  return context.keys.seal(
    JSON.stringify({ secret: changes.secret ?? secret, headers: changes.headers ?? headers }),
  )
}

const LONGEST_URL = 2_000
const MOST_HEADERS = 50
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,4000}$/
/** What belongs to the connection itself and would let a header rewrite the request. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Whether a connection can be used at all.
 * @throws input_invalid for url (no http or https address, or one with a password in it), headers or secret
 */
export function checkConnection(connection: { url: string } & Partial<ConnectionSecrets>): void {
  const { url: text, secret, headers } = connection
  const url = URL.canParse(text) ? new URL(text) : null
  // Whoever may see the model sees its address, so no password may be in it.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || text.length > LONGEST_URL)
    throw refusal('input_invalid', { field: 'url', problem: 'format' })
  if (secret !== undefined && !/^[\x20-\x7e]{0,4000}$/.test(secret))
    throw refusal('input_invalid', { field: 'secret', problem: 'format' })
  const entries = Object.entries(headers ?? {})
  if (entries.length > MOST_HEADERS) throw refusal('input_invalid', { field: 'headers', problem: 'too_long' })
  for (const [name, value] of entries) {
    const isSound = HEADER_NAME.test(name) && HEADER_VALUE.test(value) && !OWN_HEADERS.has(name.toLowerCase())
    if (!isSound)
      throw refusal('input_invalid', { field: `headers.${name.slice(0, 100)}`, problem: 'format' })
  }
}
