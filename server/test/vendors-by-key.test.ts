import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readVendors } from '../src/config.ts'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { cameo } from '../src/dialects/cameo/dialect.ts'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import type { Dialect } from '../src/http/dialect.ts'
import {
  addConnection,
  changeOptions,
  rotateKey,
  serveModel,
} from '../src/kernel/catalog/administer-connections.ts'
import { chooseModels } from '../src/kernel/catalog/choose-models.ts'
import { openConnection } from '../src/kernel/catalog/connections.ts'
import { ensureConnections } from '../src/kernel/catalog/ensure-connections.ts'
import { createModel } from '../src/kernel/catalog/models.ts'
import { probeConnection } from '../src/kernel/catalog/probe-connection.ts'
import type { Context } from '../src/kernel/context.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { credits, units } from '../src/kernel/money.ts'
import type { Provider, ProviderKind } from '../src/kernel/ports/provider.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createOpenAiCompatible } from '../src/providers/openai/openai.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { tinyClip } from './contracts/stage.ts'
import { createUser } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'
import type { FakeWriter } from './fakes/writing.ts'
import { aDeck, createFakeRenderer, createFakeWriter } from './fakes/writing.ts'
import type { OpenAiStandIn } from './providers/openai-stand-in.ts'
import { raw, startOpenAiStandIn } from './providers/openai-stand-in.ts'
import { chunk, DONE } from './providers/openai-wire.ts'
import { aPicture } from './providers/vendor-stand-in.ts'

// A key in the environment and nothing else: what each document's routes are served by from then on.

const outbound = createOutbound({ allow: ['127.0.0.0/8'] })

let openai: OpenAiStandIn
before(async () => {
  openai = await startOpenAiStandIn()
})
after(() => openai.close())

/** Takes the place of the built-in renderer, so that it can be counted. */
function createDrawer(): FakeWriter {
  const drawer = createFakeWriter()
  const { start } = drawer
  return Object.assign(drawer, {
    kinds: ['image', 'image_edit', 'video', 'text', 'vision'] as const,
    start: (async (job, options) => {
      if (job.kind !== 'video') return start(job, options)
      drawer.started.push(job)
      return tinyClip()
    }) satisfies Provider['start'],
  })
}

/** A vendor that the environment may bring in. */
function createVendor(
  name: string,
  serves: readonly string[],
  defaultModels: Partial<Record<ProviderKind, string>>,
): ReturnType<typeof createFakeProvider> {
  const letters = name.toUpperCase()
  return Object.assign(createFakeProvider(), {
    name,
    kinds: Object.keys(defaultModels) as ProviderKind[],
    defaultModels,
    repeatable: false,
    account: {
      keyVariable: `${letters}_KEY`,
      addressVariable: `${letters}_URL`,
      address: `https://${name}.example.com`,
      serves,
    },
  })
}

async function openSite(dialect: Dialect, vendors: readonly Provider[] = [], dialectChanges: object = {}) {
  const drawer = createDrawer()
  const providers = [drawer, createOpenAiCompatible(outbound), ...vendors]
  const preset = { ...dialect.preset, needsApproval: false }
  const site = await buildSite({
    dialect: { ...dialect, preset, ...dialectChanges },
    providers,
    outbound,
    decks: createFakeRenderer(),
  })
  const environment = (variables: Record<string, string>) =>
    ensureConnections(site.context, readVendors(variables, providers))
  return { site, drawer, environment }
}

const servedBy = (context: Context): Record<string, string> =>
  Object.fromEntries(
    context.catalog
      .models()
      .map(({ name, channels }) => [
        name,
        channels.map((one) => `${one.provider} ${one.vendorModel}`).join(', '),
      ]),
  )

type Call = { method?: string; path: string; body: object; admin?: boolean }
type Kind = { what: string; call: (site: TestSite) => Promise<Call> | Call; by: 'vendor' | 'drawer' }
const call = (path: string, body: object) => (): Call => ({ path, body })

