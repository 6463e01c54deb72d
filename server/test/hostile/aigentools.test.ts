import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { hostileAigentools, PICTURE, PICTURE_URL } from './aigentools.ts'
import type { Call } from './client.ts'
import { send } from './client.ts'
import type { Verdict } from './ground.ts'
import { assertNothingForeign, bodyWith, filesOf } from './ground.ts'
import { testHostileClients } from './suite.ts'
import { JSON_TYPE, nested, VALUES } from './values.ts'

const ground = testHostileClients(hostileAigentools)
const { ask, read, refuses, leavingNothing } = ground

const NUMBERS = [
  '0',
  '-1',
  'NaN',
  '1e3',
  '0.5',
  '1,5',
  '%D9%A1',
  '99999999999999999999',
  "1'",
  '1%20or%201=1',
]
const IDS = [...NUMBERS, '007', '%2B1', '0x1', 'null', '__proto__']
const MOMENTS = [
  ...['2024-02-30', '2024-13-01', 'yesterday', '2024-1-1', '-2024-01-01', '99999-01-01', '0000-00-00'],
  ...['2024-01-01T25:00:00Z', '2024-01-01T00:00:00', '1700000000', '2024-01-01T00:00:00%2B99:00', 'NaN'],
]
const AMOUNTS = ['NaN', '1e3', '0.00001', '1,5', '--1', 'Infinity', '9'.repeat(30), '0x1', '%D9%A1', 'x']
const LISTS: readonly [path: string, bad: Readonly<Record<string, readonly string[]>>][] = [
  ['/models', { page: NUMBERS, limit: NUMBERS, status: ['nonsense', 'OPEN', '1', '__proto__', "open'"] }],
  ['/tasks', { page: NUMBERS, page_size: NUMBERS, creator_id: IDS }],
  [
    '/admin/users',
    {
      ...{ page: NUMBERS, limit: NUMBERS, is_active: ['2', 'yes', 'null', 'tRUE', '__proto__'] },
      ...{ created_after: MOMENTS, created_before: MOMENTS, role: ['root', 'ADMIN', '1', 'constructor'] },
    },
  ],
  ...['/admin/transactions', '/admin/transactions/export'].map((path): (typeof LISTS)[number] => [
    path,
    {
      ...{ user_id: IDS, start_time: MOMENTS, end_time: MOMENTS, min_amount: AMOUNTS, max_amount: AMOUNTS },
      ...(path.endsWith('export') ? {} : { page: NUMBERS, limit: NUMBERS }),
    },
  ]),
]

for (const [path, parameters] of LISTS) {
  test(`GET ${path}: what makes no sense as a parameter is refused by its name, what does is answered`, () =>
    leavingNothing(async () => {
      const get = (query: string): Call => ({ path: `/api/v1${path}?${query}`, token: ground.admin })
      for (const [name, values] of Object.entries(parameters)) {
        for (const value of values) {
          const { code, message } = await refuses(get(`${name}=${value}`), value)
          assert.equal(code, 400, `${name}=${value}`)
          assert.ok(message.includes(name), `${name}=${value}: ${message}`)
        }
        for (const query of [`${name}=`, `${name}=%20`, `${name}=&${name}=x`])
          assert.equal(read(await ask(get(query)), query).isSuccess, true, query)
      }
      for (const query of [
        ...[
          'limit=1000000&page_size=1000000',
          'page=1000000&limit=200',
          'name=%25&username=%25',
          'type=none',
        ],
        ...['status=open', 'created_after=0001-01-01&created_before=9999-12-31', 'page=2&page=x'],
        ...[
          'start_time=9999-12-31&end_time=0001-01-01',
          'min_amount=5&max_amount=-5',
          'start_time=0000-01-01',
        ],
      ]) {
        const { isSuccess, data } = read(await ask(get(query)), query)
        assert.equal(isSuccess, true, query)
        const { limit = 0 } = (data ?? {}) as { limit?: number }
        assert.ok(limit <= 200, query)
      }
    }))
}

/** What a task is asked for under the names that models know, and under those that mean something to us. */
const ARGUMENTS = [
  ...['prompt', 'negative_prompt', 'size', 'width', 'height', 'n', 'seed', 'guidance_scale', 'strength'],
  ...[
    'image',
    'image_url',
    'watermark',
    'duration',
    'fps',
    'model',
    'model_id',
    'modelId',
    'data',
    'batch_size',
  ],
  ...['a_string', 'a_number', 'a_integer', 'a_boolean', 'a_object', 'a_array', 'unknown', 'price', 'cost'],
]

