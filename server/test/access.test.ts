import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign as signRsa } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import { buildApp } from '../src/http/app.ts'
import type { Dialect, Route } from '../src/http/dialect.ts'
import { route } from '../src/http/dialect.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { createTokens } from '../src/http/tokens.ts'
import { startTaskWorker } from '../src/jobs/task-worker.ts'
import { resetPassword, setAccountState } from '../src/kernel/accounts/administer.ts'
import { logIn } from '../src/kernel/accounts/log-in.ts'
import type { Context } from '../src/kernel/context.ts'
import { deriveKeys } from '../src/kernel/keys.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import type { Preset } from '../src/kernel/preset.ts'
import { sweepFiles } from '../src/kernel/works/sweep.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { codeIn } from './mail.ts'

// Who may do and see what: tokens, sessions, ownership, other origins, files, limits, and what logs keep silent.

const provider = createFakeProvider()
let site: TestSite
before(async () => {
  site = await buildSite({ providers: [provider], preset: { limits: limitsOf(1_000_000) } })
  site.startWorker()
})
after(() => site.close())

function limitsOf(points: number, changes: Partial<Preset['limits']> = {}): Preset['limits'] {
  const classes = Object.keys(waliassets.preset.limits).map((name) => [name, { points, perSeconds: 60 }])
  return { ...(Object.fromEntries(classes) as Preset['limits']), ...changes }
}

type Answer = {
  status: number
  code: number
  message: string
  // The shapes of many replies; each test names what it reads.
  data: Record<string, unknown> | null
  headers: Record<string, unknown>
  text: string
}

async function call(
  method: string,
  url: string,
  options: { app?: FastifyInstance; token?: string; headers?: Record<string, string>; body?: object } = {},
): Promise<Answer> {
  const { app = site.app, token, headers = {}, body } = options
  const reply = await app.inject({
    method: method as 'GET',
    url,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    ...(body && { payload: body }),
  })
  const { code = 0, message = '', data = null } = reply.payload.startsWith('{') ? reply.json() : {}
  return { status: reply.statusCode, code, message, data, headers: reply.headers, text: reply.payload }
}

const guarded = waliassets.routes.filter(({ allow }) => allow !== 'public')
const urlOf = (one: Route): string => `${waliassets.base}${one.path.replace(/:\w+/g, '1')}`
const nameOf = (one: Route): string => `${one.method} ${one.path}`

/** Sends a request to every guarded route; each must refuse with `code`, whatever else is wrong with it. */
async function everywhere(code: number, token: string | undefined, why: string): Promise<void> {
  for (const one of guarded) {
    const options = { ...(token !== undefined && { token }), ...(one.body && { body: {} }) }
    const answer = await call(one.method, urlOf(one), options)
    const told = `${nameOf(one)} with ${why}: ${answer.text}`
    assert.deepEqual([answer.status, answer.code, answer.data], [200, code, null], told)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  }
}

const balanceCode = async (token: string, app = site.app): Promise<number> =>
  (await call('GET', '/api/token/balance', { app, token })).code

/** Waits until the balance is answered with `code`. @returns how long that took, in milliseconds. */
async function untilAnswered(code: number, token: string): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const answered = await balanceCode(token)
    const waitedMs = performance.now() - startedAt
    if (answered === code) return waitedMs
    assert.ok(waitedMs < 6_000, `still ${answered}, not ${code}, after ${waitedMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const WITHIN_MS = 5_000

const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Any token at all: header and payload as given, signed by whatever is given. */
function forge(header: object | string, payload: object | string, sign: (input: string) => string): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(input)}`
}

const hmac =
  (hash: string, key: Buffer | string) =>
  (input: string): string =>
    createHmac(hash, key).update(input).digest('base64url')

