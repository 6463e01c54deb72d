import { LRUCache } from 'lru-cache'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Events } from '../ports/events.ts'

type Row = {
  account_id: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  state: 'active' | 'disabled' | 'closed'
  live: boolean
}

const readSession = statement(
  'read session',
  `select a.id as account_id, a.uuid, a.username, a.email, a.role, a.state,
     s.ended_at is null and s.expires_at > now() and s.version = a.session_version as live
   from session s join account a on a.id = s.account_id where s.id = $1`,
)

/** Sessions read a moment ago. An ended one is forgotten at its event, or after two seconds if that is lost. */
export type SessionCache = LRUCache<string, Row>

export const SESSION_CACHE_MS = 2_000

/** Makes a cache that forgets the sessions of an account as soon as its access changes. */
export function createSessionCache(events: Events): SessionCache {
  const cache: SessionCache = new LRUCache({ max: 50_000, ttl: SESSION_CACHE_MS })
  events.subscribe('account', null, (accountId) => {
    for (const [sessionId, row] of cache) {
      if (accountId === null || row.account_id === accountId) cache.delete(sessionId)
    }
  })
  return cache
}

/**
 * Who has this session, as of now: role, ban and the end of the session take effect within two seconds, at
 * once where the event arrives.
 *
 * @throws account_missing (the account was deleted, or there never was such a session), account_disabled,
 *   credentials_expired
 */
export async function authenticate(context: Context, sessionId: string): Promise<Actor> {
  let row = context.sessions.get(sessionId)
  if (!row) {
    ;[row] = await context.db.rows<Row>(readSession, [sessionId])
    if (!row) throw refusal('account_missing')
    context.sessions.set(sessionId, row)
  }
  if (row.state === 'closed') throw refusal('account_missing')
  if (row.state === 'disabled') throw refusal('account_disabled')
  if (!row.live) throw refusal('credentials_expired')
  const { account_id: accountId, uuid, username, email, role } = row
  return { accountId, uuid, username, email, role, sessionId }
}
