import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findPostmaster, killNow, processesOn } from './processes.ts'
import type { Random } from './random.ts'

/** One Atelier process and its place: when it dies, another takes the place. */
export type Unit = {
  name: string
  role: 'api' | 'worker'
  child: ChildProcess
  pid: number
  /** On the clock of `performance.now()`; null while it starts. */
  readyAt: number | null
  startedAt: number
  log: string
}

/** A process that ended although nobody killed it. */
export type SelfEnd = {
  unit: string
  pid: number
  how: string
  wasReady: boolean
  at: number
  afterMs: number
  words: string
}

/** One machine under test: a data folder, the processes on it, and a supervisor like systemd's. */
export type Machine = {
  root: string
  dataDir: string
  logsDir: string
  /** Where the site answers, without a trailing slash. */
  url: string
  units: Unit[]
  selfEnds: SelfEnd[]
  /** Milliseconds that each start took until the process said that it is ready. */
  startsMs: number[]
  kill: (unit: Unit) => boolean
  /** Runs the command line beside the processes. */
  atelier: (...args: string[]) => Promise<{ code: number | null; output: string }>
  /** Stops every process as an operator would, and says how each ended. */
  stop: () => Promise<{ unit: string; how: string; tookMs: number }[]>
  /** Kills whatever is left and removes all folders. May be repeated. */
  clear: (options: { keep: boolean }) => Promise<void>
}

export const SITE = 'waliassets'
const SERVER = fileURLToPath(new URL('../../', import.meta.url))
const READY_WITHIN_MS = 60_000
const RESTART_AFTER_SELF_END_MS = 200
const STOP_WITHIN_MS = 30_000

/**
 * Starts one api process and `workers` worker processes on a new data folder; resolves when all are ready.
 *
 * @param options.environment what the processes are told beyond their folder and address.
 */
export async function startMachine(options: {
  /** The site that runs there; the one of the crash test unless said otherwise. */
  site?: string
  workers: number
  random: Random
  environment: Record<string, string>
}): Promise<Machine> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'atelier-crash-')))
  const [dataDir, logsDir] = [join(root, 'data'), join(root, 'logs')]
  mkdirSync(logsDir)
  const port = await findPort(options.random)
  const url = `http://127.0.0.1:${port}`
  const { site = SITE } = options
  const environment = {
    PATH: process.env.PATH,
    TMPDIR: tmpdir(),
    DATA_DIR: dataDir,
    SITES: `${site}:${port}`,
    HOST: '127.0.0.1',
    [`PUBLIC_URL_${site.toUpperCase().replaceAll('-', '_')}`]: url,
    ...options.environment,
  }
  const killed = new Set<number>()
  const commands = new Set<ChildProcess>()
  let stopping = false
  let launched = 0

  const launch = (name: string, role: Unit['role']): Unit => {
    launched += 1
    const log = join(logsDir, `${String(launched).padStart(3, '0')}-${name}.log`)
    const errors = openSync(log, 'a')
    const child = spawn(process.execPath, [join(SERVER, 'src/main.ts')], {
      cwd: SERVER,
      env: { ...environment, ROLE: role, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', errors],
    })
    closeSync(errors)
    const unit: Unit = {
      name,
      role,
      child,
      pid: child.pid ?? 0,
      readyAt: null,
      startedAt: performance.now(),
      log,
    }
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (unit.readyAt !== null || !text.includes('Atelier is ready')) return
      unit.readyAt = performance.now()
      machine.startsMs.push(unit.readyAt - unit.startedAt)
    })
    child.once('exit', (code, signal) => replace(unit, signal ?? `code ${code}`))
    return unit
  }

  const replace = (unit: Unit, how: string): void => {
    if (stopping) return
    const again = (): void => {
      if (!stopping) machine.units[machine.units.indexOf(unit)] = launch(unit.name, unit.role)
    }
    if (killed.has(unit.pid)) {
      again()
      return
    }
    const at = performance.now()
    machine.selfEnds.push({
      unit: unit.name,
      pid: unit.pid,
      how,
      wasReady: unit.readyAt !== null,
      at,
      afterMs: at - unit.startedAt,
      words: lastWords(unit.log),
    })
    setTimeout(again, RESTART_AFTER_SELF_END_MS)
  }

  const machine: Machine = {
    root,
    dataDir,
    logsDir,
    url,
    units: [],
    selfEnds: [],
    startsMs: [],
    kill: (unit) => {
      // Marked first: the exit must not look like its own.
      killed.add(unit.pid)
      unit.readyAt = null
      return killNow(unit.pid)
    },
    atelier: (...args) => runCommand(args, environment, commands),
    stop: async () => {
      stopping = true
      return Promise.all(machine.units.map(stopUnit))
    },
    clear: async ({ keep }) => {
      stopping = true
      for (const { child } of machine.units) child.kill('SIGKILL')
      for (const child of commands) child.kill('SIGKILL')
      await endServer(dataDir)
      if (!keep) rmSync(root, { recursive: true, force: true })
    },
  }
  // Before the first process is there: nothing of the run may outlive it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void machine.clear({ keep: false }).finally(() => process.exit(1)))
  }
  try {
    machine.units.push(launch('api', 'api'))
    for (let number = 1; number <= options.workers; number += 1) {
      machine.units.push(launch(`worker-${number}`, 'worker'))
    }
    await allReady(machine)
    return machine
  } catch (error) {
    await machine.clear({ keep: false })
    throw error
  }
}

