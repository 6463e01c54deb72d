import type { Runner } from 'graphile-worker'
import { Logger, parseCronItems, run } from 'graphile-worker'
import { lookAgain } from '../kernel/channels/reconcile.ts'
import type { Context } from '../kernel/context.ts'
import { callOffOrphans } from '../kernel/generation/call-off.ts'
import { sweepTasks } from '../kernel/generation/sweep.ts'
import { pollOrders } from '../kernel/payments/ask-gateway.ts'
import { askAfterRefunds } from '../kernel/payments/refund.ts'
import { sweepViews } from '../kernel/square/view.ts'
import { sweepExpired } from '../kernel/sweep-expired.ts'
import { sweepUploads } from '../kernel/uploads/sweep.ts'
import { checkInvariants } from '../kernel/wallet/invariants.ts'
import { sweepFiles } from '../kernel/works/sweep.ts'

/** What runs by the clock, on one process of a site at a time, and survives restarts. */
export async function startScheduledJobs(context: Context): Promise<Runner> {
  const log = context.log
  return run({
    pgPool: context.db.pool,
    concurrency: 2,
    noHandleSignals: true,
    pollInterval: 5_000,
    logger: new Logger(() => (level, message) => {
      if (level === 'error') log.error({}, message)
      else if (level === 'warning') log.warn({}, message)
    }),
    taskList: {
      sweep_files: async () => void (await sweepFiles(context)),
      sweep_uploads: () => sweepUploads(context),
      sweep_expired: () => sweepExpired(context),
      sweep_views: () => sweepViews(context),
      ask_after_refunds: async () => void (await askAfterRefunds(context)),
      check_invariants: async () => void (await checkInvariants(context)),
    },
    parsedCronItems: parseCronItems([
      { task: 'sweep_files', match: '* * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'sweep_uploads', match: '*/10 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'sweep_expired', match: '17 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'sweep_views', match: '*/10 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'ask_after_refunds', match: '*/5 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'check_invariants', match: '*/10 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
    ]),
  })
}

const EVERY_MS = 1_000

/**
 * Ends overdue tasks, has jobs in doubt looked for, calls off what nobody waits for and asks after unpaid orders every
 * second in every worker process:
 * their moments are in seconds, finer than cron, and all are safe to run anywhere at once.
 */
export function startSweepers(context: Context): () => void {
  const stops = [
    everySecond(context, 'overdue tasks could not be swept', () => sweepTasks(context)),
    everySecond(context, 'jobs in doubt could not be looked for', () => lookAgain(context)),
    everySecond(context, 'jobs at vendors could not be called off', () => callOffOrphans(context)),
    everySecond(context, 'unpaid orders could not be polled', () => pollOrders(context)),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

function everySecond(context: Context, failure: string, sweep: () => Promise<unknown>): () => void {
  let isRunning = false
  const timer = setInterval(() => {
    if (isRunning) return
    isRunning = true
    sweep()
      .catch((error) => context.log.warn({ error }, failure))
      .finally(() => {
        isRunning = false
      })
  }, EVERY_MS)
  return () => clearInterval(timer)
}
