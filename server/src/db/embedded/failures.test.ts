import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClusterError, type ClusterErrorCode, openCluster } from './cluster.ts'
import { explainOutput } from './errors.ts'
import {
  ask,
  beforeRemoval,
  eventually,
  isRoot,
  makeCreatedDataDir,
  makeDataDir,
  serverPid,
} from './test-support.ts'

const quiet = () => {}

/** Expects a refusal in one sentence, within 5 s, that leaves no process behind. */
async function refuses(dataDir: string, code: ClusterErrorCode, words: RegExp): Promise<void> {
  const start = performance.now()
  await assert.rejects(
    openCluster({ dataDir, role: 'own', log: quiet, durable: false }),
    (error: unknown) => {
      assert.ok(error instanceof ClusterError)
      assert.equal(error.code, code, error.message)
      assert.match(error.message, words)
      assert.match(error.message, /^[A-Z/].*\.$/)
      assert.ok(!error.message.includes('\n'))
      return true
    },
  )
  assert.ok(performance.now() - start < 5_000)
  assert.equal(await serverPid(dataDir), undefined)
}

test('a data folder that is a file', async (t) => {
  const file = join(await makeDataDir(t), 'file')
  writeFileSync(file, '')
  await refuses(file, 'data_dir_unusable', /is a file/)
  await refuses(join(file, 'below'), 'data_dir_unusable', /is a file/)
})

test('a data folder that may not be written', { skip: isRoot }, async (t) => {
  const dataDir = await makeDataDir(t)
  chmodSync(dataDir, 0o500)
  await refuses(dataDir, 'data_dir_unusable', /may not/)
})

test('a cluster of another major version', async (t) => {
  const dataDir = await makeDataDir(t)
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '16\n')
  writeFileSync(join(dataDir, 'postgres-password'), 'kept\n')
  await refuses(dataDir, 'other_version', /PostgreSQL 16/)
})

test('a folder of something else in place of the cluster', async (t) => {
  const dataDir = await makeDataDir(t)
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(join(dataDir, 'postgres', 'note'), '')
  await refuses(dataDir, 'not_a_cluster', /holds no PostgreSQL database/)
  rmSync(join(dataDir, 'postgres', 'note'))
  const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
  beforeRemoval(dataDir, cluster.stop)
  await cluster.stop()
})

test('a lost password, a wrong password, a damaged cluster', async (t) => {
  const dataDir = await makeCreatedDataDir(t)
  const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
  beforeRemoval(dataDir, cluster.stop)
  await cluster.stop()
  writeFileSync(join(dataDir, 'postgres-password'), 'wrong\n')
  await refuses(dataDir, 'password_lost', /does not take the password/)
  rmSync(join(dataDir, 'postgres-password'))
  await refuses(dataDir, 'password_lost', /is missing/)
  writeFileSync(join(dataDir, 'postgres-password'), `${cluster.connection('x').password}\n`)
  rmSync(join(dataDir, 'postgres', 'global', 'pg_control'))
  await refuses(dataDir, 'start_failed', /pg_control/)
})

// A mount needs a privilege that root in a container may lack.
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0

test('a full disk and a read-only one', { skip: !canMount }, async (t) => {
  const dataDir = await makeDataDir(t)
  const mount = (...args: string[]) => assert.equal(spawnSync('mount', [...args, dataDir]).status, 0)
  mount('-t', 'tmpfs', '-o', 'size=10m', 'tmpfs')
  beforeRemoval(dataDir, () => spawnSync('umount', ['--lazy', dataDir]))
  await refuses(dataDir, 'disk_full', /is full/)
  mount('-o', 'remount,size=400m')
  const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
  beforeRemoval(dataDir, cluster.stop)
  assert.equal(await ask(cluster.connection('postgres'), 'SELECT 1'), 1)
  await cluster.stop()
  spawnSync('fallocate', ['-l', '1g', join(dataDir, 'filler')])
  spawnSync('sh', ['-c', 'cat /dev/zero > "$0"', join(dataDir, 'filler')])
  await refuses(dataDir, 'disk_full', /is full/)
  rmSync(join(dataDir, 'filler'))
  mount('-o', 'remount,ro')
  await refuses(dataDir, 'data_dir_unusable', /read-only/)
  mount('-o', 'remount,rw')
  const again = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
  beforeRemoval(dataDir, again.stop)
  await again.stop()
})

test('a data folder that vanishes under a running Atelier is not created anew', async (t) => {
  const dataDir = await makeCreatedDataDir(t)
  const events: string[] = []
  const log = (event: string) => events.push(event)
  const cluster = await openCluster({ dataDir, role: 'own', log, durable: false })
  beforeRemoval(dataDir, cluster.stop)
  const pid = await serverPid(dataDir)
  rmSync(join(dataDir, 'postgres'), { recursive: true })
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
  await eventually(
    () => events.filter((event) => event === 'postgres_restart_failed').length > 1 || undefined,
  )
  assert.equal(existsSync(join(dataDir, 'postgres')), false)
  const start = performance.now()
  await cluster.stop()
  assert.ok(performance.now() - start < 1_000)
})

test('complaints of the server become sentences', () => {
  const complaints: [string, ClusterErrorCode][] = [
    [
      'FATAL:  could not resize shared memory segment "/PostgreSQL.1": No space left on device',
      'shared_memory',
    ],
    ['FATAL:  could not write lock file "postmaster.pid": No space left on device', 'disk_full'],
    ['FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use', 'still_in_use'],
    ['initdb: error: could not look up effective user ID 4242: user does not exist', 'no_service_user'],
    ['postgres: error while loading shared libraries: libz.so.1: cannot open', 'binaries_unusable'],
    ['FATAL:  could not open file "global/pg_control": Permission denied', 'data_dir_unusable'],
    ['FATAL:  the unexpected', 'start_failed'],
  ]
  for (const [output, code] of complaints) {
    const error = explainOutput('postgres', output, '/data')
    assert.equal(error.code, code)
    assert.match(error.message, /^[A-Z].*\.$/)
  }
})
