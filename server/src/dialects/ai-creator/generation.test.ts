import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { donePictures } from '../../../test/fakes/provider.ts'
import type { FakeWriter } from '../../../test/fakes/writing.ts'
import {
  aTool,
  breaksWith,
  createFakeRenderer,
  createFakeWriter,
  writes,
} from '../../../test/fakes/writing.ts'
import type { KernelError } from '../../kernel/errors.ts'
import { runTask } from '../../kernel/generation/wait.ts'
import { units } from '../../kernel/money.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { toTextInput } from '../../kernel/tools/text-input.ts'
import { readBalance } from '../../kernel/wallet/balance.ts'
import { sweepFiles } from '../../kernel/works/sweep.ts'
import { aiCreator } from './dialect.ts'
import { refusals } from './refusals.ts'

let site: TestSite
let writer: FakeWriter
let token: string
let stranger: string
let accountId: bigint
let aheadMs = 0

before(async () => {
  writer = createFakeWriter()
  const { limits } = aiCreator.preset
  const many = Object.fromEntries(Object.keys(limits).map((name) => [name, { points: 1e6, perSeconds: 60 }]))
  site = await buildSite({
    dialect: aiCreator,
    providers: [writer],
    decks: createFakeRenderer(),
    preset: { writingTools: [aTool], limits: many as typeof limits },
    now: () => new Date(Date.now() + aheadMs),
  })
  site.startWorker()
})
after(() => site.close())
beforeEach(async () => {
  Object.assign(writer, { asked: [], nextText: [], started: [], checked: [], next: [], nextCheck: [] })
  const user = await createUser(site.context, units(200))
  ;({ token, accountId } = user)
  stranger = (await createUser(site.context, units(200))).token
})

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
const call = async (
  method: Method,
  path: string,
  body?: object,
  options: { as?: string | null; key?: string } = {},
) => {
  const { as = token, key } = options
  const headers = {
    ...(as !== null && { authorization: `Bearer ${as}` }),
    ...(key !== undefined && { 'idempotency-key': key }),
  }
  const url = path.startsWith('/files') ? path : `/api/v1${path}`
  const reply = await site.app.inject({ method, url, headers, ...(body && { payload: body }) })
  return { status: reply.statusCode, ...reply.json() }
}
const post = (path: string, body: object, options = {}) => call('POST', path, body, options)
const get = (path: string, options = {}) => call('GET', path, undefined, options)
const refuses = (answer: { status: number; code: number }, status: number, code = status) =>
  assert.deepEqual([answer.status, answer.code], [status, code], JSON.stringify(answer))
const balance = () => readBalance(site.context, { accountId })

/** The document's own example of 3.1. */
const ARTICLE = {
  title: '如何提高工作效率',
  keywords: ['时间管理', '效率工具'],
  requirements: '字数2000字，包含实用技巧',
  model_id: 1,
}
const write = async (title = ARTICLE.title): Promise<number> =>
  (await post('/writing/wechat_article/generate', { ...ARTICLE, title })).data.creation_id
