import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Line } from './ask-lines.ts'

// A vendor counts what all processes ask with a credential. Each has a share of it on record, renewed every
// second, so that they need not agree on every single ask.

export const SHARES_EVERY_MS = 1_000
/** A process that is lost loses its shares after this. */
const SHARE_MS = 4_000
/** A process that cannot renew its shares stops asking this much before others count on it. */
const MARGIN_MS = 500

const shareAsks = statement(
  'share asks',
  'select credential, slots, quiet_ms from share_asks_v1($1, $2, $3, $4, $5, make_interval(secs => $6), $7)',
)
const endShares = statement(
  'end shares',
  `update ask_share set until = least(until, clock_timestamp() + make_interval(secs => $2)) where holder = $1`,
)

export type Shares = { renew: (lines: Iterable<Line>) => Promise<void>; end: () => Promise<void> }

type Granted = { credential: string; slots: number; quiet_ms: number }

/**
 * Keeps this process's shares at the credentials of a site.
 * @param now milliseconds of a clock that is never set.
 */
export function keepShares(context: Context, now: () => number): Shares {
  const pace = context.askPace
  let longestWindowMs = 1_000

  return {
    renew: async (lines) => {
      const wishes = new Map<string, NonNullable<ReturnType<typeof pace.share>>>()
      for (const line of lines) {
        const share = pace.share(line)
        if (share) wishes.set(line.credential, share)
      }
      if (wishes.size === 0) return
      const all = [...wishes.values()]
      longestWindowMs = Math.max(...all.map(({ windowMs }) => windowMs))
      const askedAt = now()
      const ttlMs = SHARE_MS + longestWindowMs
      const granted = await context.db.rows<Granted>(shareAsks, [
        pace.process,
        all.map(({ credential }) => credential),
        all.map(({ slots }) => slots),
        all.map(({ used }) => used),
        all.map(({ quietMs }) => quietMs),
        ttlMs / 1_000,
        askedAt,
      ])
      for (const { credential, slots, quiet_ms: quietMs } of granted) {
        const windowMs = wishes.get(credential)?.windowMs ?? 0
        const forMs = askedAt + ttlMs - windowMs - MARGIN_MS - now()
        pace.grant(credential, context.site, { slots, forMs, quietMs })
      }
    },
    end: async () => void (await context.db.rows(endShares, [pace.process, longestWindowMs / 1_000 + 2])),
  }
}
