import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import type { FakeRenderer, FakeWriter } from '../../../test/fakes/writing.ts'
import {
  aDeck,
  aTool,
  breaksWith,
  createFakeRenderer,
  createFakeWriter,
  endsWith,
  hangsAfter,
  writes,
} from '../../../test/fakes/writing.ts'
import { statement } from '../../db/database.ts'
import { aiCreator } from '../../dialects/ai-creator/dialect.ts'
import { setPrice } from '../catalog/administer.ts'
import { units } from '../money.ts'
import { ProviderError } from '../ports/provider.ts'
import { toTextInput } from '../tools/text-input.ts'
import { readBalance } from '../wallet/balance.ts'
import { verifyLedger } from '../wallet/verify.ts'
import type { Work } from '../works/work.ts'
import { readWork } from '../works/work.ts'
import { advanceTask } from './advance.ts'
import { cancelTask } from './cancel.ts'
import type { Claimed } from './claim.ts'
import { claimTasks } from './claim.ts'
import type { Submission } from './submit.ts'
import { submitTask } from './submit.ts'
import { sweepTasks } from './sweep.ts'
import { readTaskById } from './task.ts'

let site: TestSite
let writer: FakeWriter
let renderer: FakeRenderer
let actor: { accountId: bigint }
const never = new AbortController().signal
const BUDGET = units(100)

