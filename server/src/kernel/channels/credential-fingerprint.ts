import type { Keys } from '../keys.ts'
import type { ProviderConnection } from '../ports/provider.ts'

/**
 * What a vendor counts its limits by, without what it proves itself with: the same for every site of the installation
 * that uses the same key at the same place, and of no use to whoever reads it (design.md, *Decided readings*).
 *
 * Headers count only where there is no key: then one of them is the key. A provider without a connection has one
 * credential, its name.
 *
 * @returns 22 letters, digits, hyphens and underscores.
 */
export function credentialFingerprint(
  { keys }: { keys: Pick<Keys, 'fingerprint'> },
  provider: string,
  connection: ProviderConnection | null,
): string {
  if (!connection) return keys.fingerprint('vendor credential', provider)
  const { url, secret, headers } = connection
  const own = secret === '' ? JSON.stringify(Object.entries(headers).sort(byName)) : ''
  return keys.fingerprint('vendor credential', provider, new URL(url).origin, secret, own)
}

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : a > b ? 1 : 0)