/** What the payload of a user's own token says. */
function payloadOf(token: string): { id: string; sid: string; iat: number; exp: number; iss: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

test('a token forged here like the site would sign it is accepted: the refusals below are for their reasons', async () => {
  const { token } = await createUser(site.context, units(1))
  const { key } = { key: site.context.keys.token }
  assert.equal(
    await balanceCode(forge({ alg: 'HS256', typ: 'JWT' }, payloadOf(token), hmac('sha256', key))),
    1,
  )
})

test('every guarded route without a token: 1003', async () => {
  await everywhere(1003, undefined, 'no token')
  for (const one of guarded) {
    const url = `${urlOf(one)}?token=x&access_token=x`
    const answer = await call(one.method, url, {
      headers: { cookie: 'token=x' },
      ...(one.body && { body: {} }),
    })
    assert.equal(answer.code, 1003, nameOf(one))
  }
})

test('every guarded route with a token that is none of ours: 1001', async () => {
  const { token } = await createUser(site.context, units(1_000))
  const payload = payloadOf(token)
  const header = { alg: 'HS256', typ: 'JWT' }
  const { token: key } = site.context.keys
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rs256 = (input: string): string =>
    signRsa('sha256', Buffer.from(input), privateKey).toString('base64url')
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const flip = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  const [head = '', body = '', signature = ''] = token.split('.')
  const tokens: Record<string, string> = {
    garbage: 'garbage',
    'two dots': '..',
    'a token without its signature': `${head}.${body}.`,
    'a changed signature': `${head}.${body}.${flip(signature, 5)}`,
    'a changed payload': `${head}.${flip(body, 12)}.${signature}`,
    'another key': forge(header, payload, hmac('sha256', 'another key of more than 32 bytes, as it must be')),
    'an empty key': forge(header, payload, hmac('sha256', '')),
    'a key of zeros': forge(header, payload, hmac('sha256', Buffer.alloc(32))),
    'the chain key of the site': forge(header, payload, hmac('sha256', site.context.keys.chain)),
    'alg none': forge({ alg: 'none', typ: 'JWT' }, payload, () => ''),
    'alg None with a signature': forge({ alg: 'None' }, payload, hmac('sha256', key)),
    'alg nOnE': forge({ alg: 'nOnE' }, payload, () => ''),
    'no alg': forge({ typ: 'JWT' }, payload, hmac('sha256', key)),
    'HS512 with the right key': forge({ alg: 'HS512' }, payload, hmac('sha512', key)),
    'HS384 with the right key': forge({ alg: 'HS384' }, payload, hmac('sha384', key)),
    'RS256 said, HMAC done': forge({ alg: 'RS256' }, payload, hmac('sha256', key)),
    'RS256 with its own key in the header': forge(
      { alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) },
      payload,
      rs256,
    ),
    'HS256 with a public key as secret': forge(header, payload, hmac('sha256', publicPem)),
    'a kid that is a path': forge({ ...header, kid: '../../dev/null' }, payload, hmac('sha256', '')),
    'another issuer, same key': createTokens(key, 'plaza', site.context.clock.now).sign(
      { id: payload.sid, expiresAt: new Date(Date.now() + 60_000) },
      payload.id,
    ),
    'no issuer': forge(header, { ...payload, iss: undefined }, hmac('sha256', key)),
    'the key that another site derives': forge(
      header,
      payload,
      hmac('sha256', deriveKeys('a test secret of more than thirty-two bytes', 'plaza').token),
    ),
    'no expiry': forge(header, { ...payload, exp: undefined }, hmac('sha256', key)),
    'an expiry in words': forge(header, { ...payload, exp: 'never' }, hmac('sha256', key)),
    'a session that is SQL': forge(header, { ...payload, sid: "' or true --" }, hmac('sha256', key)),
    'no session': forge(header, { ...payload, sid: undefined }, hmac('sha256', key)),
    'a list of sessions': forge(header, { ...payload, sid: [payload.sid] }, hmac('sha256', key)),
    'a payload of null': forge(header, 'null', hmac('sha256', key)),
    'a payload that is text': forge(header, '"text"', hmac('sha256', key)),
  }
  for (const [why, bad] of Object.entries(tokens)) await everywhere(1001, bad, why)
  assert.equal(await balanceCode(token), 1, 'the real one still works')
})

test('every guarded route with an expired token: 1002', async () => {
  const { token } = await createUser(site.context, units(1))
  const { sid, id } = payloadOf(token)
  const { sign } = createTokens(site.context.keys.token, site.context.site, site.context.clock.now)
  await everywhere(1002, sign({ id: sid, expiresAt: new Date(Date.now() - 1_000) }, id), 'an expired token')
})

test('every guarded route with a session that never was, or of a deleted account: 1005', async () => {
  const { token, account } = await createUser(site.context, units(1))
  const { sign } = createTokens(site.context.keys.token, site.context.site, site.context.clock.now)
  const session = { id: site.context.ids.uuid(), expiresAt: new Date(Date.now() + 60_000) }
  await everywhere(1005, sign(session, account.uuid), 'an unknown session')
  assert.equal(await balanceCode(token), 1)
})

const updates = {
  'the session was ended': 'update session set ended_at = now() where account_id = $1',
  'the session has lapsed': 'update session set expires_at = now() where account_id = $1',
  'the session version was raised': 'update account set session_version = session_version + 1 where id = $1',
} as const
for (const [why, text] of Object.entries(updates)) {
  test(`${why} (W17): 1002 within five seconds, even when the event is lost and the session was cached`, async () => {
    const { token, accountId } = await createUser(site.context, units(1))
    assert.equal(await balanceCode(token), 1)
    await site.context.db.pool.query(text, [accountId])
    assert.ok((await untilAnswered(1002, token)) < WITHIN_MS)
    await everywhere(1002, token, why)
  })
}

test('a password set by an operator ends every session at once (W17)', async () => {
  const { token, accountId, email, password } = await createUser(site.context, units(1))
  assert.equal(await balanceCode(token), 1)
  await resetPassword(site.context, accountId, 'quite another password')
  await everywhere(1002, token, 'a session from before')
  const login = (secret: string) => call('POST', '/api/auth/login', { body: { email, password: secret } })
  assert.equal((await login(password)).code, 1004)
  const again = await login('quite another password')
  assert.equal(again.code, 1)
  assert.equal(await balanceCode(String(again.data?.token)), 1)
})

