import { setTimeout as sleep } from 'node:timers/promises'
import type { Child, Commands } from '../../../bench/child.ts'
import { startChild } from '../../../bench/child.ts'
import { familyCpuMs, pssMiB } from '../../../bench/processes.ts'
import type { Connection } from '../../src/db/database.ts'
import type { ClipVendor } from './clip-vendor.ts'
import type { Judgement } from './judge.ts'
import { judge } from './judge.ts'
import type { PollingSite } from './polling-site.ts'

export type PollingRun = {
  /** One for each site. */
  databases: Connection[]
  dataDir: string
  /** Over all sites. */
  clips: number
  asksPerSecond: number | null
  askEveryMs: number
  /** How long all clips are under way at the vendor. */
  seconds: number
  processes: number
  /** Kills a process in the middle of that, with kill -9, and starts another. */
  kills: boolean
  /** How long the vendor takes to answer. */
  latencyMs: number
  /** Of PostgreSQL, when its processor time is to be told. */
  postmaster: number
  say: (line: string) => void
}

export type PollingResult = Judgement & {
  states: Record<string, number>
  /** Findings in the books and holds left open: must be none. */
  findings: unknown[]
  /** Jobs that were started twice: must be none. */
  repeats: number
  startSeconds: number
  finishSeconds: number
  /** Of each worker while all clips were under way, and of one before it had anything to do. */
  pssMiB: number[]
  idleMiB: number
  /** Of the heap of each, what was no garbage. */
  heapMiB: number[]
  /** Of one core, while all clips were under way. */
  workerCpu: number
  vendorCpu: number
  postgresCpu: number
  statementsPerCheck: number
  commitsPerCheck: number
  statements: [string, number][]
  peakBusy: number
}

const CLIP_VENDOR = new URL('clip-vendor.ts', import.meta.url).href
const POLLING_SITE = new URL('polling-site.ts', import.meta.url).href

/** Has all clips started, lets them be asked after for a while, then finishes them all. */
export async function runPolling(run: PollingRun): Promise<PollingResult> {
  const children: Child<Commands>[] = []
  const start = <C extends Commands>(file: string): Child<C> => {
    const child = startChild<C>(file)
    children.push(child as unknown as Child<Commands>)
    return child
  }
  const { say, askEveryMs, asksPerSecond, clips } = run
  const vendor = start<ClipVendor>(CLIP_VENDOR)
  try {
    const url = await vendor.call('open')
    await vendor.call('latency', run.latencyMs)
    const limits = { askEveryMs, ...(asksPerSecond !== null && { asksPerSecond }) }
    const open = async (isFirst: boolean): Promise<Child<PollingSite>> => {
      const site = start<PollingSite>(POLLING_SITE)
      const { databases, dataDir } = run
      await site.call('open', { databases, dataDir, vendor: url, limits, checkAfterMs: askEveryMs, isFirst })
      return site
    }
    // Whoever submits is nobody who works: what submitting leaves in memory is not to be counted.
    const users = await open(true)
    const each = clips / run.databases.length
    for (const site of run.databases.keys()) await users.call('submit', { site, clips: each })
    await users.call('close')
    await users.stop()
    say(`${clips} clips submitted`)
    const first = await open(false)
    let workers = [first]
    while (workers.length < run.processes) workers.push(await open(false))
    const idleMiB = (await memoryOf(workers))[0] ?? 0

    const since = performance.now()
    await Promise.all(workers.map((worker) => worker.call('work')))
    const states = (): Promise<Record<string, number>> => (workers.at(-1) ?? first).call('states')
    await until(600_000, async () => ((await states()).asked ?? 0) === clips)
    const startSeconds = (performance.now() - since) / 1_000
    say(`all of them under way at the vendor after ${startSeconds.toFixed(0)} s`)

    const from = await vendor.call('now')
    const askedBefore = await vendor.call('asked')
    for (const worker of workers) await worker.call('took')
    const { commits: commitsBefore } = await first.call('took')
    const cpu = async (): Promise<number[]> => [
      (await Promise.all(workers.map((worker) => worker.call('cpuMs')))).reduce((sum, ms) => sum + ms, 0),
      await vendor.call('cpuMs'),
      run.postmaster > 0 ? await familyCpuMs(run.postmaster) : 0,
    ]
    const cpuBefore = await cpu()
    const measuredSince = performance.now()
    await sleep(run.seconds * 500)
    if (run.kills) {
      process.kill(first.pid, 'SIGKILL')
      say('a worker was killed')
      workers = workers.filter((worker) => worker !== first)
      const other = await open(false)
      await other.call('work')
      workers.push(other)
    }
    await sleep(run.seconds * 500)
    const memory = await memoryOf(workers)
    const heapMiB = await Promise.all(workers.map((worker) => worker.call('heap')))
    const cpuAfter = await cpu()
    const measuredMs = performance.now() - measuredSince
    const asks = (await vendor.call('asked')) - askedBefore
    const all = await Promise.all(workers.map((worker) => worker.call('took')))
    const statements = new Map<string, number>()
    for (const taken of all)
      for (const [name, times] of taken.statements) statements.set(name, (statements.get(name) ?? 0) + times)
    const total = [...statements.values()].reduce((sum, times) => sum + times, 0)
    const to = await vendor.call('finish')
    say(`${asks} asks in ${(measuredMs / 1_000).toFixed(0)} s; all clips are finished at the vendor`)

    const finishSince = performance.now()
    await until(900_000, async () => {
      const now = await states()
      return Object.keys(now).every((state) => ['succeeded', 'failed', 'canceled', 'unknown'].includes(state))
    })
    const finishSeconds = (performance.now() - finishSince) / 1_000
    const seen = await vendor.call('seen')
    const findings = await (workers[0] ?? first).call('books')
    const share = (index: number): number => ((cpuAfter[index] ?? 0) - (cpuBefore[index] ?? 0)) / measuredMs
    const result = {
      ...judge(seen, { asksPerSecond, askEveryMs }, { from, to }),
      ...{ states: await states(), findings, repeats: seen.repeats, startSeconds, finishSeconds },
      ...{ pssMiB: memory, idleMiB, heapMiB },
      ...{ workerCpu: share(0), vendorCpu: share(1), postgresCpu: share(2) },
      statementsPerCheck: total / asks,
      commitsPerCheck: ((all.at(-1)?.commits ?? 0) - commitsBefore) / asks,
      statements: [...statements].sort(([, a], [, b]) => b - a),
      peakBusy: Math.max(...all.map((taken) => taken.peakBusy)),
    }
    await Promise.all(workers.map((worker) => worker.call('stop')))
    await Promise.all(workers.map((worker) => worker.call('close')))
    return result
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

function memoryOf(workers: readonly Child<PollingSite>[]): Promise<number[]> {
  return Promise.all(workers.map(({ pid }) => pssMiB([pid])))
}

async function until(withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error('it took too long')
    await sleep(500)
  }
}
