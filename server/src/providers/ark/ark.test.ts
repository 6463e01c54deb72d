import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ArkWire, arkWire } from '../../../test/providers/ark-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import { aPicture, startVendorStandIn, type VendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import type {
  CallOptions,
  ImageJob,
  Json,
  ProviderConnection,
  VideoJob,
} from '../../kernel/ports/provider.ts'
import { createArk } from './ark.ts'
import { readOptions } from './options.ts'
import { fitClip, fitPicture } from './size.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'doubao-seedream-4-5-251128',
  prompt: '一只猫',
  width: 1_024,
  height: 1_024,
  count: 2,
  seed: 7,
  guidance: 2.5,
  watermark: true,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'doubao-seedance-2-0-260128',
  prompt: '海浪',
  width: 1_920,
  height: 1_080,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const connectionTo = (
  { url, key }: VendorStandIn,
  options: ProviderConnection['options'] = {},
): ProviderConnection => ({ url, secret: key ?? '', headers: {}, options })

testProvider('ark', async () => {
  const standIn = await startVendorStandIn(arkWire())
  const source = { bytes: await aPicture(64, 48), mediaType: 'image/png' }
  const text = { model: 'doubao-seed-1-6-250615', system: '', maxTokens: 100, temperature: 1 }
  const message = { role: 'user' as const, text: '这是什么？' }
  return {
    provider: createArk(createLoopbackOutbound()),
    connection: connectionTo(standIn),
    jobs: [
      PICTURE,
      { ...PICTURE, kind: 'image_edit', source },
      CLIP,
      { ...text, kind: 'text', messages: [message] },
      { ...text, kind: 'vision', messages: [{ ...message, pictures: [source] }] },
    ],
    refused: [
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...PICTURE, count: 0 }, kind: 'rejected' },
      { job: { ...PICTURE, kind: 'image_edit' }, kind: 'rejected' },
      { job: { ...CLIP, prompt: '' }, kind: 'rejected' },
      { job: { ...CLIP, seconds: 0 }, kind: 'rejected' },
    ],
    unreachable: { ...connectionTo(standIn), url: 'http://127.0.0.1:9/api/v3' },
    holdNext: () => standIn.next.submit.push({ does: 'silence' }),
    calls: () => standIn.seen.length,
    close: () => standIn.close(),
  }
})

