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

/** One picture of a job, and what it took. */
export type Made = { output: Output; usage?: Usage }

/**
 * The pictures of a job at a vendor whose wire makes one at a time: calls in a row, each with a seed of its own.
 *
 * Once a picture has been made the job is not given up. A vendor that is busy is waited for; any other no ends the row,
 * and the job is done with what there is: the kernel charges for what came, nothing that was paid for is thrown away,
 * and nothing is started again, whatever became of the call that failed.
 *
 * Throws the first call's `ProviderError`; `ambiguous` when it is called off after a picture was made.
 */
export async function makeOneByOne(
  job: ImageJob,
  call: Pick<CallOptions, 'signal' | 'progress'>,
  make: (job: ImageJob) => Promise<Made>,
): Promise<{ state: 'done'; outputs: Output[]; usage: Usage }> {
  const made: Made[] = []
  let waits = 0
  while (made.length < job.count) {
    const seed = ((job.seed - 1 + made.length) % MOST_SEED) + 1
    try {
      made.push(await make({ ...job, count: 1, seed }))
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
    if (made.length < job.count) call.progress(Math.floor((made.length / job.count) * 100))
  }
  return { state: 'done', outputs: made.map(({ output }) => output), usage: sum(made) }
}

function checkCall({ signal }: Pick<CallOptions, 'signal'>, made: readonly Made[]): void {
  if (!signal.aborted) return
  throw new ProviderError('ambiguous', `called off after ${made.length} pictures had been made`)
}

function sum(made: readonly Made[]): Usage {
  const total: Usage = { pictures: made.length }
  for (const { usage = {} } of made) {
    for (const name of ['inputTokens', 'outputTokens'] as const) {
      const tokens = usage[name]
      if (tokens !== undefined) total[name] = (total[name] ?? 0) + tokens
    }
  }
  return total
}
