import type { CallOptions, Json, Provider, ProviderJob, Step } from '../../src/kernel/ports/provider.ts'
import { donePictures } from './provider.ts'

type Start = (job: ProviderJob, options: CallOptions) => Promise<Step>

/** One account at the vendor, known by its key: what it was sent, and how it behaves. */
export type VendorAccountStandIn = {
  /** References of the jobs it took, in order: what it would have charged for. */
  paid: string[]
  /** Every call, also those it refused: when it came. */
  calls: number[]
  underWay: number
  mostUnderWay: number
  behave: Start | null
}

export type VendorStandIn = Provider & { accountOf: (secret: string) => VendorAccountStandIn }

/** A paid vendor with an account for each key. Without other orders it takes a job and has it done after `jobMs`. */
export function createVendorStandIn(options: { jobMs?: number; asynchronous?: boolean } = {}): VendorStandIn {
  const { jobMs = 20, asynchronous = false } = options
  const accounts = new Map<string, VendorAccountStandIn>()
  const ends = new Map<string, { at: number; account: VendorAccountStandIn }>()
  const account = (secret: string): VendorAccountStandIn => {
    const known = accounts.get(secret)
    if (known) return known
    const made = { paid: [], calls: [], underWay: 0, mostUnderWay: 0, behave: null }
    accounts.set(secret, made)
    return made
  }
  const vendor: VendorStandIn = {
    name: 'vendor',
    kinds: ['image'],
    repeatable: false,
    concurrency: 1_000,
    accountOf: account,
    start: async (job, call) => {
      const here = account(call.connection?.secret ?? '')
      here.calls.push(performance.now())
      if (here.behave) return here.behave(job, call)
      here.paid.push(call.reference)
      here.underWay += 1
      here.mostUnderWay = Math.max(here.mostUnderWay, here.underWay)
      const until = performance.now() + jobMs
      if (asynchronous) {
        ends.set(call.reference, { at: until, account: here })
        return { state: 'pending', operation: { id: call.reference }, checkAfterMs: 10 }
      }
      await new Promise((resolve) => setTimeout(resolve, jobMs))
      here.underWay -= 1
      return donePictures('count' in job ? job.count : 1)
    },
    check: async (operation: Json) => {
      const { id } = operation as { id: string }
      const job = ends.get(id)
      if (!job) throw new Error(`the vendor has no job ${id}`)
      if (performance.now() < job.at) return { state: 'pending', operation, checkAfterMs: 10 }
      ends.delete(id)
      job.account.underWay -= 1
      return donePictures()
    },
  }
  return vendor
}
