import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type DashScopeWire, dashScopeWire, no } from '../../../test/providers/dashscope-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { allParts, providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import {
  type Answer,
  aPicture,
  startVendorStandIn,
  type VendorStandIn,
} from '../../../test/providers/vendor-stand-in.ts'
import type {
  CallOptions,
  ImageJob,
  Json,
  ProviderConnection,
  ProviderErrorKind,
  Step,
  TextJob,
  VideoJob,
} from '../../kernel/ports/provider.ts'
import { createDashScope } from './dashscope.ts'
import { fitClip, fitPicture } from './models.ts'
import { readOptions } from './options.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'wan2.6-t2i',
  prompt: '一只可爱的小猫',
  negativePrompt: '狗',
  width: 1024,
  height: 768,
  count: 2,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'wan2.6-t2v',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'qwen-plus',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 2,
}
const OLD = 'wan2.2-t2i-plus'

const to = (
  url: string,
  secret: string,
  options: ProviderConnection['options'] = {},
): ProviderConnection => ({
  url,
  secret,
  headers: {},
  options,
})

testProvider('dashscope', async () => {
  const standIn = await startVendorStandIn(dashScopeWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  const key = standIn.key ?? ''
  return {
    provider: createDashScope(createLoopbackOutbound()),
    connection: to(standIn.url, key),
    jobs: [
      PICTURE,
      { ...PICTURE, model: OLD, count: 5 },
      { ...PICTURE, kind: 'image_edit', model: 'qwen-image-edit-plus', source },
      CLIP,
      { ...CLIP, source },
      TEXT,
      { ...TEXT, kind: 'vision', messages: [{ role: 'user', text: '这是什么？', pictures: [source] }] },
    ],
    refused: [
      { job: { ...PICTURE, count: 11 }, kind: 'rejected' },
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...CLIP, prompt: '' }, kind: 'rejected' },
      { job: { ...TEXT, messages: [], system: '' }, kind: 'rejected' },
    ],
    unreachable: to('http://127.0.0.1:1', key),
    holdNext: () => standIn.next.submit.push({ does: 'silence' }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

describe('the wire of dashscope', () => {
  const provider = createDashScope(createLoopbackOutbound())
  let standIn: VendorStandIn
  let wire: DashScopeWire
  before(async () => {
    wire = dashScopeWire()
    standIn = await startVendorStandIn(wire)
  })
  after(() => standIn.close())
  beforeEach(() => {
    standIn.seen.length = 0
  })

  const call = (options: ProviderConnection['options'] = {}, path = ''): CallOptions => ({
    connection: to(`${standIn.url}${path}`, standIn.key ?? '', options),
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  })
  const check = async (step: Step, options = call()): Promise<Step> => {
    assert.ok(step.state === 'pending')
    return provider.check?.(JSON.parse(JSON.stringify(step.operation)) as Json, options) ?? assert.fail()
  }
  const finish = async (step: Step, options = call()): Promise<Step & { state: 'done' }> => {
    for (let times = 0; step.state === 'pending' && times < 50; times += 1) step = await check(step, options)
    assert.ok(step.state === 'done')
    return step
  }
  const meet = (answer: Answer): void => void standIn.next.submit.push({ does: answer })
  const hear = (output: object): void => void standIn.next.poll.push({ does: { json: { output } } })
  const sent = () => standIn.seen.filter(({ role }) => role === 'submit').map(({ fields }) => fields)

  test('asks for pictures as documented, so many in a call as the model makes', async () => {
    const step = await provider.start({ ...PICTURE, count: 6 }, call())
    assert.ok(step.state === 'done')
    assert.deepEqual([step.outputs.length, step.usage], [6, { pictures: 6 }])
    const [first, second] = sent()
    assert.deepEqual(first, {
      model: 'wan2.6-t2i',
      input: { messages: [{ role: 'user', content: [{ text: '一只可爱的小猫' }] }] },
      parameters: { size: '1488*1120', n: 4, watermark: false, seed: 7, negative_prompt: '狗' },
    })
    assert.partialDeepStrictEqual(second, { parameters: { n: 2, seed: 11 } })
  })

  test('finds pictures in one answer and in many, and elsewhere where an operator says so', async () => {
    const [a, b] = ['https://cdn.example.com/a.png', 'https://cdn.example.com/b.png']
    const inOne = {
      output: { choices: [{ message: { content: [{ text: 'x' }, { image: a }, { image: b }] } }] },
    }
    const elsewhere: ProviderConnection['options'] = { pictures_at: ['data.*.link'] }
    for (const [json, options] of [
      [inOne, {}],
      [{ output: { results: [{ url: a }, { url: b }] } }, {}],
      [{ data: [{ link: a }, { link: b }] }, elsewhere],
    ] as const) {
      meet({ json })
      const step = await provider.start(PICTURE, call(options))
      assert.deepEqual(step.state === 'done' && step.outputs, [{ url: a }, { url: b }])
    }
  })

  test('fewer pictures than were asked for are what the job made, and nothing is made up for', async () => {
    const one = {
      output: { choices: [{ message: { content: [{ image: 'https://cdn.example.com/a.png' }] } }] },
    }
    meet({ json: one })
    const step = await provider.start(PICTURE, call())
    assert.deepEqual(step.state === 'done' && [step.outputs.length, step.usage], [1, { pictures: 1 }])
    assert.equal(sent().length, 1)
  })

  test('a later call that fails ends the row, whatever became of it; the first one decides', async () => {
    const options = { pictures_per_call: 1 }
    const refusals: [Answer, ProviderErrorKind][] = [
      [no(500, 'InternalError', 'no'), 'ambiguous'],
      [no(400, 'DataInspectionFailed', 'no'), 'content'],
      [no(400, 'Arrearage', 'no'), 'unavailable'],
    ]
    for (const [refusal, kind] of refusals) {
      standIn.next.submit.push({ does: (good) => good }, { does: refusal })
      const step = await provider.start({ ...PICTURE, count: 3 }, call(options))
      assert.equal(step.state === 'done' && step.outputs.length, 1)
      meet(refusal)
      await providerRefusal(provider.start({ ...PICTURE, count: 3 }, call(options)), kind)
    }
  })

  test('waits for a vendor that is busy in the middle', async () => {
    const busy = { ...no(429, 'Throttling.RateQuota', 'slow'), headers: { 'retry-after-ms': '30' } }
    standIn.next.submit.push({ does: (good) => good }, { does: busy })
    const step = await provider.start({ ...PICTURE, count: 3 }, call({ pictures_per_call: 1 }))
    assert.equal(step.state === 'done' && step.outputs.length, 3)
    assert.equal(sent().length, 4)
  })

  test('called off in the middle of a row, it is in doubt', async () => {
    const controller = new AbortController()
    const options = { ...call({ pictures_per_call: 1 }), signal: controller.signal }
    options.progress = () => controller.abort(new Error('called off'))
    await providerRefusal(provider.start(PICTURE, options), 'ambiguous')
    assert.equal(sent().length, 1)
  })

  test('edits by the same wire, and by no other', async () => {
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    const job: ImageJob = { ...PICTURE, kind: 'image_edit', model: 'qwen-image-edit-plus', source, count: 1 }
    await provider.start(job, call({ picture_parameters: { prompt_extend: false } }))
    const image = `data:image/png;base64,${source.bytes.toString('base64')}`
    assert.partialDeepStrictEqual(sent()[0], {
      input: { messages: [{ role: 'user', content: [{ image }, { text: PICTURE.prompt }] }] },
      parameters: { prompt_extend: false, n: 1 },
    })
    await providerRefusal(provider.start({ ...job, model: OLD }, call()), 'unavailable')
    assert.equal(sent().length, 1)
  })

  test('an older model makes pictures by tasks; what came of them counts', async () => {
    const step = await provider.start({ ...PICTURE, model: OLD, count: 6 }, call())
    assert.deepEqual(sent()[0], {
      model: OLD,
      input: { prompt: '一只可爱的小猫', negative_prompt: '狗' },
      parameters: { size: '1024*768', n: 4, watermark: false, seed: 7 },
    })
    assert.ok(step.state === 'pending')
    assert.match(provider.remoteId?.(step.operation) ?? '', /^task-\d+,task-\d+$/)
    const done = await finish(step)
    assert.deepEqual([done.outputs.length, done.usage], [6, { pictures: 6 }])
  })

  test('a later task that is not taken ends the row', async () => {
    standIn.next.submit.push({ does: (good) => good }, { does: no(500, 'InternalError', 'no') })
    const done = await finish(await provider.start({ ...PICTURE, model: OLD, count: 6 }, call()))
    assert.equal(done.outputs.length, 4)
  })

  test('a task that partly succeeded is what it made; refused whole it is `content`', async () => {
    const refused = { code: 'DataInspectionFailed', message: 'no' }
    const url = 'https://cdn.example.com/a.png'
    const step = await provider.start({ ...PICTURE, model: OLD }, call())
    hear({ task_status: 'SUCCEEDED', results: [{ url }, refused] })
    assert.deepEqual(await check(step), { state: 'done', outputs: [{ url }], usage: { pictures: 1 } })
    hear({ task_status: 'SUCCEEDED', results: [refused, refused] })
    await providerRefusal(check(step), 'content')
    hear({ task_status: 'SUCCEEDED', results: [refused, { code: 'InternalError', message: 'no' }] })
    await providerRefusal(check(step), 'ambiguous')
  })

  test('of several tasks without a picture, the one that may have been paid for speaks for all', async () => {
    const failed = { task_status: 'FAILED', code: 'InternalError', message: 'no' }
    const refused = { ...failed, code: 'DataInspectionFailed' }
    const job = { ...PICTURE, model: OLD, count: 6 }
    const step = await provider.start(job, call())
    for (const [second, kind] of [
      [failed, 'failed'],
      [refused, 'content'],
      [{ task_status: 'SUCCEEDED' }, 'ambiguous'],
    ] as const) {
      hear(failed)
      hear(second)
      await providerRefusal(check(step), kind)
    }
    for (const [refusal, kind] of [
      [no(429, 'Throttling', 'no'), 'failed'],
      [no(500, 'InternalError', 'no'), 'ambiguous'],
    ] as const) {
      standIn.next.submit.push({ does: (good) => good }, { does: refusal })
      const begun = await provider.start(job, call())
      hear(failed)
      await providerRefusal(check(begun), kind)
    }
  })

  test('a task that failed is dead at no cost, unless an operator says otherwise', async () => {
    const step = await provider.start(CLIP, call())
    const ends: [object, ProviderErrorKind, ProviderErrorKind][] = [
      [{ task_status: 'FAILED', code: 'InternalError.Algo', message: 'no' }, 'failed', 'ambiguous'],
      [{ task_status: 'FAILED', code: 'Throttling', message: 'no' }, 'failed', 'ambiguous'],
      [{ task_status: 'CANCELED' }, 'failed', 'ambiguous'],
      [{ task_status: 'FAILED', code: 'InvalidParameter', message: 'no' }, 'rejected', 'rejected'],
      [{ task_status: 'FAILED', code: 'DataInspectionFailed', message: 'no' }, 'content', 'content'],
    ]
    for (const [output, free, charged] of ends) {
      hear(output)
      await providerRefusal(check(step), free)
      hear(output)
      await providerRefusal(check(step, call({ failed_tasks: 'charged' })), charged)
    }
  })

  test('a task that is not known goes on for a day, and is in doubt after that', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const step = await provider.start(CLIP, call())
    hear({ task_status: 'UNKNOWN' })
    assert.equal((await check(step)).state, 'pending')
    context.mock.timers.tick(24 * 60 * 60_000)
    hear({ task_status: 'UNKNOWN' })
    await providerRefusal(check(step), 'ambiguous')
  })

  test('asks for clips by pixels from words and by a class of resolution from a picture', async () => {
    await provider.start(CLIP, call())
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    await provider.start(
      { ...CLIP, width: 1920, height: 1080, seconds: 6, source },
      call({ clip_seed: 'off' }),
    )
    const [fromWords, fromPicture] = sent()
    assert.deepEqual(fromWords, {
      model: 'wan2.6-t2v',
      input: { prompt: '海浪' },
      parameters: { size: '1280*720', duration: 5, seed: 7 },
    })
    assert.deepEqual(fromPicture, {
      model: 'wan2.6-i2v',
      input: { prompt: '海浪', img_url: `data:image/png;base64,${source.bytes.toString('base64')}` },
      parameters: { resolution: '1080P', duration: 10 },
    })
  })

  test('tells how long a clip is, where the vendor does', async () => {
    const done = await finish(await provider.start({ ...CLIP, seconds: 7 }, call()))
    assert.deepEqual(done.usage, { seconds: 10 })
    const step = await provider.start(CLIP, call())
    hear({ task_status: 'SUCCEEDED', video_url: 'https://cdn.example.com/a.mp4' })
    assert.deepEqual(await check(step), {
      state: 'done',
      outputs: [{ url: 'https://cdn.example.com/a.mp4' }],
      usage: { seconds: 5 },
    })
  })

  test('calls queued tasks off', async () => {
    const step = await provider.start({ ...PICTURE, model: OLD, count: 6 }, call())
    assert.ok(step.state === 'pending')
    await provider.cancel?.(step.operation, call().connection)
    const ids = provider.remoteId?.(step.operation)?.split(',')
    assert.deepEqual(wire.canceled.slice(-2).toSorted(), ids?.toSorted())
  })

  test('says by its code what a no is', async () => {
    const kinds: [Answer, ProviderErrorKind][] = [
      [no(400, 'InvalidParameter', 'no'), 'rejected'],
      [no(400, 'InvalidParameter.DataInspection', 'no'), 'content'],
      [no(400, 'Arrearage', 'no'), 'unavailable'],
      [no(429, 'Throttling.AllocationQuota', 'no'), 'throttled'],
      [no(400, 'Throttling', 'no'), 'throttled'],
      [no(403, 'AccessDenied.Unpurchased', 'no'), 'unavailable'],
      [no(403, 'AllocationQuota.FreeTierOnly', 'no'), 'unavailable'],
      [no(404, 'ModelNotFound', 'no'), 'unavailable'],
      [no(413, 'RequestEntityTooLarge', 'no'), 'rejected'],
      [no(408, 'RequestTimeOut', 'no'), 'ambiguous'],
      [no(503, 'ServiceUnavailable', 'no'), 'ambiguous'],
      [{ status: 302, headers: { location: 'https://example.com' } }, 'unavailable'],
      [{ json: { code: 'Throttling.RateQuota', message: 'no' } }, 'throttled'],
      [{ json: { code: 'SomethingElse', message: 'no' } }, 'ambiguous'],
    ]
    for (const job of [PICTURE, CLIP]) {
      for (const [answer, kind] of kinds) {
        meet(answer)
        const { message } = await providerRefusal(provider.start(job, call()), kind)
        assert.match(message, /^dashscope: /)
      }
    }
  })

  test('says by its code what a no to a text is', async () => {
    for (const [status, code, kind] of [
      [400, 'data_inspection_failed', 'content'],
      [400, 'Arrearage', 'unavailable'],
      [400, 'invalid_parameter_error', 'rejected'],
      [429, 'Throttling.RateQuota', 'throttled'],
    ] as const) {
      meet({ status, json: { error: { code, message: 'no', type: code, param: null }, request_id: 'r-1' } })
      await providerRefusal(allParts(provider.write?.(TEXT, call())), kind)
    }
  })

  test('writes at the compatible path, below 2 degrees, also where the address names a path', async () => {
    for (const path of ['', '/compatible-mode/v1', '/api/v1/']) {
      const parts = await allParts(
        provider.write?.(TEXT, call({ text_body: { enable_thinking: false } }, path)),
      )
      assert.equal(parts.at(-1)?.type, 'end')
      assert.equal(standIn.seen.at(-1)?.path, '/compatible-mode/v1/chat/completions')
    }
    for (const json_mode of ['off', 'on']) {
      await allParts(provider.write?.({ ...TEXT, format: 'json' }, call({ json_mode })))
      const format = sent().at(-1)?.response_format
      assert.deepEqual(format, json_mode === 'on' ? { type: 'json_object' } : undefined)
    }
    assert.partialDeepStrictEqual(sent()[0], { temperature: 1.99, max_tokens: 100, enable_thinking: false })
  })

  test('knows what models take', () => {
    const options = readOptions({ options: {} })
    const size = (model: string, width: number, height: number) =>
      fitPicture({ ...PICTURE, model, width, height }, options).size
    assert.equal(size('qwen-image-plus', 1024, 1024), '1328*1328')
    assert.equal(size('qwen-image', 720, 1280), '928*1664')
    assert.equal(size('qwen-image-edit', 720, 1280), null)
    assert.equal(size('wanx2.1-t2i-turbo', 1024, 1024), '1024*1024')
    assert.equal(size('wanx2.1-t2i-turbo', 256, 256), '512*512')
    assert.equal(size('another', 333, 777), '333*777')
    assert.equal(fitPicture(PICTURE, readOptions({ options: { image_size: 'off' } })).size, null)
    for (const width of [64, 500, 1000, 1333, 2048, 4096]) {
      for (const height of [64, 501, 1024, 1999, 4096]) {
        const [w = 0, h = 0] = size('wan2.6-t2i', width, height)?.split('*').map(Number) ?? []
        const words = `${width}*${height} → ${w}*${h}`
        assert.ok(w * h >= 1280 ** 2 && w * h <= 1440 ** 2, words)
        assert.ok(Math.max(w, h) <= 4 * Math.min(w, h), words)
        const [ratio, wanted] = [w / h, Math.min(4, Math.max(1 / 4, width / height))]
        assert.ok(Math.abs(Math.log(ratio / wanted)) < 0.05, words)
      }
    }
    const clip = (changes: Partial<VideoJob>) => fitClip({ ...CLIP, ...changes }, options)
    assert.deepEqual(clip({ width: 512, height: 512, seconds: 20 }), {
      model: 'wan2.6-t2v',
      seconds: 15,
      shape: { size: '960*960' },
    })
    assert.deepEqual(clip({ model: 'wan2.5-i2v-preview', width: 480, height: 832 }), {
      model: 'wan2.5-t2v-preview',
      seconds: 5,
      shape: { size: '480*832' },
    })
  })

  test('tells an operator what is wrong with options', () => {
    for (const options of [
      { sise: 1 },
      { picture_wire: 'x' },
      { cancel_path: 'https://example.com/x' },
      { pictures_at: 'a b' },
      { pictures_per_call: 11 },
      { clip_seconds: [0] },
      { picture_parameters: { n: 9 } },
      { text_body: { model: 'x' } },
    ] as ProviderConnection['options'][]) {
      const problem = provider.problemWith?.(to('https://example.com', 'k', options), 'image')
      assert.match(problem ?? '', /dashscope/, JSON.stringify(options))
    }
    assert.equal(provider.problemWith?.(to('https://example.com', 'k'), 'image'), null)
  })
})
