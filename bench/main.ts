// npm run bench: submit, status and task-to-completed at 1, 16 and 64 clients, over HTTP and at the kernel call,
// each beside its limit in the same run. docs/performance.md says what the figures mean and where the rest goes.
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openCluster } from '../server/src/db/embedded/cluster.ts'
import type { BareCommands } from './bare-process.ts'
import type { Place } from './bench-site.ts'
import type { Child } from './child.ts'
import { startChild } from './child.ts'
import type { Sample } from './closed-loop.ts'
import { closedLoop } from './closed-loop.ts'
import { getRequest, openConnection, postRequest } from './connection.ts'
import type { Drain, DriverCommands, Loop } from './driver-process.ts'
import { findPgbench, runPgbench, writeScripts } from './pgbench.ts'
import { familyCpuMs, familyOf, machineCpuMs, postmasterPid, pssMiB } from './processes.ts'
import type { Cell, Memory } from './report.ts'
import { createReport, printReport } from './report.ts'
import type { User } from './seed.ts'
import { PROMPT, userOf } from './seed.ts'
import type { SiteCommands } from './site-process.ts'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    clients: { type: 'string', default: '1,16,64' },
    rounds: { type: 'string' },
    only: { type: 'string', default: 'submit,status,complete,drain' },
    connections: { type: 'string', default: '20' },
  },
})

const CLIENTS = flags.clients.split(',').map(Number)
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 2 : 3))
const ROUND_MS = flags.quick ? 150 : 1_100
const WARM_UP_MS = flags.quick ? 40 : 200
const USERS = flags.quick ? 320 : 960
const WORKERS = 32
const ONLY = new Set(flags.only.split(','))
/** What one site's pool has in production on the embedded cluster when it is the only one in its process. */
const CONNECTIONS = Number(flags.connections)
/** Wakes V8 and PostgreSQL up before anything is measured. */
const FIRST_WARM_UP_MS = flags.quick ? 250 : 2_000

type Peer = Pick<Cell, 'peer' | 'isLimit'> & {
  /** The processor time of the process whose work this is, and how to make it work. */
  cpuMs: (() => Promise<number>) | null
  round: (clients: number, ms: number) => Promise<Sample & { cpuMs?: number }>
}

const DRAINS = [
  'worker, disk',
  'worker, no disk',
  'worker, disk, 512 px',
  'worker, no disk, 512 px',
  'pg',
] as const

