import type { CallOptions, ImageJob, Output, Usage } from '../../kernel/ports/provider.ts'
import { makeInBatches } from './in-batches.ts'

/** One picture of a job, and what it took. */
export type Made = { output: Output; usage?: Usage }

/**
 * The pictures of a job at a vendor whose wire makes one at a time, by the rules of `makeInBatches`.
 *
 * Throws the first call's `ProviderError`; `ambiguous` when it is called off after a picture was made.
 */
export function makeOneByOne(
  job: ImageJob,
  call: Pick<CallOptions, 'signal' | 'progress'>,
  make: (job: ImageJob) => Promise<Made>,
): Promise<{ state: 'done'; outputs: Output[]; usage: Usage }> {
  return makeInBatches(job, 1, call, async (one) => {
    const { output, usage } = await make(one)
    return { outputs: [output], usage: { pictures: 1, ...usage } }
  })
}
