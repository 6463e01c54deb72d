import assert from 'node:assert/strict'
import { test } from 'node:test'
import { units } from '../../src/kernel/money.ts'
import { createUser } from '../factories.ts'
import { accessAiCreator } from './ai-creator.ts'
import { openGround } from './ground.ts'

const ground = openGround(accessAiCreator)

test('logs never hold a password, a token, a key, a signature or a platform’s credentials, also when things fail', () =>
  ground.withLogs({}, async (app, context, logged) => {
    const secrets = new Map<string, string>()
    const keep = (what: string, secret: string): string => {
      secrets.set(`${what} ${secrets.size}`, secret)
      return secret
    }
    const post = (path: string, body: object, token?: string, headers: Record<string, string> = {}) =>
      ground.call('POST', ground.url(path), { app, body, headers, ...(token && { token }) })
    const admin = keep('token', (await createUser(context, units(0), { role: 'admin' })).token)
    const who = { username: 'logged', email: 'logged@qq.com', password: keep('password', 'correct-horse-1') }
    assert.equal((await post('/auth/register', who)).status, 200)
    assert.equal((await post('/auth/register', who)).status, 400)
    const wrong = { username: 'logged', password: keep('password', 'incorrect-horse-1') }
    assert.equal((await post('/auth/login', wrong)).status, 401)
    assert.equal((await post('/auth/login', { ...wrong, password: { not: wrong.password } })).status, 400)
    const { data } = await post('/auth/login', who)
    const token = keep('token', String(data?.access_token))
    const refresh = keep('refresh token', String(data?.refresh_token))
    const next = await post('/auth/refresh', { refresh_token: refresh })
    keep('refresh token', String(next.data?.refresh_token))
    const forged = keep('refresh token', `${refresh.slice(0, -4)}AAAA`)
    assert.equal((await post('/auth/refresh', { refresh_token: forged })).status, 401)
    for (const path of ['/api/v1/none', '/api/v1/%zz', '/files/none.png', '/handoff/none'])
      assert.ok((await ground.call('GET', `${path}?token=${token}`, { app })).status >= 400)

    for (const app_secret of [keep('credentials', 'the-app-secret-of-a-user'), 'wrong']) {
      const credentials = { app_id: 'x', app_secret }
      const bound = await post('/publish/platforms/bind', { platform: 'wechat', credentials }, token)
      assert.equal(bound.status, app_secret === 'wrong' ? 400 : 200, bound.text)
    }
    const model = { name: 'x', provider: 'openai', model_name: 'x', api_base: 'https://api.example.com/v1' }
    const made = await post('/models', { ...model, api_key: keep('key', 'sk-of-the-operator-12345') }, admin)
    assert.equal(made.status, 200, made.text)
    const claim = { order_id: 'R1', payment_method: 'alipay', transaction_id: 'x', status: 'success' }
    const signature = keep('signature', 'ab12'.repeat(16))
    const headers = { 'x-timestamp': '1', 'x-signature': signature }
    assert.equal((await post('/credit/payment/callback', claim, undefined, headers)).status, 400)

    // The database refuses the row, and its error tells the whole of it.
    const { pool } = context.db
    await pool.query(`alter table account add constraint no_crashers check (username <> 'crasher')`)
    await pool.query(`alter table model add constraint no_crashing check (title <> 'crasher')`)
    for (const crash of [
      await post('/auth/register', {
        ...{ username: 'crasher', email: 'crasher@qq.com', password: keep('password', 'crashing-horse-1') },
      }),
      await post('/models', { ...model, name: 'crasher', api_key: keep('key', 'sk-of-the-crasher') }, admin),
    ]) {
      assert.deepEqual([crash.status, crash.data], [500, null], crash.text)
      assert.doesNotMatch(crash.text, /constraint|no_crash|at /)
    }
    const lines = logged()
    assert.match(lines, /"msg":"request"/, 'something was logged at all')
    assert.match(lines, /a request failed/)
    for (const [what, secret] of secrets) assert.ok(!lines.includes(secret), `the log holds the ${what}`)
    assert.doesNotMatch(lines, /authorization|\$argon2/i)
  }))