const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`)
const report = createReport({ rounds: ROUNDS, roundMs: ROUND_MS, users: USERS, connections: CONNECTIONS })
let serverPid = 0
let dataDir = ''

/** Rounds of all peers in turn, A B C A B C …, so that whatever else the machine does hits each alike. */
async function measure(operation: Cell['operation'], clients: number, peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) await peer.round(clients, WARM_UP_MS)
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const peer of peers) {
      const before = { machine: await machineCpuMs(), postgres: await familyCpuMs(serverPid) }
      const cpuBefore = (await peer.cpuMs?.()) ?? 0
      const ownBefore = process.cpuUsage()
      const sample = await peer.round(clients, ROUND_MS)
      const own = process.cpuUsage(ownBefore)
      const cpuMs = sample.cpuMs ?? (peer.cpuMs ? (await peer.cpuMs()) - cpuBefore : null)
      const postgresMs = (await familyCpuMs(serverPid)) - before.postgres
      const generatorMs = (own.user + own.system) / 1000
      const machineMs = (await machineCpuMs()) - before.machine
      report.add({ operation, clients, peer: peer.peer, isLimit: peer.isLimit }, sample, {
        cpuMs,
        postgresMs,
        generatorMs,
        foreignMs: peer.cpuMs === null ? null : machineMs - (cpuMs ?? 0) - postgresMs - generatorMs,
      })
    }
  }
  say(`${operation} at ${clients} done`)
}

/** A peer whose callers each have a kept connection. `ask` makes the request of a caller's turn. */
function overHttp(port: number, request: (caller: number, turn: number) => string): Peer['round'] {
  return async (clients, ms) => {
    const connections = Array.from({ length: clients }, () => openConnection(port))
    try {
      return await closedLoop(clients, ms, (caller, turn) =>
        Promise.resolve(connections[caller]?.ask(request(caller, turn))),
      )
    } finally {
      for (const { close } of connections) close()
    }
  }
}

function overHttpRequests(users: readonly User[]) {
  const body = (turn: number): string =>
    JSON.stringify({ prompt: PROMPT, size: '512x512', seed: (turn % 1_000_000) + 1 })
  return {
    submit: (caller: number, turn: number): string =>
      postRequest('/api/bench/submit', userOf(users, caller, turn).token, body(turn)),
    complete: (caller: number, turn: number): string =>
      postRequest('/api/generate/image', userOf(users, caller, turn).token, body(turn)),
    status: (caller: number, turn: number): string => {
      const { handles, token } = userOf(users, caller, turn)
      return getRequest(`/api/generate/status/${handles[turn % handles.length]}`, token)
    },
  }
}

type SiteChild = Child<SiteCommands>
type DriverChild = Child<DriverCommands>

function loopPeer(driver: DriverChild, what: Loop, peer: string, isLimit: boolean): Peer {
  return {
    ...{ peer, isLimit },
    cpuMs: () => driver.call('cpuMs'),
    round: (callers, ms) => driver.call('loop', { what, callers, ms }),
  }
}

async function memoryOf(where: string, child: { pid: number }): Promise<Memory> {
  return { where, nodeMiB: await pssMiB([child.pid]), postgresMiB: await pssMiB(await familyOf(serverPid)) }
}

/** Submit and status: a site that works on nothing, as ROLE=api. */
async function benchRequests(place: Place): Promise<void> {
  const driver = startChild<DriverCommands>('driver-process.ts')
  const users = await driver.call('open', { ...place, users: USERS, tasksEach: 2 })
  const site: SiteChild = startChild<SiteCommands>('site-process.ts')
  const port = await site.call('open', { ...place, workers: null })
  const requests = overHttpRequests(users)
  report.memory(await memoryOf('api site, just started', site))
  await overHttp(port, requests.submit)(16, FIRST_WARM_UP_MS)
  await overHttp(port, requests.status)(16, FIRST_WARM_UP_MS)
  report.memory(await memoryOf('api site, after its first load', site))

  const bare = startChild<BareCommands>('bare-process.ts')
  const probe = openConnection(port)
  const replies = {
    secret: 'a bench secret of more than thirty-two bytes',
    status: await probe.ask(requests.status(0, 0)),
    submit: await probe.ask(requests.submit(0, 0)),
  }
  probe.close()
  const barePort = await bare.call('open', replies)
  // It cannot run for less than a second, which a short run has no room for.
  const pgbench = flags.quick ? null : await findPgbench()
  const ids = users.map(({ accountId }) => accountId).sort((one, other) => Number(one - other))
  const scripts = await writeScripts(dataDir, await driver.call('recorded'), {
    first: ids.at(0) ?? 0n,
    last: ids.at(-1) ?? 0n,
  })
  report.note({ pgbench })

  for (const operation of ['submit', 'status'] as const) {
    if (!ONLY.has(operation)) continue
    const peers: Peer[] = [
      {
        ...{ peer: 'HTTP', isLimit: false },
        cpuMs: () => site.call('cpuMs'),
        round: overHttp(port, requests[operation]),
      },
      loopPeer(driver, `kernel ${operation}`, 'kernel call', false),
      loopPeer(driver, `pg ${operation}`, 'pg straight', true),
      {
        ...{ peer: 'bare Fastify', isLimit: false },
        cpuMs: () => bare.call('cpuMs'),
        round: overHttp(barePort, requests[operation]),
      },
    ]
    if (pgbench !== null) {
      peers.push({
        ...{ peer: 'pgbench', isLimit: false },
        cpuMs: null,
        round: async (clients, ms) => {
          const seconds = Math.max(1, Math.round(ms / 1000))
          const connections = Math.min(clients, CONNECTIONS)
          if (ms === WARM_UP_MS) return { count: 0, seconds: 0, latenciesMs: new Float64Array() }
          const tps = await runPgbench(place.connection, scripts[operation], connections, seconds)
          return { count: Math.round(tps * seconds), seconds, latenciesMs: new Float64Array() }
        },
      })
    }
    await overHttp(barePort, requests[operation])(16, FIRST_WARM_UP_MS / 4)
    await driver.call('loop', { what: `kernel ${operation}`, callers: 16, ms: FIRST_WARM_UP_MS / 2 })
    await driver.call('loop', { what: `pg ${operation}`, callers: 16, ms: FIRST_WARM_UP_MS / 2 })
    for (const clients of CLIENTS) await measure(operation, clients, peers)
    if (flags.profile) {
      await site.call('startProfile')
      await overHttp(port, requests[operation])(64, 4_000)
      report.profile(operation, await site.call('stopProfile'))
    }
  }
  report.memory(await memoryOf('api site, at the end (with the drivers’ connections)', site))
  report.books('requests', await driver.call('verify'))
  await Promise.all([site.stop(), driver.stop(), bare.stop()])
}

/** Task to completed: a site with its worker, as ROLE=all; and the queue alone, worked off. */
async function benchTasks(place: Place, sitePlace: Place): Promise<void> {
  const driver = startChild<DriverCommands>('driver-process.ts')
  await driver.call('open', { ...place, users: USERS, tasksEach: 0 })
  if (ONLY.has('drain')) {
    const drains: Peer[] = DRAINS.map((what: Drain) => ({
      peer: what === 'pg' ? 'claim and finish, pg straight' : `task ${what}`,
      isLimit: what === 'pg',
      cpuMs: () => driver.call('cpuMs'),
      round: (callers, ms) => {
        // A picture of real size takes its worker many times as long.
        const share = what.endsWith('512 px') ? 0.05 : callers === 1 ? 0.08 : 0.5
        const tasks = Math.max(1, Math.round(share * ms))
        return driver.call('drain', { what, callers, tasks })
      },
    }))
    for (const clients of CLIENTS) await measure('drain', clients, drains)
  }
  if (ONLY.has('complete')) {
    // The site's worker would take what the driver submits, so the site has a database of its own beside it.
    const seeder = startChild<DriverCommands>('driver-process.ts')
    const siteUsers = await seeder.call('open', { ...sitePlace, users: USERS, tasksEach: 0 })
    await seeder.stop()
    const site: SiteChild = startChild<SiteCommands>('site-process.ts')
    const port = await site.call('open', { ...sitePlace, workers: WORKERS })
    const { complete } = overHttpRequests(siteUsers)
    const throughSite = (keep: boolean): Peer => ({
      ...{ peer: keep ? 'HTTP, disk' : 'HTTP, no disk', isLimit: false },
      cpuMs: () => site.call('cpuMs'),
      round: async (clients, ms) => {
        await site.call('keepFiles', keep)
        return overHttp(port, complete)(clients, ms)
      },
    })
    await overHttp(port, complete)(16, FIRST_WARM_UP_MS)
    await driver.call('loop', { what: 'kernel complete', callers: 16, ms: FIRST_WARM_UP_MS / 2 })
    await driver.call('loop', { what: 'pg complete', callers: 16, ms: FIRST_WARM_UP_MS / 2 })
    const peers = [
      throughSite(true),
      throughSite(false),
      loopPeer(driver, 'kernel complete', 'kernel call, disk', false),
      loopPeer(driver, 'pg complete', 'pg straight', true),
    ]
    for (const clients of CLIENTS) await measure('complete', clients, peers)
    report.memory(await memoryOf('whole site with its worker, at the end', site))
    if (flags.profile) {
      await site.call('keepFiles', true)
      await site.call('startProfile')
      await overHttp(port, complete)(64, 4_000)
      report.profile('complete', await site.call('stopProfile'))
    }
    report.books('complete', await site.call('verify'))
    await site.stop()
  }
  report.books('tasks', await driver.call('verify'))
  await driver.stop()
}

async function main(): Promise<void> {
  dataDir = await mkdtemp(join(tmpdir(), 'atelier-bench-'))
  const cluster = await openCluster({ dataDir, role: 'own', log: () => {} })
  const end = async (): Promise<void> => {
    await cluster.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end().finally(() => process.exit(1)))
  try {
    serverPid = await postmasterPid(dataDir)
    const placeOf = (database: string): Place => ({
      connection: cluster.connection(database),
      dataDir,
      connections: CONNECTIONS,
    })
    if (ONLY.has('submit') || ONLY.has('status')) await benchRequests(placeOf('bench_requests'))
    if (ONLY.has('complete') || ONLY.has('drain'))
      await benchTasks(placeOf('bench_tasks'), placeOf('bench_site'))
  } finally {
    await end()
  }
  report.note({ loadAverage: loadavg() })
  if (flags.json) process.stdout.write(`${JSON.stringify(report.result(), null, 2)}\n`)
  else printReport(report.result())
}

await main()
