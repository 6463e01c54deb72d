import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { cameo } from '../src/dialects/cameo/dialect.ts'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import type { Dialect } from '../src/http/dialect.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { setSetting } from '../src/kernel/catalog/administer.ts'
import { createModel } from '../src/kernel/catalog/models.ts'
import { createCharacter } from '../src/kernel/characters/create.ts'
import type { Context } from '../src/kernel/context.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { editTask } from '../src/kernel/generation/edit.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { bindIdempotencyKey } from '../src/kernel/idempotency.ts'
import { addWords, listWords, readWordFile, removeWords } from '../src/kernel/moderation/administer-words.ts'
import { listRefusals } from '../src/kernel/moderation/count-refusals.ts'
import { units } from '../src/kernel/money.ts'
import type { Provider } from '../src/kernel/ports/provider.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { tinyClip } from './contracts/stage.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeWriter } from './fakes/writing.ts'
import { aDeck, breaksWith, createFakeRenderer, createFakeWriter, writes } from './fakes/writing.ts'
import { aPicture } from './providers/vendor-stand-in.ts'

// Refused content: by the operator's list before anything is taken, by a vendor after; in each document's words.

const WORD = '禁词'
/** As users hide it. */
const HIDDEN = '画一个禁 \u200b词'

const isContentRefused = (error: unknown): boolean =>
  error instanceof KernelError && error.code === 'content_refused'

function createVendor(): FakeWriter {
  const vendor = createFakeWriter({ repeatable: false })
  const { start } = vendor
  return Object.assign(vendor, {
    kinds: ['image', 'image_edit', 'video', 'text', 'vision', 'custom'] as const,
    start: (async (job, options) => {
      if (job.kind === 'image' || job.kind === 'image_edit' || vendor.next.length > 0)
        return start(job, options)
      vendor.started.push(job)
      return tinyClip()
    }) satisfies Provider['start'],
  })
}

type Place = {
  site: TestSite
  context: Context
  vendor: FakeWriter
  user: { accountId: bigint; token: string }
  /** What reached the vendor. */
  calls: () => number
  /** What the next call is refused for. */
  refuseNext: () => void
}

async function openPlace(dialect: Dialect): Promise<Place> {
  const vendor = createVendor()
  const site = await buildSite({
    dialect: { ...dialect, preset: { ...dialect.preset, needsApproval: false } },
    providers: [vendor],
    decks: createFakeRenderer(),
  })
  const refused = () => new ProviderError('content', 'secret words of the vendor')
  return {
    site,
    context: site.context,
    vendor,
    user: await createUser(site.context, units(1_000)),
    calls: () => vendor.started.length + vendor.asked.length,
    refuseNext: () => {
      vendor.next.push(async () => {
        throw refused()
      })
      vendor.nextText.push(breaksWith(refused()))
    },
  }
}

type Asked = { path: string; body: object }
type Kind = {
  what: string
  kind: string
  /** What is sent for a prompt; null where a user writes none. */
  ask: (prompt: string, place: Place) => Asked | Promise<Asked>
  takesWords?: false
  /** HTTP status and the envelope's code of a request that is refused at once. */
  refused?: readonly [number, number]
  /** What the vendor's refusal is answered with, where the route waits for it. */
  failed?: readonly [number, number]
  /** Where else the user reads it, given the route's own reply. */
  readBack?: (data: Record<string, unknown>) => string
}

const at = (path: string, body: (prompt: string) => object) => (prompt: string) => ({
  path,
  body: body(prompt),
})