test('an account disabled by another process: 1006 within five seconds though its session was cached, and no way in', async () => {
  const { token, accountId, email, password } = await createUser(site.context, units(1))
  const other = await site.another()
  for (const one of guarded) await call(one.method, urlOf(one), { token, ...(one.body && { body: {} }) })
  await setAccountState(other, accountId, 'disabled')
  assert.ok((await untilAnswered(1006, token)) < WITHIN_MS)
  await everywhere(1006, token, 'a disabled account')
  const login = (secret: string) => call('POST', '/api/auth/login', { body: { email, password: secret } })
  assert.equal((await login(password)).code, 1006)
  assert.equal((await login('a wrong password')).code, 1004, 'who does not know the password learns nothing')
  await setAccountState(other, accountId, 'active')
  // Enabling it again does not revive the sessions of before.
  assert.ok((await untilAnswered(1002, token)) < WITHIN_MS)
  assert.equal((await login(password)).code, 1)
})

test('an account disabled while the event is lost: 1006 within five seconds', async () => {
  const { token, accountId } = await createUser(site.context, units(1))
  assert.equal(await balanceCode(token), 1)
  await site.context.db.pool.query(`update account set state = 'disabled' where id = $1`, [accountId])
  assert.ok((await untilAnswered(1006, token)) < WITHIN_MS)
})

test('a closed account: 1005 everywhere, login as if it had never been, its ledger stays', async () => {
  const { token, accountId, email, password } = await createUser(site.context, units(7))
  assert.equal(await balanceCode(token), 1)
  await setAccountState(site.context, accountId, 'closed')
  await everywhere(1005, token, 'a closed account')
  const login = await call('POST', '/api/auth/login', { body: { email, password } })
  assert.deepEqual([login.code, login.message], [1004, '邮箱或密码错误'])
  const { rows } = await site.context.db.pool.query('select available from wallet where account_id = $1', [
    accountId,
  ])
  assert.deepEqual(rows, [{ available: units(7) }])
})

test('an unknown address and a wrong password are told apart by nothing', async () => {
  const { email } = await createUser(site.context, units(0))
  const answers = await Promise.all(
    [email, 'nobody@qq.com'].map((one) =>
      call('POST', '/api/auth/login', { body: { email: one, password: 'not this one' } }),
    ),
  )
  assert.equal(answers[0]?.text, answers[1]?.text)
  assert.equal(answers[0]?.code, 1004)
})

test('a token of one site opens nothing on another with the same secret', async () => {
  const dialect: Dialect = {
    ...waliassets,
    name: 'sister',
    preset: { ...waliassets.preset, limits: limitsOf(1_000) },
  }
  const sister = await buildSite({ providers: [], dialect })
  try {
    const { token } = await createUser(site.context, units(1))
    assert.equal(await balanceCode(token, sister.app), 1001)
  } finally {
    await sister.close()
  }
})

async function makePicture(token: string, prompt: string): Promise<{ taskId: string; url: string }> {
  const { code, data, text } = await call('POST', '/api/generate/image', {
    token,
    body: { prompt, size: '64x64' },
  })
  assert.equal(code, 1, text)
  return { taskId: String(data?.taskId), url: new URL(String(data?.image_url)).pathname }
}

type Item = { id: number; taskId: string; prompt: string }
const historyOf = async (token: string, query = ''): Promise<Item[]> =>
  (await call('GET', `/api/generate/history?limit=100${query}`, { token })).data?.history as Item[]

test("somebody else's task is 1501, deleting somebody else's record 1203, one that is not there 1501", async () => {
  const { token: alice } = await createUser(site.context, units(100))
  const { token: bob } = await createUser(site.context, units(100))
  const { token: admin } = await createUser(site.context, units(100), { role: 'admin' })
  const { taskId } = await makePicture(bob, '属于他的')
  const [{ id } = { id: 0 }] = await historyOf(bob)
  for (const token of [alice, admin]) {
    const status = await call('GET', `/api/generate/status/${taskId}`, { token })
    assert.deepEqual([status.status, status.code, status.message], [200, 1501, '任务不存在'])
    const deleted = await call('DELETE', `/api/generate/history/${id}`, { token })
    assert.deepEqual([deleted.status, deleted.code, deleted.message], [200, 1203, '权限不足'])
  }
  assert.equal((await historyOf(bob)).length, 1, 'nothing happened to it')
  for (const missing of [
    '999999999',
    '0',
    '00',
    '-1',
    'abc',
    '1.5',
    '9'.repeat(18),
    '9'.repeat(60),
    '1e3',
    `${id}x`,
  ]) {
    const { code } = await call('DELETE', `/api/generate/history/${missing}`, { token: bob })
    assert.equal(code, 1501, missing)
  }
  for (const missing of ['img_1_nothing', taskId.toUpperCase(), `${taskId}x`, '1', '%25']) {
    const { code } = await call('GET', `/api/generate/status/${missing}`, { token: bob })
    assert.equal(code, 1501, missing)
  }
  const json = { 'content-type': 'application/json' }
  assert.equal((await call('DELETE', `/api/generate/history/${id}`, { token: bob, headers: json })).code, 1)
  assert.equal(
    (await call('DELETE', `/api/generate/history/${id}`, { token: bob })).code,
    1501,
    'deleted before',
  )
  assert.equal((await call('DELETE', `/api/generate/history/${id}`, { token: alice })).code, 1501)
  assert.equal((await call('GET', `/api/generate/status/${taskId}`, { token: bob })).code, 1501)
})

