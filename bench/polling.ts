// npm run bench:polling: so many clips under way at one vendor that counts how it is asked after them. What is measured,
// on the vendor's clock, is how late each look at a job comes after the vendor's limits would have let it, that no limit
// is ever exceeded, and what that costs; see server/test/polling/judge.ts for what exactly is meant.
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openCluster } from '../server/src/db/embedded/cluster.ts'
import type { PollingResult } from '../server/test/polling/run-polling.ts'
import { runPolling } from '../server/test/polling/run-polling.ts'
import { postmasterPid } from './processes.ts'

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    clips: { type: 'string', default: '10000' },
    'asks-per-second': { type: 'string', default: '200' },
    'ask-every-ms': { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '90' },
    sites: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
    'latency-ms': { type: 'string', default: '0' },
    kill: { type: 'boolean', default: false },
  },
})
const asksPerSecond = flags['asks-per-second'] === 'none' ? null : Number(flags['asks-per-second'])
const askEveryMs = Number(flags['ask-every-ms'])

const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`)

async function main(): Promise<boolean> {
  const dataDir = await mkdtemp(join(tmpdir(), 'atelier-polling-'))
  const cluster = await openCluster({ dataDir, role: 'own', log: () => {} })
  const end = async (): Promise<void> => {
    await cluster.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end().finally(() => process.exit(1)))
  try {
    const result = await runPolling({
      databases: Array.from({ length: Number(flags.sites) }, (_site, index) =>
        cluster.connection(`bench_polling_${index}`),
      ),
      ...{ dataDir, asksPerSecond, askEveryMs, say, kills: flags.kill },
      clips: Number(flags.clips),
      seconds: Number(flags.seconds),
      processes: Number(flags.processes),
      latencyMs: Number(flags['latency-ms']),
      postmaster: await postmasterPid(dataDir),
    })
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else print(result)
    return isSound(result)
  } finally {
    await end()
  }
}

/** Limits kept, every clip there and paid once, and the books true. */
function isSound({ tooMany, tooSoon, repeats, findings, states }: PollingResult): boolean {
  const isWhole = states.succeeded === Number(flags.clips)
  return tooMany + tooSoon + repeats + findings.length === 0 && isWhole
}

/** Prints the result as Markdown, so that it can go into docs/performance.md as it is. */
function print(result: PollingResult): void {
  const { late, lateAfterIdeal, statements, asks } = result
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`
  const spread = ({ p50Ms, p99Ms, maxMs }: PollingResult['late']): string =>
    `p50 ${p50Ms.toFixed(0)}, p99 ${p99Ms.toFixed(0)}, max ${maxMs.toFixed(0)} ms`
  const used =
    asksPerSecond === null ? '' : ` (${percent(result.perSecond / asksPerSecond)} of what is allowed)`
  const lines = [
    `${flags.clips} clips, ${flags.sites} sites in ${flags.processes} processes${flags.kill ? ', one killed in the middle' : ''}; at most ${asksPerSecond ?? 'any number of'} asks a second, each job at most once in ${askEveryMs} ms; the vendor answers after ${flags['latency-ms']} ms.`,
    '',
    '| what | measured |',
    '|---|---|',
    `| asks a second while all were under way | ${result.perSecond.toFixed(1)}${used} |`,
    `| late after the vendor's limits let it | ${spread(late)} |`,
    `| late after an ideal asker | ${spread(lateAfterIdeal)} |`,
    `| the same, job by job | ${spread(result.jobsLateAfterIdeal)} |`,
    `| seconds with too many asks, looks too soon | ${result.tooMany}, ${result.tooSoon} of ${asks} asks |`,
    `| most asks in any second, least time between two looks | ${result.mostInASecond}, ${result.leastBetweenMs.toFixed(0)} ms |`,
    `| worker PSS | ${result.pssMiB.map((size) => size.toFixed(0)).join(' and ')} MiB (${result.idleMiB.toFixed(0)} before it had anything to do; ${result.heapMiB.map((size) => size.toFixed(0)).join(' and ')} MiB of the heap are no garbage) |`,
    `| CPU of one core: workers, vendor, PostgreSQL | ${[result.workerCpu, result.vendorCpu, result.postgresCpu].map(percent).join(', ')} |`,
    `| statements, commits a check | ${result.statementsPerCheck.toFixed(2)}, ${result.commitsPerCheck.toFixed(2)} |`,
    `| tasks in hand at most | ${result.peakBusy} |`,
    `| clips that ended | ${JSON.stringify(result.states)}, all under way in ${result.startSeconds.toFixed(0)} s, ended in ${result.finishSeconds.toFixed(0)} s |`,
    `| started twice, findings in the books | ${result.repeats}, ${result.findings.length} |`,
    '',
    `Statements: ${statements.map(([name, times]) => `${name} ${times}`).join(', ')}.`,
    `Load average: ${loadavg()
      .map((one) => one.toFixed(1))
      .join(', ')}.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

const isGood = await main()
if (!isGood) process.stderr.write('A limit was exceeded, a clip was lost or the books are wrong.\n')
process.exit(isGood ? 0 : 1)
