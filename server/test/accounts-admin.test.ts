import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { statement } from '../src/db/database.ts'
import { adminPaymentRoutes } from '../src/dialects/aigentools/admin-payment.ts'
import { adminUserRoutes } from '../src/dialects/aigentools/admin-users.ts'
import { authRoutes } from '../src/dialects/aigentools/auth.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { paymentRoutes } from '../src/dialects/aigentools/payment.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { createEpay } from '../src/gateways/epay/epay.ts'
import { buildApp } from '../src/http/app.ts'
import { route } from '../src/http/dialect.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { setAccountState } from '../src/kernel/accounts/administer.ts'
import { authenticate } from '../src/kernel/accounts/authenticate.ts'
import { closeAccount } from '../src/kernel/accounts/close.ts'
import { logOut } from '../src/kernel/accounts/log-out.ts'
import { updateAccount } from '../src/kernel/accounts/update.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import type { Credits } from '../src/kernel/money.ts'
import { parseCredits, toNumber, units } from '../src/kernel/money.ts'
import { findOrderByTradeNumber } from '../src/kernel/payments/order.ts'
import type { Preset } from '../src/kernel/preset.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { startEpayStandIn } from './gateways/epay-stand-in.ts'

// Accounts and their administration by the routes of aigentools: who is let in, and for how long; what an
// administrator may do, to whom, and what comes of two who do it at once.

const limitsOf = (points: number): Preset['limits'] =>
  Object.fromEntries(
    Object.keys(aigentools.preset.limits).map((name) => [name, { points, perSeconds: 60 }]),
  ) as Preset['limits']

let site: TestSite
let admin: User
before(async () => {
  site = await buildSite({
    dialect: aigentools,
    providers: [createFakeProvider()],
    gateways: [createEpay(createOutbound({ allow: [] }))],
    preset: {
      limits: limitsOf(1_000_000),
      needsApproval: false,
      models: [{ name: 'pictures', title: 'Pictures', description: '', kind: 'image' }],
      prices: { image: units(20) },
    },
  })
  admin = await createUser(site.context, units(0), { role: 'admin' })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [], 'the books are true')
})

type User = Awaited<ReturnType<typeof createUser>>

type Answer = {
  http: number
  status: number
  message: string
  // The shapes of many replies; each test names what it reads.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  data: any
  text: string
}

async function call(
  method: string,
  url: string,
  options: {
    token?: string
    body?: object
    headers?: Record<string, string>
    ip?: string
    app?: FastifyInstance
  } = {},
): Promise<Answer> {
  const { token, body, headers, ip, app = site.app } = options
  const reply = await app.inject({
    method: method as 'GET',
    url: `/api/v1${url}`,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    ...(body && { payload: body }),
    ...(ip && { remoteAddress: ip }),
  })
  const answer = reply.payload.startsWith('{') ? reply.json() : {}
  return { http: reply.statusCode, ...answer, text: reply.payload }
}

const patch = (id: bigint | number, body: object, token = admin.token) =>
  call('PATCH', `/admin/users/${id}`, { token, body })
const user = (credits = 0) => createUser(site.context, units(credits))
const register = (username: string, password = 'secret-123') =>
  call('POST', '/auth/register', { body: { username, password, confirm: password } })
const login = (username: string, password: string, ip?: string) =>
  call('POST', '/auth/login', { body: { username, password }, ...(ip && { ip }) })
const idOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid

/** How many of the answers have each HTTP status. */
const tally = (answers: readonly Answer[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { http } of answers) counts[http] = (counts[http] ?? 0) + 1
  return counts
}

// Access ---------------------------------------------------------------------------------------------------

const ROUTES = [...authRoutes, ...paymentRoutes, ...adminUserRoutes, ...adminPaymentRoutes]

test('every guarded route without a token is 401, every one for administrators is 403 to a user', async () => {
  const { token } = await user()
  let refused = 0
  for (const one of ROUTES) {
    const url = one.path.replace(/:\w+/g, String(admin.accountId))
    const body = one.body ? { body: {} } : {}
    if (one.allow === 'public') continue
    for (const bad of [undefined, 'nonsense', `${token}x`]) {
      const answer = await call(one.method, url, { ...body, ...(bad !== undefined && { token: bad }) })
      assert.deepEqual([answer.http, answer.status, answer.data], [401, 401, null], `${one.method} ${url}`)
    }
    if (one.path.startsWith('/admin')) {
      assert.equal(one.allow, 'admin')
      const answer = await call(one.method, url, { ...body, token })
      assert.deepEqual([answer.http, answer.status, answer.data], [403, 403, null], `${one.method} ${url}`)
      refused += 1
    }
  }
  assert.equal(refused, 8)
  assert.equal(
    (await call('GET', '/auth/user', { token: admin.token })).data.role,
    'admin',
    'nothing happened',
  )
})

// Registration and login -----------------------------------------------------------------------------------

