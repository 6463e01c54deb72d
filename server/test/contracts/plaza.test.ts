import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import type { Json } from './contract.ts'
import { createContract, openedLike, readContract } from './contract.ts'
import type { Form, Operation, Reply, Stage, User } from './plaza-stage.ts'
import { nextNumber, openStage, wire } from './plaza-stage.ts'
import { holdNextJob, until, VENDOR_WORDS, withPart } from './stage.ts'

// The document against the site: every operation, example, parameter, status and number. See contracts/README.md.

const operations = readContract<Operation[]>('plaza', 'operations')
const { golden, assertSameShape } = createContract('plaza', wire)
const common = readContract<{
  base: string
  port: number
  tokenDays: number
  pageSize: number
  mostPageSize: number
  initialPower: number
  costs: Record<string, number>
  estimates: Record<'image' | 'video', number>
}>('plaza', 'common')
const statuses = readContract<{ status: number; meaning: string }[]>('plaza', 'status-codes')
const quotas = readContract<Record<'free' | 'vip', Record<'image' | 'video' | 'calls', number>>>(
  'plaza',
  'quotas',
)

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

// ---- The document's operations ------------------------------------------------------------------------------

/** What of an example has to be ours: who asks, ids, and what only this run knows. */
type Adapted = { token?: string; params?: Record<string, string>; body?: object; form?: Form }

async function withPicture(): Promise<{ user: User; id: string; taskId: string }> {
  const user = await stage.user(100)
  return { user, ...(await stage.picture(user)) }
}

async function withConversation(): Promise<{ user: User; id: string }> {
  const user = await stage.user(100)
  return { user, id: await stage.say(user, '你好') }
}

async function withOrder(): Promise<{ user: User; orderId: string }> {
  const user = await stage.user()
  const { data, text } = await stage.call('POST', '/user/recharge', user.token, exampleOf('recharge'))
  assert.ok(data.orderId, text)
  return { user, orderId: String(data.orderId) }
}

const rich = async (): Promise<Adapted> => ({ token: (await stage.user(1_000)).token })

/** How each operation's example becomes a request that succeeds. */
const ADAPT: Readonly<Record<string, () => Promise<Adapted>>> = {
  register: async () => {
    const n = nextNumber()
    return { body: { username: `newuser${n}`, email: `newuser${n}@example.com` } }
  },
  login: async () => {
    const { email, password } = await stage.user()
    return { body: { email, password } }
  },
  profile: rich,
  'text-to-image': rich,
  'image-to-image': rich,
  task: async () => {
    const { user, taskId } = await withPicture()
    return { token: user.token, params: { taskId } }
  },
  'text-to-video': rich,
  'image-to-video': rich,
  'video-task': async () => {
    const user = await stage.user(100)
    return { token: user.token, params: await stage.clip(user) }
  },
  'task-cancel': async () => {
    const user = await stage.user(100)
    const begun = holdNextJob(stage.provider)
    const { data } = await stage.call('POST', '/generate/text-to-image', user.token, {
      prompt: '一只很慢的猫',
    })
    await begun
    return { token: user.token, params: { taskId: String(data.taskId) } }
  },
  works: async () => ({ token: (await withPicture()).user.token }),
  work: async () => {
    const { user, id } = await withPicture()
    return { token: user.token, params: { id } }
  },
  'work-update': async () => {
    const { user, id } = await withPicture()
    return { token: user.token, params: { id } }
  },
  'work-delete': async () => {
    const { user, id } = await withPicture()
    return { token: user.token, params: { id } }
  },
  'work-download': async () => {
    const { user, id } = await withPicture()
    return { token: user.token, params: { id } }
  },
  feeds: async () => {
    await stage.published()
    return {}
  },
  like: async () => ({ token: (await stage.user()).token, params: { id: (await stage.published()).id } }),
  favorite: async () => ({ token: (await stage.user()).token, params: { id: (await stage.published()).id } }),
  view: async () => ({ params: { id: (await stage.published()).id } }),
  chat: rich,
  conversations: async () => ({ token: (await withConversation()).user.token }),
  conversation: async () => {
    const { user, id } = await withConversation()
    return { token: user.token, params: { id } }
  },
  'conversation-delete': async () => {
    const { user, id } = await withConversation()
    return { token: user.token, params: { id } }
  },
  'conversation-stop': async () => {
    const { user, id } = await withConversation()
    return { token: user.token, params: { id } }
  },
  'upload-image': rich,
  'upload-video': rich,
  'compute-power': async () => ({ token: (await withPicture()).user.token }),
  recharge: rich,
  'recharge-order': async () => {
    const { user, orderId } = await withOrder()
    return { token: user.token, params: { orderId } }
  },
  providers: rich,
  config: rich,
  'config-update': async () => ({ token: stage.admin.token }),
  'provider-custom': async () => ({ token: stage.admin.token, body: { name: `studio${nextNumber()}` } }),
}

