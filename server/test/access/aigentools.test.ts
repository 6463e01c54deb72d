import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import sharp from 'sharp'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import { buildApp } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { setAccountState } from '../../src/kernel/accounts/administer.ts'
import { units } from '../../src/kernel/money.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { accessAigentools, aModel, finishedTask } from './aigentools.ts'
import type { Answer } from './ground.ts'
import { limitsOf, nameOf, WITHIN_MS } from './ground.ts'
import { testAccess } from './suite.ts'

const ground = testAccess(accessAigentools)
const { call, url, urlOf } = ground

const aUser = (yuan = 100) => createUser(ground.site.context, units(yuan))
const anAdmin = () => createUser(ground.site.context, units(0), { role: 'admin' })
const get = (path: string, token: string) => call('GET', url(path), { token })

/** Submitted and waiting for approval. */
async function aTask(token: string): Promise<number> {
  const { status, data, text } = await call('POST', url('/tasks'), { token, body: ground.purchase })
  assert.equal(status, 200, text)
  return Number(data?.id)
}

test('a user is 403 on every route for administrators, and none of them is open by mistake', async () => {
  const { token } = await aUser()
  const closed = ground.guarded.filter(({ allow }) => allow === 'admin')
  for (const one of closed) {
    for (const body of [{}, { name: 'x', status: 'open', amount: 1, type: 'credit', role: 'admin' }]) {
      const answer = await call(one.method, urlOf(one), { token, ...(one.body && { body }) })
      assert.deepEqual([answer.status, answer.code, answer.data], [403, 403, null], nameOf(one))
      assert.match(answer.message, /admin/i)
    }
  }
  assert.deepEqual(closed.map(nameOf).sort(), [
    'DELETE /admin/payment/config/:id',
    'DELETE /admin/users/:id',
    'GET /admin/payment/config',
    'GET /admin/transactions',
    'GET /admin/transactions/export',
    'GET /admin/users',
    'PATCH /admin/users/:id',
    'PATCH /models/:id/status',
    'PATCH /tasks/:id/approve',
    'POST /admin/payment/config',
    'POST /admin/users/:id/balance',
    'POST /models/create',
    'PUT /admin/payment/config/:id',
    'PUT /models/:id',
  ])
  const open = aigentools.routes.filter(({ allow }) => allow === 'public').map(nameOf)
  assert.deepEqual(open.sort(), ['POST /auth/login', 'POST /auth/register'])
  assert.equal(aigentools.routes.length, 31, 'and the route of notifications')
})

test("somebody else's task is 404, to retry it 403, and nothing happens to it; an administrator reaches it", async () => {
  const [alice, bob, admin] = [await aUser(), await aUser(), await anAdmin()]
  const id = await aTask(bob.token)
  const before = await get(`/tasks/${id}`, bob.token)
  const reach: [method: string, path: string, body?: object][] = [
    ['GET', `/tasks/${id}`],
    ['PUT', `/tasks/${id}`, ground.purchase],
    ['POST', `/tasks/${id}/cancel`],
  ]
  for (const [method, path, body] of reach) {
    const answer = await call(method, url(path), { token: alice.token, ...(body && { body }) })
    assert.deepEqual([answer.status, answer.code, answer.data], [404, 404, null], `${method} ${path}`)
    const missing = path.replace(String(id), '999999999')
    const nothing = await call(method, url(missing), { token: alice.token, ...(body && { body }) })
    assert.equal(nothing.text, answer.text, 'as if it were not there')
  }
  for (const { token } of [alice, admin])
    assert.equal((await call('POST', url(`/tasks/${id}/retry`), { token })).status, 403)
  assert.equal((await call('POST', url('/tasks/999999999/retry'), { token: alice.token })).status, 404)
  assert.equal((await get(`/tasks/${id}`, bob.token)).text, before.text)
  assert.equal((await get(`/tasks/${id}`, admin.token)).text, before.text)
  // Neither may the owner do what is for administrators.
  assert.equal((await call('PATCH', url(`/tasks/${id}/approve`), { token: bob.token })).status, 403)
  assert.equal((await get(`/tasks/${id}`, bob.token)).data?.status, 1)
})

test("no list shows another's rows, and no model that is not open, whatever is asked", async () => {
  const users = await Promise.all([1, 2, 3].map(() => aUser()))
  for (const { token } of users) for (let times = 0; times < 2; times += 1) await aTask(token)
  const [draft, closed] = [
    await aModel(ground.site.context, { title: 'secret draft', state: 'draft' }),
    await aModel(ground.site.context, { title: 'secret closed', state: 'closed' }),
  ]
  for (const { token, accountId } of users) {
    const other = users.find(({ accountId: id }) => id !== accountId)?.accountId
    for (const query of [
      '',
      `creator_id=${other}`,
      `creator_id=${other}&user_id=${other}`,
      'creator_id=0',
      'status=1',
    ]) {
      const { data } = await get(`/tasks?page_size=200&${query}`, token)
      const { items, total } = data as { items: { creator_id: number }[]; total: number }
      assert.deepEqual([items.length, total], [2, 2], query)
      for (const { creator_id } of items) assert.equal(creator_id, Number(accountId), query)
    }
    for (const status of ['', 'draft', 'closed', 'open']) {
      const { text } = await get(`/models?limit=200&name=secret&status=${status}`, token)
      assert.doesNotMatch(text, /secret (draft|closed)/)
    }
    assert.doesNotMatch((await get('/models/names', token)).text, /secret (draft|closed)/)
    for (const { id } of [draft, closed]) {
      assert.equal((await get(`/models/${id}/parameters`, token)).status, 404)
      const body = { body: { model_id: Number(id), prompt: 'x' } }
      assert.equal((await call('POST', url('/tasks'), { token, body })).status, 404)
    }
    assert.equal((await get('/auth/user', token)).data?.id, Number(accountId))
  }
})

