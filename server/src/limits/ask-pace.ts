import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { AskLimits, AskLine, AskPace } from '../kernel/ports/ask-pace.ts'
import { ProviderError } from '../kernel/ports/provider.ts'

/** What is asked at once where the vendor names no limit: enough for thousands of jobs, and no flood of connections. */
const MOST_AT_ONCE = 64
/** What is planned ahead there. */
const MOST_PLANNED = 1_024
/** An ask that has not come to the vendor after this is taken to have come. */
const ARRIVES_WITHIN_MS = 2_000
/** Asks keep their distance, and what fell behind may be made up for this much. */
const CATCH_UP_MS = 100
/** A vendor that wants more quiet than this gets its jobs back into the database. */
const LONGEST_WAIT_MS = 2_000
/** No vendor's word silences us for longer: one ask then tells whether it still holds. */
const LONGEST_QUIET_MS = 300_000
/** Whoever has planned nothing for this long takes no part in the sharing. */
const PRESENT_MS = 5_000

/** An ask that may lie in the vendor's window, and when it has come there for sure. */
type Out = { arrivedBy: number }
type Waiting = { dueAt: number; party: Party; send: () => void; refuse: (error: Error) => void }
type Party = { limits: AskLimits; planned: number; isHungry: boolean; seenAt: number; servedAt: number }

type Credential = {
  parties: Map<string, Party>
  /** Asks that may lie in the vendor's window: those under way, and those answered not long ago. */
  out: Out[]
  underWay: number
  /** By when they are due. */
  waiting: Waiting[]
  /** By site. */
  grants: Map<string, { slots: number; until: number }>
  quietUntil: number
  /** When the next ask would keep its distance from all before. */
  evenAt: number
  /** When jobs were last asked after, where there is a least time between two looks at one; oldest first. */
  askedAt: Map<string, number>
  timer: NodeJS.Timeout | undefined
}

/** Nobody's limit. */
const FREE = { slots: Number.POSITIVE_INFINITY, windowMs: 0 }

/** So many asks within such a time; at less than one a second it is one in a longer time. */
function windowOf(asksPerSecond: number | undefined): { slots: number; windowMs: number } {
  if (asksPerSecond === undefined) return FREE
  const slots = Math.max(1, Math.floor(asksPerSecond))
  return { slots, windowMs: (slots / asksPerSecond) * 1_000 }
}

/**
 * Paces asks in this process's memory.
 *
 * A vendor's window is kept as the vendor sees it, not as we do: an ask came there some time between our sending it and
 * our having the answer, so its place is free again one window after the *answer*. Whatever the network does within
 * `ARRIVES_WITHIN_MS`, no more asks than the vendor allows come into its window; what that costs is the time an answer
 * takes, of each window (docs/decisions/0019).
 *
 * @param now milliseconds of a clock that is never set.
 */
