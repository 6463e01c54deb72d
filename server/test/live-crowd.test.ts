import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

type Row = { what: string; through: string; steps: number; lost: number; wrong: number; delivered: number }

// A tenth of `npm run bench:live`, which says how fast; this says that everybody is told of their own and nobody of more.
test('two hundred sockets on one process are each told of their own task, of every step and of nothing else', async () => {
  const bench = fileURLToPath(new URL('../../bench/live.ts', import.meta.url))
  const flags = ['--json', '--sockets', '200', '--seconds', '2', '--bursts', '1']
  const { stdout } = await promisify(execFile)(process.execPath, [bench, ...flags], { timeout: 240_000 })
  const { rows, open, replayed } = JSON.parse(stdout) as { rows: Row[]; open: number[]; replayed: number }
  assert.deepEqual(open, [200, 200])
  assert.equal(replayed, 200, 'each was told of its running task on connect')
  for (const through of ['the site', 'bare ws']) {
    const theirs = rows.filter((row) => row.through === through)
    assert.equal(theirs.length, 2)
    for (const { what, steps, lost, wrong, delivered } of theirs) {
      assert.ok(steps >= 200 && delivered > 0, `${what}: ${steps} steps, ${delivered} told`)
      assert.deepEqual({ lost, wrong }, { lost: 0, wrong: 0 }, `${what} through ${through}`)
    }
  }
})