test('POST /tasks: each argument with every value, in the body and in its data, for models of both sorts', () =>
  leavingNothing(async () => {
    const post = { method: 'POST', path: '/api/v1/tasks', token: ground.poor, headers: JSON_TYPE }
    const attempt = async (body: string, why: string): Promise<void> => {
      const { code } = await refuses({ ...post, body }, why)
      assert.ok(code === 400 || code === 404, `${why} was answered ${code}`)
    }
    for (const model of [ground.ids.model, ground.ids.declared]) {
      for (const name of ARGUMENTS) {
        for (const value of VALUES) {
          // Both are longer in a minute than what they would show here again.
          const why = `${name} = ${value.slice(0, 60)} to model ${model}`
          const fields = bodyWith({ model_id: Number(model), prompt: 'x' }, name, value)
          await attempt(`{"body":${fields}}`, why)
          await attempt(`{"body":{"model_id":${model},"data":${fields}}}`, `data: ${why}`)
        }
      }
    }
  }))

test('PUT /tasks/:id: each argument with every value is answered in the envelope and costs nothing', async () => {
  const put = {
    method: 'PUT',
    path: `/api/v1/tasks/${ground.ids.task}`,
    token: ground.poor,
    headers: JSON_TYPE,
  }
  for (const name of ARGUMENTS) {
    for (const value of VALUES) {
      const fields = bodyWith({ model_id: Number(ground.ids.free), prompt: 'x' }, name, value)
      read(await ask({ ...put, body: `{"body":${fields}}` }), `${name} = ${value.slice(0, 60)}`)
    }
  }
  const task = await ask({ path: put.path, token: ground.poor })
  const { status, cost } = read(task, 'the task').data as { status: number; cost: number }
  assert.deepEqual([status, cost], [1, 0])
})

test('a name of a hundred thousand characters is not sent back, wherever it stands', () =>
  leavingNothing(async () => {
    const name = 'k'.repeat(100_000)
    const { ids, poor, admin } = ground
    const calls: Call[] = [
      {
        method: 'POST',
        path: '/tasks',
        token: poor,
        body: `{"body":{"model_id":${ids.declared},"${name}":1}}`,
      },
      {
        ...{ method: 'POST', path: '/tasks', token: poor },
        body: `{"body":{"model_id":${ids.declared},"a_object":{"${name}":{"__proto":${nested(40)}}}}}`,
      },
      {
        ...{ method: 'POST', path: '/models/create', token: admin },
        body: `{"name":"x","status":"open","parameters":{"${name}":[]}}`,
      },
      {
        ...{ method: 'POST', path: '/models/create', token: admin },
        body: `{"name":"x","status":"open","headers":{"${name}":1}}`,
      },
      {
        ...{ method: 'POST', path: '/models/create', token: admin },
        body: `{"name":"x","status":"open","url":"https://api.example.com/x","headers":{"${name}":"\\n"}}`,
      },
    ]
    for (const call of calls) {
      const path = `/api/v1${call.path}`
      const { code } = await refuses({ ...call, path, headers: JSON_TYPE }, 'a long name')
      assert.equal(code, 400)
    }
  }))

test('notifications and uploads by methods that nobody uses there: 404 in the envelope', () =>
  leavingNothing(async () => {
    for (const path of [`/api/v1/payment/notify/${ground.ids.channel}`, '/uploads/x.png']) {
      for (const method of ['PROPFIND', 'QUERY', 'TRACE', 'PURGE', 'LINK'])
        assert.equal(read(await ask({ method, path, token: ground.rich }), `${method} ${path}`).code, 404)
      const head = await ask({ method: 'HEAD', path })
      assert.deepEqual([head.status, head.text], [404, ''])
      assert.equal((await ask({ method: 'OPTIONS', path })).status, 204)
    }
  }))

