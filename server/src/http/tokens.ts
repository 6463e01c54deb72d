import { createSigner, createVerifier, TOKEN_ERROR_CODES, TokenError } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { Session } from '../kernel/accounts/register.ts'
import { refusal } from '../kernel/errors.ts'

export type Tokens = {
  /** A bearer token for a session; `id` is the account's uuid, which clients of earlier systems read. */
  sign: (session: Session, uuid: string) => string
  /** The session a token names. @throws credentials_invalid, credentials_expired */
  verify: (token: string) => string
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Session tokens of one site: HS256 with the site's own key, no other algorithm accepted. */
export function createTokens(key: Buffer, site: string, now: () => Date): Tokens {
  const sign = createSigner({ key, algorithm: 'HS256', iss: site })
  // The clock is passed with each call so that a test can set it.
  const verify = createVerifier({
    key,
    algorithms: ['HS256'],
    allowedIss: site,
    // Otherwise a token that names no site passes for one of every site.
    requiredClaims: ['iss'],
    cache: false,
    ignoreExpiration: true,
  })
  // A signature that was good stays good; whether the session lives is asked elsewhere, each time.
  const verified = new LRUCache<string, { sessionId: string; expiresMs: number }>({ max: 20_000 })
  const live = ({ sessionId, expiresMs }: { sessionId: string; expiresMs: number }): string => {
    if (expiresMs <= now().getTime()) throw refusal('credentials_expired')
    return sessionId
  }
  return {
    sign: (session, uuid) =>
      sign({
        id: uuid,
        sid: session.id,
        iat: Math.floor(now().getTime() / 1000),
        exp: Math.floor(session.expiresAt.getTime() / 1000),
      }),
    verify: (token) => {
      const known = verified.get(token)
      if (known) return live(known)
      let payload: { sid?: unknown; exp?: unknown }
      try {
        payload = verify(token)
      } catch (error) {
        const isExpired = error instanceof TokenError && error.code === TOKEN_ERROR_CODES.expired
        throw refusal(isExpired ? 'credentials_expired' : 'credentials_invalid')
      }
      if (typeof payload.exp !== 'number' || typeof payload.sid !== 'string' || !UUID.test(payload.sid)) {
        throw refusal('credentials_invalid')
      }
      const claims = { sessionId: payload.sid, expiresMs: payload.exp * 1000 }
      verified.set(token, claims)
      return live(claims)
    },
  }
}
