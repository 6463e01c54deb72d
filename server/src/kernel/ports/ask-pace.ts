import type { VendorLimits } from './provider.ts'

/** What a vendor says of asking after jobs; what is left out is not limited. */
export type AskLimits = Pick<VendorLimits, 'asksPerSecond' | 'askEveryMs'>

/** One of those who ask after jobs with a credential. */
export type AskLine = {
  /** Tells credentials apart and reveals nothing of them. */
  credential: string
  site: string
  /** Unique among those who share the credential in this process. */
  party: string
  limits: AskLimits
}

/** What a process may have under way at a credential, as the processes of a site have agreed. */
export type AskShare = {
  credential: string
  /** What the vendor allows everybody together. */
  slots: number
  windowMs: number
  /** What may be in use here now, at most. */
  used: number
  /** How much longer nothing may be asked. */
  quietMs: number
}

/**
 * When vendors may be asked after their jobs. There is one for all sites of a process, since a vendor counts by
 * credential; it goes by a clock that is never set. Places are planned before jobs are claimed, so that what is claimed
 * may be asked after.
 */
export type AskPace = {
  /** Names this process among those that share a vendor's limits. */
  process: string
  /** Plans up to `most` asks that may go out within `withinMs`. Each is used by `ask` or given back by `settle`. */
  plan: (line: AskLine, most: number, withinMs: number) => number
  /** Tells how many of the planned asks there are jobs for; the rest of the places is free again. */
  settle: (line: AskLine, planned: number, claimed: number) => void
  /**
   * Calls `call` in a planned place: in `inMs` or as soon afterwards as the vendor's limits allow.
   * @param job names the job among all those of the credential.
   * @throws ProviderError throttled when the vendor wants to be left alone for long; what `call` throws
   */
  ask: <T>(
    line: AskLine,
    job: { name: string; inMs: number },
    call: () => Promise<T>,
    signal: AbortSignal,
  ) => Promise<T>
  /** Lets nobody ask with the credential for a while: the vendor has said so. */
  quieten: (credential: string, forMs: number) => void
  /** What of a line's credential is divided among processes; null where its vendor does not count asks. */
  share: (line: AskLine) => AskShare | null
  /** Sets how much of it this process may use for the tasks of a site, and for how long. */
  grant: (
    credential: string,
    site: string,
    granted: { slots: number; forMs: number; quietMs: number },
  ) => void
}
