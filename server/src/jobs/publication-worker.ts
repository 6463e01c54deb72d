import { hostname } from 'node:os'
import type { Context } from '../kernel/context.ts'
import { advanceTarget } from '../kernel/publishing/advance.ts'
import type { ClaimedTarget } from '../kernel/publishing/claim.ts'
import { claimTargets, extendTargets, returnTargets } from '../kernel/publishing/claim.ts'

export type PublicationWorker = {
  /** Takes nothing more, gives running steps `graceMs` to end and returns the rest. */
  stop: (graceMs: number) => Promise<void>
}

/** What is due is found within this: a schedule needs no event and survives every restart. */
const POLL_MS = 250
const LEASE_MS = 10_000
const EXTEND_EVERY_MS = 2_500

type Held = { target: ClaimedTarget; abort: AbortController; settled: Promise<void> }

/**
 * Publishes what is due: claims platforms of publications, keeps the leases while it works, and drops what it no
 * longer holds. Any number of workers may run, in any number of processes.
 */
export function startPublicationWorker(
  context: Context,
  options: { concurrency: number; leaseMs?: number },
): PublicationWorker {
  const leaseMs = options.leaseMs ?? LEASE_MS
  const name = `${hostname()}/${process.pid}/${context.ids.token(4)}`
  const held = new Map<bigint, Held>()
  let stopping = false
  let inFlight: Promise<void> | null = null

  const run = (target: ClaimedTarget): void => {
    const abort = new AbortController()
    const settled = advanceTarget(context, target, abort.signal)
      .catch((error) => {
        // Nothing was written, so the lease lapses and somebody takes over.
        if (!abort.signal.aborted)
          context.log.error({ target: target.id, error }, 'a publication could not be advanced')
      })
      .finally(() => {
        if (held.get(target.id)?.target === target) held.delete(target.id)
      })
    held.set(target.id, { target, abort, settled })
  }

  const claim = async (): Promise<void> => {
    const room = options.concurrency - held.size
    if (room <= 0) return
    for (const target of await claimTargets(context, name, room, leaseMs)) run(target)
  }
  const fill = (): void => {
    if (stopping || inFlight) return
    inFlight = claim()
      .catch((error) => context.log.warn({ error }, 'publications could not be claimed'))
      .finally(() => {
        inFlight = null
      })
  }
  const extend = async (): Promise<void> => {
    const lost = await extendTargets(
      context,
      [...held.values()].map(({ target }) => target),
      leaseMs,
    )
    for (const id of lost) held.get(id)?.abort.abort(new Error('the lease was lost'))
  }

  const poll = setInterval(fill, POLL_MS)
  const heartbeat = setInterval(
    () => void extend().catch((error) => context.log.warn({ error }, 'leases could not be extended')),
    Math.min(EXTEND_EVERY_MS, leaseMs / 4),
  )
  fill()

  return {
    stop: async (graceMs) => {
      stopping = true
      clearInterval(poll)
      await inFlight
      const everything = Promise.all([...held.values()].map(({ settled }) => settled))
      await Promise.race([everything, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      clearInterval(heartbeat)
      const rest = [...held.values()]
      for (const { abort } of rest) abort.abort(new Error('the worker stops'))
      await returnTargets(
        context,
        rest.map(({ target }) => target),
      )
      // Whoever was in the middle of a call writes down that nobody knows what came of it.
      await Promise.race([
        Promise.all(rest.map(({ settled }) => settled)),
        new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
      ])
    },
  }
}
