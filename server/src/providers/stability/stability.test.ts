import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import { no, stabilityWire } from '../../../test/providers/stability-wire.ts'
import {
  type Answer,
  aPicture,
  type Misbehaviour,
  startVendorStandIn,
  type VendorStandIn,
} from '../../../test/providers/vendor-stand-in.ts'
import type {
  CallOptions,
  ImageJob,
  ProviderConnection,
  ProviderErrorKind,
} from '../../kernel/ports/provider.ts'
import { chooseRatio } from './pictures.ts'
import { createStability } from './stability.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'core',
  prompt: 'a small cat',
  width: 1280,
  height: 720,
  count: 2,
  seed: 7,
  guidance: 12,
  watermark: false,
}

const connectionTo = (url: string, secret: string | null, options: ProviderConnection['options'] = {}) => ({
  url,
  secret: secret ?? '',
  headers: {},
  options,
})

for (const accept of ['json', 'image']) {
  testProvider(`stability that answers with ${accept}`, async () => {
    const standIn = await startVendorStandIn(stabilityWire)
    const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
    return {
      provider: createStability(createLoopbackOutbound()),
      connection: connectionTo(standIn.url, standIn.key, { accept }),
      jobs: [PICTURE, { ...PICTURE, kind: 'image_edit', model: 'sd3.5-large', source, strength: 0.4 }],
      refused: [
        { job: { ...PICTURE, count: 0 }, kind: 'rejected' },
        { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
        { job: { ...PICTURE, prompt: 'a'.repeat(10_001) }, kind: 'rejected' },
        { job: { ...PICTURE, kind: 'image_edit' }, kind: 'rejected' },
      ],
      unreachable: connectionTo('http://127.0.0.1:1', standIn.key),
      holdNext: () => standIn.next.submit.push({ does: 'silence', isAccepted: false }),
      calls: () => standIn.seen.length,
      close: standIn.close,
    }
  })
}

describe('the wire of stability', () => {
  const provider = createStability(createLoopbackOutbound())
  let standIn: VendorStandIn
  before(async () => {
    standIn = await startVendorStandIn(stabilityWire)
  })
  after(() => standIn.close())

  const call = (options: ProviderConnection['options'] = {}): CallOptions => ({
    connection: connectionTo(standIn.url, standIn.key, options),
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  })
  const answer = (json: unknown): Answer => ({ json })
  const meet = (does: Misbehaviour['does']): void => void standIn.next.submit.push({ does })
  const seen = () => standIn.seen.at(-1) ?? assert.fail('nothing was sent')

  test('sends a form with what each service takes', async () => {
    await provider.start({ ...PICTURE, count: 1, negativePrompt: 'dogs' }, call({ style_preset: 'anime' }))
    assert.equal(seen().path, '/v2beta/stable-image/generate/core')
    assert.deepEqual(seen().fields, {
      prompt: 'a small cat',
      negative_prompt: 'dogs',
      seed: '7',
      output_format: 'png',
      aspect_ratio: '16:9',
      style_preset: 'anime',
    })
    assert.equal(seen().headers.accept, 'application/json')
    const bytes = await aPicture(64, 64)
    const source = { bytes, mediaType: 'image/png' }
    const edit: ImageJob = { ...PICTURE, kind: 'image_edit', source, count: 1 }
    const options = { guidance: 'on', output_format: 'webp', accept: 'image', extra_body: { cfg: 1 } }
    await provider.start({ ...edit, model: 'sd3.5-medium', strength: 0.3 }, call(options))
    assert.equal(seen().path, '/v2beta/stable-image/generate/sd3')
    assert.equal(seen().headers.accept, 'image/*')
    const [file] = seen().files
    assert.deepEqual([file?.name, file?.type, file?.bytes], ['image', 'image/png', bytes])
    assert.deepEqual(seen().fields, {
      cfg: '1',
      prompt: 'a small cat',
      seed: '7',
      output_format: 'webp',
      model: 'sd3.5-medium',
      mode: 'image-to-image',
      strength: '0.3',
      cfg_scale: '10',
    })
    await provider.start({ ...edit, model: 'ultra' }, call())
    assert.equal(seen().path, '/v2beta/stable-image/generate/ultra')
    assert.deepEqual(seen().fields, {
      prompt: 'a small cat',
      seed: '7',
      output_format: 'png',
      strength: '0.6',
    })
  })

  test('has a model that takes no picture be the operator’s mistake', async () => {
    const before = standIn.seen.length
    const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
    await providerRefusal(provider.start({ ...PICTURE, kind: 'image_edit', source }, call()), 'unavailable')
    assert.equal(standIn.seen.length, before)
  })

  test('is done with the pictures that came when a later one is filtered', async () => {
    const before = standIn.seen.length
    meet((good) => good)
    meet(answer({ image: '', finish_reason: 'CONTENT_FILTERED', seed: 1 }))
    const step = await provider.start({ ...PICTURE, count: 4 }, call())
    assert.ok(step.state === 'done')
    assert.deepEqual([step.outputs.length, step.usage], [1, { pictures: 1 }])
    assert.deepEqual(
      standIn.seen.slice(before).map(({ fields }) => fields.seed),
      ['7', '8'],
    )
  })

  const blurred = (good: Answer): Answer => ({
    ...good,
    json: { image: 'x', finish_reason: 'CONTENT_FILTERED' },
  })
  const blurredBytes: Answer = {
    headers: { 'content-type': 'image/png', 'finish-reason': 'CONTENT_FILTERED' },
    body: Buffer.from('x'),
  }
  const page: Answer = { body: '<html>hello</html>' }
  const flagged = 'Your request was flagged by our content moderation system'
  const kinds: readonly [string, Misbehaviour['does'], ProviderErrorKind][] = [
    ['a filtered picture in JSON', blurred, 'content'],
    ['a filtered picture in bytes', blurredBytes, 'content'],
    ['another reason of the end', answer({ image: 'x', finish_reason: 'ERROR' }), 'ambiguous'],
    ['a success without a picture', answer({ finish_reason: 'SUCCESS' }), 'ambiguous'],
    ['a page', page, 'ambiguous'],
    ['400', no(400, 'bad_request', 'some-field: is required'), 'rejected'],
    ['400 of its policy', no(400, 'content_moderation', flagged), 'content'],
    ['401', no(401, 'unauthorized', 'no'), 'unavailable'],
    ['402', no(402, 'payment_required', 'not enough credits'), 'unavailable'],
    ['403 of moderation', no(403, 'content_moderation', flagged), 'content'],
    ['403 in its form', no(403, 'other', 'no'), 'content'],
    ['403 in its older form', { status: 403, json: { id: '1', message: 'flagged' } }, 'content'],
    ['403 of a key', no(403, 'permission_denied', 'You lack the permissions'), 'unavailable'],
    ['403 of a proxy', { ...page, status: 403 }, 'unavailable'],
    ['404', no(404, 'not_found', 'no'), 'unavailable'],
    ['413', no(413, 'payload_too_large', 'over 10MiB'), 'rejected'],
    ['422', no(422, 'invalid_language', 'English is the only language'), 'rejected'],
    ['429', no(429, 'rate_limit_exceeded', 'timed out for 60 seconds'), 'throttled'],
    ['500', no(500, 'internal_error', 'An unexpected server error'), 'ambiguous'],
    ['502', { status: 502 }, 'ambiguous'],
    ['an answer that breaks off', 'cut', 'ambiguous'],
  ]
  for (const [name, does, kind] of kinds) {
    test(`takes ${name} for ${kind}`, async () => {
      const before = standIn.seen.length
      meet(does)
      const error = await providerRefusal(provider.start(PICTURE, call()), kind)
      assert.ok(!error.message.includes(standIn.key ?? ''))
      assert.equal(standIn.seen.length, before + 1, 'sent once')
    })
  }

  test('knows how long to wait where it is told', async () => {
    meet({ ...no(429, 'rate_limit_exceeded', 'slow'), headers: { 'retry-after': '60' } })
    const error = await providerRefusal(provider.start(PICTURE, call()), 'throttled')
    assert.equal(error.retryAfterMs, 60_000)
  })

  for (const options of [
    { nothing: 1 },
    { accept: 'text' },
    { strength: 2 },
    { style_preset: 'Two words' },
    { extra_body: { prompt: 'x' } },
  ] as ProviderConnection['options'][]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      await providerRefusal(provider.start(PICTURE, call(options)), 'unavailable')
      assert.match(provider.problemWith?.(connectionTo(standIn.url, '', options), 'image') ?? '', /stability/)
      assert.equal(standIn.seen.length, before)
    })
  }

  test('asks for the nearest shape', () => {
    const ratio = (width: number, height: number) => chooseRatio({ width, height })
    assert.equal(ratio(512, 512), '1:1')
    assert.equal(ratio(1920, 1080), '16:9')
    assert.equal(ratio(1080, 1920), '9:16')
    assert.equal(ratio(800, 600), '5:4')
    assert.equal(ratio(768, 1024), '4:5')
    assert.equal(ratio(3000, 500), '21:9')
  })
})
