/** What one site wants of a credential, and how much may be taken with it altogether; null is not limited. */
export type Demand = {
  site: string
  jobs: number | null
  startsPerMinute: number | null
  /** Whether the site's database counts the call too; what nothing counts is counted here alone. */
  isRecorded: boolean
}

/** How a vendor is doing, as far as this process has seen it. Moments are milliseconds of the clock, 0 for none. */
export type GateState = {
  /** closed: calls go through; open: none does; probing: one does, to see whether the vendor is back. */
  state: 'closed' | 'open' | 'probing'
  /** Calls in a row that got no answer. */
  failures: number
  /** How often in a row it has opened. */
  openings: number
  openUntil: number
  /** The vendor has said that it wants no more before then. */
  throttledUntil: number
}

/**
 * What a call tells of its vendor: `answered`, also with a no; `lost`, when there was no answer, or none that says what
 * was done; `unsaid`, when it was never made or we hung up.
 */
export type CallEnd = 'answered' | 'lost' | 'unsaid'

/** So many jobs, as the site's database counted them at its own time in ms: answers may overtake each other. */
export type Counted = { jobs: number; at: number }

/** Leave to make one call. */
export type Pass = {
  /** True for the one call that shows whether a vendor is back. */
  isProbe: boolean
  /** What is taken of the credential where the site's own database does not see it. */
  elsewhere: { jobs: number; starts: number }
  /** The call goes out; so many jobs of the site are under way with the credential, this one with them, if somebody counts. */
  sent: (now: number, underWay: Counted | null) => void
  /** Whether the vendor is seen differently since: the gate has opened or closed. Only the first word counts. */
  end: (how: CallEnd, now: number) => boolean
}

/**
 * Who may call which vendor now: a circuit breaker and counts for each credential, known by its fingerprint. There is one
 * for all sites of a process, since a vendor counts by credential. What must hold across processes and deaths is counted in
 * the sites' databases; this knows of every site, and forgets with the process.
 */
export type VendorGates = {
  /** Milliseconds until a call may be tried with the credential; 0 at once. */
  wait: (credential: string, now: number) => number
  /** Leave to make a call, or the milliseconds until it is worth asking again. */
  enter: (credential: string, demand: Demand, now: number) => Pass | number
  /** The vendor wants no more for a while; where it does not say how long, ever longer. @returns how long, in ms. */
  throttle: (credential: string, now: number, forMs: number | undefined) => number
  /** Tells how many jobs of a site are under way with the credential. */
  setUnderWay: (credential: string, site: string, underWay: Counted) => void
  /** The credentials that a site shares with others of this process. */
  shared: (site: string) => string[]
  read: (credential: string, now: number) => GateState
  /** Takes over what another process has seen, as far as it is worse. */
  adopt: (credential: string, seen: GateState) => void
  /** Forgets everything bad about it, as an operator says who knows better. */
  reset: (credential: string) => void
}
