import sharp from 'sharp'
import type { CallOptions, Json, Provider, ProviderJob, Step } from '../../src/kernel/ports/provider.ts'

export type FakeProvider = Provider & {
  /** Jobs that were started, in order: what a vendor would have charged for. */
  started: ProviderJob[]
  /** How often an operation was asked after. */
  checked: Json[]
  /** What the next calls do; without any, pictures are made at once. */
  next: ((job: ProviderJob, options: CallOptions) => Promise<Step>)[]
  nextCheck: ((operation: Json, options: CallOptions) => Promise<Step>)[]
}

const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: '#d97757' } })
  .png()
  .toBuffer()

/** A finished step with `count` small pictures. */
export async function donePictures(count = 1): Promise<Step> {
  const output = { bytes: await picture, mediaType: 'image/png', width: 8, height: 8 }
  return { state: 'done', outputs: Array.from({ length: count }, () => output) }
}

/** A provider that does what the test says and remembers what it was asked. It takes the place of `sketch`. */
export function createFakeProvider(options: { repeatable?: boolean } = {}): FakeProvider {
  const fake: FakeProvider = {
    name: 'sketch',
    kinds: ['image'],
    repeatable: options.repeatable ?? true,
    concurrency: 100,
    started: [],
    checked: [],
    next: [],
    nextCheck: [],
    start: async (job, call) => {
      fake.started.push(job)
      const behave = fake.next.shift()
      return behave ? behave(job, call) : donePictures('count' in job ? job.count : 1)
    },
    check: async (operation, call) => {
      fake.checked.push(operation)
      const behave = fake.nextCheck.shift()
      return behave ? behave(operation, call) : donePictures()
    },
  }
  return fake
}
