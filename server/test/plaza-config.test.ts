import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { openConnection } from '../src/kernel/catalog/connections.ts'
import type { Context } from '../src/kernel/context.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { units } from '../src/kernel/money.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createHttpModel } from '../src/providers/http-model/http-model.ts'
import { createOpenAiCompatible } from '../src/providers/openai/openai.ts'
import { createSketch } from '../src/providers/sketch/sketch.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { tinyClip } from './contracts/stage.ts'
import { createUser, pictureOf } from './factories.ts'
import type { HttpModelStandIn } from './providers/http-model-stand-in.ts'
import { startHttpModelStandIn } from './providers/http-model-stand-in.ts'
import type { OpenAiStandIn } from './providers/openai-stand-in.ts'
import { startOpenAiStandIn } from './providers/openai-stand-in.ts'

const SAMPLE = {
  imageProvider: 'stability',
  imageModel: 'stable-diffusion-xl',
  videoProvider: 'sora',
  videoModel: 'sora-1.0',
  assistantProvider: 'openai',
  assistantModel: 'gpt-4',
}
const KEY = 'sk-of-a-custom-vendor-0123456789'
const { limits, quotas: _quotas, ...preset } = plaza.preset
const many = { points: 1_000_000, perSeconds: 60 }
const dialect = { ...plaza, preset: { ...preset, limits: { ...limits, read: many, write: many } } }

let site: TestSite
let other: Context
let openai: OpenAiStandIn
let http: HttpModelStandIn
let admin: { token: string; accountId: bigint }
let user: { token: string; accountId: bigint }
before(async () => {
  openai = await startOpenAiStandIn()
  http = await startHttpModelStandIn()
  // As an operator who names the network of a deployment of their own.
  const outbound = createOutbound({
    allow: ['127.0.0.0/8'],
    lookup: async (name) => (name === 'inside.example.com' ? ['10.1.2.3'] : ['93.184.215.14']),
  })
  const providers = [createSketch(), createOpenAiCompatible(outbound), createHttpModel(outbound)]
  site = await buildSite({ dialect, providers, outbound })
  other = await site.another()
  admin = await createUser(site.context, units(0), { role: 'admin' })
  user = await createUser(site.context, units(1_000))
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await Promise.all([openai.close(), http.close()])
  assert.deepEqual(findings, [])
})

async function send(method: 'GET' | 'PUT' | 'POST', path: string, token: string | null, payload?: unknown) {
  const reply = await site.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }) },
    ...(payload !== undefined && { payload: payload as object }),
  })
  return { status: reply.statusCode, text: reply.payload, body: reply.json() }
}
const current = async () => (await send('GET', '/config/current', user.token)).body.data
const put = (body: unknown) => send('PUT', '/config/providers', admin.token, body)
const add = (body: unknown) => send('POST', '/config/providers/custom', admin.token, body)
const listed = async () => (await send('GET', '/config/providers', user.token)).body.data

test('the documented vendors are listed as the sample has them, and say who really serves them', async () => {
  const vendor = (id: string, name: string, models: string[]) => ({
    id,
    name,
    enabled: true,
    models,
    servedBy: 'sketch',
  })
  const { status, body } = await send('GET', '/config/providers', user.token)
  assert.deepEqual([status, body.code, body.message], [200, 200, 'success'])
  assert.deepEqual(body.data, {
    image: [
      vendor('stability', 'Stability AI', ['stable-diffusion-xl', 'stable-diffusion-3']),
      vendor('dalle', 'DALL-E', ['dall-e-3']),
    ],
    video: [
      vendor('sora', 'SORA (OpenAI)', ['sora-1.0']),
      vendor('veo', 'VEO (Google)', ['veo-2']),
      vendor('runway', 'Runway ML', ['gen-4']),
    ],
    assistant: [vendor('openai', 'OpenAI', ['gpt-4', 'gpt-3.5-turbo'])],
  })
  assert.deepEqual(await current(), SAMPLE)
})

test('reading needs a login, changing an administrator', async () => {
  for (const path of ['/config/providers', '/config/current'])
    assert.equal((await send('GET', path, null)).status, 401)
  const before = await current()
  for (const [method, path, body] of [
    ['PUT', '/config/providers', { imageProvider: 'dalle' }],
    [
      'POST',
      '/config/providers/custom',
      { type: 'image', name: 'X', apiUrl: 'https://example.com', apiKey: KEY },
    ],
  ] as const) {
    assert.equal((await send(method, path, null, body)).status, 401)
    const refused = await send(method, path, user.token, body)
    assert.deepEqual([refused.status, refused.body.code, refused.body.message], [403, 403, '需要管理员权限'])
    // Who may not is told nothing of the body either.
    assert.equal((await send(method, path, user.token, {})).status, 403)
  }
  assert.deepEqual(await current(), before)
})