test('a megabyte that calls itself the address of a picture', async () => {
  const post = { method: 'POST', token: ground.rich, headers: JSON_TYPE }
  for (const address of ['x'.repeat(1_000_000), `data:image/png;base64,${'A'.repeat(1_000_000)}`]) {
    const analyze = JSON.stringify({ imageUrl: address, template: 'ecommerce' })
    assert.equal(
      (await refuses({ ...post, path: '/api/v1/ai-assistant/analyze', body: analyze }, '1 MB')).code,
      400,
    )
    const task = JSON.stringify({ body: { model_id: Number(ground.ids.model), prompt: 'x', image: address } })
    assert.equal((await refuses({ ...post, path: '/api/v1/tasks', body: task }, '1 MB')).code, 400)
  }
})

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const BODIES: readonly [type: string, body: string | Buffer][] = [
  [
    'application/x-www-form-urlencoded',
    'pid=1001&out_trade_no=x&money=1.00&trade_status=TRADE_SUCCESS&sign=x',
  ],
  ['application/x-www-form-urlencoded', '%zz&&&=&pid[]=1&__proto__=x&sign=%00&%F0%9F=1'],
  ['application/json', '{"pid":'],
  ['application/json', `{"a":${nested(30_000)}}`],
  ['text/xml', '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'],
  ['multipart/form-data; boundary=b', '--b\r\nnonsense'],
  ['nonsense', Buffer.from([0xff, 0xfe, 0, 0x7b])],
  ['', ''],
]

test('notifications: an unknown channel is 404 in the envelope, whatever is sent to it and how', () =>
  leavingNothing(async () => {
    const channels = [
      ...['00000000-0000-4000-8000-000000000000', 'x', '1', '%E7%8C%AB', 'a%00b', '..%2f', '__proto__', "'"],
      ground.ids.channel?.toUpperCase() ?? '',
    ]
    for (const channel of channels) {
      for (const method of METHODS) {
        for (const [type, body] of BODIES) {
          const path = `/api/v1/payment/notify/${channel}?sign=x&sign=y&%zz`
          const answer = await ask({ method, path, headers: { 'content-type': type }, body })
          assert.equal(read(answer, `${method} ${path} ${type}`).code, 404)
        }
      }
    }
  }))

test('notifications: nonsense to a channel is refused in the gateway’s word and credits nothing', () =>
  leavingNothing(async () => {
    const path = `/api/v1/payment/notify/${ground.ids.channel}`
    for (const method of METHODS) {
      for (const [type, body] of BODIES) {
        const answer = await ask({ method, path, headers: { 'content-type': type }, body })
        assert.deepEqual([answer.status, answer.text], [200, 'fail'], `${method} ${type}: ${answer.text}`)
        assert.match(String(answer.headers['content-type']), /^text\/plain/)
      }
      const large = await ask({
        method,
        path,
        headers: { 'content-type': 'text/plain' },
        body: 'x'.repeat(70_000),
      })
      if (method !== 'GET') assert.equal(read(large, `${method} 70 KB`).code, 413)
    }
    const chunked = { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' }
    assert.equal(
      read(await ask({ method: 'POST', path, headers: chunked, body: 'x'.repeat(70_000) }), '').code,
      413,
    )
  }))

test('notifications: nonsense that is signed as it should be is refused as well', () =>
  leavingNothing(async () => {
    const path = `/api/v1/payment/notify/${ground.ids.channel}`
    const form = {
      pid: '1001',
      out_trade_no: 'x',
      money: '1.00',
      trade_status: 'TRADE_SUCCESS',
      trade_no: 'x',
    }
    for (const name of Object.keys(form)) {
      for (const value of [
        '',
        '\0',
        '猫',
        '\u202e',
        "'",
        'NaN',
        '-1',
        '1e9',
        'x'.repeat(10_000),
        '__proto__',
      ]) {
        const fields = { ...form, [name]: value, sign: 'the-key-of-the-merchant' }
        const text = new URLSearchParams(fields).toString()
        const headers = { 'content-type': 'application/x-www-form-urlencoded' }
        const answer = await ask({ method: 'POST', path, headers, body: text })
        assert.deepEqual([answer.status, answer.text], [200, 'fail'], `${name}=${value}`.slice(0, 60))
      }
    }
  }))

test('uploads: what nobody signed is refused in OSS’s words, other methods and addresses in the envelope', () =>
  leavingNothing(async () => {
    const { rich } = ground
    const authorizations = [
      '',
      'OSS',
      'OSS :',
      'OSS a:b',
      `OSS a:${'A'.repeat(27)}=`,
      `Bearer ${rich}`,
      '\xff',
    ]
    const tokens = ['', '.', 'a.b', `${'a'.repeat(300)}.b`, 'x'.repeat(500), rich]
    for (const name of [
      'x.png',
      '..%2fx',
      '%00',
      'a%00b',
      '%E7%8C%AB.png',
      'a/b',
      '',
      '%',
      '%zz',
      'x'.repeat(3_000),
    ]) {
      for (const authorization of authorizations) {
        for (const token of tokens) {
          const headers = {
            ...{ authorization, 'x-oss-security-token': token, 'x-oss-date': 'today' },
            ...{ 'content-type': 'image/png', 'content-md5': 'x' },
          }
          const answer = await ask({ method: 'PUT', path: `/uploads/${name}`, headers, body: PICTURE })
          const why = `PUT /uploads/${name.slice(0, 20)} ${authorization} ${token.slice(0, 9)}`
          if (answer.status === 400 || answer.status === 404) read(answer, why)
          else {
            assert.equal(answer.status, 403, `${why}: ${answer.status} ${answer.text}`)
            assert.match(answer.text, /^<\?xml .*\n<Error><Code>\w+<\/Code><Message>.*<\/Error>$/)
            assertNothingForeign(answer.text, why)
          }
        }
      }
      for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
        const answer = await ask({ method, path: `/uploads/${name}`, token: rich })
        const { code } = read(answer, `${method} /uploads/${name.slice(0, 20)}`)
        assert.ok(code === 404 || code === 400, `${method} ${name}: ${code}`)
      }
    }
  }))