/** Waits until every place has a process that says it is ready. */
export async function allReady(machine: Machine): Promise<void> {
  const startedAt = performance.now()
  while (machine.units.some((unit) => unit.readyAt === null)) {
    if (performance.now() - startedAt > READY_WITHIN_MS) {
      const late = machine.units.filter((unit) => unit.readyAt === null)
      const words = late.map((unit) => `${unit.name}: ${lastWords(unit.log)}`).join('\n')
      throw new Error(`not ready within ${READY_WITHIN_MS / 1000} s:\n${words}`)
    }
    await sleep(20)
  }
}

async function stopUnit(unit: Unit): Promise<{ unit: string; how: string; tookMs: number }> {
  const startedAt = performance.now()
  const { child } = unit
  const ended = new Promise<string>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve('before it was asked')
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  child.kill('SIGTERM')
  const late = sleep(STOP_WITHIN_MS, 'not at all', { ref: false })
  const how = await Promise.race([ended, late])
  return { unit: unit.name, how, tookMs: performance.now() - startedAt }
}

function runCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  commands: Set<ChildProcess>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(SERVER, 'src/atelier.ts'), ...args], {
    cwd: SERVER,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  commands.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.once('close', (code) => {
      commands.delete(child)
      resolve({ code, output: output.trim() })
    })
  })
}

/** Ends what a failed run has left: first the server, so that it cannot start backends meanwhile. */
async function endServer(dataDir: string): Promise<void> {
  const socketFolder = readText(join(dataDir, 'run/socket-folder')).trim()
  for (let round = 0; round < 100; round += 1) {
    const postmaster = findPostmaster(dataDir)
    if (postmaster !== undefined) killNow(postmaster)
    const left = processesOn(dataDir)
    for (const { pid } of left) killNow(pid)
    if (left.length === 0 && postmaster === undefined) break
    await sleep(50)
  }
  if (socketFolder.includes('/atelier-')) rmSync(socketFolder, { recursive: true, force: true })
}

/** A free port below those that the system gives to outgoing connections, which would take it while the api is down. */
async function findPort(random: Random): Promise<number> {
  for (;;) {
    const port = random.integer(20_000, 31_000)
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** What a process said last: its complaint if it ended with one, else the end of its log. */
export function lastWords(log: string): string {
  const lines = readText(log).trim().split('\n')
  const complaint = lines.filter((line) => !line.startsWith('{'))
  return (complaint.length > 0 ? complaint : lines.slice(-3)).join('\n').slice(0, 1_500)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
