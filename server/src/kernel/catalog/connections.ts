import type { Context } from '../context.ts'
import type { Json, ProviderConnection } from '../ports/provider.ts'

/** A connection as the database has it: `sealed` holds the key and the headers, encrypted. */
export type SealedConnection = { url: string; sealed: string; options: { [name: string]: Json } }

type Secrets = { secret: string; headers: Record<string, string> }

/** Decrypts a channel's connection for one call; null for a channel that has none. */
export function openConnection(
  context: Pick<Context, 'keys'>,
  channel: { connection: SealedConnection | null },
): ProviderConnection | null {
  if (!channel.connection) return null
  const { url, sealed, options } = channel.connection
  const { secret, headers } = JSON.parse(context.keys.open(Buffer.from(sealed, 'base64'))) as Secrets
  return { url, secret, headers, options }
}
