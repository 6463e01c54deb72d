import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { Writable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { createTokens } from '../src/http/tokens.ts'
import { startTaskWorker } from '../src/jobs/task-worker.ts'
import { setAccountState } from '../src/kernel/accounts/administer.ts'
import { logIn } from '../src/kernel/accounts/log-in.ts'
import { logOut } from '../src/kernel/accounts/log-out.ts'
import { updateAccount } from '../src/kernel/accounts/update.ts'
import type { Context } from '../src/kernel/context.ts'
import { cancelTask } from '../src/kernel/generation/cancel.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { withoutQuotas } from './contracts/stage.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider, donePictures } from './fakes/provider.ts'
import type { LiveClient } from './live-client.ts'
import { connect, eventually, portOf } from './live-client.ts'

const limits = Object.fromEntries(
  ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
) as never
const lines: string[] = []
const log = pino(
  { level: 'debug' },
  new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  }),
)

let site: TestSite
let provider: FakeProvider
before(async () => {
  provider = createFakeProvider()
  site = await buildSite({
    dialect: plaza,
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
    log,
  })
  site.startWorker({ concurrency: 32 })
})
after(() => site.close())

type User = Awaited<ReturnType<typeof createUser>>
const newUser = (context = site.context): Promise<User> => createUser(context, units(1_000))

/** Submits a picture. @returns its handle, as clients know it. */
async function submit(context: Context, { accountId }: User, prompt = '猫') {
  const { taskId } = await submitTask(context, { accountId }, pictureOf(prompt))
  return (await readTaskById(context, { accountId }, taskId)).handle
}

/** What a vendor does that goes on until it is let go. */
function heldBack() {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return { release, released }
}

const endsOf = ({ messages }: LiveClient) => messages.filter(({ type }) => type !== 'task_progress')
const hasEnded = (client: LiveClient, taskId: string) => () =>
  client.of(taskId).some(({ type }) => type !== 'task_progress')
/** Waits until it has been let in: nobody is answered before. */
const isIn = async (client: LiveClient): Promise<void> => {
  await eventually(async () => {
    client.socket.send('ping')
    await sleep(20)
    return client.texts.includes('pong')
  }, 'a pong')
}

/** Progress rises, then comes one end and nothing after it. */
function assertInOrder(client: LiveClient, taskId: string): void {
  const told = client.of(taskId)
  const progress = told.flatMap((one) => (one.type === 'task_progress' ? [one.progress ?? -1] : []))
  assert.deepEqual(
    progress,
    [...new Set(progress)].sort((a, b) => a - b),
  )
  assert.equal(told.filter(({ type }) => type !== 'task_progress').length, 1, JSON.stringify(told))
  assert.notEqual(told.at(-1)?.type, 'task_progress')
}

test('a task is told of as the document writes it: progress, then its result as the task query has it', async () => {
  const user = await newUser()
  for (const path of ['/ws', '/api/v1/ws', '/ws/']) {
    const client = await connect(site, user.token, { path })
    await isIn(client)
    const { release, released } = heldBack()
    provider.next.push(async (_job, { progress }) => {
      progress(50)
      await released
      return donePictures()
    })
    const taskId = await submit(site.context, user)
    await client.until(() => client.of(taskId).some(({ progress }) => progress === 50), 'half of it')
    assert.deepEqual(client.of(taskId).at(-1), {
      type: 'task_progress',
      taskId,
      progress: 50,
      status: 'processing',
    })
    release()
    await client.until(hasEnded(client, taskId), 'the end')
    assertInOrder(client, taskId)
    const end = client.of(taskId).at(-1)
    assert.deepEqual(Object.keys(end ?? {}), ['type', 'taskId', 'result'])
    assert.equal(end?.type, 'task_complete')
    assert.match(JSON.stringify(end?.result), /\/files\/\w+\.png/)
    client.socket.close()
  }
})

