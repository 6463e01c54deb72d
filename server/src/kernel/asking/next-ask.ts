import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import type { Provider } from '../ports/provider.ts'

/** Jobs that were started together need not be asked after together. */
const SPREAD = 0.1
const LONGEST_BACKOFF_MS = 60_000
/** A vendor's own word counts no further than this. */
const LONGEST_RETRY_AFTER_MS = 300_000

/**
 * In how many milliseconds a job is asked after again: about when its vendor says, give or take a tenth, and never
 * sooner after the last time than the vendor allows.
 */
export function nextAskMs(
  context: Context,
  provider: Pick<Provider, 'limits'>,
  task: Pick<Claimed, 'askEveryMs'>,
  wantedMs: number,
): number {
  const leastMs = task.askEveryMs ?? provider.limits?.askEveryMs ?? 0
  const aboutMs = Math.max(wantedMs, leastMs)
  const spreadMs = (aboutMs * SPREAD * context.ids.integer(-1_000, 1_000)) / 1_000
  // Mirrored and not cut off: what is cut off comes all at once.
  return leastMs + Math.abs(aboutMs + spreadMs - leastMs)
}

/** How long to leave a job alone that could not be asked after: 1, 2, 4 … 60 s, or longer when its vendor says so. */
export function backoffMs(task: Pick<Claimed, 'unanswered'>, retryAfterMs = 0): number {
  const waitMs = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(task.unanswered, 10))
  return Math.max(waitMs, Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS))
}
