import assert from 'node:assert/strict'
import { test } from 'node:test'
import { units } from '../../src/kernel/money.ts'
import { ProviderError } from '../../src/kernel/ports/provider.ts'
import { createUser } from '../factories.ts'
import { codeIn } from '../mail.ts'
import { testAccess } from './suite.ts'
import { accessWaliassets } from './waliassets.ts'

const ground = testAccess(accessWaliassets)
const { call } = ground

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
  const { token: alice } = await createUser(ground.site.context, units(100))
  const { token: bob } = await createUser(ground.site.context, units(100))
  const { token: admin } = await createUser(ground.site.context, units(100), { role: 'admin' })
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
  const users = await Promise.all([1, 2, 3].map(() => createUser(ground.site.context, units(100))))
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
      const { rows: own } = await ground.site.context.db.pool.query(
        'select id from entry where account_id = $1',
        [accountId],
      )
      const ids = new Set(own.map(({ id }) => Number(id)))
      for (const { id } of rows) assert.ok(ids.has(id), `row ${id} is not of ${accountId}`)
    }
    const { data } = await call('GET', '/api/token/balance', { token })
    assert.deepEqual(data?.user, { id: account.uuid, username: account.username, email })
    for (const taskId of mine) assert.ok(!seen.has(taskId))
    for (const taskId of mine) seen.add(taskId)
  }
})

test('three guesses at an e-mail code, then even the right one is refused (W1)', async () => {
  const email = 'guessed@qq.com'
  assert.equal((await call('POST', '/api/auth/send-code', { body: { email } })).code, 1)
  const code = codeIn((await ground.site.mails()).at(-1))
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
  const { account } = await createUser(ground.site.context, units(0))
  const email = 'second.try@qq.com'
  await call('POST', '/api/auth/send-code', { body: { email } })
  const emailCode = codeIn((await ground.site.mails()).at(-1))
  const attempt = (username: string) =>
    call('POST', '/api/auth/register', { body: { email, password: 'password123', username, emailCode } })
  assert.equal((await attempt(account.username)).code, 1202)
  assert.equal((await attempt(account.username.toUpperCase())).code, 1202)
  const { rows } = await ground.site.context.db.pool.query(
    'select count(*) as n from account where email = $1',
    [email],
  )
  assert.deepEqual(rows, [{ n: 0n }])
  assert.equal((await attempt('secondtry')).code, 1)
  assert.equal((await attempt('thirdtry')).code, 1104)
})

test('parallel generation never overspends (W3), and a failed one gives its tokens back in our own words (W2)', async () => {
  const { token } = await createUser(ground.site.context, units(59))
  const made = await Promise.all(
    Array.from({ length: 12 }, () =>
      call('POST', '/api/generate/image', { token, body: { prompt: '抢', size: '64x64' } }),
    ),
  )
  assert.deepEqual(
    made.map(({ code }) => code).sort((a, b) => a - b),
    [1, 1, ...Array(10).fill(1301)],
  )
  const { token: unlucky } = await createUser(ground.site.context, units(20))
  const words = 'vendor says: key sk-12345 of project 7 is over quota at https://vendor.example'
  for (const [kind, code] of [
    ['rejected', 1502],
    ['content', 1502],
  ] as const) {
    ground.provider.next.push(async () => {
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

test("a mail server's own words reach nobody, and a mail that failed does not block the next minute (W15, W16)", async () => {
  const send = async (): Promise<void> => {
    throw new Error('535 5.7.8 authentication failed for smtp-user with smtp-password')
  }
  await ground.withLogs({ mail: { send, close: () => {} } }, async (app) => {
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
  await ground.withLogs({ mail: { send, close: () => {} } }, async (app, context, logged) => {
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
    ground.provider.next.push(async () => {
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