const SITES: readonly { dialect: Dialect; code: string; words: RegExp; kinds: readonly Kind[] }[] = [
  {
    dialect: waliassets,
    code: 'code',
    words: /内容未通过安全审核/,
    kinds: [
      {
        ...{ what: 'a picture', kind: 'image', refused: [200, 1502], failed: [200, 1502] },
        ask: at('/generate/image', (prompt) => ({ model: 'image_model', prompt })),
      },
      {
        ...{ what: 'a clip', kind: 'video', refused: [200, 1502], failed: [200, 1502] },
        ask: at('/generate/animation', (content) => ({ model: 'animation_model', content })),
      },
    ],
  },
  {
    dialect: aiCreator,
    code: 'code',
    words: /内容未通过安全审核/,
    kinds: [
      {
        ...{ what: 'a picture', kind: 'image', refused: [400, 40_007], failed: [400, 40_007] },
        ask: at('/image/generate', (prompt) => ({ prompt })),
      },
      {
        ...{ what: 'a clip', kind: 'video', refused: [400, 40_007] },
        ask: at('/video/generate', (script) => ({ script })),
        readBack: ({ task_id }) => `/video/${task_id}/status`,
      },
      {
        ...{ what: 'a text', kind: 'text', refused: [400, 40_007], failed: [400, 40_007] },
        ask: at('/writing/story_novel/generate', (title) => ({ title })),
      },
      {
        ...{ what: 'a deck', kind: 'deck', refused: [400, 40_007], failed: [400, 40_007] },
        ask: at('/ppt/generate', (item) => ({ topic: '发布会', outline: ['开场', item] })),
      },
    ],
  },
  {
    dialect: plaza,
    code: 'code',
    words: /未通过安全审核/,
    kinds: [
      {
        ...{ what: 'a picture', kind: 'image', refused: [400, 400] },
        ask: at('/generate/text-to-image', (negativePrompt) => ({ prompt: 'a cat', negativePrompt })),
        readBack: ({ taskId }) => `/generate/task/${taskId}`,
      },
      {
        ...{ what: 'a clip', kind: 'video', refused: [400, 400] },
        ask: at('/generate/text-to-video', (style) => ({ prompt: 'a cat', style })),
        readBack: ({ taskId }) => `/generate/video-task/${taskId}`,
      },
      {
        ...{ what: 'a reply', kind: 'chat', refused: [400, 400], failed: [400, 400] },
        ask: at('/assistant/chat', (message) => ({ message })),
      },
    ],
  },
  {
    dialect: cameo,
    code: 'code',
    words: /未通过安全审核/,
    kinds: [
      {
        ...{ what: 'a picture', kind: 'image', refused: [400, 400] },
        ask: at('/generate/text-to-image', (prompt) => ({ prompt })),
        readBack: ({ id }) => `/generate/tasks/${id}`,
      },
      {
        ...{ what: 'a clip', kind: 'video', refused: [400, 400] },
        ask: at('/generate/text-to-video', (prompt) => ({ prompt })),
        readBack: ({ id }) => `/generate/tasks/${id}`,
      },
      {
        ...{ what: 'a reply', kind: 'chat', refused: [400, 400], failed: [400, 400] },
        ask: at('/assistant/send', (content) => ({ content })),
      },
    ],
  },
  {
    dialect: aigentools,
    code: 'status',
    words: /refused by content moderation/,
    kinds: [
      {
        ...{ what: 'a picture', kind: 'image', refused: [400, 400] },
        ask: async (prompt, { context }) => ({
          path: '/tasks',
          body: { body: { model_id: Number(await defineModel(context, 'image')), prompt } },
        }),
        readBack: ({ id }) => `/tasks/${id}`,
      },
      {
        ...{ what: 'a call of an operator’s own', kind: 'custom', refused: [400, 400] },
        ask: async (prompt, { context }) => ({
          path: '/tasks',
          body: { body: { model_id: Number(await defineModel(context, 'custom')), deep: [{ prompt }] } },
        }),
        readBack: ({ id }) => `/tasks/${id}`,
      },
      {
        ...{ what: 'an analysis', kind: 'analysis', takesWords: false, failed: [400, 400] },
        ask: async () => ({
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

async function defineModel(context: Context, kind: 'image' | 'custom'): Promise<bigint> {
  const anything = { name: '*', type: 'string', required: false, description: '', example: '' }
  const { id } = await createModel(context, {
    ...{ title: 'A model', description: '', kind, state: 'open' },
    price: units(3),
    serving: { provider: 'sketch', vendorModel: '', connection: null },
    declaration: { headers: [], inputs: kind === 'custom' ? [anything] : [], outputs: [] },
  })
  return id
}

async function send({ site, user }: Place, base: string, { path, body }: Asked) {
  const reply = await site.app.inject({
    method: 'POST',
    url: `${base}${path}`,
    headers: { authorization: `Bearer ${user.token}` },
    payload: body,
  })
  return { status: reply.statusCode, text: reply.payload }
}

async function idle({ context }: Pick<Place, 'context'>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const { rows } = await context.db.pool.query(
      `select from task where state in ('queued', 'running', 'unknown')`,
    )
    if (rows.length === 0) return
    await sleep(25)
  }
  throw new Error('a task did not end')
}

const refusedCount = async ({ context }: Pick<Place, 'context'>, kind: string, by: string) => {
  const { text } = await createMetrics(context, () => 0).render()
  const line = text
    .split('\n')
    .find(
      (one) =>
        one.startsWith('atelier_refused_content_total{') &&
        one.includes(`kind="${kind}"`) &&
        one.includes(`by="${by}"`),
    )
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** A task is counted a moment after it has ended, which its user may see first; more than once is never. */
async function assertCounted(place: Pick<Place, 'context'>, kind: string, by: string, times: number) {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await refusedCount(place, kind, by)) >= times) break
    await sleep(20)
  }
  assert.equal(await refusedCount(place, kind, by), times)
}

for (const { dialect, code, words, kinds } of SITES) {
  describe(`${dialect.name} answers refused content in its own words`, () => {
    let place: Place
    before(async () => {
      place = await openPlace(dialect)
      place.site.startWorker()
    })
    after(async () => {
      assert.deepEqual(await verifyLedger(place.context), [])
      await place.site.close()
    })

    for (const { what, kind, ask, takesWords = true, refused, failed, readBack } of kinds) {
      test(`${what}, refused by the list: nothing is taken, nobody is called`, {
        skip: !takesWords,
      }, async () => {
        await addWords(place.context, [WORD])
        const asked = await ask(HIDDEN, place)
        const state = async () => ({
          calls: place.calls(),
          balance: await readBalance(place.context, place.user),
          tasks: (await place.context.db.pool.query('select count(*) from task')).rows,
        })
        const before = await state()
        const reply = await send(place, dialect.base, asked)
        assert.deepEqual([reply.status, JSON.parse(reply.text)[code]], refused, reply.text)
        assert.match(reply.text, words)
        assert.doesNotMatch(reply.text, /禁|退还/, 'neither the word, nor talk of a refund')
        assert.deepEqual(await state(), before)
        await assertCounted(place, kind, 'list', 1)
        await removeWords(place.context, [WORD])
      })

      test(`${what}, refused by the vendor: paid back, and counted`, async () => {
        const asked = await ask('a cat', place)
        const before = await readBalance(place.context, place.user)
        const calls = place.calls()
        place.refuseNext()
        const reply = await send(place, dialect.base, asked)
        await idle(place)
        place.vendor.next.length = 0
        place.vendor.nextText.length = 0
        if (failed) assert.deepEqual([reply.status, JSON.parse(reply.text)[code]], failed, reply.text)
        const told = readBack
          ? (
              await place.site.app.inject({
                url: `${dialect.base}${readBack(JSON.parse(reply.text).data)}`,
                headers: { authorization: `Bearer ${place.user.token}` },
              })
            ).payload
          : reply.text
        assert.match(told, words)
        assert.doesNotMatch(told, /secret/)
        const { available, held, spent } = await readBalance(place.context, place.user)
        assert.deepEqual([available, held, spent], [before.available, before.held, before.spent])
        assert.equal(place.calls(), calls + 1, 'asked once and never again')
        await assertCounted(place, kind, 'vendor', 1)
      })
    }
  })
}

describe('the list', () => {
  let place: Place
  before(async () => {
    place = await openPlace(aiCreator)
  })
  after(async () => {
    assert.deepEqual(await verifyLedger(place.context), [])
    await place.site.close()
  })
  const submit = (prompt: string, changes = {}) =>
    submitTask(place.context, place.user, pictureOf(prompt, changes))

  test('takes words once, however they are written, and gives them back', async () => {
    const { context } = place
    assert.equal(await addWords(context, ['Foo', ' ｆｏｏ ', '禁 词', '禁词']), 2)
    assert.deepEqual((await listWords(context)).map(({ word }) => word).sort(), ['Foo', '禁 词'])
    await assert.rejects(submit('FOO!'), isContentRefused)
    assert.equal(await removeWords(context, ['foo', '禁词', 'bar']), 2)
    assert.equal(context.words.size(), 0)
    await submit('FOO!')
  })

  test('refuses what cannot be compared, and lists that are too long, with a sentence', async () => {
    const { context } = place
    const reason = (words: readonly string[]) =>
      addWords(context, words).then(
        () => null,
        (error) => (error as KernelError<'input_invalid'>).details.reason,
      )
    assert.match((await reason(['good', '🔞'])) ?? '', /"🔞" has no letter/)
    assert.match((await reason(['x'.repeat(101)])) ?? '', /longer than 100/)
    const many = Array.from({ length: 50_001 }, (_, number) => `w${number}`)
    assert.match((await reason(many)) ?? '', /at most 50000/)
    assert.equal(context.words.size(), 0, 'all or nothing')
    assert.deepEqual(readWordFile('\ufeff# mine\r\n赌博\r\n\r\n buy drugs \n'), ['赌博', 'buy drugs'])
  })

  test('is in force in another process at once, and after a lost event at the next reading', async () => {
    const other = await place.site.another()
    await addWords(other, ['elsewhere'])
    for (let tries = 0; place.context.words.size() === 0 && tries < 100; tries += 1) await sleep(10)
    await assert.rejects(submit('from elsewhere'), isContentRefused)
    await other.db.pool.query(`delete from moderation_word`)
    await place.context.words.reload()
    await submit('from elsewhere')
  })

  test('ten thousand words over ten thousand characters take a few milliseconds', async () => {
    const { context } = place
    const han = (number: number): string => String.fromCharCode(0x4e00 + (number % 20_000))
    const list = Array.from({ length: 10_000 }, (_, place) =>
      place % 4 === 0 ? `word${place}` : `${han(place)}${han(place * 13)}${han(place * 31)}`,
    )
    await addWords(context, list)
    assert.ok(context.words.size() > 9_000)
    const text = Array.from({ length: 10_000 }, (_, place) =>
      place % 40 === 0 ? ' word ' : han(place * 17 + (place % 3)),
    )
      .join('')
      .slice(0, 10_000)
    let fastest = Number.POSITIVE_INFINITY
    for (let round = 0; round < 10; round += 1) {
      const startedAt = performance.now()
      assert.equal(context.words.finds([text]), false)
      fastest = Math.min(fastest, performance.now() - startedAt)
    }
    assert.ok(context.words.finds([`${text}word8`]))
    console.log(`10,000 words over 10,000 characters: ${fastest.toFixed(2)} ms`)
    assert.ok(fastest < 25, `${fastest} ms`)
    await removeWords(context, list)
  })

  test('a word that comes between submission and start refuses the task, pays it back and counts it', async () => {
    const { context } = place
    await idleQueue(context)
    const before = await readBalance(context, place.user)
    const counted = await refusedCount(place, 'image', 'list')
    const { taskId } = await submit('a late word')
    assert.notEqual((await readBalance(context, place.user)).available, before.available)
    const other = await place.site.another()
    await addWords(other, ['late'])
    const calls = place.calls()
    for (let tries = 0; context.words.size() === 0 && tries < 100; tries += 1) await sleep(10)
    const worker = place.site.startWorker()
    await idle(place)
    await worker.stop(1_000)
    const { rows } = await context.db.pool.query('select state, failure from task where id = $1', [taskId])
    assert.deepEqual(rows, [{ state: 'failed', failure: 'content' }])
    assert.equal(place.calls(), calls, 'nobody was called')
    assert.deepEqual((await readBalance(context, place.user)).available, before.available)
    await assertCounted(place, 'image', 'list', counted + 1)

    // Trying it again is asking again.
    await assert.rejects(retryTask(context, place.user, taskId, { ip: null, device: null }), isContentRefused)
    await removeWords(context, ['late'])
    await retryTask(context, place.user, taskId, { ip: null, device: null })
    await idleQueue(context)
  })

  test('a task that is edited is asked after again, and stays as it was', async () => {
    const { context } = place
    const { taskId } = await submit('a good prompt')
    await addWords(context, ['bad'])
    const { model: _model, ...edited } = pictureOf('a bad prompt')
    const model = context.catalog.quote('image', null, 1).model.id
    const edit = () => editTask(context, place.user, taskId, { ...edited, model })
    await assert.rejects(edit(), isContentRefused)
    const { rows } = await context.db.pool.query(
      `select input ->> 'prompt' as prompt from task where id = $1`,
      [taskId],
    )
    assert.equal(rows[0].prompt, 'a good prompt')
    await removeWords(context, ['bad'])
    await edit()
    await idleQueue(context)
  })

  test('a repeat of a request that was taken before is told of its task', async () => {
    const { context } = place
    const idempotencyKey = bindIdempotencyKey('image', 'key-1', { prompt: 'once' })
    const first = await submit('once', { idempotencyKey })
    await addWords(context, ['once'])
    assert.deepEqual(await submit('once', { idempotencyKey }), { taskId: first.taskId, repeated: true })
    const another = bindIdempotencyKey('image', 'key-2', { prompt: 'once' })
    await assert.rejects(submit('once', { idempotencyKey: another }), isContentRefused)
    // The refusal was not stored: when the reason is gone, the same key buys.
    await removeWords(context, ['once'])
    assert.equal((await submit('once', { idempotencyKey: another })).repeated, false)
    await idleQueue(context)
  })

  test('what a mentioned character adds to a prompt is asked after before the call', async () => {
    const { context } = place
    await createCharacter(context, place.user, { name: 'Tom', type: 'user', avatar: null })
    await context.db.pool.query(`update character set description = 'a forbidden thing'`)
    await addWords(context, ['forbidden'])
    const calls = place.calls()
    const { taskId } = await submit('a picture of @Tom')
    const worker = place.site.startWorker()
    await idle(place)
    await worker.stop(1_000)
    const { rows } = await context.db.pool.query('select failure from task where id = $1', [taskId])
    assert.deepEqual([rows[0].failure, place.calls()], ['content', calls])
    await removeWords(context, ['forbidden'])
  })

  test('an operator sees whose requests were refused, and by whom', async () => {
    const { context } = place
    const [row, ...others] = await listRefusals(context, { days: 30, limit: 10 })
    assert.equal(row?.account, place.user.accountId)
    assert.ok((row?.list ?? 0n) > 5n)
    assert.deepEqual([row?.vendor, others], [0n, []])
    await context.db.pool.query(`update refused_content set day = day - 40`)
    assert.deepEqual(await listRefusals(context, { days: 30, limit: 10 }), [])
  })

  /** Ends what waits, as its deadline would. */
  async function idleQueue(context: Context): Promise<void> {
    const worker = place.site.startWorker()
    await idle({ context })
    await worker.stop(1_000)
  }
})

describe('what models write', () => {
  let place: Place
  let chat: Place
  before(async () => {
    place = await openPlace(aiCreator)
    chat = await openPlace(plaza)
    for (const { site, context } of [place, chat]) {
      site.startWorker()
      await addWords(context, [WORD])
    }
  })
  after(async () => {
    for (const { site, context } of [place, chat]) {
      assert.deepEqual(await verifyLedger(context), [])
      await site.close()
    }
  })
  const story = () =>
    send(place, aiCreator.base, { path: '/writing/story_novel/generate', body: { title: '春' } })
  const reply = () => send(chat, plaza.base, { path: '/assistant/chat', body: { message: '你好' } })

  test('is not compared with the list unless an operator says so', async () => {
    place.vendor.nextText.push(writes('这里有禁', '词。'))
    assert.match((await story()).text, /禁词/)
    chat.vendor.nextText.push(writes('这里有禁', '词。'))
    assert.match((await reply()).text, /禁/)
  })

  test('is refused as a whole and paid back where one says so: a text, a deck, a reply', async () => {
    for (const { context } of [place, chat]) await setSetting(context, 'moderate_outputs', true)
    const before = await readBalance(place.context, place.user)
    place.vendor.nextText.push(writes('这里有禁', '词。'))
    const text = await story()
    assert.match(text.text, /"code":40007/)
    const [opening, ...others] = aDeck.slides
    const slides = [opening, ...others.map((slide) => ({ ...slide, notes: '说一下禁-词。' }))]
    place.vendor.nextText.push(writes(JSON.stringify({ ...aDeck, slides })))
    const deck = await send(place, aiCreator.base, { path: '/ppt/generate', body: { topic: '发布会' } })
    assert.match(deck.text, /"code":40007/, deck.text)
    assert.deepEqual(await readBalance(place.context, place.user), before)
    await assertCounted(place, 'text', 'list', 1)
    await assertCounted(place, 'deck', 'list', 1)

    const power = await readBalance(chat.context, chat.user)
    chat.vendor.nextText.push(writes('开头。', '这里有禁', '词。', '结尾。'))
    const refused = await reply()
    assert.doesNotMatch(refused.text, /开头|禁|结尾/, 'nothing of it is shown')
    assert.match(refused.text, /未通过安全审核/)
    assert.deepEqual(await readBalance(chat.context, chat.user), power)
    await assertCounted(chat, 'chat', 'list', 1)
    chat.vendor.nextText.push(writes('开头。', '结尾。'))
    assert.match((await reply()).text, /开头。结尾。/)
  })
})