async function callWith(operation: Operation, { token, params = {}, body, form }: Adapted): Promise<Reply> {
  const { method, name } = operation
  const path = operation.path.slice(common.base.length).replace(/:(\w+)/g, (_, parameter: string) => {
    assert.ok(parameter in params, `${name} needs ${parameter}`)
    return String(params[parameter])
  })
  const query = operation.parameters
    .flatMap(({ in: place, name: key, example }) =>
      place === 'query' && example ? [`${key}=${example}`] : [],
    )
    .join('&')
  const sent = form ?? operation.form
  if (sent) return stage.form(method, path, token, sent)
  const example = operation.example ?? operation.request
  return stage.call(
    method,
    query ? `${path}?${query}` : path,
    token,
    example ? { ...example, ...body } : undefined,
  )
}

async function adapted(operation: Operation): Promise<Adapted> {
  const adapt = ADAPT[operation.name]
  assert.ok(adapt, `${operation.name} has no adapted example`)
  return adapt()
}

test('every operation of the document is here, and every route is one of the contract', () => {
  const mounted = plaza.routes.map(({ method, path }) => `${method} ${plaza.base}${path}`)
  assert.deepEqual(mounted.sort(), operations.map(({ method, path }) => `${method} ${path}`).sort())
  assert.equal(operations.filter(({ source }) => source === 'document').length, 27)
  assert.deepEqual([plaza.base, plaza.defaultPort], [common.base, common.port])
})

for (const operation of operations) {
  const { name, method, path, success, contentType, extra, nullable } = operation
  test(`${method} ${path}: its example is answered as the document shows`, async () => {
    const reply = await callWith(operation, await adapted(operation))
    if (success === null) {
      assert.equal(reply.status, 200, reply.text)
      assert.equal(reply.headers['content-type'], contentType)
      return
    }
    assert.equal(reply.status, success.code, reply.text)
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(reply.body.message, success.message, reply.text)
    assertSameShape(reply.body as Json, success, name, extra, nullable)
    golden.check(name, 'success', reply)
  })
}

test('who needs a token, and whose, is as the document and its facts say', async () => {
  for (const operation of operations) {
    const { method, path, auth } = operation
    const route = plaza.routes.find((one) => `${plaza.base}${one.path}` === path && one.method === method)
    const allowed = auth === 'admin' ? ['admin'] : auth ? ['user'] : ['public', 'guest']
    assert.ok(route && allowed.includes(route.allow), `${method} ${path}: ${route?.allow}`)
    if (!auth) continue
    const url = path.slice(common.base.length).replace(/:\w+/g, '1')
    for (const token of [undefined, 'not.a.token']) {
      const { status, body } = await stage.call(method, url, token)
      const message = token ? '无效的认证令牌' : '未提供认证令牌'
      assert.deepEqual([status, body.code, body.message], [401, 401, message], `${method} ${path}`)
    }
    if (auth === 'admin') {
      const { status, body } = await stage.call(method, url, (await stage.user()).token)
      assert.deepEqual([status, body.message], [403, '需要管理员权限'])
    }
  }
})

test('the page at /docs has the words and examples of the document', () => {
  for (const {
    method,
    path,
    section,
    title,
    success,
    request,
    example,
    source,
    extra,
    nullable,
  } of operations) {
    const shown = plaza.reference.routes[`${method} ${path.slice(common.base.length)}`]
    assert.ok(shown, `${method} ${path}`)
    assert.equal(shown.section, section, path)
    if (source === 'document') assert.equal(shown.title, title, path)
    if (request) assert.ok(shown.request ?? shown.fields, `${path} shows its body`)
    if (success && source === 'document') {
      const body = shown.success.body as { [key: string]: Json }
      assertSameShape(
        openedLike({ ...body, timestamp: 1 }, success as Json),
        success as Json,
        path,
        extra,
        nullable,
      )
    }
    assert.ok(example === undefined || Object.keys(example).length > 0)
  }
})

