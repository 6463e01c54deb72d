import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ClusterError } from './errors.ts'

/** The account that PostgreSQL runs under. */
export type ServiceUser = { uid: number; gid: number }

/**
 * Finds the account to run PostgreSQL under when this process is root, because PostgreSQL refuses to run as
 * root. It is the owner of an existing cluster, else the owner of the data folder, else `nobody`. Returns
 * undefined when we are not root: the server then runs as ourselves.
 *
 * Throws ClusterError `no_service_user` when /etc/passwd has no account to offer (initdb insists on one
 * that is listed).
 */
export async function findServiceUser(dataDir: string): Promise<ServiceUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const cluster = await stat(join(dataDir, 'postgres')).catch(() => undefined)
  if (cluster !== undefined && cluster.uid !== 0) return { uid: cluster.uid, gid: cluster.gid }
  const accounts = await readAccounts()
  const folder = await stat(dataDir)
  const owner = accounts.find((account) => account.uid === folder.uid && account.uid !== 0)
  const user = owner ?? accounts.find((account) => account.name === 'nobody')
  if (user === undefined) {
    throw new ClusterError(
      'no_service_user',
      'PostgreSQL refuses to run as root and /etc/passwd lists no user nobody to run it as: start Atelier as an ordinary user, or set DATABASE_URL to use a PostgreSQL server of your own.',
    )
  }
  return { uid: user.uid, gid: user.gid }
}

/** Whether `user` can get to `path` through its parents and read it, going by owner and mode bits. */
export async function canReach(path: string, user: ServiceUser): Promise<boolean> {
  const allows = async (target: string, bit: 1 | 4): Promise<boolean> => {
    const entry = await stat(target).catch(() => undefined)
    if (entry === undefined) return false
    const shift = entry.uid === user.uid ? 6 : entry.gid === user.gid ? 3 : 0
    return (entry.mode & (bit << shift)) !== 0
  }
  if (!(await allows(path, 4))) return false
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (!(await allows(parent, 1))) return false
    if (parent === dirname(parent)) return true
  }
}

async function readAccounts(): Promise<{ name: string; uid: number; gid: number }[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name === undefined || uid === undefined || gid === undefined
      ? []
      : [{ name, uid: Number(uid), gid: Number(gid) }]
  })
}