test('failed and canceled tasks are told in sentences of ours; a retry is told anew', async () => {
  const user = await newUser()
  const client = await connect(site, user.token)
  await isIn(client)
  provider.next.push(async (_job, { progress }) => {
    progress(80)
    await sleep(600)
    throw new ProviderError('content', 'the vendor says: naughty')
  })
  const taskId = await submit(site.context, user)
  await client.until(hasEnded(client, taskId), 'the failure')
  assert.deepEqual(client.of(taskId).at(-1), {
    type: 'task_failed',
    taskId,
    error: '内容未通过安全审核，请修改后重试，算力已退还',
  })
  const { release, released } = heldBack()
  provider.next.push(async (_job, { progress }) => {
    progress(30)
    await released
    return donePictures()
  })
  const before = client.of(taskId).length
  await retryTask(site.context, user, taskId, { ip: null, device: null })
  await client.until(
    () =>
      client
        .of(taskId)
        .slice(before)
        .some(({ progress }) => progress === 30),
    'progress of the second go',
  )
  release()
  await client.until(() => client.of(taskId).at(-1)?.type === 'task_complete', 'the second end')
  assert.equal(endsOf(client).length, 2)

  const { released: never } = heldBack()
  provider.next.push(async (_job, { signal }) => {
    await Promise.race([never, new Promise((_resolve, reject) => signal.addEventListener('abort', reject))])
    return donePictures()
  })
  const second = await submit(site.context, user)
  await cancelTask(site.context, user, second)
  await client.until(hasEnded(client, second), 'the cancellation')
  assert.deepEqual(endsOf(client).at(-1), {
    type: 'task_failed',
    taskId: second,
    error: '任务已取消，算力已退还',
  })
  provider.next.length = 0
  client.socket.close()
})

test('whoever connects is told of every task on its way, and of ends of the last minute, not of earlier ones', async () => {
  const user = await newUser()
  const [old, recent] = [await submit(site.context, user), await submit(site.context, user)]
  const first = await connect(site, user.token)
  for (const taskId of [old, recent]) await first.until(hasEnded(first, taskId), 'an end')
  await site.context.db.pool.query(
    `update task set finished_at = now() - interval '61 seconds' where handle = $1`,
    [old],
  )
  const { release, released } = heldBack()
  provider.next.push(async (_job, { progress }) => {
    progress(41)
    await released
    return donePictures()
  })
  const running = await submit(site.context, user)
  await first.until(() => first.of(running).some(({ progress }) => progress === 41), 'progress')
  const later = await connect(site, user.token)
  await later.until((messages) => messages.length >= 2, 'what is going on')
  assert.deepEqual(
    later.messages.map(({ type, taskId, progress }) => [type, taskId, progress]),
    [
      ['task_progress', running, 41],
      ['task_complete', recent, undefined],
    ],
  )
  release()
  for (const client of [first, later]) {
    await client.until(hasEnded(client, running), 'the end')
    assertInOrder(client, running)
    client.socket.close()
  }
})

test('a task whose work was deleted, and one of a kind the document has no messages for, are not told of', async () => {
  const user = await newUser()
  const [gone, text, kept] = [
    await submit(site.context, user),
    await submit(site.context, user),
    await submit(site.context, user),
  ]
  const first = await connect(site, user.token)
  for (const taskId of [gone, text, kept]) await first.until(hasEnded(first, taskId), 'an end')
  const { pool } = site.context.db
  await pool.query(
    `update work set deleted_at = now() where task_id = (select id from task where handle = $1)`,
    [gone],
  )
  await pool.query(`update task set kind = 'text' where handle = $1`, [text])
  const later = await connect(site, user.token)
  await later.until((messages) => messages.length > 0, 'the one that is left')
  await sleep(50)
  assert.deepEqual(
    later.messages.map(({ taskId }) => taskId),
    [kept],
  )
  for (const { socket } of [first, later]) socket.close()
})

