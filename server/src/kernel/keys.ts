import { createHmac, hkdfSync } from 'node:crypto'

/** The keys of one site, all derived from the installation's secret. */
export type Keys = {
  /** Signs session tokens. */
  token: Buffer
  /** The two HMAC pads for the hash chain of wallets, 128 bytes, as `entry_hash_v1` takes them. */
  chain: Buffer
  /** HMAC-SHA256 of short-lived codes, so that a copy of the database reveals none. */
  codeHash: (...parts: string[]) => Buffer
}

const HMAC_BLOCK = 64

/**
 * Derives a site's keys.
 *
 * @param secret the installation's SECRET_KEY, at least 32 bytes.
 * @throws RangeError when it is shorter.
 */
export function deriveKeys(secret: string, site: string): Keys {
  if (Buffer.byteLength(secret) < 32) throw new RangeError('SECRET_KEY must have at least 32 bytes')
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, `atelier ${site}`, purpose, 32))
  const chain = Buffer.alloc(HMAC_BLOCK)
  derive('ledger chain').copy(chain)
  const codeKey = derive('codes')
  return {
    token: derive('session token'),
    chain: Buffer.concat([chain.map((byte) => byte ^ 0x36), chain.map((byte) => byte ^ 0x5c)]),
    codeHash: (...parts) => createHmac('sha256', codeKey).update(parts.join('\0')).digest(),
  }
}
