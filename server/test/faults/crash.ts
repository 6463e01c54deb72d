// The crash test: kills Atelier and its PostgreSQL at random moments under load, and then asks for everything
// that was acknowledged. See README.md beside it.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { grant, openUser, type User } from './accounts.ts'
import { type Check, checkEverything, GRACE_MS, LEASE_MS } from './checks.ts'
import { type Client, createClient } from './client.ts'
import { type Kill, killAtRandom, type Victim } from './kills.ts'
import { type Journal, startLoad } from './load.ts'
import { allReady, lastWords, type Machine, SITE, startMachine } from './machine.ts'
import { findBackends, findPostmaster, processesOn } from './processes.ts'
import { createRandom } from './random.ts'
import { connect, type Probe, startWatch, type Watched } from './watch.ts'

type Options = { kills: number; seed: number; users: number; workers: number; keep: boolean }

const startedAt = performance.now()
const say = (line: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`)

const SETTLE_WITHIN_MS = 60_000
const PLENTY = 50_000

async function main(options: Options): Promise<boolean> {
  const random = createRandom(options.seed)
  say(
    `seed ${options.seed}: ${options.kills} kills, ${options.users} users, 1 api, ${options.workers} workers`,
  )
  const machine = await startMachine({ workers: options.workers, random })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void machine.clear({ keep: options.keep }).finally(() => process.exit(1)))
  }
  try {
    const checks = await run(machine, options)
    return report(checks)
  } catch (error) {
    for (const { log, name } of machine.units) console.log(`the last words of ${name}: ${lastWords(log)}`)
    throw error
  } finally {
    await machine.clear({ keep: options.keep })
    if (options.keep) say(`kept: ${machine.root}`)
  }
}

async function run(machine: Machine, options: Options): Promise<Check[]> {
  const random = createRandom(options.seed + 1)
  const client = createClient(machine.url)
  const { users, poor, prober } = await prepare(machine, client, options)
  say(`ready: ${machine.units.map(({ name, pid }) => `${name} ${pid}`).join(', ')}`)

  const watch = startWatch(machine, client, prober)
  const load = startLoad(machine, client, { users, poor, seed: options.seed })
  await sleep(1_000)
  const kills = await killAtRandom(machine, random, { kills: options.kills, say })
  say('the last kill; the load goes on for two seconds and ends')
  await sleep(2_000)
  await load.stop()
  await allReady(machine)
  const pids = machine.units.map(({ pid }) => pid)
  const settledMs = await settle(machine, kills)
  await watch.stop()

  const database = await connect(machine)
  try {
    const { journal } = load
    const checks = await checkEverything({ machine, client, journal, database })
    if (options.kills >= 20) checks.push(await checkSchedule(database))
    checks.push(checkAnswers(journal, client, kills, watch.probes))
    checks.push(checkStuck(watch.watched, settledMs))
    await database.end()
    checks.push(checkProcesses(machine, pids), await checkStop(machine))
    sum(machine, kills, client, journal, watch.watched)
    return checks
  } finally {
    await database.end().catch(() => {})
  }
}

/** Registers everybody and raises the limits of requests, which are not what is tested here. */
async function prepare(
  machine: Machine,
  client: Client,
  options: Options,
): Promise<{ users: User[]; poor: User; prober: User }> {
  for (const limit of ['limit_generate', 'limit_read']) {
    const value = '{"points":1000000,"perSeconds":60}'
    const { code, output } = await machine.atelier('admin', 'settings', 'set', limit, value, '--site', SITE)
    if (code !== 0) throw new Error(`${limit}: ${output}`)
  }
  const names = Array.from({ length: options.users }, (_, index) => `buyer-${index + 1}`)
  const users: User[] = []
  for (const name of names) users.push(await openUser(machine, client, name))
  const [poor, ...rich] = users
  if (!poor) throw new Error('--users must be at least 1')
  for (const user of rich) await grant(machine, user, PLENTY, `plenty-${user.username}`)
  return { users, poor, prober: await openUser(machine, client, 'prober') }
}

/** Waits until no task is open any more. @returns how long after the last kill that was. */
async function settle(machine: Machine, kills: readonly Kill[]): Promise<number> {
  const lastKillAt = kills.at(-1)?.at ?? performance.now()
  const since = performance.now()
  const database = await connect(machine)
  try {
    for (;;) {
      const { rows } = await database.query<{ open: number }>(
        `select count(*)::int as open from task where state in ('queued', 'running', 'unknown')`,
      )
      const now = performance.now()
      if (rows[0]?.open === 0 || now - since > SETTLE_WITHIN_MS) {
        say(`settled ${seconds(now - lastKillAt)} after the last kill, ${rows[0]?.open} tasks open`)
        return now - lastKillAt
      }
      await sleep(100)
    }
  } finally {
    await database.end()
  }
}

/** (2) As seen while processes were being killed. */
function checkStuck(watched: Watched, settledMs: number): Check {
  const problems: string[] = []
  if (watched.longestStuckMs > GRACE_MS) {
    problems.push(
      `a due task waited ${seconds(watched.longestStuckMs)} although a worker and the database were there`,
    )
  }
  // A worker that dies with a task keeps it for one lease at most; then it is put back and made again.
  const most = LEASE_MS + GRACE_MS + 2_000
  if (settledMs > most) problems.push(`the last task ended ${seconds(settledMs)} after the last kill`)
  const figures = `a due task waited at most ${seconds(watched.longestStuckMs)} for a worker that was there (${watched.looks} looks); the oldest open task was ${seconds(watched.oldestOpenMs)} old`
  return { name: 'nothing was stuck on the way', figures, problems }
}

/** (5) Faults are allowed while something is down, in the words of the document. */
function checkAnswers(
  journal: Journal,
  client: Client,
  kills: readonly Kill[],
  probes: readonly Probe[],
): Check {
  const { traffic } = client
  const problems = [...traffic.strangers.map((one) => `not the envelope: ${one}`), ...journal.contradictions]
  const alone = kills.filter(({ together }) => together === 1)
  const byVictim = Map.groupBy(alone, ({ victim }) => victim)
  const away = [...byVictim].map(([victim, some]) => `${victim} ${timesAway(some, probes)}`)
  const never = kills.filter((kill) => awayMs(kill, probes) === null)
  if (never.length > 0) problems.push(`no answer any more after ${never.map(({ what }) => what).join(', ')}`)
  const figures = `5xx by code: ${show(traffic.faults)}; no answer: ${show(traffic.lost)}; answering again after (median, most): ${away.join('; ')}`
  return { name: 'answers are the envelope and never contradict', figures, problems }
}

function awayMs(kill: Kill, probes: readonly Probe[]): number | null {
  const first = probes.find(({ askedAt }) => askedAt >= kill.at)
  return first ? first.answeredAt - kill.at : null
}

function timesAway(kills: readonly Kill[], probes: readonly Probe[]): string {
  const times = kills.map((kill) => awayMs(kill, probes) ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  return `${seconds(times[Math.floor(times.length / 2)] ?? 0)}, ${seconds(times.at(-1) ?? 0)}`
}

/** The jobs that run by the clock must have survived too: every minute one is due. */
async function checkSchedule(database: {
  query: (text: string) => Promise<{ rows: { seen: boolean }[] }>
}): Promise<Check> {
  const name = 'jobs by the clock go on'
  const since = performance.now()
  await database.query('create temporary table clock as select now() as at')
  while (performance.now() - since < 75_000) {
    const { rows } = await database.query(
      `select last_execution > (select at from clock) as seen from graphile_worker._private_known_crontabs
       where identifier = 'sweep_files'`,
    )
    if (rows[0]?.seen)
      return { name, figures: `seen after ${seconds(performance.now() - since)}`, problems: [] }
    await sleep(500)
  }
  return { name, figures: 'not seen', problems: ['no job ran by the clock within 75 s'] }
}

/** (6) Who was not killed is still there, and nobody else is. */
function checkProcesses(machine: Machine, pids: readonly number[]): Check {
  const problems = machine.selfEnds.map(
    ({ unit, pid, how, wasReady, afterMs, words }) =>
      `${unit} (process ${pid}) ended by itself with ${how} ${seconds(afterMs)} after its start, ${wasReady ? 'having been ready' : 'while it started'}: ${words}`,
  )
  const changed = machine.units.filter(({ pid }, index) => pid !== pids[index])
  for (const { name, pid } of changed)
    problems.push(`${name} is now process ${pid} although nothing was killed`)
  const postmaster = findPostmaster(machine.dataDir)
  const expected = new Set(machine.units.map(({ pid }) => pid))
  if (postmaster !== undefined)
    for (const pid of [postmaster, ...findBackends(postmaster).map((one) => one.pid)]) expected.add(pid)
  const strangers = processesOn(machine.dataDir).filter(({ pid }) => !expected.has(pid))
  for (const { pid, what } of strangers) problems.push(`process ${pid} belongs to nobody: ${what}`)
  const starts = [...machine.startsMs].sort((a, b) => a - b)
  const figures = `${machine.units.length} processes and one server; ${starts.length} starts, ready after ${seconds(starts[Math.floor(starts.length / 2)] ?? 0)} (median), ${seconds(starts.at(-1) ?? 0)} (most)`
  return { name: 'nothing ended by itself', figures, problems }
}

/** (6) A clean stop ends everything. */
async function checkStop(machine: Machine): Promise<Check> {
  const socketFolderOf = findPostmaster(machine.dataDir)
  const stopped = await machine.stop()
  const problems = stopped
    .filter(({ how }) => how !== 'code 0')
    .map(({ unit, how }) => `${unit} ended with ${how}`)
  if (socketFolderOf === undefined) problems.push('there was no server to stop')
  const left = processesOn(machine.dataDir)
  for (const { pid, what } of left) problems.push(`process ${pid} is left: ${what}`)
  const figures = stopped.map(({ unit, how, tookMs }) => `${unit} ${how} after ${seconds(tookMs)}`).join(', ')
  return { name: 'a clean stop leaves nothing', figures, problems }
}

function sum(
  machine: Machine,
  kills: readonly Kill[],
  client: Client,
  journal: Journal,
  watched: Watched,
): void {
  const victims: Victim[] = ['api', 'worker', 'postmaster', 'backend']
  const byVictim = victims.map(
    (victim) => `${kills.filter((kill) => kill.victim === victim).length} ${victim}`,
  )
  const acknowledged = journal.purchases.filter(({ outcome }) => outcome !== null).length
  const lost = [...client.traffic.lost.values()].reduce((total, one) => total + one, 0)
  const faults = [...client.traffic.faults.values()].reduce((total, one) => total + one, 0)
  summary = `${kills.length} kills (${byVictim.join(', ')}; ${kills.filter(({ together }) => together > 1).length} of them together), ${client.traffic.requests} requests, ${acknowledged} purchases acknowledged, ${journal.replays} replays, ${faults} faults, ${lost} without an answer, ${machine.selfEnds.length} ended by themselves, longest stuck ${seconds(watched.longestStuckMs)}`
}

let summary = ''

function report(checks: readonly Check[]): boolean {
  console.log('')
  for (const { name, figures, problems } of checks) {
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'}  ${name}: ${figures}`)
    for (const problem of problems.slice(0, 20)) console.log(`          - ${problem}`)
    if (problems.length > 20) console.log(`          - and ${problems.length - 20} more`)
  }
  const failed = checks.filter(({ problems }) => problems.length > 0)
  console.log(
    `\n${failed.length === 0 ? 'PASSED' : `FAILED (${failed.map(({ name }) => name).join('; ')})`}: ${summary}`,
  )
  return failed.length === 0
}

function show(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ×${count}`).join(', ') || 'none'
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      users: { type: 'string', default: '8' },
      workers: { type: 'string', default: '2' },
      keep: { type: 'boolean', default: false },
    },
  })
  const number = (name: 'kills' | 'seed' | 'users' | 'workers', least: number): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} takes a whole number from ${least}`)
    return value
  }
  return {
    kills: number('kills', 1),
    seed: number('seed', 0),
    users: number('users', 1),
    workers: number('workers', 1),
    keep: values.keep,
  }
}

process.exitCode = (await main(readOptions())) ? 0 : 1