test('another account is never told: many tasks of many accounts, interleaved, over two processes', async () => {
  const users = await Promise.all(Array.from({ length: 12 }, () => newUser()))
  const clients = await Promise.all(users.map(({ token }) => connect(site, token)))
  for (const client of clients) await isIn(client)
  const other = await site.another()
  const worker = startTaskWorker(other, { concurrency: 16 })
  const own = await Promise.all(
    users.map((user, index) =>
      Promise.all(
        Array.from({ length: 8 }, (_, turn) => submit(turn % 2 ? site.context : other, user, `${index}`)),
      ),
    ),
  )
  await Promise.all(
    clients.map((client, index) =>
      client.until(() => endsOf(client).length >= 8, `all ends of ${own[index]?.join()}`),
    ),
  )
  // What is asked for changes nothing: there is nothing to subscribe to.
  const [mine, theirs] = clients
  for (const ask of [
    `{"type":"subscribe","taskId":"${own[1]?.[0]}"}`,
    `{"action":"subscribe","taskIds":["${own[1]?.[0]}"]}`,
  ])
    mine?.socket.send(ask)
  await sleep(100)
  for (const [index, client] of clients.entries()) {
    assert.deepEqual([...new Set(client.messages.map(({ taskId }) => taskId))].sort(), own[index]?.toSorted())
    for (const taskId of own[index] ?? []) assertInOrder(client, taskId)
    client.socket.close()
  }
  assert.ok(theirs)
  await worker.stop(1_000)
})

