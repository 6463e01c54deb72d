import { createSigner, createVerifier, TOKEN_ERROR_CODES, TokenError } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { RefreshGrant } from '../kernel/accounts/refresh.ts'
import type { Session } from '../kernel/accounts/register.ts'
import { refusal } from '../kernel/errors.ts'

/** What a session is used by where a document has it refreshed. */
export type TokenPair = {
  /** Opens every route but the one that refreshes. */
  access: string
  accessSeconds: number
  /** Opens nothing but that one, and once. */
  refresh: string
}

export type Tokens = {
  /** A bearer token for a whole session; `id` is the account's uuid, which clients of earlier systems read. */
  sign: (session: Pick<Session, 'id' | 'expiresAt'>, uuid: string) => string
  /** An access token of `accessMs`, at most as long as the session, with the session's current refresh token. */
  signPair: (session: Session, uuid: string, accessMs: number) => TokenPair
  /** The session an access token names. @throws credentials_invalid, credentials_expired */
  verify: (token: string) => string
  /** What a refresh token stands for. @throws credentials_invalid (an access token, too), credentials_expired */
  verifyRefresh: (token: string) => RefreshGrant
}

type Claims = { sessionId: string; expiresMs: number; refreshNumber: number | null }

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
  const verified = new LRUCache<string, Claims>({ max: 20_000 })
  const read = (token: string): Claims => {
    const known = verified.get(token)
    if (known) return known
    let payload: object
    try {
      payload = verify(token)
    } catch (error) {
      const isExpired = error instanceof TokenError && error.code === TOKEN_ERROR_CODES.expired
      throw refusal(isExpired ? 'credentials_expired' : 'credentials_invalid')
    }
    const claims = readClaims(payload)
    if (claims === null) throw refusal('credentials_invalid')
    verified.set(token, claims)
    return claims
  }
  const requireTime = ({ expiresMs }: Claims): void => {
    if (expiresMs <= now().getTime()) throw refusal('credentials_expired')
  }
  const seconds = (time: Date): number => Math.floor(time.getTime() / 1000)
  return {
    sign: (session, uuid) =>
      sign({ id: uuid, sid: session.id, iat: seconds(now()), exp: seconds(session.expiresAt) }),
    signPair: (session, uuid, accessMs) => {
      const iat = seconds(now())
      const end = seconds(session.expiresAt)
      const accessEnd = Math.min(end, iat + Math.floor(accessMs / 1000))
      const { number, issuedAt } = session.refresh
      return {
        access: sign({ id: uuid, sid: session.id, kind: 'access', iat, exp: accessEnd }),
        accessSeconds: Math.max(0, accessEnd - iat),
        // Nothing of the moment is in it: who asks for the same one again gets it letter by letter.
        refresh: sign({
          id: uuid,
          sid: session.id,
          kind: 'refresh',
          n: number,
          iat: seconds(issuedAt),
          exp: end,
        }),
      }
    },
    verify: (token) => {
      const claims = read(token)
      // Told apart before its time is looked at: a refresh token is wrong here at any age.
      if (claims.refreshNumber !== null) throw refusal('credentials_invalid')
      requireTime(claims)
      return claims.sessionId
    },
    verifyRefresh: (token) => {
      const claims = read(token)
      if (claims.refreshNumber === null) throw refusal('credentials_invalid')
      requireTime(claims)
      return { sessionId: claims.sessionId, number: claims.refreshNumber }
    },
  }
}

/** Null for what is none of ours. A token without a kind is one for a whole session, and opens what those do. */
function readClaims(payload: { sid?: unknown; exp?: unknown; kind?: unknown; n?: unknown }): Claims | null {
  const { sid, exp, kind = 'access', n } = payload
  if (typeof exp !== 'number' || typeof sid !== 'string' || !UUID.test(sid)) return null
  const claims = { sessionId: sid, expiresMs: exp * 1000 }
  if (kind === 'access') return { ...claims, refreshNumber: null }
  const isNumber = typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= 2_147_483_647
  return kind === 'refresh' && isNumber ? { ...claims, refreshNumber: n } : null
}