test("statement and history never show another account's rows, whatever is asked", async () => {
  const users = await Promise.all([1, 2, 3].map(() => createUser(site.context, units(100))))
  await Promise.all(
    users.flatMap(({ token, email }) =>
      ['一', '二', '三'].map((word) => makePicture(token, `${email} ${word}`)),
    ),
  )
  type Row = { id: number; metadata: { taskId?: string } }
  const seen = new Set<string>()
  for (const { token, email, accountId, account } of users) {
    const mine = new Set<string>()
    const other = users.find(({ accountId: id }) => id !== accountId)
    for (const query of [
      '',
      '&type=image',
      '&status=completed',
      `&userId=${other?.accountId}&accountId=${other?.accountId}&id=${other?.account.uuid}`,
      '&startDate=2000-01-01&endDate=2999-12-31',
    ]) {
      const items = await historyOf(token, query)
      assert.equal(items.length, 3, query)
      for (const { prompt, taskId } of items) {
        assert.ok(prompt.startsWith(`${email} `), prompt)
        mine.add(taskId)
      }
    }
    for (const query of ['', '&type=IMAGE_GENERATION', `&userId=${other?.accountId}`, '&type=nonsense']) {
      const { data } = await call('GET', `/api/token/transactions?limit=100${query}`, { token })
      const rows = (data?.transactions ?? []) as Row[]
      assert.ok(rows.length >= 3)
      for (const { metadata } of rows) assert.ok(metadata.taskId === undefined || mine.has(metadata.taskId))
      const { rows: own } = await site.context.db.pool.query('select id from entry where account_id = $1', [
        accountId,
      ])
      const ids = new Set(own.map(({ id }) => Number(id)))
      for (const { id } of rows) assert.ok(ids.has(id), `row ${id} is not of ${accountId}`)
    }
    const { data } = await call('GET', '/api/token/balance', { token })
    assert.deepEqual(data?.user, { id: account.uuid, username: account.username, email })
    for (const taskId of mine) assert.ok(!seen.has(taskId))
    for (const taskId of mine) seen.add(taskId)
  }
})

const openRoute = { method: 'GET', path: '/open', rate: 'read' } as const

test('a route that declares no policy, or no limit, does not start', async () => {
  const built = (changes: Partial<Record<'allow' | 'rate', undefined>>) => {
    const declared = route({
      ...openRoute,
      allow: 'user',
      run: async () => 1,
      reply: () => ({ status: 200, body: {} }),
    })
    const routes = [{ ...declared, ...changes } as Route]
    const options = {
      logger: pino({ level: 'silent' }),
      metrics: createMetrics(site.context, () => 0),
      trustProxy: [],
    }
    return buildApp(site.context, { ...waliassets, routes }, options)
  }
  await assert.rejects(built({ allow: undefined }), /GET \/open declares no policy/)
  await assert.rejects(built({ rate: undefined }), /GET \/open declares no policy/)
  await (await built({})).close()
})

test('a route for administrators is 1203 for others', async () => {
  const secret = route({
    ...openRoute,
    allow: 'admin',
    run: async (_context, actor) => actor.role,
    reply: (role) => ({ status: 200, body: { success: true, code: 1, message: '好', data: { role } } }),
  })
  const options = {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
  }
  const app = await buildApp(site.context, { ...waliassets, routes: [secret] }, options)
  try {
    const { token } = await createUser(site.context, units(0))
    const { token: admin } = await createUser(site.context, units(0), { role: 'admin' })
    assert.equal((await call('GET', '/api/open', { app })).code, 1003)
    assert.equal((await call('GET', '/api/open', { app, token })).code, 1203)
    assert.deepEqual((await call('GET', '/api/open', { app, token: admin })).data, { role: 'admin' })
  } finally {
    await app.close()
  }
})