test('progress of a worker in another process arrives, and what was missed is read again', async () => {
  const apiOnly = await buildSite({
    dialect: plaza,
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
  })
  const other = await apiOnly.another()
  const worker = startTaskWorker(other, { concurrency: 4 })
  try {
    const user = await newUser(apiOnly.context)
    const client = await connect(apiOnly, user.token)
    await isIn(client)
    provider.next.push(async (_job, { progress }) => {
      progress(20)
      await sleep(700)
      return donePictures()
    })
    const taskId = await submit(apiOnly.context, user)
    await client.until(hasEnded(client, taskId), 'the end, from the other process')
    assert.ok(client.of(taskId).some(({ progress }) => progress === 20))
    assertInOrder(client, taskId)

    // The connection that listens is lost while a task ends: nobody hears of it, and the reconnect reads it.
    const { release, released } = heldBack()
    provider.next.push(async () => {
      await released
      return donePictures()
    })
    const missed = await submit(apiOnly.context, user)
    await sleep(100)
    await other.db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like '%events'`,
    )
    release()
    const since = performance.now()
    await client.until(hasEnded(client, missed), 'the end that was missed')
    assert.ok(performance.now() - since < 4_000, 'the reconnect, not the round every five seconds')
    client.socket.close()
  } finally {
    await worker.stop(1_000)
    await apiOnly.close()
  }
})

test('an event that is lost for good is made up for by the next round', async () => {
  const user = await newUser()
  const client = await connect(site, user.token)
  await isIn(client)
  const { publish } = site.context.events
  site.context.events.publish = (topic, id) => (topic === 'task' ? undefined : publish(topic, id))
  try {
    const taskId = await submit(site.context, user)
    await client.until(hasEnded(client, taskId), 'the end')
  } finally {
    site.context.events.publish = publish
  }
  client.socket.close()
})

test('what is read late, twice or out of order is told once and never backwards', async () => {
  const user = await newUser()
  const client = await connect(site, user.token)
  await isIn(client)
  const { release, released } = heldBack()
  provider.next.push(async (_job, { progress }) => {
    progress(60)
    await released
    return donePictures()
  })
  const taskId = await submit(site.context, user)
  await client.until(() => client.of(taskId).some(({ progress }) => progress === 60), 'progress')
  const again = async (change: string): Promise<void> => {
    const { rows } = await site.context.db.pool.query<{ id: bigint }>(
      `update task set ${change} where handle = $1 returning id`,
      [taskId],
    )
    for (let times = 0; times < 3; times += 1) {
      site.context.events.publish('task', rows[0]?.id)
      await sleep(30)
    }
  }
  // As a row would look that was read before the one that was told.
  await again('progress = 20')
  assert.equal(client.of(taskId).at(-1)?.progress, 60)
  release()
  await client.until(hasEnded(client, taskId), 'the end')
  await again('updated_at = now()')
  await again(`state = 'running'`)
  await again(`state = 'succeeded'`)
  assertInOrder(client, taskId)
  client.socket.close()
})

test('with nobody connected, events of tasks cost nothing', async () => {
  const user = await newUser()
  const alone = await connect(site, user.token)
  await isIn(alone)
  alone.socket.close()
  await alone.closed
  await sleep(50)
  const asked: string[] = []
  const { rows } = site.context.db
  site.context.db.rows = (what, values) => {
    asked.push(what.name)
    return rows(what, values)
  }
  try {
    site.context.events.publish('task', 1n)
    site.context.events.publish('account', user.accountId)
    await sleep(2_500)
  } finally {
    site.context.db.rows = rows
  }
  const ours = ['changed tasks', 'tasks of those who watch', 'tasks that ended', 'sessions as they are now']
  assert.deepEqual(
    asked.filter((name) => ours.includes(name)),
    [],
  )
})

const sign = (key: Buffer, name: string, session: { id: string; expiresAt: Date }, uuid: string): string =>
  createTokens(key, name, () => new Date()).sign(session, uuid)

test('without a good token a socket is closed with 4401 and told nothing', async () => {
  const user = await newUser()
  const { keys, ids } = site.context
  const soon = { id: ids.uuid(), expiresAt: new Date(Date.now() + 60_000) }
  const bad: [string, string | null][] = [
    ['none', null],
    ['empty', ''],
    ['nonsense', 'nonsense'],
    ['cut', user.token.slice(0, -1)],
    ['another key', sign(Buffer.alloc(32, 7), 'plaza', soon, ids.uuid())],
    ['another site', sign(keys.token, 'cameo', soon, ids.uuid())],
    ['no such session', sign(keys.token, 'plaza', soon, ids.uuid())],
    ['expired', sign(keys.token, 'plaza', { ...soon, expiresAt: new Date(Date.now() - 1_000) }, ids.uuid())],
  ]
  for (const [what, token] of bad) {
    const client = await connect(site, token)
    const { code, reason } = await client.closed
    assert.equal(code, 4401, what)
    assert.match(reason, /\p{Script=Han}/u, what)
    assert.deepEqual(client.texts, [], what)
  }
  for (const end of [
    () => setAccountState(site.context, user.accountId, 'disabled'),
    () => setAccountState(site.context, user.accountId, 'closed'),
  ]) {
    await end()
    assert.equal((await (await connect(site, user.token)).closed).code, 4401)
  }
})

test('a token is taken from the header and from the offered protocols too, and from any origin', async () => {
  const user = await newUser()
  const ways = [
    { headers: { authorization: `Bearer ${user.token}` } },
    { protocols: ['bearer', user.token] },
    { headers: { authorization: `Bearer ${user.token}`, origin: 'https://elsewhere.example.com' } },
  ]
  for (const way of ways) {
    const client = await connect(site, null, way)
    await isIn(client)
    assert.equal(client.socket.protocol, 'protocols' in way ? 'bearer' : '')
    client.socket.close()
  }
  // What a browser sends by itself opens nothing.
  const cookie = await connect(site, null, { headers: { cookie: `token=${user.token}` } })
  assert.equal((await cookie.closed).code, 4401)
})

test('sockets end within five seconds of logout, ban, closing, a new password and the end of the session', async () => {
  const ways: [string, (user: User, sessionId: string) => Promise<unknown>][] = [
    ['logout', ({ accountId }, sessionId) => logOut(site.context, { accountId, sessionId })],
    ['ban', ({ accountId }) => setAccountState(site.context, accountId, 'disabled')],
    ['closing', ({ accountId }) => setAccountState(site.context, accountId, 'closed')],
    [
      'password',
      ({ accountId }) => updateAccount(site.context, null, accountId, { password: 'another password' }),
    ],
    [
      'expiry',
      (_user, sessionId) =>
        site.context.db.pool.query('update session set expires_at = now() where id = $1', [sessionId]),
    ],
    [
      'a logout that nobody heard of',
      (_user, sessionId) =>
        site.context.db.pool.query('update session set ended_at = now() where id = $1', [sessionId]),
    ],
  ]
  await Promise.all(
    ways.map(async ([what, end]) => {
      const user = await newUser()
      const bystander = await newUser()
      const [client, other] = [await connect(site, user.token), await connect(site, bystander.token)]
      const { rows } = await site.context.db.pool.query('select id from session where account_id = $1', [
        user.accountId,
      ])
      await isIn(client)
      const since = performance.now()
      await end(user, rows[0].id)
      const { code } = await client.closed
      assert.equal(code, 4401, what)
      assert.ok(performance.now() - since < 5_000, `${what} took ${performance.now() - since} ms`)
      assert.equal(other.socket.readyState, other.socket.OPEN, `${what} is nobody else's`)
      other.socket.close()
    }),
  )
})

