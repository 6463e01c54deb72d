import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { units } from '../../src/kernel/money.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { createUser } from '../factories.ts'
import { codeIn } from '../mail.ts'
import type { Call } from './client.ts'
import type { Verdict } from './ground.ts'
import { filesOf } from './ground.ts'
import { testHostileClients } from './suite.ts'
import { JSON_TYPE } from './values.ts'
import { hostileWaliassets } from './waliassets.ts'

const ground = testHostileClients(hostileWaliassets)
const { ask, read, refuses, leavingNothing } = ground

test('a page and a limit that are no positive numbers are refused, a huge limit means 100 (W15)', async () => {
  for (const path of ['/api/token/transactions', '/api/generate/history']) {
    for (const bad of ['0', '-1', 'NaN', '1e3', '0.5', '1,5', '%D9%A1', '99999999999999999999', "1'"]) {
      for (const name of ['page', 'limit']) {
        const { code, data } = await refuses({ path: `${path}?${name}=${bad}`, token: ground.rich }, bad)
        assert.equal(code, 1602)
        assert.ok(Array.isArray((data as { errors: string[] }).errors))
      }
    }
    for (const query of [
      'limit=1000000',
      'page=1000000&limit=100',
      'page=2&page=x',
      'limit=',
      'type=nonsense',
    ]) {
      const envelope = read(await ask({ path: `${path}?${query}`, token: ground.rich }), query)
      const { pagination } = envelope.data as { pagination: { limit: number } }
      assert.ok(envelope.isSuccess && pagination.limit <= 100, query)
    }
  }
  for (const bad of [
    '2024-02-30',
    '2024-13-01',
    'yesterday',
    '2024-1-1',
    '-2024-01-01',
    '99999-01-01',
    '0000-00-00',
  ]) {
    for (const name of ['startDate', 'endDate']) {
      const path = `/api/generate/history?${name}=${bad}`
      assert.equal((await refuses({ path, token: ground.rich }, bad)).code, 1602)
    }
  }
  for (const range of [
    'startDate=0001-01-01&endDate=9999-12-31',
    'startDate=9999-12-31&endDate=0001-01-01',
    'startDate=0000-01-01',
  ]) {
    const path = `/api/generate/history?${range}`
    assert.equal(read(await ask({ path, token: ground.rich }), range).code, 1)
  }
})

test('e-mail codes for a purpose or an address that does not exist are refused (W16)', () =>
  leavingNothing(async () => {
    const send = { method: 'POST', path: '/api/auth/send-code', headers: JSON_TYPE }
    for (const type of ['admin', '', 'REGISTER', null, 1, ['register']]) {
      const body = JSON.stringify({ email: 'a@qq.com', type })
      assert.equal((await refuses({ ...send, body }, `type ${type}`)).message, '无效的操作类型')
    }
    const addresses = [
      ...[
        'a@qq.com\nBcc: b@qq.com',
        'a@qq.com, b@qq.com',
        '<a@qq.com>',
        '"a b"@qq.com',
        'a@@qq.com',
        'a b@qq.com',
      ],
      ...[
        '@qq.com',
        'qq.com',
        'a@',
        'a@evil.com\u0000@qq.com',
        'a@qq.com.evil.com',
        'a@evilqq.com',
        'a@qq。com',
      ],
      ...[`${'a'.repeat(260)}@qq.com`, 'a@qq.com\u202e', '\ufeffa\u200b@qq.com', 'a;b@qq.com', 'a\\b@qq.com'],
    ]
    for (const email of addresses) {
      const { code } = await refuses({ ...send, body: JSON.stringify({ email }) }, email)
      assert.ok(code === 1602 || code === 1101, `${email}: ${code}`)
    }
  }))

test('seeds that are none are dropped, base64 pictures are not kept (W12), and no header decides an address (W10)', async () => {
  const { token, accountId } = await createUser(ground.site.context, units(1_000))
  const seeds = ['-1', '0', '0.1', '9007199254740992', '1e308', '2147483648', '-1e-300']
  const picture = Buffer.alloc(400_000, 1).toString('base64')
  for (const seed of seeds) {
    const answer = await ask({
      method: 'POST',
      path: '/api/generate/image',
      token,
      headers: {
        ...JSON_TYPE,
        host: 'evil.example',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-host': 'evil.example',
        'user-agent': `\xff${'u'.repeat(4_000)}`,
      },
      body: `{"prompt":"种子","size":"64x64","seed":${seed},"image":"${picture}"}`,
    })
    const { code, data } = read(answer, `seed ${seed}`)
    assert.equal(code, 1, answer.text)
    assert.match((data as { image_url: string }).image_url, /^http:\/\/localhost:3334\/files\//)
  }
  const { rows } = await ground.site.context.db.pool.query<{
    seed: string
    size: string
    ip: string
    device: string
  }>(
    `select t.input ->> 'seed' as seed, length(t.input::text || t.parameters::text) as size, e.ip, e.device
     from task t join entry e on e.task_id = t.id and e.kind = 'hold' where t.account_id = $1`,
    [accountId],
  )
  assert.equal(rows.length, seeds.length)
  for (const { seed, size, ip, device } of rows) {
    assert.match(seed, /^[1-9]\d{0,9}$/)
    assert.ok(Number(seed) <= 2_147_483_647)
    assert.ok(Number(size) < 1_000)
    assert.equal(ip, '127.0.0.1')
    assert.equal(device.length, 300)
  }
  const history = await ask({ path: '/api/generate/history', token })
  assert.ok(!history.text.includes(picture.slice(0, 100)))
})

test('a picture that is refused leaves no file behind', async () => {
  const before = await filesOf(ground)
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#fff' } })
    .png()
    .toBuffer()
  const content = `data:image/png;base64,${bytes.toString('base64')}`
  for (const [token, key] of [
    [ground.poor, 'good'],
    [ground.rich, 'a bad one'],
  ] as const) {
    const call = { method: 'POST', path: '/api/generate/animation', token }
    const body = JSON.stringify({ model: 'animation_model', content })
    await refuses({ ...call, headers: { ...JSON_TYPE, 'idempotency-key': key }, body }, key)
    assert.deepEqual(await filesOf(ground), before, key)
  }
})

test('after all of it the site does its job and the books are true', async () => {
  const json = async (call: Call): Promise<Verdict> => {
    const verdict = read(await ask({ ...call, headers: JSON_TYPE }), call.path)
    assert.equal(verdict.isSuccess, true, JSON.stringify(verdict))
    return verdict
  }
  const email = 'after.all@qq.com'
  const post = (path: string, body: object, token = '') =>
    json({ method: 'POST', path: `/api${path}`, body: JSON.stringify(body), ...(token && { token }) })
  await post('/auth/send-code', { email })
  const emailCode = codeIn((await ground.site.mails()).at(-1))
  await post('/auth/register', { email, password: 'password123', username: '在这之后', emailCode })
  const { token } = (await post('/auth/login', { email, password: 'password123' })).data as { token: string }
  await post('/generate/image', { prompt: '还好', size: '64x64' }, token)
  const { balance } = (await json({ path: '/api/token/balance', token })).data as { balance: number }
  assert.equal(balance, 80)
  assert.deepEqual(await verifyLedger(ground.site.context), [])
  const { rows } = await ground.site.context.db.pool.query(
    `select (select count(*) from task where state <> 'succeeded') as open_tasks, (select count(*) from hold where state = 'open') as open_holds`,
  )
  assert.deepEqual(rows[0], { open_tasks: 0n, open_holds: 0n })
})
