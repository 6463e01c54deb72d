import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { buildApp } from '../src/http/app.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { openConnection } from '../src/kernel/catalog/connections.ts'
import { ensureConnections } from '../src/kernel/catalog/ensure-connections.ts'
import type { Context } from '../src/kernel/context.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { units } from '../src/kernel/money.ts'
import type { TextPart } from '../src/kernel/ports/provider.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createOpenAiCompatible } from '../src/providers/openai/openai.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'
import type { OpenAiStandIn } from './providers/openai-stand-in.ts'
import { startOpenAiStandIn } from './providers/openai-stand-in.ts'

// Models as administrators of ai-creator add them: what generation calls, at what price, and who sees which key.

type Model = {
  id: number
  name: string
  provider: string
  model_name: string
  is_active: boolean
  credits_cost: number
  kind: string
  api_base?: string | null
  config?: object
}
type Answer<Data = Model> = { status: number; code: number; message: string; data: Data; text: string }

const fake = createFakeProvider()
fake.kinds = ['image', 'video', 'text', 'vision']
const limits = Object.fromEntries(
  Object.keys(aiCreator.preset.limits).map((name) => [name, { points: 1_000_000, perSeconds: 60 }]),
) as typeof aiCreator.preset.limits

const openSite = (allow: string[]): Promise<TestSite> => {
  const outbound = createOutbound({ allow })
  return buildSite({
    dialect: aiCreator,
    preset: { limits },
    outbound,
    providers: [fake, createOpenAiCompatible(outbound)],
  })
}

let site: TestSite
let vendor: OpenAiStandIn
let admin: string
let user: { accountId: bigint; token: string }
before(async () => {
  vendor = await startOpenAiStandIn()
  site = await openSite(['127.0.0.0/8'])
  site.startWorker()
  admin = (await createUser(site.context, units(0), { role: 'admin' })).token
  user = await createUser(site.context, units(1_000))
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await vendor.close()
  assert.deepEqual(findings, [])
})

async function call<Data = Model>(
  method: string,
  path: string,
  token: string,
  body?: object,
  on = site,
): Promise<Answer<Data>> {
  const reply = await on.app.inject({
    method: method as 'GET',
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...(body && { payload: body }),
  })
  return { status: reply.statusCode, ...reply.json(), text: reply.payload }
}

const drawing = (changes: object = {}) => ({
  name: 'Pictures',
  provider: 'openai',
  model_name: 'gpt-image-1.5',
  api_key: vendor.key,
  api_base: vendor.url,
  config: { kind: 'image' },
  credits_cost: 8,
  ...changes,
})
async function add(changes: object = {}, on = site, token = admin): Promise<Model> {
  const reply = await call('POST', '/models', token, drawing(changes), on)
  assert.equal(reply.status, 200, reply.text)
  return reply.data
}
const ids = async (token: string, query = '') =>
  (await call<Model[]>('GET', `/models${query}`, token)).data.map(({ id }) => id)

async function generate(model: number, on = site, who = user): Promise<{ state: string; cost: bigint }> {
  const { taskId } = await submitTask(on.context, who, pictureOf('一只猫', { model: BigInt(model) }))
  for (;;) {
    const { rows } = await on.context.db.pool.query('select state, cost from task where id = $1', [taskId])
    if (['succeeded', 'failed', 'unknown'].includes(rows[0].state)) return rows[0]
    await sleep(20)
  }
}

