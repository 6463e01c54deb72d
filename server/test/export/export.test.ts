// Exports of a hundred thousand transactions over real HTTP. What a million take is printed by `npm run test:export`.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { units } from '../../src/kernel/money.ts'
import type { TestSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { runAsSuperuser } from '../test-database.ts'
import { download } from './download.ts'
import type { Seeded } from './seed.ts'
import { EXPORT, memory, openSeededSite } from './site.ts'

const COUNT = 100_000
/** How much more may be in use while all rows pass than before; the file is 25 MB, its rows as objects far more. */
const MOST_GROWTH_MB = 16
/** The whole process, over the second half of the rows: during the first V8 makes room for short-lived objects. */
const MOST_RSS_GROWTH_MB = 32

let site: TestSite
let seeded: Seeded
let url: string
let port: number
let token: string
/** How often a connection was taken from the pool: once for each page of an export. */
let asked = 0
const sockets: Socket[] = []
before(async () => {
  ;({ site, seeded, url, port, token } = await openSeededSite(COUNT))
  site.context.db.pool.on('acquire', () => {
    asked += 1
  })
})
after(() => {
  // Closing waits for answers under way, and a failed test may have left one that nobody reads.
  for (const socket of sockets) socket.destroy()
  return site.close()
})

test('an export has every row once, newest first, in constant memory', async () => {
  await download(`${url}?type=admin_adjustment`, token)
  const start = memory()
  const samples: { rss: number; used: number }[] = []
  const seen = await download(url, token, (rows) => {
    if (rows >= ((samples.length + 1) * COUNT) / 10) samples.push(memory())
  })
  assert.equal(seen.status, 200)
  assert.equal(seen.headers['content-type'], 'text/csv; charset=utf-8')
  assert.equal(seen.rows, seeded.transactions)
  assert.equal(seen.sum, seeded.sum * 10_000n)
  assert.ok(seen.isNewestFirst)
  assert.equal(samples.length, 10)
  const used = samples.map((sample) => sample.used)
  const rss = samples.slice(4).map((sample) => sample.rss)
  assert.ok(Math.max(...used) - start.used < MOST_GROWTH_MB, `MB in use: ${start.used}, ${used.join(', ')}`)
  assert.ok(Math.max(...rss) - (rss[0] ?? 0) < MOST_RSS_GROWTH_MB, `MB of the process: ${rss.join(', ')}`)
})

test('the head of the file is there before any row has been read', async () => {
  const { pool } = site.context.db
  // Nobody reads entries until this lets go; the head must not wait for it.
  const blocker = await pool.connect()
  try {
    await blocker.query('begin')
    await blocker.query('lock table entry in access exclusive mode')
    const client = await openExport()
    const text = await client.until((all) => all.includes('\r\n\r\n') && all.includes('ID,Time,'))
    assert.match(text, /^HTTP\/1\.1 200 /)
    client.socket.destroy()
  } finally {
    await blocker.query('rollback')
    blocker.release()
  }
  await quiet()
})

test('the rows of one account are exported through its own chain', async () => {
  const { rows } = await site.context.db.pool.query<{ id: bigint }>(
    `select id from account where username = 'seed7'`,
  )
  const seen = await download(`${url}?user_id=${rows[0]?.id}`, token)
  assert.equal(seen.rows, COUNT / 1_000)
  assert.equal(seen.sum, BigInt(COUNT / 2_000) * 10_000n)
  assert.ok(seen.isNewestFirst)
})

test('entries posted while an export runs are not part of it', async () => {
  const client = await openExport()
  await client.until((all) => all.includes('user_consume'))
  client.socket.pause()
  await createUser(site.context, units(5))
  client.socket.resume()
  const text = await client.untilEnd()
  assert.equal(text.match(/\r\n\d+,2/g)?.length, (await countNow()) - 1)
})

test('a client that reads a kilobyte a second is waited for in constant memory, without a connection', async () => {
  const client = await openExport()
  await client.until((all) => all.includes('user_consume'))
  client.socket.pause()
  await quiet()
  const start = { ...memory(), asked }
  let read = 0
  for (let second = 0; second < 5; second += 1) {
    await sleep(1_000)
    read += client.socket.read(1_024)?.length ?? 0
    assert.equal(site.context.db.load().total, site.context.db.load().idle, 'no connection is in use')
  }
  assert.ok(read > 0, 'the client reads')
  const pages = asked - start.asked
  // The kernel's own socket buffers grow to some megabytes, which is some tens of pages, and then nothing is read.
  assert.ok(pages <= 40 && pages < COUNT / 500 / 2, `${pages} pages were read for a few kilobytes`)
  assert.ok(memory().used - start.used < MOST_GROWTH_MB)
  client.socket.resume()
  // And it is worth waiting: the file is whole.
  assert.match(await client.untilEnd(), /\r\n0\r\n\r\n$/)
})

test('a client that leaves in the middle stops the reading', async () => {
  const client = await openExport()
  await client.until((all) => all.includes('user_consume'))
  const start = asked
  client.socket.destroy()
  await quiet()
  assert.ok(asked - start < 20, `${asked - start} of ${COUNT / 500} pages were read for nobody`)
  const { total, idle, waiting } = site.context.db.load()
  assert.deepEqual({ used: total - idle, waiting }, { used: 0, waiting: 0 })
})

test('a database that fails in the middle breaks the connection off: no part passes for the whole', async () => {
  const client = await openExport()
  await client.until((all) => all.includes('user_consume'))
  client.socket.pause()
  await quiet()
  await runAsSuperuser(`alter database ${site.database} allow_connections false`)
  try {
    await runAsSuperuser(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${site.database}'`,
    )
    client.socket.resume()
    const text = await client.untilEnd()
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/, 'the last chunk would say that all has come')
    await assert.rejects(download(url, token))
  } finally {
    await runAsSuperuser(`alter database ${site.database} allow_connections true`)
  }
})

