import { createHash, timingSafeEqual } from 'node:crypto'

/** How a deployment departs from the V1 rule. */
export type SignatureQuirks = {
  /** What stands between the parameters and the key: nothing, or `&key=`. */
  keyPrefix: '' | '&key='
  /** Leaves out parameters whose value is `0`, besides the empty ones. */
  isZeroEmpty: boolean
}

/**
 * The V1 signature (protocols.md 1.1): all parameters but `sign`, `sign_type` and the empty ones, sorted by
 * name, joined as `k=v` with `&` with their raw values, the key appended, MD5 in lower-case hex.
 *
 * MD5 is the wire's choice. An empty key would make a signature that anybody can compute (facts W9 saw one
 * with the key "undefined"): that is a broken invariant here, and callers refuse it before.
 */
export function signEpay(
  params: Iterable<readonly [string, string]>,
  key: string,
  { keyPrefix, isZeroEmpty }: SignatureQuirks,
): string {
  if (key === '') throw new RangeError('epay cannot sign without a key')
  const joined = [...params]
    .filter(([name, value]) => name !== 'sign' && name !== 'sign_type' && value !== '')
    .filter(([, value]) => !(isZeroEmpty && value === '0'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  return createHash('md5').update(`${joined}${keyPrefix}${key}`, 'utf8').digest('hex')
}

/** Compares in constant time. Anything that is not 32 hex digits is no signature. */
export function isSameSignature(given: string, expected: string): boolean {
  if (!/^[0-9a-f]{32}$/i.test(given)) return false
  return timingSafeEqual(Buffer.from(given.toLowerCase()), Buffer.from(expected))
}
