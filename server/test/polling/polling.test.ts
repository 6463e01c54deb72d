import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTestDatabase } from '../test-database.ts'
import type { PollingResult, PollingRun } from './run-polling.ts'
import { runPolling } from './run-polling.ts'

// A tenth of npm run bench:polling. How late asks are is measured there; here every limit is kept, whatever happens.

async function run(
  options: Pick<PollingRun, 'clips' | 'asksPerSecond' | 'seconds' | 'processes' | 'kills'> & {
    sites: number
  },
): Promise<PollingResult> {
  const databases = await Promise.all(Array.from({ length: options.sites }, createTestDatabase))
  const dataDir = await mkdtemp(join(tmpdir(), 'atelier-polling-'))
  try {
    return await runPolling({
      ...options,
      databases: databases.map(({ drop: _drop, ...connection }) => connection),
      dataDir,
      ...{ askEveryMs: 3_000, latencyMs: 20, postmaster: 0, say: () => {} },
    })
  } finally {
    await Promise.all(databases.map((database) => database.drop()))
    await rm(dataDir, { recursive: true, force: true })
  }
}

function isSound(result: PollingResult, clips: number): void {
  const { tooMany, tooSoon, repeats, findings, states } = result
  assert.deepEqual(
    { tooMany, tooSoon, repeats, findings, states },
    { tooMany: 0, tooSoon: 0, repeats: 0, findings: [], states: { succeeded: clips } },
  )
}

test('a thousand clips of two sites with one credential: no limit is exceeded, and all end', async () => {
  const result = await run({
    ...{ clips: 1_000, sites: 2, processes: 1, asksPerSecond: 150, seconds: 8, kills: false },
  })
  isSound(result, 1_000)
  assert.ok(result.mostInASecond > 75, `${result.mostInASecond}: the limit was never come near`)
  assert.ok(result.statementsPerCheck < 2, `${result.statementsPerCheck} statements a check`)
})

test('two processes on one site, one of which is killed in the middle: no limit is exceeded, and all end', async () => {
  const result = await run({
    ...{ clips: 600, sites: 1, processes: 2, asksPerSecond: 100, seconds: 12, kills: true },
  })
  isSound(result, 600)
})