// ---- 状态码说明 ------------------------------------------------------------------------------------------------

/** A request that is answered with the status, for every status in the table. */
const PRODUCE: Readonly<Record<number, () => Promise<Reply>>> = {
  200: async () => stage.call('GET', '/user/profile', (await stage.user()).token),
  201: async () => {
    const n = nextNumber()
    const body = { username: `newuser${n}`, email: `newuser${n}@example.com`, password: 'password123' }
    return stage.call('POST', '/auth/register', undefined, body)
  },
  400: () => stage.call('POST', '/auth/register', undefined, { username: 'newuser' }),
  401: () => stage.call('GET', '/user/profile', 'not.a.token'),
  403: async () => stage.call('PUT', '/config/providers', (await stage.user()).token, {}),
  404: () => stage.call('GET', '/no/such/path'),
  429: async () => {
    const { token } = await stage.user()
    const limiter = { ...stage.context.limiter, take: async () => 17 }
    return withPart(stage.context, 'limiter', limiter, () => stage.call('GET', '/works', token))
  },
  500: async () => {
    const { token } = await stage.user()
    const gone = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const broken = () => Promise.reject(gone)
    const db = { ...stage.context.db, rows: broken, transaction: broken }
    return withPart(stage.context, 'db', db, () => stage.call('GET', '/user/profile', token))
  },
}

for (const { status, meaning } of statuses) {
  test(`status ${status} ${meaning}: a request is answered with it`, async () => {
    const reply = await PRODUCE[status]?.()
    assert.deepEqual([reply?.status, reply?.body.code], [status, status], reply?.text)
    if (status === 429) assert.equal(reply?.headers['retry-after'], '17')
    golden.check('status-codes', String(status), reply as Reply)
  })
}

test('what goes wrong before any route is in the envelope too', async () => {
  const { token } = await stage.user()
  const url = `${common.base}/generate/text-to-image`
  const json = { 'content-type': 'application/json' }
  for (const sent of [
    { headers: json, body: Buffer.from('{"prompt":') },
    { headers: json, body: Buffer.from('[]') },
    { headers: json, body: Buffer.from('null') },
    { headers: { 'content-type': 'text/plain' }, body: Buffer.from('body') },
    { body: { prompt: 'x'.repeat(11_000_000) } },
  ]) {
    const { status, body, text } = await stage.send({ method: 'POST', url, token, ...sent })
    assert.deepEqual([status, body.code], [400, 400], text)
  }
})

// ---- Bad input ------------------------------------------------------------------------------------------------

for (const operation of operations.filter(({ required }) => required)) {
  const { name, method, path, required = [], form } = operation
  test(`${method} ${path}: what is missing is 400, and named`, async () => {
    for (const field of required) {
      const { token, params = {}, body = {} } = await adapted(operation)
      const at = path.slice(common.base.length).replace(/:(\w+)/g, (_, key: string) => String(params[key]))
      const without = <Value>(of: Readonly<Record<string, Value>>): Record<string, Value> =>
        Object.fromEntries(Object.entries(of).filter(([key]) => key !== field))
      const reply = form
        ? await stage.form(method, at, token, { fields: without(form.fields), files: without(form.files) })
        : await stage.call(method, at, token, without({ ...exampleOf(name), ...body }))
      assert.deepEqual([reply.status, reply.body.code], [400, 400], `${field}: ${reply.text}`)
      assert.ok(reply.body.error, reply.text)
    }
  })
}

