import { LRUCache } from 'lru-cache'
import type { Events } from '../ports/events.ts'

/** A session with its account, as last read. */
export type CachedSession = {
  account_id: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  state: 'active' | 'disabled' | 'closed'
  live: boolean
}

/** Sessions read a moment ago. An ended one is forgotten at its event, or after two seconds if that is lost. */
export type SessionCache = LRUCache<string, CachedSession>

const SESSION_CACHE_MS = 2_000

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