test('a logout ends the sockets of that session alone, at once where its event arrives', async () => {
  const user = await newUser()
  const { email, password, accountId, account } = user
  const { session } = await logIn(site.context, { by: 'email', name: email, password, address: null })
  const second = await connect(site, sign(site.context.keys.token, 'plaza', session, account.uuid))
  const first = await connect(site, user.token)
  await Promise.all([isIn(first), isIn(second)])
  const since = performance.now()
  // As another process would: this one hears of it by its event alone.
  await logOut(await site.another(), { accountId, sessionId: session.id })
  assert.equal((await second.closed).code, 4401)
  assert.ok(performance.now() - since < 1_000, `took ${performance.now() - since} ms`)
  assert.equal(first.socket.readyState, first.socket.OPEN)
  first.socket.close()
})

test('a plain request for the path is answered in the envelope, and an upgrade elsewhere as if it had not asked', async () => {
  const plain = await site.app.inject({ url: '/ws?token=secret' })
  assert.equal(plain.statusCode, 400)
  assert.equal(plain.json().message, '请使用 WebSocket 连接此地址')
  const upgrade = async (path: string, changes: Record<string, string> = {}, method = 'GET') => {
    const headers = {
      ...{ Host: 'localhost', Connection: 'Upgrade', Upgrade: 'websocket' },
      ...{ 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...changes },
    }
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const socket = connectTcp(await portOf(site), '127.0.0.1')
    socket.write(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
    const answer = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(String(data))),
    )
    socket.destroy()
    return answer
  }
  assert.match(await upgrade('/ws'), /^HTTP\/1.1 101 /)
  for (const [answer, status] of [
    [await upgrade('/api/v1/nowhere'), 404],
    [await upgrade('/wsx'), 404],
    [await upgrade('/ws', {}, 'POST'), 404],
    [await upgrade('/ws', { 'Sec-WebSocket-Key': 'short' }), 400],
    [await upgrade('/ws', { 'Sec-WebSocket-Version': '7' }), 400],
    [await upgrade('/ws', { Upgrade: 'h2c' }), 400],
  ] as const) {
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(answer, /"message":"[^"]+","error":"[^"]+","timestamp":\d+/)
  }
})

