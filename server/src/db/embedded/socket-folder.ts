import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterError } from './errors.ts'
import { canReach, type ServiceUser } from './service-user.ts'

/** The port in the name of the socket. Every cluster has a folder of its own, so it never clashes. */
export const port = 5432

// sockaddr_un holds 107 bytes and a zero on Linux, 103 on macOS.
const maxSocketPathBytes = 103

/** The socket that PostgreSQL makes in `folder`. */
export function socketIn(folder: string): string {
  return join(folder, `.s.PGSQL.${port}`)
}

/**
 * Makes sure of a private folder (0700, owned by the server's user) with a path short enough for a socket,
 * and returns it. The name comes from the data folder and is kept in the file `record`, so that pools find
 * the server at the same address after a restart by another process with another TMPDIR. A folder of that
 * name that somebody else made is not used.
 *
 * Throws ClusterError `start_failed` when no temporary folder will do.
 */
export async function findSocketFolder(
  dataDir: string,
  record: string,
  user: ServiceUser | undefined,
): Promise<string> {
  const recorded = (await readFile(record, 'utf8').catch(() => '')).trim()
  if (recorded !== '' && (await ensure(recorded, user))) return recorded
  const name = `atelier-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`
  for (const base of [tmpdir(), '/tmp', '/var/tmp', '/dev/shm']) {
    for (const folder of [join(base, name), join(base, `${name}-${randomBytes(3).toString('hex')}`)]) {
      if (Buffer.byteLength(socketIn(folder)) > maxSocketPathBytes) continue
      if (!(await ensure(folder, user))) continue
      await writeFile(record, folder, { mode: 0o600 })
      return folder
    }
  }
  throw new ClusterError(
    'start_failed',
    'There is no temporary folder for the socket of PostgreSQL: make /tmp writable, or set TMPDIR to a short path that is.',
  )
}

async function ensure(folder: string, user: ServiceUser | undefined): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    await chmod(folder, 0o700)
    if (user !== undefined) await chown(folder, user.uid, user.gid)
  } catch {
    // It exists, or the checks below fail.
  }
  const state = await lstat(folder).catch(() => undefined)
  const uid = user?.uid ?? process.getuid?.()
  if (state === undefined || !state.isDirectory() || state.uid !== uid || (state.mode & 0o077) !== 0)
    return false
  return user === undefined || (await canReach(folder, user))
}