describe('the wire of ark', () => {
  let wire: ArkWire
  let standIn: VendorStandIn
  const provider = createArk(createLoopbackOutbound())
  before(async () => {
    wire = arkWire()
    standIn = await startVendorStandIn(wire)
  })
  after(() => standIn.close())
  const call = (options: ProviderConnection['options'] = {}): CallOptions => ({
    connection: connectionTo(standIn, options),
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  })
  const sent = () => standIn.seen.filter(({ role }) => role === 'submit').at(-1)?.fields ?? {}

  test('asks for pictures one at a time, each with what its model takes and nothing else', async () => {
    const step = await provider.start({ ...PICTURE, negativePrompt: '文字' }, call())
    assert.ok(step.state === 'done')
    assert.equal(step.outputs.length, 2)
    assert.deepEqual(step.usage, { pictures: 2, outputTokens: 32_768 })
    assert.deepEqual(sent(), {
      model: PICTURE.model,
      prompt: '一只猫\n\n不要出现：文字',
      size: '1920x1920',
      response_format: 'b64_json',
      watermark: true,
    })
    await provider.start({ ...PICTURE, model: 'doubao-seedream-3-0-t2i-250415', count: 1 }, call())
    const { size, seed, guidance_scale: guidance } = sent()
    assert.deepEqual({ size, seed, guidance }, { size: '1024x1024', seed: 7, guidance: 2.5 })
  })

  test('is done with the pictures that came when a later one is refused', async () => {
    const refused = { error: { code: 'OutputImageSensitiveContentDetected', message: 'no' } }
    wire.pictures.push(refused)
    await providerRefusal(provider.start(PICTURE, call()), 'content')
    standIn.next.submit.push(
      { does: (good) => good },
      { does: { json: { data: [refused] } }, isAccepted: true },
    )
    const step = await provider.start(PICTURE, call())
    assert.ok(step.state === 'done')
    assert.equal(step.outputs.length, 1)
  })

  test('asks for clips by fields, and the oldest models by flags behind the prompt', async () => {
    const source = { bytes: await aPicture(64, 48), mediaType: 'image/png' }
    await provider.start({ ...CLIP, source }, call({ audio: 'off' }))
    const { content, ...rest } = sent()
    assert.deepEqual(rest, {
      model: CLIP.model,
      resolution: '1080p',
      ratio: 'adaptive',
      duration: 5,
      seed: 7,
      watermark: false,
      generate_audio: false,
    })
    assert.match(JSON.stringify(content), /"role":"first_frame"/)
    await provider.start({ ...CLIP, model: 'doubao-seedance-1-0-pro-250528' }, call())
    assert.deepEqual(sent(), {
      model: 'doubao-seedance-1-0-pro-250528',
      content: [{ type: 'text', text: '海浪 --rs 1080p --rt 16:9 --dur 5 --seed 7 --wm false' }],
    })
  })

  test('tells what a clip that ended without a file means for the money', async () => {
    const end = async (task: { [name: string]: Json }) => {
      const step = await provider.start(CLIP, call())
      assert.ok(step.state === 'pending')
      standIn.next.poll.push({ does: { json: task } })
      return provider.check?.(step.operation, call()) ?? assert.fail()
    }
    const error = { code: 'InternalServiceError', message: 'Something went wrong.' }
    await providerRefusal(end({ status: 'failed', error }), 'failed')
    await providerRefusal(end({ status: 'failed', error, usage: { completion_tokens: 9 } }), 'ambiguous')
    await providerRefusal(end({ status: 'expired' }), 'failed')
    await providerRefusal(end({ status: 'cancelled' }), 'failed')
    await providerRefusal(
      end({ status: 'failed', error: { ...error, code: 'InvalidParameter.Size' } }),
      'rejected',
    )
  })

  test('calls off a clip by its id, which is the number that operators see', async () => {
    const step = await provider.start(CLIP, call())
    assert.ok(step.state === 'pending')
    const id = provider.remoteId?.(step.operation)
    await provider.cancel?.(step.operation, connectionTo(standIn))
    assert.deepEqual(wire.deleted, [id])
    // Gone is not the same as failed: it was taken once.
    await providerRefusal(provider.check?.(step.operation, call()) ?? Promise.resolve(), 'ambiguous')
  })

  test('tells an account that is empty and a model that is closed from an input that is wrong', async () => {
    const no = (status: number, code: string) => ({
      does: { status, json: { error: { code, message: 'no' } } },
    })
    for (const [status, code] of [
      [403, 'AccountOverdueError'],
      [403, 'AccessDenied'],
      [404, 'ModelNotOpen'],
      [404, 'InvalidEndpointOrModel.NotFound'],
    ] as const) {
      standIn.next.submit.push(no(status, code))
      await providerRefusal(provider.start({ ...PICTURE, count: 1 }, call()), 'unavailable')
    }
    standIn.next.submit.push(no(400, 'InvalidParameter'))
    await providerRefusal(provider.start({ ...PICTURE, count: 1 }, call()), 'rejected')
  })
})

test('ark asks for the wanted shape within the bounds of a model', () => {
  const { leastPixels, mostPixels, seeds, seconds, resolutions, clipParameters } = readOptions({
    options: {},
  })
  const picture = (width: number, height: number, model = PICTURE.model) =>
    fitPicture({ width, height, model, hasSource: false }, { leastPixels, mostPixels, seeds }).size
  assert.equal(picture(512, 512), '1920x1920')
  assert.equal(picture(4_096, 4_096), '4096x4096')
  assert.equal(picture(8_192, 4_096), '5792x2896')
  assert.equal(picture(64, 64, 'doubao-seedream-3-0-t2i-250415'), '512x512')
  assert.equal(picture(1_280, 720, 'doubao-seedream-4-0-250828'), '1280x720')
  for (const [width, height] of [
    [100, 5_000],
    [1_366, 768],
    [999, 333],
  ] as const) {
    const [w = 0, h = 0] = picture(width, height).split('x').map(Number)
    assert.ok(w * h >= 2_560 * 1_440 && w * h <= 4_096 * 4_096 && w / h >= 1 / 17 && w / h <= 17, `${w}x${h}`)
  }
  const clip = (width: number, height: number, length: number) =>
    fitClip(
      { width, height, seconds: length, model: CLIP.model, hasSource: false },
      { seconds, resolutions, clipParameters },
    )
  assert.deepEqual(clip(720, 1_280, 3), { ratio: '9:16', resolution: '720p', seconds: 4, hasFlags: false })
  assert.deepEqual(clip(640, 480, 60), { ratio: '4:3', resolution: '480p', seconds: 15, hasFlags: false })
})

test('ark refuses an option that it does not have, in words for the operator', () => {
  const problem = (options: ProviderConnection['options']) =>
    createArk(createLoopbackOutbound()).problemWith?.(
      { url: 'https://ark.example.com', secret: '', headers: {}, options },
      'image',
    )
  assert.equal(problem({}), null)
  assert.match(problem({ colour: 'blue' }) ?? '', /no option colour/)
  assert.match(problem({ most_resolution: '4k' }) ?? '', /one of 1080p, 720p, 480p/)
  assert.match(problem({ extra_body: { model: 'x' } }) ?? '', /must not set model/)
})
