import type { Runner } from 'graphile-worker'
import { Logger, parseCronItems, run } from 'graphile-worker'
import type { Context } from '../kernel/context.ts'
import { sweepTasks } from '../kernel/generation/sweep.ts'
import { sweepExpired } from '../kernel/sweep-expired.ts'
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
      sweep_expired: () => sweepExpired(context),
      check_invariants: async () => void (await checkInvariants(context)),
    },
    parsedCronItems: parseCronItems([
      { task: 'sweep_files', match: '* * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'sweep_expired', match: '17 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
      { task: 'check_invariants', match: '*/10 * * * *', options: { backfillPeriod: 0, maxAttempts: 3 } },
    ]),
  })
}

const SWEEP_EVERY_MS = 1_000

/**
 * Ends overdue tasks every second in every worker process: deadlines are in seconds, finer than cron, and the
 * sweep is safe to run anywhere at once.
 */
export function startDeadlineSweeper(context: Context): () => void {
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    sweepTasks(context)
      .catch((error) => context.log.warn({ error }, 'overdue tasks could not be swept'))
      .finally(() => {
        running = false
      })
  }, SWEEP_EVERY_MS)
  return () => clearInterval(timer)
}
