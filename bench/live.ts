// npm run bench:live: so many sockets on one process, each of an account with a task of its own that another process
// works on. What is measured is the time from the commit of a step, rows and events, until the client has it; beside
// it, in the same run, a bare `ws` server sends the same messages at the same moments.
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openCluster } from '../server/src/db/embedded/cluster.ts'
import type { Child, Commands } from './child.ts'
import { startChild } from './child.ts'
import type { LiveBareCommands } from './live-bare.ts'
import type { LiveClientCommands, Receipt } from './live-clients.ts'
import type { LiveDriverCommands, Step } from './live-driver.ts'
import type { LiveSiteCommands } from './live-site.ts'
import { familyCpuMs, postmasterPid, pssMiB } from './processes.ts'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    sockets: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '15' },
    every: { type: 'string', default: '1000' },
    bursts: { type: 'string', default: '5' },
  },
})
const SOCKETS = Number(flags.sockets)
const EVERY_MS = Number(flags.every)
const SECONDS = Number(flags.seconds)
const BURSTS = Number(flags.bursts)

type Row = {
  what: string
  through: string
  steps: number
  delivered: number
  /** A newer step of the same task was told in its place. */
  overtaken: number
  /** Neither it nor a newer one came: must be none. */
  lost: number
  /** Came to a socket whose account it is not, or twice, or after a newer one: must be none. */
  wrong: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  serverCpu: number
  clientCpu: number
  driverCpu: number
  postgresCpu: number
}

const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`)

/** Holds what came against what was committed. */
function compare(handles: readonly string[], steps: readonly Step[], receipts: readonly Receipt[]) {
  const committed = new Map(steps.map((step) => [`${step.of} ${step.progress}`, step.at]))
  const newest = new Map<number, number>()
  let wrong = 0
  const latenciesMs: number[] = []
  const came = new Set<string>()
  for (const { at, socket, taskId, progress } of receipts) {
    const key = `${socket} ${progress}`
    const since = committed.get(key)
    if (handles[socket] !== taskId || since === undefined || progress <= (newest.get(socket) ?? -1)) {
      wrong += 1
      continue
    }
    newest.set(socket, progress)
    came.add(key)
    latenciesMs.push(Number(at - since) / 1e6)
  }
  const missed = steps.filter((step) => !came.has(`${step.of} ${step.progress}`))
  const lost = missed.filter(({ of, progress }) => (newest.get(of) ?? -1) < progress).length
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number): number =>
    latenciesMs.at(Math.floor((latenciesMs.length - 1) * share)) ?? Number.NaN
  return {
    ...{ steps: steps.length, delivered: latenciesMs.length, overtaken: missed.length - lost, lost, wrong },
    ...{ p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) },
  }
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'atelier-live-'))
  const cluster = await openCluster({ dataDir, role: 'own', log: () => {} })
  const children: Child<Commands>[] = []
  const end = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()))
    await cluster.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end().finally(() => process.exit(1)))
  const start = <C extends Commands>(file: string): Child<C> => {
    const child = startChild<C>(file)
    children.push(child as unknown as Child<Commands>)
    return child
  }
  try {
    const postmaster = await postmasterPid(dataDir)
    const place = { connection: cluster.connection('bench_live'), dataDir, connections: 20 }
    const driver = start<LiveDriverCommands>('live-driver.ts')
    const users = await driver.call('open', { ...place, users: SOCKETS })
    const handles = users.map(({ handle }) => handle)
    say(`${SOCKETS} accounts, each with a running task`)

    const site = start<LiveSiteCommands>('live-site.ts')
    const bare = start<LiveBareCommands>('live-bare.ts')
    const [port, barePort] = [await site.call('open', place), await bare.call('open', handles)]
    await sleep(1_000)
    const memory = { site: await pssMiB([site.pid]), bare: await pssMiB([bare.pid]) }
    const clients = start<LiveClientCommands>('live-clients.ts')
    const bareClients = start<LiveClientCommands>('live-clients.ts')
    await clients.call(
      'connect',
      users.map(({ token }) => `ws://127.0.0.1:${port}/ws?token=${token}`),
    )
    await bareClients.call(
      'connect',
      users.map((_user, index) => `ws://127.0.0.1:${barePort}/?n=${index}`),
    )
    await sleep(2_000)
    const replayed = await clients.call('take')
    await bareClients.call('take')
    say(`${SOCKETS} sockets at each, ${replayed.length} tasks told on connect`)

    const rows: Row[] = []
    const measure = async (
      what: string,
      through: 'the site' | 'bare ws',
      act: () => Promise<Step[]>,
    ): Promise<Step[]> => {
      const [server, receivers] = through === 'the site' ? [site, clients] : [bare, bareClients]
      const use = async (): Promise<number[]> => [
        ...(await Promise.all([server.call('cpuMs'), receivers.call('cpuMs'), driver.call('cpuMs')])),
        await familyCpuMs(postmaster),
      ]
      const [before, since] = [await use(), performance.now()]
      const steps = await act()
      const [after, ms] = [await use(), performance.now() - since]
      const [serverCpu = 0, clientCpu = 0, driverCpu = 0, postgresCpu = 0] = after.map(
        (used, index) => (used - (before[index] ?? 0)) / ms,
      )
      const found = compare(handles, steps, await receivers.call('take'))
      rows.push({ what, through, ...found, serverCpu, clientCpu, driverCpu, postgresCpu })
      say(`${what} through ${through}: p99 ${found.p99Ms.toFixed(1)} ms`)
      return steps
    }

    const paced = `each every ${EVERY_MS} ms`
    // Code is compiled and caches are filled before anything is measured.
    await driver.call('pace', { everyMs: EVERY_MS, seconds: 3, from: 0 })
    await Promise.all([clients.call('take'), bare.call('burst', 0)])
    await bareClients.call('take')
    const steps = await measure(paced, 'the site', () =>
      driver.call('pace', { everyMs: EVERY_MS, seconds: SECONDS, from: 5 }),
    )
    await measure(paced, 'bare ws', () => bare.call('replay', steps))
    for (let burst = 1; burst <= BURSTS; burst += 1) {
      const to = 99 - BURSTS + burst
      await measure('all at once', 'the site', () => driver.call('burst', to))
      await measure('all at once', 'bare ws', () => bare.call('burst', to))
    }
    const open = [await clients.call('open'), await bareClients.call('open')]
    const after = { site: await pssMiB([site.pid]), bare: await pssMiB([bare.pid]) }
    const kibEach = (one: 'site' | 'bare'): number => ((after[one] - memory[one]) * 1024) / SOCKETS
    const result = {
      ...{ sockets: SOCKETS, open, replayed: replayed.length, rows },
      memoryMiB: { before: memory, after },
      kibEachSocket: { site: kibEach('site'), bare: kibEach('bare') },
      loadAverage: loadavg(),
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else print(result)
  } finally {
    await end()
  }
}

