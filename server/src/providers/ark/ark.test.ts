import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type ArkWire, arkWire, no } from '../../../test/providers/ark-wire.ts'
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
import { createArk } from './ark.ts'
import { fitClip, fitPicture } from './models.ts'
import { readOptions } from './options.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'doubao-seedream-4-5-251128',
  prompt: '一只可爱的小猫',
  width: 1024,
  height: 768,
  count: 2,
  seed: 7,
  guidance: 20,
  watermark: false,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'doubao-seedance-2-0-260128',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'doubao-seed-1-6-251015',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}

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

testProvider('ark', async () => {
  const standIn = await startVendorStandIn(arkWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  const key = standIn.key ?? ''
  return {
    provider: createArk(createLoopbackOutbound()),
    connection: to(standIn.url, key),
    jobs: [
      PICTURE,
      { ...PICTURE, kind: 'image_edit', source },
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

describe('the wire of ark', () => {
  const provider = createArk(createLoopbackOutbound())
  let standIn: VendorStandIn
  let wire: ArkWire
  before(async () => {
    wire = arkWire()
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
  const meet = (answer: Answer): void => void standIn.next.submit.push({ does: answer })
  const hear = (json: object): void => void standIn.next.poll.push({ does: { json } })
  const sent = () => standIn.seen.filter(({ role }) => role === 'submit').map(({ fields }) => fields)
  const item = async () => ({ b64_json: (await aPicture(30, 20)).toString('base64'), size: '30x20' })

  test('asks for several pictures by a call each, without seed and guidance', async () => {
    const step = await provider.start({ ...PICTURE, negativePrompt: '狗' }, call())
    assert.ok(step.state === 'done')
    assert.partialDeepStrictEqual(step.outputs[0], { mediaType: 'image/png', width: 96, height: 64 })
    assert.deepEqual(step.usage, { outputTokens: 32_768, pictures: 2 })
    assert.equal(sent().length, 2)
    assert.deepEqual(sent()[0], {
      model: 'doubao-seedream-4-5-251128',
      prompt: '一只可爱的小猫\n\nAvoid: 狗',
      size: '2240x1680',
      response_format: 'b64_json',
      watermark: false,
      stream: false,
    })
  })

  test('a model of version 3 hears seed and guidance, another for each picture', async () => {
    await provider.start({ ...PICTURE, model: 'doubao-seedream-3-0-t2i-250415' }, call())
    const common = { size: '1024x768', guidance_scale: 10 }
    assert.partialDeepStrictEqual(sent(), [
      { ...common, seed: 7 },
      { ...common, seed: 8 },
    ])
  })

  test('asks for a series in one call where an operator wants that, and takes what came of it', async () => {
    const options = { several_pictures: 'series', image_size: '2K' }
    const step = await provider.start({ ...PICTURE, count: 3 }, call(options))
    assert.equal(step.state === 'done' && step.outputs.length, 3)
    assert.partialDeepStrictEqual(sent(), [
      {
        size: '2K',
        sequential_image_generation: 'auto',
        sequential_image_generation_options: { max_images: 3 },
      },
    ])
    meet({ json: { created: 1, data: [await item(), { error: { code: 'x', message: 'no' } }] } })
    const fewer = await provider.start({ ...PICTURE, count: 3 }, call(options))
    assert.deepEqual(fewer.state === 'done' && [fewer.outputs.length, fewer.usage], [1, { pictures: 1 }])
    assert.equal(sent().length, 2, 'the rest is not made up for')
  })

  test('an answer of nothing but errors is what they say; where they differ it is in doubt', async () => {
    const options = call({ several_pictures: 'series' })
    const error = (code: string) => ({ error: { code, message: 'no' } })
    const content = error('OutputImageSensitiveContentDetected')
    for (const [data, kind] of [
      [[content, content], 'content'],
      [[content], 'content'],
      [[content, error('InternalServiceError')], 'ambiguous'],
      [[content, {}], 'ambiguous'],
      [[error('InternalServiceError')], 'ambiguous'],
      [[], 'ambiguous'],
    ] as const) {
      meet({ json: { created: 1, data } })
      await providerRefusal(provider.start(PICTURE, options), kind)
    }
    meet({ json: error('AccountOverdueError') })
    await providerRefusal(provider.start(PICTURE, options), 'unavailable')
  })

  test('a later call that fails ends the row, whatever became of it', async () => {
    for (const refusal of [
      no(500, 'InternalServiceError', 'no'),
      no(400, 'InputTextSensitiveContentDetected', 'no'),
    ]) {
      standIn.next.submit.push({ does: (good) => good }, { does: refusal })
      const step = await provider.start({ ...PICTURE, count: 3 }, call())
      assert.equal(step.state === 'done' && step.outputs.length, 1)
    }
  })

  test('edits from a data address', async () => {
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    await provider.start({ ...PICTURE, kind: 'image_edit', source, count: 1 }, call())
    assert.equal(sent()[0]?.image, `data:image/png;base64,${source.bytes.toString('base64')}`)
  })

  test('asks for clips as documented', async () => {
    await provider.start(CLIP, call({ clip_body: { generate_audio: false } }))
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    await provider.start({ ...CLIP, prompt: '', source }, call())
    const url = `data:image/png;base64,${source.bytes.toString('base64')}`
    const common = { model: CLIP.model, watermark: false, resolution: '720p', duration: 5, seed: 7 }
    assert.deepEqual(sent(), [
      { ...common, content: [{ type: 'text', text: '海浪' }], ratio: '16:9', generate_audio: false },
      {
        ...common,
        content: [{ type: 'image_url', image_url: { url }, role: 'first_frame' }],
        ratio: 'adaptive',
      },
    ])
  })

  test("an older model hears flags in its words where an operator says so, and never a user's own", async () => {
    const model = 'doubao-seedance-1-0-pro-250528'
    const prompt = '--dur 12 海浪 --rs 1080p a--b'
    await provider.start({ ...CLIP, model, prompt }, call({ clip_flags: 'text' }))
    await provider.start({ ...CLIP, model, prompt }, call())
    const [withFlags, withFields] = sent()
    const text = '—dur 12 海浪 —rs 1080p a—b'
    assert.deepEqual(withFlags, {
      watermark: false,
      model,
      content: [{ type: 'text', text: `${text} --rs 720p --rt 16:9 --dur 5 --seed 7` }],
    })
    assert.partialDeepStrictEqual(withFields, { content: [{ type: 'text', text }], duration: 5 })
  })

  test('a clip that did not come of it is dead at no cost, unless an operator says otherwise', async () => {
    const step = await provider.start(CLIP, call())
    const error = (code: string) => ({ error: { code, message: 'no' } })
    const ends: [object, ProviderErrorKind, ProviderErrorKind][] = [
      [{ status: 'failed', ...error('InternalServiceError') }, 'failed', 'ambiguous'],
      [{ status: 'failed', ...error('AccountOverdueError') }, 'failed', 'ambiguous'],
      [{ status: 'cancelled' }, 'failed', 'ambiguous'],
      [{ status: 'expired' }, 'failed', 'ambiguous'],
      [{ status: 'failed', ...error('InvalidParameter') }, 'rejected', 'rejected'],
      [{ status: 'failed', ...error('InputImageSensitiveContentDetected') }, 'content', 'content'],
    ]
    for (const [task, free, charged] of ends) {
      hear(task)
      await providerRefusal(check(step), free)
      hear(task)
      await providerRefusal(check(step, call({ failed_tasks: 'charged' })), charged)
    }
    standIn.next.poll.push({ does: no(404, 'NotFound', 'no') })
    await providerRefusal(check(step), 'ambiguous')
  })

  test('asks again no sooner than the vendor wants, and calls a queued clip off', async () => {
    const step = await provider.start(CLIP, call())
    assert.ok(step.state === 'pending')
    assert.ok(step.checkAfterMs >= (provider.limits?.askEveryMs ?? 0) && step.checkAfterMs <= 30_000)
    await provider.cancel?.(step.operation, call().connection)
    assert.equal(wire.deleted.at(-1), provider.remoteId?.(step.operation))
  })

  test('says by its code what a no is', async () => {
    const kinds: [Answer, ProviderErrorKind][] = [
      [no(400, 'InvalidParameter', 'no'), 'rejected'],
      [no(400, 'InputTextSensitiveContentDetected', 'no'), 'content'],
      [no(400, 'InputImageSensitiveContentDetected.PolicyViolation', 'no'), 'content'],
      [no(403, 'AccountOverdueError', 'no'), 'unavailable'],
      [no(404, 'ModelNotOpen', 'no'), 'unavailable'],
      [no(400, 'ModelNotOpen', 'no'), 'unavailable'],
      [no(404, 'InvalidEndpointOrModel.NotFound', 'no'), 'unavailable'],
      [no(429, 'RateLimitExceeded.FoundationModelRPMExceeded', 'no'), 'throttled'],
      [no(429, 'SetLimitExceeded', 'no'), 'unavailable'],
      [no(409, 'Conflict', 'no'), 'ambiguous'],
    ]
    for (const job of [PICTURE, CLIP]) {
      for (const [answer, kind] of kinds) {
        meet(answer)
        await providerRefusal(provider.start(job, call()), kind)
      }
    }
    for (const [answer, kind] of kinds.slice(0, -2)) {
      meet(answer)
      await providerRefusal(allParts(provider.write?.(TEXT, call())), kind)
    }
  })

  test('writes without thinking unless an operator wants it, also where the address names its version', async () => {
    await allParts(provider.write?.(TEXT, call({}, '/api/v3')))
    await allParts(provider.write?.(TEXT, call({ thinking: 'off', text_body: { top_p: 0.5 } })))
    for (const json_mode of ['off', 'on']) {
      await allParts(provider.write?.({ ...TEXT, format: 'json' }, call({ json_mode })))
      const format = sent().at(-1)?.response_format
      assert.deepEqual(format, json_mode === 'on' ? { type: 'json_object' } : undefined)
    }
    const [first, second] = sent()
    assert.partialDeepStrictEqual(first, { thinking: { type: 'disabled' }, max_tokens: 100 })
    assert.ok(second && !('thinking' in second) && second.top_p === 0.5)
    assert.equal(standIn.seen[0]?.path, '/api/v3/chat/completions')
  })

  test('knows what models take', () => {
    const size = (
      model: string,
      width: number,
      height: number,
      options: ProviderConnection['options'] = {},
    ) => fitPicture({ ...PICTURE, model, width, height }, readOptions({ options })).size
    assert.equal(size('doubao-seedream-4-0-250828', 1280, 720), '1280x720')
    assert.equal(size('doubao-seedream-4-5-251128', 1024, 1024), '1920x1920')
    assert.equal(size('doubao-seededit-3-0-i2i-250628', 1024, 1024), 'adaptive')
    assert.equal(size('ep-20260101', 512, 512, { image_size: 'exact' }), '512x512')
    assert.equal(size('ep-20260101', 512, 512, { image_pixels: [262_144, 4_194_304] }), '512x512')
    const bounds = { 'doubao-seedream-4-5': 4096 ** 2, 'doubao-seedream-5-0': 10_404_496, 'ep-1': 10_404_496 }
    for (const [model, most] of Object.entries(bounds)) {
      for (const [width, height] of [
        [64, 4096],
        [1999, 501],
        [4096, 4096],
        [9000, 9000],
        [333, 334],
      ] as const) {
        const [w = 0, h = 0] = size(model, width, height).split('x').map(Number)
        const words = `${model} ${width}x${height} → ${w}x${h}`
        assert.ok(w * h >= 2560 * 1440 && w * h <= most, words)
        assert.ok(Math.max(w, h) <= 16 * Math.min(w, h), words)
        const wanted = Math.min(16, Math.max(1 / 16, width / height))
        assert.ok(Math.abs(Math.log(w / h / wanted)) < 0.05, words)
      }
    }
    const clip = (changes: Partial<VideoJob>, options: ProviderConnection['options'] = {}) =>
      fitClip({ ...CLIP, ...changes }, readOptions({ options }))
    assert.deepEqual(clip({ seconds: 2, width: 1080, height: 1920 }), {
      resolution: '720p',
      ratio: '9:16',
      duration: 4,
    })
    assert.deepEqual(clip({ seconds: 60, width: 1080, height: 1920 }, { clip_resolutions: ['1080p'] }), {
      resolution: '1080p',
      ratio: '9:16',
      duration: 15,
    })
  })

  test('tells an operator what is wrong with options', () => {
    for (const options of [
      { sise: 1 },
      { image_pixels: [5, 2] },
      { image_size: '2 K' },
      { clip_resolutions: ['4K'] },
      { several_pictures: 'all' },
      { most_tokens: 0 },
      { picture_body: { model: 'x' } },
      { text_body: { thinking: {} } },
    ] as ProviderConnection['options'][]) {
      const problem = provider.problemWith?.(to('https://example.com', 'k', options), 'image')
      assert.match(problem ?? '', /ark/, JSON.stringify(options))
    }
    assert.equal(provider.problemWith?.(to('https://example.com', 'k'), 'image'), null)
  })
})