before(async () => {
  writer = createFakeWriter({ repeatable: false })
  renderer = createFakeRenderer()
  site = await buildSite({
    dialect: aiCreator,
    providers: [writer],
    decks: renderer,
    preset: { writingTools: [aTool] },
  })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [])
})
beforeEach(async () => {
  await site.context.db.rows(
    statement(
      'end leftovers',
      `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
    ),
    [],
  )
  await sweepTasks(site.context)
  Object.assign(writer, { repeatable: false, asked: [], nextText: [] })
  Object.assign(renderer, { rendered: [], next: [] })
  actor = { accountId: (await createUser(site.context, BUDGET)).accountId }
})

const common = { model: null, parameters: {}, idempotencyKey: null, origin: { ip: null, device: null } }
const textOf = (topic: string, changes: Partial<Submission> = {}): Submission =>
  ({ ...toTextInput(site.context.preset, aTool.name, { topic }), ...common, ...changes }) as Submission
const deckOf = (changes: Partial<Submission> = {}): Submission =>
  ({
    kind: 'deck',
    input: { topic: '产品发布会', outline: ['核心功能'] },
    ...common,
    ...changes,
  }) as Submission

const submit = async (what: Submission): Promise<bigint> =>
  (await submitTask(site.context, actor, what)).taskId
async function claimOne(): Promise<Claimed> {
  const [task, ...others] = await claimTasks(site.context, 'test', 10, 60_000)
  assert.ok(task)
  assert.equal(others.length, 0)
  return task
}
const advance = async (): Promise<void> => advanceTask(site.context, await claimOne(), never)
const read = (id: bigint) => readTaskById(site.context, actor, id)
const workOf = async (id: bigint): Promise<Work> => readWork(site.context, actor, (await read(id)).workId)
const makeDue = () =>
  site.context.db.rows(
    statement('make due', `update task set due_at = now() where state in ('queued', 'running')`),
    [],
  )
const wallet = async () => {
  const { available, held, spent } = await readBalance(site.context, actor)
  return { available, held, spent }
}
const UNTOUCHED = { available: BUDGET, held: 0n, spent: 0n }
const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it never came to hold')
}

test('a text is written by its tool, paid at the price of the tool, and stored when the task ends', async () => {
  const id = await submit(textOf('  如何提高\n工作效率  '))
  assert.deepEqual(await wallet(), { available: units(90), held: units(10), spent: 0n })
  await advance()
  const [job] = writer.asked
  assert.ok(job)
  assert.deepEqual([job.purpose, job.system, job.model], ['wechat_article', '你是编辑。', 'sketch'])
  assert.equal(job.messages[0]?.text, '如何提高\n工作效率|专业严谨||')
  assert.deepEqual(job.values, {
    topic: '如何提高\n工作效率',
    style: '专业严谨',
    keywords: '',
    supplement: '',
  })
  const work = await workOf(id)
  assert.deepEqual(
    [work.state, work.text, work.title, work.tool, work.version, work.isCut, work.files.length],
    ['succeeded', '第一段。第二段。', '如何提高', 'wechat_article', 1, false, 0],
  )
  assert.deepEqual(await wallet(), { available: units(90), held: 0n, spent: units(10) })
})

test("a model's own price goes before the tool's, and the tool's before the kind's", async () => {
  const { catalog } = site.context
  const cost = () => catalog.quote('text', null, 1, ['open'], `tool:${aTool.name}`).cost
  await setPrice(site.context, 'text', units(9))
  assert.equal(cost(), units(10), 'the tool has had a price of its own from the start')
  await setPrice(site.context, aTool.name, units(12))
  assert.equal(cost(), units(12))
  await setPrice(site.context, 'text_model', units(8))
  assert.equal(cost(), units(8))
  await assert.rejects(setPrice(site.context, 'no_tool', units(1)), { code: 'model_not_found' })
  // The document's prices again, for the tests that follow.
  await setPrice(site.context, 'text_model', units(10))
})

test("the document's sample models exist from the start under its numbers; a deck may run on a text model", async () => {
  const { catalog } = site.context
  assert.deepEqual(
    catalog.models().map(({ id, kind }) => [id, kind]),
    [
      [1n, 'text'],
      [2n, 'image'],
      [3n, 'video'],
      [4n, 'deck'],
    ],
  )
  assert.equal(catalog.quote('deck', null, 1).model.id, 4n)
  assert.equal(catalog.quote('deck', 1n, 1).model.id, 1n)
  assert.throws(() => catalog.quote('deck', 2n, 1), { code: 'model_not_found' })
  assert.throws(() => catalog.quote('text', 4n, 1), { code: 'model_not_found' })
})

test('a tool that is not offered, and input that does not fit it, is refused before anything is held', async () => {
  const { preset } = site.context
  for (const name of ['no_tool', 'constructor', '__proto__', ''])
    assert.throws(() => toTextInput(preset, name, { topic: 'x' }), { code: 'tool_not_found' })
  assert.throws(() => toTextInput(preset, aTool.name, { topic: ' ' }), { code: 'input_invalid' })
  assert.throws(() => toTextInput(preset, aTool.name, { topic: 'x'.repeat(201) }), { code: 'input_invalid' })
  await assert.rejects(submit(deckOf({ input: { topic: ' ', outline: [] } } as Partial<Submission>)), {
    code: 'input_invalid',
  })
  const { input } = textOf('题目') as Extract<Submission, { kind: 'text' }>
  await assert.rejects(submit(textOf('题目', { input: { ...input, tool: 'gone' } } as Partial<Submission>)), {
    code: 'tool_not_found',
  })
  assert.deepEqual(await wallet(), UNTOUCHED)
})

test('whoever buys the same again is not given the same seed', async () => {
  for (let purchase = 0; purchase < 2; purchase += 1) {
    await submit(textOf('同一个题目'))
    await advance()
  }
  const [first, second] = writer.asked.map(({ seed }) => seed ?? 0)
  assert.ok(first && second && first !== second && first >= 1)
})

test('a text that reached the bound of its model is kept and marked', async () => {
  writer.nextText.push(endsWith('length', '写到\0这里就 '))
  const id = await submit(textOf('长文'))
  await advance()
  const work = await workOf(id)
  assert.deepEqual([work.state, work.text, work.isCut], ['succeeded', '写到这里就', true])
})

for (const [name, behaviour, kind] of [
  ['the model declines', writes('DECLINED: no'), 'content'],
  ['moderation ends it in the middle', endsWith('content', '开头'), 'content'],
  ['the vendor refuses it', breaksWith(new ProviderError('content', 'secret words')), 'content'],
  [
    'the vendor finds the input at fault',
    breaksWith(new ProviderError('rejected', 'secret words')),
    'rejected',
  ],
] as const) {
  test(`when ${name}, everything is given back and nothing is stored`, async () => {
    writer.nextText.push(behaviour)
    const id = await submit(textOf('拒绝'))
    await advance()
    const work = await workOf(id)
    assert.deepEqual([work.state, work.failure, work.text, work.charged], ['failed', kind, null, 0n])
    assert.deepEqual(await wallet(), UNTOUCHED)
    assert.equal(writer.asked.length, 1)
  })
}

test('an empty text is no success: asked for again, as often as attempts are left', async () => {
  for (let attempt = 1; attempt <= 3; attempt += 1) writer.nextText.push(writes(' \n', '\t'))
  const id = await submit(textOf('空白'))
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await makeDue()
    await advance()
  }
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'unavailable'])
  assert.deepEqual(await wallet(), UNTOUCHED)
})

test('a stream that breaks off at a paid vendor is in doubt, not sent again', async () => {
  writer.nextText.push(breaksWith(new ProviderError('ambiguous', 'reset'), '写了一'))
  const id = await submit(textOf('断线'))
  await advance()
  assert.equal((await read(id)).state, 'unknown')
  assert.deepEqual(await wallet(), { available: units(90), held: units(10), spent: 0n })
  await makeDue()
  assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0)
})

for (const repeatable of [false, true]) {
  const outcome = repeatable
    ? 'written again by whoever takes over'
    : 'in doubt, and asked for no second time'
  test(`a worker lost in the middle of a text at a ${repeatable ? 'free' : 'paid'} provider: ${outcome}`, async () => {
    writer.repeatable = repeatable
    writer.nextText.push(hangsAfter('写到一'))
    const id = await submit(textOf('丢失'))
    const lease = new AbortController()
    const lost = advanceTask(site.context, await claimOne(), lease.signal)
    await until(() => writer.asked.length === 1)
    await makeDue()
    await advance()
    if (repeatable) {
      assert.equal((await read(id)).state, 'queued')
      await advance()
      assert.equal(writer.asked[1]?.seed, writer.asked[0]?.seed, 'the same purchase')
      assert.deepEqual([(await read(id)).state, (await read(id)).text], ['succeeded', '第一段。第二段。'])
      assert.deepEqual(await wallet(), { available: units(90), held: 0n, spent: units(10) })
    } else {
      assert.equal((await read(id)).state, 'unknown')
      assert.equal(writer.asked.length, 1)
    }
    // The lost one comes back to life and finds that it has nothing to say.
    const before = await read(id)
    lease.abort(new Error('the lease was lost'))
    await lost
    assert.deepEqual(await read(id), before)
  })
}

test('a text finished under a stale lease is neither stored nor paid twice', async () => {
  writer.repeatable = true
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  writer.nextText.push(async function* () {
    yield { type: 'text', text: '旧的文字' }
    await held
    yield { type: 'end', reason: 'stop', usage: null }
  })
  const id = await submit(textOf('接管'))
  const stale = advanceTask(site.context, await claimOne(), never)
  await until(() => writer.asked.length === 1)
  await makeDue()
  await advance()
  await advance()
  release()
  await stale
  assert.equal((await read(id)).text, '第一段。第二段。')
  assert.deepEqual(await wallet(), { available: units(90), held: 0n, spent: units(10) })
})

test('canceling in the middle of a text stops the vendor and gives everything back; progress had grown', async () => {
  const seen = { aborted: false }
  writer.nextText.push(hangsAfter('字'.repeat(60), seen))
  const worker = site.startWorker()
  const id = await submit(textOf('取消'))
  await until(async () => (await read(id)).progress >= 50)
  assert.equal((await read(id)).text, null, 'nothing of it is shown before it is whole')
  await cancelTask(site.context, actor, (await read(id)).handle)
  await until(() => seen.aborted)
  const work = await workOf(id)
  assert.deepEqual([work.state, work.text, work.charged], ['canceled', null, 0n])
  assert.deepEqual(await wallet(), UNTOUCHED)
  await worker.stop(1_000)
})

test('a deck is written as data, rendered, and has its words and its file', async () => {
  writer.nextText.push(writes('```json\n', JSON.stringify(aDeck), '\n```'))
  const id = await submit(deckOf())
  await advance()
  const [job] = writer.asked
  assert.deepEqual([job?.purpose, job?.format], ['deck', 'json'])
  assert.deepEqual(job?.values, { topic: '产品发布会', outline: '核心功能' })
  assert.deepEqual(renderer.rendered, [aDeck])
  const work = await workOf(id)
  assert.deepEqual(
    [work.state, work.kind, work.title, work.charged],
    ['succeeded', 'deck', '产品发布会', units(30)],
  )
  assert.match(work.text ?? '', /^# 产品发布会\n\n## 核心功能\n- 一键生成/)
  const [file] = work.files
  assert.match(file?.storeKey ?? '', /\.pptx$/)
  assert.ok(file && (await site.context.files.stat(file.storeKey)))
})

test('a deck that is no deck is asked for once more, with its fault, as an attempt of its own', async () => {
  writer.nextText.push(writes('{"title": "半份"'))
  const id = await submit(deckOf())
  await advance()
  assert.deepEqual([(await read(id)).state, (await read(id)).attempts], ['queued', 1])
  await advance()
  assert.deepEqual([(await read(id)).state, (await read(id)).attempts], ['succeeded', 2])
  assert.doesNotMatch(writer.asked[0]?.messages[0]?.text ?? '', /could not be used/)
  assert.match(writer.asked[1]?.messages[0]?.text ?? '', /could not be used: it holds no JSON object/)
  assert.deepEqual(await wallet(), { available: units(70), held: 0n, spent: units(30) })
})

test('a repair that is no deck either ends the task and gives everything back', async () => {
  writer.nextText.push(writes('对不起'), endsWith('length', JSON.stringify(aDeck).slice(0, 80)))
  const id = await submit(deckOf())
  await advance()
  await advance()
  const task = await read(id)
  assert.deepEqual([task.state, task.failure, task.attempts], ['failed', 'unavailable', 2])
  assert.deepEqual(await wallet(), UNTOUCHED)
  assert.equal(renderer.rendered.length, 0)
})

test('a renderer that breaks costs its user nothing', async () => {
  const breaks = async () => {
    throw new Error('out of fonts')
  }
  renderer.next.push(breaks, breaks, breaks)
  const id = await submit(deckOf())
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await makeDue()
    await advance()
  }
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'unavailable'])
  assert.deepEqual(await wallet(), UNTOUCHED)
})