test("an order is its payer's, and nobody else learns of it", async () => {
  const admin = await anAdmin()
  const config = { pid: '4711', key: 'the-key-of-the-merchant', gateway: 'https://pay.example.com' }
  const channel = { name: 'x', payment_method: 'epay', config }
  const made = await call('POST', url('/admin/payment/config'), { token: admin.token, body: channel })
  const { token } = await aUser()
  const methods = await get('/payment/methods', token)
  assert.deepEqual(methods.data, [{ uuid: made.data?.uuid, type: 'epay', name: 'x' }])
  assert.doesNotMatch(methods.text, /4711|the-key|pay\.example/)
  for (const { text } of [await get('/admin/payment/config', admin.token)])
    assert.doesNotMatch(text, /the-key-of-the-merchant/)
})

/** What goes on in another process: a second context on the same data, with a server of its own. */
async function withSecondProcess(
  body: (own: (token: string) => Promise<number>, app: FastifyInstance) => Promise<void>,
): Promise<void> {
  const context = await ground.site.another()
  const options = {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(context, () => 0),
    trustProxy: [],
  }
  const app = await buildApp(context, { ...aigentools, preset: context.preset }, options)
  try {
    await body((token) => ground.ownCode(token, app), app)
  } finally {
    await app.close()
  }
}