const SITES: readonly { dialect: Dialect; kinds: readonly Kind[] }[] = [
  {
    dialect: waliassets,
    kinds: [
      {
        what: 'a picture',
        by: 'vendor',
        call: call('/generate/image', { model: 'image_model', prompt: 'a cat' }),
      },
      {
        what: 'a clip',
        by: 'drawer',
        call: call('/generate/animation', { model: 'animation_model', content: 'a cat' }),
      },
    ],
  },
  {
    dialect: aiCreator,
    kinds: [
      { what: 'a picture', by: 'vendor', call: call('/image/generate', { prompt: 'a cat' }) },
      { what: 'a clip', by: 'drawer', call: call('/video/generate', { script: 'a cat' }) },
      { what: 'a text', by: 'vendor', call: call('/writing/story_novel/generate', { title: '春天' }) },
      { what: 'a deck', by: 'vendor', call: call('/ppt/generate', { topic: '发布会' }) },
    ],
  },
  {
    dialect: plaza,
    kinds: [
      { what: 'a picture', by: 'vendor', call: call('/generate/text-to-image', { prompt: 'a cat' }) },
      { what: 'a clip', by: 'drawer', call: call('/generate/text-to-video', { prompt: 'a cat' }) },
      { what: 'a reply', by: 'vendor', call: call('/assistant/chat', { message: '你好' }) },
    ],
  },
  {
    dialect: cameo,
    kinds: [
      { what: 'a picture', by: 'vendor', call: call('/generate/text-to-image', { prompt: 'a cat' }) },
      {
        what: 'a clip',
        by: 'drawer',
        call: call('/generate/text-to-video', { prompt: 'a cat', model_provider: 'openai' }),
      },
      { what: 'a reply', by: 'vendor', call: call('/assistant/send', { content: '你好' }) },
    ],
  },
  {
    dialect: aigentools,
    kinds: [
      {
        what: 'a picture',
        by: 'vendor',
        call: async ({ context }) => ({
          path: '/tasks',
          body: { body: { model_id: Number(await ownModel(context)), prompt: 'a cat' } },
        }),
      },
      {
        what: 'an analysis',
        by: 'vendor',
        call: async () => ({
          path: '/ai-assistant/analyze',
          body: {
            imageUrl: `data:image/png;base64,${(await aPicture(64, 64)).toString('base64')}`,
            template: 'ecommerce',
          },
        }),
      },
    ],
  },
]

/** A model that an operator leaves to the house, as `POST /models/create` without an address does. */
async function ownModel(context: Context): Promise<bigint> {
  const { id } = await createModel(context, {
    title: 'Pictures',
    description: '',
    kind: 'image',
    state: 'open',
    serving: null,
    price: credits(0n),
    declaration: { headers: [], inputs: [], outputs: [] },
  })
  return id
}

/** Sends it and waits for the end of the task, where there is one. */
async function generate(site: TestSite, token: string, base: string, { path, body }: Call): Promise<string> {
  const reply = await site.app.inject({
    method: 'POST',
    url: `${base}${path}`,
    headers: { authorization: `Bearer ${token}` },
    payload: body,
  })
  assert.ok(reply.statusCode < 300, `${path}: ${reply.payload}`)
  for (let tries = 0; tries < 400; tries += 1) {
    const { rows } = await site.context.db.pool.query(
      `select state, failure from task order by id desc limit 1`,
    )
    if (!rows[0] || rows[0].state === 'succeeded') return reply.payload
    assert.notEqual(rows[0].state, 'failed', `${path}: ${rows[0].failure}`)
    await sleep(25)
  }
  throw new Error(`${path}: the task did not end`)
}

const DECK = raw([chunk(JSON.stringify(aDeck)), chunk(null, 'stop'), DONE])

for (const { dialect, kinds } of SITES) {
  test(`${dialect.name}: what was drawn is the vendor's with OPENAI_API_KEY, and what it does not make stays drawn`, async () => {
    const { site, drawer, environment } = await openSite(dialect)
    try {
      site.startWorker()
      const { token } = await createUser(site.context, units(100_000))
      const drawn = () => drawer.started.length + drawer.asked.length
      const models = kinds.map(({ call }) => call(site))
      for (const [place, { what }] of kinds.entries()) {
        const before = drawn()
        await generate(site, token, dialect.base, (await models[place]) as Call)
        assert.equal(drawn(), before + 1, `${what} is drawn without a key`)
      }

      assert.equal(await environment({ OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url }), true)
      for (const [place, { what, by }] of kinds.entries()) {
        const before = { drawn: drawn(), asked: openai.seen.length }
        if (what === 'a deck') openai.next.push(DECK)
        await generate(site, token, dialect.base, (await models[place]) as Call)
        const asked = openai.seen.length - before.asked
        assert.deepEqual(
          [asked, drawn() - before.drawn],
          by === 'vendor' ? [1, 0] : [0, 1],
          `${what} with a key`,
        )
      }
      // A model that is left to the house from now on is the vendor's too.
      await ownModel(site.context)
      assert.equal(Object.values(servedBy(site.context)).at(-1), 'openai gpt-image-1.5')
      assert.deepEqual(await verifyLedger(site.context), [])
    } finally {
      await site.close()
    }
  })
}