test('a number, a word or a page that is none is 400', async () => {
  const { token } = await stage.user(1_000)
  const picture = { prompt: '猫' }
  for (const wrong of [
    { prompt: 'x'.repeat(2_001) },
    { prompt: '   ' },
    { ...picture, width: 63 },
    { ...picture, width: 2_049 },
    { ...picture, height: 'x' },
    { ...picture, numImages: 0 },
    { ...picture, numImages: 5 },
    { ...picture, numImages: 1.5 },
    { ...picture, seed: 'x' },
  ]) {
    const { status, text } = await stage.call('POST', '/generate/text-to-image', token, wrong)
    assert.equal(status, 400, `${JSON.stringify(wrong).slice(0, 80)}: ${text}`)
  }
  for (const wrong of [
    { model: 'sora-9' },
    { duration: 0 },
    { duration: 61 },
    { resolution: '9p' },
    { fps: 0 },
    { fps: 61 },
  ]) {
    const { status, text } = await stage.call('POST', '/generate/text-to-video', token, {
      ...picture,
      ...wrong,
    })
    assert.equal(status, 400, `${JSON.stringify(wrong)}: ${text}`)
  }
  for (const query of ['page=0', 'page=x', 'pageSize=0', 'type=music', 'status=lost']) {
    assert.equal((await stage.call('GET', `/works?${query}`, token)).status, 400, query)
  }
  for (const query of ['page=0', 'sort=best', 'type=music']) {
    assert.equal((await stage.call('GET', `/square/feeds?${query}`)).status, 400, query)
  }
  assert.equal(await stage.powerOf({ token } as User), 1_000)
})

test('an id that is nobody’s, somebody else’s or no id at all is the same 404', async () => {
  const [owner, other] = [await stage.user(200), await stage.user(200)]
  const { id, taskId } = await stage.picture(owner)
  const conversation = await stage.say(owner, '你好')
  const { data } = await stage.call('POST', '/user/recharge', owner.token, exampleOf('recharge'))
  const paths = [
    ['GET', '/generate/task/', taskId],
    ['GET', '/generate/video-task/', taskId],
    ['POST', '/generate/task/', `${taskId}/cancel`],
    ['GET', '/works/', id],
    ['PUT', '/works/', id],
    ['DELETE', '/works/', id],
    ['GET', '/works/', `${id}/download`],
    ['POST', '/square/', `${id}/like`],
    ['POST', '/square/', `${id}/favorite`],
    ['POST', '/square/', `${id}/view`],
    ['GET', '/assistant/conversations/', conversation],
    ['DELETE', '/assistant/conversations/', conversation],
    ['GET', '/user/recharge/', String(data.orderId)],
  ] as const
  for (const [method, path, name] of paths) {
    const body = method === 'PUT' ? { isPublic: true } : undefined
    const own = name.split('/')[0] ?? ''
    const told = []
    for (const one of [
      own,
      '999999999',
      'no-such-id',
      '%F0%9F%90%B1',
      '1e3',
      '0',
      '-1',
      '99999999999999999999999',
    ]) {
      const reply = await stage.call(method, path + name.replace(own, one), other.token, body)
      told.push([reply.status, reply.body.message])
    }
    for (const one of told) assert.deepEqual(one, told[0], `${method} ${path}`)
    assert.equal(told[0]?.[0], 404, `${method} ${path}`)
  }
  const chat = await stage.call('POST', '/assistant/chat', other.token, {
    message: '你好',
    conversationId: conversation,
  })
  assert.deepEqual([chat.status, chat.body.message], [404, '对话不存在'])
})

test('a clip is not found where pictures are asked after, nor a picture where clips are', async () => {
  const user = await stage.user(200)
  const { taskId } = await stage.picture(user)
  const clip = await stage.clip(user)
  assert.equal((await stage.call('GET', `/generate/video-task/${taskId}`, user.token)).status, 404)
  assert.equal((await stage.call('GET', `/generate/task/${clip.taskId}`, user.token)).status, 404)
})

// ---- Numbers --------------------------------------------------------------------------------------------------

test('new users have the document’s 50, and each generation costs what the reading says', async () => {
  const n = nextNumber()
  const body = { username: `newuser${n}`, email: `newuser${n}@example.com`, password: 'password123' }
  const { data } = await stage.call('POST', '/auth/register', undefined, body)
  assert.equal(await stage.powerOf({ token: String(data.token) } as User), common.initialPower)
  for (const [name, cost] of Object.entries(common.costs)) {
    const user = await stage.user(1_000)
    const reply = await callWith(operationOf(name), { token: user.token })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(await stage.powerOf(user), 1_000 - cost, name)
  }
})

