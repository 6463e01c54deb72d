import { rmdir, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { explainAccess } from './errors.ts'
import { type Lock, tryLock } from './locks.ts'
import type { Paths } from './paths.ts'
import { boundLog, findPostmaster, isServing, type Postmaster, stopPostmaster } from './postmaster.ts'
import { type Server, serve } from './serve.ts'
import { socketIn } from './socket-folder.ts'

/** What one process knows of the server that it uses. */
export type Watch = {
  server: Server
  /** Held by the one process that restarts the server when it dies. */
  supervisor: Lock | undefined
  postmaster: Postmaster | undefined
  /** Restarts within the last minute or so; they lengthen the pause before the next. */
  restarts: number
  /** On the clock of `performance.now()`. */
  upSinceMs: number
  timer: NodeJS.Timeout | undefined
  /** The look that is under way, or the last one. It never rejects. */
  look: Promise<void>
  ended: boolean
}

const watchMs = 250
const takeOverMs = 1_000
const stableMs = 60_000
const restartDelaysMs = [0, 250, 500, 1_000, 2_000, 5_000]

/**
 * Looks after the server from now on: the supervisor every 250 ms, and at once when a server of its own
 * ends; any other process tries every second whether it must take over. Keeps no process alive.
 */
export function startWatch(watch: Watch): void {
  plan(watch, watch.supervisor === undefined ? takeOverMs : watchMs)
}

/** Looks at once, unless a look is under way, which sees it anyway. */
export function lookNow(watch: Watch): void {
  if (watch.timer !== undefined) plan(watch, 0)
}

/** Ends the watch and waits for a look that is under way; the caller has aborted its waits. */
export async function endWatch(watch: Watch): Promise<void> {
  watch.ended = true
  clearTimeout(watch.timer)
  watch.timer = undefined
  await watch.look
}

/** Stops the server, whoever started it. The caller knows that nobody uses it. */
export async function shutDown(watch: Watch): Promise<void> {
  const { paths, log } = watch.server
  // The file first: what we remember may have been replaced by another supervisor.
  const postmaster = (await findPostmaster(paths.cluster)) ?? watch.postmaster
  if (postmaster === undefined) return
  await stopPostmaster(postmaster.pid, paths.cluster, log)
  await rmdir(postmaster.socketFolder).catch(() => {})
  log('postgres_stopped', { pid: postmaster.pid })
}

function plan(watch: Watch, delayMs: number): void {
  if (watch.ended) return
  clearTimeout(watch.timer)
  watch.timer = setTimeout(() => {
    watch.timer = undefined
    watch.look = look(watch)
  }, delayMs).unref()
}

async function look(watch: Watch): Promise<void> {
  const { log, paths } = watch.server
  try {
    if (watch.supervisor === undefined) await takeOver(watch)
    if (watch.supervisor !== undefined) await keepServing(watch)
  } catch (error) {
    if (!watch.ended) log('postgres_restart_failed', { message: explainAccess(error, paths.dataDir).message })
  }
  plan(watch, watch.supervisor === undefined ? takeOverMs : watchMs)
}

async function takeOver(watch: Watch): Promise<void> {
  const { log, paths } = watch.server
  watch.supervisor = tryLock(paths.supervisorLock, 'single')
  if (watch.supervisor === undefined) return
  log('postgres_taken_over', { pid: process.pid })
  watch.postmaster = await findPostmaster(paths.cluster)
}

async function keepServing(watch: Watch): Promise<void> {
  const { server } = watch
  await boundLog(server.paths.dataDir)
  const missing = await whatIsMissing(watch.postmaster, server.paths)
  if (missing === undefined) return
  if (performance.now() - watch.upSinceMs > stableMs) watch.restarts = 0
  const delayMs = restartDelaysMs[Math.min(watch.restarts, restartDelaysMs.length - 1)] ?? 0
  watch.restarts += 1
  server.log('postgres_restarting', { missing, delayMs })
  await sleep(delayMs, undefined, { ref: false, signal: server.abort })
  if (missing === 'socket' && watch.postmaster !== undefined) {
    await stopPostmaster(watch.postmaster.pid, server.paths.cluster, server.log)
  }
  watch.postmaster = await serve(server, 'restart')
  watch.upSinceMs = performance.now()
  server.log('postgres_restarted', { pid: watch.postmaster.pid })
}

/** A cleaner of temporary files may take the socket away, which only a restart brings back. */
async function whatIsMissing(
  postmaster: Postmaster | undefined,
  paths: Paths,
): Promise<'process' | 'socket' | undefined> {
  if (postmaster === undefined || !(await isServing(postmaster.pid, paths.cluster))) return 'process'
  const socket = await stat(socketIn(postmaster.socketFolder)).catch(() => undefined)
  return socket === undefined ? 'socket' : undefined
}
