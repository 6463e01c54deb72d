import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { GatewayError } from '../../src/kernel/ports/gateway.ts'
import { PlatformError } from '../../src/kernel/ports/platform.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { breaksWith } from '../fakes/writing.ts'
import type { Operation, Reply, Row, Stage, User } from './ai-creator-stage.ts'
import { inDays, nextNumber, openStage, SECRET, wire, writerOf } from './ai-creator-stage.ts'
import type { Json } from './contract.ts'
import { createContract, openedLike, readContract } from './contract.ts'
import type { Sent } from './stage.ts'
import { providerFailure, until, VENDOR_WORDS, withPart } from './stage.ts'

// The document against the site: every operation, example, parameter, code, type and limit. See
// contracts/README.md.

type Names = Record<string, string>
const operations = readContract<Operation[]>('ai-creator', 'operations')
const { golden, assertSameShape } = createContract('ai-creator', wire)
const common = readContract<{
  base: string
  port: number
  tokenHours: number
  refreshDays: number
  pageSize: number
  mostPageSize: number
  creditsPerYuan: number
  costs: Record<'writing' | 'image' | 'video' | 'ppt', number>
  referralReward: number
  families: string[]
  transactionTypes: string[]
}>('ai-creator', 'common')
const tools = readContract<Names>('ai-creator', 'writing-tools')
const activityTypes = readContract<Names>('ai-creator', 'activity-types')
const couponTypes = readContract<Names>('ai-creator', 'coupon-types')
const memberships = readContract<Record<string, { title: string; yuan: number; days: number }>>(
  'ai-creator',
  'membership-types',
)
const methods = readContract<Names>('ai-creator', 'payment-methods')
const platforms = readContract<Names>('ai-creator', 'platforms')
const detailCodes = readContract<{ code: number; meaning: string; solution: string }[]>(
  'ai-creator',
  'detail-codes',
)
const statuses = readContract<{ status: number; meaning: string }[]>('ai-creator', 'status-codes')
const limits = readContract<
  {
    title: string
    limit: string
    rate: 'auth' | 'generate' | 'read' | 'write'
    points: number
    perSeconds: number
    membersUnlimited?: boolean
    operations: string[]
  }[]
>('ai-creator', 'limits')

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

const newName = (word: string): string => `${word}${nextNumber()}`

/** A body for a user nobody has. */
function newPerson(): { username: string; email: string; password: string } {
  const username = newName('registered')
  return { username, email: `${username}@example.com`, password: 'password123' }
}

async function withArticle(): Promise<{ user: User; id: number }> {
  const user = await stage.user(100)
  return { user, id: await stage.article(user) }
}

async function withEdits(): Promise<{ user: User; id: number }> {
  const made = await withArticle()
  await stage.call('PUT', `/creations/${made.id}`, made.user.token, exampleOf('creation-update'))
  return made
}

async function withOrder(): Promise<{ user: User; orderId: string }> {
  const user = await stage.user()
  const { order_id: orderId } = await stage.order(user)
  return { user, orderId }
}

async function publisher(): Promise<{ user: User; id: number }> {
  const made = await withArticle()
  await stage.bind(made.user)
  return made
}

async function withClip(): Promise<{ user: User; id: string }> {
  const user = await stage.user(100)
  const { data } = await stage.post('/video/generate', exampleOf('video'), user.token)
  const id = String(data.task_id)
  await until(
    () => stage.get(`/video/${id}/status`, user.token),
    (reply) => reply.data.status === 'completed',
  )
  return { user, id }
}

async function referrer(): Promise<User> {
  const user = await stage.user()
  const { data } = await stage.post('/operation/referral/generate', {}, user.token)
  const friend = await stage.invited(String(data.referral_code))
  await stage.pay((await stage.order(friend)).order_id)
  return user
}

async function newModel(changes: object = {}): Promise<Row> {
  const body = { ...exampleOf('model-create'), name: newName('Model '), ...changes }
  const { data, text } = await stage.post('/models', body, stage.admin.token)
  assert.ok(data.id, text)
  return data as Row
}

/** What of an example has to be ours: who asks, ids, and what only this run knows. */
type Adapted = { token?: string; path?: Record<string, number | string>; query?: string; body?: object }

const asUser = async (): Promise<Adapted> => ({ token: (await stage.user(100)).token })
const asAdmin = async (): Promise<Adapted> => ({ token: stage.admin.token })

/** How each operation's example becomes a request that succeeds. */
const ADAPT: Readonly<Record<string, () => Promise<Adapted>>> = {
  register: async () => ({ body: newPerson() }),
  login: async () => {
    const { username, password } = await stage.member(100)
    return { body: { username, password } }
  },
  refresh: async () => {
    const { username, password } = await stage.user()
    const { data } = await stage.post('/auth/login', { username, password })
    return { token: String(data.refresh_token) }
  },
  me: async () => ({ token: (await stage.member(100)).token }),
  recharge: async () => ({
    token: (await stage.user()).token,
    body: { coupon_code: (await stage.coupon()).code },
  }),
  membership: asUser,
  'payment-callback': async () => {
    const { orderId } = await withOrder()
    stage.gateway.pay(await stage.tradeOf(orderId))
    return { body: { order_id: orderId } }
  },
  balance: async () => ({ token: (await stage.member(100)).token }),
  transactions: async () => {
    const { user, orderId } = await withOrder()
    await stage.pay(orderId)
    return { token: user.token }
  },
  'recharge-orders': async () => {
    const { user, orderId } = await withOrder()
    await stage.pay(orderId)
    return { token: user.token }
  },
  'membership-orders': async () => {
    const user = await stage.user()
    await stage.pay((await stage.membershipOrder(user)).order_id)
    return { token: user.token }
  },
  writing: async () => ({ ...(await asUser()), path: { tool_type: 'wechat_article' } }),
  'writing-tools': async () => ({}),
  image: asUser,
  video: asUser,
  'video-status': async () => {
    const { user, id } = await withClip()
    return { token: user.token, path: { task_id: id } }
  },
  ppt: asUser,
  creations: async () => ({ token: (await withArticle()).user.token }),
  creation: async () => {
    const { user, id } = await withArticle()
    return { token: user.token, path: { id } }
  },
  'creation-update': async () => {
    const { user, id } = await withArticle()
    return { token: user.token, path: { id } }
  },
  'creation-delete': async () => {
    const { user, id } = await withArticle()
    return { token: user.token, path: { id } }
  },
  'creation-versions': async () => {
    const { user, id } = await withArticle()
    return { token: user.token, path: { id } }
  },
  'creation-restore': async () => {
    const { user, id } = await withEdits()
    return { token: user.token, path: { id, version: 1 } }
  },
  publish: async () => {
    const { user, id } = await publisher()
    return { token: user.token, body: { creation_id: id, schedule_time: inDays(1) } }
  },
  platforms: async () => ({ token: (await publisher()).user.token }),
  'platform-bind': asUser,
  'publish-history': async () => {
    const { user, id } = await publisher()
    await stage.post('/publish', { creation_id: id, platforms: ['wechat'] }, user.token)
    await until(
      () => stage.rows('/publish/history', user.token),
      ([row]) => row?.status === 'success',
    )
    return { token: user.token }
  },
  'activity-create': async () => ({
    ...(await asAdmin()),
    body: { start_time: inDays(-1), end_time: inDays(30) },
  }),
  activities: async () => {
    await stage.activity()
    return asUser()
  },
  'activity-participate': async () => ({
    ...(await asUser()),
    path: { activity_id: (await stage.activity()).id },
  }),
  'coupon-create': async () => ({
    ...(await asAdmin()),
    body: { code: newName('GOLDEN'), valid_from: inDays(-1), valid_until: inDays(30) },
  }),
  coupons: async () => {
    await stage.coupon()
    return asUser()
  },
  'coupon-claim': async () => ({ ...(await asUser()), path: { coupon_id: (await stage.coupon()).id } }),
  'my-coupons': async () => {
    const { token } = await stage.user()
    await stage.post(`/operation/coupons/${(await stage.coupon()).id}/claim`, {}, token)
    return { token }
  },
  'referral-generate': asUser,
  'referral-records': async () => ({ token: (await referrer()).token }),
  statistics: async () => {
    await referrer()
    return asAdmin()
  },
  models: async () => {
    await newModel()
    return asUser()
  },
  'model-create': async () => ({ ...(await asAdmin()), body: { name: newName('Model ') } }),
  'model-update': async () => ({ ...(await asAdmin()), path: { id: (await newModel()).id } }),
  'model-delete': async () => ({ ...(await asAdmin()), path: { id: (await newModel()).id } }),
}

