import { setTimeout as sleep } from 'node:timers/promises'
import type { Machine, Unit } from './machine.ts'
import { findBackends, findPostmaster, killNow } from './processes.ts'
import type { Random } from './random.ts'

const KINDS = ['api', 'worker', 'postmaster', 'backend'] as const
export type Victim = (typeof KINDS)[number]

/** One process that was killed; `at` on the clock of `performance.now()`, `time` on the wall. */
export type Kill = { at: number; time: number; victim: Victim; what: string; pid: number; together: number }

const LEAST_PAUSE_MS = 300
const MOST_PAUSE_MS = 3_000
const SERVER_WITHIN_MS = 15_000
/** So many kills, then once everything at the same time, as when the power fails. */
const EVERYTHING_EVERY = 12

/**
 * Kills at random moments until at least `kills` processes have been killed, and with enough of them one of each
 * kind; says each as it happens.
 */
export async function killAtRandom(
  machine: Machine,
  random: Random,
  options: { kills: number; say: (line: string) => void },
): Promise<Kill[]> {
  const done: Kill[] = []
  let everything = EVERYTHING_EVERY
  const rounds: Victim[][] = []
  const isEnough = (): boolean =>
    done.length >= options.kills &&
    (options.kills < KINDS.length || KINDS.every((kind) => done.some(({ victim }) => victim === kind)))
  while (!isEnough()) {
    await sleep(random.integer(LEAST_PAUSE_MS, MOST_PAUSE_MS))
    if (rounds.length === 0) rounds.push(...planRounds(random))
    const isPowerCut = done.length >= everything
    if (isPowerCut) everything += EVERYTHING_EVERY
    const victims = isPowerCut ? allOf(machine) : (rounds.shift() ?? [])
    const killed = await killTogether(machine, random, victims)
    for (const kill of killed) options.say(`kill ${done.push(kill)}: ${kill.what} (process ${kill.pid})`)
  }
  return done
}

/** Each kind alone, and two at once, in random order: over the run every kind gets about the same share. */
function planRounds(random: Random): Victim[][] {
  const pair = random.shuffle<Victim>([...KINDS, 'worker']).slice(0, 2)
  return random.shuffle<Victim[]>([...KINDS.map((kind): Victim[] => [kind]), pair])
}

function allOf(machine: Machine): Victim[] {
  return [...machine.units.map((unit): Victim => unit.role), 'postmaster']
}

type Target = { victim: Victim; what: string; pid: number; strike: () => boolean }

async function killTogether(machine: Machine, random: Random, victims: readonly Victim[]): Promise<Kill[]> {
  // All are found before the first is killed, so that they die within a millisecond.
  const targets: Target[] = []
  for (const victim of victims) {
    const target = await findTarget(machine, random, victim, targets)
    if (target) targets.push(target)
  }
  const struck = targets.filter((target) => target.strike())
  return struck.map(({ victim, what, pid }) => ({
    at: performance.now(),
    time: Date.now(),
    victim,
    what,
    pid,
    together: struck.length,
  }))
}

async function findTarget(
  machine: Machine,
  random: Random,
  victim: Victim,
  taken: readonly Target[],
): Promise<Target | null> {
  const isFree = (unit: Unit): boolean =>
    unit.role === victim && unit.child.exitCode === null && !taken.some(({ pid }) => pid === unit.pid)
  if (victim === 'api' || victim === 'worker') {
    const units = machine.units.filter(isFree)
    if (units.length === 0) return null
    const unit = random.pick(units)
    const what = unit.readyAt === null ? `${unit.name}, while it starts` : unit.name
    return { victim, what, pid: unit.pid, strike: () => machine.kill(unit) }
  }
  const postmaster = await waitForServer(machine, random)
  if (postmaster === undefined) return null
  if (victim === 'postmaster') {
    return { victim, what: 'postmaster', pid: postmaster, strike: () => killNow(postmaster) }
  }
  const backends = findBackends(postmaster)
  if (backends.length === 0) return null
  const { pid, what } = random.pick(backends)
  return { victim, what: `backend "${what.replace(/^postgres: /, '')}"`, pid, strike: () => killNow(pid) }
}

/** The server; one that is just coming back is given a random moment, so that it dies in every phase of its start. */
async function waitForServer(machine: Machine, random: Random): Promise<number | undefined> {
  const startedAt = performance.now()
  const at = findPostmaster(machine.dataDir)
  if (at !== undefined) return at
  while (performance.now() - startedAt < SERVER_WITHIN_MS) {
    if (findPostmaster(machine.dataDir) !== undefined) {
      await sleep(random.integer(0, 600))
      return findPostmaster(machine.dataDir)
    }
    await sleep(10)
  }
  return undefined
}