const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500; tries += 1) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it never came to hold')
}
const untilEnded = async (id: string) => {
  for (let tries = 0; tries < 500; tries += 1) {
    const { data } = await get(`/video/${id}/status`)
    if (data.status !== 'processing') return data
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return assert.fail('the clip never ended')
}

test("3.1 writes with the document's own body, at the price of the tool", async () => {
  const made = await post('/writing/wechat_article/generate', { ...ARTICLE, enabled_plugins: ['x'] })
  const { creation_id, content, credits_used } = made.data
  assert.deepEqual([made.status, made.code, made.message], [200, 200, '生成成功'])
  assert.deepEqual([content, credits_used], ['第一段。第二段。', 10])
  assert.equal(
    writer.asked[0]?.messages[0]?.text,
    '如何提高工作效率|专业严谨|时间管理、效率工具|字数2000字，包含实用技巧',
  )
  const { data: row } = await get(`/creations/${creation_id}`)
  assert.deepEqual(
    [row.id, row.type, row.tool_type, row.title, row.content, row.status, row.version],
    [creation_id, 'writing', 'wechat_article', ARTICLE.title, content, 'completed', 1],
  )
  assert.match(row.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
  assert.equal((await balance()).available, units(190))
})

test("3.1 takes a title alone, and the tool's own inputs as parameters", async () => {
  await post('/writing/wechat_article/generate', { title: '题目', parameters: { style: '幽默', other: 1 } })
  assert.equal(writer.asked[0]?.messages[0]?.text, '题目|幽默||')
  await post('/writing/wechat_article/generate', { parameters: { topic: '主题', keywords: ['一', '二'] } })
  assert.equal(writer.asked[1]?.messages[0]?.text, '主题|专业严谨|一、二|')
})

test('3.1 refuses what cannot be written, before anything is paid', async () => {
  for (const body of [{}, { title: '' }, { title: '  ' }, { title: null }]) {
    const answer = await post('/writing/wechat_article/generate', body)
    refuses(answer, 400)
    assert.equal(answer.message, '标题不能为空')
  }
  const long = await post('/writing/wechat_article/generate', { title: '长'.repeat(201) })
  assert.deepEqual([long.code, long.message], [400, '标题太长'])
  refuses(await post('/writing/wechat_article/generate', { title: 7 }), 400)
  refuses(await post('/writing/wechat_article/generate', { title: 'x', model_id: 'one' }), 400)
  for (const tool of ['no_tool', 'constructor', '__proto__'])
    refuses(await post(`/writing/${tool}/generate`, ARTICLE), 404)
  // Of another kind, of nobody, of no possible number.
  for (const model_id of [2, 3, 4, 99, 0, -1, 9_007_199_254_740_991])
    refuses(await post('/writing/wechat_article/generate', { ...ARTICLE, model_id }), 404)
  assert.equal(writer.asked.length, 0)
  const { available, held } = await balance()
  assert.deepEqual([available, held], [units(200), 0n])
})

test('3.1 gives everything back and says whose fault it is', async () => {
  writer.nextText.push(writes('DECLINED'), breaksWith(new ProviderError('rejected', 'the vendor words')))
  for (const _ of [1, 2]) {
    const answer = await post('/writing/wechat_article/generate', ARTICLE)
    refuses(answer, 400, 40_007)
    assert.doesNotMatch(JSON.stringify(answer), /vendor/)
  }
  assert.equal((await balance()).available, units(200))
  const { token: poor } = await createUser(site.context, units(9))
  refuses(await post('/writing/wechat_article/generate', ARTICLE, { as: poor }), 400, 40_001)
})

test('3.1 past its wait answers 40006 with the creation, while the text goes on', async () => {
  let go = (): void => {}
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  writer.nextText.push(async function* () {
    await held
    yield { type: 'text', text: '终于' }
    yield { type: 'end', reason: 'stop', usage: null }
  })
  const input = toTextInput(site.context.preset, aTool.name, { topic: '慢' })
  const origin = { ip: null, device: null }
  const submission = { ...input, model: null, parameters: {}, idempotencyKey: null, origin }
  const error = await runTask(site.context, { accountId }, submission, 50).then(
    () => assert.fail('it did not wait'),
    (thrown: unknown) => thrown as KernelError<'generation_running'>,
  )
  assert.equal(error.code, 'generation_running')
  const { status, body } = refusals.generation_running(error.details)
  const { code, data } = body as { code: number; data: { creation_id: number } }
  assert.deepEqual([status, code], [400, 40_006])
  const path = `/creations/${data.creation_id}`
  const { data: before } = await get(path)
  assert.deepEqual([before.status, before.content], ['processing', ''])
  refuses(await call('PUT', path, { content: '抢先' }), 400)
  go()
  for (let tries = 0; (await get(path)).data.status === 'processing'; tries += 1) {
    assert.ok(tries < 500)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal((await get(path)).data.content, '终于')
})

for (const [path, body, cost] of [
  ['/writing/wechat_article/generate', ARTICLE, 10],
  ['/image/generate', { prompt: '一只可爱的猫咪在花园里玩耍', size: '1024x1024', model_id: 2 }, 20],
  ['/video/generate', { script: '视频脚本内容', duration: 30, model_id: 3 }, 50],
  ['/ppt/generate', { topic: '产品发布会', outline: ['产品介绍'], model_id: 4 }, 30],
] as const) {
  test(`${path}: one key is one purchase, also of ten at once; with another body it is refused`, async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(path, body, { key: 'k1' })))
    const ids = new Set(answers.map(({ data }) => data.task_id))
    assert.equal(ids.size, 1)
    for (const answer of answers) refuses(answer, 200)
    refuses(await post(path, { ...body, model_id: null }, { key: 'k1' }), 422)
    assert.equal((await balance()).available, units(200 - cost))
    refuses(await post(path, body, { as: null }), 401)
  })
}

