// What the operating system says of processes: memory and processor time. Linux only; zero elsewhere.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const JIFFY_MS = 10

/** A server's pid, from the file it keeps in its data folder. */
export async function postmasterPid(dataDir: string): Promise<number> {
  for (const entry of await readdir(dataDir, { recursive: true })) {
    if (entry.endsWith('postmaster.pid'))
      return Number((await readFile(join(dataDir, entry), 'utf8')).split('\n')[0])
  }
  return 0
}

/** A process and its children. */
export async function familyOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return [pid, ...text.trim().split(' ').filter(Boolean).map(Number)]
}

/** Proportional set size: shared pages are divided among those who share them, so sums are true. In MiB. */
export async function pssMiB(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
      return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0)
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0) / 1024
}

/** Processor time of a process with its children, those that have ended included, in milliseconds. */
export async function familyCpuMs(pid: number): Promise<number> {
  const ticks = await Promise.all(
    (await familyOf(pid)).map(async (one, index) => {
      const text = await readFile(`/proc/${one}/stat`, 'utf8').catch(() => '')
      const fields = text
        .slice(text.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number)
      const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
      return user + system + (index === 0 ? endedUser + endedSystem : 0)
    }),
  )
  return ticks.reduce((sum, one) => sum + one, 0) * JIFFY_MS
}

/** Processor time of the whole machine that was not idle, in milliseconds. */
export async function machineCpuMs(): Promise<number> {
  const line = (await readFile('/proc/stat', 'utf8').catch(() => '')).split('\n')[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softIrq) * JIFFY_MS
}
