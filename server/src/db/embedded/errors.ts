/** Why the embedded database cannot be used. */
export type ClusterErrorCode =
  | 'already_running'
  | 'binaries_missing'
  | 'binaries_unusable'
  | 'data_dir_unusable'
  | 'disk_full'
  | 'no_service_user'
  | 'not_a_cluster'
  | 'not_ready'
  | 'other_version'
  | 'password_lost'
  | 'shared_memory'
  | 'start_failed'
  | 'still_in_use'
  /** A server of ours was killed while it started: try again. */
  | 'killed'

/** A failure of the embedded database. Its message is one sentence that a newcomer can act on. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode

  constructor(code: ClusterErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }
}

const elsewhere = 'or set DATABASE_URL to use a PostgreSQL server of your own'

/** The `code` of a Node system error (`ENOSPC`), or an empty string. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Turns a failed access to `path` into a ClusterError; one that is already a ClusterError stays as it is. */
export function explainAccess(error: unknown, path: string): ClusterError {
  if (error instanceof ClusterError) return error
  const errno = errnoOf(error)
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return diskFull(path)
  const isRoot = process.getuid?.() === 0
  if (isRoot && errno === 'EPERM' && error instanceof Error && /chown|spawn/.test(error.message))
    return powerlessRoot()
  const reasons: Record<string, string> = {
    EROFS: 'it is on a read-only file system',
    EACCES: 'this user may not read and write it',
    EPERM: 'this user may not change it',
    ENOTDIR: 'it or one of its parents is a file',
    EEXIST: 'it is a file',
    ENOENT: 'it is gone',
  }
  const reason = reasons[errno] ?? (error instanceof Error ? error.message : String(error))
  return new ClusterError(
    'data_dir_unusable',
    `The data folder cannot be used because of ${path} (${reason}): set DATA_DIR to a folder that this user may write.`,
    error,
  )
}

/** The disk below `path` is full. */
export function diskFull(path: string): ClusterError {
  return new ClusterError(
    'disk_full',
    `The disk that holds ${path} is full: free some space and start again.`,
  )
}

/**
 * Turns what `initdb` or `postgres` printed before it gave up into a ClusterError. The servers run with
 * LC_ALL=C, so their words are stable.
 */
export function explainOutput(program: 'initdb' | 'postgres', output: string, dataDir: string): ClusterError {
  if (/pre-existing shared memory|lock file .* already exists/i.test(output)) {
    return new ClusterError(
      'still_in_use',
      `Another PostgreSQL still works in ${dataDir} (${lastComplaint(output)}): end it, or set DATA_DIR to another folder.`,
    )
  }
  // Shared memory comes first: a full /dev/shm also says "No space left on device".
  if (/shared memory|shmget|semaphores/i.test(output)) {
    return new ClusterError(
      'shared_memory',
      `This machine does not give PostgreSQL the shared memory it needs: give /dev/shm some 64 MB (docker run --shm-size=64m), ${elsewhere}.`,
    )
  }
  if (/No space left on device|Disk quota exceeded/i.test(output)) return diskFull(dataDir)
  if (/database files are incompatible|initialized by PostgreSQL version/i.test(output)) {
    return otherVersion(dataDir, 'another version')
  }
  if (/could not look up effective user ID/i.test(output)) {
    return new ClusterError(
      'no_service_user',
      `PostgreSQL needs the user it runs as to be listed in /etc/passwd: run Atelier as a listed user, ${elsewhere}.`,
    )
  }
  if (/error while loading shared libraries|GLIBC|cannot execute/i.test(output))
    return binariesUnusable(output)
  if (/Read-only file system|Permission denied|wrong ownership/i.test(output)) {
    return new ClusterError(
      'data_dir_unusable',
      `PostgreSQL may not read and write its files below ${dataDir} (${lastComplaint(output)}): start Atelier as the user that owns them, or set DATA_DIR to another folder.`,
    )
  }
  return new ClusterError(
    'start_failed',
    `${program === 'initdb' ? 'The database could not be created' : 'PostgreSQL did not start'} in ${dataDir} (${lastComplaint(output)}): the file postgres.log there may say more.`,
  )
}

/** Root in a container that dropped its capabilities can neither run PostgreSQL itself nor hand it over. */
function powerlessRoot(): ClusterError {
  return new ClusterError(
    'no_service_user',
    `PostgreSQL refuses to run as root and this root may not switch to another user (its container has dropped that capability): start Atelier as an ordinary user, ${elsewhere}.`,
  )
}

/** The data folder was made by another major version. */
export function otherVersion(dataDir: string, version: string): ClusterError {
  return new ClusterError(
    'other_version',
    `The database in ${dataDir} was made by PostgreSQL ${version} and this Atelier brings PostgreSQL 18: move it over with a dump, or set DATA_DIR to another folder.`,
  )
}

/** The binaries are there but this machine cannot run them. */
export function binariesUnusable(detail: string): ClusterError {
  return new ClusterError(
    'binaries_unusable',
    `The embedded PostgreSQL cannot run on this machine (${lastComplaint(detail)}): set DATABASE_URL to use a PostgreSQL server of your own.`,
  )
}

function lastComplaint(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const complaint = lines.findLast((line) => /FATAL|PANIC|error|could not/i.test(line)) ?? lines.at(-1)
  return complaint?.replace(/^.*?(FATAL|PANIC|error): +/, '').slice(0, 300) ?? 'it said nothing'
}
