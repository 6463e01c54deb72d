import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { ClusterError, errnoOf } from './errors.ts'

/** A lock held by this process until `release`, or until the process ends in whatever way. */
export type Lock = { release: () => void }

/**
 * - `shared`: any number of processes together.
 * - `single`: one process, while others may hold it shared.
 * - `alone`: one process and nobody else.
 */
export type LockKind = 'shared' | 'single' | 'alone'

// SQLite's locks are the kernel's advisory file locks, the one kind that Node's standard library offers. The
// kernel drops them when the holder dies, so no lock is ever stale, whatever kills the process, reuses its
// pid or reboots the machine, and containers that share a folder see each other. `BEGIN IMMEDIATE` (and not
// EXCLUSIVE) is `single`, because two EXCLUSIVE attempts at once can both fail.
const statements: Record<LockKind, string> = {
  shared: 'BEGIN; SELECT count(*) FROM sqlite_schema',
  single: 'BEGIN IMMEDIATE',
  alone: 'BEGIN EXCLUSIVE',
}

const sqliteBusy = 5

// An unreferenced database handle is collected, and its lock would go with it.
const held = new Set<DatabaseSync>()

/**
 * Creates the file of a lock. Beyond this nothing may open a lock file but SQLite: a process that closes
 * any descriptor of a file loses its locks on it (POSIX). Throws the errors of `open` except EEXIST.
 */
export async function createLockFile(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/**
 * Takes the lock in the file `path` when it is free, and returns undefined when another holder is in the
 * way. Never waits. Throws ClusterError `data_dir_unusable` where files cannot be locked.
 */
export function tryLock(path: string, kind: LockKind): Lock | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // Nothing is ever written, but SQLite prepares for it with a journal beside the file, which fails on a full
    // disk and needs a roll back after a kill. Node forbids journal_mode OFF (SQLITE_DBCONFIG_DEFENSIVE).
    database.exec(`PRAGMA journal_mode = MEMORY; ${statements[kind]}`)
  } catch (error) {
    database?.close()
    const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
    if (code === sqliteBusy) return undefined
    throw new ClusterError(
      'data_dir_unusable',
      `The file ${path} cannot be locked (${error instanceof Error ? error.message : String(error)}): set DATA_DIR to a folder on a local disk that this user may write.`,
      error,
    )
  }
  const holder = database
  held.add(holder)
  return {
    release: () => {
      if (held.delete(holder)) holder.close()
    },
  }
}
