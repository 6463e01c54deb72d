import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cameo } from '../../src/dialects/cameo/dialect.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import type { Operation, Reply, Stage, User } from './cameo-stage.ts'
import { openStage, wire } from './cameo-stage.ts'
import type { Json } from './contract.ts'
import { createContract, openedLike, readContract } from './contract.ts'
import type { Form } from './plaza-stage.ts'
import { nextNumber } from './plaza-stage.ts'
import { holdNextJob, until, VENDOR_WORDS, withPart } from './stage.ts'

// The document against the site: every operation, example, error code and number, and the calls of its front-end. See
// contracts/README.md.

const operations = readContract<Operation[]>('cameo', 'operations')
const { golden, assertSameShape } = createContract('cameo', wire)
const common = readContract<{
  base: string
  port: number
  tokenDays: number
  pageSize: number
  mostPageSize: number
  initialPower: number
  costs: Record<'text2img' | 'img2img' | 'text2video' | 'img2video', number>
  userFields: string[]
}>('cameo', 'common')
const codes = readContract<{ code: number; meaning: string }[]>('cameo', 'error-codes')

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

// ---- The document's operations ------------------------------------------------------------------------------

/** What of an example has to be ours: who asks, ids, and what only this run knows. */
type Adapted = { token?: string; params?: Record<string, number>; query?: string; body?: object; form?: Form }

const rich = async (): Promise<Adapted> => ({ token: (await stage.user(1_000)).token })

async function withPicture(): Promise<{ user: User; id: number }> {
  const user = await stage.user(200)
  return { user, id: await stage.picture(user) }
}
const ofPicture = async (): Promise<Adapted> => {
  const { user, id } = await withPicture()
  return { token: user.token, params: { id } }
}
const ofCharacter = async (): Promise<Adapted> => {
  const user = await stage.user()
  return { token: user.token, params: { id: await stage.character(user) } }
}

const ofSession = async (): Promise<Adapted> => {
  const user = await stage.user()
  return { token: user.token, params: { id: Number(await stage.say(user, '你好')) } }
}

const nextPhone = (): string => String(13_800_000_000 + nextNumber())

/** How each operation's example becomes a request that succeeds. */
const ADAPT: Readonly<Record<string, () => Promise<Adapted>>> = {
  register: async () => {
    const n = nextNumber()
    return { body: { username: `testuser${n}`, email: `test${n}@example.com`, phone: nextPhone() } }
  },
  login: async () => {
    const { username, password } = await stage.user()
    return { body: { username, password } }
  },
  me: rich,
  logout: rich,
  profile: rich,
  'profile-update': async () => ({
    token: (await stage.user()).token,
    body: { email: `new${nextNumber()}@example.com`, phone: nextPhone() },
  }),
  'change-password': async () => {
    const { token, password } = await stage.user()
    return { token, body: { oldPassword: password } }
  },
  'upload-avatar': rich,
  works: async () => ({ token: (await withPicture()).user.token }),
  work: ofPicture,
  'work-delete': ofPicture,
  'work-update': ofPicture,
  characters: async () => ({ token: (await stage.user()).token, query: 'includeSystem=true' }),
  character: ofCharacter,
  'character-create': rich,
  'character-update': ofCharacter,
  'character-delete': ofCharacter,
  'text-to-image': rich,
  'image-to-image': rich,
  'text-to-video': rich,
  'image-to-video': rich,
  task: ofPicture,
  'task-cancel': async () => {
    const user = await stage.user()
    const begun = holdNextJob(stage.provider)
    const { data } = await stage.call('POST', '/generate/text-to-image', user.token, { prompt: '很慢的猫' })
    await begun
    return { token: user.token, params: { id: Number(data.id) } }
  },
  'image-models': async () => ({}),
  'upload-image': rich,
  'upload-video': rich,
  'upload-avatar-file': rich,
  'upload-delete': async () => {
    const { token } = await stage.user()
    const { data, text } = await stage.form('POST', '/upload/image', token, {
      fields: {},
      files: { image: 'picture' },
    })
    assert.ok(data.filename, text)
    return { token, body: { filename: data.filename } }
  },
  'work-download': ofPicture,
  'work-share': ofPicture,
  'works-batch-delete': async () => {
    const { user, id } = await withPicture()
    return { token: user.token, body: { ids: [id] } }
  },
  'works-batch-download': async () => {
    const { user, id } = await withPicture()
    return { token: user.token, body: { ids: [id] } }
  },
  'square-works': async () => {
    await stage.published()
    return {}
  },
  'square-like': async () => ({
    token: (await stage.user()).token,
    params: { id: (await stage.published()).id },
  }),
  'square-view': async () => ({ params: { id: (await stage.published()).id } }),
  'assistant-send': rich,
  'assistant-conversations': async () => {
    const user = await stage.user()
    await stage.say(user, '你好')
    return { token: user.token }
  },
  'assistant-messages': async () => {
    const user = await stage.user()
    return { token: user.token, query: `sessionId=${await stage.say(user, '你好')}` }
  },
  'assistant-stop': ofSession,
  'assistant-delete': ofSession,
  'work-share-get': ofPicture,
  team: rich,
  'power-logs': async () => ({ token: (await withPicture()).user.token }),
  'purchase-membership': rich,
  'referral-code': rich,
}

