import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./crash.ts', import.meta.url))
const ENOUGH_MS = 180_000

// The long form is `node server/test/faults/crash.ts --kills 30`. The rig finds its victims in /proc.
test('kill -9 of api, workers and PostgreSQL loses nothing that was acknowledged', {
  skip: process.platform !== 'linux' && 'needs /proc',
  timeout: ENOUGH_MS,
}, async () => {
  const child = spawn(process.execPath, [PROGRAM, '--kills', '4', '--seed', '7', '--users', '4'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Stopped softly, it clears away what it has started.
    timeout: ENOUGH_MS - 20_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, `the crash test failed:\n${output}`)
  for (const kind of ['api', 'worker', 'postmaster', 'backend']) {
    assert.match(output, new RegExp(`[1-9]\\d* ${kind}\\b`), `no ${kind} was killed:\n${output}`)
  }
})
