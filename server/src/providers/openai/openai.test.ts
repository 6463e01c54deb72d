import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import {
  type Misbehaviour,
  type OpenAiStandIn,
  raw,
  silence,
  startOpenAiStandIn,
  status,
} from '../../../test/providers/openai-stand-in.ts'
import { chunk, DONE, event, refusal } from '../../../test/providers/openai-wire.ts'
import { allParts, providerRefusal } from '../../../test/providers/provider-suite.ts'
import { aPicture as picture } from '../../../test/providers/vendor-stand-in.ts'
import { type Outbound, OutboundError } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type ProviderConnection,
  ProviderError,
  type ProviderErrorKind,
  type Step,
  type TextJob,
  type TextPart,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { createOpenAiCompatible } from './openai.ts'
import { chooseSize } from './size.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gpt-image-1.5',
  prompt: '一只可爱的小猫',
  width: 640,
  height: 480,
  count: 2,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'gpt-x',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}

const connectionTo = (url: string, secret: string, options: ProviderConnection['options'] = {}) => ({
  url,
  secret,
  headers: {},
  options,
})

describe('the wire of openai', () => {
  const provider = createOpenAiCompatible(createLoopbackOutbound())
  let standIn: OpenAiStandIn
  before(async () => {
    standIn = await startOpenAiStandIn()
  })
  after(() => standIn.close())

  const call = (changes: Partial<ProviderConnection> = {}): CallOptions => ({
    connection: { ...connectionTo(standIn.url, standIn.key), ...changes },
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  })
  const write = (options = call(), job = TEXT): Promise<TextPart[]> =>
    allParts(provider.write?.(job, options))
  const meet = (misbehaviour: Misbehaviour): void => void standIn.next.push(misbehaviour)
  const textOf = (parts: TextPart[]): string =>
    parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const seen = () => standIn.seen.at(-1) ?? assert.fail('nothing was sent')

  test('sends a conversation as documented and reads its words and usage', async () => {
    const source = { bytes: await picture(8, 8), mediaType: 'image/png' }
    const job: TextJob = {
      ...TEXT,
      kind: 'vision',
      messages: [
        { role: 'user', text: '你好' },
        { role: 'assistant', text: '您好' },
        { role: 'user', text: '这是什么？', pictures: [source] },
      ],
    }
    const parts = await write(call({ headers: { 'X-Org': 'one' } }), job)
    assert.equal(textOf(parts), '春眠不觉晓🙂。')
    assert.deepEqual(parts.at(-1), {
      type: 'end',
      reason: 'stop',
      usage: { inputTokens: 12, outputTokens: 7 },
    })
    assert.equal(seen().headers['x-org'], 'one')
    const url = `data:image/png;base64,${source.bytes.toString('base64')}`
    assert.deepEqual(seen().fields, {
      model: 'gpt-x',
      messages: [
        { role: 'system', content: '你是诗人。' },
        { role: 'user', content: '你好' },
        { role: 'assistant', content: '您好' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '这是什么？' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 100,
      temperature: 0.7,
    })
  })

  test('sends only the fields that the options leave in', async () => {
    const options = {
      max_tokens_field: 'max_completion_tokens',
      temperature: 'off',
      stream_usage: 'off',
      extra_body: { reasoning_effort: 'low' },
    }
    const parts = await write(call({ options }))
    assert.deepEqual(parts.at(-1), { type: 'end', reason: 'stop', usage: null })
    const { model, messages, ...rest } = seen().fields
    assert.deepEqual(rest, { stream: true, max_completion_tokens: 100, reasoning_effort: 'low' })
  })

  for (const options of [
    { nothing: 1 },
    { temperature: 'warm' },
    { temperature: 2.5 },
    { most_tokens: 0 },
    { most_tokens: '100' },
    { image_size: 'large' },
    { timeout_seconds: 0 },
    { quality: 'best' },
    { videos: 'on', video_seconds: [] },
    { videos: 'on', video_size: 'large' },
    { extra_body: { model: 'dearer' } },
  ] as ProviderConnection['options'][]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      await providerRefusal(write(call({ options })), 'unavailable')
      await providerRefusal(provider.start(PICTURE, call({ options })), 'unavailable')
      assert.equal(standIn.seen.length, before)
    })
  }

  test('sends what an operator chose for texts and pictures, and what a model’s name calls for', async () => {
    const job: TextJob = { ...TEXT, format: 'json', seed: 5 }
    await write(call({ options: { json_mode: 'on', seed: 'on', reasoning_effort: 'high' } }), job)
    const { response_format, seed, reasoning_effort } = seen().fields
    assert.deepEqual([response_format, seed, reasoning_effort], [{ type: 'json_object' }, 5, 'high'])
    await write(call(), { ...job, model: 'gpt-5-mini' })
    const { model, messages, stream, stream_options, ...rest } = seen().fields
    assert.deepEqual(rest, { max_tokens: 100, reasoning_effort: 'low' })
    const options = { quality: 'high', background: 'opaque', output_format: 'webp', output_compression: 80 }
    await provider.start(PICTURE, call({ options: { ...options, moderation: 'low' } }))
    assert.partialDeepStrictEqual(seen().fields, { ...options, moderation: 'low' })
    meet(status(200, { data: [{ b64_json: (await picture(8, 8)).toString('base64') }] }))
    await provider.start({ ...PICTURE, model: 'dall-e-3', count: 1 }, call())
    assert.equal(seen().fields.n, 1)
  })

  const clip: VideoJob = {
    ...{
      kind: 'video',
      model: 'sora-2',
      prompt: '海',
      width: 700,
      height: 1300,
      seconds: 6,
      fps: 24,
      seed: 7,
    },
  }

  test('makes clips only where an operator says that the deployment does', async () => {
    const connection = connectionTo(standIn.url, standIn.key)
    assert.match(provider.problemWith?.(connection, 'video') ?? '', /set the option videos to on/)
    assert.equal(provider.problemWith?.({ ...connection, options: { videos: 'on' } }, 'video'), null)
    assert.equal(provider.problemWith?.(connection, 'image'), null)
    const before = standIn.seen.length
    await providerRefusal(provider.start(clip, call()), 'unavailable')
    assert.equal(standIn.seen.length, before)
  })

  test('asks for the nearest length and size of a clip, and hands it on for who has the key', async () => {
    const options = call({ options: { videos: 'on', video_check_seconds: 3 } })
    let step = await provider.start(clip, options)
    assert.partialDeepStrictEqual(seen().fields, { seconds: '8', size: '720x1280', prompt: '海' })
    const progress: (number | undefined)[] = []
    for (let looks = 0; step.state === 'pending'; looks += 1) {
      assert.ok(looks < 5)
      assert.equal(step.checkAfterMs, 3_000)
      progress.push(step.progress)
      const { operation } = step
      // An operator who turns clips off loses none that is being made.
      const later = call({ options: { video_check_seconds: 3 } })
      step = (await provider.check?.(operation, later)) ?? assert.fail()
      assert.match(provider.remoteId?.(operation) ?? '', /^video_\d+$/)
    }
    assert.deepEqual(progress, [undefined, 0, 50])
    const [output] = step.outputs
    assert.ok(output && 'url' in output)
    assert.match(output.url, /\/v1\/videos\/video_\d+\/content$/)
    assert.deepEqual(output.headers, { authorization: `Bearer ${standIn.key}` })
  })

  for (const [video_failures, kind] of [
    ['charged', 'rejected'],
    ['free', 'failed'],
  ] as const) {
    test(`a clip that failed where failures are ${video_failures} is ${kind}`, async () => {
      meet(status(200, { id: 'v', status: 'failed', ...refusal('out of memory', { type: 'server_error' }) }))
      const options = call({ options: { videos: 'on', video_failures } })
      await providerRefusal(provider.check?.({ id: 'v' }, options) ?? assert.fail(), kind)
    })
  }

  test('has a job ask for no more tokens than the options allow, at their temperature', async () => {
    await write(call({ options: { most_tokens: 60, temperature: 0 } }))
    assert.deepEqual([seen().fields.max_tokens, seen().fields.temperature], [60, 0])
    await write(call({ options: { most_tokens: 1_000 } }))
    assert.deepEqual([seen().fields.max_tokens, seen().fields.temperature], [100, 0.7])
  })

  test('sends an edit as a form with the picture in it', async () => {
    const bytes = await picture(32, 24)
    const job: ImageJob = { ...PICTURE, kind: 'image_edit', source: { bytes, mediaType: 'image/png' } }
    await provider.start({ ...job, negativePrompt: '人' }, call({ options: { image_field: 'image[]' } }))
    const [file] = seen().files
    assert.partialDeepStrictEqual(file, { name: 'image[]', type: 'image/png', bytes })
    assert.deepEqual(seen().fields, {
      model: 'gpt-image-1.5',
      // Forms have line breaks of two characters.
      prompt: '一只可爱的小猫\r\n\r\nAvoid: 人',
      n: '2',
      size: '1536x1024',
    })
  })

  const whole = { choices: [{ message: { content: '整个' }, finish_reason: 'length' }] }
  const endings: readonly [string, Misbehaviour, string, object][] = [
    ['whole JSON where a stream was asked for', status(200, whole), '整个', { reason: 'length' }],
    ['a stream under a wrong type', raw([chunk('a', 'stop'), DONE], 'end', 'text/plain'), 'a', {}],
    ['no usage', raw([chunk('a'), chunk(null, 'stop'), DONE]), 'a', { usage: null }],
    ['no reason of the end', raw([chunk('a'), DONE]), 'a', { reason: 'stop' }],
    ['no last empty line', raw([chunk('a', 'stop'), 'data: [DONE]']), 'a', {}],
    ['a break after the end', raw([chunk('a', 'stop')], 'break'), 'a', { reason: 'stop' }],
    ['rubbish that is no field', raw(['rubbish\n', ': ping\n\n', chunk('a', 'stop'), DONE]), 'a', {}],
    ['a finish by length', raw([chunk('a', 'length'), DONE]), 'a', { reason: 'length' }],
    ['a finish by its filter', raw([chunk('a', 'content_filter'), DONE]), 'a', { reason: 'content' }],
    ['CRLF', raw([chunk('a', 'stop').replaceAll('\n', '\r\n'), DONE]), 'a', {}],
  ]
  for (const [name, misbehaviour, text, end] of endings) {
    test(`reads an answer with ${name}`, async () => {
      meet(misbehaviour)
      const parts = await write()
      assert.equal(textOf(parts), text)
      assert.partialDeepStrictEqual(parts.at(-1), { type: 'end', ...end })
    })
  }

  const broken: readonly [string, Misbehaviour, ProviderErrorKind][] = [
    ['a stream cut in the middle', raw([chunk('a')], 'break'), 'ambiguous'],
    ['a stream that just stops', raw([chunk('a')]), 'ambiguous'],
    ['an event that is not JSON', raw([chunk('a'), 'data: {nope\n\n', chunk('b', 'stop')]), 'ambiguous'],
    ['nothing', raw([]), 'ambiguous'],
    ['an end without a word', raw([chunk(null, 'stop'), DONE]), 'ambiguous'],
    ['a page', raw(['<html>hello</html>'], 'end', 'text/html'), 'ambiguous'],
    ['JSON of another kind', status(200, { hello: 1 }), 'ambiguous'],
    [
      'an error in the middle',
      raw([chunk('a'), event(refusal('oops', { type: 'server_error' }))]),
      'ambiguous',
    ],
    [
      'moderation in the middle',
      raw([chunk('a'), event(refusal('no', { code: 'content_filter' }))]),
      'content',
    ],
    ['more than fits', raw(Array.from({ length: 40 }, () => chunk('a'.repeat(1024 * 1024)))), 'ambiguous'],
  ]
  for (const [name, misbehaviour, kind] of broken) {
    test(`takes ${name} for no whole answer: ${kind}`, async () => {
      meet(misbehaviour)
      await providerRefusal(write(), kind)
    })
  }

  const refusals: readonly [string, Misbehaviour, ProviderErrorKind][] = [
    ['a wrong key', status(401, refusal('no', { code: 'invalid_api_key' })), 'unavailable'],
    ['no permission', status(403, refusal('no')), 'unavailable'],
    ['a wrong key under 400', status(400, refusal('no', { code: 'API_KEY_INVALID' })), 'unavailable'],
    ['an unknown model', status(404, refusal('no', { code: 'model_not_found' })), 'unavailable'],
    ['a redirect', status(307, {}, { location: 'http://127.0.0.1:1/' }), 'unavailable'],
    ['moderation', status(400, refusal('no', { code: 'moderation_blocked' })), 'content'],
    ['a content policy', status(400, refusal('no', { code: 'content_policy_violation' })), 'content'],
    ['a wrong parameter', status(400, refusal('no', { code: 'invalid_value' })), 'rejected'],
    ['a wrong body', status(422, { detail: [] }), 'rejected'],
    ['too many requests', status(429, refusal('no', { code: 'rate_limit_exceeded' })), 'throttled'],
    ['an empty purse', status(429, refusal('no', { code: 'insufficient_quota' })), 'unavailable'],
    ['a crash', status(500, refusal('no', { type: 'server_error' })), 'ambiguous'],
    ['a bad gateway', raw(['<html>']), 'ambiguous'],
    ['a gateway that gave up', status(504, {}), 'ambiguous'],
    ['overload', status(503, refusal('Slow down', { code: 'slow_down' })), 'unavailable'],
    ['an unexplained 503', status(503, {}), 'ambiguous'],
    ['an error under 200', status(200, refusal('no', { code: 'content_policy_violation' })), 'content'],
  ]
  for (const [name, misbehaviour, kind] of refusals) {
    test(`tells what ${name} means: ${kind}`, async () => {
      meet(misbehaviour)
      await providerRefusal(write(), kind)
      meet(misbehaviour)
      await providerRefusal(provider.start(PICTURE, call()), kind)
    })
  }

  test('waits as long as it is told', async () => {
    const date = 'Wed, 25 Nov 2026 10:00:00 GMT'
    for (const [headers, ms] of [
      [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
      [{ 'retry-after': '2' }, 2_000],
      [{ 'retry-after': 'Wed, 25 Nov 2026 10:00:30 GMT', date }, 30_000],
      [{ 'retry-after': 'Wed, 25 Nov 2026 09:00:00 GMT', date }, 0],
      [{ 'retry-after': '999999999' }, 3_600_000],
      [{ 'retry-after': 'soon' }, undefined],
      [{}, undefined],
    ] as [Record<string, string>, number | undefined][]) {
      meet(status(429, refusal('no'), headers))
      const { retryAfterMs } = await providerRefusal(write(), 'throttled')
      assert.equal(retryAfterMs, ms, JSON.stringify(headers))
    }
  })

  test('does not know what became of a call without an answer', async () => {
    const options = { timeout_seconds: 1 }
    meet(silence)
    await providerRefusal(write(call({ options })), 'ambiguous')
    meet(silence)
    await providerRefusal(provider.start(PICTURE, call({ options })), 'ambiguous')
  })

  test('knows that nothing was sent where no connection was made', async () => {
    for (const kind of ['unreachable', 'forbidden'] as const) {
      const outbound: Outbound = async () => {
        throw new OutboundError(kind, 'no connection to nowhere.example (ENOTFOUND)')
      }
      const cut = createOpenAiCompatible(outbound)
      await providerRefusal(cut.start(PICTURE, call()), 'unavailable')
      await providerRefusal(allParts(cut.write?.(TEXT, call())), 'unavailable')
    }
  })

  test('hangs up within two seconds when it is called off in the middle, or read no further', async () => {
    for (const isCalledOff of [true, false]) {
      meet(raw([chunk('a')], 'wait'))
      const controller = new AbortController()
      const parts = provider.write?.(TEXT, { ...call(), signal: controller.signal })
      assert.ok(parts)
      const reading = (async () => {
        for await (const part of parts) {
          assert.deepEqual(part, { type: 'text', text: 'a' })
          assert.equal(standIn.open(), 1)
          if (!isCalledOff) break
          controller.abort()
        }
      })()
      if (isCalledOff) await providerRefusal(reading, 'ambiguous')
      else await reading
      for (let waitedMs = 0; standIn.open() > 0; waitedMs += 20) {
        assert.ok(waitedMs < 2_000, 'the connection is still open')
        await sleep(20)
      }
    }
  })

  const picturesOf = async (data: unknown, changes: Partial<ImageJob> = {}): Promise<Step> => {
    meet(status(200, { created: 1, data }))
    return provider.start({ ...PICTURE, ...changes }, call())
  }

  test('hands addresses on, and says which are on the configured host', async () => {
    const { origin } = new URL(standIn.url)
    const data = [{ url: 'https://cdn.example.com/a.png?sig=1' }, { url: '/files/b.png' }]
    assert.deepEqual(await picturesOf(data, { count: 2 }), {
      state: 'done',
      outputs: [
        { url: 'https://cdn.example.com/a.png?sig=1' },
        { url: `${origin}/files/b.png`, isOperatorConfigured: true },
      ],
      usage: { pictures: 2 },
    })
  })

  test('reads size and type from the file, and takes no more than were asked for', async () => {
    const one = { b64_json: `data:image/jpeg;base64,${(await picture(30, 20)).toString('base64')}` }
    const step = await picturesOf([one, one, one], { count: 1 })
    assert.ok(step.state === 'done')
    assert.equal(step.outputs.length, 1)
    assert.partialDeepStrictEqual(step.outputs[0], { mediaType: 'image/png', width: 30, height: 20 })
  })

  test('lets nobody pay for pictures that did not come', async () => {
    const one = { b64_json: (await picture(8, 8)).toString('base64') }
    await providerRefusal(picturesOf([one]), 'ambiguous')
    const options = { pictures_per_call: 1 }
    const before = standIn.seen.length
    const step = await provider.start({ ...PICTURE, count: 3 }, call({ options }))
    assert.equal(step.state === 'done' && step.outputs.length, 3)
    assert.deepEqual(
      standIn.seen.slice(before).map(({ fields }) => fields.n),
      [1, 1, 1],
    )
    meet(status(200, { data: [one] }))
    meet(status(429, refusal('no')))
    await providerRefusal(provider.start(PICTURE, call({ options })), 'ambiguous')
  })

  test('takes what is not a picture for no whole answer', async () => {
    for (const data of [[], [{}], [null], 'x', [{ b64_json: 'aGVsbG8=' }], [{ url: 'file:///etc/passwd' }]]) {
      await providerRefusal(picturesOf(data, { count: 1 }), 'ambiguous')
    }
  })

  test('keeps the key out of errors when the vendor repeats it', async () => {
    const org = 'org-token-12345678'
    const forms = [standIn.key, encodeURIComponent(standIn.key), org, 'sk-some-other-key', 'Bearer abc.def']
    const echoes = [
      refusal(`wrong: ${forms.join(', ')}`, { code: standIn.key }),
      // Cut in the middle of the key, were it cut first.
      refusal(`${'x'.repeat(285 - standIn.key.length)} ${standIn.key}`),
      { error: `wrong: ${standIn.key} ${org}` },
    ]
    for (const echo of echoes) {
      for (const answer of [401, 200]) {
        for (const work of [write, (options: CallOptions) => provider.start(PICTURE, options)]) {
          meet(status(answer, echo))
          const error = await work(call({ headers: { 'x-org': org } })).catch((thrown: unknown) => thrown)
          assert.ok(error instanceof ProviderError)
          const said = JSON.stringify([error.message, error.stack, String(error.cause)])
          assert.match(said, /\*\*\*/)
          for (const form of [...forms, standIn.key.slice(0, 12)]) assert.ok(!said.includes(form), said)
        }
      }
    }
  })

  test('asks for sizes that the model takes', () => {
    const size = (model: string, width: number, height: number) =>
      chooseSize({ model, width, height }, 'model')
    assert.equal(size('gpt-image-1.5', 1920, 1080), '1536x1024')
    assert.equal(size('gpt-image-1-mini', 512, 512), '1024x1024')
    assert.equal(size('dall-e-2', 300, 300), '256x256')
    assert.equal(size('dall-e-3', 720, 1280), '1024x1792')
    assert.equal(size('gpt-image-2', 1024, 1024), '1024x1024')
    assert.equal(size('flux-dev', 333, 777), '333x777')
    assert.equal(chooseSize({ ...PICTURE }, 'off'), null)
    for (const model of ['gpt-image-2', 'gpt-image-2.6-flare']) {
      for (const width of [64, 500, 1000, 1333, 2048, 4096, 9000]) {
        for (const height of [64, 501, 1024, 1999, 4096]) {
          const [w = 0, h = 0] = size(model, width, height)?.split('x').map(Number) ?? []
          const words = `${width}x${height} → ${w}x${h}`
          assert.ok(w % 16 === 0 && h % 16 === 0, words)
          assert.ok(Math.max(w, h) <= 3 * Math.min(w, h) && Math.max(w, h) <= 3840, words)
          assert.ok(w * h >= 655_360 && w * h <= 3840 * 2160, words)
        }
      }
    }
  })
})