test('a browser on any origin may call every route with a token, and never with cookies', async () => {
  const origin = 'https://any.example'
  for (const one of waliassets.routes) {
    const preflight = await call('OPTIONS', urlOf(one), {
      headers: {
        origin,
        'access-control-request-method': one.method,
        'access-control-request-headers': 'authorization,content-type,idempotency-key',
      },
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    const methods = String(preflight.headers['access-control-allow-methods']).split(/,\s*/)
    assert.ok(methods.includes(one.method), `${nameOf(one)}: a browser may send ${methods}`)
    const allowed = String(preflight.headers['access-control-allow-headers']).toLowerCase()
    for (const name of ['authorization', 'content-type', 'idempotency-key'])
      assert.ok(allowed.includes(name), name)
    const answer = await call(one.method, urlOf(one), { headers: { origin } })
    assert.equal(answer.headers['access-control-allow-origin'], '*', nameOf(one))
    assert.match(String(answer.headers['access-control-expose-headers']), /retry-after/i)
    for (const { headers } of [preflight, answer])
      assert.equal(headers['access-control-allow-credentials'], undefined)
  }
})

test('security headers on every kind of answer, and no advertisement', async () => {
  const { token } = await createUser(site.context, units(0))
  const answers = {
    success: await call('GET', '/api/token/balance', { token }),
    refusal: await call('GET', '/api/token/balance'),
    invalid: await call('POST', '/api/auth/login', { body: {} }),
    unknown: await call('GET', '/nothing'),
    malformed: await call('GET', '/%zz'),
    'too large': await call('POST', '/api/auth/login', { body: { email: 'x'.repeat(1_100_000) } }),
    file: await call('GET', '/files/nothing.png'),
  }
  for (const [why, { headers }] of Object.entries(answers)) {
    assert.equal(headers['x-content-type-options'], 'nosniff', why)
    assert.equal(headers['access-control-allow-origin'], '*', why)
    assert.match(String(headers['cache-control']), /no-store/, why)
    assert.equal(headers['x-powered-by'], undefined)
    assert.equal(headers.server, undefined)
    assert.equal(headers['set-cookie'], undefined)
    if (why === 'malformed') continue
    assert.match(String(headers['content-security-policy']), /default-src 'none'/, why)
    assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/, why)
    assert.ok(headers['x-frame-options'], why)
    assert.equal(headers['referrer-policy'], 'no-referrer', why)
    assert.equal(headers['strict-transport-security'], undefined, 'the site may be served without TLS')
  }
})

test('stored files: traversal, unknown keys, HEAD, ranges, validators, and nothing that runs', async () => {
  const { token } = await createUser(site.context, units(100))
  const { url } = await makePicture(token, '文件')
  const key = url.slice('/files/'.length)
  const planted = 'planted where no request may reach'
  await mkdir(join(site.dataDir, 'outbox'), { recursive: true })
  await writeFile(join(site.dataDir, 'secret.png'), planted)
  await writeFile(join(site.dataDir, 'files', 'secretsecretsecret.png'), planted)
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = site.app.server.address() as AddressInfo

  type Served = { status: number; headers: Record<string, string | undefined>; bytes: Buffer }
  // The path goes out as it is written; a client library would resolve its dots.
  const fetchRaw = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Served> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
        const chunks: Buffer[] = []
        reply.on('data', (chunk: Buffer) => chunks.push(chunk))
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers as Served['headers'],
            bytes: Buffer.concat(chunks),
          }),
        )
      })
      sent.on('error', reject)
      sent.end()
    })

  const whole = await fetchRaw(url)
  assert.equal(whole.status, 200)
  assert.equal(whole.headers['content-type'], 'image/png')
  assert.equal(whole.headers['content-length'], String(whole.bytes.length))
  assert.equal(whole.headers['x-content-type-options'], 'nosniff')
  assert.equal(whole.headers['content-security-policy'], "default-src 'none'; sandbox")
  assert.equal(whole.headers['cross-origin-resource-policy'], 'cross-origin')
  assert.equal(whole.headers['access-control-allow-origin'], '*')
  assert.match(String(whole.headers['cache-control']), /immutable/)
  assert.equal(whole.bytes.subarray(1, 4).toString(), 'PNG')
  const size = whole.bytes.length

  const traversals = [
    ...[
      '../secret.png',
      '../../secret.png',
      '..%2fsecret.png',
      '..%2f..%2fsecret.png',
      '%2e%2e/%2e%2e/secret.png',
    ],
    ...[
      '%2e%2e%2f%2e%2e%2fsecret.png',
      '..%5c..%5csecret.png',
      '..%252f..%252fsecret.png',
      '%c0%ae%c0%ae/secret.png',
    ],
    ...[
      '....//....//secret.png',
      './secret.png',
      '/secret.png',
      '%2fetc%2fpasswd',
      '../../../../../../etc/passwd',
    ],
    ...[
      'secretsecretsecret.png',
      '..%2fsecretsecretsecret.png',
      `${key.slice(0, 2)}%2f${key}`,
      `${key}%00.png`,
    ],
  ]
  const unknown = [
    ...[
      '',
      'x.png',
      'a'.repeat(32),
      `${'a'.repeat(32)}.png`,
      key.toUpperCase(),
      `${key}/`,
      `${key}x`,
      `${key}.part`,
    ],
    ...[
      key.replace('.png', ''),
      key.replace('.png', '.svg'),
      key.replace('.png', '.html'),
      key.replace('.png', '.webp'),
    ],
    ...[
      `${'a'.repeat(32)}.svg`,
      `%20${key}`,
      `${key}%20`,
      '__proto__',
      'constructor.png',
      `${'a'.repeat(65)}.png`,
    ],
  ]
  for (const name of [...traversals, ...unknown]) {
    const answer = await fetchRaw(`/files/${name}`)
    const text = answer.bytes.toString()
    // Routers ignore one trailing slash; what comes back then is the same public file.
    if (name === `${key}/`) continue
    assert.ok(answer.status === 404 || answer.status === 400, `${name}: ${answer.status}`)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
    const envelope = JSON.parse(text)
    assert.deepEqual([envelope.success, envelope.code, envelope.data], [false, 1602, null], name)
    assert.ok(!text.includes(planted) && !text.includes('root:'), name)
  }
  const secretive = await fetchRaw('/files/nothing.png?token=a-secret-value')
  assert.equal(secretive.status, 404)
  assert.doesNotMatch(secretive.bytes.toString(), /a-secret-value/)
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    assert.equal((await fetchRaw(url, {}, method)).status, 404, method)
  }

  const head = await fetchRaw(url, {}, 'HEAD')
  assert.deepEqual([head.status, head.bytes.length, head.headers['content-length']], [200, 0, String(size)])
  assert.equal(head.headers.etag, whole.headers.etag)
  assert.equal((await fetchRaw('/files/nothing.png', {}, 'HEAD')).status, 404)

  const ranges: [range: string, status: number, from: number, to: number][] = [
    ['bytes=0-9', 206, 0, 10],
    ['bytes=10-', 206, 10, size],
    ['bytes=-5', 206, size - 5, size],
    [`bytes=0-${size * 10}`, 206, 0, size],
    [`bytes=-${size * 10}`, 206, 0, size],
    ['bytes=0-1,5-6', 200, 0, size],
    [`bytes=${'0-1,3-4,'.repeat(500)}9-9`, 200, 0, size],
    ['bytes=abc', 200, 0, size],
    ['lines=0-1', 200, 0, size],
    ['bytes', 200, 0, size],
  ]
  for (const [range, status, from, to] of ranges) {
    const part = await fetchRaw(url, { range })
    const why = range.slice(0, 40)
    assert.equal(part.status, status, why)
    assert.ok(part.bytes.equals(whole.bytes.subarray(from, to)), why)
    assert.equal(part.headers['content-length'], String(to - from), why)
    assert.equal(
      part.headers['content-range'],
      status === 206 ? `bytes ${from}-${to - 1}/${size}` : undefined,
      why,
    )
  }
  for (const range of [`bytes=${size}-`, `bytes=${size + 5}-${size + 9}`]) {
    const none = await fetchRaw(url, { range })
    assert.deepEqual(
      [none.status, none.headers['content-range'], none.bytes.length],
      [416, `bytes */${size}`, 0],
      range,
    )
  }
  const partial = await fetchRaw(url, { range: 'bytes=0-9' }, 'HEAD')
  assert.deepEqual([partial.status, partial.headers['content-length'], partial.bytes.length], [206, '10', 0])
  const { etag = '' } = whole.headers
  const same = await fetchRaw(url, { range: 'bytes=0-9', 'if-range': etag })
  const changed = await fetchRaw(url, { range: 'bytes=0-9', 'if-range': '"another"' })
  assert.deepEqual([same.status, changed.status], [206, 200])
  const fresh = await fetchRaw(url, { 'if-none-match': etag })
  assert.deepEqual([fresh.status, fresh.bytes.length], [304, 0])
  assert.equal((await fetchRaw(url, { 'if-none-match': '"another"' })).status, 200)

  const [{ id } = { id: 0 }] = await historyOf(token)
  assert.equal((await call('DELETE', `/api/generate/history/${id}`, { token })).code, 1)
  await sweepFiles(site.context)
  assert.equal((await fetchRaw(url)).status, 404, 'a deleted picture is gone')
})