describe('a model that an administrator adds', () => {
  test('is what a picture is really made by, with its key, under its name, at its price', async () => {
    const model = await add()
    const before = vendor.seen.length
    const { state, cost } = await generate(model.id)
    assert.deepEqual([state, cost], ['succeeded', units(8)])
    assert.equal(vendor.seen.length, before + 1)
    const seen = vendor.seen.at(-1)
    assert.equal(seen?.headers.authorization, `Bearer ${vendor.key}`)
    assert.deepEqual([seen?.fields.model, seen?.fields.prompt], ['gpt-image-1.5', '一只猫'])
  })

  test('writes within its config', async () => {
    const { id, config } = await add({
      model_name: 'qwen-plus',
      config: { temperature: 0.25, max_tokens: 50 },
    })
    assert.deepEqual(config, { temperature: 0.25, max_tokens: 50 })
    const write = async (): Promise<Record<string, unknown> | undefined> => {
      const [channel] = site.context.catalog.models().find((one) => one.id === BigInt(id))?.channels ?? []
      assert.ok(channel)
      const parts: TextPart[] = []
      const messages = [{ role: 'user' as const, text: '你好' }]
      const job = { kind: 'text' as const, system: '', messages, maxTokens: 4_000, temperature: 1 }
      const call = { connection: openConnection(site.context, channel), signal: new AbortController().signal }
      const written = site.context.providers
        .get('openai')
        ?.write?.({ ...job, model: channel.vendorModel }, call)
      for await (const part of written ?? []) parts.push(part)
      assert.equal(parts.at(-1)?.type, 'end')
      return vendor.seen.at(-1)?.fields
    }
    assert.partialDeepStrictEqual(await write(), { model: 'qwen-plus', max_tokens: 50, temperature: 0.25 })
    await call('PUT', `/models/${id}`, admin, { config: { temperature: null, max_tokens: 99 } })
    assert.partialDeepStrictEqual(await write(), { max_tokens: 99, temperature: 1 })
  })

  test('keeps its key through a change that names none, a mask or nothing, and takes a new one', async () => {
    const { id } = await add()
    const keyOf = () => {
      const [channel] = site.context.catalog.models().find((one) => one.id === BigInt(id))?.channels ?? []
      assert.ok(channel)
      return openConnection(site.context, channel)?.secret
    }
    for (const api_key of [undefined, null, '', '***', '******', 'sk-1****abcd']) {
      const { status } = await call('PUT', `/models/${id}`, admin, { name: 'Renamed', api_key })
      assert.equal(status, 200)
      assert.equal(keyOf(), vendor.key, String(api_key))
    }
    await call('PUT', `/models/${id}`, admin, { api_key: 'a-new-key' })
    assert.equal(keyOf(), 'a-new-key')
    assert.equal((await generate(id)).state, 'failed', 'and the vendor was asked with it')
    assert.equal(vendor.seen.at(-1)?.headers.authorization, 'Bearer a-new-key')
    const moved = await call('PUT', `/models/${id}`, admin, {
      api_key: vendor.key,
      model_name: 'gpt-image-2',
    })
    assert.equal(moved.data.model_name, 'gpt-image-2')
    assert.equal((await generate(id)).state, 'succeeded')
    assert.equal(vendor.seen.at(-1)?.fields.model, 'gpt-image-2')
  })

  test('never takes its key along to another vendor', async () => {
    const { id } = await add()
    const moved = await call('PUT', `/models/${id}`, admin, { provider: 'deepseek' })
    assert.deepEqual([moved.status, moved.message], [400, 'api_key不能为空'])
    const { rows } = await site.context.db.pool.query('select url from connection where name = $1', [
      `model:${id}`,
    ])
    assert.deepEqual(rows, [{ url: vendor.url }])
    const keyed = await call('PUT', `/models/${id}`, admin, { provider: 'deepseek', api_key: 'its-own' })
    assert.deepEqual([keyed.data.provider, keyed.data.api_base], ['deepseek', 'https://api.deepseek.com/v1'])
  })

  test('a model of the samples that the built-in renderer serves can be given to a vendor, and back', async () => {
    const [, image] = (await call<Model[]>('GET', '/models', admin)).data
    assert.deepEqual([image?.id, image?.provider, image?.kind], [2, 'sketch', 'image'])
    const incomplete = await call('PUT', '/models/2', admin, { api_key: vendor.key })
    assert.deepEqual([incomplete.status, incomplete.message], [400, 'provider不能为空'])
    const { config: _config, name: _name, ...serving } = drawing()
    assert.equal((await call('PUT', '/models/2', admin, serving)).status, 200)
    const before = vendor.seen.length
    assert.deepEqual(await generate(2), { state: 'succeeded', cost: units(8) })
    assert.equal(vendor.seen.length, before + 1)
    assert.equal((await call('PUT', '/models/2', admin, { provider: 'sketch' })).data.provider, 'sketch')
    const drawn = fake.started.length
    await generate(2)
    assert.deepEqual([fake.started.length, vendor.seen.length], [drawn + 1, before + 1])
  })

  test('reaches a private address only where OUTBOUND_ALLOW names it', async () => {
    const closed = await openSite([])
    try {
      closed.startWorker()
      const { token } = await createUser(closed.context, units(0), { role: 'admin' })
      const somebody = await createUser(closed.context, units(100))
      const model = await add({}, closed, token)
      const before = vendor.seen.length
      const { state } = await generate(model.id, closed, somebody)
      assert.deepEqual([state, vendor.seen.length], ['failed', before])
      const { rows } = await closed.context.db.pool.query(
        'select available from wallet where account_id = $1',
        [somebody.accountId],
      )
      assert.deepEqual(rows, [{ available: units(100) }], 'and nobody pays for it')
    } finally {
      await closed.close()
    }
  })
})