test('asking for the head of an export reads no row', async () => {
  const { pool } = site.context.db
  const blocker = await pool.connect()
  try {
    // Whoever reads entries waits here, and can be counted; what the site asks for on its own account is let through.
    await blocker.query('begin')
    await blocker.query('lock table entry in access exclusive mode')
    const answer = await fetchHead()
    assert.equal(answer.status, 200)
    assert.equal(answer.type, 'text/csv; charset=utf-8')
    await quiet()
    const { rows } = await blocker.query<{ count: bigint }>(
      `select count(*) from pg_locks where relation = 'entry'::regclass and not granted`,
    )
    assert.equal(Number(rows[0]?.count), 0, 'statements that wait for entries')
  } finally {
    await blocker.query('rollback')
    blocker.release()
  }
})

/** An export on a bare socket, so that how fast it is read and how it ends are seen. */
async function openExport() {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let all = ''
  let isOver = false
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    all += bytes.toString('latin1')
  })
  socket.on('close', () => {
    isOver = true
  })
  socket.write(
    `GET ${EXPORT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
  )
  const until = async (isThere: (all: string) => boolean): Promise<string> => {
    const endsAt = performance.now() + 60_000
    while (!isThere(all) && !isOver) {
      assert.ok(performance.now() < endsAt, `waited too long after ${all.length} bytes`)
      await sleep(5)
    }
    return all
  }
  return { socket, until, untilEnd: () => until(() => isOver) }
}

/** Waits until nothing has been asked of the database for a while: buffers are full, or nobody is there. */
async function quiet(): Promise<void> {
  for (let before = -1; before !== asked; ) {
    before = asked
    await sleep(300)
  }
}

async function countNow(): Promise<number> {
  const { rows } = await site.context.db.pool.query<{ count: bigint }>(
    'select count(*) from entry where available_before <> available_after',
  )
  return Number(rows[0]?.count)
}

async function fetchHead(): Promise<{ status: number; type: unknown }> {
  const { statusCode, headers } = await site.app.inject({
    method: 'HEAD',
    url: EXPORT,
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: statusCode, type: headers['content-type'] }
}
