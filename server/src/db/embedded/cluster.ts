import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBinaries } from './binaries.ts'
import { readOrMakePassword, superuser } from './data-folder.ts'
import { ClusterError, explainAccess } from './errors.ts'
import { type Lock, tryLock } from './locks.ts'
import { handOver, type Paths, preparePaths } from './paths.ts'
import { type LogEvent, type Login, maxConnections, stopPostmaster } from './postmaster.ts'
import { type Server, serveOrJoin } from './serve.ts'
import { findServiceUser } from './service-user.ts'
import { port } from './socket-folder.ts'
import { endWatch, lookNow, shutDown, startWatch, type Watch } from './supervisor.ts'

export { ClusterError, type ClusterErrorCode } from './errors.ts'

/**
 * - `own`: the one full Atelier of a data folder (ROLE=all); a second one is refused.
 * - `join`: uses the cluster beside it (ROLE=api, ROLE=worker, the command line).
 * Whichever process is there, exactly one supervises the server; a joiner does when nobody else is left.
 */
export type ClusterRole = 'own' | 'join'

/** A running PostgreSQL, as seen by one process that uses it. */
export type Cluster = {
  /** Connection settings for `pg`. The address stays the same over restarts of the server. */
  connection: (database: string) => Login
  /** The server's `max_connections`, to be shared by all processes on it. */
  maxConnections: number
  /** Whether this process supervises the server. A joiner's turns true when it takes over. */
  readonly owner: boolean
  /** Stops using the cluster; the last process to do so stops the server. Bounded, never rejects, may be repeated. */
  stop: () => Promise<void>
}

const lockPollMs = 15
const usersTimeoutMs = 60_000
const lastOutAttempts = 6

/**
 * Opens the embedded PostgreSQL of `dataDir`: creates it, starts it, adopts a server that outlived its
 * Atelier, or joins the one that another process supervises. While this process lives the server is restarted
 * whenever it dies. `log` gets one event for each thing that an operator may want to know. `durable: false`
 * trades safety for speed and is for tests only.
 *
 * Throws ClusterError only; its message is one sentence to show to the operator.
 */
export async function openCluster(options: {
  dataDir: string
  role: ClusterRole
  log: LogEvent
  durable?: boolean
}): Promise<Cluster> {
  const { role } = options
  const paths = await preparePaths(options.dataDir)
  const own = role === 'own' ? await lockOwn(paths) : undefined
  let users: Lock | undefined
  try {
    users = await lockUsers(paths)
    return await open({ ...options, durable: options.durable ?? true }, paths, own, users)
  } catch (error) {
    users?.release()
    own?.release()
    throw explainAccess(error, paths.dataDir)
  }
}

async function open(
  options: { log: LogEvent; durable: boolean },
  paths: Paths,
  own: Lock | undefined,
  users: Lock,
): Promise<Cluster> {
  const aborter = new AbortController()
  const user = await findServiceUser(paths.dataDir)
  const server: Server = {
    ...options,
    paths,
    user,
    binaries: await findBinaries(user, paths.run),
    password: await readOrMakePassword(paths.dataDir),
    abort: aborter.signal,
    onProcess: (postmaster) => {
      watch.postmaster = postmaster
    },
    onExit: () => lookNow(watch),
  }
  const watch: Watch = {
    server,
    supervisor: undefined,
    postmaster: undefined,
    restarts: 0,
    upSinceMs: performance.now(),
    timer: undefined,
    look: Promise.resolve(),
    ended: false,
  }
  const host = await begin(watch)
  let stopped: Promise<void> | undefined
  return {
    connection: (database) => ({ host, port, user: superuser, password: server.password, database }),
    maxConnections,
    get owner() {
      return watch.supervisor !== undefined
    },
    stop: () => {
      stopped ??= leave(watch, aborter, own, users).catch((error: unknown) => {
        server.log('postgres_stop_failed', { message: explainAccess(error, paths.dataDir).message })
      })
      return stopped
    },
  }
}

/** Gets the server running or joins it, and returns the folder of its socket. */
async function begin(watch: Watch): Promise<string> {
  const { server } = watch
  try {
    const { supervisor, postmaster } = await serveOrJoin(server)
    watch.supervisor = supervisor
    watch.postmaster = postmaster
    await handOver(server.paths)
    startWatch(watch)
    return postmaster.socketFolder
  } catch (error) {
    const recovering = error instanceof ClusterError && error.code === 'not_ready'
    // A server that we started and cannot use would be left alone; one that recovers is adopted later.
    if (watch.postmaster !== undefined && !recovering) {
      await stopPostmaster(watch.postmaster.pid, server.paths.cluster, server.log)
    }
    watch.supervisor?.release()
    throw error
  }
}

async function leave(
  watch: Watch,
  aborter: AbortController,
  own: Lock | undefined,
  users: Lock,
): Promise<void> {
  // Released first: a full Atelier that starts while this one ends then waits for it instead of being refused.
  own?.release()
  aborter.abort()
  await endWatch(watch)
  users.release()
  const alone = await lockUsersAlone(watch.server.paths)
  try {
    if (alone !== undefined) await shutDown(watch)
  } finally {
    watch.supervisor?.release()
    watch.supervisor = undefined
    alone?.release()
  }
}

async function lockOwn(paths: Paths): Promise<Lock> {
  const lock = tryLock(paths.ownLock, 'single')
  if (lock !== undefined) {
    // Only for the sentence below; on a full disk the start says so later.
    await writeFile(paths.ownPid, `${process.pid}\n`, { mode: 0o600 }).catch(() => {})
    return lock
  }
  const pid = (await readFile(paths.ownPid, 'utf8').catch(() => '')).trim()
  throw new ClusterError(
    'already_running',
    `Another Atelier${pid === '' ? '' : ` (process ${pid})`} already runs on the data folder ${paths.dataDir}: stop it, or start this one with ROLE=api or ROLE=worker to join it, or with another DATA_DIR.`,
  )
}

/** Registers as a user of the cluster; waits while the last one is stopping it. */
async function lockUsers(paths: Paths): Promise<Lock> {
  const startedAt = performance.now()
  for (;;) {
    const lock = tryLock(paths.usersLock, 'shared')
    if (lock !== undefined) return lock
    if (performance.now() - startedAt > usersTimeoutMs) {
      throw new ClusterError(
        'not_ready',
        'The PostgreSQL of this data folder has been stopping for a minute: see postgres.log there, and start again when it has stopped.',
      )
    }
    await sleep(lockPollMs)
  }
}

/** The last one out gets this lock. Two that leave at once can be in each other's way, so it is tried a few times. */
async function lockUsersAlone(paths: Paths): Promise<Lock | undefined> {
  for (let attempt = 0; attempt < lastOutAttempts; attempt += 1) {
    const lock = tryLock(paths.usersLock, 'alone')
    if (lock !== undefined) return lock
    await sleep(5 + Math.random() * 20)
  }
  return undefined
}
