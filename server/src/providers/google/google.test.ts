import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { event, googleWire, no, part } from '../../../test/providers/google-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { allParts, providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import {
  type Answer,
  aPicture,
  type Misbehaviour,
  startVendorStandIn,
  type VendorStandIn,
} from '../../../test/providers/vendor-stand-in.ts'
import { type Outbound, OutboundError } from '../../kernel/ports/outbound.ts'
import type {
  CallOptions,
  ImageJob,
  ProviderConnection,
  ProviderErrorKind,
  Step,
  TextJob,
  TextPart,
  VideoJob,
} from '../../kernel/ports/provider.ts'
import { createGoogle } from './google.ts'
import { readOptions } from './options.ts'
import { chooseClip, chooseImageConfig } from './shape.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gemini-3.1-flash-image',
  prompt: '一只可爱的小猫',
  width: 1280,
  height: 720,
  count: 2,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'veo-3.1-fast-generate-preview',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'gemini-3.8-flash',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}

const connectionTo = (url: string, secret: string | null, options: ProviderConnection['options'] = {}) => ({
  url,
  secret: secret ?? '',
  headers: {},
  options,
})

testProvider('google', async () => {
  const standIn = await startVendorStandIn(googleWire())
  const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
  return {
    provider: createGoogle(createLoopbackOutbound()),
    connection: connectionTo(standIn.url, standIn.key),
    jobs: [
      PICTURE,
      { ...PICTURE, kind: 'image_edit', source },
      TEXT,
      { ...TEXT, kind: 'vision', messages: [{ role: 'user', text: '这是什么？', pictures: [source] }] },
      CLIP,
    ],
    refused: [
      { job: { ...PICTURE, count: 11 }, kind: 'rejected' },
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...TEXT, messages: [] }, kind: 'rejected' },
      { job: { ...CLIP, prompt: '' }, kind: 'rejected' },
    ],
    unreachable: connectionTo('http://127.0.0.1:1/v1beta', standIn.key),
    holdNext: () => standIn.next.submit.push({ does: 'silence', isAccepted: false }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

describe('the wire of google', () => {
  const provider = createGoogle(createLoopbackOutbound())
  const wire = googleWire()
  let standIn: VendorStandIn
  before(async () => {
    standIn = await startVendorStandIn(wire)
  })
  after(() => standIn.close())

  const call = (options: ProviderConnection['options'] = {}): CallOptions => ({
    connection: connectionTo(standIn.url, standIn.key, options),
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  })
  const write = (options = call(), job = TEXT): Promise<TextPart[]> =>
    allParts(provider.write?.(job, options))
  const meet = (does: Misbehaviour['does'], role: 'submit' | 'poll' = 'submit'): void =>
    void standIn.next[role].push({ does })
  const answer = (json: unknown): Answer => ({ json })
  const stream = (...pieces: (object | string)[]): Answer => ({
    headers: { 'content-type': 'text/event-stream' },
    body: pieces.map((piece) => (typeof piece === 'string' ? piece : event(piece))),
  })
  const textOf = (parts: TextPart[]): string =>
    parts.map((one) => (one.type === 'text' ? one.text : '')).join('')
  const seen = () => standIn.seen.at(-1) ?? assert.fail('nothing was sent')
  const finish = async (step: Step, options = call()): Promise<Step> => {
    for (let looked = step; ; ) {
      if (looked.state !== 'pending') return looked
      looked = (await provider.check?.(looked.operation, options)) ?? assert.fail('no check')
    }
  }

  test('sends a conversation as documented and reads its words, without thoughts, and its usage', async () => {
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    const job: TextJob = {
      ...TEXT,
      kind: 'vision',
      format: 'json',
      seed: 9,
      messages: [
        { role: 'user', text: '你好' },
        { role: 'assistant', text: '您好' },
        { role: 'user', text: '这是什么？', pictures: [source] },
      ],
    }
    const parts = await write(call({ thinking: 'low' }), job)
    assert.equal(textOf(parts), '春眠不觉晓🙂。')
    const usage = { inputTokens: 12, outputTokens: 7 }
    assert.deepEqual(parts.at(-1), { type: 'end', reason: 'stop', usage })
    assert.equal(seen().path, '/v1beta/models/gemini-3.8-flash:streamGenerateContent')
    const inlineData = { mimeType: 'image/png', data: source.bytes.toString('base64') }
    assert.deepEqual(seen().fields, {
      systemInstruction: { parts: [{ text: '你是诗人。' }] },
      contents: [
        { role: 'user', parts: [{ text: '你好' }] },
        { role: 'model', parts: [{ text: '您好' }] },
        { role: 'user', parts: [{ inlineData }, { text: '这是什么？' }] },
      ],
      generationConfig: {
        maxOutputTokens: 100,
        temperature: 0.7,
        seed: 9,
        responseMimeType: 'application/json',
        thinkingConfig: { thinkingLevel: 'low' },
      },
    })
  })

  const endings: readonly [string, Answer, string, object][] = [
    [
      'a whole list where a stream was asked for',
      answer([part('整'), part('个', 'STOP')]),
      '整个',
      { reason: 'stop' },
    ],
    ['no last empty line', stream(event(part('a', 'STOP')).trimEnd()), 'a', { reason: 'stop' }],
    ['a finish by length', stream(part('a', 'MAX_TOKENS')), 'a', { reason: 'length' }],
    ['a finish by length before a word', stream(part(null, 'MAX_TOKENS')), '', { reason: 'length' }],
    ['a finish by its filter', stream(part('a'), part(null, 'SAFETY')), 'a', { reason: 'content' }],
    ['an end for other reasons', stream(part('a', 'OTHER')), 'a', { reason: 'length' }],
  ]
  for (const [name, given, text, end] of endings) {
    test(`reads an answer with ${name}`, async () => {
      meet(given)
      const parts = await write()
      assert.equal(textOf(parts), text)
      assert.partialDeepStrictEqual(parts.at(-1), { type: 'end', ...end })
    })
  }

  test('a text that has ended is whole, whatever becomes of the connection', async () => {
    const breaking: Outbound = async (_url, { readBody }) => {
      const pieces = async function* () {
        yield Buffer.from(event(part('a', 'STOP')))
        throw new OutboundError('interrupted', 'broke off')
      }
      await readBody?.(pieces(), { status: 200, headers: {}, url: '' })
      return assert.fail('it broke off')
    }
    const parts = await allParts(createGoogle(breaking).write?.(TEXT, call()))
    assert.equal(textOf(parts), 'a')
    assert.partialDeepStrictEqual(parts.at(-1), { type: 'end', reason: 'stop' })
  })

  const overloaded = no(503, 'UNAVAILABLE', 'The model is overloaded.')
  const page: Answer = { body: '<html>hello</html>' }
  const broken: readonly [string, Misbehaviour['does'], ProviderErrorKind][] = [
    ['a stream cut in the middle', 'cut', 'ambiguous'],
    ['a stream that just stops', stream(part('a')), 'ambiguous'],
    ['an event that is not JSON', stream(part('a'), 'data: {nope\n\n', part('b', 'STOP')), 'ambiguous'],
    ['nothing', stream(), 'ambiguous'],
    ['an end without a word', stream(part(null, 'STOP')), 'ambiguous'],
    ['a page', page, 'ambiguous'],
    ['JSON of another kind', answer({ hello: 1 }), 'ambiguous'],
    ['a blocked prompt', stream({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }), 'content'],
    ['an overload at once', stream(overloaded.json as object), 'unavailable'],
    ['an overload after words', stream(part('a'), overloaded.json as object), 'ambiguous'],
    ['500', no(500, 'INTERNAL', 'An internal error has occurred.'), 'ambiguous'],
    ['503 of its own', overloaded, 'unavailable'],
    ['503 of a proxy', { ...page, status: 503 }, 'ambiguous'],
    ['504', no(504, 'DEADLINE_EXCEEDED', 'Deadline expired.'), 'ambiguous'],
    ['401', no(401, 'UNAUTHENTICATED', 'no'), 'unavailable'],
    ['402', no(402, 'RESOURCE_EXHAUSTED', 'Prepay credits are depleted'), 'unavailable'],
    ['403', no(403, 'PERMISSION_DENIED', 'Requests are blocked.'), 'unavailable'],
    ['400 of its billing', no(400, 'FAILED_PRECONDITION', 'Enable billing.'), 'unavailable'],
    ['400 of its country', no(400, 'INVALID_ARGUMENT', 'User location is not supported.'), 'unavailable'],
    ['400 of the input', no(400, 'INVALID_ARGUMENT', 'contents: too long'), 'rejected'],
    ['400 of its policy', no(400, 'INVALID_ARGUMENT', 'violates our usage guidelines'), 'content'],
  ]
  for (const [name, does, kind] of broken) {
    test(`takes ${name} for ${kind}`, async () => {
      meet(does)
      await providerRefusal(write(), kind)
    })
  }

  test('a wrong key is the operator’s, and is not in the words', async () => {
    const connection = connectionTo(standIn.url, 'another-key-0123456789')
    const error = await providerRefusal(write({ ...call(), connection }), 'unavailable')
    assert.match(error.message, /API key not valid: \*\*\*/)
  })

  test('knows how long to wait from the header or from RetryInfo', async () => {
    const busy = no(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded.', [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.5s' },
    ])
    for (const [given, expected] of [
      [busy, 34_500],
      [{ ...busy, headers: { 'retry-after': '7' } }, 7_000],
      [no(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded.'), undefined],
    ] as const) {
      meet(given)
      assert.equal((await providerRefusal(write(), 'throttled')).retryAfterMs, expected)
    }
  })

  test('makes pictures one by one, each with a seed of its own, and counts what they took', async () => {
    const before = standIn.seen.length
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    const job: ImageJob = {
      ...PICTURE,
      kind: 'image_edit',
      source,
      negativePrompt: '人',
      seed: 2_147_483_647,
    }
    const step = await provider.start(job, call())
    assert.ok(step.state === 'done')
    assert.deepEqual(step.usage, { pictures: 2, inputTokens: 18, outputTokens: 2580 })
    const [one] = step.outputs
    assert.ok(one && 'bytes' in one)
    assert.deepEqual([one.mediaType, one.width, one.height], ['image/png', 341, 192])
    const sent = standIn.seen.slice(before).map(({ fields }) => fields)
    const inlineData = { mimeType: 'image/png', data: source.bytes.toString('base64') }
    const request = (seed: number) => ({
      contents: [{ role: 'user', parts: [{ inlineData }, { text: '一只可爱的小猫\n\nAvoid: 人' }] }],
      generationConfig: {
        responseModalities: ['TEXT', 'IMAGE'],
        seed,
        imageConfig: { aspectRatio: '16:9', imageSize: '1K' },
      },
    })
    assert.deepEqual(sent, [request(2_147_483_647), request(1)])
  })

  const asIs: Misbehaviour = { does: (good) => good }

  test('is done with the pictures that came when a later call fails, and asks no more', async () => {
    for (const does of [
      { status: 500 },
      answer({ candidates: [{ finishReason: 'IMAGE_SAFETY' }] }),
      'cut',
    ] as const) {
      const before = standIn.seen.length
      standIn.next.submit.push(asIs, { does })
      const step = await provider.start({ ...PICTURE, count: 3 }, call())
      assert.ok(step.state === 'done')
      assert.equal(step.outputs.length, 1)
      assert.equal(step.usage?.pictures, 1)
      assert.equal(standIn.seen.length - before, 2)
    }
  })

  test('waits for a busy vendor once a picture has been made', async () => {
    const busy = no(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded.')
    standIn.next.submit.push(asIs, { does: { ...busy, headers: { 'retry-after-ms': '5' } } })
    const step = await provider.start(PICTURE, call())
    assert.ok(step.state === 'done' && step.outputs.length === 2)
  })

  test('is ambiguous when it is called off after a picture has been made', async () => {
    const controller = new AbortController()
    const abort = (good: Answer): Answer => {
      controller.abort(new Error('called off'))
      return good
    }
    standIn.next.submit.push(asIs, { does: abort })
    await providerRefusal(provider.start(PICTURE, { ...call(), signal: controller.signal }), 'ambiguous')
  })

  const noPicture: readonly [string, unknown, ProviderErrorKind][] = [
    ['a filtered picture', { candidates: [{ finishReason: 'IMAGE_SAFETY' }] }, 'content'],
    ['no picture for the prompt', { candidates: [{ finishReason: 'NO_IMAGE' }] }, 'content'],
    ['a blocked prompt', { promptFeedback: { blockReason: 'SAFETY' } }, 'content'],
    [
      'words in place of a picture',
      { candidates: [{ content: { parts: [{ text: 'I cannot' }] }, finishReason: 'STOP' }] },
      'content',
    ],
    ['neither picture nor words', { candidates: [{ finishReason: 'STOP' }] }, 'ambiguous'],
    [
      'a picture that is none',
      { candidates: [{ content: { parts: [{ inlineData: { data: 'bm9uZQ==' } }] }, finishReason: 'STOP' }] },
      'ambiguous',
    ],
    ['JSON of another kind', { hello: 1 }, 'ambiguous'],
  ]
  for (const [name, body, kind] of noPicture) {
    test(`takes ${name} for ${kind}`, async () => {
      meet(answer(body))
      await providerRefusal(provider.start(PICTURE, call()), kind)
    })
  }

  test('starts a clip as documented, asks after it every ten seconds, and fetches it with the key', async () => {
    const source = { bytes: await aPicture(8, 8), mediaType: 'image/png' }
    const options = call({ person_generation: 'allow_adult', extra_parameters: { negativePrompt: 'text' } })
    const started = await provider.start({ ...CLIP, source }, options)
    assert.ok(started.state === 'pending')
    assert.equal(started.checkAfterMs, 10_000)
    assert.match(provider.remoteId?.(started.operation) ?? '', /^models\/veo-3.*\/operations\/op\d+$/)
    assert.deepEqual(seen().fields, {
      instances: [
        {
          prompt: '海浪',
          image: { bytesBase64Encoded: source.bytes.toString('base64'), mimeType: 'image/png' },
        },
      ],
      parameters: {
        negativePrompt: 'text',
        aspectRatio: '16:9',
        durationSeconds: 6,
        resolution: '720p',
        personGeneration: 'allow_adult',
      },
    })
    const done = await finish(started, options)
    assert.ok(done.state === 'done')
    assert.deepEqual(done.usage, { seconds: 6 })
    const [output] = done.outputs
    assert.ok(output && 'url' in output)
    // Named at Google's host, fetched where the operator said that Google is.
    assert.match(output.url, new RegExp(`^${standIn.url}/files/clip\\d+:download\\?alt=media$`))
    assert.equal(output.isOperatorConfigured, true)
    assert.equal(output.headers?.['x-goog-api-key'], standIn.key)
  })

  test('gives the key to no other host', async () => {
    const started = await provider.start(CLIP, call())
    const video = { uri: 'https://storage.example/clip.mp4' }
    wire.ends.push({ response: { generateVideoResponse: { generatedSamples: [{ video }] } } })
    const done = await finish(started)
    assert.ok(done.state === 'done')
    assert.deepEqual(done.outputs, [{ url: video.uri }])
  })

  const ends: readonly [string, object, ProviderErrorKind][] = [
    ['no samples', { response: { generateVideoResponse: { raiMediaFilteredCount: 1 } } }, 'content'],
    ['no response', {}, 'content'],
    ['an error of its own', { error: { code: 13, message: 'Internal.' } }, 'failed'],
    ['an error of the input', { error: { code: 3, message: 'The image is too small.' } }, 'rejected'],
    ['an error of its policy', { error: { code: 3, message: 'violates our usage guidelines' } }, 'content'],
  ]
  for (const [name, end, kind] of ends) {
    test(`takes a clip that is done with ${name} for ${kind}`, async () => {
      const started = await provider.start(CLIP, call())
      wire.ends.push({ response: undefined, ...end })
      await providerRefusal(finish(started), kind)
    })
  }

  test('asks again when an answer about a clip cannot be had, and gives up on a clip that is gone', async () => {
    const started = await provider.start(CLIP, call())
    assert.ok(started.state === 'pending')
    const look = async (): Promise<Step | undefined> => provider.check?.(started.operation, call())
    for (const [does, kind] of [
      [no(500, 'INTERNAL', 'x'), 'unavailable'],
      [no(403, 'PERMISSION_DENIED', 'x'), 'unavailable'],
      [no(429, 'RESOURCE_EXHAUSTED', 'x'), 'throttled'],
      [page, 'unavailable'],
      ['cut', 'unavailable'],
      [no(404, 'NOT_FOUND', 'x'), 'ambiguous'],
    ] as const) {
      meet(does, 'poll')
      await providerRefusal(Promise.resolve(look()), kind)
    }
    meet(answer({ name: 'x', done: 'perhaps' }), 'poll')
    assert.equal((await look())?.state, 'pending')
  })

  for (const body of [{}, { name: '' }, { name: 'models/../secrets' }, { name: 'a/b?c=d' }, 'words']) {
    test(`takes a start that answers ${JSON.stringify(body)} for ambiguous`, async () => {
      meet(answer(body))
      await providerRefusal(provider.start(CLIP, call()), 'ambiguous')
    })
  }

  for (const options of [
    { nothing: 1 },
    { temperature: 2.5 },
    { thinking: 'deep' },
    { image_size: '8K' },
    { clip_seconds: [] },
    { clip_seconds: [4.5] },
    { extra_body: { contents: [] } },
    { extra_parameters: { durationSeconds: 60 } },
  ] as ProviderConnection['options'][]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      await providerRefusal(provider.start(PICTURE, call(options)), 'unavailable')
      assert.match(provider.problemWith?.(connectionTo(standIn.url, '', options), 'image') ?? '', /google/)
      assert.equal(standIn.seen.length, before)
    })
  }

  test('asks for the nearest shape, size, length and resolution', () => {
    const image = (model: string, width: number, height: number, options = {}) =>
      Object.values(chooseImageConfig({ model, width, height }, readOptions({ options }))).join(' ')
    assert.equal(image('gemini-3.1-flash-image', 1024, 1024), '1:1 1K')
    assert.equal(image('gemini-3.1-flash-image', 720, 1280), '9:16 1K')
    assert.equal(image('gemini-3.1-flash-image', 2048, 1536), '4:3 2K')
    assert.equal(image('gemini-3-pro-image', 3840, 2160), '16:9 2K')
    assert.equal(image('gemini-3-pro-image', 4096, 4096), '1:1 4K')
    assert.equal(image('gemini-3-pro-image', 3440, 1440), '21:9 2K')
    assert.equal(image('gemini-2.5-flash-image', 2048, 2048), '1:1')
    assert.equal(image('gemini-3-pro-image', 64, 64, { image_size: '4K', aspect_ratio: 'off' }), '4K')
    const clip = (width: number, height: number, seconds: number, options = {}) =>
      Object.values(chooseClip({ width, height, seconds }, readOptions({ options }))).join(' ')
    assert.equal(clip(1920, 1080, 8), '16:9 8 1080p')
    assert.equal(clip(1920, 1080, 5), '16:9 6 720p')
    assert.equal(clip(720, 1280, 3), '9:16 4 720p')
    assert.equal(clip(1024, 1024, 60), '16:9 8 1080p')
    assert.equal(clip(640, 360, 10, { clip_seconds: [10, 5], clip_resolution: 'off' }), '16:9 10')
  })
})
