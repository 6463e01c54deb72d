import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { ClusterError, errnoOf, explainOutput, otherVersion } from './errors.ts'
import type { ServiceUser } from './service-user.ts'

/** The database role that Atelier connects as. */
export const superuser = 'atelier'

const majorVersion = '18'
const initTimeoutMs = 60_000

/** What the server is given so that it reaches its files though their parents may be closed to its user. */
export type DataFolderAccess = {
  /** Working directory of the child. Node changes to it while still root. */
  cwd: string
  /** The value of `-D`. */
  argument: string
}

/**
 * How a PostgreSQL program finds `folder`. Under a user of its own it cannot walk there through a 0700
 * parent, but the kernel lets every process open its own working directory: `/proc/self/cwd`. It must be the
 * data folder itself, because PostgreSQL changes into it and looks the path up again. Only when we are not
 * root is the plain path used, as also on systems without /proc.
 */
export function accessTo(folder: string, user: ServiceUser | undefined): DataFolderAccess {
  const hidden = user !== undefined && process.platform === 'linux'
  return { cwd: folder, argument: hidden ? '/proc/self/cwd' : folder }
}

/** The environment of PostgreSQL's programs: no PG… variable of ours may redirect them. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { LC_ALL: 'C', PATH: process.env.PATH ?? '/usr/bin:/bin' }
}

/**
 * Reads the superuser's password from `dataDir`, or makes one (0600) when there is no cluster that an older
 * one could belong to. Throws ClusterError `password_lost`, or the errors of the file system.
 */
export async function readOrMakePassword(dataDir: string): Promise<string> {
  const path = join(dataDir, 'postgres-password')
  const existing = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  })
  if (existing.trim() !== '') return existing.trim()
  if ((await versionOf(join(dataDir, 'postgres'))) !== undefined) {
    throw new ClusterError(
      'password_lost',
      `The file ${path} with the password of the database is missing: put it back from a backup of the data folder.`,
    )
  }
  const password = randomBytes(24).toString('base64url')
  const partial = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(partial, 'wx', 0o600)
  try {
    await file.writeFile(`${password}\n`)
    await file.sync()
    // A link fails when another process that starts with us was quicker; then its password counts.
    await link(partial, path)
    return password
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return (await readFile(path, 'utf8')).trim()
    throw error
  } finally {
    await file.close()
    await rm(partial, { force: true })
  }
}

/**
 * Creates the cluster `<dataDir>/postgres` unless it is there. initdb works in a temporary folder which gets
 * its name when it is complete, so an interrupted start leaves nothing in the way of the next. The caller
 * holds the supervisor's lock.
 *
 * Throws ClusterError `other_version`, `not_a_cluster`, and those of initdb's output.
 */
export async function createClusterIfMissing(options: {
  dataDir: string
  binaries: Binaries
  user: ServiceUser | undefined
  password: string
  durable: boolean
}): Promise<'created' | 'found'> {
  const { dataDir, user } = options
  const cluster = join(dataDir, 'postgres')
  const version = await versionOf(cluster)
  if (version === majorVersion) return 'found'
  if (version !== undefined) throw otherVersion(dataDir, version)
  await removeEmptyFolder(cluster)
  await removeInterrupted(dataDir)
  const workshop = join(dataDir, `postgres.init-${randomBytes(6).toString('hex')}`)
  const data = join(workshop, 'data')
  const passwordFile = join(workshop, 'password')
  try {
    await mkdir(data, { recursive: true, mode: 0o700 })
    await chmod(workshop, 0o700)
    await writeFile(passwordFile, options.password, { mode: 0o600 })
    if (user !== undefined) {
      for (const path of [workshop, data, passwordFile]) await chown(path, user.uid, user.gid)
    }
    await runInitdb(options, data)
    if (user !== undefined) await chown(workshop, 0, 0)
    await rename(data, cluster)
    await syncFolder(dataDir)
  } finally {
    await rm(workshop, { recursive: true, force: true }).catch(() => {})
  }
  return 'created'
}

/** Gives the cluster's files to the user that will serve them and closes them to others, as PostgreSQL wants. */
export async function secureCluster(cluster: string, user: ServiceUser | undefined): Promise<void> {
  const folder = await lstat(cluster)
  if (user !== undefined && folder.uid !== user.uid) await chownTree(cluster, user)
  if ((folder.mode & 0o077) !== 0) await chmod(cluster, 0o700)
}

/** The major version of the cluster in `folder` ("18"), or undefined when there is none. */
export async function versionOf(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function runInitdb(
  options: { dataDir: string; binaries: Binaries; user: ServiceUser | undefined; durable: boolean },
  data: string,
): Promise<void> {
  const access = accessTo(data, options.user)
  const child = spawn(
    options.binaries.initdb,
    [
      `--pgdata=${access.argument}`,
      `--pwfile=${access.argument}/../password`,
      `--username=${superuser}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--data-checksums',
      '--no-instructions',
      ...(options.durable ? [] : ['--no-sync']),
    ],
    {
      cwd: access.cwd,
      detached: true,
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: initTimeoutMs,
      ...options.user,
    },
  )
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-8000)
  })
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      output += `\nerror: cannot execute ${error.message}`
      resolve(null)
    })
    child.on('close', resolve)
  })
  if (code !== 0) throw explainOutput('initdb', output, options.dataDir)
}

async function removeEmptyFolder(cluster: string): Promise<void> {
  try {
    await rmdir(cluster)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST' && errno !== 'ENOTDIR') throw error
    throw new ClusterError(
      'not_a_cluster',
      `${cluster} exists but holds no PostgreSQL database: move it away, or set DATA_DIR to another folder.`,
    )
  }
}

async function removeInterrupted(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith('postgres.init-')) continue
    // An initdb that outlived its Atelier may still write there; then the next start removes the rest.
    await rm(join(dataDir, name), { recursive: true, force: true }).catch(() => {})
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function chownTree(path: string, user: ServiceUser): Promise<void> {
  const entry = await lstat(path)
  if (entry.isDirectory()) {
    for (const name of await readdir(path)) await chownTree(join(path, name), user)
  }
  // The folder itself goes last: its owner says whether the work was finished.
  await lchown(path, user.uid, user.gid)
}