/** A path with its parameters filled in, `1` where a test does not say. */
function fill(path: string, given: Record<string, number | string> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(given[name] ?? 1)))
}

/** The document's own query, as it stands in its address. */
function queryOf({ parameters }: Operation): string {
  const parts = parameters.filter((one) => one.in === 'query' && one.example !== undefined)
  return parts.map(({ name, example }) => `${name}=${example}`).join('&')
}

function toRequest(
  operation: Operation,
  adapted: Adapted,
): Omit<Sent, 'body'> & { body?: Record<string, unknown> } {
  const { name, method, path, request } = operation
  const query = adapted.query ?? queryOf(operation)
  return {
    method,
    url: `${fill(path, adapted.path)}${query && `?${query}`}`,
    token: adapted.token,
    ...(request && { body: { ...exampleOf(name), ...adapted.body } }),
  }
}

const adapt = async (name: string): Promise<Adapted> => {
  const how = ADAPT[name]
  assert.ok(how, `${name} has no adapted example`)
  return how()
}

// ---- The document's operations ------------------------------------------------------------------------------

test('all 39 operations of the document are here, and every route is one of the contract', () => {
  const own = operations.filter(({ source }) => source === 'document')
  assert.equal(own.length, 39)
  assert.equal(new Set(own.map(({ method, path }) => `${method} ${path}`)).size, 39)
  const mounted = aiCreator.routes.map(
    ({ method, path }) => `${method} ${common.base}${path.replace(/:(\w+)/g, '{$1}')}`,
  )
  assert.deepEqual(mounted.sort(), operations.map(({ method, path }) => `${method} ${path}`).sort())
  assert.deepEqual([aiCreator.base, aiCreator.defaultPort], [common.base, common.port])
})

for (const operation of operations) {
  const { name, method, path, success, extra } = operation
  test(`${method} ${path}: its example is answered as the document shows`, async () => {
    const reply = await stage.send(toRequest(operation, await adapt(name)))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    assert.deepEqual([reply.body.code, reply.body.message], [success.code, success.message])
    assertSameShape(reply.body as Json, success, name, extra)
    golden.check(name, 'success', reply)
  })
}

test('who needs a token, and whose, is as the document says', async () => {
  const user = await stage.user()
  for (const { name, method, path, auth, request } of operations) {
    if (auth === false) continue
    const sent = { method, url: fill(path), body: request ? exampleOf(name) : undefined }
    for (const token of [undefined, 'not.a.token']) {
      const reply = await stage.send({ ...sent, token })
      assert.deepEqual([reply.status, reply.body.code], [401, 401], `${name}: ${reply.text}`)
    }
    if (auth !== 'admin') continue
    // Whatever else is wrong with it: a role is looked at before a body.
    for (const body of [sent.body, request ? {} : undefined]) {
      const refused = await stage.send({ ...sent, body, token: user.token })
      assert.deepEqual([refused.status, refused.body.message], [403, '需要管理员权限'], name)
    }
  }
})

test('the page at /docs has the words and examples of the document', () => {
  const { routes, tables } = aiCreator.reference
  for (const operation of operations) {
    const { name, method, path, section, title, parameters, success, request } = operation
    const key = `${method} ${path.slice(common.base.length).replace(/\{(\w+)\}/g, ':$1')}`
    const about = routes[key]
    assert.ok(about, key)
    assert.deepEqual([about.section, about.title, about.success.status], [section, title, 200])
    assert.deepEqual(openedLike(about.success.body as Json, success), success, key)
    if (request) assert.deepEqual(about.request, exampleOf(name), key)
    const described = Object.keys(about.parameters ?? {})
    for (const one of parameters) assert.ok(described.includes(one.name), `${key} ${one.name}`)
  }
  const firstTwo = (title: string) =>
    (tables.find((table) => table.title === title)?.rows ?? []).map((row) => row.slice(0, 2))
  assert.deepEqual(
    firstTwo('错误码说明'),
    statuses.map(({ status, meaning }) => [String(status), meaning]).sort(),
  )
  for (const [title, names] of [
    ['A. 写作工具类型', tools],
    ['B. 活动类型', activityTypes],
    ['C. 优惠券类型', couponTypes],
    ['D. 会员类型', Object.fromEntries(Object.entries(memberships).map(([id, one]) => [id, one.title]))],
    ['E. 支付方式', methods],
    ['F. 发布平台', platforms],
  ] as const)
    assert.deepEqual(firstTwo(title), Object.entries(names), title)
  assert.deepEqual(
    tables.find(({ title }) => title === 'G. 错误码详细说明')?.rows,
    detailCodes.map(({ code, meaning, solution }) => [String(code), meaning, solution]),
  )
  assert.deepEqual(
    firstTwo('H. 请求频率限制'),
    limits.map(({ title, limit }) => [title, limit.replace('<br>', '；')]),
  )
})

// ---- 错误码说明 and appendix G --------------------------------------------------------------------------------

const generate = (user: User, body: object = {}): Promise<Reply> =>
  stage.post('/writing/wechat_article/generate', { title: '如何提高工作效率', ...body }, user.token)