async function callWith(
  operation: Operation,
  { token, params = {}, query, body, form }: Adapted,
): Promise<Reply> {
  const { method, name, request } = operation
  const path = operation.path.slice(common.base.length).replace(/:(\w+)/g, (_, parameter: string) => {
    assert.ok(parameter in params, `${name} needs ${parameter}`)
    return String(params[parameter])
  })
  const examples = operation.parameters
    .flatMap(({ in: place, name: key, example }) =>
      place === 'query' && example ? [`${key}=${example}`] : [],
    )
    .join('&')
  const asked = query ?? examples
  const sent = form ?? operation.form
  if (sent) return stage.form(method, path, token, sent)
  return stage.call(
    method,
    asked ? `${path}?${asked}` : path,
    token,
    request ? { ...request, ...body } : undefined,
  )
}

async function adapted(operation: Operation): Promise<Adapted> {
  const adapt = ADAPT[operation.name]
  assert.ok(adapt, `${operation.name} has no adapted example`)
  return adapt()
}

test('every operation of the document is here, and every route is one of the contract', () => {
  const mounted = cameo.routes.map(({ method, path }) => `${method} ${cameo.base}${path}`)
  assert.deepEqual(mounted.sort(), operations.map(({ method, path }) => `${method} ${path}`).sort())
  assert.equal(operations.filter(({ source }) => source === 'document').length, 22)
  assert.deepEqual([cameo.base, cameo.defaultPort], [common.base, common.port])
})

for (const operation of operations) {
  const { name, method, path, success, extra, nullable } = operation
  // Codes are made by an operator, in redeem.test.ts.
  if (name === 'redeem') continue
  test(`${method} ${path}: its example is answered as the document shows`, async () => {
    const reply = await callWith(operation, await adapted(operation))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(reply.body.message, success.message, reply.text)
    assertSameShape(reply.body as Json, success, name, extra, nullable)
    golden.check(name, 'success', reply)
  })
}

test('the document’s curl opens an account without an address, and logs it in', async () => {
  const body = { username: `test${nextNumber()}`, password: '123456' }
  const registered = await stage.call('POST', '/auth/register', undefined, body)
  assert.equal(registered.body.code, 0, registered.text)
  const { data } = await stage.call('POST', '/auth/login', undefined, body)
  const me = await stage.call('GET', '/auth/me', String(data.token))
  assert.deepEqual([me.data.username, me.data.computing_power], [body.username, common.initialPower])
})

test('who needs a token is as the document and its front-end say', async () => {
  for (const { method, path, auth } of operations) {
    const route = cameo.routes.find((one) => `${cameo.base}${one.path}` === path && one.method === method)
    const allowed = auth ? ['user'] : ['public', 'guest']
    assert.ok(route && allowed.includes(route.allow), `${method} ${path}: ${route?.allow}`)
    if (!auth) continue
    const url = path.slice(common.base.length).replace(/:\w+/g, '1')
    for (const token of [undefined, 'not.a.token']) {
      const { status, body } = await stage.call(method, url, token)
      const message = token ? '无效的认证令牌' : '未提供认证令牌'
      assert.deepEqual([status, body.code, body.message], [401, 401, message], `${method} ${path}`)
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
    form,
    source,
    extra,
    nullable,
  } of operations) {
    const shown = cameo.reference.routes[`${method} ${path.slice(common.base.length)}`]
    assert.ok(shown, `${method} ${path}`)
    assert.equal(shown.section, section, path)
    if (source === 'document') assert.equal(shown.title, title, path)
    if (request || form) assert.ok(shown.request ?? shown.fields, `${path} shows its body`)
    if (source === 'document')
      assertSameShape(openedLike(shown.success.body as Json, success), success, path, extra, nullable)
  }
})