describe('what is accepted', () => {
  test('the document’s example, whose address is DashScope’s own wire', async () => {
    const reply = await call('POST', '/models', admin, {
      name: '通义千问Plus',
      provider: 'qwen',
      model_name: 'qwen-plus',
      api_key: 'sk-xxx',
      api_base: 'https://dashscope.aliyuncs.com/api/v1',
      config: { temperature: 0.7, max_tokens: 2000 },
      credits_cost: 8,
    })
    assert.equal(reply.status, 200, reply.text)
    assert.partialDeepStrictEqual(reply.data, {
      name: '通义千问Plus',
      provider: 'qwen',
      model_name: 'qwen-plus',
      is_active: true,
      credits_cost: 8,
      kind: 'text',
      api_base: 'https://dashscope.aliyuncs.com/compatible-mode/v1',
    })
    assert.ok((await ids(admin, '?provider=dashscope')).includes(reply.data.id), 'under its other name')
    assert.ok(!(await ids(admin, '?provider=openai')).includes(reply.data.id))
  })

  for (const [provider, base] of [
    ['deepseek', 'https://api.deepseek.com/v1'],
    ['DashScope', 'https://dashscope.aliyuncs.com/compatible-mode/v1'],
    ['kimi', 'https://api.moonshot.cn/v1'],
    ['ollama', 'http://127.0.0.1:11434/v1'],
  ]) {
    test(`${provider} has an address of its own`, async () => {
      const { api_base } = await add({ provider, api_base: undefined, config: { kind: 'text' } })
      assert.equal(api_base, base)
    })
  }

  test('base_url stands for api_base', async () => {
    const { api_base } = await add({ api_base: undefined, base_url: `${vendor.url}/` })
    assert.equal(api_base, vendor.url)
  })

  for (const [why, changes, words] of [
    ['an unknown provider', { provider: 'acme' }, /不支持的provider，可用的有：qwen、openai.*ollama.*sketch/],
    ['no address where none is known', { provider: 'custom', api_base: undefined }, /api_base不能为空/],
    ['an address that is none', { api_base: 'ftp://example.com' }, /api_base格式不正确/],
    ['a password in the address', { api_base: 'https://u:p@example.com/v1' }, /api_base格式不正确/],
    ['a key of two lines', { api_key: 'one\ntwo' }, /api_key格式不正确/],
    ['a negative price', { credits_cost: -1 }, /credits_cost太小/],
    ['a price in words', { credits_cost: 'free' }, /credits_cost类型不正确/],
    ['an unknown kind', { config: { kind: 'smell' } }, /config.kind/],
    ['a kind that the vendor makes only when told so', { config: { kind: 'video' } }, /config.kind/],
    ['a setting that would do nothing', { config: { mood: 'good' } }, /config.mood/],
    ['a temperature out of bounds', { config: { temperature: 3 } }, /config.temperature/],
    ['no name', { name: '  ' }, /名称不能为空/],
    ['no model', { model_name: undefined }, /model_name不能为空/],
  ] as [string, object, RegExp][]) {
    test(`not ${why}`, async () => {
      const before = await ids(admin)
      const { status, message } = await call('POST', '/models', admin, drawing(changes))
      assert.equal(status, 400)
      assert.match(message, words)
      assert.deepEqual(await ids(admin), before)
    })
  }
})

