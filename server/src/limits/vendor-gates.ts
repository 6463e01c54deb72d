import type { CallEnd, Counted, Demand, GateState, Pass, VendorGates } from '../kernel/ports/vendor-gates.ts'

/**
 * So many calls in a row without an answer open a gate. Fewer would cut a vendor off that answers nine calls of ten; more
 * would leave as many tasks in doubt wherever "no answer" may mean "done".
 */
const FAILURES_TO_OPEN = 5
const FIRST_OPEN_MS = 2_000
const LONGEST_OPEN_MS = 300_000
/** A probe that has told nothing by then has been forgotten by whoever made it; the longest call takes less. */
const PROBE_MS = 120_000
const FIRST_THROTTLE_MS = 1_000
const LONGEST_THROTTLE_MS = 60_000
/** How soon it is worth asking again for what somebody else may give back at any moment. */
const ASK_AGAIN_MS = 500
/** A minute of starts, with a second more: calls take a different time each on their way. */
const WINDOW_MS = 61_000

type SiteCount = { underWay: number; countedAt: number; entering: number; unrecorded: number }
type Gate = Omit<GateState, 'state'> & {
  /** Until when somebody is seeing whether the vendor is back; 0 when nobody is. */
  probeUntil: number
  /** Refusals in a row that did not say how long. */
  throttles: number
  sites: Map<string, SiteCount>
  starts: { site: string; at: number; isRecorded: boolean }[]
}

/** The gates of this process, in its memory. */
export function createVendorGates(): VendorGates {
  const gates = new Map<string, Gate>()
  const gateOf = (credential: string): Gate => {
    let gate = gates.get(credential)
    if (!gate) {
      gate = {
        ...{ failures: 0, openings: 0, openUntil: 0, throttledUntil: 0, probeUntil: 0, throttles: 0 },
        sites: new Map(),
        starts: [],
      }
      gates.set(credential, gate)
    }
    return gate
  }

  return {
    wait: (credential, now) => waitFor(gateOf(credential), now),
    enter: (credential, demand, now) => {
      const gate = gateOf(credential)
      const wait = waitFor(gate, now)
      if (wait > 0) return wait
      // Who only waits is known too: the others then tell what they have given back.
      countOf(gate, demand.site)
      const elsewhere = takenElsewhere(gate, demand, now)
      if (demand.jobs !== null && elsewhere.jobs >= demand.jobs) return ASK_AGAIN_MS
      if (demand.startsPerMinute !== null && elsewhere.starts >= demand.startsPerMinute) {
        const oldest = gate.starts.find(({ site, isRecorded }) => site !== demand.site || !isRecorded)
        return Math.max(1, (oldest?.at ?? now) + WINDOW_MS - now)
      }
      return open(gate, demand, elsewhere, now)
    },
    throttle: (credential, now, forMs) => {
      const gate = gateOf(credential)
      const usual = Math.min(LONGEST_THROTTLE_MS, FIRST_THROTTLE_MS * 2 ** gate.throttles)
      if (forMs === undefined && gate.throttledUntil <= now) gate.throttles += 1
      gate.throttledUntil = Math.max(gate.throttledUntil, now + (forMs ?? usual))
      return gate.throttledUntil - now
    },
    setUnderWay: (credential, site, underWay) => setCount(countOf(gateOf(credential), site), underWay),
    shared: (site) =>
      [...gates]
        .filter(([, { sites }]) => sites.size > 1 && sites.has(site))
        .map(([credential]) => credential),
    read: (credential, now) => stateOf(gateOf(credential), now),
    adopt: (credential, seen) => {
      const gate = gateOf(credential)
      gate.throttledUntil = Math.max(gate.throttledUntil, seen.throttledUntil)
      if (seen.openUntil <= gate.openUntil) return
      const { failures, openings, openUntil } = seen
      Object.assign(gate, { failures, openings, openUntil, probeUntil: 0 })
    },
    reset: (credential) => {
      const gate = gateOf(credential)
      close(gate)
      Object.assign(gate, { throttledUntil: 0, throttles: 0 })
    },
  }
}

function countOf(gate: Gate, site: string): SiteCount {
  const known = gate.sites.get(site)
  if (known) return known
  const made = { underWay: 0, countedAt: 0, entering: 0, unrecorded: 0 }
  gate.sites.set(site, made)
  return made
}

/** The later count is the truer, whichever comes first. */
function setCount(count: SiteCount, { jobs, at }: Counted): void {
  if (at < count.countedAt) return
  count.underWay = jobs
  count.countedAt = at
}

function waitFor(gate: Gate, now: number): number {
  const isProbed = gate.openUntil > 0 && gate.openUntil <= now && gate.probeUntil > now
  return Math.max(0, gate.openUntil - now, gate.throttledUntil - now, isProbed ? ASK_AGAIN_MS : 0)
}

function stateOf(gate: Gate, now: number): GateState {
  const { failures, openings, openUntil, throttledUntil } = gate
  const state = openUntil === 0 ? 'closed' : openUntil > now ? 'open' : 'probing'
  return { state, failures, openings, openUntil, throttledUntil }
}

/** What the database of whoever wants something does not see: other sites' calls, and those that no database counts. */
function takenElsewhere(gate: Gate, { site, isRecorded }: Demand, now: number): Pass['elsewhere'] {
  gate.starts = gate.starts.filter(({ at }) => at > now - WINDOW_MS)
  let jobs = 0
  for (const [name, { underWay, entering, unrecorded }] of gate.sites)
    jobs += unrecorded + (name === site && isRecorded ? 0 : underWay + entering)
  const starts = gate.starts.filter((one) => one.site !== site || !one.isRecorded || !isRecorded).length
  return { jobs, starts }
}

function open(gate: Gate, demand: Demand, elsewhere: Pass['elsewhere'], now: number): Pass {
  const { site, isRecorded } = demand
  const count = countOf(gate, site)
  const isProbe = gate.openUntil > 0
  if (isProbe) gate.probeUntil = now + PROBE_MS
  const place = isRecorded ? 'entering' : 'unrecorded'
  count[place] += 1
  let isIn = true
  const leave = (): void => {
    if (isIn) count[place] -= 1
    isIn = false
  }
  let hasEnded = false
  return {
    isProbe,
    elsewhere,
    sent: (at, underWay) => {
      gate.starts.push({ site, at, isRecorded })
      if (!isRecorded) return
      leave()
      if (underWay !== null) setCount(count, underWay)
    },
    end: (how, at) => {
      if (hasEnded) return false
      hasEnded = true
      leave()
      return note(gate, how, isProbe, at)
    },
  }
}

/** @returns whether the gate has opened or closed. */
function note(gate: Gate, how: CallEnd, isProbe: boolean, now: number): boolean {
  if (how === 'unsaid') {
    if (isProbe) gate.probeUntil = 0
    return false
  }
  if (how === 'answered') {
    const wasOpen = gate.openUntil > 0
    close(gate)
    // A call that was sent before the vendor asked for patience says nothing of that.
    if (gate.throttledUntil <= now) gate.throttles = 0
    return wasOpen
  }
  gate.failures += 1
  // What was sent before it opened tells nothing new.
  if (gate.openUntil > 0 ? !isProbe : gate.failures < FAILURES_TO_OPEN) return false
  gate.openings += 1
  gate.openUntil = now + Math.min(LONGEST_OPEN_MS, FIRST_OPEN_MS * 2 ** (gate.openings - 1))
  gate.probeUntil = 0
  return true
}

function close(gate: Gate): void {
  Object.assign(gate, { failures: 0, openings: 0, openUntil: 0, probeUntil: 0 })
}
