// Plants one money bug at a time into a copy of the code and expects one named test to notice (npm run
// test:mutants; --list shows the bugs, --only <name>,… plants those whose names contain one of them). What each
// stands for: docs/testing.md.
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Planted } from './mutants/planted.ts'
import { PLANTED } from './mutants/planted.ts'
import type { TestResult } from './mutants/reporter.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A bug may make a test wait for what never comes; that is no assertion, and so not caught. */
const TEST_TIMEOUT_MS = 60_000
const RUN_TIMEOUT_MS = 120_000
/** How long a run may take whose tests have ended. */
const LINGER_MS = 20_000

/** Never copied. `data` is a developer's own database. */
const LEFT_BEHIND = new Set(['node_modules', '.git', 'data'])

type Verdict = { planted: Planted; isCaught: boolean; says: string; seconds: number }

/** Copies the code, so that nothing here touches the checkout; packages are the checkout's own. */
async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (path) =>
      !relative(from, path)
        .split(sep)
        .some((part) => LEFT_BEHIND.has(part)),
  })
  for (const place of ['node_modules', 'server/node_modules']) {
    await symlink(join(root, place), join(to, place))
  }
}

/** Runs tests of one file, as `npm test` does, in the tree `at`; returns how each that ran has ended. */
async function runTests(
  at: string,
  file: string,
  names: readonly string[],
): Promise<{ results: TestResult[]; output: string }> {
  const report = join(at, 'report.jsonl')
  await rm(report, { force: true })
  const args = [
    'scripts/test.ts',
    // Options first: node takes what follows a file for the file's own arguments.
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    '--test-reporter=./scripts/mutants/reporter.ts',
    `--test-reporter-destination=${report}`,
    ...names.map((name) => `--test-name-pattern=^${escaped(name)}$`),
    file,
  ]
  const child = spawn(process.execPath, args, { cwd: at, stdio: ['ignore', 'pipe', 'pipe'] })
  running = child
  const startedMs = performance.now()
  const watch = setInterval(async () => {
    // A hook that finds the books broken may leave its site open, and with it the run: then the results are
    // there and the run is ended from here. Its global teardown stops the database.
    const ended = (await readResults(report)).length >= names.length
    if (performance.now() - startedMs > (ended ? LINGER_MS : RUN_TIMEOUT_MS)) child.kill('SIGTERM')
  }, 1_000)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  await new Promise((resolve) => child.once('close', resolve))
  clearInterval(watch)
  running = undefined
  return { results: await readResults(report), output }
}

async function readResults(report: string): Promise<TestResult[]> {
  const text = await readFile(report, 'utf8').catch(() => '')
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line))
}

let running: ReturnType<typeof spawn> | undefined

/** A name as a pattern that means just it. */
function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** The changes of a planted bug, applied to the texts of their files. @throws where one does not apply */
async function plant(at: string, planted: Planted): Promise<void> {
  for (const { file, find, replace } of planted.changes) {
    const path = join(at, file)
    const text = await readFile(path, 'utf8')
    const times = text.split(find).length - 1
    if (times !== 1)
      throw new Error(`no longer applies: ${times} places in ${file} read ${JSON.stringify(find)}`)
    await writeFile(
      path,
      text.replace(find, () => replace),
    )
  }
}

/** The tests that must pass before any bug is planted, file by file. @returns what is wrong with them */
async function checkUnchanged(at: string, chosen: readonly Planted[]): Promise<string[]> {
  const problems: string[] = []
  for (const [file, group] of Map.groupBy(chosen, ({ caughtBy }) => caughtBy.file)) {
    const names = [...new Set(group.map(({ caughtBy }) => caughtBy.test))]
    const { results, output } = await runTests(at, file, names)
    for (const name of names) {
      const result = results.find((one) => one.name === name)
      if (!result) problems.push(`${file} has no test "${name}"\n${output.slice(-2_000)}`)
      else if (!result.passed) problems.push(`"${name}" fails without any bug planted: ${result.message}`)
    }
    console.log(`unchanged: ${names.length} tests of ${file} ran`)
  }
  return problems
}

async function tryOne(at: string, planted: Planted): Promise<Omit<Verdict, 'seconds'>> {
  try {
    await plant(at, planted)
  } catch (error) {
    return { planted, isCaught: false, says: (error as Error).message }
  }
  const { file, test } = planted.caughtBy
  const { results, output } = await runTests(at, file, [test])
  const result = results.find(({ name }) => name === test)
  if (result?.failedAnAssertion) return { planted, isCaught: true, says: `caught by "${test}"` }
  if (result?.passed) return { planted, isCaught: false, says: `survived "${test}"` }
  // The bug kept the tests from running, or broke them in a way that says nothing about money.
  const why = result ? result.message : output.slice(-2_000)
  return { planted, isCaught: false, says: `"${test}" did not fail by an assertion: ${why}` }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, list: { type: 'boolean' } } })
  const parts = values.only?.split(',')
  const chosen = PLANTED.filter(({ name }) => parts?.some((part) => name.includes(part)) ?? true)
  if (chosen.length === 0) throw new Error(`No planted bug is called ${values.only}; --list shows them.`)
  if (values.list) {
    for (const { name, costs } of chosen) console.log(`${name.padEnd(34)} ${costs}`)
    return
  }

  const folder = await mkdtemp(join(tmpdir(), 'atelier-mutants-'))
  const stop = (): void => {
    running?.kill('SIGTERM')
    process.exitCode = 1
    stopped = true
  }
  let stopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  try {
    // One copy for all: whoever goes on working in the checkout changes nothing under our feet.
    const unchanged = join(folder, 'unchanged')
    await copyTree(root, unchanged)
    const problems = await checkUnchanged(unchanged, chosen)
    if (problems.length > 0) throw new Error(problems.join('\n'))

    const verdicts: Verdict[] = []
    for (const planted of chosen) {
      if (stopped) return
      const at = join(folder, planted.name)
      await copyTree(unchanged, at)
      const startedMs = performance.now()
      const verdict = { ...(await tryOne(at, planted)), seconds: (performance.now() - startedMs) / 1_000 }
      if (stopped) return
      verdicts.push(verdict)
      console.log(
        `${verdict.isCaught ? 'ok  ' : 'FAIL'} ${planted.name}: ${verdict.says} (${verdict.seconds.toFixed(1)} s)`,
      )
      await rm(at, { recursive: true, force: true })
    }
    print(verdicts)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function print(verdicts: readonly Verdict[]): void {
  const caught = verdicts.filter(({ isCaught }) => isCaught)
  const width = Math.max(...verdicts.map(({ planted }) => planted.name.length))
  console.log()
  for (const { planted, isCaught, seconds } of verdicts) {
    const { file, test } = planted.caughtBy
    const by = isCaught ? `${file}: ${test}` : 'NOT CAUGHT'
    console.log(`${planted.name.padEnd(width)}  ${seconds.toFixed(1).padStart(5)} s  ${by}`)
  }
  const total = verdicts.reduce((sum, { seconds }) => sum + seconds, 0)
  console.log(`\n${caught.length} of ${verdicts.length} caught in ${total.toFixed(0)} s`)
  if (caught.length < verdicts.length) process.exitCode = 1
}

await main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