// ---- 错误码 ----------------------------------------------------------------------------------------------------

/** A request that is answered with the code, for every code in the table. */
const PRODUCE: Readonly<Record<number, () => Promise<Reply>>> = {
  0: async () => stage.call('GET', '/auth/me', (await stage.user()).token),
  400: () => stage.call('POST', '/auth/login', undefined, { username: 'testuser' }),
  401: () => stage.call('GET', '/auth/me', 'not.a.token'),
  403: async () => {
    const { token, id } = await stage.user()
    await stage.context.db.pool.query(`update account set state = 'disabled' where id = $1`, [id])
    return stage.call('GET', '/auth/me', token)
  },
  404: async () => stage.call('GET', '/works/999999999', (await stage.user()).token),
  500: async () => {
    const { token } = await stage.user()
    const gone = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const broken = () => Promise.reject(gone)
    const db = { ...stage.context.db, rows: broken, transaction: broken }
    return withPart(stage.context, 'db', db, () => stage.call('GET', '/auth/me', token))
  },
}

for (const { code, meaning } of codes) {
  test(`code ${code} ${meaning}: a request is answered with it`, async () => {
    const reply = await PRODUCE[code]?.()
    assert.deepEqual([reply?.status, reply?.body.code], [code || 200, code], reply?.text)
    golden.check('error-codes', String(code), reply as Reply)
  })
}

test('unknown paths, bad JSON, other bodies and too large ones are in the envelope', async () => {
  const { token } = await stage.user()
  assert.match((await stage.call('GET', '/no/such/path')).body.message, /^接口不存在/)
  const url = `${common.base}/generate/text-to-image`
  const json = { 'content-type': 'application/json' }
  for (const sent of [
    { headers: json, body: Buffer.from('{"prompt":') },
    { headers: json, body: Buffer.from('[]') },
    { headers: { 'content-type': 'text/plain' }, body: Buffer.from('body') },
    { body: { prompt: 'x'.repeat(11_000_000) } },
  ]) {
    const { status, body, text } = await stage.send({ method: 'POST', url, token, ...sent })
    assert.deepEqual([status, body.code], [400, 400], text)
  }
})

// ---- Bad input ------------------------------------------------------------------------------------------------

for (const operation of operations.filter(({ required }) => required)) {
  const { name, method, path, required = [], request } = operation
  if (name === 'redeem') continue
  test(`${method} ${path}: what is missing or of another type is 400`, async () => {
    for (const field of required) {
      const { token, params = {}, body = {} } = await adapted(operation)
      const at = path.slice(common.base.length).replace(/:(\w+)/g, (_, key: string) => String(params[key]))
      const whole: Record<string, unknown> = { ...request, ...body }
      const without = Object.fromEntries(Object.entries(whole).filter(([key]) => key !== field))
      for (const wrong of [
        without,
        { ...whole, [field]: 12_345 },
        { ...whole, [field]: {} },
        { ...whole, [field]: '' },
      ]) {
        const { status, text } = await stage.call(method, at, token, wrong)
        assert.equal(status, 400, `${field} ${JSON.stringify(wrong[field])}: ${text}`)
      }
    }
  })
}

test('an id that is nobody’s, somebody else’s or no id at all is the same 404', async () => {
  const [owner, other] = [await stage.user(200), await stage.user(200)]
  const id = await stage.picture(owner)
  const character = await stage.character(owner)
  const session = await stage.say(owner, '你好')
  const paths = [
    ['GET', `/works/${id}`],
    ['PUT', `/works/${id}`],
    ['DELETE', `/works/${id}`],
    ['GET', `/works/${id}/download`],
    ['POST', `/works/${id}/share`],
    ['GET', `/generate/tasks/${id}`],
    ['POST', `/generate/tasks/${id}/cancel`],
    ['POST', `/square/works/${id}/like`],
    ['POST', `/square/works/${id}/view`],
    ['GET', `/characters/${character}`],
    ['PUT', `/characters/${character}`],
    ['DELETE', `/characters/${character}`],
  ] as const
  for (const [method, path] of paths) {
    const body = method === 'PUT' ? (path.startsWith('/works') ? { title: '新' } : { name: '新' }) : undefined
    const told = []
    const own = /\d+/.exec(path)?.[0] ?? ''
    for (const one of [own, '999999999', 'no-such-id', '1e3', '0', '-1', '99999999999999999999999']) {
      const reply = await stage.call(method, path.replace(own, one), other.token, body)
      told.push([reply.status, reply.body.message])
    }
    for (const one of told) assert.deepEqual(one, told[0], `${method} ${path}`)
    assert.equal(told[0]?.[0], 404, `${method} ${path}`)
  }
  assert.equal((await stage.call('GET', `/assistant/messages?sessionId=${session}`, other.token)).status, 404)
  assert.equal((await stage.call('GET', `/works/${id}`, owner.token)).data.title, '一只猫')
})

