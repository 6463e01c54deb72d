import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { ProviderError } from '../ports/provider.ts'
import type { CallEnd, Pass } from '../ports/vendor-gates.ts'
import { chooseChannels, type Served } from './choose-channel.ts'
import { NotAsked } from './not-asked.ts'
import { limitsOf } from './vendor-limits.ts'
import { noteVendor } from './watch-vendors.ts'

/** A place at a channel's vendor, for one call. */
export type Entry = {
  isProbe: boolean
  /** Tells how the call ended: null when it brought what was asked for, else what it threw. */
  end: (error: unknown) => void
}

const sendAttempt = statement(
  'send attempt',
  'select outcome, wait_ms, under_way, counted_at from send_attempt_v1($1, $2, $3, $4, $5, $6, $7, $8)',
)
type Sent = {
  outcome: 'sent' | 'full' | 'stale'
  wait_ms: number | null
  under_way: number | null
  counted_at: number | null
}

/** How soon it is worth asking again for a place that a job must free first. */
const ASK_AGAIN_MS = 500

/**
 * Takes a place at a channel for the attempt of a task and puts on record that it goes out there: from here on a crash is
 * ambiguous. The caps of the channel and of its credential are counted in the database, over all processes of the site;
 * what other sites of this process have under way with the credential counts with them.
 *
 * What costs nothing to repeat and has no caps takes no place, and is not on record.
 *
 * @returns the place, or the milliseconds until it is worth trying again.
 * @throws NotAsked when the claim is lost
 */
export async function enterChannel(
  context: Context,
  served: Served,
  claim: { id: bigint; generation: number },
): Promise<Entry | number> {
  const { channel, provider, credential } = served
  const limits = limitsOf(provider, channel.connection?.limits ?? {})
  const isCapped = [channel.mostJobs, channel.startsPerMinute, limits.jobs, limits.startsPerMinute].some(
    (cap) => cap !== null && cap !== undefined,
  )
  if (provider.repeatable && !isCapped) return { isProbe: false, end: () => {} }
  const pass = enterGate(context, served, true)
  if (typeof pass === 'number') return pass
  try {
    const [row] = await context.db.rows<Sent>(sendAttempt, [
      claim.id,
      claim.generation,
      channel.id,
      credential,
      limits.jobs ?? null,
      limits.startsPerMinute ?? null,
      pass.elsewhere.jobs,
      pass.elsewhere.starts,
    ])
    if (row?.outcome === 'sent') {
      const { under_way: jobs, counted_at: at } = row
      pass.sent(nowOf(context), jobs === null || at === null ? null : { jobs, at })
      return entryOf(context, served, pass)
    }
    pass.end('unsaid', nowOf(context))
    if (row?.outcome === 'full') return row.wait_ms ?? ASK_AGAIN_MS
    throw new NotAsked('the claim was lost before the call')
  } catch (error) {
    pass.end('unsaid', nowOf(context))
    throw error
  }
}

/** Takes a place at a channel for a call that is no task's: counted in this process alone. */
export function enterUnrecorded(context: Context, served: Served): Entry | number {
  if (served.provider.repeatable) return { isProbe: false, end: () => {} }
  const pass = enterGate(context, served, false)
  if (typeof pass === 'number') return pass
  pass.sent(nowOf(context), null)
  return entryOf(context, served, pass)
}

/**
 * Takes a place at the first of these channels that has one, and waits for it while none has.
 *
 * @param enter takes a place at one of them: `enterChannel`, or `enterUnrecorded`.
 * @param options.longestMs how long to wait at most.
 * @returns null when none had one in time.
 */
export async function enterFirst(
  context: Context,
  served: readonly Served[],
  enter: (one: Served) => Promise<Entry | number> | Entry | number,
  { signal, longestMs }: { signal: AbortSignal; longestMs: number },
): Promise<{ served: Served; entry: Entry } | null> {
  const until = nowOf(context) + longestMs
  for (;;) {
    const { usable, waitMs } = chooseChannels(context, served, [])
    let wait = waitMs === null || waitMs === 0 ? Number.POSITIVE_INFINITY : waitMs
    for (const one of usable) {
      const entry = await enter(one)
      if (typeof entry !== 'number') return { served: one, entry }
      wait = Math.min(wait, entry)
    }
    const left = until - nowOf(context)
    if (signal.aborted || wait > left) return null
    await sleep(Math.max(20, Math.min(wait, left)), undefined, { signal }).catch(() => {})
  }
}

const nowOf = (context: Context): number => context.clock.now().getTime()

function enterGate(context: Context, served: Served, isRecorded: boolean): Pass | number {
  const { jobs = null, startsPerMinute = null } = limitsOf(
    served.provider,
    served.channel.connection?.limits ?? {},
  )
  const demand = { site: context.site, jobs, startsPerMinute, isRecorded }
  return context.vendorGates.enter(served.credential, demand, nowOf(context))
}

function entryOf(context: Context, { provider, credential }: Served, pass: Pass): Entry {
  return {
    isProbe: pass.isProbe,
    end: (error) => {
      const now = nowOf(context)
      const isThrottled = error instanceof ProviderError && error.kind === 'throttled'
      if (isThrottled) context.vendorGates.throttle(credential, now, error.retryAfterMs)
      const hasChanged = pass.end(provider.repeatable ? 'unsaid' : endOf(error), now)
      if (hasChanged || isThrottled) noteVendor(context, credential)
    },
  }
}

/** What a call's end tells of its vendor: every answer, also a no, shows that it is there. */
function endOf(error: unknown): CallEnd {
  if (error === null) return 'answered'
  if (error instanceof NotAsked || isAbort(error)) return 'unsaid'
  if (!(error instanceof ProviderError)) return 'lost'
  return error.kind === 'unavailable' || error.kind === 'ambiguous' ? 'lost' : 'answered'
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'
