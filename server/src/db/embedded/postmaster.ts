import { spawn } from 'node:child_process'
import { copyFile, open, readdir, readFile, stat, statfs, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Binaries } from './binaries.ts'
import { accessTo, serverEnvironment } from './data-folder.ts'
import { ClusterError, diskFull, explainOutput } from './errors.ts'
import type { ServiceUser } from './service-user.ts'

/** `max_connections` of every cluster that Atelier starts. */
export const maxConnections = 100

/** A server process and the folder of its socket. */
export type Postmaster = { pid: number; socketFolder: string }

/** How to log in, for the check that a server answers. */
export type Login = { host: string; port: number; user: string; password: string; database: string }

export type LogEvent = (event: string, details: Record<string, unknown>) => void

const pollMs = 10
const readyTimeoutMs = 30_000
const fastStopMs = 15_000
const immediateStopMs = 5_000
const leftoverGraceMs = 300
const leftoverKillMs = 3_000
const leftoverTimeoutMs = 15_000
const maxLogBytes = 8 * 1024 * 1024
const nearlyFullBytes = 1024 * 1024

/**
 * Finds the live server of the data folder `cluster` by its postmaster.pid, wherever it was started from.
 * Undefined when there is none: no file, a dead process, or a pid that means another program by now.
 */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number(lines[0])
  // A line without its end may be half of one: PostgreSQL writes the file as it gets ready.
  const socketFolder = lines.length > 5 ? (lines[4]?.trim() ?? '') : ''
  if (!Number.isInteger(pid) || pid <= 1 || socketFolder === '') return undefined
  return (await isServing(pid, cluster)) ? { pid, socketFolder } : undefined
}

/**
 * Whether the process `pid` is a PostgreSQL working in the data folder `cluster`: PostgreSQL keeps its data
 * folder as its working directory, which a program that got an old pid does not share, and a zombie has none
 * (in a container nobody may reap the orphans). Without /proc only the pid can be asked.
 */
export async function isServing(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== 'linux') return isAlive(pid)
  const [folder, cwd, comm] = await Promise.all([
    stat(cluster).catch(() => undefined),
    stat(`/proc/${pid}/cwd`).catch(() => undefined),
    readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
  ])
  return (
    folder !== undefined &&
    cwd !== undefined &&
    comm.trim() === 'postgres' &&
    cwd.ino === folder.ino &&
    cwd.dev === folder.dev
  )
}

/** Whether a process has this pid. */
export function isAlive(pid: number): boolean {
  return signal(pid, 0)
}

/**
 * Ends the backends that a killed postmaster left behind: idle ones leave by themselves at once, busy ones
 * would keep the shared memory and with it the next server from starting. Resolves when none is left, or when
 * one turns out to be a server that was just starting and can be adopted.
 * Throws ClusterError `not_ready` when some do not go within 15 s.
 */
export async function endLeftovers(cluster: string, log: LogEvent, abort: AbortSignal): Promise<void> {
  const start = performance.now()
  const asked = new Set<number>()
  for (;;) {
    const pids = await serversOf(cluster)
    if (pids.length === 0 || (await findPostmaster(cluster)) !== undefined) return
    const waitedMs = performance.now() - start
    if (waitedMs > leftoverTimeoutMs) {
      throw new ClusterError(
        'not_ready',
        `Processes of a PostgreSQL that was killed do not end (${pids.join(', ')}): end them, then start again.`,
      )
    }
    if (waitedMs > leftoverGraceMs) {
      for (const pid of pids) {
        if (!asked.has(pid)) log('postgres_leftover', { pid })
        if (!asked.has(pid) || waitedMs > leftoverKillMs) {
          signal(pid, waitedMs > leftoverKillMs ? 'SIGKILL' : 'SIGQUIT')
        }
        asked.add(pid)
      }
    }
    await sleep(pollMs, undefined, { signal: abort })
  }
}

/**
 * Removes a postmaster.pid whose pid belongs to another program by now: PostgreSQL would take that one for a
 * running server. A file of a dead process PostgreSQL removes itself. The caller has made sure that no
 * server works in the folder.
 */
export async function removeMisleadingPidFile(cluster: string): Promise<void> {
  const path = join(cluster, 'postmaster.pid')
  const pid = Number((await readFile(path, 'utf8').catch(() => '')).split('\n')[0])
  if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) return
  await unlink(path).catch(() => {})
}

/**
 * Starts a server in a process group of its own, so that Ctrl-C in a terminal does not reach it, and waits
 * until it serves. `onProcess` is called as soon as there is a process to watch, `onExit` when it ends.
 *
 * Throws ClusterError with the server's own complaint in it; `not_ready` after 30 s of crash recovery, which
 * goes on in the background.
 */
export async function startPostmaster(options: {
  dataDir: string
  cluster: string
  binaries: Binaries
  user: ServiceUser | undefined
  login: Login
  durable: boolean
  abort: AbortSignal
  onProcess: (postmaster: Postmaster) => void
  onExit: () => void
}): Promise<Postmaster> {
  const { cluster, login } = options
  const access = accessTo(cluster, options.user)
  const logPath = logOf(options.dataDir)
  const logFile = await open(logPath, 'a', 0o600)
  const logStart = (await logFile.stat()).size
  let ended: string | undefined
  let wasKilled = false
  let pid: number | undefined
  try {
    const child = spawn(
      options.binaries.postgres,
      [
        '-D',
        access.argument,
        '-k',
        login.host,
        ...settings(login.port, options.durable).flatMap((s) => ['-c', s]),
      ],
      {
        cwd: access.cwd,
        detached: true,
        env: serverEnvironment(),
        stdio: ['ignore', logFile.fd, logFile.fd],
        ...options.user,
      },
    )
    pid = child.pid
    child.unref()
    child.on('error', (error) => {
      ended = `error: cannot execute ${error.message}`
    })
    child.on('exit', (code, signalName) => {
      ended = `error: it ended with ${signalName ?? `code ${code}`}`
      wasKilled = signalName === 'SIGKILL'
      options.onExit()
    })
  } finally {
    await logFile.close()
  }
  if (pid !== undefined) options.onProcess({ pid, socketFolder: login.host })
  await waitUntilServing({
    cluster,
    login,
    abort: options.abort,
    failure: async () => {
      if (ended === undefined && pid !== undefined) return undefined
      if (wasKilled)
        return new ClusterError(
          'killed',
          `PostgreSQL was killed while it started in ${options.dataDir}: start again.`,
        )
      return explainEnd(options.dataDir, logPath, logStart, ended ?? 'error: it could not be started')
    },
  })
  return { pid: pid ?? 0, socketFolder: login.host }
}