// ---- Numbers --------------------------------------------------------------------------------------------------

test('each generation costs what the front-end shows, and all of it comes back when it fails', async () => {
  for (const name of ['text-to-image', 'image-to-image', 'text-to-video', 'image-to-video']) {
    const operation = operationOf(name)
    const cost = common.costs[operation.request?.task_type as keyof typeof common.costs]
    const user = await stage.user(1_000)
    const reply = await callWith(operation, { token: user.token })
    assert.equal(reply.body.code, 0, reply.text)
    assert.equal(await stage.powerOf(user), 1_000 - cost, name)
    const task = await stage.ended(reply.data.id, user)
    assert.equal(task.data.status, 'completed', task.text)
  }
  const user = await stage.user(10)
  stage.provider.next.push(...Array.from({ length: 9 }, () => () => Promise.reject(new Error(VENDOR_WORDS))))
  const { data } = await stage.call('POST', '/generate/text-to-image', user.token, { prompt: '猫' })
  assert.equal(await stage.powerOf(user), 0)
  const failed = await stage.ended(data.id, user)
  stage.provider.next.length = 0
  assert.equal(failed.data.status, 'failed')
  assert.match(String(failed.data.error_message), /\p{Script=Han}/u)
  assert.doesNotMatch(failed.text, new RegExp(VENDOR_WORDS))
  assert.equal(await stage.powerOf(user), 10)
  const poor = await stage.call('POST', '/generate/text-to-video', user.token, { prompt: '猫' })
  assert.deepEqual([poor.status, poor.body.code], [400, 400])
  assert.match(poor.body.message, /^算力不足/)
})

test('a work and its task are one number, and a canceled one is failed and says so', async () => {
  const user = await stage.user()
  const begun = holdNextJob(stage.provider)
  const { data } = await stage.call('POST', '/generate/text-to-image', user.token, { prompt: '很慢的猫' })
  await begun
  const row = async () => (await stage.call('GET', `/works/${data.id}`, user.token)).data
  assert.equal((await row()).status, 'processing')
  const { body } = await stage.call('POST', `/generate/tasks/${data.id}/cancel`, user.token)
  assert.deepEqual([body.code, body.data, body.message], [0, null, '任务已取消'])
  const task = await stage.call('GET', `/generate/tasks/${data.id}`, user.token)
  assert.deepEqual([task.data.status, task.data.error_message], ['failed', '用户取消'])
  const again = await stage.call('POST', `/generate/tasks/${data.id}/cancel`, user.token)
  assert.deepEqual([again.status, again.body.message], [404, '任务不存在或无法取消'])
  assert.equal(await stage.powerOf(user), common.initialPower)
})

test('a character that a prompt mentions is told to the model; its user sees his own words', async () => {
  const user = await stage.user()
  const { data } = await stage.call('GET', '/characters?includeSystem=true', user.token)
  const house = (data.list as { is_system: boolean; sora_id: string; name: string }[]).find(
    (one) => one.is_system,
  )
  assert.ok(house)
  const prompt = `@${house.sora_id} 在海边散步`
  const id = await stage.picture(user, { prompt })
  const job = stage.provider.started.at(-1) as { prompt: string }
  assert.ok(job.prompt.includes(house.name) && !job.prompt.includes('@'), job.prompt)
  assert.equal((await stage.call('GET', `/works/${id}`, user.token)).data.prompt, prompt)
})

test('lists are pages of 20, at most 100, and say how many there are', async () => {
  const user = await stage.user(1_000)
  const ids: number[] = []
  for (let n = 0; n < 3; n += 1) ids.unshift(await stage.picture(user))
  const rows = ({ data }: Reply) => (data.list as { id: number }[]).map(({ id }) => id)
  const all = await stage.call('GET', '/works', user.token)
  assert.deepEqual([all.data.total, all.data.page, all.data.pageSize], [3, 1, common.pageSize])
  assert.deepEqual(rows(all), ids)
  const pages = [
    await stage.call('GET', '/works?pageSize=2', user.token),
    await stage.call('GET', '/works?pageSize=2&page=2', user.token),
  ]
  assert.deepEqual(pages.flatMap(rows), ids)
  const many = await stage.call('GET', '/works?pageSize=100000', user.token)
  assert.equal(many.data.pageSize, common.mostPageSize)
  for (const query of ['page=0', 'page=-1', 'pageSize=0', 'page=x'])
    assert.equal((await stage.call('GET', `/works?${query}`, user.token)).status, 400, query)
})