test('register answers 201 and a token that works; login finds the name however it is written', async () => {
  const opened = await register('Ｆresh-one')
  assert.deepEqual([opened.http, opened.status, opened.message], [201, 200, 'User registered successfully'])
  assert.deepEqual(Object.keys(opened.data), ['id', 'username', 'role', 'token'])
  assert.equal(opened.data.username, 'Fresh-one')
  assert.equal(opened.data.role, 'user')
  const again = await register('FRESH-ONE')
  assert.deepEqual([again.http, again.message], [409, 'user with this username already exists'])
  for (const name of ['fresh-one', ' FRESH-ONE ', 'ｆresh-one']) {
    const entered = await login(name, 'secret-123')
    assert.deepEqual([entered.http, entered.data?.id], [200, opened.data.id], name)
  }
  const wrong = await login('fresh-one', 'not the one')
  const nobody = await login('nobody-at-all', 'not the one')
  assert.deepEqual([wrong.http, wrong.text], [401, nobody.text])
})

test('a password has 6 characters and at most 72 bytes; an empty field is 400', async () => {
  for (const [name, password, http] of [
    ['short', '12345', 400],
    ['long', '长'.repeat(25), 400],
    ['just', '长'.repeat(24), 201],
    ['', 'secret-123', 400],
    ['nothing', '', 400],
  ] as const) {
    const answer = await register(name && `${name}-password`, password)
    assert.deepEqual([answer.http, answer.data === null], [http, http === 400], answer.text)
  }
  assert.equal((await call('POST', '/auth/register', { body: { username: 'x' } })).http, 400)
  assert.equal((await call('POST', '/auth/login', { body: { username: 7, password: true } })).http, 400)
})

test('100 registrations of one name at once: one account, one wallet', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => register(index % 2 ? 'Contested' : 'cONTESTED')),
  )
  assert.deepEqual(tally(answers), { 201: 1, 409: 99 })
  const found = await call('GET', '/admin/users?username=contested', { token: admin.token })
  assert.equal(found.data.total, 1)
})

test('guesses of a password are stopped after ten from one address, a hundred at once too, and nobody else is', async () => {
  await register('guessed')
  const guess = (index: number) => login('guessed', `guess number ${index}`, '198.51.100.7')
  assert.deepEqual(tally(await Promise.all(Array.from({ length: 100 }, (_, index) => guess(index)))), {
    401: 10,
    429: 90,
  })
  assert.equal((await login('guessed', 'secret-123', '198.51.100.7')).http, 429, 'not even the right one')
  assert.equal((await login('guessed', 'secret-123', '198.51.100.8')).http, 200)
  for (let times = 0; times < 30; times += 1)
    assert.equal(
      (await login('guessed', 'secret-123', '198.51.100.9')).http,
      200,
      'who knows it is not counted',
    )
})

// Sessions -------------------------------------------------------------------------------------------------

test('/auth/user: the credit arithmetic of the document, and the token in use', async () => {
  const someone = await user(50)
  await patch(someone.accountId, { creditLimit: 100 })
  const { taskId } = await submitTask(site.context, someone, pictureOf('held counts as consumed'))
  const held = await call('GET', '/auth/user', { token: someone.token })
  assert.equal(held.message, 'User information retrieved successfully')
  const { activated_at, ...shown } = held.data
  assert.match(activated_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.deepEqual(shown, {
    id: Number(someone.accountId),
    username: someone.account.username,
    role: 'user',
    is_active: true,
    deactivated_at: null,
    creditLimit: 100,
    total_consumed: 20,
    credit: { total: 150, used: 20, available: 130, usagePercentage: 13.33 },
    token: someone.token,
  })
  await site.context.db.rows(
    statement(
      'take picture back',
      `select * from end_tasks_v1($1, array[$2]::bigint[], null, array['awaiting_approval', 'queued'], 'canceled', null)`,
    ),
    [site.context.keys.chain, taskId],
  )
  const url = `/admin/users/${someone.accountId}/balance`
  await call('POST', url, { token: admin.token, body: { amount: 50, type: 'credit' } })
  await site.context.db.rows(
    statement(
      'spend fifty',
      `select post_entry_v1($1, $2, 'capture', null, 'available', 'revenue', $3, null, null, null, null, null, null)`,
    ),
    [site.context.keys.chain, someone.accountId, units(50)],
  )
  // The document's own example.
  const spent = (await call('GET', '/auth/user', { token: someone.token })).data
  assert.equal(spent.total_consumed, 50)
  assert.deepEqual(spent.credit, { total: 200, used: 50, available: 150, usagePercentage: 25 })
  await call('POST', url, { token: admin.token, body: { amount: 0.0001, type: 'credit' } })
  const last = (await call('GET', '/auth/user', { token: someone.token })).data
  assert.deepEqual([last.total_consumed, last.credit.available], [50, 150.0001])
})

test('/auth/user is never limited, everything else is; nobody without an account profits', async () => {
  const strict = await buildSite({ dialect: aigentools, preset: { limits: limitsOf(3) } })
  try {
    const { token } = await createUser(strict.context, units(0))
    const { app } = strict
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => call('GET', '/auth/user', { app, token })),
    )
    assert.deepEqual(tally(answers), { 200: 300 })
    const others = await Promise.all(
      Array.from({ length: 5 }, () => call('GET', '/payment/methods', { app, token })),
    )
    assert.deepEqual(tally(others), { 200: 3, 429: 2 })
    assert.equal((await call('GET', '/auth/user', { app, token })).http, 200, 'also when all else is used up')
    assert.equal((await call('GET', '/auth/user', { app })).http, 401)
  } finally {
    await strict.close()
  }
})