/**
 * Waits until a server answers a login, at most 30 s. `failure` is asked at each turn for a reason to give up.
 * Throws that, ClusterError `password_lost` when the password is refused, or `not_ready`.
 */
export async function waitUntilServing(options: {
  cluster: string
  login: Login
  abort: AbortSignal
  failure: () => Promise<ClusterError | undefined>
}): Promise<void> {
  const start = performance.now()
  for (;;) {
    const failure = await options.failure()
    if (failure !== undefined) throw failure
    if ((await statusOf(options.cluster)) === 'ready' && (await answers(options.login))) return
    if (performance.now() - start > readyTimeoutMs) {
      throw new ClusterError(
        'not_ready',
        'PostgreSQL has not become ready within 30 seconds and may still be recovering from a crash: see postgres.log in the data folder, and start again in a minute.',
      )
    }
    await sleep(pollMs, undefined, { signal: options.abort })
  }
}

/**
 * Stops a server: fast (open transactions are rolled back), after 15 s at once without a checkpoint, after
 * 5 s more by force. Bounded, and safe for committed data in each case.
 */
export async function stopPostmaster(pid: number, cluster: string, log: LogEvent): Promise<void> {
  const steps = [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', immediateStopMs],
  ] as const
  for (const [name, patienceMs] of steps) {
    if (!(await isServing(pid, cluster))) return
    if (name !== 'SIGINT') log('postgres_stop_forced', { pid, signal: name })
    signal(pid, name)
    const start = performance.now()
    while (performance.now() - start < patienceMs) {
      if (!(await isServing(pid, cluster))) return
      await sleep(pollMs)
    }
  }
}

/** Keeps postgres.log below 8 MB, with one older file beside it. Never throws. */
export async function boundLog(dataDir: string): Promise<void> {
  const path = logOf(dataDir)
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size < maxLogBytes) return
  // The server goes on writing to the same open file, in append mode, so it cannot simply be renamed.
  await copyFile(path, `${path}.1`).catch(() => {})
  await truncate(path).catch(() => {})
}

function settings(port: number, durable: boolean): string[] {
  return [
    'listen_addresses=',
    `port=${port}`,
    'unix_socket_permissions=0700',
    `max_connections=${maxConnections}`,
    'shared_buffers=128MB',
    // One statement of a site reads a few rows: workers for parallel reads would only cost memory.
    'io_method=sync',
    'max_parallel_workers_per_gather=0',
    'random_page_cost=1.1',
    // Many small commits: room for them between checkpoints, whose full page images cost most.
    'checkpoint_timeout=15min',
    'max_wal_size=1GB',
    'wal_buffers=16MB',
    'wal_compression=on',
    'timezone=UTC',
    'log_timezone=UTC',
    // Warnings and failures, without the values of anybody's rows in them.
    'log_min_messages=warning',
    'log_error_verbosity=terse',
    'log_min_error_statement=panic',
    'log_parameter_max_length=0',
    'log_parameter_max_length_on_error=0',
    'log_checkpoints=off',
    'log_line_prefix=%m [%p] %q%d ',
    ...(durable
      ? ['fsync=on', 'synchronous_commit=on', 'full_page_writes=on']
      : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
  ]
}

function logOf(dataDir: string): string {
  return join(dataDir, 'postgres.log')
}

async function explainEnd(
  dataDir: string,
  logPath: string,
  logStart: number,
  ended: string,
): Promise<ClusterError> {
  const output = (await readFile(logPath).catch(() => Buffer.alloc(0))).subarray(logStart).toString()
  // On a full disk the log is empty too.
  const space = await statfs(dataDir).catch(() => undefined)
  if (space !== undefined && space.bavail * space.bsize < nearlyFullBytes) return diskFull(dataDir)
  return explainOutput('postgres', output.trim() === '' ? ended : output, dataDir)
}

/** The last line of postmaster.pid: starting, ready, stopping. */
async function statusOf(cluster: string): Promise<string> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  return text.split('\n')[7]?.trim() ?? ''
}

/** postmaster.pid goes on saying "ready" while the server recovers from a killed backend, so log in once. */
async function answers(login: Login): Promise<boolean> {
  const client = new pg.Client({ ...login, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === '28P01') {
      throw new ClusterError(
        'password_lost',
        'The database does not take the password in the file postgres-password of the data folder: put that file back from a backup.',
      )
    }
    // 53300: all connections are taken, so it does serve.
    return code === '53300'
  } finally {
    await client.end().catch(() => {})
  }
}

async function serversOf(cluster: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const names = await readdir('/proc')
  const pids = names.map(Number).filter((pid) => Number.isInteger(pid) && pid > 1)
  const found = await Promise.all(pids.map(async (pid) => ((await isServing(pid, cluster)) ? [pid] : [])))
  return found.flat()
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
