import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { units } from '../../src/kernel/money.ts'
import { ProviderError } from '../../src/kernel/ports/provider.ts'
import { createUser } from '../factories.ts'
import { failsWith } from '../fakes/vision-provider.ts'
import { accessAigentools } from './aigentools.ts'
import type { Answer } from './ground.ts'
import { openGround } from './ground.ts'

const ground = openGround(accessAigentools)

test('logs never hold a password, a token, a key, a header or what was signed, also when things fail', () =>
  ground.withLogs({}, async (app, context, logged) => {
    const secrets = new Map<string, string>()
    const keep = (what: string, secret: string): string => {
      secrets.set(`${what} ${secrets.size}`, secret)
      return secret
    }
    const say = (method: string, path: string, token?: string, body?: object): Promise<Answer> =>
      ground.call(method, ground.url(path), { app, ...(token && { token }), ...(body && { body }) })
    const admin = (await createUser(context, units(0), { role: 'admin' })).token
    keep('token', admin)

    const token = await accountsComeAndGo(say, app, admin, keep)
    await modelsFail(say, admin, token, keep)
    await pay(say, app, admin, token, keep)
    await uploadAndAnalyze(say, app, token, keep)

    // The database refuses the row, and its error tells the whole of it.
    const { pool } = context.db
    await pool.query(`alter table account add constraint no_crashers check (username <> 'crasher')`)
    await pool.query(`alter table payment_channel add constraint no_crashes check (name <> 'crasher')`)
    await pool.query(`alter table model add constraint no_crashing check (title <> 'crasher')`)
    const crashes = [
      await say('POST', '/auth/register', undefined, {
        username: 'crasher',
        password: keep('password', 'crashing-horse-battery'),
      }),
      await say('POST', '/admin/payment/config', admin, {
        ...{ name: 'crasher', payment_method: 'epay' },
        config: {
          pid: '9',
          key: keep('epay key', 'the-key-of-the-crasher'),
          gateway: 'https://pay.example.com',
        },
      }),
      await say('POST', '/models/create', admin, {
        ...{ name: 'crasher', status: 'open', url: 'https://api.example.com/crash' },
        api_key: keep('model key', 'sk-of-the-crasher'),
        headers: { 'x-tenant': keep('model header', 'tenant-of-the-crasher') },
      }),
    ]
    for (const { status, data, message, text } of crashes) {
      assert.deepEqual([status, data, message], [500, null, 'Internal server error'], text)
      assert.doesNotMatch(text, /constraint|no_crash|account|at /)
    }

    const lines = logged()
    assert.match(lines, /"msg":"request"/, 'something was logged at all')
    assert.match(lines, /a provider refused a task/)
    assert.match(lines, /a provider did not describe a picture/)
    assert.match(lines, /a request failed/)
    for (const [what, secret] of secrets) {
      const at = lines.indexOf(secret)
      assert.equal(at, -1, `the log holds the ${what}: ${lines.slice(Math.max(0, at - 300), at + 100)}`)
    }
    assert.doesNotMatch(lines, /authorization|\$argon2/i)
  }))

type Say = (method: string, path: string, token?: string, body?: object) => Promise<Answer>
type Keep = (what: string, secret: string) => string

async function accountsComeAndGo(say: Say, app: FastifyInstance, admin: string, keep: Keep): Promise<string> {
  const who = { username: 'logged', password: keep('password', 'correct-horse-battery') }
  const registered = await say('POST', '/auth/register', undefined, who)
  assert.equal(registered.status, 201, registered.text)
  keep('token', String(registered.data?.token))
  assert.equal((await say('POST', '/auth/register', undefined, who)).status, 409)
  const wrong = { ...who, password: keep('password', 'incorrect-horse-battery') }
  assert.equal((await say('POST', '/auth/login', undefined, wrong)).status, 401)
  const inside = { ...who, password: { not: keep('password', 'inside-horse-battery') } }
  assert.equal((await say('POST', '/auth/login', undefined, inside)).status, 400)
  const login = await say('POST', '/auth/login', undefined, who)
  const token = keep('token', String(login.data?.token))
  const forged = keep('token', `${token.slice(0, -4)}AAAA`)
  assert.equal((await say('GET', '/auth/user', forged)).status, 401)
  for (const path of [
    '/api/v1/none',
    '/api/v1/%zz',
    '/files/none.png',
    '/uploads/none.png',
    '/api/v1/models',
  ]) {
    const answer = await ground.call('GET', `${path}?token=${token}`, { app })
    assert.ok(answer.status >= 400 && !answer.text.includes(token))
  }
  await app.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(who).slice(0, -1),
  })
  const change = { password: keep('password', 'a-password-of-the-operator') }
  const id = Number(registered.data?.id)
  assert.equal((await say('PATCH', `/admin/users/${id}`, admin, change)).status, 200)
  const credit = { amount: 50, type: 'credit' }
  assert.equal((await say('POST', `/admin/users/${id}/balance`, admin, credit)).status, 200)
  const again = await say('POST', '/auth/login', undefined, { ...who, ...change })
  return keep('token', String(again.data?.token))
}

