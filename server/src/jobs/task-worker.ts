import { hostname } from 'node:os'
import type { Context } from '../kernel/context.ts'
import { advanceTask } from '../kernel/generation/advance.ts'
import type { Claimed, ClaimedReply } from '../kernel/generation/claim.ts'
import { claimStarts, extendLeases, returnTasks } from '../kernel/generation/claim.ts'
import { startCheckWorker } from './check-worker.ts'

export type TaskWorker = {
  /** Tasks in hand now. */
  busy: () => number
  /** Takes no more tasks, gives running ones `graceMs` to end and returns the rest to the queue. */
  stop: (graceMs: number) => Promise<void>
}

/** Without any event, due tasks are found within this. */
const POLL_MS = 250
const LEASE_MS = 10_000
const EXTEND_EVERY_MS = 2_500
/** While a worker has enough to do, finished places are gathered this long before they are filled again. */
const GATHER_MS = 4

type Held = { task: Claimed | ClaimedReply; abort: AbortController; settled: Promise<void> }

/**
 * Works through the task queue of a site: claims what is due in batches, keeps the leases while it works, and
 * drops what it no longer holds. Any number of workers may run, in any number of processes.
 *
 * Jobs that are under way at vendors are asked after by a check worker of its own: `concurrency` is of those that are
 * started, which may hold their places for minutes.
 */
export function startTaskWorker(
  context: Context,
  options: { concurrency: number; leaseMs?: number },
): TaskWorker {
  const leaseMs = options.leaseMs ?? LEASE_MS
  const name = `${hostname()}/${process.pid}/${context.ids.token(4)}`
  const extendEveryMs = Math.min(EXTEND_EVERY_MS, leaseMs / 4)
  const checks = startCheckWorker(context, { name, leaseMs, extendEveryMs })
  const held = new Map<bigint, Held>()
  let stopping = false
  let claiming = false
  /** The claim under way: what it brings is this worker's, also when it comes during a stop. */
  let inFlight: Promise<void> = Promise.resolve()
  let again = false

  const run = (task: Claimed | ClaimedReply): void => {
    const abort = new AbortController()
    const settled = advanceTask(context, task, abort.signal)
      .catch((error) => {
        // Nothing was written, so the lease lapses and somebody takes the task over.
        if (!abort.signal.aborted) context.log.error({ task: task.id, error }, 'a task could not be advanced')
      })
      .finally(() => {
        if (held.get(task.id)?.task === task) held.delete(task.id)
        fillSoon()
      })
    held.set(task.id, { task, abort, settled })
  }

  // One claim for the tasks that end together costs the database what one for each would.
  let soon: NodeJS.Timeout | undefined
  const fillSoon = (): void => {
    if (held.size <= options.concurrency / 2) fill()
    else soon ??= setTimeout(fill, GATHER_MS)
  }

  const fill = (): void => {
    clearTimeout(soon)
    soon = undefined
    again = true
    if (claiming || stopping) return
    claiming = true
    inFlight = (async () => {
      while (again && !stopping) {
        again = false
        const room = options.concurrency - held.size
        if (room <= 0) break
        const claimed = await claimStarts(context, name, room, leaseMs)
        for (const task of claimed) run(task)
        // A full batch means that there may be more.
        if (claimed.length === room) again = true
      }
    })()
      .catch((error) => context.log.warn({ error }, 'tasks could not be claimed'))
      .finally(() => {
        claiming = false
        if (again && !stopping && held.size < options.concurrency) setTimeout(fill, POLL_MS).unref()
      })
  }

  const extend = async (): Promise<void> => {
    const lost = await extendLeases(
      context,
      [...held.values()].map(({ task }) => task),
      leaseMs,
    )
    for (const id of lost) held.get(id)?.abort.abort(new Error('the lease was lost'))
  }

  const unsubscribe = context.events.subscribe('queue', null, fill)
  // The next extension would notice; an event does so at once. Only of tasks that somebody else ended: an
  // extension for every task that this worker itself finishes would cost as much as the work.
  const unsubscribeTasks = context.events.subscribe('ended', null, (id) => {
    if (id !== null) held.get(id)?.abort.abort(new Error('the lease was lost'))
  })
  const poll = setInterval(fill, POLL_MS)
  const heartbeat = setInterval(
    () => void extend().catch((error) => context.log.warn({ error }, 'leases could not be extended')),
    extendEveryMs,
  )
  fill()

  return {
    busy: () => held.size + checks.busy(),
    stop: async (graceMs) => {
      stopping = true
      const checked = checks.stop(graceMs)
      unsubscribe()
      unsubscribeTasks()
      clearInterval(poll)
      clearTimeout(soon)
      await inFlight
      const everything = Promise.all([...held.values()].map(({ settled }) => settled))
      await Promise.race([everything, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      clearInterval(heartbeat)
      const rest = [...held.values()]
      for (const { abort } of rest) abort.abort(new Error('the worker stops'))
      await returnTasks(
        context,
        rest.map(({ task }) => task),
      )
      await checked
    },
  }
}