test('a public route that is not limited does not start', async () => {
  const open = route({
    method: 'GET',
    path: '/open-to-all',
    allow: 'public',
    rate: 'unlimited',
    run: async () => null,
    reply: () => ({ status: 200, body: null }),
  })
  const options = {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
  }
  await assert.rejects(
    buildApp(
      site.context,
      { ...aigentools, routes: [open], reference: { ...aigentools.reference, routes: {} } },
      options,
    ),
    /open to anybody and unlimited/,
  )
})

test('/auth/user costs one read beyond the cached session', async () => {
  const { token } = await user()
  await call('GET', '/auth/user', { token })
  const { db } = site.context
  const asked: string[] = []
  site.context.db = {
    ...db,
    rows: (what, values) => {
      asked.push(what.name)
      return db.rows(what, values)
    },
  }
  try {
    assert.equal((await call('GET', '/auth/user', { token })).http, 200)
  } finally {
    site.context.db = db
  }
  assert.deepEqual(asked, ['account by id'])
})

test('logout ends this session at once and no other', async () => {
  await register('leaver')
  const one = (await login('leaver', 'secret-123')).data.token
  const other = (await login('leaver', 'secret-123')).data.token
  const elsewhere = await site.another()
  assert.ok(await authenticate(elsewhere, idOf(one)))
  const left = await call('POST', '/auth/logout', { token: one })
  assert.deepEqual([left.http, left.message, left.data], [200, 'Logged out successfully', null])
  const after = await call('GET', '/auth/user', { token: one })
  assert.deepEqual([after.http, after.message], [401, 'Token has been revoked'])
  assert.equal((await call('GET', '/auth/user', { token: other })).http, 200)
  await within(5_000, () => isRefused(elsewhere, one, 'credentials_revoked'))
})

test('100 logouts and uses of one token at once: after the first logout was answered no new use succeeds', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { data } = await register(`hasty-${round}`)
    const { token } = data
    let isOut = false
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        if (index % 2) {
          const answer = await call('POST', '/auth/logout', { token })
          if (answer.http === 200) isOut = true
          return answer
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
        const wasOut = isOut
        const answer = await call('GET', '/auth/user', { token })
        if (wasOut) assert.equal(answer.http, 401, 'a use that began after the logout')
        return answer
      }),
    )
    assert.ok(
      answers.every(({ http }) => http === 200 || http === 401),
      JSON.stringify(tally(answers)),
    )
    assert.equal((await call('GET', '/auth/user', { token })).http, 401, `round ${round}`)
  }
})

test('a session that was read before its logout committed is not remembered after it', async () => {
  const { token } = (await register('overtaken')).data
  const { db } = site.context
  let letGo = (): void => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let isRead = (): void => {}
  const read = new Promise<void>((resolve) => {
    isRead = resolve
  })
  site.context.db = {
    ...db,
    rows: async (what, values) => {
      const rows = await db.rows(what, values)
      isRead()
      if (what.name === 'read session') await held
      return rows as never
    },
  }
  const early = call('GET', '/auth/user', { token })
  await read
  site.context.db = db
  const [row] = await db.rows<{ account_id: bigint }>(
    statement('account of session', 'select account_id from session where id = $1'),
    [idOf(token)],
  )
  assert.ok(row)
  await logOut(site.context, { accountId: row.account_id, sessionId: idOf(token) })
  letGo()
  assert.equal((await early).http, 200, 'it had begun before')
  assert.equal((await call('GET', '/auth/user', { token })).message, 'Token has been revoked')
})