test('limits: HTTP 429 with 9003 and Retry-After, for each account by itself, by no header of the client', async () => {
  const limits = limitsOf(1_000, {
    read: { points: 3, perSeconds: 60 },
    generate: { points: 2, perSeconds: 60 },
    auth: { points: 3, perSeconds: 60 },
  })
  const limited = await buildSite({ providers: [createFakeProvider()], preset: { limits } })
  limited.startWorker()
  const { app } = limited
  try {
    const alice = await createUser(limited.context, units(1_000))
    const bob = await createUser(limited.context, units(1_000))
    const refusedAt = (answer: Answer): void => {
      assert.deepEqual([answer.status, answer.code], [429, 9003], answer.text)
      const seconds = Number(answer.headers['retry-after'])
      assert.ok(
        Number.isInteger(seconds) && seconds >= 1 && seconds <= 60,
        String(answer.headers['retry-after']),
      )
      assert.equal(answer.data?.retryAfter, seconds)
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
      assert.equal(answer.headers['access-control-allow-origin'], '*')
    }
    for (let reads = 0; reads < 3; reads += 1) assert.equal(await balanceCode(alice.token, app), 1)
    refusedAt(await call('GET', '/api/token/balance', { app, token: alice.token }))
    refusedAt(await call('GET', '/api/generate/history', { app, token: alice.token }))
    assert.equal(await balanceCode(bob.token, app), 1, 'another account from the same address')

    // A second session or another address is the same account.
    const { session } = await logIn(limited.context, {
      by: 'email',
      name: alice.email,
      password: alice.password,
      address: null,
    })
    const { sign } = createTokens(limited.context.keys.token, limited.context.site, limited.context.clock.now)
    const token = sign(session, alice.account.uuid)
    const headers = { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' }
    refusedAt(await call('GET', '/api/token/balance', { app, token, headers }))

    const picture = { app, token: alice.token, body: { prompt: '限', size: '64x64' } }
    const made = [1, 2].map(() => call('POST', '/api/generate/image', picture))
    for (const { code } of await Promise.all(made)) assert.equal(code, 1)
    refusedAt(await call('POST', '/api/generate/image', picture))
    const { rows } = await limited.context.db.pool.query('select count(*) as tasks from task')
    assert.deepEqual(rows, [{ tasks: 2n }], 'what was refused made no task')

    const login = (email: string, more: Record<string, string> = {}) =>
      call('POST', '/api/auth/login', { app, headers: more, body: { email, password: 'not this one' } })
    for (let tries = 0; tries < 3; tries += 1) assert.equal((await login('target@qq.com')).code, 1004)
    refusedAt(await login('target@qq.com'))
    refusedAt(await login(' TARGET@qq.com '))
    refusedAt(await login('target@qq.com', headers))
    assert.equal((await login('neighbour@qq.com')).code, 1004, 'an office behind one address')
    // Ten times as many for one address, whatever the targets and whatever it says of itself.
    let last = await login('user0@qq.com', headers)
    for (let tries = 1; last.status !== 429 && tries < 40; tries += 1)
      last = await login(`user${tries}@qq.com`, headers)
    refusedAt(last)
  } finally {
    await limited.close()
  }
})

test('three guesses at an e-mail code, then even the right one is refused (W1)', async () => {
  const email = 'guessed@qq.com'
  assert.equal((await call('POST', '/api/auth/send-code', { body: { email } })).code, 1)
  const code = codeIn((await site.mails()).at(-1))
  const attempt = async (emailCode: string): Promise<number> =>
    (
      await call('POST', '/api/auth/register', {
        body: { email, password: 'password123', username: 'guessed', emailCode },
      })
    ).code
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
  assert.deepEqual([await attempt(wrong), await attempt(wrong), await attempt(wrong)], [1102, 1102, 1102])
  assert.equal(await attempt(code), 1103)
  assert.equal(
    (await call('POST', '/api/auth/send-code', { body: { email } })).code,
    1105,
    'nor a new one at once',
  )
})

test('a registration that fails burns no code and leaves no account (W18)', async () => {
  const { account } = await createUser(site.context, units(0))
  const email = 'second.try@qq.com'
  await call('POST', '/api/auth/send-code', { body: { email } })
  const emailCode = codeIn((await site.mails()).at(-1))
  const attempt = (username: string) =>
    call('POST', '/api/auth/register', { body: { email, password: 'password123', username, emailCode } })
  assert.equal((await attempt(account.username)).code, 1202)
  assert.equal((await attempt(account.username.toUpperCase())).code, 1202)
  const { rows } = await site.context.db.pool.query('select count(*) as n from account where email = $1', [
    email,
  ])
  assert.deepEqual(rows, [{ n: 0n }])
  assert.equal((await attempt('secondtry')).code, 1)
  assert.equal((await attempt('thirdtry')).code, 1104)
})

test('parallel generation never overspends (W3), and a failed one gives its tokens back in our own words (W2)', async () => {
  const { token } = await createUser(site.context, units(59))
  const made = await Promise.all(
    Array.from({ length: 12 }, () =>
      call('POST', '/api/generate/image', { token, body: { prompt: '抢', size: '64x64' } }),
    ),
  )
  assert.deepEqual(
    made.map(({ code }) => code).sort((a, b) => a - b),
    [1, 1, ...Array(10).fill(1301)],
  )
  const { token: unlucky } = await createUser(site.context, units(20))
  const words = 'vendor says: key sk-12345 of project 7 is over quota at https://vendor.example'
  for (const [kind, code] of [
    ['rejected', 1502],
    ['content', 1502],
  ] as const) {
    provider.next.push(async () => {
      throw new ProviderError(kind, words)
    })
    const failed = await call('POST', '/api/generate/image', {
      token: unlucky,
      body: { prompt: '败', size: '64x64' },
    })
    assert.equal(failed.code, code)
    const status = await call('GET', `/api/generate/status/${failed.data?.taskId}`, { token: unlucky })
    const history = await call('GET', '/api/generate/history', { token: unlucky })
    for (const { text } of [failed, status, history]) assert.doesNotMatch(text, /vendor|sk-12345|quota/)
    assert.equal((await call('GET', '/api/token/balance', { token: unlucky })).data?.balance, 20)
  }
  const { data } = await call('GET', '/api/token/transactions?type=REFUND', { token: unlucky })
  assert.deepEqual(
    ((data?.transactions ?? []) as { amount: number }[]).map(({ amount }) => amount),
    [20, 20],
  )
})

/** The same site with everything it logs, at level trace and without any striking out. */
async function withLogs(
  changes: Partial<Context>,
  body: (app: FastifyInstance, context: Context, logged: () => string) => Promise<void>,
): Promise<void> {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  const quiet = await buildSite({ providers: [provider], preset: { limits: limitsOf(1_000_000) } })
  const context: Context = { ...quiet.context, log, ...changes }
  const worker = startTaskWorker(context, { concurrency: 4 })
  const options = { logger: log, metrics: createMetrics(context, () => 0), trustProxy: [] }
  const app = await buildApp(context, { ...waliassets, preset: context.preset }, options)
  try {
    await body(app, context, () => lines.join(''))
  } finally {
    await worker.stop(1_000)
    await app.close()
    await quiet.close()
  }
}

test("a mail server's own words reach nobody, and a mail that failed does not block the next minute (W15, W16)", async () => {
  const send = async (): Promise<void> => {
    throw new Error('535 5.7.8 authentication failed for smtp-user with smtp-password')
  }
  await withLogs({ mail: { send, close: () => {} } }, async (app) => {
    for (const _time of [1, 2]) {
      const answer = await call('POST', '/api/auth/send-code', { app, body: { email: 'mail@qq.com' } })
      assert.deepEqual([answer.status, answer.code, answer.data], [200, 1106, null])
      assert.doesNotMatch(answer.text, /535|smtp/)
    }
  })
})

test('logs never hold a password, a token, an e-mail code or an Authorization header, also when things fail', async () => {
  const sent: string[] = []
  const send = async (mail: { text: string }): Promise<void> => void sent.push(mail.text)
  await withLogs({ mail: { send, close: () => {} } }, async (app, context, logged) => {
    const secrets = new Map<string, string>()
    const keep = (what: string, secret: string): string => {
      secrets.set(`${what} ${secrets.size}`, secret)
      return secret
    }
    const post = (url: string, body: object, token?: string) =>
      call('POST', url, { app, body, ...(token && { token }) })
    const email = 'logged@qq.com'
    const password = keep('password', 'correct-horse-battery')
    const askForCode = async (address: string): Promise<string> => {
      assert.equal((await post('/api/auth/send-code', { email: address })).code, 1)
      return keep('code', /\b(\d{6})\b/.exec(sent.at(-1) ?? '')?.[1] ?? assert.fail('no code'))
    }
    const emailCode = await askForCode(email)
    const wrongCode = keep('code', emailCode === '271828' ? '314159' : '271828')
    assert.equal(
      (await post('/api/auth/register', { email, password, username: 'logged', emailCode: wrongCode })).code,
      1102,
    )
    assert.equal((await post('/api/auth/register', { email, password, username: 'x', emailCode })).code, 1602)
    const registered = await post('/api/auth/register', { email, password, username: 'logged', emailCode })
    assert.equal(registered.code, 1, registered.text)
    keep('token', String(registered.data?.token))
    const wrong = keep('password', 'incorrect-horse-battery')
    assert.equal((await post('/api/auth/login', { email, password: wrong })).code, 1004)
    assert.equal((await post('/api/auth/login', { email, password: { not: wrong } })).code, 1602)
    const token = keep('token', String((await post('/api/auth/login', { email, password })).data?.token))
    assert.equal((await post('/api/generate/image', { prompt: '记录', size: '64x64' }, token)).code, 1)
    provider.next.push(async () => {
      throw new ProviderError('rejected', 'the vendor refused')
    })
    assert.equal((await post('/api/generate/image', { prompt: '记录', size: '64x64' }, token)).code, 1502)
    const forged = keep('token', `${token.slice(0, -4)}AAAA`)
    assert.equal((await call('GET', '/api/token/balance', { app, token: forged })).code, 1001)
    assert.equal((await call('GET', `/api/nothing?token=${token}`, { app, token })).status, 404)
    assert.equal((await call('GET', `/api/%zz?token=${token}`, { app, token })).status, 400)
    assert.equal((await call('GET', `/files/nothing.png?token=${token}`, { app, token })).status, 404)
    await app.inject({
      method: 'POST',
      url: '/api/auth/login',
      headers: { 'content-type': 'application/json' },
      payload: `{"email":"${email}","password":"${password}"`,
    })

    // The database refuses the row, and its error tells the whole of it.
    await context.db.pool.query(
      `alter table account add constraint no_crashers check (username <> 'crasher')`,
    )
    const crashing = { email: 'crasher@qq.com', password: keep('password', 'crashing-horse-battery') }
    const crashCode = await askForCode(crashing.email)
    const crashed = await post('/api/auth/register', {
      ...crashing,
      username: 'crasher',
      emailCode: crashCode,
    })
    assert.deepEqual([crashed.status, crashed.code, crashed.message], [500, 9000, '系统内部错误'])
    assert.doesNotMatch(crashed.text, /constraint|account|at /)

    const lines = logged()
    assert.match(lines, /"msg":"request"/, 'something was logged at all')
    assert.match(lines, /a provider refused a task/)
    assert.match(lines, /a request failed/)
    for (const [what, secret] of secrets) assert.ok(!lines.includes(secret), `the log holds the ${what}`)
    assert.doesNotMatch(lines, /bearer|authorization|\$argon2/i)
  })
})