/** A request that is answered with the code, for every code of appendix G, as `raised` says. */
const PRODUCE_DETAIL: Readonly<Record<number, () => Promise<Reply>>> = {
  40001: async () => generate(await stage.user(9)),
  40002: async () => generate(await stage.lapsed(9)),
  40003: async () => {
    const { code } = await stage.coupon({ min_amount: 100 })
    const body = { ...exampleOf('recharge'), coupon_code: code }
    return stage.post('/credit/recharge', body, (await stage.user()).token)
  },
  40004: () => stage.post('/credit/payment/callback', exampleOf('payment-callback')),
  40005: async () => {
    const { orderId } = await withOrder()
    return stage.post('/credit/payment/callback', { ...exampleOf('payment-callback'), order_id: orderId })
  },
  40006: async () => {
    const failing = breaksWith(providerFailure('unavailable'))
    writerOf(stage).nextText.push(...Array.from({ length: 10 }, () => failing))
    const reply = await generate(await stage.user(100))
    writerOf(stage).nextText.length = 0
    return reply
  },
  40007: async () => {
    writerOf(stage).nextText.push(breaksWith(providerFailure('content')))
    return generate(await stage.user(100))
  },
  40008: async () => {
    const { user, id } = await withArticle()
    return stage.post('/publish', { creation_id: id, platforms: ['xiaohongshu', 'wechat'] }, user.token)
  },
  40009: async () => {
    const credentials = { app_id: 'xxx', app_secret: 'wrong' }
    const body = { platform: 'wechat', credentials }
    return stage.post('/publish/platforms/bind', body, (await stage.user()).token)
  },
  40010: async () => {
    const { id } = await stage.activity({ start_time: inDays(-3), end_time: inDays(-2) })
    return stage.post(`/operation/activities/${id}/participate`, {}, (await stage.user()).token)
  },
}

for (const { code, meaning } of detailCodes) {
  test(`code ${code} ${meaning}: a request is answered with it, and HTTP 400`, async () => {
    const reply = await PRODUCE_DETAIL[code]?.()
    assert.deepEqual([reply?.status, reply?.body.code], [400, code], reply?.text)
    assert.doesNotMatch(String(reply?.text), new RegExp(VENDOR_WORDS))
    golden.check('detail-codes', String(code), reply as Reply)
  })
}

test('40003: a coupon that is unknown, over, not begun, used up, claimed before or used', async () => {
  const user = await stage.user()
  const order = (coupon_code: string) =>
    stage.post('/credit/recharge', { amount: 10, payment_method: 'alipay', coupon_code }, user.token)
  const once = await stage.coupon({ max_usage: 1 })
  const claim = (id: number, token: string) => stage.post(`/operation/coupons/${id}/claim`, {}, token)
  assert.equal((await claim(once.id, (await stage.user()).token)).body.code, 200)
  const own = await stage.coupon()
  assert.equal((await claim(own.id, user.token)).body.code, 200)
  const over = await stage.coupon({ valid_from: inDays(-3), valid_until: inDays(-2) })
  const early = await stage.coupon({ valid_from: inDays(2), valid_until: inDays(3) })
  const told = [
    await order('NOSUCHCOUPON'),
    await order(over.code),
    await order(early.code),
    await order(once.code),
    await claim(once.id, user.token),
    await claim(own.id, user.token),
    await claim(over.id, user.token),
    await claim(999_999_999, user.token),
  ]
  const paid = await order(own.code)
  assert.equal(paid.body.code, 200, paid.text)
  // Reserved by that order, then used by it.
  told.push(await order(own.code))
  await stage.pay(String(paid.data.order_id))
  told.push(await order(own.code))
  for (const { status, body, text } of told) assert.deepEqual([status, body.code], [400, 40003], text)
  assert.deepEqual((await stage.rows('/credit/recharge/orders', user.token)).length, 1)
})

test('40005: a callback that fails leaves the order payable; a gateway that is down is told too', async () => {
  const { user, orderId } = await withOrder()
  const report = { ...exampleOf('payment-callback'), order_id: orderId }
  const failed = await stage.post('/credit/payment/callback', { ...report, status: 'failed' })
  assert.equal(failed.body.code, 40005)
  stage.gateway.nextQuery.push(() => Promise.reject(new GatewayError('unavailable', 'bank is closed')))
  assert.equal((await stage.post('/credit/payment/callback', report)).body.code, 40005)
  stage.gateway.nextCreate.push(() => Promise.reject(new GatewayError('refused', 'merchant is frozen')))
  const refused = await stage.post('/credit/recharge', { amount: 10, payment_method: 'alipay' }, user.token)
  assert.equal(refused.body.code, 40005, refused.text)
  assert.equal((await stage.pay(orderId)).body.code, 200)
  assert.equal(await stage.creditsOf(user), 100)
})

test('40009 comes later too: what a platform refuses when it is published is told by the history', async () => {
  const { user, id } = await publisher()
  stage.platforms.wechat.nextAct.push(async () => {
    throw new PlatformError('refused', VENDOR_WORDS, { reason: 'content_refused' })
  })
  const made = await stage.post('/publish', { creation_id: id, platforms: ['wechat'] }, user.token)
  assert.deepEqual(made.data.status, 'pending', made.text)
  const [row] = await until(
    () => stage.rows('/publish/history', user.token),
    ([one]) => one?.status === 'failed',
  )
  assert.match(String(row?.error_message), /审核/)
  assert.doesNotMatch(JSON.stringify(row), new RegExp(VENDOR_WORDS))
})