test('every picture of a request is paid for, and all of it comes back when none could be made', async () => {
  const user = await stage.user(100)
  await stage.picture(user, { numImages: 3 })
  assert.equal(await stage.powerOf(user), 70)
  stage.provider.next.push(...Array.from({ length: 9 }, () => () => Promise.reject(new Error(VENDOR_WORDS))))
  const { data } = await stage.call('POST', '/generate/text-to-image', user.token, {
    prompt: '猫',
    numImages: 4,
  })
  const task = await until(
    () => stage.call('GET', `/generate/task/${data.taskId}`, user.token),
    (reply) => reply.data.status !== 'processing',
  )
  stage.provider.next.length = 0
  assert.deepEqual([task.data.status, task.data.result], ['failed', null], task.text)
  assert.match(String(task.data.error), /\p{Script=Han}/u)
  assert.doesNotMatch(task.text, new RegExp(VENDOR_WORDS))
  assert.equal(await stage.powerOf(user), 70)
})

test('estimates are the document’s until something is known', async () => {
  const fresh = await openStage({ withWorker: false })
  try {
    const { token } = await fresh.user(200)
    const picture = await fresh.call('POST', '/generate/text-to-image', token, { prompt: '猫' })
    assert.equal(picture.data.estimatedTime, common.estimates.image)
    const clip = await fresh.call('POST', '/generate/text-to-video', token, { prompt: '猫' })
    assert.equal(clip.data.estimatedTime, common.estimates.video)
  } finally {
    await fresh.close()
  }
})

test('one Idempotency-Key is one purchase, and another body under it is refused', async () => {
  const user = await stage.user(100)
  const send = (prompt: string) =>
    stage.send({
      method: 'POST',
      url: `${common.base}/generate/text-to-image`,
      token: user.token,
      headers: { 'idempotency-key': 'one-purchase' },
      body: { prompt },
    })
  const [first, repeat, other] = [await send('猫'), await send('猫'), await send('狗')]
  assert.equal(first.data.taskId, repeat.data.taskId)
  assert.equal(other.status, 422, other.text)
  assert.equal(await stage.powerOf(user), 90)
})

test('a token lives seven days', async () => {
  const { email, password } = await stage.user()
  const { data } = await stage.call('POST', '/auth/login', undefined, { email, password })
  const [, payload = ''] = String(data.token).split('.')
  const { iat, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    iat: number
    exp: number
  }
  assert.equal(exp - iat, common.tokenDays * 86_400)
})

test('limits: 10 pictures and 3 clips a day, 100 for members, and the answer tells what is left', async () => {
  const limited = await openStage({
    withWorker: false,
    preset: { ...(plaza.preset.quotas && { quotas: plaza.preset.quotas }) },
  })
  try {
    for (const [kind, path] of [
      ['image', '/generate/text-to-image'],
      ['video', '/generate/text-to-video'],
    ] as const) {
      const { token } = await limited.user(10_000)
      for (let used = 1; used <= quotas.free[kind]; used += 1) {
        const reply = await limited.call('POST', path, token, { prompt: '猫' })
        assert.equal(reply.status, 200, `${kind} ${used}: ${reply.text}`)
      }
      const over = await limited.call('POST', path, token, { prompt: '猫' })
      assert.deepEqual([over.status, over.body.code], [429, 429], over.text)
      const wait = Number(over.headers['retry-after'])
      assert.ok(wait >= 1 && wait <= 86_400, `Retry-After ${wait}`)
    }
  } finally {
    await limited.close()
  }
})

test('lists are pages of 20, at most 100, and say how many there are', async () => {
  const user = await stage.user(1_000)
  for (let n = 0; n < 3; n += 1) await stage.picture(user)
  const all = await stage.call('GET', '/works', user.token)
  assert.deepEqual([all.data.total, all.data.page, all.data.pageSize], [3, 1, common.pageSize])
  const two = await stage.call('GET', '/works?pageSize=2', user.token)
  const rest = await stage.call('GET', '/works?pageSize=2&page=2', user.token)
  const ids = [...(two.data.list as { id: string }[]), ...(rest.data.list as { id: string }[])].map(
    ({ id }) => id,
  )
  assert.deepEqual(
    ids,
    (all.data.list as { id: string }[]).map(({ id }) => id),
  )
  const many = await stage.call('GET', '/works?pageSize=100000', user.token)
  assert.equal(many.data.pageSize, common.mostPageSize)
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
