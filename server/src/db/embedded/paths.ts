import { chown, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { explainAccess } from './errors.ts'
import { createLockFile } from './locks.ts'

/** The files of `<dataDir>/run` and their neighbours. Only locks.ts may open a `.lock`. */
export type Paths = {
  dataDir: string
  cluster: string
  run: string
  ownLock: string
  ownPid: string
  supervisorLock: string
  usersLock: string
  socketRecord: string
}

/**
 * Makes the data folder and what the locks need in it. Throws ClusterError `data_dir_unusable` or
 * `disk_full`.
 */
export async function preparePaths(given: string): Promise<Paths> {
  const asked = resolve(given)
  try {
    await mkdir(asked, { recursive: true })
    const dataDir = await realpath(asked)
    const run = join(dataDir, 'run')
    await mkdir(run, { recursive: true, mode: 0o700 })
    const paths: Paths = {
      dataDir,
      cluster: join(dataDir, 'postgres'),
      run,
      ownLock: join(run, 'own.lock'),
      ownPid: join(run, 'own.pid'),
      supervisorLock: join(run, 'supervisor.lock'),
      usersLock: join(run, 'users.lock'),
      socketRecord: join(run, 'socket-folder'),
    }
    for (const lock of [paths.ownLock, paths.supervisorLock, paths.usersLock]) await createLockFile(lock)
    await handOver(paths)
    return paths
  } catch (error) {
    throw explainAccess(error, asked)
  }
}

/** What root writes into the folder of another user shall not shut that user out later. */
export async function handOver(paths: Paths): Promise<void> {
  if (process.getuid?.() !== 0) return
  const folder = await stat(paths.dataDir)
  if (folder.uid === 0) return
  const ours = (await readdir(paths.dataDir)).filter((name) =>
    /^(run|postgres-password|postgres\.log.*)$/.test(name),
  )
  const inRun = (await readdir(paths.run)).map((name) => join('run', name))
  for (const name of [...ours, ...inRun]) await chown(join(paths.dataDir, name), folder.uid, folder.gid)
}
