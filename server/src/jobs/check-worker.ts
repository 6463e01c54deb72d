import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Line, Lines } from '../kernel/asking/ask-lines.ts'
import { busyLines, readLines } from '../kernel/asking/ask-lines.ts'
import { askInLine } from '../kernel/asking/asking.ts'
import type { ClaimedCheck } from '../kernel/asking/claim-checks.ts'
import { claimChecks, returnChecks } from '../kernel/asking/claim-checks.ts'
import { keepShares, SHARES_EVERY_MS } from '../kernel/asking/share-asks.ts'
import type { Context } from '../kernel/context.ts'
import { advanceTask } from '../kernel/generation/advance.ts'
import { extendLeases } from '../kernel/generation/claim.ts'
import type { Step } from '../kernel/ports/provider.ts'

export type CheckWorker = {
  /** Jobs in hand now: about to be asked after, or finished and being fetched. */
  busy: () => number
  stop: (graceMs: number) => Promise<void>
}

const POLL_MS = 250
/** Jobs are claimed this much before they are due: the claim is over, and a claim that is late is not, when they are. */
const AHEAD_MS = 500
const LINES_EVERY_MS = 15_000
/** Asked at once of providers that need no connection and so have no line. */
const LOOSE = 64
/** Finished jobs whose files are fetched at once, and how many may wait for that before nothing more is asked. */
const FETCHING = 16
const MOST_FINISHED = 500

type Held = {
  check: ClaimedCheck
  line: Line | undefined
  abort: AbortController
  settled: Promise<void>
  isAsked: boolean
}

/**
 * Asks after the jobs that are under way at vendors: claims as many as may be asked after now, holds none while a
 * vendor's limit keeps it waiting, and takes no place from new work. Fetching what is finished does not keep the next
 * job from being asked after.
 */
