import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import { createTokens } from '../../src/http/tokens.ts'
import { GatewayError } from '../../src/kernel/ports/gateway.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import type { Credit, Model, Operation, Reply, Stage, Task, User } from './aigentools-stage.ts'
import { MERCHANT_KEY, openStage, PARAMETERS, refusing, until, wire } from './aigentools-stage.ts'
import type { Json } from './contract.ts'
import { createContract, openedLike, readContract } from './contract.ts'
import type { Sent } from './stage.ts'
import { withPart } from './stage.ts'

// The document against the site: every operation, example, parameter, refusal and state. See contracts/README.md.

const operations = readContract<Operation[]>('aigentools', 'operations')
const { golden, assertSameShape } = createContract('aigentools', wire)
const common = readContract<{ base: string; tokenHours: number }>('aigentools', 'common')

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  golden.save()
  await stage.close()
})

function operationOf(name: string): Operation {
  const found = operations.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

const exampleOf = (name: string): { [key: string]: Json } =>
  operationOf(name).example ?? operationOf(name).request ?? {}

// ---- What has to be there before an example can be sent --------------------------------------------------

let names = 0
const newName = (word: string): string => {
  names += 1
  return `${word}${names}`
}

async function withTask(): Promise<{ user: User; model: Model; task: Task }> {
  const [user, model] = [await stage.user(100), await stage.model()]
  return { user, model, task: await stage.submit(user, model) }
}

/** What of an example has to be ours: who asks, ids, and what only this run knows. */
type Adapted = { token?: string; id?: number | string; query?: string; body?: object }

/** How each operation's example becomes a request that succeeds. */
const ADAPT: Readonly<Record<string, () => Promise<Adapted>>> = {
  register: async () => ({ body: { username: newName('registered') } }),
  login: async () => {
    const username = newName('returning')
    await stage.post('/auth/register', { ...exampleOf('register'), username })
    return { body: { username } }
  },
  logout: async () => ({ token: (await stage.user()).token }),
  user: async () => ({ token: (await stage.user(100)).token }),
  models: async () => {
    const { name } = await stage.model()
    return {
      token: (await stage.user()).token,
      query: `page=1&limit=10&status=open&name=${encodeURIComponent(name)}`,
    }
  },
  'model-names': async () => ({ token: (await stage.model()) && (await stage.user()).token }),
  'model-parameters': async () => {
    const described = PARAMETERS.request_body
    const parameters = { request_header: described, request_body: described, response_parameters: described }
    const { id } = await stage.model({ parameters })
    return { token: (await stage.user()).token, id }
  },
  'model-create': async () => ({ token: stage.admin.token, body: { name: newName('Model ') } }),
  'model-update': async () => ({
    token: stage.admin.token,
    id: (await stage.model()).id,
    body: { name: newName('Model ') },
  }),
  'model-status': async () => ({ token: stage.admin.token, id: (await stage.model()).id }),
  'task-submit': async () => {
    const [{ id, username, token }, model] = [await stage.user(100), await stage.model()]
    const input = { model_id: model.id, prompt: '一只可爱的小猫' }
    return { token, body: { body: input, user: { creatorId: id, creatorName: username } } }
  },
  tasks: async () => ({ token: (await withTask()).user.token, query: 'page=1&page_size=10&status=1' }),
  task: async () => {
    const { user, task } = await withTask()
    return { token: user.token, id: task.id }
  },
  'task-approve': async () => ({ token: stage.admin.token, id: (await withTask()).task.id }),
  'task-update': async () => {
    const { user, model, task } = await withTask()
    return {
      token: user.token,
      id: task.id,
      body: { body: { model_id: model.id, prompt: '一只可爱的小狗' } },
    }
  },
  'task-retry': async () => {
    const [user, model] = [await stage.user(100), await stage.model()]
    return { token: user.token, id: (await stage.failed(user, model)).id }
  },
  'task-cancel': async () => {
    const { user, task } = await withTask()
    return { token: user.token, id: task.id }
  },
  'payment-methods': async () => {
    await stage.channel()
    return { token: (await stage.user()).token }
  },
  'payment-create': async () => ({
    token: (await stage.user()).token,
    body: { payment_method_uuid: (await stage.channel()).uuid },
  }),
  'upload-token': async () => ({ token: (await stage.user()).token }),
  analyze: async () => ({ token: (await stage.user()).token }),
  users: async () => ({
    token: stage.admin.token,
    query: `page=1&limit=20&is_active=true&username=${(await stage.user(100)).username}`,
  }),
  'user-update': async () => ({
    token: stage.admin.token,
    id: (await stage.user()).id,
    body: { username: newName('renamed') },
  }),
  'user-balance': async () => ({ token: stage.admin.token, id: (await stage.user()).id }),
  'user-delete': async () => ({ token: stage.admin.token, id: (await stage.user()).id }),
  transactions: async () => {
    const { id } = await stage.user()
    await stage.call('POST', `/admin/users/${id}/balance`, stage.admin.token, exampleOf('user-balance'))
    return { token: stage.admin.token, query: `page=1&limit=20&type=admin_adjustment&user_id=${id}` }
  },
  'payment-config': async () => {
    await stage.channel()
    return { token: stage.admin.token }
  },
  'payment-config-create': async () => ({
    token: stage.admin.token,
    body: { config: { pid: newName('20'), key: MERCHANT_KEY, gateway: 'https://pay.example.com' } },
  }),
  'payment-config-update': async () => {
    const { id } = await stage.channel()
    const config = { pid: newName('30'), key: MERCHANT_KEY, gateway: 'https://pay.example.com' }
    return { token: stage.admin.token, id, body: { config } }
  },
  'payment-config-delete': async () => ({ token: stage.admin.token, id: (await stage.channel()).id }),
}

function toRequest({ name, method, path, request }: Operation, adapted: Adapted): Sent {
  const { token, id, query, body } = adapted
  assert.equal(path.includes(':id'), id !== undefined, `${name}: its id`)
  const url = path.replace(':id', String(id))
  return {
    method,
    url: query ? `${url}?${query}` : url,
    token,
    body: request ? { ...exampleOf(name), ...body } : undefined,
  }
}

// ---- The document's operations ------------------------------------------------------------------------------

test('all 32 operations of the document are here', () => {
  const own = operations.filter(({ source }) => source === 'document')
  assert.equal(own.length, 32)
  assert.equal(new Set(own.map(({ method, path }) => `${method} ${path}`)).size, 32)
})

for (const operation of operations) {
  const { name, method, path, success, http, extra } = operation
  if (!success) continue
  test(`${method} ${path}: its example is answered as the document shows`, async () => {
    const adapt = ADAPT[name]
    assert.ok(adapt, `${name} has no adapted example`)
    const reply = await stage.send(toRequest(operation, await adapt()))
    assert.equal(reply.status, http, reply.text)
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(reply.body.message, success.message)
    assertSameShape(reply.body as Json, success, name, extra)
    golden.check(name, 'success', reply)
  })
}

test('ANY /payment/notify/:uuid: answers the gateway in its own words, without a token', async () => {
  const { contentType, successText } = operationOf('payment-notify')
  const { form: fields, channel } = await stage.order()
  const [form, uuid] = [new URLSearchParams(fields).toString(), channel.uuid]
  for (const [method, url, payload] of [
    ['GET', `/payment/notify/${uuid}?${form}`, undefined],
    ['POST', `/payment/notify/${uuid}`, form],
  ] as const) {
    const reply = await stage.site.app.inject({
      method,
      url: `${common.base}${url}`,
      ...(payload && { payload, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    })
    assert.deepEqual([reply.statusCode, reply.payload], [200, successText])
    assert.equal(reply.headers['content-type'], contentType)
  }
})

const csv = readContract<{ columns: string[]; contentDisposition: string }>('aigentools', 'csv')

/** The cells of a CSV without quotes in it, its byte order mark left out. */
function cellsOf(text: string): string[][] {
  const lines = text
    .replace(/^\ufeff/, '')
    .trimEnd()
    .split(/\r?\n/)
  return lines.map((line) => line.split(','))
}

test('GET /admin/transactions/export: a CSV of the same rows, its columns in their order', async () => {
  const { contentType } = operationOf('transactions-export')
  const user = await stage.user()
  const path = `/admin/users/${user.id}/balance`
  for (const [type, amount] of [['credit', 12.3456] as const, ['debit', 2] as const])
    await stage.call('POST', path, stage.admin.token, { type, amount, reason: type })
  const filter = `user_id=${user.id}`
  const reply = await stage.get(`/admin/transactions/export?${filter}`, stage.admin.token)
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['content-type'], contentType)
  assert.match(String(reply.headers['content-disposition']), new RegExp(csv.contentDisposition))
  const [head, ...rows] = cellsOf(reply.text)
  assert.deepEqual(head, csv.columns)
  const listed = (await stage.get(`/admin/transactions?${filter}`, stage.admin.token)).data
    .transactions as Record<string, string | number>[]
  assert.deepEqual(
    rows.map(([id, time, owner]) => [id, time, owner]),
    listed.map(({ id, created_at, user_id }) => [String(id), created_at, String(user_id)]),
  )
  // Money has four decimals, and a debit's minus is no formula.
  assert.deepEqual(
    rows.map(([, , , type, amount, from, to, reason, operator]) => [
      type,
      amount,
      from,
      to,
      reason,
      operator,
    ]),
    [
      ['admin_adjustment', '-2.0000', '12.3456', '10.3456', 'debit', stage.admin.username],
      ['admin_adjustment', '12.3456', '0.0000', '12.3456', 'credit', stage.admin.username],
    ],
  )
  assert.deepEqual(
    rows.map((cells) => cells.at(-1)),
    listed.map(({ hash }) => hash),
  )
})

test('every route of the dialect is in the contract, and every operation of the contract has its route', () => {
  const mounted = aigentools.routes.map(({ method, path }) => `${method} ${aigentools.base}${path}`)
  const documented = operations.filter(({ method }) => method !== 'ANY')
  assert.deepEqual(mounted.sort(), documented.map(({ method, path }) => `${method} ${path}`).sort())
  assert.equal(aigentools.base, common.base)
  assert.equal(aigentools.preset.notifyPath(':uuid'), operations.find(({ method }) => method === 'ANY')?.path)
})

test('who needs a token, and whose, is as the document says', async () => {
  const user = await stage.user()
  for (const { name, method, path, auth, request } of operations) {
    if (method === 'ANY' || auth === false) continue
    const sent = { method, url: path.replace(':id', '1'), body: request ? exampleOf(name) : undefined }
    const bare = await stage.send(sent)
    assert.deepEqual([bare.status, bare.body.message], [401, 'authorization header is required'], name)
    const forged = await stage.send({ ...sent, token: 'not.a.token' })
    assert.deepEqual([forged.status, forged.body.message], [401, 'Invalid or expired token'], name)
    if (auth !== 'admin') continue
    // Whatever else is wrong with it: a role is looked at before a body.
    for (const body of [sent.body, request ? {} : undefined]) {
      const refused = await stage.send({ ...sent, body, token: user.token })
      assert.equal(refused.status, 403, `${name}: ${refused.text}`)
    }
  }
})

// ---- The reference ------------------------------------------------------------------------------------------

test('the page at /docs has the words and examples of the document', () => {
  const { routes, tables } = aigentools.reference
  for (const operation of operations) {
    const { name, method, path, title, parameters, success, http, errors } = operation
    if (method === 'ANY') continue
    const about = routes[`${method} ${path.slice(aigentools.base.length)}`]
    assert.ok(about, path)
    assert.equal(about.title, title)
    assert.equal(about.success.status, http)
    // Where the document's example of a key is in clear, the page shows that ours is not.
    if (success && name !== 'payment-config')
      assert.deepEqual(openedLike(about.success.body as Json, success), success, path)
    if (operation.request) assert.deepEqual(about.request, exampleOf(name), path)
    const refused = Object.values(about.refusals ?? {}).map(({ status }) => status)
    for (const { status } of errors)
      assert.ok(status === 500 || refused.includes(status), `${path} ${status}`)
    const inPath = path.includes(':id') ? ['id'] : []
    assert.deepEqual(
      Object.keys(about.parameters ?? {}).sort(),
      [...parameters.map((one) => one.name), ...inPath].sort(),
      path,
    )
  }
  const rowsOf = (title: string) => tables.find((table) => table.title === title)?.rows ?? []
  const statuses = readContract<{ status: number; meaning: string }[]>('aigentools', 'status-codes')
  assert.deepEqual(
    rowsOf('HTTP 状态码参考').map(([status, meaning]) => [status, meaning]),
    statuses.map(({ status, meaning }) => [String(status), meaning]),
  )
  const states = readContract<Record<string, { title: string; name: string }>>('aigentools', 'task-states')
  assert.deepEqual(
    rowsOf('任务状态枚举'),
    Object.entries(states).map(([state, { title, name }]) => [state, `${title} (${name})`]),
  )
  for (const [title, file] of [
    ['交易类型', 'transaction-types'],
    ['模板说明', 'templates'],
  ] as const) {
    assert.deepEqual(rowsOf(title), Object.entries(readContract<Record<string, string>>('aigentools', file)))
  }
})

// ---- Refusals that the document names -----------------------------------------------------------------------

/** How each refusal that an operation names is brought about: `operation status`. */
const REFUSE: Readonly<Record<string, () => Promise<Reply>>> = {
  'register 400': () => stage.post('/auth/register', { username: newName('short'), password: '12345' }),
  'register 409': async () => {
    const { username } = await stage.user()
    return stage.post('/auth/register', { username, password: 'password123' })
  },
  'register 500': () => {
    const broken = () => Promise.reject(new Error('duplicate key value (password_hash)=($argon2id$)'))
    const db = { ...stage.context.db, rows: broken, transaction: broken }
    const body = { username: newName('unlucky'), password: 'password123' }
    return withPart(stage.context, 'db', db, () => stage.post('/auth/register', body))
  },
  'login 400': () => stage.post('/auth/login', { username: 'user1' }),
  'login 401': async () => {
    const { username } = await stage.user()
    const [wrong, unknown] = await Promise.all([
      stage.post('/auth/login', { username, password: 'not this one' }),
      stage.post('/auth/login', { username: newName('nobody'), password: 'not this one' }),
    ])
    assert.deepEqual(wrong.body, unknown.body, 'nobody learns which names there are')
    return wrong
  },
  'model-parameters 400': async () => stage.get('/models/abc/parameters', (await stage.user()).token),
  'model-parameters 404': async () => stage.get('/models/999999/parameters', (await stage.user()).token),
  'model-create 400': () => stage.post('/models/create', { status: 'open' }, stage.admin.token),
  'model-create 403': async () =>
    stage.post('/models/create', exampleOf('model-create'), (await stage.user()).token),
  'task-retry 400': async () => {
    const { user, task } = await withTask()
    return stage.call('POST', `/tasks/${task.id}/retry`, user.token)
  },
  'task-retry 403': async () => {
    const [owner, other, model] = [await stage.user(10), await stage.user(10), await stage.model()]
    const { id } = await stage.failed(owner, model)
    return stage.call('POST', `/tasks/${id}/retry`, other.token)
  },
}

for (const { name, method, path, errors } of operations) {
  for (const { status, title } of errors) {
    test(`${method} ${path}: refuses with ${status} (${title})`, async () => {
      const produce = REFUSE[`${name} ${status}`]
      assert.ok(produce, `nothing produces ${name} ${status}`)
      const reply = await produce()
      assert.equal(reply.status, status, reply.text)
      assert.doesNotMatch(reply.text, /argon2|duplicate key|stack/)
      golden.check(name, String(status), reply)
    })
  }
}

/** A request that is answered with the status, for every status in the table. */
const PRODUCE: Readonly<Record<number, () => Promise<Reply>>> = {
  200: async () => stage.get('/auth/user', (await stage.user()).token),
  201: () => stage.post('/auth/register', { username: newName('fresh'), password: 'password123' }),
  400: async () => stage.get('/tasks/abc', (await stage.user()).token),
  401: () => stage.get('/auth/user', 'not.a.token'),
  403: async () => stage.get('/admin/users', (await stage.user()).token),
  404: () => stage.get('/no/such/path'),
  409: () =>
    stage.post('/auth/register', { username: stage.admin.username.toUpperCase(), password: 'password123' }),
  413: async () =>
    stage.post('/tasks', { body: { text: 'x'.repeat(5_000_000) } }, (await stage.user()).token),
  415: async () =>
    stage.send({
      method: 'POST',
      url: `${common.base}/tasks`,
      token: (await stage.user()).token,
      headers: { 'content-type': 'text/plain' },
      body: Buffer.from('body'),
    }),
  422: async () => {
    const [{ token }, model] = [await stage.user(10), await stage.model()]
    const send = (prompt: string) =>
      stage.send({
        method: 'POST',
        url: `${common.base}/tasks`,
        token,
        headers: { 'idempotency-key': 'one-purchase' },
        body: { body: { model_id: model.id, prompt } },
      })
    const [first, repeat] = [await send('a'), await send('a')]
    assert.equal(first.data.id, repeat.data.id)
    return send('b')
  },
  429: async () => {
    const { token } = await stage.user()
    const limiter = { ...stage.context.limiter, take: async () => 17 }
    return withPart(stage.context, 'limiter', limiter, () => stage.get('/models', token))
  },
  500: async () => {
    const { token } = await stage.user()
    const gone = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const broken = () => Promise.reject(gone)
    const db = { ...stage.context.db, rows: broken, transaction: broken }
    return withPart(stage.context, 'db', db, () => stage.get('/auth/user', token))
  },
  502: async () => {
    const [{ token }, { uuid }] = [await stage.user(), await stage.channel()]
    stage.gateway.nextCreate.push(() => Promise.reject(new GatewayError('refused', 'merchant is frozen')))
    return stage.post('/payment/create', { ...exampleOf('payment-create'), payment_method_uuid: uuid }, token)
  },
}

for (const { status, meaning } of readContract<{ status: number; meaning: string }[]>(
  'aigentools',
  'status-codes',
)) {
  test(`status ${status} ${meaning}: a request is answered with it`, async () => {
    const reply = await PRODUCE[status]?.()
    assert.equal(reply?.status, status, reply?.text)
    if (status === 429) assert.equal(reply?.headers['retry-after'], '17')
    golden.check('status-codes', String(status), reply as Reply)
  })
}

// ---- Bad input ----------------------------------------------------------------------------------------------

/** A body that would be taken, so that what a test changes about it is all that is wrong. */
const GOOD: Readonly<Record<string, () => Promise<{ token?: string; id?: number; body: object }>>> = {
  register: async () => ({ body: { username: newName('good'), password: 'password123' } }),
  login: async () => ({ body: { username: stage.admin.username, password: stage.admin.password } }),
}

async function goodOf(operation: Operation): Promise<Sent & { body: object }> {
  const adapt = GOOD[operation.name] ?? ADAPT[operation.name]
  assert.ok(adapt, operation.name)
  const sent = toRequest(operation, await adapt())
  assert.ok(sent.body)
  return { ...sent, body: sent.body }
}

const without = (body: object, field: string): object =>
  Object.fromEntries(Object.entries(body).filter(([name]) => name !== field))

/** Values that a field's document or decided reading rules out, besides those of another type. */
const WRONG: Readonly<Record<string, Readonly<Record<string, unknown[]>>>> = {
  register: { username: ['', '   '], password: ['12345', '長'.repeat(25)] },
  'model-create': {
    name: [''],
    status: ['banana', ''],
    url: ['ftp://example.com', 'javascript:alert(1)'],
    price: [-1, 0.00001, 1e300],
    parameters: [
      {},
      without(PARAMETERS, 'request_header'),
      { ...PARAMETERS, request_body: null },
      ...['name', 'type', 'required', 'description', 'example'].map((name) => ({
        ...PARAMETERS,
        request_body: PARAMETERS.request_body.map((entry) => without(entry, name)),
      })),
      { ...PARAMETERS, request_body: [{ ...PARAMETERS.request_body[0], example: null }] },
    ],
  },
  'model-update': { status: ['banana'], price: [-1], parameters: [{}] },
  'model-status': { status: ['banana', ''] },
  'task-submit': { body: [[]] },
  'task-update': { body: [[]] },
  'payment-create': {
    amount: [0, -1, 0.001, 1e300],
    payment_channel: ['cash', ''],
    return_url: ['javascript:alert(1)', '', 'not an address'],
  },
  analyze: { imageUrl: [''], template: ['poem', ''] },
  'user-update': { password: ['12345'], role: ['king'], creditLimit: [-1] },
  'user-balance': { amount: [0, -1, 0.00001, 1e300], type: ['gift'] },
  'payment-config-create': { name: [''], payment_method: ['cash'], config: [{}] },
}

/** What is said of a value instead of its field's name, where the earlier system said so (facts 1.4). */
const WORDS: Readonly<Record<string, string>> = {
  'payment-create payment_channel': 'unsupported payment method',
  'payment-config-create payment_method': 'unsupported payment method',
}

/** Fields of which nothing is asked: whose a task is, the token says. */
const IGNORED = new Set(['task-submit user'])

for (const operation of operations) {
  const { name, method, path, request, required = [] } = operation
  if (!request) continue
  test(`${method} ${path}: bad input is 400 and names the field`, async () => {
    const good = await goodOf(operation)
    const refuse = async (field: string, body: object): Promise<void> => {
      const reply = await stage.send({ ...good, body })
      const told = `${field} of ${JSON.stringify(body).slice(0, 300)}: ${reply.text}`
      assert.equal(reply.status, 400, told)
      const { message } = reply.body
      assert.ok(message.includes(field) || message === WORDS[`${name} ${field}`], told)
    }
    for (const field of required) await refuse(field, without(good.body, field))
    for (const [field, value] of Object.entries(good.body)) {
      if (IGNORED.has(`${name} ${field}`)) continue
      // Neither text, number, switch nor object is a list of one object.
      await refuse(field, { ...good.body, [field]: [{}] })
      for (const wrong of WRONG[name]?.[field] ?? []) await refuse(field, { ...good.body, [field]: wrong })
      if (typeof value === 'number') await refuse(field, { ...good.body, [field]: String(value) })
    }
    if (required.length > 0) assert.equal((await stage.send({ ...good, body: {} })).status, 400)
    const withMore = { ...good.body, confirm: 'unknown fields are ignored (facts 1.1)' }
    const taken = await stage.send({ ...good, body: withMore })
    assert.ok(taken.status < 300, taken.text)
  })
}

test('an id that is no number is 400, one that nothing has is 404, everywhere', async () => {
  const user = await stage.user()
  for (const operation of operations) {
    const { name, method, path, auth, request } = operation
    if (!path.includes(':id')) continue
    const body = request ? (await goodOf(operation)).body : undefined
    const token = auth === 'admin' ? stage.admin.token : user.token
    const at = (id: string) => stage.send({ method, url: path.replace(':id', id), token, body })
    for (const id of ['abc', '0', '-1', '1.5', '%27'])
      assert.equal((await at(id)).status, 400, `${name} ${id}`)
    for (const id of ['999999999', '123456789012345678'])
      assert.equal((await at(id)).status, 404, `${name} ${id}`)
  }
})

test('a parameter that is no page, time, switch or amount is 400 and named', async () => {
  const bad: Record<string, string[]> = {
    page: ['0', '-1', 'x', '1.5'],
    limit: ['0', '-1', 'x'],
    page_size: ['0', 'x'],
    is_active: ['maybe'],
    user_id: ['x', '0'],
    created_after: ['yesterday', '2024-02-30'],
    created_before: ['x'],
    start_time: ['x', '2024-13-01'],
    end_time: ['x'],
    min_amount: ['x', '1e3', '0.00001'],
    max_amount: ['NaN'],
  }
  for (const { name, method, path, parameters } of operations) {
    for (const { name: parameter } of parameters) {
      for (const value of bad[parameter] ?? []) {
        const url = `${path}?${parameter}=${encodeURIComponent(value)}`
        const reply = await stage.send({ method, url, token: stage.admin.token })
        assert.equal(reply.status, 400, `${name} ${parameter}=${value}: ${reply.text}`)
        assert.ok(reply.body.message.includes(parameter), reply.text)
      }
    }
  }
})

// ---- Lists --------------------------------------------------------------------------------------------------

type Row = { id: number; created_at: string; [name: string]: unknown }

const LISTS = {
  '/models': { rows: 'models', limit: 'limit', otherwise: 10 },
  '/tasks': { rows: 'items', limit: 'page_size', otherwise: 10 },
  '/admin/users': { rows: 'users', limit: 'limit', otherwise: 20 },
  '/admin/transactions': { rows: 'transactions', limit: 'limit', otherwise: 20 },
} as const

/** The ids and the total of a list. */
async function list(
  path: keyof typeof LISTS,
  query: string,
  token: string,
): Promise<{ ids: number[]; total: number; rows: Row[]; data: Record<string, unknown> }> {
  const { data, status, text } = await stage.get(`${path}?${query}`, token)
  assert.equal(status, 200, text)
  const rows = data[LISTS[path].rows] as Row[]
  assert.ok(Array.isArray(rows), text)
  return { ids: rows.map(({ id }) => id), total: Number(data.total), rows, data }
}

/** Newest first. */
function assertSorted(rows: readonly Row[]): void {
  const times = rows.map(({ created_at }) => Date.parse(created_at))
  assert.deepEqual(
    times,
    times.toSorted((one, other) => other - one),
  )
}

/** Pages of a list whose rows are `ids`, newest first; the filter leaves others out. */
async function assertPages(
  path: keyof typeof LISTS,
  filter: string,
  token: string,
  ids: readonly number[],
): Promise<void> {
  const { limit, otherwise } = LISTS[path]
  const all = await list(path, filter, token)
  assert.deepEqual([all.ids, all.total], [ids, ids.length])
  assertSorted(all.rows)
  for (const page of [1, 2, 3]) {
    const part = await list(path, `${filter}&page=${page}&${limit}=2`, token)
    assert.deepEqual([part.ids, part.total], [ids.slice(2 * page - 2, 2 * page), ids.length], `page ${page}`)
    if (path !== '/tasks') assert.deepEqual([part.data.page, part.data.limit], [page, 2])
  }
  if (path === '/tasks') return
  assert.equal(all.data.limit, otherwise)
  // The front-end's tables offer up to 100 rows; what asks for more gets what is allowed, not a refusal.
  assert.equal((await list(path, `${filter}&limit=100`, token)).data.limit, 100)
  assert.equal((await list(path, `${filter}&limit=100000`, token)).data.limit, 200)
}

test('models: pages, name and status; everybody else sees the open ones only', async () => {
  const word = newName('kind ')
  const made: Model[] = []
  for (const [name, status] of [
    [`${word} A`, 'open'],
    [`${word} B`, 'draft'],
    [`${word} C`, 'closed'],
    [`${word} 100%_`, 'open'],
  ])
    made.push(await stage.model({ name, status }))
  const [open, draft, closed, odd] = made.map(({ id }) => id) as [number, number, number, number]
  const { token } = await stage.user()
  const { admin } = stage
  const name = (text: string): string => `name=${encodeURIComponent(text)}`
  await assertPages('/models', name(word), admin.token, [odd, closed, draft, open])
  assert.deepEqual((await list('/models', name(`${word} b`), admin.token)).ids, [draft], 'in any case')
  assert.deepEqual((await list('/models', name('100%_'), admin.token)).ids, [odd], 'as it stands')
  assert.deepEqual((await list('/models', name('100_%'), admin.token)).ids, [])
  for (const [status, id] of [
    ['draft', draft],
    ['closed', closed],
  ] as const) {
    assert.deepEqual((await list('/models', `${name(word)}&status=${status}`, admin.token)).ids, [id])
    // Not an error: an empty list (facts 1.2).
    const seen = await list('/models', `${name(word)}&status=${status}`, token)
    assert.deepEqual([seen.ids, seen.total], [[], 0])
    assert.equal((await stage.get(`/models/${id}/parameters`, token)).status, 404)
    assert.equal((await stage.get(`/models/${id}/parameters`, admin.token)).status, 200)
  }
  assert.equal((await stage.get('/models?status=banana', token)).status, 400)
  await assertPages('/models', name(word), token, [odd, open])
  assert.deepEqual((await list('/models', `${name(word)}&status=open`, token)).ids, [odd, open])
  assert.deepEqual((await stage.get(`/models/${open}/parameters`, token)).data, PARAMETERS)
  for (const asker of [token, admin.token]) {
    const { body } = await stage.get('/models/names', asker)
    const rows = body.data as unknown as Row[]
    assert.ok(rows.every(({ status }) => status === 'open'))
    const ids = rows.map(({ id }) => id)
    assert.deepEqual(
      [open, odd, draft, closed].map((id) => ids.includes(id)),
      [true, true, false, false],
    )
  }
})

test('tasks: pages and status; creator_id is for administrators, others see their own', async () => {
  const [user, other, model] = [await stage.user(100), await stage.user(100), await stage.model()]
  const ids: number[] = []
  for (let count = 0; count < 3; count += 1) ids.unshift((await stage.submit(user, model)).id)
  const [newest, middle, oldest] = ids as [number, number, number]
  const foreign = (await stage.submit(other, model)).id
  await assertPages('/tasks', '', user.token, ids)
  await stage.call('POST', `/tasks/${middle}/cancel`, user.token)
  assert.deepEqual((await list('/tasks', 'status=6', user.token)).ids, [middle])
  assert.deepEqual((await list('/tasks', 'status=1', user.token)).ids, [newest, oldest])
  assert.deepEqual((await list('/tasks', 'status=3', user.token)).ids, [])
  assert.deepEqual((await list('/tasks', `creator_id=${other.id}`, user.token)).ids, ids, 'ignored')
  assert.deepEqual((await list('/tasks', `creator_id=${other.id}`, stage.admin.token)).ids, [foreign])
  assert.deepEqual((await list('/tasks', '', (await stage.user()).token)).ids, [], 'an empty list, not null')
  const all = await list('/tasks', 'page_size=100', stage.admin.token)
  assert.ok([...ids, foreign].every((id) => all.ids.includes(id)))
  assertSorted(all.rows)
  const many = await list('/tasks', 'page_size=100000&status=banana', user.token)
  assert.deepEqual(many.ids, ids)
  const example = operationOf('task').success?.data ?? null
  for (const one of many.rows) assertSameShape(one as Json, example, 'items[]')
})

test('users: pages, is_active, created_after, created_before, username and role', async () => {
  const word = newName('member')
  const made: User[] = []
  for (const name of ['a', 'b', 'c']) {
    const user = await stage.user()
    const username = `${word}${name}`
    await stage.call('PATCH', `/admin/users/${user.id}`, stage.admin.token, { username })
    made.push(user)
  }
  const [a, b, c] = made.map(({ id }) => id) as [number, number, number]
  const { token } = stage.admin
  const sorted = (await list('/admin/users', `username=${word}`, token)).ids
  assert.deepEqual(sorted.toSorted(), [a, b, c])
  await assertPages('/admin/users', `username=${word}`, token, sorted)
  assert.deepEqual((await list('/admin/users', `username=${word.toUpperCase()}B`, token)).ids, [b])
  await stage.call('PATCH', `/admin/users/${b}`, token, { is_active: false })
  await stage.call('PATCH', `/admin/users/${c}`, token, { role: 'admin' })
  const find = async (query: string): Promise<number[]> =>
    (await list('/admin/users', `username=${word}&${query}`, token)).ids.toSorted()
  for (const no of ['false', '0', 'f', 'False']) assert.deepEqual(await find(`is_active=${no}`), [b])
  for (const yes of ['true', '1', 't']) assert.deepEqual(await find(`is_active=${yes}`), [a, c])
  assert.deepEqual(await find('role=admin'), [c])
  assert.deepEqual(await find('role=user'), [a, b])
  const today = new Date().toISOString()
  const day = today.slice(0, 10)
  const everybody = [a, b, c]
  assert.deepEqual(await find(`created_after=${day}`), everybody)
  assert.deepEqual(await find(`created_before=${day}`), everybody, 'a day is meant as a whole')
  assert.deepEqual(await find(`created_after=2000-01-01T00:00:00Z&created_before=${today}`), everybody)
  assert.deepEqual(await find(`created_after=${encodeURIComponent('2100-01-01T00:00:00+08:00')}`), [])
  assert.deepEqual(await find('created_before=2000-01-01'), [])
})

test('transactions: pages and all six filters, in the export too', async () => {
  const { token } = stage.admin
  const user = await stage.user()
  const adjust = (type: string, amount: number) =>
    stage.call('POST', `/admin/users/${user.id}/balance`, token, { type, amount, reason: type })
  await adjust('credit', 100)
  await adjust('debit', 30)
  const { id } = await stage.submit(user, await stage.model({ price: 5 }))
  await stage.call('POST', `/tasks/${id}/cancel`, user.token)
  const filter = `user_id=${user.id}`
  const { rows } = await list('/admin/transactions', filter, token)
  assert.deepEqual(
    rows.map(({ amount, type, balance_before, balance_after }) => [
      amount,
      type,
      balance_before,
      balance_after,
    ]),
    [
      [5, 'user_refund', 65, 70],
      [-5, 'user_consume', 70, 65],
      [-30, 'admin_adjustment', 100, 70],
      [100, 'admin_adjustment', 0, 100],
    ],
  )
  const [refund, consume, debit, credit] = rows.map((row) => row.id) as [number, number, number, number]
  await assertPages('/admin/transactions', filter, token, [refund, consume, debit, credit])
  const now = new Date().toISOString()
  const expected: [query: string, ids: number[]][] = [
    ['type=admin_adjustment', [debit, credit]],
    ['type=user_consume', [consume]],
    ['type=user_refund', [refund]],
    ['type=system_auto', []],
    ['min_amount=0', [refund, credit]],
    ['max_amount=0', [consume, debit]],
    ['min_amount=-5&max_amount=5', [refund, consume]],
    ['max_amount=-29.9999', [debit]],
    [`start_time=${now.slice(0, 10)}&end_time=${now.slice(0, 10)}`, [refund, consume, debit, credit]],
    [`start_time=2000-01-01T00:00:00Z&end_time=${now}`, [refund, consume, debit, credit]],
    [`end_time=${rows[3]?.created_at}`, [credit]],
    ['start_time=2100-01-01', []],
    ['end_time=2000-01-01', []],
  ]
  for (const [query, ids] of expected) {
    const found = await list('/admin/transactions', `${filter}&${query}`, token)
    assert.deepEqual([found.ids, found.total], [ids, ids.length], query)
    const exported = await stage.get(`/admin/transactions/export?${filter}&${query}`, token)
    const [, ...cells] = cellsOf(exported.text)
    assert.deepEqual(
      cells.map(([first]) => Number(first)),
      ids,
      `export ${query}`,
    )
  }
  const types = readContract<object>('aigentools', 'transaction-types')
  const { rows: all } = await list('/admin/transactions', 'limit=200', token)
  assertSorted(all)
  for (const { type } of all) assert.ok(String(type) in types, String(type))
})

test('a change of a user who was changed meanwhile is a conflict, and changes nothing', async () => {
  const { token } = stage.admin
  const user = await stage.user()
  const read = async () => (await list('/admin/users', `username=${user.username}`, token)).rows.at(-1)
  const updated_at = (await read())?.updated_at
  const patch = (body: object) => stage.call('PATCH', `/admin/users/${user.id}`, token, body)
  assert.equal((await patch({ creditLimit: 5, updated_at })).status, 200)
  const stale = await patch({ creditLimit: 7, updated_at })
  assert.equal(stale.status, 409)
  assert.match(stale.body.message, /modified by another user/)
  assert.equal((await patch({ updated_at: (await read())?.updated_at })).status, 400, 'nothing to update')
  const all = await list('/admin/users', `username=${user.username}`, token)
  assert.equal(all.rows.find(({ id }) => id === user.id)?.creditLimit, 5)
})

// ---- Credit -------------------------------------------------------------------------------------------------

test('the credit of /auth/user: used, available, total and percentage as in the example of the document', async () => {
  const user = await stage.user(100)
  const patch = (body: object) => stage.call('PATCH', `/admin/users/${user.id}`, stage.admin.token, body)
  await patch({ creditLimit: 100 })
  const task = await stage.submit(user, await stage.model({ price: 50 }))
  const example = operationOf('user').success?.data as { credit: Credit; creditLimit: number }
  const read = async () =>
    (await stage.get('/auth/user', user.token)).data as typeof example & { total_consumed: number }
  const now = await read()
  assert.deepEqual(now.credit, example.credit)
  assert.deepEqual([now.creditLimit, now.total_consumed], [example.creditLimit, 50])

  await stage.call('POST', `/tasks/${task.id}/cancel`, user.token)
  const refunded = await read()
  assert.deepEqual(refunded.credit, { total: 200, used: 0, available: 200, usagePercentage: 0 })
  assert.equal(refunded.total_consumed, 0)

  // A debit by an operator is no consumption, and credit may be drawn on down to its limit.
  const debit = { type: 'debit', amount: 150 }
  await stage.call('POST', `/admin/users/${user.id}/balance`, stage.admin.token, debit)
  assert.deepEqual((await read()).credit, { total: 50, used: 0, available: 50, usagePercentage: 0 })
  const { rows } = await list('/admin/users', `username=${user.username}`, stage.admin.token)
  const row = rows.find(({ id }) => id === user.id)
  assert.deepEqual([row?.balance, row?.creditLimit], [-50, 100])
  const over = await stage.call('POST', `/admin/users/${user.id}/balance`, stage.admin.token, {
    type: 'debit',
    amount: 50.0001,
  })
  assert.deepEqual([over.status, over.body.message], [400, 'Insufficient balance'])
  const empty = await stage.user()
  assert.deepEqual(await stage.creditOf(empty), { total: 0, used: 0, available: 0, usagePercentage: 0 })
})

test('a token lives 72 hours, and the one in use is answered', async () => {
  const username = newName('lasting')
  const { data } = await stage.post('/auth/register', { username, password: 'password123' })
  const token = String(data.token)
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  // Both are whole seconds, of moments a few milliseconds apart.
  const seconds = claims.exp - claims.iat - common.tokenHours * 3_600
  assert.ok(seconds === 0 || seconds === -1, `${seconds} s off`)
  const { data: read } = await stage.get('/auth/user', token)
  assert.deepEqual([read.token, read.username, read.id], [token, username, data.id])
  const { sign } = createTokens(stage.context.keys.token, stage.context.site, stage.context.clock.now)
  const expired = sign(
    { id: stage.context.ids.uuid(), expiresAt: new Date('2024-01-01T12:00:00Z') },
    stage.context.ids.uuid(),
  )
  const { status, body } = await stage.get('/auth/user', expired)
  assert.deepEqual([status, body.message], [401, 'Invalid or expired token'])
})

test('logout ends this token and no other', async () => {
  const user = await stage.user()
  const login = { username: user.username, password: user.password }
  const second = String((await stage.post('/auth/login', login)).data.token)
  assert.equal((await stage.call('POST', '/auth/logout', user.token)).status, 200)
  const { status, body } = await stage.get('/auth/user', user.token)
  assert.deepEqual([status, body.message], [401, 'Token has been revoked'])
  assert.equal((await stage.get('/auth/user', second)).status, 200)
})

// ---- Tasks --------------------------------------------------------------------------------------------------

const { shapes } = readContract<{ shapes: Record<string, Json> }>('aigentools', 'submit-shapes')

for (const [shape, template] of Object.entries(shapes)) {
  test(`a task whose model is named by ${shape} costs its price, and its input comes back as it was sent`, async () => {
    const [user, model] = [await stage.user(10), await stage.model({ price: 1.2345 })]
    const input = JSON.parse(
      JSON.stringify(template)
        .replaceAll('"{model}"', String(model.id))
        .replaceAll('{model as text}', String(model.id))
        .replaceAll('{address}', model.url),
    )
    const reply = await stage.post(
      '/tasks',
      { body: input, user: { creatorId: user.id, creatorName: user.username } },
      user.token,
    )
    const task = reply.data as Task
    assert.deepEqual(task.input_data, input, reply.text)
    assert.deepEqual([task.cost, task.status, task.creator_id], [1.2345, 1, user.id])
    assert.equal((await stage.creditOf(user)).available, 8.7655)
    assert.deepEqual((await stage.read(task.id)).input_data, input)
    const { rows } = await list('/tasks', '', user.token)
    assert.deepEqual(rows[0]?.input_data, input)
    await stage.approve(task.id)
    const [done] = await stage.finish(task.id)
    assert.deepEqual([done?.status, done?.input_data, done?.cost], [4, input, 1.2345])
    assert.match(String(done?.result_url), /^https?:\/\/[^?#]+\.png$/)
    const job = stage.upstream.started.at(-1)
    assert.ok(job?.kind === 'custom')
    assert.deepEqual(job.arguments, { prompt: 'a kitten' }, 'nothing that names a model goes upstream')
    assert.deepEqual(stage.connections.at(-1)?.url, model.url)
  })
}

test('a task without a model is 400, with one that nobody has 404; neither costs anything', async () => {
  const user = await stage.user(10)
  const send = (body: object) => stage.post('/tasks', { body }, user.token)
  const nameless = await send({ prompt: 'a kitten' })
  assert.equal(nameless.status, 400)
  assert.match(nameless.body.message, /model_id/)
  for (const body of [{ model_id: 999_999 }, { model: { model_url: 'https://api.example.com/nothing' } }])
    assert.equal((await send(body)).status, 404, JSON.stringify(body))
  assert.equal((await stage.creditOf(user)).available, 10)
  assert.deepEqual((await list('/tasks', '', user.token)).ids, [])
})

test('a model with an address runs there, one without on a provider, both to a file of their own', async () => {
  const user = await stage.user(10)
  const [there, here] = [await stage.model(), await stage.model({ url: '' })]
  const before = [stage.upstream.started.length, stage.provider.started.length] as const
  const ids: number[] = []
  for (const model of [there, here]) {
    const { id } = await stage.submit(user, model)
    await stage.approve(id)
    ids.push(id)
  }
  for (const task of await stage.finish(...ids)) {
    assert.equal(task.status, 4, JSON.stringify(task))
    const file = await stage.send({ method: 'GET', url: new URL(task.result_url).pathname })
    assert.deepEqual([file.status, file.headers['content-type']], [200, 'image/png'])
  }
  assert.deepEqual(
    [stage.upstream.started.length - before[0], stage.provider.started.length - before[1]],
    [1, 1],
  )
})

test('remote_task_id is the number that the upstream gave', async () => {
  const { task, user } = await withTask()
  await stage.approve(task.id)
  stage.upstream.next.push(async () => ({
    state: 'pending',
    operation: { id: 'remote-7' },
    checkAfterMs: 20,
  }))
  const [done] = await stage.finish(task.id)
  assert.deepEqual([done?.status, done?.remote_task_id], [4, 'remote-7'])
  const { data } = await stage.get(`/tasks/${task.id}`, user.token)
  assert.equal(data.remote_task_id, 'remote-7')
})

type Action = 'approve' | 'update' | 'cancel' | 'retry'
const { actions } = readContract<{
  actions: Record<Action, { from: number[]; to: number; message: string }>
}>('aigentools', 'task-transitions')

test('every action in every state: allowed where the document says, refused in words everywhere else', async () => {
  const [user, model] = [await stage.user(1_000), await stage.model()]
  const act: Record<Action, (id: number) => Promise<Reply>> = {
    approve: (id) => stage.call('PATCH', `/tasks/${id}/approve`, stage.admin.token),
    update: (id) =>
      stage.call('PUT', `/tasks/${id}`, user.token, { body: { model_id: model.id, prompt: 'changed' } }),
    cancel: (id) => stage.call('POST', `/tasks/${id}/cancel`, user.token),
    retry: (id) => stage.call('POST', `/tasks/${id}/retry`, user.token),
  }
  const submitted = async (): Promise<number> => (await stage.submit(user, model)).id
  const approved = async (): Promise<number> => (await stage.approve(await submitted())).id
  const canceled = async (): Promise<number> => {
    const id = await submitted()
    await act.cancel(id)
    return id
  }
  const [done] = await stage.finish(await approved())
  const failures = [await stage.failed(user, model), await stage.failed(user, model)]
  assert.equal(done?.status, 4)

  let letGo = (): void => {}
  stage.upstream.next.push(
    (job, call) =>
      new Promise((_resolve, reject) => {
        letGo = () => void refusing('content')().catch(reject)
        call.signal.addEventListener('abort', letGo)
        assert.equal(job.kind, 'custom')
      }),
  )
  const running = await approved()
  const before = stage.upstream.started.length
  const worker = stage.site.startWorker({ concurrency: 1 })
  try {
    await until(
      () => stage.read(running),
      ({ status }) => status === 3,
    )
    const make: Record<number, () => Promise<number>> = {
      1: submitted,
      2: approved,
      3: async () => running,
      4: async () => Number(done?.id),
      5: async () => failures.shift()?.id ?? 0,
      6: canceled,
    }
    const failed = failures[0]?.id ?? 0
    for (const state of Object.keys(readContract<object>('aigentools', 'task-states')).map(Number)) {
      for (const [action, { from, to, message }] of Object.entries(actions)) {
        const isAllowed = from.includes(state)
        const id = state === 5 && !isAllowed ? failed : await make[state]?.()
        assert.ok(id)
        assert.equal((await stage.read(id)).status, state)
        const reply = await act[action as Action](id)
        const at = `${action} in ${state}: ${reply.text}`
        if (isAllowed) assert.deepEqual([reply.status, reply.data.status], [200, to], at)
        else assert.deepEqual([reply.status, reply.body.message], [400, message], at)
        assert.equal((await stage.read(id)).status, isAllowed ? to : state, at)
      }
    }
    assert.equal(stage.upstream.started.length, before + 1, 'nothing else was started meanwhile')
  } finally {
    letGo()
    await worker.stop(1_000)
  }
})

test('with AUTO_AUDIT a task starts in 2 and an edit leaves it there', async () => {
  const hasty = await openStage({ preset: { needsApproval: false } })
  try {
    const [user, model] = [await hasty.user(10), await hasty.model()]
    const task = await hasty.submit(user, model)
    assert.equal(task.status, 2)
    const body = { body: { model_id: model.id, prompt: 'changed' } }
    const edited = await hasty.call('PUT', `/tasks/${task.id}`, user.token, body)
    assert.deepEqual([edited.data.status, edited.data.input_data], [2, body.body], edited.text)
    const [done] = await hasty.finish(task.id)
    assert.equal(done?.status, 4)
  } finally {
    await hasty.close()
  }
})

test('an edit that takes another model is paid at its price, once', async () => {
  const user = await stage.user(10)
  const [cheap, dear] = [await stage.model({ price: 1 }), await stage.model({ price: 4 })]
  const { id } = await stage.submit(user, cheap)
  const edit = async (model: Model) => {
    const { data, text } = await stage.call('PUT', `/tasks/${id}`, user.token, {
      body: { model_id: model.id, prompt: 'a kitten' },
    })
    assert.equal(data.status, 1, text)
    return [data.cost, (await stage.creditOf(user)).available]
  }
  assert.deepEqual(await edit(dear), [4, 6])
  assert.deepEqual(await edit(cheap), [1, 9])
  const beyond = await stage.call('PUT', `/tasks/${id}`, user.token, {
    body: { model_id: (await stage.model({ price: 11 })).id },
  })
  assert.deepEqual([beyond.status, beyond.body.message], [400, 'Insufficient balance'])
  assert.deepEqual([(await stage.read(id)).cost, (await stage.creditOf(user)).available], [1, 9])
})

test('a task is its owner’s: another user finds nothing there, and may not retry it', async () => {
  const [owner, other, model] = [await stage.user(10), await stage.user(10), await stage.model()]
  const { id } = await stage.submit(owner, model)
  const body = { body: { model_id: model.id, prompt: 'mine now' } }
  const tries: [method: string, path: string, body?: object][] = [
    ['GET', `/tasks/${id}`],
    ['PUT', `/tasks/${id}`, body],
    ['POST', `/tasks/${id}/cancel`],
  ]
  for (const [method, path, sent] of tries) {
    const reply = await stage.call(method, path, other.token, sent)
    assert.deepEqual([reply.status, reply.body.message], [404, 'Task not found'], `${method} ${path}`)
  }
  assert.equal((await stage.call('POST', `/tasks/${id}/retry`, other.token)).status, 403)
  assert.equal((await stage.call('PATCH', `/tasks/${id}/approve`, other.token)).status, 403)
  assert.equal((await stage.call('PATCH', `/tasks/${id}/approve`, owner.token)).status, 403)
  const task = await stage.read(id)
  assert.deepEqual([task.status, task.input_data], [1, { model_id: model.id, prompt: 'a kitten' }])
})

test('price: null is 0 and free; an update keeps what it does not name, and may clear a description', async () => {
  const model = await stage.model({ price: null })
  assert.equal(model.price, 0)
  const user = await stage.user()
  const task = await stage.submit(user, model)
  assert.equal(task.cost, 0)
  const put = async (body: object) => {
    const { data, text } = await stage.call('PUT', `/models/${model.id}`, stage.admin.token, body)
    assert.ok(data.id === model.id, text)
    return data
  }
  const priced = await put({ price: 0.0001 })
  assert.deepEqual([priced.price, priced.name, priced.url], [0.0001, model.name, model.url])
  const kept = await put({ price: null, parameters: null, description: '' })
  assert.deepEqual([kept.price, kept.parameters, kept.description], [0.0001, PARAMETERS, ''])
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