async function within(ms: number, isSo: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + ms
  while (!(await isSo())) {
    assert.ok(performance.now() < endsAt, `not within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function isRefused(context: TestSite['context'], token: string, code: string): Promise<boolean> {
  try {
    await authenticate(context, idOf(token))
    return false
  } catch (error) {
    return (error as { code?: string }).code === code
  }
}

test('disabled, closed, demoted and given a new password: out within five seconds in another process, with or without the event', async () => {
  const elsewhere = await site.another()
  for (const lost of [false, true]) {
    const [disabled, closed, reset] = [await user(), await user(), await user()]
    const demoted = await createUser(site.context, units(0), { role: 'admin' })
    const renamed = await user()
    const all = [disabled, closed, reset, demoted, renamed]
    for (const { token } of all) assert.ok(await authenticate(elsewhere, idOf(token)))
    const { events } = site.context
    if (lost) site.context.events = { ...events, publish: () => {} }
    try {
      assert.equal((await patch(disabled.accountId, { is_active: false })).data.is_active, false)
      assert.equal(
        (await call('DELETE', `/admin/users/${closed.accountId}`, { token: admin.token })).http,
        200,
      )
      assert.equal((await patch(reset.accountId, { password: 'another secret' })).http, 200)
      assert.equal((await patch(demoted.accountId, { role: 'user' })).data.role, 'user')
      assert.equal(
        (await patch(renamed.accountId, { username: `renamed-${lost}`, creditLimit: 5 })).http,
        200,
      )
    } finally {
      site.context.events = events
    }
    await within(5_000, () => isRefused(elsewhere, disabled.token, 'account_disabled'))
    await within(5_000, () => isRefused(elsewhere, closed.token, 'account_missing'))
    await within(5_000, () => isRefused(elsewhere, reset.token, 'credentials_revoked'))
    await within(5_000, () => isRefused(elsewhere, demoted.token, 'credentials_revoked'))
    assert.equal((await authenticate(elsewhere, idOf(renamed.token))).accountId, renamed.accountId)
    const { username } = disabled.account
    assert.equal((await login(username, disabled.password)).http, 403)
    assert.equal((await login(closed.account.username, closed.password)).http, 401)
  }
})

// Administration -------------------------------------------------------------------------------------------

test('the list: filters, totals, pages, days and moments; a closed account is in none', async () => {
  const names = ['filter-ann', 'filter-BOB', 'filter_cat', 'filter%dan']
  const ids: number[] = []
  for (const name of names) ids.push((await register(name)).data.id)
  await patch(ids[1] as number, { role: 'admin' })
  await patch(ids[2] as number, { is_active: false })
  const list = async (query: string) =>
    (await call('GET', `/admin/users?${query}`, { token: admin.token })).data
  const found = async (query: string) =>
    (await list(query)).users.map(({ username }: { username: string }) => username).sort()

  assert.deepEqual(await found('username=FILTER-&current=1&pageSize=20'), ['filter-BOB', 'filter-ann'])
  assert.deepEqual(await found('username=%25'), ['filter%dan'], 'no wildcards')
  assert.deepEqual(await found('username=filter_'), ['filter_cat'])
  assert.deepEqual(await found('username=filter&role=admin'), ['filter-BOB'])
  for (const word of ['false', '0', 'F'])
    assert.deepEqual(await found(`username=filter&is_active=${word}`), ['filter_cat'])
  assert.equal((await list('username=filter&is_active=true')).total, 3)
  const page = await list('username=filter&limit=3&page=2')
  assert.deepEqual([page.users.length, page.total, page.page, page.limit], [1, 4, 2, 3])

  const today = new Date().toISOString().slice(0, 10)
  assert.equal((await list(`username=filter&created_after=${today}&created_before=${today}`)).total, 4)
  assert.equal((await list(`username=filter&created_before=2020-01-01`)).total, 0)
  assert.equal((await list('username=filter&created_after=2020-01-01T00:00:00%2B08:00')).total, 4)
  for (const bad of [
    'is_active=perhaps',
    'created_after=yesterday',
    'created_before=2024-02-30',
    'role=king',
    'page=0',
    'limit=x',
  ])
    assert.equal((await call('GET', `/admin/users?${bad}`, { token: admin.token })).http, 400, bad)

  await call('DELETE', `/admin/users/${ids[0]}`, { token: admin.token })
  assert.deepEqual(await found('username=filter-'), ['filter-BOB'])
  const [row] = (await list('username=filter_')).users
  assert.deepEqual(Object.keys(row), [
    ...['id', 'username', 'role', 'is_active', 'activated_at', 'deactivated_at'],
    ...['balance', 'creditLimit', 'created_at', 'updated_at'],
  ])
  await patch(ids[1] as number, { role: 'user' })
})

test('a change of an account: all fields, nothing, nulls and empty texts, unknown fields, a taken name', async () => {
  const someone = await user(1)
  const before = (await call('GET', '/auth/user', { token: someone.token })).data
  const changed = await patch(someone.accountId, {
    username: 'changed-name',
    password: '',
    role: null,
    creditLimit: 12.3456,
    current: 1,
    confirm: 'x',
  })
  assert.deepEqual([changed.http, changed.message], [200, 'User updated successfully'])
  assert.deepEqual(
    [changed.data.username, changed.data.creditLimit, changed.data.balance],
    ['changed-name', 12.3456, 1],
  )
  assert.equal(
    (await login('changed-name', someone.password)).http,
    200,
    'the empty password changed nothing',
  )
  const disabled = (await patch(someone.accountId, { is_active: false })).data
  assert.deepEqual([disabled.is_active, disabled.activated_at], [false, before.activated_at])
  assert.ok(disabled.deactivated_at)
  const enabled = (await patch(someone.accountId, { is_active: true })).data
  assert.deepEqual([enabled.is_active, enabled.deactivated_at], [true, null])
  assert.ok(enabled.activated_at > before.activated_at)

  for (const nothing of [{}, { password: '' }, { username: null, current: 1 }]) {
    const answer = await patch(someone.accountId, nothing)
    assert.deepEqual([answer.http, answer.message], [400, 'No fields to update'])
  }
  for (const bad of [
    { password: '12345' },
    { role: 'king' },
    { is_active: 'yes' },
    { creditLimit: -1 },
    { creditLimit: 0.00001 },
    { creditLimit: 1e300 },
  ])
    assert.equal((await patch(someone.accountId, bad)).http, 400, JSON.stringify(bad))
  const taken = await patch(someone.accountId, {
    username: admin.account.username.toUpperCase(),
    creditLimit: 999,
  })
  assert.deepEqual([taken.http, taken.message], [409, 'user with this username already exists'])
  assert.equal(
    (await call('GET', '/auth/user', { token: (await login('changed-name', someone.password)).data.token }))
      .data.creditLimit,
    12.3456,
    'nothing of a refused change happened',
  )
  for (const [id, http] of [
    ['999999999', 404],
    ['0', 400],
    ['-1', 400],
    ['one', 400],
    ['1e3', 400],
  ] as const)
    assert.equal(
      (await call('PATCH', `/admin/users/${id}`, { token: admin.token, body: { role: 'user' } })).http,
      http,
      id,
    )
})

test('optimistic locking: a stale screen is 409; of 20 changes at once based on one row, one happens', async () => {
  const someone = await user()
  const { data } = await patch(someone.accountId, { creditLimit: 1 })
  const fresh = await patch(someone.accountId, { creditLimit: 2, updated_at: data.updated_at })
  assert.equal(fresh.http, 200)
  const stale = await patch(someone.accountId, { creditLimit: 3, updated_at: data.updated_at })
  assert.deepEqual(
    [stale.http, stale.message],
    [409, 'data has been modified by another user, please refresh and try again'],
  )
  const crowd = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      patch(someone.accountId, { creditLimit: 10 + index, updated_at: fresh.data.updated_at }),
    ),
  )
  assert.deepEqual(tally(crowd), { 200: 1, 409: 19 })
  const winner = crowd.find(({ http }) => http === 200)
  const { creditLimit } = await readBalance(site.context, someone)
  assert.equal(winner?.data.creditLimit, toNumber(creditLimit))
  assert.equal((await patch(someone.accountId, { creditLimit: 4, updated_at: 'last week' })).http, 400)
})

test('a credit limit cannot fall below what is drawn, whatever is drawn meanwhile', async () => {
  const someone = await user(0)
  await patch(someone.accountId, { creditLimit: 50 })
  const debit = (amount: number) =>
    call('POST', `/admin/users/${someone.accountId}/balance`, {
      token: admin.token,
      body: { amount, type: 'debit' },
    })
  assert.equal((await debit(30)).data.balance, -30)
  const refused = await patch(someone.accountId, { creditLimit: 29.9999 })
  assert.deepEqual(
    [refused.http, refused.message],
    [400, 'creditLimit cannot be lower than the 30 already drawn on it'],
  )
  await Promise.all([
    ...Array.from({ length: 20 }, () => debit(1)),
    ...Array.from({ length: 20 }, (_, index) => patch(someone.accountId, { creditLimit: 30 + index })),
  ])
  const { available, creditLimit } = await readBalance(site.context, someone)
  assert.ok(available + creditLimit >= 0n, `${available} with a limit of ${creditLimit}`)
})

test('50 debits at once go down to the credit limit and no further; consumption is untouched; a key is one effect', async () => {
  const someone = await user(10)
  await patch(someone.accountId, { creditLimit: 5.5 })
  const url = `/admin/users/${someone.accountId}/balance`
  const post = (body: object, headers?: Record<string, string>) =>
    call('POST', url, { token: admin.token, body, ...(headers && { headers }) })
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => post({ amount: 1, type: 'debit', reason: 'race' })),
  )
  assert.deepEqual(tally(answers), { 200: 15, 400: 35 })
  assert.ok(answers.every(({ http, message }) => http === 200 || message === 'Insufficient balance'))
  const shown = (await call('GET', '/auth/user', { token: someone.token })).data
  assert.deepEqual([shown.credit.available, shown.total_consumed], [0.5, 0])

  const key = { 'idempotency-key': 'once' }
  const crowd = await Promise.all(
    Array.from({ length: 10 }, () => post({ amount: 100.0001, type: 'credit' }, key)),
  )
  assert.deepEqual(tally(crowd), { 200: 10 })
  assert.equal((await readBalance(site.context, someone)).available, parseCredits('95.0001'))
  assert.equal((await post({ amount: 1, type: 'credit' }, key)).http, 422)
  const [entry] = await site.context.db.rows<{ reason: string; operator_id: bigint; ip: string }>(
    statement(
      'adjustment on record',
      `select reason, operator_id, ip from entry where account_id = $1 and reason = 'race' limit 1`,
    ),
    [someone.accountId],
  )
  assert.deepEqual(entry, { reason: 'race', operator_id: admin.accountId, ip: '127.0.0.1' })
  for (const bad of [
    { amount: 0 },
    { amount: -1 },
    { amount: 0.00001 },
    { amount: '5' },
    { amount: 1e20 },
    { amount: 1, type: 'gift' },
  ])
    assert.equal((await post({ type: 'credit', ...bad })).http, 400, JSON.stringify(bad))
  for (const id of ['999999999', String((await closedUser()).accountId)])
    assert.equal(
      (
        await call('POST', `/admin/users/${id}/balance`, {
          token: admin.token,
          body: { amount: 1, type: 'credit' },
        })
      ).http,
      404,
    )
})

async function closedUser(): Promise<User> {
  const one = await user()
  await closeAccount(site.context, null, one.accountId)
  return one
}

test('nobody disables, demotes or deletes themselves; a new password keeps the calling session and ends the others', async () => {
  const own = await createUser(site.context, units(0), { role: 'admin' })
  for (const change of [{ is_active: false }, { role: 'user' }]) {
    const answer = await patch(own.accountId, change, own.token)
    assert.deepEqual(
      [answer.http, answer.message],
      [400, 'Admin users cannot delete, disable or demote themselves'],
    )
  }
  assert.equal((await call('DELETE', `/admin/users/${own.accountId}`, { token: own.token })).http, 400)
  const { token: other } = (await login(own.account.username, own.password)).data
  assert.equal(
    (await patch(own.accountId, { password: 'my new secret', role: 'admin', is_active: true }, own.token))
      .http,
    200,
  )
  assert.equal((await call('GET', '/auth/user', { token: own.token })).http, 200)
  assert.equal((await call('GET', '/auth/user', { token: other })).http, 401)
})

test('two administrators demote, disable and delete each other at once: one is always left', async () => {
  const pair = await buildSite({ dialect: aigentools, preset: { limits: limitsOf(1_000_000) } })
  try {
    for (let round = 0; round < 12; round += 1) {
      const [a, b] = [
        await createUser(pair.context, units(0), { role: 'admin' }),
        await createUser(pair.context, units(0), { role: 'admin' }),
      ]
      const { app } = pair
      const attack = (by: User, on: User) =>
        round % 3 === 2
          ? call('DELETE', `/admin/users/${on.accountId}`, { app, token: by.token })
          : call('PATCH', `/admin/users/${on.accountId}`, {
              app,
              token: by.token,
              body: round % 3 ? { role: 'user' } : { is_active: false },
            })
      await Promise.all([attack(a, b), attack(b, a)])
      const [left] = await pair.context.db.rows<{ count: bigint }>(
        statement(
          'administrators left',
          `select count(*) from account where role = 'admin' and state = 'active'`,
        ),
        [],
      )
      assert.equal(left?.count, 1n, `round ${round}`)
      const [last] = await pair.context.db.rows<{ id: bigint }>(
        statement('last administrator', `select id from account where role = 'admin' and state = 'active'`),
        [],
      )
      assert.ok(last)
      // Not even the command line leaves a site without one.
      await assert.rejects(setAccountState(pair.context, last.id, 'closed'), {
        code: 'account_is_last_administrator',
      })
      await assert.rejects(updateAccount(pair.context, null, last.id, { role: 'user' }), {
        code: 'account_is_last_administrator',
      })
      await pair.context.db.rows(
        statement('start anew', `update account set role = 'user', state = 'active' where state <> 'closed'`),
        [],
      )
    }
  } finally {
    await pair.close()
  }
})

test('closing ends what waits and gives it back before the answer', async () => {
  const owner = await user(100)
  for (let index = 0; index < 3; index += 1)
    await submitTask(site.context, owner, pictureOf(`waiting ${index}`))
  await closeAccount(site.context, null, owner.accountId)
  const { available, held } = await readBalance(site.context, owner)
  assert.deepEqual([available, held], [units(100), 0n])
  const states = await site.context.db.rows<{ state: string }>(
    statement('states of tasks', 'select distinct state from task where account_id = $1'),
    [owner.accountId],
  )
  assert.deepEqual(states, [{ state: 'canceled' }])
})

test('closing while tasks are submitted and run: everything open is ended and paid back, the name is free, the books stay', async () => {
  const owner = await user(200)
  for (let index = 0; index < 5; index += 1)
    await submitTask(site.context, owner, pictureOf(`before ${index}`))
  const worker = site.startWorker()
  const results = await Promise.allSettled([
    ...Array.from({ length: 10 }, (_, index) =>
      submitTask(site.context, owner, pictureOf(`meanwhile ${index}`)),
    ),
    closeAccount(site.context, { accountId: admin.accountId, sessionId: idOf(admin.token) }, owner.accountId),
    ...Array.from({ length: 3 }, () => closeAccount(site.context, null, owner.accountId)),
  ])
  const closings = results.slice(10)
  assert.equal(closings.filter(({ status }) => status === 'fulfilled').length, 1, 'closed once')
  for (const result of closings)
    if (result.status === 'rejected') assert.equal(result.reason.code, 'account_not_found')
  const open = async () => {
    const [row] = await site.context.db.rows<{ open: bigint; held: bigint }>(
      statement(
        'open of account',
        `select count(*) filter (where t.state not in ('succeeded', 'failed', 'canceled')) as open, max(w.held) as held
         from wallet w left join task t on t.account_id = w.account_id where w.account_id = $1`,
      ),
      [owner.accountId],
    )
    return row
  }
  await within(3_000, async () => (await open())?.open === 0n)
  assert.equal((await open())?.held, 0n)
  await worker.stop(2_000)
  assert.deepEqual(await verifyLedger(site.context), [])
  const { available, spent, granted } = await readBalance(site.context, owner)
  assert.equal(available + spent, granted, 'what was not spent is there')
  await assert.rejects(submitTask(site.context, owner, pictureOf('afterwards')), { code: 'account_disabled' })
  assert.equal((await call('DELETE', `/admin/users/${owner.accountId}`, { token: admin.token })).http, 404)

  const successor = await register(owner.account.username.toUpperCase())
  assert.equal(successor.http, 201)
  assert.notEqual(successor.data.id, Number(owner.accountId))
  assert.equal((await login(owner.account.username, owner.password)).http, 401)
  assert.equal((await call('GET', '/auth/user', { token: successor.data.token })).data.credit.available, 0)
})

// Payments -------------------------------------------------------------------------------------------------

test('payment channels: write-only key, both names of the address, false stays false, the mask keeps, unknown is 404', async () => {
  const as = { token: admin.token }
  const config = { pid: 1001, key: 'a-very-secret-key', url: 'https://pay.example.com/' }
  const top = { url: config.url, pid: 'x', key: 'a-key-at-the-top-level' }
  const made = await call('POST', '/admin/payment/config', {
    ...as,
    body: { name: '支付宝', payment_method: 'epay', config, enable: false, ...top },
  })
  assert.deepEqual([made.http, made.message, Object.keys(made.data)], [200, 'success', ['id', 'uuid']])
  const list = async () => (await call('GET', '/admin/payment/config', as)).data
  const shown = async () => (await list()).find(({ id }: { id: number }) => id === made.data.id)
  const { created_at, updated_at, ...rest } = await shown()
  assert.ok(Date.parse(created_at) && Date.parse(updated_at))
  const gateway = 'https://pay.example.com'
  assert.deepEqual(rest, {
    id: made.data.id,
    uuid: made.data.uuid,
    name: '支付宝',
    payment_method: 'epay',
    config: { pid: '1001', key: '********', gateway, url: gateway },
    enable: false,
  })
  const buyer = await user()
  const offered = async () => (await call('GET', '/payment/methods', { token: buyer.token })).data
  assert.deepEqual(await offered(), [])
  const put = (body: object) => call('PUT', `/admin/payment/config/${made.data.id}`, { ...as, body })
  const stored = async () => {
    const [row] = await site.context.db.rows<{ secret: Buffer; account_version: number; options: object }>(
      statement(
        'stored channel',
        'select secret, account_version, options from payment_channel where id = $1',
      ),
      [made.data.id],
    )
    return (
      row && {
        secret: site.context.keys.open(row.secret),
        version: row.account_version,
        options: row.options,
      }
    )
  }
  assert.deepEqual(await stored(), { secret: config.key, version: 1, options: { mode: 'submit' } })
  // The edit form sends everything back, at both places.
  assert.equal(
    (
      await put({
        name: '易支付',
        enable: true,
        payment_method: 'epay',
        config: (await shown()).config,
        ...top,
      })
    ).http,
    200,
  )
  assert.deepEqual(await stored(), { secret: config.key, version: 1, options: { mode: 'submit' } })
  assert.deepEqual(await offered(), [{ uuid: made.data.uuid, type: 'epay', name: '易支付' }])
  await put({ config: { ...(await shown()).config, url: 'https://new.example.com' } })
  assert.equal((await shown()).config.gateway, 'https://new.example.com')
  await put({ config: { ...(await shown()).config, gateway: 'https://newer.example.com', key: '' } })
  assert.deepEqual(
    [(await shown()).config.url, (await stored())?.secret],
    ['https://newer.example.com', config.key],
  )
  await put({ config: { key: 'a-new-secret-key' } })
  assert.deepEqual(await stored(), { secret: 'a-new-secret-key', version: 4, options: { mode: 'submit' } })
  const { text } = await call('GET', '/admin/payment/config', as)
  assert.ok(!text.includes('secret-key'))

  for (const bad of [
    { payment_method: 'wxpay' },
    { payment_method: 'sandbox' },
    { config: { ...config, key: '*****' } },
    { config: { ...config, key: '********' } },
    { config: { ...config, url: 'ftp://pay.example.com' } },
    { config: { ...config, pid: '' } },
    { config: { pid: '1' } },
    { name: '' },
  ])
    assert.equal(
      (
        await call('POST', '/admin/payment/config', {
          ...as,
          body: { name: 'x', payment_method: 'epay', config, ...bad },
        })
      ).http,
      400,
      JSON.stringify(bad),
    )
  assert.equal((await list()).length, 1)
  assert.equal((await put({ config: { key: 'short' } })).http, 400)
  assert.equal((await call('PUT', '/admin/payment/config/999999', { ...as, body: { name: 'x' } })).http, 404)
  assert.equal((await call('DELETE', '/admin/payment/config/x', as)).http, 400)
  assert.equal((await call('DELETE', `/admin/payment/config/${made.data.id}`, as)).http, 200)
  assert.equal((await call('DELETE', `/admin/payment/config/${made.data.id}`, as)).http, 404)
  assert.deepEqual([await list(), await offered()], [[], []])
})

test('a top-up: signed link with our own notify address, bounds of the amount, refusals before any order, any method of notice, a closed account', async () => {
  const standIn = await startEpayStandIn()
  const buyer = await user()
  const { data: channel } = await call('POST', '/admin/payment/config', {
    token: admin.token,
    body: {
      name: '易支付',
      payment_method: 'epay',
      config: { pid: standIn.pid, key: standIn.key, gateway: standIn.url },
    },
  })
  const order = {
    amount: 88.8,
    payment_method_uuid: channel.uuid,
    payment_channel: 'alipay',
    return_url: 'http://localhost:8000/recharge?a=1&b=2',
  }
  const create = (changes: object, headers: Record<string, string> = {}) =>
    call('POST', '/payment/create', { token: buyer.token, body: { ...order, ...changes }, headers })
  try {
    for (const [bad, http] of [
      [{ amount: 0 }, 400],
      [{ amount: 0.001 }, 400],
      [{ amount: 0.009 }, 400],
      [{ amount: 1.005 }, 400],
      [{ amount: -5 }, 400],
      [{ amount: 100_000.01 }, 400],
      [{ amount: 1e21 }, 400],
      [{ amount: '10' }, 400],
      [{ payment_channel: 'qqpay' }, 400],
      [{ return_url: 'javascript:alert(1)' }, 400],
      [{ return_url: '/recharge' }, 400],
      [{ payment_method_uuid: 'abc-123' }, 404],
    ] as const)
      assert.equal((await create(bad)).http, http, JSON.stringify(bad))
    const count = async () =>
      Number(
        (
          await site.context.db.rows<{ count: bigint }>(
            statement('orders of buyer', 'select count(*) from payment_order where account_id = $1'),
            [buyer.accountId],
          )
        )[0]?.count,
      )
    assert.equal(await count(), 0)

    const made = await create(
      {},
      { host: 'evil.example.com', 'x-forwarded-host': 'evil.example.com', 'idempotency-key': 'k1' },
    )
    assert.deepEqual(
      [made.http, made.message, Object.keys(made.data)],
      [200, 'success', ['jump_url', 'order_id']],
    )
    const again = await create({}, { 'idempotency-key': 'k1' })
    assert.deepEqual(again.data, made.data)
    assert.equal((await create({ amount: 1 }, { 'idempotency-key': 'k1' })).http, 422)
    const link = new URL(made.data.jump_url)
    const told = Object.fromEntries(link.searchParams)
    assert.equal(`${link.origin}${link.pathname}`, `${standIn.url}/submit.php`)
    assert.equal(told.notify_url, `http://localhost:3334/api/v1/payment/notify/${channel.uuid}`)
    assert.deepEqual(
      [told.money, told.type, told.pid, told.return_url],
      ['88.80', 'alipay', standIn.pid, order.return_url],
    )
    assert.equal(standIn.requests.length, 0, 'the gateway was not asked')

    // The gateway checks our signature when the payer comes.
    assert.equal((await fetch(link)).status, 200)
    const tradeNumber = told.out_trade_no ?? ''
    standIn.pay(tradeNumber)
    const { query } = standIn.notification(tradeNumber)
    const notify = (method: string, where: { query?: string; body?: string; type?: string }) =>
      site.app.inject({
        method: method as 'GET',
        url: `/api/v1/payment/notify/${channel.uuid}${where.query ? `?${where.query}` : ''}`,
        ...(where.body && {
          payload: where.body,
          headers: { 'content-type': where.type ?? 'application/x-www-form-urlencoded' },
        }),
      })
    const forged = query.replace(/money=[^&]*/, 'money=8888.00')
    for (const [method, where] of [
      ['GET', { query: forged }],
      ['POST', { query, body: query }],
      ['POST', { query: `${query}&money=1.00` }],
      ['POST', { body: query, type: 'application/json' }],
      ['PUT', { body: forged }],
      ['GET', {}],
    ] as const) {
      const answer = await notify(method, where)
      assert.deepEqual(
        [answer.statusCode, answer.payload],
        [400, 'fail'],
        `${method} ${JSON.stringify(where)}`,
      )
    }
    const balance = async () => (await readBalance(site.context, buyer)).available
    assert.equal(await balance(), 0n)
    // The link that the payer holds is no notification, however it is dressed.
    assert.equal(
      (await notify('GET', { query: `${link.search.slice(1)}&trade_status=TRADE_SUCCESS&trade_no=1` }))
        .payload,
      'fail',
    )

    await call('DELETE', `/admin/users/${buyer.accountId}`, { token: admin.token })
    const errors: object[] = []
    const { log } = site.context
    site.context.log = { ...log, error: (details) => void errors.push(details) }
    try {
      const answers = await Promise.all([
        notify('PUT', { body: query }),
        notify('POST', { body: query }),
        notify('GET', { query }),
        notify('PATCH', { query }),
        notify('DELETE', { query }),
      ])
      assert.ok(answers.every(({ statusCode, payload }) => statusCode === 200 && payload === 'success'))
    } finally {
      site.context.log = log
    }
    assert.equal(
      await balance(),
      parseCredits('88.8') as Credits,
      'money of a closed account is credited to its wallet, once',
    )
    const paid = await findOrderByTradeNumber(site.context, tradeNumber)
    assert.deepEqual(errors, [{ order: paid?.id, account: buyer.accountId }])
    const unknown = await notify('GET', { query }).then(() =>
      site.app.inject({ method: 'GET', url: '/api/v1/payment/notify/00000000-0000-4000-8000-000000000000' }),
    )
    assert.equal(unknown.statusCode, 404)
  } finally {
    await standIn.close()
  }
})