type Result = {
  sockets: number
  open: number[]
  rows: Row[]
  memoryMiB: Record<'before' | 'after', Record<'site' | 'bare', number>>
  kibEachSocket: Record<'site' | 'bare', number>
  loadAverage: number[]
}

/** Prints the result as Markdown, so that it can go into docs/performance.md as it is. */
function print({ sockets, open, rows, memoryMiB, kibEachSocket, loadAverage }: Result): void {
  const heads = [
    'steps',
    'through',
    'committed',
    'told',
    'overtaken',
    'lost',
    'wrong',
    'p50 ms',
    'p99 ms',
    'max ms',
  ]
  const all = [...heads, 'server CPU', 'clients', 'driver', 'PostgreSQL']
  const lines = [`| ${all.join(' | ')} |`, `|${all.map(() => '---|').join('')}`]
  for (const row of rows) {
    const counts = [row.steps, row.delivered, row.overtaken, row.lost, row.wrong].map(String)
    const times = [row.p50Ms, row.p99Ms, row.maxMs].map((ms) => ms.toFixed(1))
    const cpu = [row.serverCpu, row.clientCpu, row.driverCpu, row.postgresCpu].map(
      (share) => `${(100 * share).toFixed(0)} %`,
    )
    lines.push(`| ${[row.what, row.through, ...counts, ...times, ...cpu].join(' | ')} |`)
  }
  const { before, after } = memoryMiB
  lines.push(
    '',
    `${sockets} sockets, ${open.join(' and ')} still open at the end. CPU is of one core.`,
    `Memory (PSS) with no socket and at the end: the site ${before.site.toFixed(0)} and ${after.site.toFixed(0)} MiB (${kibEachSocket.site.toFixed(1)} KiB each), bare ws ${before.bare.toFixed(0)} and ${after.bare.toFixed(0)} MiB (${kibEachSocket.bare.toFixed(1)} KiB each).`,
    `Load average: ${loadAverage.map((one) => one.toFixed(1)).join(', ')}.`,
  )
  process.stdout.write(`${lines.join('\n')}\n`)
}

await main()