test('3.2 lists the tools to anybody, with prices and inputs', async () => {
  const { data } = await get('/writing/tools', { as: null })
  const { type, name, description, credits_cost } = data[0]
  assert.deepEqual(
    { type, name, description, credits_cost },
    {
      type: 'wechat_article',
      name: '公众号文章',
      description: '生成适合微信公众号的文章',
      credits_cost: 10,
    },
  )
})

test('4.1 answers with the picture; what nobody documents neither costs nor pays', async () => {
  const body = { prompt: '一只猫', size: '512x256', num_images: -100, width: 9 }
  const { data, message } = await post('/image/generate', body)
  assert.equal(message, '生成成功')
  assert.match(data.image_url, /\/files\/[a-z2-7]{45}\.png$/)
  assert.equal(data.credits_used, 20)
  assert.deepEqual([data.status, data.progress, data.images], ['completed', 100, [data.image_url]])
  const [job] = writer.started
  assert.ok(job?.kind === 'image')
  assert.deepEqual([job.width, job.height, job.count], [512, 256, 1])
  for (const wrong of [
    { size: 'large' },
    { size: '0x0' },
    { size: '-1x5' },
    { size: '9999x9999' },
    { prompt: ' ' },
  ])
    refuses(await post('/image/generate', { ...body, ...wrong }), 400)
  refuses(await post('/image/generate', { ...body, model_id: 1 }), 404)
  assert.equal((await balance()).available, units(180))
})

