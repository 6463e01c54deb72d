import { timingSafeEqual } from 'node:crypto'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const GRANT_MS = 3_600_000

/** A temporary key pair with which somebody may upload pictures to the site itself. */
export type UploadGrant = {
  accessKeyId: string
  accessKeySecret: string
  securityToken: string
  expiresAt: Date
}

/**
 * Makes a key pair for uploads, good for an hour and no longer than the session it was asked for in. Nothing is
 * stored: the token names session and end, and is signed; key and secret are derived from it with the site's key.
 * The session is read whenever the grant is used, so disabling the account, logging out or a new password ends
 * it with everything else.
 */
export function mintUploadGrant(context: Context, actor: Actor): UploadGrant {
  const endsAt = Math.floor((context.clock.now().getTime() + GRANT_MS) / 1000)
  const claim = `${actor.sessionId}.${endsAt}`
  return {
    ...keysFor(context, claim),
    securityToken: `${Buffer.from(claim).toString('base64url')}.${seal(context, 'token', claim)}`,
    expiresAt: new Date(endsAt * 1000),
  }
}

/**
 * Reads a grant back from its token.
 *
 * @returns the session it belongs to and the key pair that goes with it.
 * @throws credentials_invalid, credentials_expired
 */
export function readUploadGrant(
  context: Context,
  securityToken: string,
): { sessionId: string; accessKeyId: string; accessKeySecret: string } {
  const [encoded = '', mark = ''] = securityToken.split('.')
  const claim = Buffer.from(encoded, 'base64url').toString()
  if (!isSameText(mark, seal(context, 'token', claim))) throw refusal('credentials_invalid')
  const [sessionId = '', endsAt = ''] = claim.split('.')
  if (Number(endsAt) * 1000 <= context.clock.now().getTime()) throw refusal('credentials_expired')
  return { sessionId, ...keysFor(context, claim) }
}

/** Compares what was sent with what it should be, in a time that tells nothing of how much is right. */
export function isSameText(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function keysFor(context: Context, claim: string): { accessKeyId: string; accessKeySecret: string } {
  return {
    accessKeyId: `TMP.${seal(context, 'key', claim).slice(0, 20)}`,
    accessKeySecret: seal(context, 'secret', claim),
  }
}

function seal(context: Context, purpose: string, claim: string): string {
  return context.keys.codeHash('upload grant', purpose, claim).toString('base64url')
}