test('a part is changed and the rest stays; in force at once, in other processes too, and not for tasks under way', async () => {
  const { taskId } = await submitTask(site.context, user, pictureOf('queued before'))
  const changed = await put({ imageProvider: 'dalle' })
  assert.equal(changed.status, 200)
  assert.deepEqual(changed.body.data, { ...SAMPLE, imageProvider: 'dalle', imageModel: 'dall-e-3' })
  assert.equal(site.context.catalog.quote('image', null, 1).model.name, 'dall-e-3')
  for (let times = 0; other.catalog.quote('image', null, 1).model.name !== 'dall-e-3'; times += 1) {
    assert.ok(times < 100, 'another process has not heard')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { rows } = await site.context.db.pool.query(
    'select m.name from task t join model m on m.id = t.model_id where t.id = $1',
    [taskId],
  )
  assert.deepEqual(rows, [{ name: 'stable-diffusion-xl' }])

  // A model alone is one of the vendor in use.
  assert.deepEqual((await put({ assistantModel: 'gpt-3.5-turbo' })).body.data.assistantModel, 'gpt-3.5-turbo')
  assert.deepEqual((await put({ videoProvider: 'veo', videoModel: 'veo-2' })).body.data.videoProvider, 'veo')
  assert.deepEqual((await put(SAMPLE)).body.data, SAMPLE)
})

test('what does not exist, is not that vendor’s or is closed is refused by its field, and then nothing has changed', async () => {
  await site.context.db.pool.query(
    `update model set state = 'closed' where name in ('gen-4', 'stable-diffusion-3')`,
  )
  await site.context.catalog.reload()
  const refused: [object, RegExp][] = [
    [{ imageProvider: 'midjourney' }, /^imageProvider：midjourney/],
    [{ imageProvider: 'sora' }, /^imageProvider：sora/],
    [{ imageModel: 'dall-e-3' }, /^imageModel：.*dall-e-3/],
    [{ imageProvider: 'stability', imageModel: 'stable-diffusion-3' }, /^imageModel/],
    [{ videoProvider: 'runway' }, /^videoProvider：runway/],
    [{ assistantProvider: 'openai', assistantModel: 'gpt-9' }, /^assistantModel/],
    [{ assistantProvider: '__proto__' }, /^assistantProvider/],
    // One good part does not pass with a bad one.
    [{ imageProvider: 'dalle', videoProvider: 'runway' }, /^videoProvider/],
  ]
  for (const [body, told] of refused) {
    const { status, body: answer } = await put(body)
    assert.equal(status, 400, JSON.stringify(body))
    assert.match(answer.error, told)
    assert.deepEqual(await current(), SAMPLE)
  }
  const misread: [unknown, RegExp][] = [
    [{}, /没有要更新的字段/],
    [{ unknown: 'x' }, /没有要更新的字段/],
    [{ imageProvider: 5 }, /imageProvider/],
    [{ imageModel: null }, /imageModel/],
    [{ videoModel: '' }, /videoModel/],
    [[], /请求体/],
  ]
  for (const [body, told] of misread) {
    const { status, text } = await put(body)
    assert.equal(status, 400, JSON.stringify(body))
    assert.match(text, told)
  }
  assert.deepEqual(
    (await listed()).video.find(({ id }: { id: string }) => id === 'runway'),
    {
      ...{ id: 'runway', name: 'Runway ML', enabled: false, models: [], servedBy: '' },
    },
  )
  await site.context.db.pool.query(`update model set state = 'open'`)
  await site.context.catalog.reload()
})

test('administrators who choose at once leave one default of each kind', async () => {
  const choices = [
    { imageProvider: 'dalle', videoProvider: 'veo' },
    { imageProvider: 'stability', videoProvider: 'runway', assistantModel: 'gpt-3.5-turbo' },
    { videoProvider: 'sora', assistantModel: 'gpt-4' },
  ]
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, place) => put(choices[place % choices.length])),
  )
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  const { rows } = await site.context.db.pool.query(
    'select kind, count(*)::int as defaults from model where is_default group by kind order by kind',
  )
  assert.deepEqual(
    rows,
    ['image', 'text', 'video'].map((kind) => ({ kind, defaults: 1 })),
  )
  await put(SAMPLE)
})

