import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** The keys of one site, all derived from the installation's secret. */
export type Keys = {
  /** Signs session tokens. */
  token: Buffer
  /** The two HMAC pads for the hash chain of wallets, 128 bytes, as `entry_hash_v1` takes them. */
  chain: Buffer
  /** HMAC-SHA256 of short-lived codes, so that a copy of the database reveals none. */
  codeHash: (...parts: string[]) => Buffer
  /**
   * Names a secret without telling it, in 22 characters; the same in all sites of the installation, so that what they
   * share can be known by it.
   */
  fingerprint: (...parts: string[]) => string
  /** Four characters that tell this installation's numbers from another's at a shared merchant. */
  installationTag: string
  /** Encrypts a credential for the database (AES-256-GCM). */
  seal: (secret: string) => Buffer
  /** Decrypts what `seal` made. Throws when it was changed, or sealed under another SECRET_KEY. */
  open: (sealed: Buffer) => string
}

const HMAC_BLOCK = 64
const NONCE = 12
const TAG = 16
const FINGERPRINT = 22

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
  const boxKey = derive('credentials')
  // Of no site: two sites that were given one credential must know it as the same.
  const fingerprintKey = Buffer.from(hkdfSync('sha256', secret, 'atelier', 'fingerprints', 32))
  return {
    token: derive('session token'),
    chain: Buffer.concat([chain.map((byte) => byte ^ 0x36), chain.map((byte) => byte ^ 0x5c)]),
    codeHash: (...parts) => createHmac('sha256', codeKey).update(parts.join('\0')).digest(),
    fingerprint: (...parts) =>
      createHmac('sha256', fingerprintKey)
        .update(JSON.stringify(parts))
        .digest('base64url')
        .slice(0, FINGERPRINT),
    installationTag: derive('installation tag').toString('hex').slice(0, 4),
    seal: (text) => {
      const nonce = randomBytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', boxKey, nonce)
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    },
    open: (sealed) => {
      const decipher = createDecipheriv('aes-256-gcm', boxKey, sealed.subarray(0, NONCE), {
        authTagLength: TAG,
      })
      decipher.setAuthTag(sealed.subarray(-TAG))
      return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8')
    },
  }
}