test('plaza and cameo say who really makes what', async () => {
  for (const [dialect, path] of [
    [plaza, '/config/providers'],
    [cameo, '/generate/image-models'],
  ] as const) {
    const { site, environment } = await openSite(dialect)
    try {
      const { token } = await createUser(site.context, units(0))
      const list = async () => {
        const reply = await site.app.inject({
          url: `${dialect.base}${path}`,
          headers: { authorization: `Bearer ${token}` },
        })
        return reply.payload
      }
      assert.doesNotMatch(await list(), /"servedBy":"openai"/)
      await environment({ OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url })
      const text = await list()
      assert.match(text, /"servedBy":"openai"/)
      if (dialect === plaza) assert.match(text, /"id":"sora"[^}]*"servedBy":"sketch"/)
      assert.doesNotMatch(text, new RegExp(openai.url))
    } finally {
      await site.close()
    }
  }
})

describe('several vendors', () => {
  const vendors = () => [
    createVendor('cheap', [], { image: 'cheap-image', video: 'cheap-video' }),
    createVendor('moving', ['veo'], { video: 'moving-video' }),
    createVendor('still', ['stability'], { image: 'still-image' }),
  ]
  const ALL = { CHEAP_KEY: 'k-cheap', MOVING_KEY: 'k-moving', STILL_KEY: 'k-still' }

  test('a model goes to the vendor it is called after, others to the first that can, and some stay', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    try {
      await environment({ ...ALL, OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url })
      assert.deepEqual(servedBy(site.context), {
        'stable-diffusion-xl': 'still still-image',
        'stable-diffusion-3': 'still still-image',
        'dall-e-3': 'openai gpt-image-1.5',
        'sora-1.0': 'sketch sketch',
        'veo-2': 'moving moving-video',
        'gen-4': 'cheap cheap-video',
        'gpt-4': 'openai gpt-5-mini',
        'gpt-3.5-turbo': 'openai gpt-5-mini',
      })
      // Who names no model gets one that is served.
      const { model } = site.context.catalog.quote('video', null, 1)
      assert.equal(model.name, 'veo-2')
    } finally {
      await site.close()
    }
  })

  test('what starts from a picture goes to the vendor’s own model for that', async () => {
    const still = createVendor('still', ['stability'], { image: 'still-image', image_edit: 'still-edit' })
    const { site, environment } = await openSite(cameo, [still])
    try {
      site.startWorker()
      const { token } = await createUser(site.context, units(1_000))
      await environment({ STILL_KEY: 'k-still' })
      const body = { prompt: 'a cat', model_name: 'stable-diffusion-xl' }
      const source_image_url = `data:image/png;base64,${(await aPicture(64, 64)).toString('base64')}`
      await generate(site, token, cameo.base, { path: '/generate/text-to-image', body })
      await generate(site, token, cameo.base, {
        path: '/generate/image-to-image',
        body: { ...body, source_image_url },
      })
      assert.deepEqual(
        still.started.map(({ kind, model }) => [kind, model]),
        [
          ['image', 'still-image'],
          ['image_edit', 'still-edit'],
        ],
      )
    } finally {
      await site.close()
    }
  })

  test('a key added later moves what is still drawn and nothing that a vendor serves', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    try {
      assert.equal(await environment({ CHEAP_KEY: 'k-cheap' }), true)
      const before = servedBy(site.context)
      assert.equal(before['stable-diffusion-xl'], 'cheap cheap-image')
      assert.equal(before['gpt-4'], 'sketch sketch')
      const again = { ...ALL, OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url }
      assert.equal(await environment(again), true)
      assert.deepEqual(servedBy(site.context), {
        ...before,
        'gpt-4': 'openai gpt-5-mini',
        'gpt-3.5-turbo': 'openai gpt-5-mini',
      })
      assert.equal(await environment(again), false, 'a third start finds nothing to do')
    } finally {
      await site.close()
    }
  })

  test('what an operator chose stays: a model it serves, a default, a connection', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      await chooseModels(context, [{ kind: 'video', vendor: 'veo', model: null }])
      await chooseModels(context, [{ kind: 'video', vendor: 'sora', model: null }])
      await environment({ CHEAP_KEY: 'k-cheap' })
      assert.equal(context.catalog.quote('video', null, 1).model.name, 'sora-1.0')
      await serveModel(context, {
        ...{ model: 'dall-e-3', connection: 'cheap', vendorModel: 'cheap-image' },
        ...{ weight: 5, isOnly: true },
      })
      await environment({ ...ALL, CHEAP_KEY: 'k-cheap' })
      assert.equal(servedBy(context)['dall-e-3'], 'cheap cheap-image')
      assert.equal(await rotateKey(context, 'cheap', { secret: 'k-of-the-operator', headers: {} }), true)
      assert.equal(await environment({ ...ALL, CHEAP_KEY: 'k-another' }), false)
      assert.equal(keyOf(context, 'cheap'), 'k-of-the-operator')
    } finally {
      await site.close()
    }
  })

  test('how a vendor is spoken to may be changed, and its key stays the environment’s', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      const variables = { OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url }
      await environment(variables)
      assert.deepEqual(await changeOptions(context, 'openai', { pictures_per_call: 1, temperature: 'off' }), {
        pictures_per_call: 1,
        temperature: 'off',
      })
      await assert.rejects(
        changeOptions(context, 'openai', { pictures_per_call: 'many' }),
        (error) => error instanceof KernelError && /pictures_per_call/.test(JSON.stringify(error.details)),
      )
      assert.deepEqual(await changeOptions(context, 'openai', { temperature: null }), {
        pictures_per_call: 1,
      })
      assert.deepEqual(connectionOf(context, 'openai')?.options, { pictures_per_call: 1 })
      assert.equal(await changeOptions(context, 'nobody', {}), null)
      await environment({ ...variables, OPENAI_API_KEY: 'sk-another' })
      assert.equal(keyOf(context, 'openai'), 'sk-another')
      assert.deepEqual(connectionOf(context, 'openai')?.options, { pictures_per_call: 1 })
    } finally {
      await site.close()
    }
  })

  test('another key or address in the environment takes the place of the one it gave', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      await environment({ CHEAP_KEY: 'k-one' })
      assert.equal(keyOf(context, 'cheap'), 'k-one')
      assert.equal(await environment({ CHEAP_KEY: 'k-two', CHEAP_URL: 'https://b.example.com' }), true)
      assert.equal(keyOf(context, 'cheap'), 'k-two')
      assert.equal(connectionOf(context, 'cheap')?.url, 'https://b.example.com')
      assert.equal(await environment({}), false, 'a vendor that is no longer named stays')
      assert.equal(keyOf(context, 'cheap'), 'k-two')
      assert.equal(servedBy(context)['veo-2'], 'cheap cheap-video')
    } finally {
      await site.close()
    }
  })

  test('a vendor can be asked for nothing whether it takes the key and has the models', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      const variables = { OPENAI_API_KEY: openai.key, OPENAI_BASE_URL: openai.url, CHEAP_KEY: 'k-cheap' }
      await environment(variables)
      const paid = (): number => openai.seen.filter(({ role }) => role === 'submit').length
      const calls = paid()
      assert.deepEqual(await probeConnection(context, 'openai'), {
        ...{ state: 'taken', models: 2, missing: ['gpt-image-1.5'] },
      })
      assert.deepEqual(await probeConnection(context, 'cheap'), { state: 'unknown' })
      assert.equal(await probeConnection(context, 'nobody'), null)
      await environment({ ...variables, OPENAI_API_KEY: 'sk-that-is-wrong' })
      const refused = await probeConnection(context, 'openai')
      assert.match(JSON.stringify(refused), /"refused".*401 invalid_api_key/)
      assert.doesNotMatch(JSON.stringify(refused), /sk-that-is-wrong/)
      await environment({ ...variables, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' })
      assert.match(JSON.stringify(await probeConnection(context, 'openai')), /"refused"/)
      assert.equal(paid(), calls, 'nothing that costs was asked')
    } finally {
      await site.close()
    }
  })

  test('a connection of before that the environment gave is the environment’s again; an operator’s is not', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      await environment({ CHEAP_KEY: 'k-one' })
      await context.db.pool.query('update connection set environment_mark = null')
      assert.equal(await environment({ CHEAP_KEY: 'k-two' }), false, 'whose it is cannot be told')
      assert.equal(await environment({ CHEAP_KEY: 'k-one' }), true)
      assert.equal(await environment({ CHEAP_KEY: 'k-two' }), true)
      assert.equal(keyOf(context, 'cheap'), 'k-two')
      await addConnection(context, {
        ...{ name: 'moving', provider: 'cheap', url: 'https://b.example.com', options: {} },
        ...{ secret: 'k-of-the-operator', headers: {} },
      })
      assert.equal(await environment({ CHEAP_KEY: 'k-two', MOVING_KEY: 'k-moving' }), false)
    } finally {
      await site.close()
    }
  })

  test('a connection that another SECRET_KEY has sealed is given its key again', async () => {
    const { site, environment } = await openSite(plaza, vendors())
    const { context } = site
    try {
      await environment({ CHEAP_KEY: 'k-one' })
      await context.db.pool.query(
        `update connection set sealed = '\\x00', environment_mark = decode(repeat('00', 32), 'hex')`,
      )
      assert.equal(await environment({ CHEAP_KEY: 'k-one' }), true)
      assert.equal(keyOf(context, 'cheap'), 'k-one')
    } finally {
      await site.close()
    }
  })

  const connectionOf = (context: Context, provider: string) => {
    const channel = context.catalog
      .models()
      .flatMap(({ channels }) => channels)
      .find((one) => one.provider === provider)
    return channel && openConnection(context, channel)
  }
  const keyOf = (context: Context, provider: string) => connectionOf(context, provider)?.secret
})