const ofOpenAi = (changes: object = {}) => ({
  ...{ type: 'image', name: 'My Images', apiUrl: openai.url, apiKey: openai.key },
  config: { models: ['picture-1', 'picture-2'] },
  ...changes,
})

async function stateOf(taskId: bigint): Promise<{ state: string; failure: string | null }> {
  const { rows } = await site.context.db.pool.query('select state, failure from task where id = $1', [taskId])
  return rows[0] as { state: string; failure: string | null }
}
async function finished(taskId: bigint) {
  const worker = site.startWorker()
  for (let times = 0; ; times += 1) {
    const row = await stateOf(taskId)
    if (['succeeded', 'failed', 'unknown'].includes(row.state)) {
      await worker.stop(1_000)
      return row
    }
    assert.ok(times < 400, `still ${row.state}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

test('a vendor that speaks OpenAI’s wire is added, chosen, and pictures really come from it', async () => {
  const added = await add(ofOpenAi())
  assert.deepEqual([added.status, added.body.code], [201, 201])
  assert.deepEqual(added.body.data, {
    ...{
      id: 'my-images',
      type: 'image',
      name: 'My Images',
      enabled: true,
      models: ['picture-1', 'picture-2'],
    },
  })
  // Nothing uses it before it is chosen.
  assert.deepEqual(await current(), SAMPLE)
  assert.deepEqual((await listed()).image.at(-1), {
    ...{
      id: 'my-images',
      name: 'My Images',
      enabled: true,
      models: ['picture-1', 'picture-2'],
      servedBy: 'openai',
    },
  })
  const chosen = await put({ imageProvider: 'my-images', imageModel: 'picture-2' })
  assert.deepEqual([chosen.body.data.imageProvider, chosen.body.data.imageModel], ['my-images', 'picture-2'])
  openai.seen.length = 0
  const { taskId } = await submitTask(site.context, user, pictureOf('a red fox'))
  assert.deepEqual(await finished(taskId), { state: 'succeeded', failure: null })
  assert.deepEqual(
    openai.seen.map(({ path, fields, headers }) => [
      path,
      fields.model,
      fields.prompt,
      headers.authorization,
    ]),
    [['/v1/images/generations', 'picture-2', 'a red fox', `Bearer ${openai.key}`]],
  )
  await put(SAMPLE)
})

test('so is one for the assistant: its default model is served by it, with its key', async () => {
  const added = await add(ofOpenAi({ type: 'assistant', config: { model: 'chat-1', kind: 'openai' } }))
  assert.deepEqual(added.body.data.models, ['chat-1'])
  await put({ assistantProvider: 'my-images' })
  const { model } = site.context.catalog.quote('text', null, 1)
  assert.deepEqual(
    [model.vendor, model.channels.map((one) => [one.provider, one.vendorModel])],
    ['my-images', [['openai', 'chat-1']]],
  )
  const [channel] = model.channels
  assert.ok(channel)
  const connection = openConnection(site.context, channel)
  assert.deepEqual([connection?.url, connection?.secret], [openai.url, openai.key])
  await put(SAMPLE)
})

const ofHttp = (changes: object = {}, config: object = {}) => ({
  ...{ type: 'video', name: '我的 视频', apiUrl: http.url, apiKey: KEY },
  config: {
    kind: 'http',
    headers: { 'x-team': 'a-team-of-secrets' },
    body: {
      text: '{prompt}',
      length: '{seconds}',
      size: '{width}x{height}',
      options: { fps: '{fps}' },
      first: '{image}',
    },
    queryUrl: `${http.origin}/v1/jobs/{id}`,
    pollSeconds: 0.05,
    outputs: [{ name: 'status', path: 'job.status' }],
    ...config,
  },
  ...changes,
})

test('an API that the administrator describes makes clips: submitted, asked after, and its file kept', async () => {
  const clip = await tinyClip()
  assert.ok(clip.state === 'done' && clip.outputs[0] && 'bytes' in clip.outputs[0])
  const video = Buffer.from(clip.outputs[0].bytes).toString('base64')
  http.onStart({ json: { id: 'job-7' } })
  http.onQuery(
    { json: { job: { status: 'running' } } },
    { json: { job: { status: 'SUCCESS' }, videos: [{ video_url: `data:video/mp4;base64,${video}` }] } },
  )
  const added = await add(ofHttp())
  assert.equal(added.status, 201, added.text)
  assert.deepEqual(added.body.data, {
    ...{ id: '我的-视频', type: 'video', name: '我的 视频', enabled: true, models: ['我的 视频'] },
  })
  // By its vendor's name, as users choose clips.
  const model = site.context.catalog
    .models()
    .find((one) => one.kind === 'video' && one.vendor === '我的-视频')
  assert.ok(model)
  http.starts.length = 0
  http.queries.length = 0
  const { taskId } = await submitTask(site.context, user, {
    ...pictureOf(''),
    kind: 'video',
    model: model.name,
    input: { prompt: 'waves', width: 640, height: 360, seconds: 5, fps: 24, seed: 1 },
  })
  assert.deepEqual(await finished(taskId), { state: 'succeeded', failure: null })
  const [start] = http.starts
  assert.deepEqual(JSON.parse(start?.body ?? ''), {
    text: 'waves',
    length: 5,
    size: '640x360',
    options: { fps: 24 },
  })
  assert.deepEqual(
    [start?.headers.authorization, start?.headers['x-team']],
    [`Bearer ${KEY}`, 'a-team-of-secrets'],
  )
  assert.equal(http.queries.at(-1)?.path, '/v1/jobs/job-7')
})

test('and pictures, no more than were asked for', async () => {
  http.onStart({
    json: { images: Array.from({ length: 3 }, () => `data:image/png;base64,${http.picture.base64}`) },
  })
  const body = { p: '{prompt}', n: '{count}', no: '{negative_prompt}' }
  const added = await add(
    ofHttp({ type: 'image', name: 'Brush' }, { body, models: ['b-1'], queryUrl: undefined }),
  )
  assert.equal(added.status, 201, added.text)
  await put({ imageProvider: 'brush' })
  http.starts.length = 0
  const { taskId } = await submitTask(
    site.context,
    user,
    pictureOf('two cats', { input: { ...pictureOf('two cats').input, count: 2 } }),
  )
  assert.deepEqual(await finished(taskId), { state: 'succeeded', failure: null })
  assert.deepEqual(JSON.parse(http.starts[0]?.body ?? ''), { p: 'two cats', n: 2 })
  const { rows } = await site.context.db.pool.query(
    `select count(*)::int as files from file f join work w on w.id = f.work_id where w.task_id = $1 and f.role = 'output'`,
    [taskId],
  )
  assert.deepEqual(rows, [{ files: 2 }])
  await put(SAMPLE)
})

test('names of vendors are taken once, whatever their case; the documented ones are taken', async () => {
  for (const name of ['My Images', 'my-images', ' MY  IMAGES ', 'Stability', 'DALLE']) {
    const { status, body } = await add(ofOpenAi({ name }))
    assert.deepEqual([status, body.message], [400, '同名服务商已存在'], name)
    assert.match(body.error, /^name/)
  }
  const replies = await Promise.all(Array.from({ length: 10 }, () => add(ofOpenAi({ name: 'At Once' }))))
  assert.deepEqual(replies.map(({ status }) => status).sort(), [201, ...Array.from({ length: 9 }, () => 400)])
})

test('what is wrong with a vendor is said by its field, and nothing is stored', async () => {
  const { rows: before } = await site.context.db.pool.query(
    'select (select count(*) from vendor) as v, (select count(*) from connection) as c, (select count(*) from model) as m',
  )
  const openAi = (config: object) => ofOpenAi({ name: 'New', config })
  const declared = (config: object) => ofHttp({ name: 'New' }, config)
  const refused: [string, object, RegExp][] = [
    ['no type', ofOpenAi({ name: 'New', type: undefined }), /类型不能为空/],
    ['an unknown type', ofOpenAi({ name: 'New', type: 'audio' }), /类型/],
    ['no name', ofOpenAi({ name: undefined }), /名称不能为空/],
    ['an empty name', ofOpenAi({ name: '  ' }), /名称不能为空/],
    ['a name of signs', ofOpenAi({ name: '---' }), /名称格式不正确/],
    ['a long name', ofOpenAi({ name: 'x'.repeat(61) }), /名称太长/],
    ['no address', ofOpenAi({ name: 'New', apiUrl: undefined }), /接口地址不能为空/],
    ['no key', ofOpenAi({ name: 'New', apiKey: undefined }), /接口密钥不能为空/],
    ['a key of two lines', ofOpenAi({ name: 'New', apiKey: 'one\ntwo' }), /接口密钥格式不正确/],
    ['a config that is a list', ofOpenAi({ name: 'New', config: [] }), /配置类型不正确/],
    ['no models', openAi({}), /config\.models不能为空/],
    ['an empty list', openAi({ models: [] }), /config\.models不能为空/],
    ['models that are no list', openAi({ models: 'm' }), /config\.models类型不正确/],
    ['a model that is no text', openAi({ models: ['m', 5] }), /config\.models\[1\]类型不正确/],
    ['an empty model', openAi({ model: ' ' }), /config\.models太短/],
    ['one model twice', openAi({ models: ['m', 'm'] }), /config\.models格式不正确/],
    ['an unknown kind', openAi({ kind: 'grpc' }), /config\.kind.*只能是 openai 或 http/],
    ['an unknown option', openAi({ model: 'm', colour: 'red' }), /配置格式不正确：.*no option colour/],
    ['a wrong option', openAi({ model: 'm', response_format: 'gif' }), /配置格式不正确：.*response_format/],
    ['headers that are no object', openAi({ model: 'm', headers: [] }), /config\.headers类型不正确/],
    [
      'a header that is no text',
      openAi({ model: 'm', headers: { 'x-a': 1 } }),
      /config\.headers\.x-a类型不正确/,
    ],
    [
      'a header of two lines',
      openAi({ model: 'm', headers: { 'x-a': 'a\nb' } }),
      /config\.headers\.x-a格式不正确/,
    ],
    ['clips over OpenAI’s wire', ofOpenAi({ name: 'New', type: 'video' }), /config\.kind.*不能生成视频/],
    ['an assistant over http', ofHttp({ name: 'New', type: 'assistant' }), /config\.kind.*AI助手只支持/],
    ['no body', declared({ body: undefined }), /配置格式不正确：.*body is an object/],
    ['a body without a prompt', declared({ body: { a: 1 } }), /no \{prompt\}/],
    ['a place for nothing', declared({ body: { a: '{prompt}', b: '{colour}' } }), /\{colour\}/],
    [
      'a query without a number',
      declared({ queryUrl: `${http.origin}/jobs` }),
      /queryUrl is an address with \{id\}/,
    ],
    ['outputs that are no list', declared({ outputs: {} }), /outputs is a list/],
    ['a poll of no time', declared({ pollSeconds: 0 }), /pollSeconds/],
    ['a method', declared({ method: 'DELETE' }), /method is POST or PUT/],
  ]
  for (const [what, body, told] of refused) {
    const { status, text, body: answer } = await add(JSON.parse(JSON.stringify(body)))
    assert.equal(status, 400, `${what}: ${text}`)
    assert.match(answer.error, told, what)
  }
  const { rows: after } = await site.context.db.pool.query(
    'select (select count(*) from vendor) as v, (select count(*) from connection) as c, (select count(*) from model) as m',
  )
  assert.deepEqual(after, before)
})

test('plaza hole custom provider address: private networks, plain http over the public one and other schemes are refused', async () => {
  const addresses = [
    'http://93.184.215.14/v1',
    'https://10.0.0.1/v1',
    'http://10.0.0.1/v1',
    'https://192.168.1.1',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/v1',
    'https://[::ffff:10.0.0.1]/v1',
    'https://0x0a000001/',
    'https://inside.example.com/v1',
    'https://user:pass@example.com/v1',
    'ftp://example.com',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'example.com/v1',
  ]
  for (const apiUrl of addresses) {
    const { status, body } = await add(ofOpenAi({ name: 'Inside', apiUrl }))
    assert.equal(status, 400, apiUrl)
    assert.match(body.error, /^apiUrl/, apiUrl)
    if (apiUrl.startsWith('http')) {
      const other = await add(ofHttp({ name: 'Inside' }, { queryUrl: `${apiUrl}/{id}` }))
      assert.equal(other.status, 400, apiUrl)
      assert.match(other.body.error, /^config\.queryUrl/, apiUrl)
    }
  }
})

test('cameo hole 9: keys and addresses are in no answer, and encrypted in the database', async () => {
  const secrets = [KEY, openai.key, 'a-team-of-secrets', http.origin, openai.url]
  const { rows } = await site.context.db.pool.query('select * from connection')
  const stored = rows
    .map(
      ({ sealed, ...row }) =>
        `${JSON.stringify(row, (_, one) => (typeof one === 'bigint' ? String(one) : one))} ${String(sealed)}`,
    )
    .join('\n')
  assert.ok(rows.length >= 4)
  for (const secret of secrets.slice(0, 3)) assert.ok(!stored.includes(secret), secret)
  const answers = [
    await send('GET', '/config/providers', admin.token),
    await send('GET', '/config/current', admin.token),
    await put(SAMPLE),
    await add(ofOpenAi({ name: 'Another' })),
    await add(ofOpenAi({ name: 'Another' })),
    await add(ofHttp({ name: 'Third' }, { body: {} })),
    await add(ofOpenAi({ name: 'Third', apiUrl: 'https://10.0.0.1/v1' })),
  ]
  for (const { text } of answers)
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`)
})
