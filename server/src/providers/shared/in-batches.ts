import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CallOptions,
  type ImageJob,
  type Output,
  ProviderError,
  type Usage,
} from '../../kernel/ports/provider.ts'

/** For a vendor that does not say when to come back. */
const WAIT_MS = 5_000
const MOST_WAIT_MS = 60_000
const MOST_WAITS = 2
const MOST_SEED = 2_147_483_647

/** The pictures of one call, at least one and no more than were asked for, and what they took. */
export type Batch = { outputs: Output[]; usage: Usage }

/**
 * The pictures of a job at a vendor that makes at most `perCall` at a time: calls in a row, each from a seed of its own.
 *
 * The first call decides for the job. Once pictures have been made the job is not given up: a vendor that is busy is
 * waited for, and any other no ends the row. What came is what the job made, the kernel charges for that, nothing that
 * was paid for is thrown away, and nothing is started again, whatever became of the call that failed. A call that makes
 * fewer than it was asked for is not made up for either: the rest was refused, and would be paid for again.
 *
 * Throws the first call's `ProviderError`; `ambiguous` when it is called off after pictures were made.
 */
export async function makeInBatches(
  job: ImageJob,
  perCall: number,
  call: Pick<CallOptions, 'signal' | 'progress'>,
  make: (job: ImageJob) => Promise<Batch>,
): Promise<{ state: 'done'; outputs: Output[]; usage: Usage }> {
  const made: Batch[] = []
  let asked = 0
  let waits = 0
  while (asked < job.count) {
    const count = Math.min(perCall, job.count - asked)
    try {
      made.push(await make({ ...job, count, seed: ((job.seed - 1 + asked) % MOST_SEED) + 1 }))
      asked += count
    } catch (error) {
      if (made.length === 0 || !(error instanceof ProviderError)) throw error
      checkCall(call, made)
      if (error.kind !== 'throttled' || waits >= MOST_WAITS) break
      waits += 1
      const waitMs = Math.min(error.retryAfterMs ?? WAIT_MS, MOST_WAIT_MS)
      // Woken by its signal, which is looked at next.
      await sleep(waitMs, undefined, { signal: call.signal }).catch(() => {})
      checkCall(call, made)
    }
    if (asked < job.count) call.progress(Math.floor((asked / job.count) * 100))
  }
  return { state: 'done', outputs: made.flatMap(({ outputs }) => outputs), usage: sumOf(made) }
}

function checkCall({ signal }: Pick<CallOptions, 'signal'>, made: readonly Batch[]): void {
  if (!signal.aborted) return
  throw new ProviderError('ambiguous', `called off after ${made.length} calls had made pictures`)
}

/** What a call does not count is left out of the sum as well: a sum of the others would be too low. */
function sumOf(made: readonly Batch[]): Usage {
  const total: Usage = {}
  for (const name of ['inputTokens', 'outputTokens', 'pictures'] as const) {
    const counts = made.map(({ usage }) => usage[name])
    if (counts.every((count) => count !== undefined)) {
      total[name] = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
    }
  }
  return total
}
