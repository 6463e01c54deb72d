import { cpus } from 'node:os'
import type { Sample } from './closed-loop.ts'
import type { Share } from './profile.ts'

/** What was measured: one operation at so many clients by one peer. */
export type Cell = {
  operation: 'submit' | 'status' | 'complete' | 'drain'
  clients: number
  peer: string
  /** Whether the others of this operation are held against it. */
  isLimit: boolean
}

/** Processor time of a round, by whose it was, in milliseconds; null where it cannot be told. */
type Spent = { cpuMs: number | null; postgresMs: number; generatorMs: number; foreignMs: number | null }

export type Memory = { where: string; nodeMiB: number; postgresMiB: number }

type Row = Cell & {
  perSecond: number
  p50Ms: number | null
  p99Ms: number | null
  /** Median over the rounds of this peer's rate to that of the limit in the same round. */
  ofLimit: number | null
  cpuMsEach: number | null
  postgresMsEach: number
  generatorMsEach: number
}

export type Result = {
  settings: Record<string, unknown>
  machine: { cores: number; foreignCpu: number }
  rows: Row[]
  memory: Memory[]
  profiles: { operation: string; shares: Share[] }[]
  books: Record<string, unknown[]>
}

export function createReport(settings: Record<string, unknown>) {
  const cells = new Map<string, { cell: Cell; samples: Sample[]; spent: Spent[] }>()
  const memory: Memory[] = []
  const profiles: Result['profiles'] = []
  const books: Result['books'] = {}
  const notes = { ...settings }
  return {
    add: (cell: Cell, sample: Sample, spent: Spent): void => {
      const key = `${cell.operation} ${cell.clients} ${cell.peer}`
      const entry = cells.get(key) ?? { cell, samples: [], spent: [] }
      cells.set(key, entry)
      entry.samples.push(sample)
      entry.spent.push(spent)
    },
    memory: (what: Memory): void => void memory.push(what),
    profile: (operation: string, shares: Share[]): void => void profiles.push({ operation, shares }),
    books: (of: string, findings: unknown[]): void => {
      books[of] = findings
    },
    note: (what: Record<string, unknown>): void => void Object.assign(notes, what),
    result: (): Result => {
      const all = [...cells.values()]
      const rows = all.map(({ cell, samples, spent }): Row => {
        const limit = all.find(
          ({ cell: { operation, clients, isLimit } }) =>
            operation === cell.operation && clients === cell.clients && isLimit,
        )
        const count = sum(samples.map((sample) => sample.count))
        const latencies = samples.flatMap(({ latenciesMs }) => [...latenciesMs]).sort((a, b) => a - b)
        const each = (part: (one: Spent) => number): number => sum(spent.map(part)) / count
        const ratios = samples.map((sample, round) => rate(sample) / rate(limit?.samples[round]))
        return {
          ...cell,
          perSecond: median(samples.map(rate)),
          p50Ms: latencies.at(Math.floor(latencies.length * 0.5)) ?? null,
          p99Ms: latencies.at(Math.floor(latencies.length * 0.99)) ?? null,
          ofLimit: cell.isLimit || !limit ? null : median(ratios),
          cpuMsEach: spent.some(({ cpuMs }) => cpuMs === null) ? null : each(({ cpuMs }) => cpuMs ?? 0),
          postgresMsEach: each(({ postgresMs }) => postgresMs),
          generatorMsEach: each(({ generatorMs }) => generatorMs),
        }
      })
      const known = all.flatMap(({ samples, spent }) =>
        spent.flatMap(({ foreignMs }, round) =>
          foreignMs === null ? [] : [{ foreignMs, seconds: samples[round]?.seconds ?? 0 }],
        ),
      )
      const cores = cpus().length
      const available = sum(known.map(({ seconds }) => seconds)) * 1000 * cores
      return {
        settings: notes,
        machine: { cores, foreignCpu: sum(known.map(({ foreignMs }) => Math.max(0, foreignMs))) / available },
        rows,
        memory,
        profiles,
        books,
      }
    },
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const rate = (sample: Sample | undefined): number => (sample ? sample.count / sample.seconds : Number.NaN)

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

const number = (value: number | null, digits: number): string => value?.toFixed(digits) ?? '-'

/** Prints the result as Markdown, so that it can go into docs/performance.md as it is. */
export function printReport(result: Result): void {
  const lines: string[] = []
  const table = (heads: readonly string[], rows: readonly (readonly string[])[]): void => {
    lines.push(`| ${heads.join(' | ')} |`, `|${heads.map(() => '---|').join('')}`)
    for (const row of rows) lines.push(`| ${row.join(' | ')} |`)
    lines.push('')
  }
  const heads = ['operation', 'clients', 'through', 'a second', 'p50 ms', 'p99 ms', 'of the limit']
  table(
    [...heads, 'its CPU ms each', 'PostgreSQL ms each', 'generator ms each'],
    result.rows.map((row) => [
      ...[row.operation, String(row.clients), row.peer, row.perSecond.toFixed(0)],
      ...[number(row.p50Ms, 2), number(row.p99Ms, 2), row.isLimit ? '**limit**' : number(row.ofLimit, 2)],
      ...[number(row.cpuMsEach, 3), row.postgresMsEach.toFixed(3), row.generatorMsEach.toFixed(3)],
    ]),
  )
  table(
    ['memory (PSS)', 'node MiB', 'PostgreSQL MiB'],
    result.memory.map(({ where, nodeMiB, postgresMiB }) => [
      where,
      nodeMiB.toFixed(0),
      postgresMiB.toFixed(0),
    ]),
  )
  for (const { operation, shares } of result.profiles) {
    for (const kind of ['area', 'function'] as const) {
      table(
        [`${operation}: busy time by ${kind}`, '%'],
        shares.filter(({ of }) => of === kind).map(({ name, percent }) => [name, percent.toFixed(1)]),
      )
    }
  }
  const { cores, foreignCpu } = result.machine
  const broken = Object.values(result.books).flat().length
  lines.push(
    `${cores} cores; other programs took ${(100 * foreignCpu).toFixed(0)} % of them meanwhile. The books: ${broken} findings.`,
    `Settings: ${JSON.stringify(result.settings)}`,
  )
  process.stdout.write(`${lines.join('\n')}\n`)
}