export function startCheckWorker(
  context: Context,
  options: { name: string; leaseMs: number; extendEveryMs: number },
): CheckWorker {
  const { name, leaseMs } = options
  const held = new Map<bigint, Held>()
  const fetching = openPlaces(FETCHING)
  const shares = keepShares(context, () => performance.now())
  let loose = 0
  let stopping = false
  let known: Lines = { lines: new Map(), channels: new Map() }
  let inFlight: Promise<void> | null = null
  let isDue = false

  const run = (check: ClaimedCheck): void => {
    const { asked_via: via } = check
    const line = via === null ? undefined : known.lines.get(via)
    const channel = check.channel_id === null ? null : (known.channels.get(check.channel_id) ?? null)
    if (line?.limits.askEveryMs !== undefined) check.askEveryMs = line.limits.askEveryMs
    const abort = new AbortController()
    const one: Held = { check, line, abort, settled: Promise.resolve(), isAsked: false }
    const inTurn = turnOf(context, one)
    let isPlanned = line !== undefined
    let leave = (): void => {}
    const ask = async (call: () => Promise<Step>): Promise<Step> => {
      isPlanned = false
      const step = await inTurn(call)
      if (step.state === 'done') leave = await fetching.enter()
      return step
    }
    if (!line) loose += 1
    one.settled = advanceTask(context, check, abort.signal, { channel, ask })
      .catch((error) => {
        // Nothing was written, so the lease lapses and somebody takes the job over.
        if (!abort.signal.aborted)
          context.log.error({ task: check.id, error }, 'a job could not be asked after')
      })
      .finally(() => {
        leave()
        if (!line) loose -= 1
        // It ended before its turn came: the place is free for another.
        else if (isPlanned) context.askPace.settle(line, 1, 0)
        if (held.get(check.id) === one) held.delete(check.id)
      })
    held.set(check.id, one)
  }

  const claim = async (): Promise<void> => {
    if (fetching.taken() > MOST_FINISHED) return
    const planned = [...known.lines.values()]
      .map((line) => ({ line, places: context.askPace.plan(line, Number.POSITIVE_INFINITY, AHEAD_MS) }))
      .filter(({ places }) => places > 0)
    let claimed: ClaimedCheck[] = []
    try {
      const room = Math.max(0, LOOSE - loose)
      claimed = await claimChecks(context, name, planned, room, { aheadMs: AHEAD_MS, leaseMs })
    } finally {
      const taken = new Map<bigint | null, number>()
      for (const { asked_via: via } of claimed) taken.set(via, (taken.get(via) ?? 0) + 1)
      for (const { line, places } of planned)
        context.askPace.settle(line, places, taken.get(line.connectionId) ?? 0)
    }
    for (const check of claimed) run(check)
  }
  const fill = (): void => {
    if (stopping) return
    if (inFlight) {
      isDue = true
      return
    }
    inFlight = claim()
      .catch((error) => context.log.warn({ error }, 'jobs to ask after could not be claimed'))
      .finally(() => {
        inFlight = null
        if (isDue) {
          isDue = false
          fill()
        }
      })
  }
  const renew = async (): Promise<void> => {
    try {
      // Nothing is written where nothing is asked.
      const counted = [...known.lines.values()].filter(({ limits }) => limits.asksPerSecond !== undefined)
      await shares.renew(await busyLines(context, counted))
    } catch (error) {
      context.log.warn({ error }, 'shares of vendors’ limits could not be renewed')
    }
  }
  let isLearned = false
  const learn = async (): Promise<void> => {
    try {
      known = await readLines(context)
      isLearned = true
    } catch (error) {
      context.log.warn({ error }, 'connections could not be read')
    }
  }
  const extend = async (): Promise<void> => {
    const lost = await extendLeases(
      context,
      [...held.values()].map(({ check }) => check),
      leaseMs,
    )
    for (const id of lost) held.get(id)?.abort.abort(new Error('the lease was lost'))
  }

  const begin = async (): Promise<void> => {
    await learn()
    await renew()
    fill()
  }
  const begun = begin()
  const unsubscribe = context.events.subscribe('catalog', null, () => void learn())
  const unsubscribeTasks = context.events.subscribe('ended', null, (id) => {
    if (id !== null) held.get(id)?.abort.abort(new Error('the lease was lost'))
  })
  const timers = [
    setInterval(fill, POLL_MS),
    setInterval(() => void learn(), LINES_EVERY_MS),
    setInterval(() => void (isLearned ? renew() : learn()), SHARES_EVERY_MS),
  ]
  const heartbeat = setInterval(
    () => void extend().catch((error) => context.log.warn({ error }, 'leases could not be extended')),
    options.extendEveryMs,
  )

  return {
    busy: () => held.size,
    stop: async (graceMs) => {
      stopping = true
      unsubscribe()
      unsubscribeTasks()
      await begun
      await inFlight
      // What has not been asked after needs no grace.
      for (const { isAsked, abort } of held.values()) if (!isAsked) abort.abort(new Error('the worker stops'))
      const asked = [...held.values()].filter(({ isAsked }) => isAsked)
      const everything = Promise.all(asked.map(({ settled }) => settled))
      const unasked = [...held.values()].filter(({ isAsked }) => !isAsked)
      await Promise.race([everything, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      for (const timer of [...timers, heartbeat]) clearInterval(timer)
      const rest = [...new Set([...unasked, ...held.values()])]
      for (const { abort } of rest) abort.abort(new Error('the worker stops'))
      await returnChecks(
        context,
        rest.map(({ check, line, isAsked }) => ({
          task: check,
          afterMs: isAsked ? (line?.limits.askEveryMs ?? 0) : 0,
        })),
      )
      await shares.end().catch((error) => context.log.warn({ error }, 'shares could not be given back'))
    },
  }
}

/** How a job's vendor is asked when its turn comes; at once when it is due, for those that stand in no line. */
function turnOf(context: Context, one: Held): (call: () => Promise<Step>) => Promise<Step> {
  const { check, line, abort } = one
  const onAsk = (): void => {
    one.isAsked = true
  }
  if (line) return askInLine(context, check, line, onAsk, abort.signal)
  return async (call) => {
    if (check.due_in_ms > 0) await sleep(check.due_in_ms, undefined, { signal: abort.signal })
    onAsk()
    return call()
  }
}

/** So many places, and a queue before them. */
function openPlaces(places: number): { enter: () => Promise<() => void>; taken: () => number } {
  const limit = pLimit(places)
  return {
    taken: () => limit.activeCount + limit.pendingCount,
    /** Resolves with how to leave once there is a place. */
    enter: () =>
      new Promise((resolve) => {
        void limit(() => new Promise<void>((leave) => resolve(leave)))
      }),
  }
}