describe('who may do and see what', () => {
  test('users list what is active, without addresses or keys, and change nothing', async () => {
    const { id } = await add()
    const hidden = await add({ is_active: false })
    const { data, text } = await call<Model[]>('GET', '/models', user.token)
    const row = data.find((one) => one.id === id)
    assert.partialDeepStrictEqual(row, {
      name: 'Pictures',
      provider: 'openai',
      is_active: true,
      credits_cost: 8,
    })
    assert.equal('api_base' in (row ?? {}), false)
    assert.ok(!data.some((one) => one.id === hidden.id))
    assert.doesNotMatch(text, /key-stand-in|api_key/)
    assert.deepEqual(await ids(user.token, '?is_active=false'), [])
    assert.ok((await ids(admin, '?is_active=false')).includes(hidden.id))
    assert.ok(!(await ids(admin, '?is_active=True')).includes(hidden.id))
    assert.equal((await call('GET', '/models?is_active=perhaps', admin)).status, 400)
    for (const [method, path] of [
      ['POST', '/models'],
      ['PUT', `/models/${id}`],
      ['DELETE', `/models/${id}`],
    ] as const) {
      const refused = await call(method, path, user.token, method === 'DELETE' ? undefined : drawing())
      assert.deepEqual([refused.status, refused.code, refused.message], [403, 403, '需要管理员权限'])
    }
    assert.ok((await ids(user.token)).includes(id))
    await assert.rejects(generate(hidden.id), { code: 'model_not_found' })
  })

  test('a key is in no reply and in no row', async () => {
    const key = 'unmistakable-key-of-a-vendor'
    const made = await call('POST', '/models', admin, drawing({ api_key: key }))
    const changed = await call('PUT', `/models/${made.data.id}`, admin, { api_key: `${key}-2` })
    const listed = await call('GET', '/models', admin)
    const wrong = await call('POST', '/models', admin, drawing({ api_key: `${key}\n`.repeat(2) }))
    const { rows } = await site.context.db.pool.query(
      `select to_jsonb(k)::text || encode(k.sealed, 'escape') as text from connection k
       union all select to_jsonb(m)::text from model m union all select to_jsonb(c)::text from channel c`,
    )
    for (const text of [made.text, changed.text, listed.text, wrong.text, ...rows.map((row) => row.text)])
      assert.doesNotMatch(text, /unmistakable/)
  })
})

test('a key is in no log line, also where its vendor refuses it', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const app = await buildApp(site.context, aiCreator, {
    logger,
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
  })
  const log = site.context.log
  site.context.log = logger
  try {
    const key = 'unmistakable-key-of-a-vendor'
    const headers = { authorization: `Bearer ${admin}` }
    const post = { method: 'POST', url: '/api/v1/models', headers } as const
    const made = await app.inject({ ...post, payload: drawing({ api_key: key }) })
    await app.inject({ ...post, payload: drawing({ api_key: `${key}\nmore` }) })
    await app.inject({ ...post, payload: drawing({ api_key: [key] }) })
    await generate(made.json().data.id)
    assert.ok(lines.length >= 3)
    assert.doesNotMatch(lines.join(''), /unmistakable/)
  } finally {
    site.context.log = log
    await app.close()
  }
})

