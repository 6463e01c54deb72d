import { createHash } from 'node:crypto'
import type { ProviderConnection } from '../ports/provider.ts'

/** Tells a vendor's credentials apart without revealing them: what a vendor counts by, whatever sites use it. */
export function credentialFingerprint(
  provider: string,
  { url, secret }: Pick<ProviderConnection, 'url' | 'secret'>,
): string {
  return createHash('sha256')
    .update(JSON.stringify([provider, url, secret]))
    .digest('hex')
    .slice(0, 32)
}