async function modelsFail(say: Say, admin: string, token: string, keep: Keep): Promise<void> {
  const key = keep('model key', 'sk-of-the-operator-12345')
  const headers = { 'x-tenant': keep('model header', 'tenant-of-the-operator') }
  const model = {
    name: 'x',
    status: 'open',
    price: 2,
    url: 'https://api.example.com/x',
    api_key: key,
    headers,
  }
  const made = await say('POST', '/models/create', admin, model)
  assert.equal(made.status, 201, made.text)
  assert.ok(!made.text.includes(key) && !made.text.includes('tenant-of'))
  for (const bad of [{ price: -1 }, { url: 'ftp://x' }, { headers: { 'x y': 'tenant-of-the-operator' } }])
    assert.equal((await say('POST', '/models/create', admin, { ...model, ...bad })).status, 400)
  const { id } = made.data as { id: number }
  const task = await say('POST', '/tasks', token, { body: { model_id: id, prompt: 'a kitten' } })
  assert.equal(task.status, 200, task.text)
  assert.equal((await say('PATCH', `/tasks/${task.data?.id}/approve`, admin)).status, 200)
  for (let status = 2; status !== 5; ) {
    const now = await say('GET', `/tasks/${task.data?.id}`, token)
    status = Number(now.data?.status)
    assert.ok(![4, 6].includes(status) && !now.text.includes(key), now.text)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

async function pay(say: Say, app: FastifyInstance, admin: string, token: string, keep: Keep): Promise<void> {
  const key = keep('epay key', 'the-key-of-the-merchant')
  const channel = {
    ...{ name: 'x', payment_method: 'epay' },
    config: { pid: '77', key, gateway: 'https://pay.example.com' },
  }
  const made = await say('POST', '/admin/payment/config', admin, channel)
  assert.equal(made.status, 200, made.text)
  const bad = { ...channel, config: { ...channel.config, gateway: 'none' } }
  assert.equal((await say('POST', '/admin/payment/config', admin, bad)).status, 400)
  const later = { config: { key: keep('epay key', 'another-key-of-the-merchant') } }
  assert.equal((await say('PUT', `/admin/payment/config/${made.data?.id}`, admin, later)).status, 200)
  const uuid = String(made.data?.uuid)
  const order = { payment_method_uuid: uuid, payment_channel: 'alipay', return_url: 'https://a.example/back' }
  assert.equal((await say('POST', '/payment/create', token, { ...order, amount: 3 })).status, 200)
  const sign = keep('signature', 'a-signature-of-somebody')
  for (const method of ['GET', 'POST'] as const) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const path = `/api/v1/payment/notify/${uuid}?sign=${sign}&pid=77`
    const reply = await app.inject({
      method,
      url: path,
      headers,
      ...(method === 'POST' && { payload: `sign=${sign}` }),
    })
    assert.equal(reply.payload, 'fail')
  }
}

async function uploadAndAnalyze(say: Say, app: FastifyInstance, token: string, keep: Keep): Promise<void> {
  const { data } = await say('GET', '/common/upload/token', token)
  for (const name of ['accessKeySecret', 'securityToken']) keep(name, String(data?.[name]))
  const headers = {
    'content-type': 'image/png',
    'x-oss-date': new Date().toUTCString(),
    'x-oss-security-token': String(data?.securityToken),
    authorization: `OSS ${data?.accessKeyId}:${keep('signature', `${'A'.repeat(27)}=`)}`,
  }
  const put = await app.inject({ method: 'PUT', url: '/uploads/9_x.png', headers, payload: 'x' })
  assert.equal(put.statusCode, 403, put.payload)

  const { provider } = ground
  provider.kinds = [...provider.kinds, 'vision']
  provider.write = failsWith(new ProviderError('rejected', 'the vendor refused'))
  const signed = `https://bucket.example.com/a.png?X-Signature=${keep('query of an address', 'signed-by-the-bucket')}`
  const picture =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  for (const imageUrl of [signed, picture]) {
    const answer = await say('POST', '/ai-assistant/analyze', token, { imageUrl, template: 'ecommerce' })
    assert.equal(answer.status, 400, answer.text)
  }
  const body = { body: { model_id: 1, prompt: 'x', image: signed } }
  assert.ok((await say('POST', '/tasks', token, body)).status >= 400)
}