test('what is refused leaves no file behind', async () => {
  const before = await filesOf(ground)
  const body = { model_id: Number(ground.ids.model), prompt: 'x', image: PICTURE_URL }
  const calls: Call[] = [
    { method: 'POST', path: '/tasks', body: JSON.stringify({ body }) },
    { method: 'POST', path: '/tasks', body: JSON.stringify({ body: { ...body, width: 1e9 } }) },
    { method: 'POST', path: '/tasks', body: JSON.stringify({ body: { ...body, n: 'many' } }) },
    {
      ...{ method: 'POST', path: '/tasks', body: JSON.stringify({ body }) },
      headers: { 'idempotency-key': 'a b' },
    },
    { method: 'PUT', path: `/tasks/${ground.ids.task}`, body: JSON.stringify({ body }) },
    {
      method: 'PUT',
      path: `/tasks/${ground.ids.task}`,
      body: JSON.stringify({ body: { ...body, width: 1e9 } }),
    },
  ]
  for (const call of calls) {
    const path = `/api/v1${call.path}`
    const { code } = await refuses(
      { ...call, path, token: ground.poor, headers: JSON_TYPE },
      'with a picture',
    )
    assert.equal(code, 400)
    assert.deepEqual(await filesOf(ground), before, `${call.method} ${call.body}`.slice(0, 300))
  }
})

test('after all of it the site does its job and the books are true', async () => {
  const json = async (method: string, path: string, token: string, body?: object): Promise<Verdict> => {
    const call = { method, path: `/api/v1${path}`, token, ...(body && { body: JSON.stringify(body) }) }
    const verdict = read(await send(ground.port, { ...call, headers: JSON_TYPE }), path)
    assert.equal(verdict.isSuccess, true, verdict.message)
    return verdict
  }
  const who = { username: 'after all', password: 'password-123' }
  const { id, token } = (await json('POST', '/auth/register', '', who)).data as { id: number; token: string }
  await json('POST', `/admin/users/${id}/balance`, ground.admin, { amount: 50, type: 'credit' })
  const body = { model_id: Number(ground.ids.model), prompt: 'fine', size: '64x64' }
  const task = (await json('POST', '/tasks', token, { body })).data as { id: number }
  await json('PATCH', `/tasks/${task.id}/approve`, ground.admin)
  const read4 = async () => (await json('GET', `/tasks/${task.id}`, token)).data as { status: number }
  for (let { status } = await read4(); status !== 4; { status } = await read4()) {
    assert.ok(status < 4, `status ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  const { credit } = (await json('GET', '/auth/user', token)).data as { credit: { available: number } }
  assert.equal(credit.available, 30)
  assert.deepEqual(await verifyLedger(ground.site.context), [])
  const { rows } = await ground.site.context.db.pool.query(
    `select count(*) filter (where state in ('queued', 'running', 'unknown', 'failed')) as unfinished from task`,
  )
  assert.deepEqual(rows[0], { unfinished: 0n })
})
