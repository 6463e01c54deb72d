import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClusterError } from './errors.ts'
import { createLockFile, tryLock } from './locks.ts'

test('locks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'atelier-locks-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.lock')
  await createLockFile(path)

  await t.test('shared goes with shared and single, alone with nothing', async () => {
    const users = [tryLock(path, 'shared'), tryLock(path, 'shared')]
    const single = tryLock(path, 'single')
    assert.ok(users.every((lock) => lock !== undefined) && single !== undefined)
    assert.equal(tryLock(path, 'single'), undefined)
    assert.equal(tryLock(path, 'alone'), undefined)
    // Making sure of the file again must not lose the locks on it.
    await createLockFile(path)
    assert.equal(tryLock(path, 'alone'), undefined)
    for (const lock of [...users, single]) lock?.release()
    const alone = tryLock(path, 'alone')
    assert.ok(alone !== undefined)
    assert.equal(tryLock(path, 'shared'), undefined)
    alone.release()
    alone.release()
  })

  await t.test('a killed process lets go at once', async () => {
    const script = `import { tryLock } from ${JSON.stringify(join(import.meta.dirname, 'locks.ts'))}
      if (tryLock(${JSON.stringify(path)}, 'alone') !== undefined) console.log('held')
      setInterval(() => globalThis.gc(), 5)`
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(tryLock(path, 'shared'), undefined)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = tryLock(path, 'alone')
    assert.ok(lock !== undefined)
    lock.release()
  })

  await t.test('a missing folder is a ClusterError', () => {
    assert.throws(() => tryLock(join(folder, 'none', 'a.lock'), 'single'), ClusterError)
  })
})
