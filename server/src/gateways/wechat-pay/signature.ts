import { createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { isSignedBy, signRsa } from '../shared/rsa.ts'
import type { WechatPayKeys } from './account.ts'

/** What is signed further from now than this is a replay, or the clocks disagree (protocols.md 2.3). */
const LARGEST_OFFSET_SECONDS = 300

/** The `Authorization` of a request; `target` is its path and query. */
export function authorize(
  merchant: string,
  { serial, privateKey }: Pick<WechatPayKeys, 'serial' | 'privateKey'>,
  request: { method: string; target: string; body: string },
  nowMs: number,
): { authorization: string; signature: string } {
  const timestamp = Math.floor(nowMs / 1_000)
  const nonce = randomBytes(16).toString('hex')
  const { method, target, body } = request
  const signature = signRsa(`${method}\n${target}\n${timestamp}\n${nonce}\n${body}\n`, privateKey)
  const authorization = `WECHATPAY2-SHA256-RSA2048 mchid="${merchant}",serial_no="${serial}",timestamp="${timestamp}",nonce_str="${nonce}",signature="${signature}"`
  return { authorization, signature }
}

/**
 * Why headers do not vouch for a body, of an answer or of a notification; null when they do. Each of the four must be
 * there, the time must be near, the serial one of ours, and the signature over exactly these bytes.
 */
export function flawOfSignature(
  platform: ReadonlyMap<string, KeyObject>,
  headers: Readonly<Record<string, string>>,
  body: string,
  nowMs: number,
): string | null {
  const timestamp = headers['wechatpay-timestamp'] ?? ''
  const nonce = headers['wechatpay-nonce'] ?? ''
  const signature = headers['wechatpay-signature'] ?? ''
  if (!/^\d{1,12}$/.test(timestamp) || nonce === '' || signature === '') return 'is not signed'
  const key = platform.get(headers['wechatpay-serial'] ?? '')
  if (key === undefined) return 'is signed with a key that is not set up here'
  if (!isSignedBy(`${timestamp}\n${nonce}\n${body}\n`, signature, key))
    return 'is signed with another key or was changed'
  if (!(Math.abs(nowMs / 1_000 - Number(timestamp)) <= LARGEST_OFFSET_SECONDS)) return 'is not of now'
  return null
}

const TAG_BYTES = 16

/** Decrypts AEAD_AES_256_GCM: Base64 of the cipher text and its tag. Null when it was not made with this key. */
export function decryptResource(
  apiV3Key: string,
  resource: { ciphertext: string; nonce: string; associatedData: string },
): string | null {
  const sealed = Buffer.from(resource.ciphertext, 'base64')
  if (sealed.length < TAG_BYTES || Buffer.byteLength(resource.nonce) !== 12) return null
  try {
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(resource.nonce))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    decipher.setAAD(Buffer.from(resource.associatedData))
    const opened = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    return opened.toString('utf8')
  } catch {
    return null
  }
}