describe('taking a model away', () => {
  test('a deleted one is found by nobody; its channels and tasks stay', async () => {
    const { id } = await add()
    await generate(id)
    const { status, message } = await call('DELETE', `/models/${id}`, admin)
    assert.deepEqual([status, message], [200, '模型已删除'])
    assert.ok(!(await ids(admin)).includes(id))
    for (const [method, body] of [
      ['PUT', { name: 'Back' }],
      ['DELETE', undefined],
    ] as const)
      assert.equal((await call(method, `/models/${id}`, admin, body)).status, 404)
    await assert.rejects(generate(id), { code: 'model_not_found' })
    const { rows } = await site.context.db.pool.query(
      `select (select count(*)::int from channel where model_id = $1 and enabled) as channels,
         (select count(*)::int from task where model_id = $1) as tasks`,
      [id],
    )
    assert.deepEqual(rows, [{ channels: 1, tasks: 1 }])
  })

  test('a default model passes its place on, and the last of its kind stays; two at once leave one', async () => {
    const own = await openSite([])
    try {
      const { token } = await createUser(own.context, units(0), { role: 'admin' })
      const only = await call('DELETE', '/models/2', token, undefined, own)
      assert.deepEqual([only.status, only.code], [400, 400])
      assert.equal((await call('PUT', '/models/2', token, { is_active: false }, own)).status, 400)
      const other = await add({}, own, token)
      const answers = await Promise.all(
        [2, other.id].map((id) => call('DELETE', `/models/${id}`, token, undefined, own)),
      )
      assert.ok(answers.some(({ status }) => status === 200))
      await own.context.catalog.reload()
      // Whoever names no model still gets one, unless nothing is left to give.
      const left = own.context.catalog
        .models()
        .filter(({ kind, state }) => kind === 'image' && state === 'open')
      assert.equal(left.length, 1)
      assert.equal(own.context.catalog.quote('image', null, 1).model.id, left[0]?.id)
    } finally {
      await own.close()
    }
  })
})

describe('the vendor of the environment', () => {
  const channelsOf = (context: Context) =>
    context.catalog
      .models()
      .map(({ name, channels }) => [name, ...channels.map((one) => `${one.provider} ${one.vendorModel}`)])

  test('serves at once what only the renderer served, and never again asks the environment', async () => {
    const own = await openSite(['127.0.0.0/8'])
    try {
      own.startWorker()
      const somebody = await createUser(own.context, units(100))
      assert.equal(await ensureConnections(own.context, { openai: null }), false)
      const openai = { url: vendor.url, key: vendor.key }
      const done = await Promise.all([
        ensureConnections(own.context, { openai }),
        ensureConnections(await own.another(), { openai }),
      ])
      assert.deepEqual(done.sort(), [false, true])
      await own.context.catalog.reload()
      assert.deepEqual(channelsOf(own.context), [
        ['text_model', 'openai gpt-5-mini'],
        ['image_model', 'openai gpt-image-1.5'],
        ['video_model', 'sketch sketch'],
        ['deck_model', 'openai gpt-5-mini'],
      ])
      assert.equal((await generate(2, own, somebody)).state, 'succeeded')
      assert.equal(vendor.seen.at(-1)?.fields.model, 'gpt-image-1.5')
      const { rows } = await own.context.db.pool.query(
        `select enabled from channel where provider = 'sketch' order by model_id`,
      )
      const enabled = rows.map((row) => row.enabled)
      assert.deepEqual(enabled, [false, false, true, false], 'kept, not deleted')

      // The operator takes the pictures back; another start with another key changes nothing.
      await own.context.db.pool.query(
        `update channel set enabled = provider = 'sketch' where model_id = (select id from model where name = 'image_model')`,
      )
      assert.equal(await ensureConnections(own.context, { openai: { ...openai, key: 'other' } }), false)
      await own.context.catalog.reload()
      assert.deepEqual(channelsOf(own.context)[1], ['image_model', 'sketch sketch'])
    } finally {
      await own.close()
    }
  })

  test('leaves alone what an operator had served before', async () => {
    const own = await openSite(['127.0.0.0/8'])
    try {
      const { token } = await createUser(own.context, units(0), { role: 'admin' })
      const { config: _config, name: _name, ...serving } = drawing({ provider: 'custom' })
      await call('PUT', '/models/2', token, serving, own)
      await call('PUT', '/models/2', token, { provider: 'sketch' }, own)
      await ensureConnections(own.context, { openai: { url: vendor.url, key: vendor.key } })
      assert.deepEqual(channelsOf(own.context)[1], ['image_model', 'sketch sketch'])
    } finally {
      await own.close()
    }
  })
})