test('clients that send too much are closed, whatever it is', async () => {
  const user = await newUser()
  const large = await connect(site, user.token)
  await isIn(large)
  large.socket.send('x'.repeat(4_097))
  assert.equal((await large.closed).code, 1009)

  const quiet = await connect(site, user.token)
  await isIn(quiet)
  for (const small of ['', '{}', 'not json', '\u0000']) quiet.socket.send(small)
  quiet.socket.send(Buffer.from([1, 2, 3]))
  await sleep(50)
  assert.equal(quiet.socket.readyState, quiet.socket.OPEN)

  for (const [what, codes] of [
    ['noise', [1008]],
    // `ws` itself cuts off whoever has more than 60 pings waiting.
    ['pings', [1008, 1006]],
  ] as const) {
    const flood = await connect(site, user.token)
    await isIn(flood)
    for (let count = 0; count < 200; count += 1) {
      if (what === 'pings') flood.socket.ping()
      else flood.socket.send('noise')
    }
    const { code } = await flood.closed
    assert.ok(
      codes.some((one) => one === code),
      `${what}: ${code}`,
    )
  }
  const broken = connectTcp(await portOf(site), '127.0.0.1')
  broken.on('error', () => {})
  broken.write(
    `GET /ws?token=${user.token} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  await new Promise((resolve) => broken.once('data', resolve))
  // A frame without a mask, of an unknown kind.
  broken.write(Buffer.from([0xff, 0x05, 1, 2, 3, 4, 5]))
  await new Promise((resolve) => broken.once('close', resolve))
  quiet.socket.close()
})

test('an account has so many sockets and no more, and the count is in the metrics', async () => {
  const small = await buildSite({
    dialect: plaza,
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
    liveLimits: { mostSockets: 2, pingEveryMs: 40, closeGraceMs: 100 },
  })
  try {
    const metric = async (name: string): Promise<string> => {
      const { text } = { text: (await small.app.inject({ url: '/metrics' })).body }
      return text.split('\n').find((line) => line.startsWith(name)) ?? ''
    }
    const user = await newUser(small.context)
    const [first, second] = [await connect(small, user.token), await connect(small, user.token)]
    await Promise.all([isIn(first), isIn(second)])
    const third = await connect(small, user.token)
    assert.equal((await third.closed).code, 1013)
    assert.match(await metric('atelier_live_sockets'), / 2$/)
    // A browser answers pings by itself; whoever does not is gone.
    const silent = await connect(small, (await newUser(small.context)).token, { autoPong: false })
    const since = performance.now()
    assert.equal((await silent.closed).code, 1006)
    assert.ok(performance.now() - since >= 2 * 40, 'not before two pings went unanswered')
    assert.equal(first.socket.readyState, first.socket.OPEN)
    first.socket.close()
    await first.closed
    await eventually(async () => / 1$/.test(await metric('atelier_live_sockets')), 'one socket left')
    assert.match(await metric('atelier_live_closed_total{why="silent"'), / 1$/)
    const again = await connect(small, user.token)
    await isIn(again)
  } finally {
    const since = performance.now()
    await small.close()
    assert.ok(performance.now() - since < 2_000, 'closing does not hang on open sockets')
  }
})

test('the site stops: sockets are closed with 1001, those that do not answer are cut off', async () => {
  const going = await buildSite({
    dialect: plaza,
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
    liveLimits: { closeGraceMs: 300 },
  })
  const user = await newUser(going.context)
  const client = await connect(going, user.token)
  const deaf = await connect(going, user.token)
  await Promise.all([isIn(client), isIn(deaf)])
  deaf.socket.pause()
  const since = performance.now()
  const closing = going.app.close()
  assert.equal((await client.closed).code, 1001)
  await closing
  assert.ok(performance.now() - since < 2_000, `took ${performance.now() - since} ms`)
  deaf.socket.terminate()
  await going.close()
})

test('a client that does not read is closed at its limit and delays nobody', async () => {
  const padding = 'x'.repeat(200_000)
  const { live } = plaza
  assert.ok(live)
  const present: typeof live.present = (news, view) => {
    const message = live.present(news, view)
    return message && { ...message, padding }
  }
  const wide = await buildSite({
    dialect: { ...plaza, live: { ...live, present } },
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
    liveLimits: { closeGraceMs: 300 },
  })
  wide.startWorker({ concurrency: 8 })
  try {
    const user = await createUser(wide.context, units(100_000))
    const [slow, quick] = [await connect(wide, user.token), await connect(wide, user.token)]
    await Promise.all([isIn(slow), isIn(quick)])
    slow.socket.pause()
    const why = async (): Promise<string> =>
      (await wide.app.inject({ url: '/metrics' })).body
        .split('\n')
        .find((line) => line.startsWith('atelier_live_closed_total{why="slow"')) ?? ''
    let sent = 0
    for (; !(await why()) && sent < 400; sent += 1) {
      const taskId = await submit(wide.context, user)
      await quick.until(hasEnded(quick, taskId), 'what the quick one is told')
    }
    assert.ok(sent > 4 && sent < 400, `closed after ${sent} messages`)
    await eventually(why, 'the slow one is cut off')
    assert.equal(quick.socket.readyState, quick.socket.OPEN)
    slow.socket.terminate()
    quick.socket.close()
  } finally {
    await wide.close()
  }
})

test('other documents have no such path', async () => {
  const plain = await buildSite()
  try {
    assert.equal((await plain.app.inject({ url: '/ws' })).json().success, false)
    const { token } = await createUser(plain.context, units(0))
    await assert.rejects(connect(plain, token), /Unexpected server response: (404|200)/)
  } finally {
    await plain.close()
  }
})

test('no token is in a line of the log, or in the metrics', async () => {
  assert.ok(lines.length > 10, 'lines were caught')
  const told = lines.join('') + (await site.app.inject({ url: '/metrics' })).body
  assert.doesNotMatch(told, /eyJ[\w-]+\.[\w-]+/)
  assert.doesNotMatch(told, /token=/)
})