async function within(ask: () => Promise<number>, expected: number): Promise<void> {
  const startedAt = performance.now()
  for (let code = await ask(); code !== expected; code = await ask()) {
    assert.ok(performance.now() - startedAt < WITHIN_MS, `still ${code}, not ${expected}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('logged out, disabled, closed and demoted by its routes: so in another process within five seconds', () =>
  withSecondProcess(async (own, app) => {
    const admin = await anAdmin()
    const change = (id: bigint, body: object) =>
      call('PATCH', url(`/admin/users/${id}`), { token: admin.token, body })
    const [leaver, disabled, closed, demoted] = [await aUser(), await aUser(), await aUser(), await anAdmin()]
    const again = await ground.login({ ...leaver.account, email: leaver.email }, leaver.password)
    const other = String(again.data?.token)
    for (const token of [leaver.token, other, disabled.token, closed.token, demoted.token])
      assert.equal(await own(token), 200)
    const list = () => call('GET', url('/admin/users'), { app, token: demoted.token })
    assert.equal((await list()).status, 200)

    assert.equal((await call('POST', url('/auth/logout'), { token: leaver.token })).status, 200)
    assert.equal((await change(disabled.accountId, { is_active: false })).status, 200)
    assert.equal((await change(demoted.accountId, { role: 'user' })).status, 200)
    const removed = await call('DELETE', url(`/admin/users/${closed.accountId}`), { token: admin.token })
    assert.equal(removed.status, 200)

    await within(() => own(leaver.token), 401)
    await within(() => own(disabled.token), 403)
    await within(() => own(closed.token), 401)
    // Another role ends the sessions of before, and is what counts in the next.
    await within(async () => (await list()).status, 401)
    const back = await ground.login({ ...demoted.account, email: demoted.email }, demoted.password)
    assert.equal(
      (await call('GET', url('/admin/users'), { app, token: String(back.data?.token) })).status,
      403,
    )
    assert.equal(await own(other), 200, 'another session of the same account goes on')
  }))

test('/auth/user answers however often it is asked, while every other read is limited', async () => {
  const limited = await buildSite({
    dialect: aigentools,
    preset: { limits: limitsOf(1_000, { read: { points: 1, perSeconds: 60 } }) },
  })
  try {
    const { token } = await createUser(limited.context, units(0))
    const { app } = limited
    assert.equal((await call('GET', url('/models'), { app, token })).status, 200)
    assert.equal((await call('GET', url('/models'), { app, token })).status, 429)
    for (let times = 0; times < 300; times += 1) assert.equal(await ground.ownCode(token, app), 200)
  } finally {
    await limited.close()
  }
})

test('the table of transactions is for administrators, is none for a browser to run, and has no cache', async () => {
  const { token } = await anAdmin()
  const { status, headers } = await get('/admin/transactions/export', token)
  assert.equal(status, 200)
  assert.match(String(headers['content-type']), /^text\/csv/)
  assert.match(String(headers['content-disposition']), /^attachment; filename=transactions_\d{14}\.csv$/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['access-control-allow-origin'], '*')
})

// Uploads ----------------------------------------------------------------------------------------------------

const picture = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#369' } })
  .png()
  .toBuffer()
type Ticket = { accessKeyId: string; accessKeySecret: string; securityToken: string; bucket: string }

async function ticketOf(token: string, app = ground.site.app): Promise<Ticket> {
  const { status, data, text } = await call('GET', url('/common/upload/token'), { app, token })
  assert.equal(status, 200, text)
  return data as Ticket
}

/** Puts a picture as the front-end's client does, signed with a ticket. @returns HTTP status and words */
async function put(ticket: Ticket, name: string, app = ground.site.app): Promise<[number, string]> {
  const date = new Date().toUTCString()
  const agent = 'aliyun-sdk-js/6.23.0'
  const oss = { 'x-oss-date': date, 'x-oss-security-token': ticket.securityToken, 'x-oss-user-agent': agent }
  const lines = Object.entries(oss).map(([header, value]) => `${header}:${value}`)
  const text = ['PUT', '', 'image/png', date, ...lines, `/${ticket.bucket}/uploads/${name}`].join('\n')
  const signature = createHmac('sha1', ticket.accessKeySecret).update(text).digest('base64')
  const authorization = `OSS ${ticket.accessKeyId}:${signature}`
  const headers = { ...oss, 'content-type': 'image/png', authorization, origin: 'https://any.example' }
  const reply = await app.inject({ method: 'PUT', url: `/uploads/${name}`, headers, payload: picture })
  return [reply.statusCode, reply.payload]
}

test('a browser on any origin may PUT an upload with the headers of its OSS client, and read what comes back', async () => {
  const wanted = 'authorization,content-type,x-oss-date,x-oss-security-token,x-oss-user-agent,content-md5'
  const headers = { origin: 'https://any.example', 'access-control-request-method': 'PUT' }
  const preflight = await call('OPTIONS', '/uploads/1_a.png', {
    headers: { ...headers, 'access-control-request-headers': wanted },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-origin'], '*')
  assert.match(String(preflight.headers['access-control-allow-methods']), /\bPUT\b/)
  const allowed = String(preflight.headers['access-control-allow-headers']).toLowerCase()
  for (const name of wanted.split(',')) assert.ok(allowed.includes(name), name)
  const answer = await call('PUT', '/uploads/1_a.png', { headers: { origin: 'https://any.example' } })
  assert.equal(answer.status, 403)
  assert.match(String(answer.headers['access-control-expose-headers']), /etag/i)
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  for (const one of [preflight, answer]) {
    assert.equal(one.headers['access-control-allow-origin'], '*')
    assert.equal(one.headers['access-control-allow-credentials'], undefined)
  }
})

test('keys for uploads end with the session they were asked in, in another process too', () =>
  withSecondProcess(async (_own, app) => {
    const [leaver, disabled] = [await aUser(), await aUser()]
    const [left, banned] = [await ticketOf(leaver.token), await ticketOf(disabled.token)]
    const attempt = async (ticket: Ticket): Promise<number> => (await put(ticket, '2_b.png', app))[0]
    assert.deepEqual(await put(left, '2_b.png', app), [200, ''])
    assert.equal((await put(banned, '3_b.png', app))[0], 200)
    await call('POST', url('/auth/logout'), { token: leaver.token })
    await setAccountState(ground.site.context, disabled.accountId, 'disabled')
    await within(() => attempt(left), 403)
    await within(() => attempt(banned), 403)
  }))

test('an upload is shown to anybody as a picture and nothing that runs, and is nobody else’s to replace', async () => {
  const [owner, other] = [await aUser(), await aUser()]
  assert.equal((await put(await ticketOf(owner.token), '4_c.png'))[0], 200)
  const shown = await ground.site.app.inject({ method: 'GET', url: '/uploads/4_c.png' })
  assert.equal(shown.statusCode, 200)
  assert.equal(shown.headers['content-type'], 'image/png')
  assert.equal(shown.headers['x-content-type-options'], 'nosniff')
  assert.equal(shown.headers['content-security-policy'], "default-src 'none'; sandbox")
  assert.equal(shown.headers['access-control-allow-origin'], '*')
  assert.match((await put(await ticketOf(other.token), '4_c.png'))[1], /<Code>AccessDenied<\/Code>/)
  const foreign = await buildSite({ dialect: { ...aigentools, name: 'sister' } })
  try {
    assert.equal(
      (await put(await ticketOf(owner.token), '5_c.png', foreign.app))[0],
      403,
      'nor on another site',
    )
  } finally {
    await foreign.close()
  }
})

test('a result is found by its address alone, which no other answer but its owner’s shows', async () => {
  const [owner, other] = [await aUser(), await aUser()]
  const { id, url: address } = await finishedTask(ground, owner.token)
  const key = new URL(address).pathname
  assert.match(key, /^\/files\/[a-z0-9]{32,64}\.png$/)
  const answers: Answer[] = [
    await get(`/tasks/${id}`, other.token),
    await get('/tasks?page_size=200', other.token),
    await call('GET', '/files/', { token: other.token }),
  ]
  for (const { text } of answers) assert.ok(!text.includes(key))
})