export function createAskPace(now: () => number = () => performance.now()): AskPace {
  const credentials = new Map<string, Credential>()

  const credentialOf = (name: string): Credential => {
    const known = credentials.get(name)
    if (known) return known
    const made: Credential = {
      parties: new Map(),
      out: [],
      underWay: 0,
      waiting: [],
      grants: new Map(),
      quietUntil: Number.NEGATIVE_INFINITY,
      evenAt: Number.NEGATIVE_INFINITY,
      askedAt: new Map(),
      timer: undefined,
    }
    credentials.set(name, made)
    return made
  }
  const partyOf = (of: Credential, line: AskLine): Party => {
    const known = of.parties.get(line.party)
    if (known) {
      known.limits = line.limits
      return known
    }
    const made = { limits: line.limits, planned: 0, isHungry: true, seenAt: now(), servedAt: -1 }
    of.parties.set(line.party, made)
    return made
  }

  return {
    process: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
    plan: (line, most, withinMs) => {
      const of = credentialOf(line.credential)
      const party = partyOf(of, line)
      party.seenAt = now()
      const places = Math.min(most, fairPart(of, party, roomWithin(of, withinMs, now()), now()))
      party.planned += places
      if (places > 0) party.servedAt = now()
      return places
    },
    settle: (line, planned, claimed) => {
      const of = credentialOf(line.credential)
      const party = partyOf(of, line)
      party.planned -= planned - claimed
      if (planned > 0) party.isHungry = claimed === planned
    },
    ask: (line, job, call, signal) => {
      const of = credentialOf(line.credential)
      const party = partyOf(of, line)
      const everyMs = line.limits.askEveryMs ?? 0
      const lastAt = of.askedAt.get(job.name)
      const dueAt = Math.max(now() + job.inMs, lastAt === undefined ? 0 : lastAt + everyMs)
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          of.waiting = of.waiting.filter((one) => one !== waiting)
          party.planned -= 1
          signal.removeEventListener('abort', give)
        }
        const give = (): void => {
          leave()
          reject(signal.reason)
        }
        const waiting: Waiting = {
          dueAt,
          party,
          refuse: (error) => {
            leave()
            reject(error)
          },
          send: () => {
            leave()
            const out: Out = { arrivedBy: now() + ARRIVES_WITHIN_MS }
            of.out.push(out)
            of.underWay += 1
            call()
              .then(resolve, reject)
              .finally(() => {
                // What was broken off here may still be on its way.
                if (!signal.aborted) out.arrivedBy = Math.min(out.arrivedBy, now())
                of.underWay -= 1
                if (everyMs > 0) remember(of, job.name, now(), everyMs)
                pump(of, now)
              })
          },
        }
        if (signal.aborted) {
          party.planned -= 1
          reject(signal.reason)
          return
        }
        signal.addEventListener('abort', give)
        const place = of.waiting.findLastIndex((one) => one.dueAt <= dueAt)
        of.waiting.splice(place + 1, 0, waiting)
        pump(of, now)
      })
    },
    quieten: (credential, forMs) => quieten(credentialOf(credential), forMs, now),
    share: (line) => {
      const of = credentialOf(line.credential)
      partyOf(of, line)
      const { slots, windowMs } = limitOf(of)
      if (slots === Number.POSITIVE_INFINITY) return null
      const used = Math.max(allowed(of, now()), inWindow(of, now()))
      return {
        ...{ credential: line.credential, slots, windowMs, used },
        quietMs: Math.max(0, of.quietUntil - now()),
      }
    },
    grant: (credential, site, { slots, forMs, quietMs }) => {
      const of = credentialOf(credential)
      of.grants.set(site, { slots, until: now() + forMs })
      if (quietMs > 0) quieten(of, quietMs, now)
      pump(of, now)
    },
  }
}

/** Where the same credential has several limits, the strictest is the vendor's for all we know. */
function limitOf(of: Credential): { slots: number; windowMs: number } {
  let least: number | undefined
  for (const { limits } of of.parties.values()) {
    if (limits.asksPerSecond !== undefined)
      least = Math.min(least ?? limits.asksPerSecond, limits.asksPerSecond)
  }
  return windowOf(least)
}

/** How many asks this process may have in the vendor's window: its part, and nothing when nobody has said so lately. */
function allowed(of: Credential, at: number): number {
  const { slots } = limitOf(of)
  if (slots === Number.POSITIVE_INFINITY) return slots
  let granted: number | undefined
  for (const [site, grant] of of.grants) {
    if (grant.until <= at) of.grants.delete(site)
    else granted = Math.min(granted ?? grant.slots, grant.slots)
  }
  return Math.min(slots, granted ?? 0)
}

function inWindow(of: Credential, at: number): number {
  const { windowMs } = limitOf(of)
  of.out = of.out.filter((out) => out.arrivedBy + windowMs > at)
  return of.out.length
}