// ---- The front-end (facts/cameo.md, 2) ----------------------------------------------------------------------------

test('the front-end’s first hour: register, a model, a picture by way of the list, share, square, assistant', async () => {
  const n = nextNumber()
  const body = {
    username: `fe${n}`,
    email: `fe${n}@example.com`,
    password: 'password',
    referral_code: 'ABC12345',
  }
  const registered = await stage.call('POST', '/auth/register', undefined, body)
  assert.equal(registered.headers['content-type'], 'application/json; charset=utf-8')
  const { token, user } = registered.data as { token: string; user: Record<string, unknown> }
  for (const field of common.userFields) assert.ok(field in user, `user.${field}`)
  const who = { token } as User

  const models = await stage.call('GET', '/generate/image-models')
  const [model] = models.data.models as string[]
  assert.ok(model, models.text)
  const made = await stage.call('POST', '/generate/text-to-image', token, {
    ...{
      task_type: 'text2img',
      model_name: model,
      prompt: '一只猫',
      parameters: { width: 1366, height: 1024 },
    },
  })
  assert.deepEqual([made.body.code, made.data.status], [0, 'pending'], made.text)
  // It ignores the id and looks at the list while any row is processing.
  const list = await until(
    () => stage.call('GET', '/works?page=1&pageSize=100', token),
    ({ data }) => !(data.list as { status: string }[]).some(({ status }) => status === 'processing'),
  )
  const [work] = list.data.list as Record<string, unknown>[]
  const needed = [
    ...['id', 'title', 'prompt', 'work_type', 'content_type', 'model_name', 'result_url', 'thumbnail_url'],
    ...['status', 'progress', 'error_message', 'created_at'],
  ]
  for (const field of needed) assert.ok(work && field in work, `list[].${field}`)
  assert.deepEqual([work?.status, work?.content_type], ['completed', 'text2img'])
  assert.ok(!Number.isNaN(new Date(String(work?.created_at)).getTime()))
  const file = await stage.send({ method: 'GET', url: new URL(String(work?.result_url)).pathname })
  assert.equal(file.status, 200)

  const shared = await stage.call('POST', `/works/${work?.id}/share`, token)
  assert.ok(URL.canParse(String(shared.data.share_url)), shared.text)
  await stage.call('PUT', `/works/${work?.id}`, token, { is_public: true })
  const square = await stage.call('GET', '/square/works?page=1&pageSize=50&sort=latest')
  const [first] = square.data.list as Record<string, unknown>[]
  assert.deepEqual([first?.id, first?.username, first?.like_count], [work?.id, body.username, 0], square.text)
  const liked = await stage.call('POST', `/square/works/${work?.id}/like`, token)
  assert.equal(liked.data.like_count, 1)

  const sessionId = await stage.say(who, '你好')
  const messages = await stage.call('GET', `/assistant/messages?sessionId=${sessionId}`, token)
  const roles = (messages.data.list as { role: string; content: string }[]).map(({ role, content }) => [
    role,
    content,
  ])
  assert.deepEqual(roles, [
    ['user', '你好'],
    ['assistant', '你好'],
  ])
  const updated = await stage.call('PUT', '/users/profile', token, { nickname: '新昵称', avatar: 'ignored' })
  assert.deepEqual([updated.data.username, updated.data.nickname], [body.username, '新昵称'], updated.text)
  const logs = await stage.call('GET', '/users/computing-power-logs', token)
  assert.ok((logs.data.list as unknown[]).length >= 2, logs.text)
  await stage.call('POST', '/auth/logout', token)
  assert.equal((await stage.call('GET', '/auth/me', token)).status, 401)
})

test('a front-end on another origin may read every answer', async () => {
  const origin = 'http://localhost:3000'
  for (const url of ['/auth/me', '/generate/image-models', '/no/such/path']) {
    const { headers } = await stage.send({ method: 'GET', url: `${common.base}${url}`, headers: { origin } })
    assert.equal(headers['access-control-allow-origin'], '*', url)
  }
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
