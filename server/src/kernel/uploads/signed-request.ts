import { createHmac } from 'node:crypto'
import { authenticate } from '../accounts/authenticate.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { uploadPlace } from './addresses.ts'
import { isSameText, readUploadGrant } from './grant.ts'

/** A request as an OSS client signed it. */
export type SignedRequest = {
  method: string
  /** The path without its first slash, as sent. */
  path: string
  /** With names in lower case, as sent. */
  headers: Readonly<Record<string, string | undefined>>
  body: AsyncIterable<Uint8Array>
}

const MOST_SKEW_MS = 15 * 60_000

/**
 * Who sent a request that is signed with an upload grant, in OSS's Signature V1: HMAC-SHA1 over method, digest,
 * type, date, all `x-oss-` headers and the object's name under the bucket. The session is read anew.
 *
 * @throws credentials_missing, credentials_invalid (whatever of it does not fit), credentials_expired,
 *   input_invalid for `date` (more than 15 minutes from ours), account_disabled, account_missing
 */
export async function authenticateSigned(context: Context, request: SignedRequest): Promise<Actor> {
  const { headers } = request
  const { authorization, 'x-oss-security-token': token } = headers
  if (authorization === undefined || authorization === '') throw refusal('credentials_missing')
  const given = /^OSS ([^\s:]{1,100}):([A-Za-z0-9+/=]{28})$/.exec(authorization)
  if (!given || token === undefined || token.length > 400) throw refusal('credentials_invalid')
  const grant = readUploadGrant(context, token)
  const signature = createHmac('sha1', grant.accessKeySecret)
    .update(textToSign(context, request))
    .digest('base64')
  const isSigned = isSameText(given[2] ?? '', signature) && isSameText(given[1] ?? '', grant.accessKeyId)
  if (!isSigned) throw refusal('credentials_invalid')
  const sentAt = Date.parse(headers['x-oss-date'] ?? headers.date ?? '')
  if (!(Math.abs(sentAt - context.clock.now().getTime()) <= MOST_SKEW_MS))
    throw refusal('input_invalid', { field: 'date', problem: 'format' })
  return authenticate(context, grant.sessionId)
}

function textToSign(context: Context, { method, path, headers }: SignedRequest): string {
  const ossHeaders = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-'))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}:${(value ?? '').trim()}`)
  return [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    headers['x-oss-date'] ?? headers.date ?? '',
    ...ossHeaders,
    `/${uploadPlace(context.publicUrl).bucket}/${decode(path)}`,
  ].join('\n')
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw refusal('credentials_invalid')
  }
}