test('5.1 and 5.2 make a clip that is asked after; a failed one is free and says why', async () => {
  const made = await post('/video/generate', { script: '视频脚本内容', duration: 30, model_id: 3 })
  assert.equal(made.message, '任务已创建')
  assert.equal(made.data.status, 'processing')
  assert.match(made.data.task_id, /^video_task_[a-z0-9]+$/)
  const ended = await untilEnded(made.data.task_id)
  assert.deepEqual([ended.status, ended.credits_used, ended.error], ['completed', 50, null])
  assert.match(ended.video_url, /\/files\//)
  refuses(await get(`/video/${made.data.task_id}/status`, { as: stranger }), 404)
  const picture = await post('/image/generate', { prompt: '一只猫' })
  refuses(await get(`/video/${picture.data.task_id}/status`), 404)

  writer.next.push(async () => {
    throw new ProviderError('content', 'the vendor words')
  })
  const refused = await post('/video/generate', { script: '不行' })
  const failed = await untilEnded(refused.data.task_id)
  assert.deepEqual([failed.status, failed.credits_used, failed.video_url], ['failed', 0, null])
  assert.match(failed.error, /安全审核/)
  for (const duration of [0, -50, 61, 2.5, '30'])
    refuses(await post('/video/generate', { script: '长', duration }), 400)
  assert.equal((await balance()).available, units(130))
})

test('6.1 answers with a deck whose address its owner alone is given, and for a day', async () => {
  const { data } = await post('/ppt/generate', { topic: '产品发布会', outline: ['产品介绍', '核心功能'] })
  assert.equal(data.credits_used, 30)
  const path = new URL(data.download_url).pathname
  assert.match(path, /^\/files\/private\/\d+\.[0-9a-f]{40}\/[a-z2-7]{45}\.pptx$/)
  const fetch = (url: string) => site.app.inject({ url })
  const file = await fetch(path)
  assert.equal(file.statusCode, 200)
  assert.equal(
    file.headers['content-disposition'],
    `attachment; filename="_.pptx"; filename*=UTF-8''${encodeURIComponent('产品发布会')}.pptx`,
  )
  assert.match(String(file.headers['content-type']), /presentationml/)
  assert.match(String(file.headers['cache-control']), /private/)
  assert.equal(file.rawPayload.subarray(0, 2).toString(), 'PK')

  const [, , , grant = '', key = ''] = path.split('/')
  const [expires = '', signature = ''] = grant.split('.')
  const another = (await post('/ppt/generate', { topic: '另一份' })).data.download_url
  const otherKey = another.slice(another.lastIndexOf('/') + 1)
  for (const wrong of [
    `/files/${key}`,
    `/files/private/${grant}/${otherKey}`,
    `/files/private/${Number(expires) + 60}.${signature}/${key}`,
    `/files/private/${expires}.${'0'.repeat(40)}/${key}`,
    `/files/private/${expires}.${signature}00/${key}`,
    `/files/private/${expires}/${key}`,
    `/files/private/${grant}/..%2f${key}`,
  ])
    assert.equal((await fetch(wrong)).statusCode, 404, wrong)

  aheadMs += 24 * 3_600_000 - 5_000
  assert.equal((await fetch(path)).statusCode, 200)
  aheadMs += 6_000
  assert.equal((await fetch(path)).statusCode, 404)
  const renewed = await site.context.db.rows<{ id: bigint }>(
    {
      name: 'deck of test',
      text: 'select w.id from work w join file f on f.work_id = w.id where f.store_key = $1',
    },
    [key],
  )
  assert.equal(renewed[0]?.id, BigInt(data.ppt_id))
  // A session lasts longer than an address: the row shows a new one.
  const { data: row } = await get(`/creations/${data.ppt_id}`)
  const anew = new URL(row.download_url).pathname
  assert.notEqual(anew, path)
  assert.equal((await fetch(anew)).statusCode, 200)
  await call('DELETE', `/creations/${data.ppt_id}`)
  assert.equal((await fetch(anew)).statusCode, 404)
  await sweepFiles(site.context)
  assert.equal(await site.context.files.stat(key), null)
})

test('6.1 refuses what is no topic or no outline, and answers 40006 for a model that writes no deck', async () => {
  for (const body of [
    {},
    { topic: '' },
    { topic: '  ' },
    { topic: 'x'.repeat(501) },
    { topic: 'x', outline: 'a, b' },
    { topic: 'x', outline: Array(31).fill('a') },
  ])
    refuses(await post('/ppt/generate', body), 400)
  refuses(await post('/ppt/generate', { topic: 'x', model_id: 2 }), 404)
  writer.nextText.push(writes('好的'), writes('还是不行'))
  refuses(await post('/ppt/generate', { topic: 'x' }), 400, 40_006)
  assert.equal((await balance()).available, units(200))
})

test('7.1 lists the own creations by family, tool, words and days, newest first', async () => {
  const ids = [await write('第一篇 Alpha'), await write('第二篇 100%')]
  writer.nextText.push(writes('里面提到 BETA_7。'))
  ids.push(await write('第三篇'))
  const { creation_id: picture } = (await post('/image/generate', { prompt: '一只猫' })).data
  const listed = async (query: string): Promise<number[]> => {
    const { data } = await get(`/creations?${query}`)
    assert.equal(data.total, data.items.length)
    return data.items.map(({ id }: { id: number }) => id)
  }
  const [a, b, c] = ids
  assert.deepEqual(await listed(''), [picture, c, b, a])
  assert.deepEqual(await listed('type=writing'), [c, b, a])
  assert.deepEqual(await listed('type=image'), [picture])
  assert.deepEqual(await listed('type=ppt'), [])
  assert.deepEqual(await listed('tool_type=wechat_article'), [c, b, a])
  assert.deepEqual(await listed('tool_type=resume'), [])
  assert.deepEqual(await listed('keyword=alpha'), [a])
  assert.deepEqual(await listed('keyword=beta_7'), [c])
  assert.deepEqual(await listed('keyword=betax7'), [])
  assert.deepEqual(await listed('keyword=%25'), [b])
  assert.deepEqual(await listed('keyword=_'), [c])
  assert.deepEqual(await listed('keyword=%5C'), [])
  assert.deepEqual(await listed('end_date=2000-01-01'), [])
  assert.deepEqual(await listed('start_date=2000-01-01'), [picture, c, b, a])
  const { data } = await get('/creations?page=2&page_size=3')
  assert.deepEqual([data.total, data.page, data.page_size, data.items.length], [4, 2, 3, 1])
  assert.deepEqual((await get('/creations?page=9')).data.total, 4)
  for (const wrong of ['type=poem', 'page=0', 'page_size=-1', 'start_date=yesterday', 'status=lost'])
    refuses(await get(`/creations?${wrong}`), 400)
  assert.equal((await get('/creations', { as: stranger })).data.total, 0)

  writer.nextText.push(writes('DECLINED'))
  refuses(await post('/writing/wechat_article/generate', { title: '失败的一篇' }), 400, 40_007)
  assert.deepEqual(await listed('type=writing'), [c, b, a])
  const { data: failed } = await get('/creations?status=failed')
  assert.deepEqual([failed.total, failed.items[0].title, failed.items[0].credits_used], [1, '失败的一篇', 0])
})

test('7.3 keeps what an edit replaces, and brings it back', async () => {
  const id = await write()
  const edited = await call('PUT', `/creations/${id}`, { title: '新标题', content: '更新后的内容', extra: 1 })
  assert.deepEqual(
    [edited.message, edited.data.title, edited.data.content, edited.data.version],
    ['更新成功', '新标题', '更新后的内容', 2],
  )
  // What changes nothing is no version.
  assert.equal((await call('PUT', `/creations/${id}`, { title: '新标题' })).data.version, 2)
  assert.equal((await call('PUT', `/creations/${id}`, {})).data.version, 2)
  const { data: versions } = await get(`/creations/${id}/versions`)
  assert.deepEqual(
    versions.items.map((one: Record<string, unknown>) => [
      one.version,
      one.is_current,
      one.title,
      one.content,
    ]),
    [
      [2, true, '新标题', '更新后的内容'],
      [1, false, ARTICLE.title, '第一段。第二段。'],
    ],
  )
  const restored = await post(`/creations/${id}/versions/1/restore`, {})
  assert.deepEqual([restored.data.version, restored.data.content], [3, '第一段。第二段。'])
  assert.equal((await get(`/creations/${id}/versions`)).data.total, 3)
  for (const version of ['9', '2147483648', '999999999999999999'])
    refuses(await post(`/creations/${id}/versions/${version}/restore`, {}), 404)
  for (const wrong of [
    { title: '' },
    { title: 7 },
    { title: 'x'.repeat(201) },
    { content: 'x'.repeat(100_001) },
  ])
    refuses(await call('PUT', `/creations/${id}`, wrong), 400)
  const { creation_id: picture } = (await post('/image/generate', { prompt: '一只猫' })).data
  refuses(await call('PUT', `/creations/${picture}`, { content: '文字' }), 400)
  assert.equal((await call('PUT', `/creations/${picture}`, { title: '猫' })).data.title, '猫')
})

test('7.3 loses none of many edits at once', async () => {
  const id = await write()
  const contents = Array.from({ length: 20 }, (_, index) => `第${index}稿`)
  const answers = await Promise.all(contents.map((content) => call('PUT', `/creations/${id}`, { content })))
  for (const answer of answers) refuses(answer, 200)
  const { data } = await get(`/creations/${id}/versions?page_size=100`)
  assert.deepEqual(
    data.items.map(({ version }: { version: number }) => version),
    Array.from({ length: 21 }, (_, index) => 21 - index),
  )
  assert.deepEqual(
    new Set(data.items.map(({ content }: { content: string }) => content)),
    new Set([...contents, '第一段。第二段。']),
  )
})

test('nobody reaches the creations of another, and what was deleted is gone for its owner too', async () => {
  const id = await write()
  await call('PUT', `/creations/${id}`, { content: '第二稿' })
  const routes: [Method, string, object?][] = [
    ['GET', `/creations/${id}`],
    ['PUT', `/creations/${id}`, { content: '抢' }],
    ['GET', `/creations/${id}/versions`],
    ['POST', `/creations/${id}/versions/1/restore`, {}],
    ['DELETE', `/creations/${id}`],
  ]
  for (const [method, path, body] of routes) {
    refuses(await call(method, path, body, { as: stranger }), 404)
    refuses(await call(method, path, body, { as: null }), 401)
  }
  refuses(await call('GET', '/creations', undefined, { as: null }), 401)
  const { data } = await get(`/creations/${id}`)
  assert.deepEqual([data.content, data.version], ['第二稿', 2])
  const gone = await call('DELETE', `/creations/${id}`)
  assert.deepEqual([gone.code, gone.message, gone.data], [200, '删除成功', null])
  for (const [method, path, body] of routes) refuses(await call(method, path, body), 404)
  assert.equal((await get('/creations')).data.total, 0)
  for (const wrong of ['0', 'x', '1.5', '-1']) refuses(await get(`/creations/${wrong}`), 400)
})

test('a clip whose worker was killed is finished once by whoever takes it over', async () => {
  let answer = (): void => {}
  const late = new Promise<void>((resolve) => {
    answer = resolve
  })
  writer.next.push(async () => ({
    state: 'pending',
    operation: { id: 'job-1' },
    checkAfterMs: 10,
    progress: 40,
  }))
  // The first to ask hears nothing until another has taken over and finished.
  writer.nextCheck.push(async () => {
    await late
    return donePictures()
  })
  const { data } = await post('/video/generate', { script: '接管', duration: 5 })
  await until(() => writer.checked.length > 0)
  const running = await get(`/video/${data.task_id}/status`)
  assert.deepEqual([running.data.status, running.data.progress], ['processing', 40])
  await site.context.db.rows(
    {
      // With another generation, so that its worker cannot extend the lease before another takes it.
      name: 'lapse lease of test',
      text: `update task set due_at = now() - interval '1 second', generation = generation + 1 where handle = $1`,
    },
    [data.task_id],
  )
  const ended = await untilEnded(data.task_id)
  assert.equal(ended.status, 'completed')
  answer()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual(await untilEnded(data.task_id), ended)
  assert.equal(writer.started.length, 1)
  const { available, held, spent } = await balance()
  assert.deepEqual([available, held, spent], [units(150), 0n, units(50)])
  const [file] = await site.context.db.rows<{ count: number }>(
    {
      name: 'outputs of test',
      text: `select count(*)::int from file f join work w on w.id = f.work_id join task t on t.id = w.task_id
       where t.handle = $1 and f.role = 'output'`,
    },
    [data.task_id],
  )
  assert.equal(file?.count, 1)
})

test('a client that leaves cancels nothing', async () => {
  let go = (): void => {}
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  writer.nextText.push(async function* () {
    await held
    yield { type: 'text', text: '照样写完' }
    yield { type: 'end', reason: 'stop', usage: null }
  })
  const address = await site.app.listen({ port: 0, host: '127.0.0.1' })
  const sent = request(`${address}/api/v1/writing/wechat_article/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  })
  const gone = new Promise((resolve) => sent.once('error', resolve))
  sent.end(JSON.stringify(ARTICLE))
  await until(() => writer.asked.length > 0)
  sent.destroy(new Error('the client left'))
  await gone
  go()
  for (let tries = 0; ; tries += 1) {
    const { data } = await get('/creations')
    if (data.items[0].status === 'completed') {
      assert.equal(data.items[0].content, '照样写完')
      return
    }
    assert.ok(tries < 500)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
})
