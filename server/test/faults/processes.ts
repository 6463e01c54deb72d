// What runs on a data folder, read from /proc: the rig kills and counts processes by their pids only.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

export type ProcessSeen = { pid: number; parent: number; what: string }

/** The live server of the data folder by its postmaster.pid; undefined while there is none. */
export function findPostmaster(dataDir: string): number | undefined {
  const pid = Number(read(join(dataDir, 'postgres', 'postmaster.pid')).split('\n')[0])
  // The file of a killed server stays until the next one starts, and its pid may be anybody's by then.
  const isOurs = Number.isInteger(pid) && pid > 1 && folderOf(pid) === join(dataDir, 'postgres')
  return isOurs ? pid : undefined
}

/** The processes that a server has started: backends of clients, checkpointer, writers. */
export function findBackends(postmaster: number): ProcessSeen[] {
  return everyProcess().filter(({ pid, parent }) => parent === postmaster && folderOf(pid) !== undefined)
}

/** Everything that works in the data folder or was started for it. Zombies are not counted: nobody may reap them here. */
export function processesOn(dataDir: string): ProcessSeen[] {
  return everyProcess().filter(({ pid }) => {
    const folder = folderOf(pid)
    if (folder === undefined || pid === process.pid) return false
    return (
      folder.startsWith(dataDir) || read(`/proc/${pid}/environ`).split('\0').includes(`DATA_DIR=${dataDir}`)
    )
  })
}

/** Kills at once and for sure. False when the process had ended before. */
export function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function everyProcess(): ProcessSeen[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // "pid (name) state parent …", and the name may have spaces and brackets.
      const fields = read(`/proc/${name}/stat`).replace(/^.*\)/s, '').trim().split(' ')
      if (fields[0] === 'Z' || fields[1] === undefined) return []
      const what = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim()
      return [{ pid: Number(name), parent: Number(fields[1]), what }]
    })
}

function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
