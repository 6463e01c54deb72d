import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import {
  aPicture,
  startVendorStandIn,
  type VendorStandIn,
  type VendorWire,
} from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorBench, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { CallOptions, ImageJob, ProviderConnection } from '../../kernel/ports/provider.ts'
import { createAutomatic1111 } from './automatic1111.ts'

const KEY = 'somebody:a password/with+signs'
const PICTURE: ImageJob = {
  kind: 'image',
  model: 'default',
  prompt: '一只可爱的小猫',
  width: 64,
  height: 48,
  count: 1,
  seed: 7,
  guidance: 5,
  watermark: false,
}

/** The wire as documented (protocols.md 5.8), with `--api-auth`; a job takes some looks at its progress. */
const wire = (): VendorWire => ({
  base: '',
  key: KEY,
  keyOf: ({ authorization = '' }) => Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString(),
  wrongKey: (given) => ({
    status: 401,
    headers: { 'www-authenticate': 'Basic' },
    json: { detail: `Incorrect username or password: ${given}` },
  }),
  roleOf: ({ path }) => {
    if (/\/(txt|img)2img$/.test(path)) return 'submit'
    return path.endsWith('/progress') ? 'poll' : 'other'
  },
  answer: async ({ path, fields }, desk) => {
    if (path === '/sdapi/v1/progress') return { json: { progress: 0.42, eta_relative: 3, state: {} } }
    if (path === '/sdapi/v1/interrupt') return { json: {} }
    const settings = fields.override_settings as { sd_model_checkpoint?: string } | undefined
    if (settings?.sd_model_checkpoint === 'missing')
      return { status: 404, json: { detail: 'Model not found' } }
    if (path.endsWith('/img2img') && !Array.isArray(fields.init_images)) {
      return { status: 404, json: { detail: 'Init image not found' } }
    }
    const picture = await desk.picture(Number(fields.width), Number(fields.height))
    const images = Array.from({ length: Number(fields.n_iter) }, () => picture.toString('base64'))
    return { json: { images, parameters: fields, info: JSON.stringify({ seed: fields.seed }) } }
  },
})

const WORDS: VendorWords = {
  throttled: { status: 429, json: { error: 'Too Many Requests' } },
  crashed: {
    status: 500,
    json: { error: 'OutOfMemoryError', detail: '', body: '', errors: 'CUDA out of memory' },
  },
  content: null,
  withoutOutputs: { at: 'submit', does: { json: { images: [], parameters: {}, info: '{}' } } },
  notAFile: { at: 'submit', does: { json: { images: ['aGVsbG8='], parameters: {}, info: '{}' } } },
  usage: { pictures: 1 },
}

async function setUp(): Promise<VendorBench> {
  const standIn = await startVendorStandIn(wire())
  const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
  return {
    provider: createAutomatic1111(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({ url: standIn.url, secret: KEY, headers: {}, options }),
    jobs: [PICTURE, { ...PICTURE, kind: 'image_edit', source, strength: 0.4 }],
    words: () => WORDS,
    // It is the operator's own machine: nobody is paid.
    documents: { isCrashSafe: true, isFailureFree: true },
  }
}

testProvider('automatic1111', async () => {
  const { provider, standIn, connection, jobs } = await setUp()
  return {
    provider,
    connection: connection(),
    jobs,
    refused: [
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...PICTURE, count: 17 }, kind: 'rejected' },
      { job: { ...PICTURE, kind: 'image_edit' }, kind: 'rejected' },
    ],
    unreachable: { ...connection(), url: 'http://127.0.0.1:1' },
    holdNext: () => standIn.next.submit.push({ does: 'silence' }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

testVendor('automatic1111', setUp)

describe('the wire of automatic1111', () => {
  const provider = createAutomatic1111(createLoopbackOutbound())
  let standIn: VendorStandIn
  before(async () => {
    standIn = await startVendorStandIn(wire())
  })
  after(() => standIn.close())
  const call = (
    options: ProviderConnection['options'] = {},
    changes: Partial<CallOptions> = {},
  ): CallOptions => ({
    connection: { url: standIn.url, secret: KEY, headers: {}, options },
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
    ...changes,
  })

  test('sends what a job says, one picture after the other, with the checkpoint that its model names', async () => {
    const job: ImageJob = { ...PICTURE, model: 'dream.safetensors', count: 3, negativePrompt: '人' }
    const step = await provider.start(
      job,
      call({ steps: 9, sampler: 'Euler a', extra_body: { clip_skip: 2 } }),
    )
    assert.equal(step.state === 'done' && step.outputs.length, 3)
    const seen = standIn.seen.find(({ role }) => role === 'submit')
    assert.equal(seen?.path, '/sdapi/v1/txt2img')
    assert.deepEqual(seen.fields, {
      prompt: '一只可爱的小猫',
      negative_prompt: '人',
      width: 64,
      height: 48,
      seed: 7,
      cfg_scale: 5,
      steps: 9,
      n_iter: 3,
      batch_size: 1,
      send_images: true,
      sampler_name: 'Euler a',
      override_settings: { sd_model_checkpoint: 'dream.safetensors' },
      clip_skip: 2,
    })
  })

  test('passes progress on while it waits, and interrupts what nobody waits for any more', async () => {
    const controller = new AbortController()
    const seen: number[] = []
    standIn.next.submit.push({ does: 'silence' })
    const progress = (percent: number): void => {
      seen.push(percent)
      if (seen.length === 2) controller.abort()
    }
    const others = standIn.count('other')
    const options = call({ progress_seconds: 0.05 }, { signal: controller.signal, progress })
    await providerRefusal(provider.start(PICTURE, options), 'unavailable')
    assert.deepEqual(seen, [42, 42])
    assert.equal(standIn.count('other') - others, 1)
    assert.equal(standIn.seen.at(-1)?.path, '/sdapi/v1/interrupt')
  })

  test('tells whose fault a no is', async () => {
    await providerRefusal(provider.start({ ...PICTURE, model: 'missing' }, call()), 'unavailable')
    const detail = [{ loc: ['body', 'width'], msg: 'value is not a valid integer' }]
    standIn.next.submit.push({ does: { status: 422, json: { detail } } })
    const { message } = await providerRefusal(provider.start(PICTURE, call()), 'rejected')
    assert.match(message, /not a valid integer/)
    const one = (await aPicture(8, 8)).toString('base64')
    standIn.next.submit.push({ does: { json: { images: [one] } } })
    await providerRefusal(provider.start({ ...PICTURE, count: 2 }, call()), 'failed')
  })

  for (const options of [
    { nothing: 1 },
    { steps: 0 },
    { sampler: '<script>' },
    { extra_body: { prompt: 'x' } },
  ]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      await providerRefusal(
        provider.start(PICTURE, call(options as ProviderConnection['options'])),
        'unavailable',
      )
      assert.equal(standIn.seen.length, before)
    })
  }
})