/** A request that is answered with the status, for every status in the table. */
const PRODUCE: Readonly<Record<number, () => Promise<Reply>>> = {
  200: async () => stage.get('/auth/me', (await stage.user()).token),
  400: () => stage.post('/auth/login', { username: 'testuser' }),
  401: () => stage.get('/auth/me', 'not.a.token'),
  403: async () => stage.get('/operation/statistics', (await stage.user()).token),
  404: () => stage.get('/no/such/path'),
  422: async () => {
    const { token } = await stage.user(100)
    const send = (title: string) =>
      stage.send({
        method: 'POST',
        url: `${common.base}/writing/wechat_article/generate`,
        token,
        headers: { 'idempotency-key': 'one-purchase' },
        body: { title },
      })
    const [first, repeat] = [await send('a'), await send('a')]
    assert.equal(first.data.creation_id, repeat.data.creation_id)
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
    return withPart(stage.context, 'db', db, () => stage.get('/auth/me', token))
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

test('what goes wrong before any route is in the envelope too: bad JSON, text, a body past the limit', async () => {
  const { token } = await stage.user()
  const url = `${common.base}/image/generate`
  const json = { 'content-type': 'application/json' }
  const bad: Sent[] = [
    { method: 'POST', url, token, headers: json, body: Buffer.from('{"prompt":') },
    { method: 'POST', url, token, headers: json, body: Buffer.from('[]') },
    { method: 'POST', url, token, headers: json, body: Buffer.from('null') },
    { method: 'POST', url, token, headers: { 'content-type': 'text/plain' }, body: Buffer.from('body') },
    { method: 'POST', url, token, body: { prompt: 'x'.repeat(11_000_000) } },
  ]
  for (const sent of bad) {
    const { status, body, text } = await stage.send(sent)
    assert.deepEqual([status, body.code], [400, 400], text)
  }
  for (const [method, path] of [
    ['GET', '/image/generate'],
    ['PATCH', '/models'],
    ['GET', '/%zz'],
  ] as const) {
    const { status } = await stage.call(method, path, token)
    assert.ok(status === 404 || status === 400, `${method} ${path}: ${status}`)
  }
})

// ---- Bad input ----------------------------------------------------------------------------------------------

/** What a field is called in a sentence, where that is not its own name. */
const LABELS: Names = {
  ...{ username: '用户名', email: '邮箱', password: '密码', title: '标题', keywords: '关键词' },
  ...{ requirements: '要求', content: '内容', model_id: '模型', prompt: '画面描述', size: '图片尺寸' },
  ...{ script: '视频脚本', duration: '时长', topic: '主题', outline: '大纲', amount: '金额' },
  ...{ payment_method: '支付方式', membership_type: '会员类型', creation_id: '创作ID', platforms: '平台' },
  ...{ schedule_time: '定时发布时间', credentials: '平台凭证', page: '页码', page_size: '每页数量' },
  ...{
    platform: '平台',
    coupon_code: '优惠券代码',
    code: '代码',
    order_id: '订单号',
    transaction_id: '交易号',
  },
  ...{
    referral_code: '推荐码',
    status: '状态',
    type: '类型',
    name: '名称',
    description: '描述',
    value: '数值',
  },
  ...{ min_amount: '最低金额', max_usage: '最大使用次数', max_participants: '最大参与人数' },
  ...{ start_time: '开始时间', end_time: '结束时间', start_date: '开始日期', end_date: '结束日期' },
  ...{ valid_from: '生效时间', valid_until: '失效时间', parameters: '工具参数' },
}

/** What is said of a value where it is no sentence about its field. */
const WORDS: Names = {
  'platform-bind platform': '不支持的平台',
  'recharge payment_method': '余额支付',
}

/** Values that a field's document or decided reading rules out, besides those of another type. */
const WRONG: Readonly<Record<string, Readonly<Record<string, unknown[]>>>> = {
  register: {
    username: ['', 'ab', 'a b c', 'x'.repeat(51), 'a-b-c'],
    email: ['', 'nobody', 'a@', '@example.com'],
    password: ['', '12345', 'x'.repeat(51)],
  },
  login: { username: [''], password: [''] },
  recharge: {
    amount: [0, -1, -0.01, 0.001, 1e300, null],
    payment_method: ['', 'cash', 'balance'],
  },
  membership: { membership_type: ['', 'weekly', null], payment_method: ['', 'cash'] },
  'payment-callback': { order_id: [''], payment_method: [''], transaction_id: [''], status: [''] },
  writing: { title: ['', '   ', '长'.repeat(20_001)], keywords: [[7]], model_id: [1.5, '1'] },
  image: { prompt: [''], size: ['big', '1024', '0x0', '99999x99999', '-64x64'], model_id: [1.5] },
  video: { script: [''], duration: [0, -50, 61, 1.5], model_id: [1.5] },
  ppt: { topic: [''], outline: [[7], Array.from({ length: 31 }, () => 'x')], model_id: [1.5] },
  'creation-update': { title: ['x'.repeat(201)], content: ['x'.repeat(100_001)] },
  publish: {
    creation_id: [0, -1, 1.5],
    platforms: [[], ['myspace'], 'wechat'],
    schedule_time: ['yesterday', inDays(-1), '2027-02-30T10:00:00', inDays(400)],
  },
  'platform-bind': { platform: ['', 'myspace'], credentials: [{ app_id: 7 }, 'xxx'] },
  'activity-create': {
    name: ['', '   '],
    type: ['party', ''],
    config: [{}, { credits: 0 }, { credits: -100 }, { credits: 'many' }],
    start_time: ['x', '2026-02-30T00:00:00'],
    end_time: ['x', '2020-01-01T00:00:00'],
  },
  'coupon-create': {
    code: [''],
    name: ['', '  '],
    type: ['gift', ''],
    value: [0, -1, 101, 10.001],
    min_amount: [-1, 0.001],
    max_usage: [0, -1, 1.5],
    valid_from: ['x'],
    valid_until: ['x', '2020-01-01T00:00:00'],
  },
  'model-create': {
    name: ['', '  '],
    provider: ['', 'nobody'],
    model_name: ['', '  '],
    api_base: ['ftp://example.com', 'not an address'],
    config: [{ temperature: 'hot' }, { temperature: 9 }, { max_tokens: 0 }, 'x'],
    credits_cost: [-1, 0.00001, 1e300],
  },
  'model-update': { name: ['  '], credits_cost: [-1, 1e300] },
}

const without = (body: object, field: string): object =>
  Object.fromEntries(Object.entries(body).filter(([name]) => name !== field))

for (const operation of operations) {
  const { name, method, path, request, required = [] } = operation
  if (!request) continue
  test(`${method} ${path}: bad input is 400 in Chinese and says which field`, async () => {
    const good = toRequest(operation, await adapt(name))
    const { body: goodBody = {} } = good
    const refuse = async (field: string, body: object): Promise<void> => {
      const reply = await stage.send({ ...good, body })
      const told = `${field} of ${JSON.stringify(body).slice(0, 300)}: ${reply.text}`
      assert.deepEqual([reply.status, reply.body.code], [400, 400], told)
      const { message } = reply.body
      const words = [LABELS[field] ?? field, WORDS[`${name} ${field}`] ?? field]
      assert.ok(
        words.some((word) => message.includes(word)),
        told,
      )
    }
    for (const field of required) await refuse(field, without(goodBody, field))
    for (const field of Object.keys(goodBody)) {
      // Neither text, number, switch nor object is a list of one list.
      await refuse(field, { ...goodBody, [field]: [[]] })
      for (const wrong of WRONG[name]?.[field] ?? []) await refuse(field, { ...goodBody, [field]: wrong })
      if (typeof goodBody[field] === 'number')
        await refuse(field, { ...goodBody, [field]: String(goodBody[field]) })
    }
    const taken = await stage.send({ ...good, body: { ...goodBody, confirm_password: 'is ignored' } })
    assert.equal(taken.body.code, 200, taken.text)
  })
}

test('an id that is no number is 400, one that nothing or somebody else has is 404', async () => {
  const stranger = await stage.user(100)
  for (const operation of operations) {
    const { name, path, auth, parameters, request } = operation
    const [parameter] = parameters.filter((one) => one.in === 'path').map((one) => one.name)
    if (parameter === undefined || parameter === 'tool_type') continue
    const good = toRequest(operation, await adapt(name))
    const body = request ? good.body : undefined
    const token = auth === 'admin' ? stage.admin.token : stranger.token
    const missing = name === 'coupon-claim' ? [400, 40003] : [404, 404]
    const at = (id: string) =>
      stage.send({ ...good, url: fill(path, { [parameter]: id }), token, body }).then((reply) => ({
        told: [reply.status, reply.body.code],
        text: `${name} ${id}: ${reply.text}`,
      }))
    if (parameter !== 'task_id')
      for (const id of ['abc', '0', '-1', '1.5', "'"]) {
        const { told, text } = await at(id)
        assert.deepEqual(told, [400, 400], text)
      }
    for (const id of ['999999999', '123456789012345678']) {
      const { told, text } = await at(id)
      assert.deepEqual(told, missing, text)
    }
    // Of the owner's own id, asked for by another.
    if (auth === true && !['coupon-claim', 'activity-participate'].includes(name)) {
      const foreign = await stage.send({ ...good, token: stranger.token })
      assert.equal(foreign.status, 404, `${name}: ${foreign.text}`)
    }
  }
  for (const tool of ['no_tool', 'constructor', '__proto__']) {
    const reply = await stage.post(`/writing/${tool}/generate`, { title: 'x' }, stranger.token)
    assert.equal(reply.status, 404, reply.text)
  }
  for (const [path, body] of [
    ['/image/generate', { prompt: 'x' }],
    ['/video/generate', { script: 'x' }],
    ['/ppt/generate', { topic: 'x' }],
    ['/writing/resume/generate', { title: 'x' }],
  ] as const) {
    const reply = await stage.post(path, { ...body, model_id: 999 }, stranger.token)
    assert.equal(reply.status, 404, `${path}: ${reply.text}`)
  }
  assert.equal(await stage.creditsOf(stranger), 100)
})

test('a parameter that is no page, day or word of its list is 400 and named', async () => {
  const bad: Record<string, string[]> = {
    page: ['0', '-1', 'x', '1.5', '1e3'],
    page_size: ['0', '-1', 'x', '1.5'],
    type: ['poem'],
    is_active: ['maybe'],
    status: ['no_such'],
    start_date: ['yesterday', '2026-02-30', '2026-1-1'],
    end_date: ['x', '2026-13-01'],
  }
  for (const operation of operations) {
    for (const { in: where, name: parameter } of operation.parameters) {
      if (where !== 'query') continue
      for (const value of bad[parameter] ?? []) {
        const { token, path } = await adapt(operation.name)
        const url = `${fill(operation.path, path)}?${parameter}=${encodeURIComponent(value)}`
        const reply = await stage.send({ method: operation.method, url, token })
        const told = `${operation.name} ${parameter}=${value}: ${reply.text}`
        assert.deepEqual([reply.status, reply.body.code], [400, 400], told)
        assert.ok(reply.body.message.includes(LABELS[parameter] ?? parameter), told)
      }
    }
  }
  const upsideDown = await stage.get(
    '/operation/statistics?start_date=2026-02-01&end_date=2026-01-01',
    stage.admin.token,
  )
  assert.equal(upsideDown.status, 400)
})

// ---- Lists (appendix I.5) -----------------------------------------------------------------------------------

/** A user with three rows in each list. */
const LISTS: Readonly<Record<string, () => Promise<{ token: string; path: string }>>> = {
  transactions: async () => {
    const user = await stage.user(100)
    for (let times = 0; times < 2; times += 1) await stage.article(user)
    return { token: user.token, path: '/credit/transactions' }
  },
  'recharge-orders': async () => {
    const user = await stage.user()
    for (let times = 0; times < 3; times += 1) await stage.order(user)
    await stage.membershipOrder(user)
    return { token: user.token, path: '/credit/recharge/orders' }
  },
  'membership-orders': async () => {
    const user = await stage.user()
    for (let times = 0; times < 3; times += 1) await stage.membershipOrder(user)
    await stage.order(user)
    return { token: user.token, path: '/credit/membership/orders' }
  },
  creations: async () => {
    const user = await stage.user(100)
    for (let times = 0; times < 3; times += 1) await stage.article(user)
    return { token: user.token, path: '/creations' }
  },
  'creation-versions': async () => {
    const { user, id } = await withEdits()
    await stage.call('PUT', `/creations/${id}`, user.token, { content: '又更新' })
    return { token: user.token, path: `/creations/${id}/versions` }
  },
  'publish-history': async () => {
    const { user, id } = await publisher()
    const body = { creation_id: id, platforms: ['wechat'], schedule_time: inDays(1) }
    for (let times = 0; times < 3; times += 1) await stage.post('/publish', body, user.token)
    return { token: user.token, path: '/publish/history' }
  },
  activities: async () => {
    for (let times = 0; times < 3; times += 1) await stage.activity()
    return { token: (await stage.user()).token, path: '/operation/activities' }
  },
  coupons: async () => {
    for (let times = 0; times < 3; times += 1) await stage.coupon()
    return { token: (await stage.user()).token, path: '/operation/coupons' }
  },
  'my-coupons': async () => {
    const { token } = await stage.user()
    for (let times = 0; times < 3; times += 1)
      await stage.post(`/operation/coupons/${(await stage.coupon()).id}/claim`, {}, token)
    return { token, path: '/operation/my-coupons' }
  },
  'referral-records': async () => {
    const { token } = await stage.user()
    const { data } = await stage.post('/operation/referral/generate', {}, token)
    for (let times = 0; times < 3; times += 1) await stage.invited(String(data.referral_code))
    return { token, path: '/operation/referral/records' }
  },
}

test('every list with page and page_size is tried below', () => {
  const paged = operations.filter(({ success }) => 'total' in ((success.data ?? {}) as object))
  assert.deepEqual(Object.keys(LISTS).sort(), paged.map(({ name }) => name).sort())
})

for (const [name, prepare] of Object.entries(LISTS)) {
  test(`${name}: pages of two are the whole list, newest first; 20 rows unless asked, 100 at most`, async () => {
    const { token, path } = await prepare()
    const read = async (query: string) => {
      const { body, data, text } = await stage.get(`${path}${query}`, token)
      assert.equal(body.code, 200, text)
      const { total, page, page_size: size } = data
      return { total: Number(total), page, size, rows: data.items as Row[] }
    }
    const all = await read('?page_size=100')
    assert.ok(all.rows.length >= 3 && all.total === all.rows.length, JSON.stringify(all))
    const times = all.rows.map((row) => String(row.created_at ?? row.received_at))
    assert.deepEqual(times, times.toSorted().reverse())
    const pages = Math.ceil(all.total / 2)
    const seen: Row[] = []
    for (let page = 1; page <= pages; page += 1) {
      const part = await read(`?page=${page}&page_size=2`)
      assert.deepEqual([part.total, part.page, part.size], [all.total, page, 2])
      seen.push(...part.rows)
    }
    assert.deepEqual(seen, all.rows)
    const beyond = await read(`?page=${pages + 1}&page_size=2`)
    assert.deepEqual([beyond.rows, beyond.total], [[], all.total])
    const usual = await read('')
    assert.deepEqual([usual.page, usual.size], [1, common.pageSize])
    for (const size of [101, 1_000_000])
      assert.equal((await read(`?page_size=${size}`)).size, common.mostPageSize)
    // A stranger has none of what is somebody's own.
    if (name === 'activities' || name === 'coupons') return
    const stranger = await stage.get(path, (await stage.user()).token)
    if (name === 'creation-versions') assert.equal(stranger.status, 404)
    else assert.deepEqual([stranger.data.total, stranger.data.items], [0, []])
  })
}

test('a list is never longer than 100 rows, and says how many there are', async () => {
  const user = await stage.user()
  const body = { amount: 1, payment_method: 'alipay' }
  for (let times = 0; times < 101; times += 1) await stage.post('/credit/recharge', body, user.token)
  const { data } = await stage.get('/credit/recharge/orders?page_size=1000', user.token)
  assert.deepEqual([data.total, data.page_size, (data.items as Row[]).length], [101, 100, 100])
  const next = await stage.get('/credit/recharge/orders?page_size=1000&page=2', user.token)
  assert.equal((next.data.items as Row[]).length, 1)
})

test('creations are found by type, tool, words and days', async () => {
  const user = await stage.user(200)
  const id = await stage.article(user, '时间管理的方法')
  await stage.post('/writing/resume/generate', { title: '工程师' }, user.token)
  for (const [path, name] of [
    ['/image/generate', 'image'],
    ['/ppt/generate', 'ppt'],
    ['/video/generate', 'video'],
  ] as const)
    assert.equal((await stage.post(path, exampleOf(name), user.token)).body.code, 200)
  const found = async (query: string) =>
    (await stage.rows(`/creations?${query}`, user.token)).map((row) => row.type).sort()
  assert.deepEqual(await found(''), [...common.families, 'writing'].sort())
  for (const type of common.families)
    assert.deepEqual(new Set(await found(`type=${type}`)), new Set([type]), type)
  assert.deepEqual(await found('tool_type=resume'), ['writing'])
  assert.deepEqual(await found(`keyword=${encodeURIComponent('时间管理的')}`), ['writing'])
  const today = inDays(0).slice(0, 10)
  assert.equal((await found(`start_date=${today}&end_date=${today}`)).length, 5)
  assert.equal((await found(`end_date=${inDays(-1).slice(0, 10)}`)).length, 0)
  const gone = await stage.call('DELETE', `/creations/${id}`, user.token)
  assert.equal(gone.body.code, 200)
  assert.equal((await stage.get(`/creations/${id}`, user.token)).status, 404)
  assert.equal((await stage.call('DELETE', `/creations/${id}`, user.token)).status, 404)
})

test('the lists of operation show what their status asks for', async () => {
  const { token } = await stage.user()
  const [early, open, over] = [
    await stage.activity({ start_time: inDays(1) }),
    await stage.activity(),
    await stage.activity({ start_time: inDays(-3), end_time: inDays(-2) }),
  ]
  for (const [status, { id }] of [
    ['upcoming', early],
    ['active', open],
    ['ended', over],
  ] as const) {
    const rows = await stage.rows(`/operation/activities?status=${status}`, token)
    assert.ok(rows.some((row) => row.id === id) && rows.every((row) => row.status === status), status)
  }
  const claimed = await stage.coupon({ max_usage: 1 })
  await stage.post(`/operation/coupons/${claimed.id}/claim`, {}, token)
  const exhausted = await stage.rows('/operation/coupons?status=exhausted', token)
  assert.ok(exhausted.some(({ id }) => id === claimed.id))
  const mine = async (status: string) =>
    (await stage.rows(`/operation/my-coupons?status=${status}`, token)).map((row) => row.coupon_id)
  assert.deepEqual([await mine('unused'), await mine('used')], [[claimed.id], []])
  const user = { token } as User
  const { order_id: orderId } = await stage.order(user, { coupon_code: claimed.code })
  assert.deepEqual([await mine('unused'), await mine('reserved')], [[], [claimed.id]])
  await stage.pay(orderId)
  assert.deepEqual([await mine('used'), await mine('expired')], [[claimed.id], []])
})

// ---- Times (appendix I.6) -----------------------------------------------------------------------------------

test('times are UTC+8 without a zone, in what is sent and in what is answered', async () => {
  const { user, id } = await publisher()
  const { data } = await stage.get(`/creations/${id}`, user.token)
  const told = Date.parse(`${data.created_at}+08:00`)
  assert.ok(Math.abs(told - Date.now()) < 60_000, String(data.created_at))
  const at = inDays(2)
  const instant = new Date(`${at}+08:00`).toISOString()
  for (const schedule_time of [at, `${at}+08:00`, instant, instant.replace('.000', '')]) {
    const body = { creation_id: id, platforms: ['wechat'], schedule_time }
    const made = await stage.post('/publish', body, user.token)
    assert.equal(made.data.status, 'scheduled', made.text)
    const [row] = await stage.rows('/publish/history', user.token)
    assert.deepEqual([row?.scheduled_at, row?.publish_id], [at, made.data.publish_id])
  }
  const [start, end] = ['2027-01-22T00:00:00', '2027-02-22T23:59:59']
  const activity = (await stage.activity({ start_time: start, end_time: end })) as unknown as Row
  assert.deepEqual([activity.start_time, activity.end_time, activity.status], [start, end, 'upcoming'])
  const coupon = (await stage.coupon({ valid_from: start, valid_until: end })) as unknown as Row
  assert.deepEqual([coupon.valid_from, coupon.valid_until, coupon.status], [start, end, 'upcoming'])
})

test('a scheduled publication goes out when its time has come', async () => {
  const { user, id } = await publisher()
  // Two seconds and a bit from now: the document writes whole seconds.
  const body = { creation_id: id, platforms: ['wechat'], schedule_time: inDays(2.5 / 86_400) }
  const made = await stage.post('/publish', body, user.token)
  assert.equal(made.data.status, 'scheduled', made.text)
  await until(
    () => stage.rows('/publish/history', user.token),
    ([row]) => row?.status === 'success',
  )
})

// ---- Appendices A to F --------------------------------------------------------------------------------------

test('A: the 14 tools are listed in order, and each writes from the document’s own body', async () => {
  const { body } = await stage.get('/writing/tools')
  const listed = body.data as unknown as { type: string; name: string; credits_cost: number }[]
  assert.deepEqual(
    listed.map(({ type, name }) => [type, name]),
    Object.entries(tools),
  )
  assert.ok(listed.every(({ credits_cost: cost }) => cost === common.costs.writing))
  const user = await stage.user(140)
  for (const type of Object.keys(tools)) {
    const { data, text } = await stage.post(`/writing/${type}/generate`, exampleOf('writing'), user.token)
    assert.equal(data.credits_used, common.costs.writing, text)
    const creation = await stage.get(`/creations/${data.creation_id}`, user.token)
    assert.deepEqual([creation.data.type, creation.data.tool_type], ['writing', type])
  }
  assert.equal(await stage.creditsOf(user), 0)
})

test('B: an activity of each type can be made, and of no other; only a gift is for joining', async () => {
  const { token } = await stage.user()
  for (const type of Object.keys(activityTypes)) {
    const config = type === 'membership_discount' ? { percent: 10 } : { credits: 100 }
    // Over already, so that it changes no other test's prices.
    const window = { start_time: inDays(-3), end_time: inDays(-2) }
    const made = (await stage.activity({ type, config, ...window })) as unknown as Row
    assert.deepEqual([made.type, made.config], [type, config])
    const joined = await stage.post(`/operation/activities/${made.id}/participate`, {}, token)
    assert.equal(joined.body.code, type === 'credit_gift' ? 40010 : joined.body.code, joined.text)
    assert.equal(joined.status, 400, joined.text)
  }
})

test('C: what each type of coupon does to an order of ten yuan', async () => {
  const effects = {
    discount: [{ value: 10 }, { amount: 10, payable_amount: 9, credits: 100, bonus_credits: 0 }, 100],
    deduction: [{ value: 3 }, { amount: 10, payable_amount: 7, credits: 100, bonus_credits: 0 }, 100],
    credit_bonus: [{ value: 25 }, { amount: 10, payable_amount: 10, credits: 100, bonus_credits: 25 }, 125],
  } as const
  assert.deepEqual(Object.keys(effects).sort(), Object.keys(couponTypes).sort())
  for (const [type, [values, expected, credited]] of Object.entries(effects)) {
    const { code } = await stage.coupon({ type, ...values })
    const user = await stage.user()
    const order = (await stage.order(user, { coupon_code: code })) as unknown as Record<string, number>
    for (const [field, value] of Object.entries(expected))
      assert.equal(order[field], value, `${type} ${field}`)
    assert.equal((await stage.pay(String(order.order_id))).body.code, 200)
    assert.equal(await stage.creditsOf(user), credited, type)
  }
})

test('D: each membership costs what the document says, lasts its days, and a renewal extends it', async () => {
  for (const [type, { yuan, days }] of Object.entries(memberships)) {
    const user = await stage.user()
    let ends = Date.now()
    for (let times = 0; times < 2; times += 1) {
      const order = await stage.membershipOrder(user, { membership_type: type })
      assert.deepEqual([order.amount, order.payable_amount], [yuan, yuan])
      assert.equal((await stage.pay(order.order_id)).body.code, 200)
      const { data } = await stage.get('/credit/balance', user.token)
      assert.deepEqual([data.is_member, data.membership_type], [true, type])
      ends += days * 86_400_000
      assert.ok(Math.abs(Date.parse(`${data.membership_end_date}+08:00`) - ends) < 60_000, type)
    }
  }
})

test('E: alipay and wechat lead to a cashier; balance pays a membership at once and buys no credits', async () => {
  const user = await stage.user(99)
  for (const method of Object.keys(methods)) {
    const sent = { membership_type: 'monthly', payment_method: method }
    const { data, text } = await stage.post('/credit/membership', sent, user.token)
    const isAtOnce = method === 'balance'
    assert.deepEqual(
      [data.payment_status, data.payment_url === null],
      [isAtOnce ? 'paid' : 'pending', isAtOnce],
      text,
    )
    const recharge = await stage.post('/credit/recharge', { amount: 10, payment_method: method }, user.token)
    assert.equal(recharge.status, isAtOnce ? 400 : 200, recharge.text)
  }
  assert.equal(await stage.creditsOf(user), 0)
  const broke = await stage.post(
    '/credit/membership',
    { membership_type: 'monthly', payment_method: 'balance' },
    (await stage.user(98)).token,
  )
  assert.equal(broke.body.code, 40001, broke.text)
})

test('F: the platforms of the document are those of the site', async () => {
  assert.deepEqual(aiCreator.preset.platforms, Object.keys(platforms))
  const { body } = await stage.get('/publish/platforms', (await stage.user()).token)
  for (const row of body.data as unknown as { platform: string; name: string }[])
    assert.equal(row.name, platforms[row.platform])
})

// ---- Credits ------------------------------------------------------------------------------------------------

const CALLS = [
  ['writing', '/writing/wechat_article/generate'],
  ['image', '/image/generate'],
  ['video', '/video/generate'],
  ['ppt', '/ppt/generate'],
] as const

/** What an answer, or for a clip the state of its task, says that it cost. */
async function creditsUsed(name: (typeof CALLS)[number][0], path: string, user: User, body = {}) {
  const { data, text } = await stage.post(path, { ...exampleOf(name), ...body }, user.token)
  if (name !== 'video') return data.credits_used ?? text
  const done = await until(
    () => stage.get(`/video/${data.task_id}/status`, user.token),
    (reply) => reply.data.status === 'completed',
  )
  return done.data.credits_used
}

for (const [name, path] of CALLS) {
  test(`${name}: costs ${common.costs[name]}, a member nothing, and a model's own price comes first`, async () => {
    const user = await stage.user(100)
    assert.equal(await creditsUsed(name, path, user), common.costs[name])
    assert.equal(await stage.creditsOf(user), 100 - common.costs[name])
    const member = await stage.member()
    assert.equal(await creditsUsed(name, path, member), 0)
    assert.deepEqual(
      [await stage.creditsOf(member), (await stage.rows('/credit/transactions', member.token)).length],
      [0, 2],
    )
    if (name === 'ppt') return
    const kind = name === 'writing' ? 'text' : name
    const own = {
      provider: 'sketch',
      model_name: 'sketch',
      api_key: null,
      api_base: null,
      config: null,
      kind,
    }
    const { id } = await newModel({ ...own, credits_cost: 7 })
    assert.equal(await creditsUsed(name, path, user, { model_id: id }), 7)
    assert.equal(await stage.creditsOf(user), 100 - common.costs[name] - 7)
  })
}

test('the sample ids 1 to 4 are a model each of text, pictures, clips and decks', async () => {
  const { body } = await stage.get('/models?is_active=true', (await stage.user()).token)
  const models = body.data as unknown as { id: number; kind: string; name: string }[]
  assert.deepEqual(
    models.slice(0, 4).map(({ id, kind }) => [id, kind]),
    [1, 2, 3, 4].map((id, index) => [id, ['text', 'image', 'video', 'deck'][index]]),
  )
  assert.equal(models[0]?.name, '通义千问Max')
})

test('a failed generation gives everything back', async () => {
  for (const [name, path] of CALLS) {
    const user = await stage.user(100)
    writerOf(stage).nextText.push(breaksWith(providerFailure('content')))
    stage.provider.next.push(() => Promise.reject(providerFailure('content')))
    const { body, data } = await stage.post(path, exampleOf(name), user.token)
    if (name === 'video')
      await until(
        () => stage.get(`/video/${data.task_id}/status`, user.token),
        (reply) => reply.data.status === 'failed',
      )
    else assert.equal(body.code, 40007, name)
    writerOf(stage).nextText.length = 0
    stage.provider.next.length = 0
    assert.equal(await stage.creditsOf(user), 100, name)
    const types = (await stage.rows('/credit/transactions', user.token)).map(({ type }) => type)
    assert.deepEqual(types.slice(0, 2), ['refund', 'consume'], name)
  }
})

test('transactions are of the five types, in the document’s words, and each follows from the one before', async () => {
  const user = await stage.user()
  await stage.pay((await stage.order(user)).order_id)
  await stage.article(user)
  await stage.post(`/operation/activities/${(await stage.activity()).id}/participate`, {}, user.token)
  const rows = await stage.rows('/credit/transactions', user.token)
  assert.deepEqual(
    rows.map(({ type, amount, balance_after: after, description }) => [type, amount, after, description]),
    [
      ['reward', 100, 190, rows[0]?.description],
      ['consume', -10, 90, 'AI写作'],
      ['recharge', 100, 100, '充值10元'],
    ],
  )
  for (const type of common.transactionTypes) {
    const found = await stage.rows(`/credit/transactions?type=${type}`, user.token)
    assert.deepEqual(
      found.map(({ id }) => id),
      rows.filter((row) => row.type === type).map(({ id }) => id),
    )
  }
})

test('a callback settles by signature too, and only by the right one, in its time', async () => {
  const signed = async (
    orderId: string,
    changes: { secret?: string; ageSeconds?: number; body?: object } = {},
  ) => {
    const { secret = SECRET, ageSeconds = 0, body = {} } = changes
    const raw = JSON.stringify({ ...exampleOf('payment-callback'), order_id: orderId, ...body })
    const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds)
    const signature = createHmac('sha256', secret).update(`${timestamp}.${raw}`).digest('hex')
    return stage.send({
      method: 'POST',
      url: `${common.base}/credit/payment/callback`,
      headers: { 'content-type': 'application/json', 'x-timestamp': timestamp, 'x-signature': signature },
      body: Buffer.from(raw),
    })
  }
  const { user, orderId } = await withOrder()
  for (const wrong of [{ secret: 'guessed' }, { ageSeconds: 301 }, { body: { status: 'failed' } }])
    assert.equal((await signed(orderId, wrong)).body.code, 40005)
  assert.equal(await stage.creditsOf(user), 0)
  for (let times = 0; times < 3; times += 1) assert.equal((await signed(orderId)).body.code, 200)
  assert.equal(await stage.creditsOf(user), 100)
})

test('the referrer gets 50 when the invited user first pays, once', async () => {
  const user = await stage.user()
  const first = await stage.post('/operation/referral/generate', {}, user.token)
  const again = await stage.call('POST', '/operation/referral/generate', user.token)
  assert.deepEqual(first.data, again.data)
  const code = String(first.data.referral_code)
  assert.ok(String(first.data.referral_url).endsWith(`/register?ref=${code}`))
  const friend = await stage.invited(code.toLowerCase())
  const read = async () => (await stage.get('/operation/referral/records', user.token)).data
  const pending = await read()
  assert.deepEqual([pending.total, pending.total_rewards], [1, 0])
  for (let times = 0; times < 2; times += 1) {
    await stage.pay((await stage.order(friend)).order_id)
    const { total, total_rewards: rewards, items } = await read()
    const [row] = items as Row[]
    assert.deepEqual([total, rewards], [1, common.referralReward])
    assert.deepEqual(
      [row?.referred_user, row?.reward_amount, row?.status],
      [friend.username, common.referralReward, 'completed'],
    )
  }
  assert.equal(await stage.creditsOf(user), common.referralReward)
})

test('statistics count what was paid, in the days of UTC+8', async () => {
  const read = async (from: string, until_: string) =>
    (await stage.get(`/operation/statistics?start_date=${from}&end_date=${until_}`, stage.admin.token))
      .data as Record<string, number>
  const today = inDays(0).slice(0, 10)
  const before_ = await read(today, today)
  const { code } = await stage.coupon()
  const payer = await stage.user()
  await stage.pay((await stage.order(payer, { coupon_code: code })).order_id)
  await stage.pay((await stage.membershipOrder(payer)).order_id)
  await stage.order(payer)
  const after_ = await read(today, today)
  const grown = (name: string) => Math.round(((after_[name] ?? 0) - (before_[name] ?? 0)) * 100) / 100
  assert.deepEqual(
    ['total_users', 'new_users', 'total_revenue', 'total_credits_sold', 'active_members'].map(grown),
    [1, 1, 18.9, 100, 1],
  )
  const rate = after_.conversion_rate ?? -1
  assert.ok(rate > 0 && rate <= 1, String(rate))
  const past = await read('2020-01-01', '2020-01-31')
  assert.deepEqual([past.new_users, past.total_revenue, past.total_credits_sold], [0, 0, 0])
})

// ---- Appendix H ---------------------------------------------------------------------------------------------

test('H: every operation is in one class, and each class has the document’s limit', () => {
  assert.deepEqual(limits.flatMap((one) => one.operations).sort(), operations.map(({ name }) => name).sort())
  for (const { rate, points, perSeconds, membersUnlimited = false, operations: names } of limits) {
    const set = aiCreator.preset.limits[rate]
    assert.deepEqual([set.points, set.perSeconds], [points, perSeconds], rate)
    assert.equal('membersUnlimited' in set && set.membersUnlimited === true, membersUnlimited, rate)
    for (const name of names) {
      const { method, path } = operationOf(name)
      const found = aiCreator.routes.find(
        (one) => one.method === method && `${common.base}${one.path}`.replace(/:(\w+)/g, '{$1}') === path,
      )
      assert.equal(found?.rate, rate, name)
    }
  }
})

test('H: one more than the limit is 429 and told how long to wait; members generate without one', async () => {
  const strict = await openStage({ preset: { limits: aiCreator.preset.limits } })
  try {
    const overrun = async (points: number, ask: () => Promise<Reply>, what: string) => {
      for (let times = 1; times <= points; times += 1)
        assert.notEqual((await ask()).status, 429, `${what} ${times}`)
      const { status, body, headers } = await ask()
      assert.deepEqual([status, body.code], [429, 429], what)
      assert.match(String(headers['retry-after']), /^[1-9]\d*$/)
    }
    const wrong = { username: 'nobody_here', password: 'not this one' }
    await overrun(10, () => strict.post('/auth/login', wrong), '认证接口')
    // Somebody else at the same address is let in.
    const user = await strict.user(1_000)
    const { username, password } = user
    assert.equal((await strict.post('/auth/login', { username, password })).body.code, 200)
    const write = (by: User) => strict.post('/writing/wechat_article/generate', { title: 'x' }, by.token)
    await overrun(20, () => write(user), 'AI生成接口')
    // All generate routes share it.
    assert.equal((await strict.post('/image/generate', exampleOf('image'), user.token)).status, 429)
    const member = await strict.member()
    for (let times = 0; times < 25; times += 1) assert.equal((await write(member)).body.code, 200)
    await overrun(100, () => strict.get('/models', member.token), '查询接口')
    const other = await strict.user()
    await overrun(60, () => strict.post('/operation/referral/generate', {}, other.token), '其他接口')
  } finally {
    await strict.close()
  }
})

// ---- Appendix I.1 -------------------------------------------------------------------------------------------

test('I.1: an access token lives two hours, a refresh token seven days', async () => {
  const { username, password } = await stage.user()
  const { data } = await stage.post('/auth/login', { username, password })
  const [access, refresh] = [String(data.access_token), String(data.refresh_token)]
  assert.equal(data.expires_in, common.tokenHours * 3_600)
  const hour = 3_600_000
  const me = (token: string) => stage.get('/auth/me', token)
  try {
    stage.ahead.ms = common.tokenHours * hour - 60_000
    assert.equal((await me(access)).status, 200)
    stage.ahead.ms = common.tokenHours * hour + 60_000
    assert.equal((await me(access)).status, 401)
    const fresh = await stage.call('POST', '/auth/refresh', refresh)
    assert.equal(fresh.body.message, 'Token刷新成功', fresh.text)
    assert.equal((await me(String(fresh.data.access_token))).status, 200)
    stage.ahead.ms = common.refreshDays * 24 * hour + 60_000
    assert.equal((await stage.call('POST', '/auth/refresh', String(fresh.data.refresh_token))).status, 401)
  } finally {
    stage.ahead.ms = 0
  }
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
