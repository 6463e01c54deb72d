import { setTimeout as sleep } from 'node:timers/promises'
import type { Binaries } from './binaries.ts'
import { createClusterIfMissing, secureCluster, superuser } from './data-folder.ts'
import { ClusterError } from './errors.ts'
import { type Lock, tryLock } from './locks.ts'
import type { Paths } from './paths.ts'
import {
  endLeftovers,
  findPostmaster,
  isServing,
  type LogEvent,
  type Login,
  type Postmaster,
  removeMisleadingPidFile,
  startPostmaster,
  waitUntilServing,
} from './postmaster.ts'
import type { ServiceUser } from './service-user.ts'
import { findSocketFolder, port } from './socket-folder.ts'

/** What it takes to serve a data folder; settled once per process. */
export type Server = {
  paths: Paths
  binaries: Binaries
  user: ServiceUser | undefined
  password: string
  durable: boolean
  log: LogEvent
  /** Ends every wait below, by an AbortError. */
  abort: AbortSignal
  /** Told of each server process that we start, before it is ready. */
  onProcess: (postmaster: Postmaster) => void
  onExit: () => void
}

const lockPollMs = 15
const joinTimeoutMs = 60_000
const stillInUseTimeoutMs = 15_000

/**
 * Becomes the supervisor and gets the server running, or waits (at most a minute) until the supervisor that
 * there is has done so. Throws ClusterError.
 */
export async function serveOrJoin(
  server: Server,
): Promise<{ supervisor: Lock | undefined; postmaster: Postmaster }> {
  const { paths } = server
  const startedAt = performance.now()
  for (;;) {
    const supervisor = tryLock(paths.supervisorLock, 'single')
    if (supervisor !== undefined) {
      try {
        return { supervisor, postmaster: await serve(server, 'start') }
      } catch (error) {
        supervisor.release()
        throw error
      }
    }
    const postmaster = await findPostmaster(paths.cluster)
    if (postmaster !== undefined) {
      const login = loginTo(server, postmaster.socketFolder)
      const isGone = () => isGoneOrElsewhere(postmaster, paths.cluster)
      if (await waitWhileAlive(server, login, isGone)) {
        server.log('postgres_joined', { pid: postmaster.pid })
        return { supervisor: undefined, postmaster }
      }
    }
    if (performance.now() - startedAt > joinTimeoutMs) {
      throw new ClusterError(
        'not_ready',
        'The other Atelier on this data folder has not got its PostgreSQL running within a minute: see what it logs, or stop it and start again.',
      )
    }
    await sleep(lockPollMs)
  }
}

/**
 * Gets the server running, as its supervisor: adopts a live one, else starts one. A restart never creates a
 * cluster: data that vanished under a running Atelier must be noticed.
 */
export async function serve(server: Server, occasion: 'start' | 'restart'): Promise<Postmaster> {
  const { paths, user, log } = server
  const startedAt = performance.now()
  for (;;) {
    const live = await findPostmaster(paths.cluster)
    if (live !== undefined) {
      const isGone = () => isGoneOrElsewhere(live, paths.cluster)
      if (await waitWhileAlive(server, loginTo(server, live.socketFolder), isGone)) {
        log('postgres_adopted', { pid: live.pid })
        return live
      }
      continue
    }
    if (occasion === 'start') {
      const outcome = await createClusterIfMissing({ ...server, dataDir: paths.dataDir })
      const elapsedMs = Math.round(performance.now() - startedAt)
      if (outcome === 'created') log('postgres_created', { elapsedMs })
    }
    await secureCluster(paths.cluster, user)
    await endLeftovers(paths.cluster, log, server.abort)
    if ((await findPostmaster(paths.cluster)) !== undefined) continue
    await removeMisleadingPidFile(paths.cluster)
    const socketFolder = await findSocketFolder(paths.dataDir, paths.socketRecord, user)
    try {
      const login = loginTo(server, socketFolder)
      const started = await startPostmaster({ ...server, ...paths, login })
      if (occasion === 'start') {
        log('postgres_started', { pid: started.pid, elapsedMs: Math.round(performance.now() - startedAt) })
      }
      return started
    } catch (error) {
      const inUse = error instanceof ClusterError && ['still_in_use', 'killed'].includes(error.code)
      if (!inUse || performance.now() - startedAt > stillInUseTimeoutMs) throw error
      await sleep(100, undefined, { signal: server.abort })
    }
  }
}

/** Whether a server has ended, or turned out to listen elsewhere than was read at first. */
async function isGoneOrElsewhere(postmaster: Postmaster, cluster: string): Promise<boolean> {
  if (!(await isServing(postmaster.pid, cluster))) return true
  const now = await findPostmaster(cluster)
  return now !== undefined && now.socketFolder !== postmaster.socketFolder
}

/** Waits until a server that we did not start answers; false when it ended meanwhile. */
async function waitWhileAlive(
  server: Server,
  login: Login,
  isGone: () => Promise<boolean>,
): Promise<boolean> {
  const gone = new ClusterError('start_failed', 'PostgreSQL ended while it was starting: start again.')
  try {
    await waitUntilServing({
      cluster: server.paths.cluster,
      login,
      abort: server.abort,
      failure: async () => ((await isGone()) ? gone : undefined),
    })
    return true
  } catch (error) {
    if (error === gone) return false
    throw error
  }
}

/** The login for the server's own database, which the checks use. */
function loginTo(server: Server, socketFolder: string): Login {
  return { host: socketFolder, port, user: superuser, password: server.password, database: 'postgres' }
}