/** How many more asks can be planned so that they go out within a time. */
function roomWithin(of: Credential, withinMs: number, at: number): number {
  let planned = 0
  for (const party of of.parties.values()) planned += party.planned
  if (of.quietUntil > at + withinMs) return 0
  const slots = allowed(of, at)
  if (slots === Number.POSITIVE_INFINITY) return Math.max(0, MOST_PLANNED - planned - of.underWay)
  const { windowMs } = limitOf(of)
  const freeThen =
    slots - of.out.reduce((sum, out) => sum + (out.arrivedBy + windowMs > at + withinMs ? 1 : 0), 0)
  const evenly = Math.ceil(((withinMs + CATCH_UP_MS) * slots) / windowMs)
  return Math.max(0, Math.min(freeThen, evenly) - planned)
}

/**
 * What one of several may take of the room: what is over when each of the others has its part, which is even among
 * those who have more jobs due than they were given room for, and one for each who has not.
 */
function fairPart(of: Credential, party: Party, room: number, at: number): number {
  if (room === 0 || of.parties.size === 1) return room
  const others = [...of.parties.values()].filter((other) => other !== party && at - other.seenAt < PRESENT_MS)
  let planned = party.planned
  let hungry = 1
  for (const other of others) {
    planned += other.planned
    if (other.isHungry) hungry += 1
  }
  const part = (room + planned) / hungry
  const kept = others.reduce(
    (sum, other) => sum + Math.max(0, (other.isHungry ? part : 1) - other.planned),
    0,
  )
  if (room - kept >= 1) return Math.floor(room - kept)
  // There is less than one for each: whoever has waited longest is next.
  return others.every((other) => party.servedAt <= other.servedAt) ? 1 : 0
}

function remember(of: Credential, job: string, at: number, everyMs: number): void {
  of.askedAt.delete(job)
  of.askedAt.set(job, at)
  for (const [oldest, askedAt] of of.askedAt) {
    if (askedAt + everyMs > at) break
    of.askedAt.delete(oldest)
  }
}

function quieten(of: Credential, forMs: number, now: () => number): void {
  of.quietUntil = Math.max(of.quietUntil, now() + Math.min(forMs, LONGEST_QUIET_MS))
  const leftMs = of.quietUntil - now()
  if (leftMs <= LONGEST_WAIT_MS) return
  for (const { refuse } of [...of.waiting])
    refuse(new ProviderError('throttled', 'the vendor asks for quiet', { retryAfterMs: leftMs }))
}

/** Sends what may go now and comes back when the next may. */
function pump(of: Credential, now: () => number): void {
  clearTimeout(of.timer)
  of.timer = undefined
  for (let head = of.waiting[0]; head; head = of.waiting[0]) {
    const at = now()
    const next = Math.max(head.dueAt, of.quietUntil, mayAskAt(of, at))
    if (next > at) {
      // Without an end it is an answer, or a share, that is waited for.
      if (next < Number.POSITIVE_INFINITY)
        of.timer = setTimeout(() => pump(of, now), Math.ceil(next - at)).unref()
      return
    }
    const slots = allowed(of, at)
    if (slots < Number.POSITIVE_INFINITY) of.evenAt = Math.max(of.evenAt, at) + limitOf(of).windowMs / slots
    head.send()
  }
}

/** When the vendor's limits let the next ask go. */
function mayAskAt(of: Credential, at: number): number {
  const slots = allowed(of, at)
  if (slots === Number.POSITIVE_INFINITY) return of.underWay < MOST_AT_ONCE ? at : Number.POSITIVE_INFINITY
  if (slots === 0 || of.underWay >= Math.max(MOST_AT_ONCE, slots)) return Number.POSITIVE_INFINITY
  const { windowMs } = limitOf(of)
  if (inWindow(of, at) >= slots) {
    return of.out.reduce((least, out) => Math.min(least, out.arrivedBy + windowMs), Number.POSITIVE_INFINITY)
  }
  return of.evenAt - CATCH_UP_MS
}
