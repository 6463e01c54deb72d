import { type KeyObject, sign, verify } from 'node:crypto'

/** RSA-SHA256 (PKCS#1 v1.5) over UTF-8 text, in Base64: what Alipay calls RSA2 and WeChat SHA256-RSA2048. */
export function signRsa(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text, 'utf8'), key).toString('base64')
}

/** Anything that is not strict Base64 is no signature: a lenient reading would let several texts pass as one. */
export function isSignedBy(text: string, signature: string, key: KeyObject): boolean {
  if (!/^[A-Za-z0-9+/]{100,}={0,2}$/.test(signature)) return false
  return verify('sha256', Buffer.from(text, 'utf8'), key, Buffer.from(signature, 'base64'))
}
