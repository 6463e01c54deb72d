import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { isRecord } from './answer.ts'

/** What a secret document lacks, in words that never quote it. */
export class SecretDocumentError extends Error {
  override readonly name = 'SecretDocumentError'
}

/** Reads the JSON document that is a channel's secret. @throws SecretDocumentError */
export function readSecretDocument(secret: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(secret)
  } catch {
    // The parser's own message quotes what it read.
  }
  if (!isRecord(value)) throw new SecretDocumentError('its secret is a JSON document')
  return value
}

/** A field of text. @throws SecretDocumentError when it is missing or does not fit `pattern`, described by `what` */
export function requireField(
  document: Readonly<Record<string, unknown>>,
  name: string,
  pattern: RegExp,
  what: string,
): string {
  const value = Object.hasOwn(document, name) ? document[name] : undefined
  if (typeof value !== 'string' || value.trim() === '')
    throw new SecretDocumentError(`the secret document lacks ${name} (${what})`)
  if (!pattern.test(value.trim()))
    throw new SecretDocumentError(`${name} of the secret document is not ${what}`)
  return value.trim()
}

/** Our own RSA key, PEM (PKCS#1 or PKCS#8) or the bare Base64 that Alipay's tools write. @throws SecretDocumentError */
export function readPrivateKey(document: Readonly<Record<string, unknown>>, name: string): KeyObject {
  const text = requireField(document, name, /./s, 'our RSA private key, PEM')
  return readKey(text, ['PRIVATE KEY', 'RSA PRIVATE KEY'], createPrivateKey, `${name} of the secret document`)
}

/** Another's RSA key: PEM, bare Base64, or the certificate it is in. @throws SecretDocumentError */
export function readPublicKey(text: string, what: string): KeyObject {
  return readKey(text, ['PUBLIC KEY', 'RSA PUBLIC KEY'], createPublicKey, what)
}

const LEAST_BITS = 2048

function readKey(
  text: string,
  labels: readonly string[],
  read: (pem: string) => KeyObject,
  what: string,
): KeyObject {
  const isPem = text.includes('-----BEGIN ')
  const bare = text.replace(/\s+/g, '')
  const candidates = isPem
    ? [text]
    : labels.map((label) => `-----BEGIN ${label}-----\n${bare}\n-----END ${label}-----\n`)
  for (const pem of candidates) {
    try {
      const key = read(pem)
      if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_BITS)
        return key
    } catch {
      // The next label may fit; OpenSSL's own words may quote the key.
    }
  }
  throw new SecretDocumentError(`${what} is not an RSA key of at least ${LEAST_BITS} bits`)
}
