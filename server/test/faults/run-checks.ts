import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type Check, GRACE_MS, LEASE_MS } from './checks.ts'
import type { Client } from './client.ts'
import type { Kill } from './kills.ts'
import type { Journal } from './load.ts'
import type { Machine, SelfEnd } from './machine.ts'
import { findBackends, findPostmaster, processesOn } from './processes.ts'
import type { Probe, Watched } from './watch.ts'

/** (2) As seen while processes were being killed. */
export function checkStuck(watched: Watched, settledMs: number): Check {
  const problems: string[] = []
  if (watched.longestStuckMs > GRACE_MS) {
    problems.push(
      `a due task waited ${seconds(watched.longestStuckMs)} although a worker and the database were there`,
    )
  }
  // A worker that dies with a task keeps it for one lease at most; then it is put back and made again.
  if (settledMs > LEASE_MS + GRACE_MS) {
    problems.push(`the last task ended ${seconds(settledMs)} after everything was there again`)
  }
  const figures = `a due task waited at most ${seconds(watched.longestStuckMs)} for a worker that was there (${watched.looks} looks); the oldest open task was ${seconds(watched.oldestOpenMs)} old`
  return { name: 'nothing was stuck on the way', figures, problems }
}

/** (5) Faults are allowed while something is down, in the words of the document. */
export function checkAnswers(
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
export async function checkSchedule(database: pg.Client): Promise<Check> {
  const name = 'jobs by the clock go on'
  const since = performance.now()
  await database.query('create temporary table clock as select now() as at')
  while (performance.now() - since < 75_000) {
    const { rows } = await database.query<{ seen: boolean }>(
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
export function checkProcesses(machine: Machine, pids: readonly number[], kills: readonly Kill[]): Check {
  const problems = machine.selfEnds.map((end) => describeSelfEnd(end, kills))
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

function describeSelfEnd(end: SelfEnd, kills: readonly Kill[]): string {
  const { unit, pid, how, wasReady, at, afterMs, words } = end
  const lostDatabase = kills.some(
    (kill) =>
      (kill.victim === 'postmaster' || kill.victim === 'backend') && kill.at > at - afterMs && kill.at < at,
  )
  const when = wasReady ? 'having been ready' : 'while it started'
  return `${unit} (process ${pid}) ended by itself with ${how}, ${seconds(afterMs)} after its start, ${when}${lostDatabase ? ', the database having been killed meanwhile' : ''}: ${words}`
}

/** (6) A clean stop ends everything. */
export async function checkStop(machine: Machine): Promise<Check> {
  const postmaster = findPostmaster(machine.dataDir)
  const stopped = await machine.stop()
  const problems = stopped
    .filter(({ how }) => how !== 'code 0')
    .map(({ unit, how }) => `${unit} ended with ${how}`)
  if (postmaster === undefined) problems.push('there was no server to stop')
  const left = processesOn(machine.dataDir)
  for (const { pid, what } of left) problems.push(`process ${pid} is left: ${what}`)
  const figures = stopped.map(({ unit, how, tookMs }) => `${unit} ${how} after ${seconds(tookMs)}`).join(', ')
  return { name: 'a clean stop leaves nothing', figures, problems }
}

function show(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ×${count}`).join(', ') || 'none'
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
