import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import { no, runwayWire } from '../../../test/providers/runway-wire.ts'
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
  Step,
  VideoJob,
} from '../../kernel/ports/provider.ts'
import { fitTo } from './models.ts'
import { readOptions } from './options.ts'
import { createRunway } from './runway.ts'

const CLIP: VideoJob = {
  kind: 'video',
  model: 'gen4.5',
  prompt: 'waves',
  width: 1920,
  height: 1080,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gen4_image',
  prompt: 'a small cat',
  width: 1920,
  height: 1080,
  count: 2,
  seed: 7,
  guidance: 7,
  watermark: false,
}

const connectionTo = (url: string, secret: string | null, options: ProviderConnection['options'] = {}) => ({
  url,
  secret: secret ?? '',
  headers: {},
  options,
})

testProvider('runway', async () => {
  const standIn = await startVendorStandIn(runwayWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  return {
    provider: createRunway(createLoopbackOutbound()),
    connection: connectionTo(standIn.url, standIn.key),
    jobs: [{ ...CLIP, source }, PICTURE, { ...PICTURE, kind: 'image_edit', source }],
    refused: [
      { job: { ...CLIP, prompt: ' ' }, kind: 'rejected' },
      { job: { ...CLIP, prompt: 'a'.repeat(1_001) }, kind: 'rejected' },
      { job: { ...PICTURE, count: 11 }, kind: 'rejected' },
      { job: { ...PICTURE, prompt: '' }, kind: 'rejected' },
    ],
    unreachable: connectionTo('http://127.0.0.1:1', standIn.key),
    holdNext: () => standIn.next.submit.push({ does: 'silence', isAccepted: false }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

describe('the wire of runway', () => {
  const provider = createRunway(createLoopbackOutbound())
  const wire = runwayWire()
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
  const answer = (json: unknown): Answer => ({ json })
  const meet = (does: Misbehaviour['does'], role: 'submit' | 'poll' | 'other' = 'submit'): void =>
    void standIn.next[role].push({ does })
  const seen = () => standIn.seen.at(-1) ?? assert.fail('nothing was sent')
  const started = async (job: VideoJob | ImageJob, options = call()) => {
    const step = await provider.start(job, options)
    assert.ok(step.state === 'pending')
    return step
  }
  const look = async (operation: Extract<Step, { state: 'pending' }>['operation']): Promise<Step> =>
    (await provider.check?.(operation, call())) ?? assert.fail('no check')
  const finish = async (step: Extract<Step, { state: 'pending' }>): Promise<Step[]> => {
    const steps: Step[] = [step]
    for (let last: Step = step; last.state === 'pending'; steps.push(last)) last = await look(last.operation)
    return steps
  }

  test('starts a clip from words, asks after it and reads where it lies', async () => {
    const steps = await finish(await started(CLIP))
    const start = standIn.seen.find(({ path }) => path === '/v1/text_to_video')
    assert.deepEqual(start?.fields, {
      model: 'gen4.5',
      promptText: 'waves',
      ratio: '1280:720',
      duration: 5,
      seed: 7,
    })
    assert.deepEqual(
      steps.map((step) => (step.state === 'pending' ? (step.progress ?? null) : step.state)),
      [null, null, null, 20, 70, 'done'],
    )
    assert.ok(steps.every((step) => step.state === 'done' || step.checkAfterMs >= 5_000))
    const done = steps.at(-1)
    assert.ok(done?.state === 'done')
    assert.deepEqual(done.usage, { seconds: 5 })
    assert.deepEqual(done.outputs, [
      { url: `${standIn.url}/files/1?signature=abc`, isOperatorConfigured: true },
    ])
  })

  test('sends a first picture inside the request, or uploads one that is too long, without the key', async () => {
    const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
    await started({ ...CLIP, source, width: 720, height: 720 })
    assert.equal(seen().path, '/v1/image_to_video')
    assert.equal(seen().fields.ratio, '960:960')
    const inline = `data:image/png;base64,${source.bytes.toString('base64')}`
    assert.equal(seen().fields.promptImage, inline)
    const large = { bytes: randomBytes(4_000_000), mediaType: 'image/png' }
    await started({ ...CLIP, source: large })
    assert.equal(seen().fields.promptImage, 'runway://uploads/1')
    assert.deepEqual(wire.uploads, [4_000_000])
    await started({ ...PICTURE, kind: 'image_edit', source, count: 1 }, call({ inline_bytes: 100 }))
    assert.deepEqual(seen().fields.referenceImages, [{ uri: 'runway://uploads/1' }])
    assert.equal(wire.uploads.length, 2)
  })

  test('an upload that fails is known not to have cost anything', async () => {
    const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
    const before = standIn.seen.length
    for (const does of [
      'cut',
      { status: 500 },
      answer({}),
      answer({ uploadUrl: 'http://127.0.0.1:1/', runwayUri: 'runway://x', fields: {} }),
    ] as const) {
      meet(does, 'other')
      await providerRefusal(provider.start({ ...CLIP, source }, call({ inline_bytes: 0 })), 'unavailable')
    }
    assert.equal(standIn.seen.length - before, 4, 'no clip was started')
  })

  test('starts a task for each picture, and is done with those that came', async () => {
    const before = standIn.seen.length
    const step = await started({ ...PICTURE, count: 3 })
    assert.deepEqual(
      standIn.seen.slice(before).map(({ fields }) => [fields.ratio, fields.seed]),
      [
        ['1920:1080', 7],
        ['1920:1080', 8],
        ['1920:1080', 9],
      ],
    )
    assert.match(provider.remoteId?.(step.operation) ?? '', /^task-\d+,task-\d+,task-\d+$/)
    wire.ends.push({}, { status: 'FAILED', failureCode: 'SAFETY.OUTPUT.IMAGE', output: undefined })
    const done = (await finish(step)).at(-1)
    assert.ok(done?.state === 'done')
    assert.deepEqual([done.outputs.length, done.usage], [2, { pictures: 2 }])
  })

  test('goes on with the pictures that were started when a later start fails', async () => {
    const before = standIn.seen.length
    meet((good) => good)
    meet({ status: 500 })
    const step = await started({ ...PICTURE, count: 3 })
    assert.equal(standIn.seen.length - before, 2)
    const done = (await finish(step)).at(-1)
    assert.ok(done?.state === 'done')
    assert.equal(done.outputs.length, 1)
  })

  const failed = (failureCode: string, more: object = {}): object => ({
    status: 'FAILED',
    failure: 'Something went wrong.',
    failureCode,
    cost: { credits: 0 },
    ...more,
  })
  test('is not made anew while one of its starts is in doubt', async () => {
    for (const [second, kind] of [
      [{ status: 500 }, 'ambiguous'],
      [no(429, 'You have reached your daily limit.'), 'failed'],
    ] as const) {
      meet((good) => good)
      meet(second)
      const step = await started({ ...PICTURE, count: 3 })
      wire.ends.push({ output: undefined, ...failed('INTERNAL.BAD_OUTPUT.CODE01') })
      await providerRefusal(finish(step), kind)
    }
  })

  const ends: readonly [string, object, ProviderErrorKind][] = [
    ['SAFETY.INPUT.TEXT', failed('SAFETY.INPUT.TEXT', { cost: { credits: 60 } }), 'content'],
    ['SAFETY.OUTPUT.VIDEO', failed('SAFETY.OUTPUT.VIDEO'), 'content'],
    ['INPUT_PREPROCESSING.SAFETY.TEXT', failed('INPUT_PREPROCESSING.SAFETY.TEXT'), 'content'],
    ['INPUT_PREPROCESSING.INTERNAL', failed('INPUT_PREPROCESSING.INTERNAL'), 'failed'],
    ['INTERNAL.BAD_OUTPUT.CODE01', failed('INTERNAL.BAD_OUTPUT.CODE01'), 'failed'],
    ['a failure that does not say what it cost', failed('INTERNAL', { cost: undefined }), 'failed'],
    ['a failure that was charged', failed('INTERNAL', { cost: { credits: 60 } }), 'ambiguous'],
    ['ASSET.INVALID', failed('ASSET.INVALID'), 'rejected'],
    ['CANCELLED', { status: 'CANCELLED', cost: { credits: 0 } }, 'failed'],
    ['a success without outputs', { output: [] }, 'ambiguous'],
    ['an address that is none', { output: ['ftp://nowhere'] }, 'ambiguous'],
  ]
  for (const [name, end, kind] of ends) {
    test(`takes ${name} for ${kind}`, async () => {
      const step = await started(CLIP)
      wire.ends.push({ output: undefined, ...end })
      await providerRefusal(finish(step), kind)
    })
  }

  test('goes on waiting for a status it does not know', async () => {
    const step = await started(CLIP)
    meet(answer({ id: 'x', status: 'DREAMING' }), 'poll')
    assert.equal((await look(step.operation)).state, 'pending')
  })

  const page: Answer = { body: '<html>hello</html>' }
  const poor = 'You do not have enough credits to run this task.'
  const nos: readonly [string, Misbehaviour['does'], ProviderErrorKind, ProviderErrorKind][] = [
    ['400', no(400, 'Validation of body failed'), 'rejected', 'unavailable'],
    ['400 of its policy', no(400, 'did not pass our content moderation'), 'content', 'unavailable'],
    ['400 of the balance', no(400, poor), 'unavailable', 'unavailable'],
    ['401', no(401, 'no'), 'unavailable', 'unavailable'],
    ['404', no(404, 'Not found'), 'unavailable', 'ambiguous'],
    ['429', no(429, 'Daily limit'), 'throttled', 'throttled'],
    ['500', no(500, 'Internal'), 'ambiguous', 'unavailable'],
    ['502 of its own', no(502, 'Overloaded'), 'unavailable', 'unavailable'],
    ['502 of a proxy', { ...page, status: 502 }, 'ambiguous', 'unavailable'],
    ['503 of its own', no(503, 'Overloaded'), 'unavailable', 'unavailable'],
    ['504', no(504, 'Overloaded'), 'ambiguous', 'unavailable'],
    ['an answer that breaks off', 'cut', 'ambiguous', 'unavailable'],
    ['a page', page, 'ambiguous', 'unavailable'],
  ]
  for (const [name, does, atStart, atCheck] of nos) {
    test(`takes ${name} for ${atStart} when it starts, and for ${atCheck} when it asks`, async () => {
      const before = standIn.seen.length
      meet(does)
      await providerRefusal(provider.start(CLIP, call()), atStart)
      assert.equal(standIn.seen.length, before + 1, 'sent once')
      const step = await started(CLIP)
      meet(does, 'poll')
      await providerRefusal(look(step.operation), atCheck)
    })
  }

  for (const body of [{ status: null }, { id: '' }, { id: 'a/../b' }, []]) {
    test(`takes a start that answers ${JSON.stringify(body)} for ambiguous`, async () => {
      meet(answer(body))
      await providerRefusal(provider.start(CLIP, call()), 'ambiguous')
    })
  }

  test('tells Runway that nobody waits any more, for every task of a job', async () => {
    const step = await started(PICTURE)
    await provider.cancel?.(step.operation, call().connection)
    assert.deepEqual(wire.deleted.slice(-2).join(','), provider.remoteId?.(step.operation))
    await providerRefusal(look(step.operation), 'ambiguous')
  })

  for (const options of [
    { nothing: 1 },
    { version: 'latest' },
    { ratios: ['wide'] },
    { seconds: [0] },
    { inline_bytes: 6_000_000 },
    { extra_body: { duration: 60 } },
  ] as ProviderConnection['options'][]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      await providerRefusal(provider.start(CLIP, call(options)), 'unavailable')
      assert.match(provider.problemWith?.(connectionTo(standIn.url, '', options), 'video') ?? '', /runway/)
      assert.equal(standIn.seen.length, before)
    })
  }

  test('asks for the nearest size and length', () => {
    const clip = (
      model: string,
      width: number,
      height: number,
      seconds: number,
      options = {},
      hasSource = true,
    ) => {
      const fit = fitTo('clip', { model, width, height, seconds, hasSource }, readOptions({ options }))
      return `${fit.ratio} ${fit.seconds}${fit.hasSeed ? '' : ' no seed'}`
    }
    assert.equal(clip('gen4.5', 1024, 1024, 1), '960:960 2')
    assert.equal(clip('gen4.5', 900, 1000, 12, {}, false), '720:1280 10')
    assert.equal(clip('gen4_turbo', 2560, 1080, 6), '1584:672 10')
    assert.equal(clip('veo3.1_fast', 1920, 1080, 5), '1920:1080 6')
    assert.equal(clip('hailuo3', 1280, 720, 6), '16:9 6 no seed')
    assert.equal(clip('wan3', 1280, 700, 7), '1280:700 7')
    assert.equal(
      clip('wan3', 1280, 700, 7, { ratios: ['1:1', '16:9'], seconds: [10, 5], seed: 'off' }),
      '16:9 10 no seed',
    )
    const image = (model: string) =>
      fitTo(
        'picture',
        { model, width: 1024, height: 1024, seconds: 1, hasSource: false },
        readOptions({ options: {} }),
      )
    assert.equal(image('gen4_image').ratio, '1024:1024')
    assert.equal(image('gemini_2.5_flash').hasSeed, false)
  })
})
