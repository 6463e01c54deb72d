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
  /** Ended by its owner or by what was done to the account. */
  revoked: boolean
  expired: boolean
  /** When the account's membership ends or ended; null for who never was a member. */
  member_until: Date | null
}

/** Sessions read a moment ago. An ended one is forgotten at its event, or after two seconds if that is lost. */
export type SessionCache = {
  get: (sessionId: string) => CachedSession | undefined
  /** Raised whenever something is forgotten: what was read under an older one may not be kept. */
  epoch: () => number
  /** Keeps what was read, unless something was forgotten since `epoch`. */
  set: (sessionId: string, row: CachedSession, epoch: number) => void
}

const SESSION_CACHE_MS = 2_000

/** Makes a cache that forgets the sessions of an account as soon as its access changes. */
export function createSessionCache(events: Events): SessionCache {
  const cache = new LRUCache<string, CachedSession>({ max: 50_000, ttl: SESSION_CACHE_MS })
  let epoch = 0
  // An event of this process's own making arrives here before its publisher goes on.
  events.subscribe('account', null, (accountId) => {
    epoch += 1
    for (const [sessionId, row] of cache) {
      if (accountId === null || row.account_id === accountId) cache.delete(sessionId)
    }
  })
  return {
    get: (sessionId) => cache.get(sessionId),
    epoch: () => epoch,
    set: (sessionId, row, read) => {
      if (read === epoch) cache.set(sessionId, row)
    },
  }
}
