import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ComfyUiWire, comfyUiWire } from '../../../test/providers/comfyui-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { providerRefusal, testProvider } from '../../../test/providers/provider-suite.ts'
import { aPicture, startVendorStandIn, type VendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorBench } from '../../../test/providers/vendor-suite.ts'
import {
  type CallOptions,
  type ImageJob,
  type Json,
  type ProviderConnection,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { createComfyUi } from './comfyui.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'default',
  prompt: '一只可爱的小猫',
  width: 128,
  height: 96,
  count: 2,
  seed: 7,
  guidance: 5,
  watermark: false,
}
const CLIP: VideoJob = {
  ...{
    kind: 'video',
    model: 'wan',
    prompt: '海边的灯塔',
    width: 64,
    height: 48,
    seconds: 2,
    fps: 8,
    seed: 7,
  },
}
const WAN = {
  a: {
    class_type: 'WanTextToVideo',
    inputs: { text: 'Film: {{prompt}}', frames: '{{frames}}', seed: '{{seed}}' },
  },
  b: { class_type: 'SaveVideo', inputs: { video: ['a', 0] } },
}
const graphs: Json = { wan: { video: WAN } }

async function setUp(): Promise<VendorBench & { wire: ComfyUiWire }> {
  const wire = comfyUiWire()
  const standIn = await startVendorStandIn(wire)
  const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
  const answer = (status_str: string, outputs: Json) => () => {
    const id = wire.jobs.at(-1)?.id ?? ''
    return { json: { [id]: { outputs, status: { status_str, completed: status_str === 'success' } } } }
  }
  const bench: VendorBench = {
    provider: createComfyUi(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({
      url: standIn.url,
      secret: '',
      headers: {},
      options: { graphs, ...options },
    }),
    jobs: [PICTURE, { ...PICTURE, kind: 'image_edit', source, strength: 0.4 }, CLIP],
    words: ({ kind }) => ({
      // From a proxy: the server itself takes what it is given.
      throttled: { status: 429, json: { error: 'too many requests' } },
      crashed: { status: 500, json: { error: '500 Internal Server Error' } },
      content: null,
      withoutOutputs: { at: 'poll', does: answer('success', {}) },
      unknownStatus: answer('dreaming', {}),
      ...(kind !== 'video' && { usage: { pictures: 2 } }),
    }),
    // It is the operator's own machine: nobody is paid for what ends without a result.
    documents: { isFailureFree: true },
  }
  return { ...bench, wire }
}

testProvider('comfyui', async () => {
  const { provider, standIn, connection, jobs } = await setUp()
  return {
    provider,
    connection: connection(),
    jobs,
    refused: [
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...PICTURE, kind: 'image_edit' }, kind: 'rejected' },
    ],
    unreachable: { ...connection(), url: 'http://127.0.0.1:1' },
    holdNext: () => standIn.next.submit.push({ does: 'silence' }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

testVendor('comfyui', setUp)

describe('the wire of comfyui', () => {
  const provider = createComfyUi(createLoopbackOutbound())
  let wire: ComfyUiWire
  let standIn: VendorStandIn
  before(async () => {
    wire = comfyUiWire()
    standIn = await startVendorStandIn(wire)
  })
  after(() => standIn.close())
  let serial = 0
  const call = (options: ProviderConnection['options'] = { graphs }): CallOptions => {
    serial += 1
    return {
      connection: { url: standIn.url, secret: '', headers: {}, options },
      signal: new AbortController().signal,
      progress: () => {},
      reference: `site-1-${serial}`,
    }
  }
  const start = async (job: ImageJob | VideoJob, options = call()): Promise<Step & { state: 'pending' }> => {
    const step = await provider.start(job, options)
    assert.ok(step.state === 'pending')
    return step
  }
  const check = (operation: Json): Promise<Step> => provider.check?.(operation, call()) ?? assert.fail()
  const find = (job: ImageJob, options: CallOptions) => provider.find?.(job, options) ?? assert.fail()
  const finish = async (step: Step): Promise<Step & { state: 'done' }> => {
    for (let looks = 0; step.state === 'pending'; looks += 1) {
      assert.ok(looks < 9)
      step = await check(step.operation)
    }
    return step
  }

  test('fills a graph in: numbers as numbers, texts inside texts, and nothing that a user writes is a placeholder', async () => {
    await start({ ...CLIP, prompt: '{{seed}} "海"' })
    const { prompt } = standIn.seen.at(-1)?.fields ?? {}
    assert.deepEqual(prompt, {
      a: { class_type: 'WanTextToVideo', inputs: { text: 'Film: {{seed}} "海"', frames: 16, seed: 7 } },
      b: WAN.b,
    })
    wire.forget()
  })

  test('draws with the first checkpoint of the server until a model names another one', async () => {
    for (const [model, expected] of [
      ['default', 'one.safetensors'],
      ['two.safetensors', 'two.safetensors'],
    ] as const) {
      await start({ ...PICTURE, model, negativePrompt: '人' })
      const graph = standIn.seen.at(-1)?.fields.prompt as Record<string, { inputs: Record<string, Json> }>
      assert.deepEqual(
        [graph.checkpoint?.inputs.ckpt_name, graph.latent?.inputs.batch_size, graph.negative?.inputs.text],
        [expected, 2, '人'],
      )
      assert.partialDeepStrictEqual(graph.sampler?.inputs, { seed: 7, cfg: 5, steps: 25, denoise: 1 })
    }
    wire.forget()
  })

  test('uploads a source under a name of its own, and names it in the graph', async () => {
    const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
    const options = call()
    await start({ ...PICTURE, kind: 'image_edit', source, strength: 0.4 }, options)
    const upload = standIn.seen.findLast(({ path }) => path === '/upload/image')
    assert.deepEqual(upload?.files[0]?.bytes, source.bytes)
    const graph = standIn.seen.at(-1)?.fields.prompt as Record<string, { inputs: Record<string, Json> }>
    assert.equal(graph.source?.inputs.image, `${options.reference}.png`)
    assert.equal(graph.sampler?.inputs.denoise, 0.4)
    wire.forget()
  })

  test('hands all files on that were saved, and no preview', async () => {
    const { outputs } = await finish(await start({ ...PICTURE, count: 3 }))
    const names = outputs.map((one) => 'url' in one && new URL(one.url).searchParams.get('filename'))
    assert.equal(outputs.length, 3)
    for (const [at, name] of names.entries())
      assert.match(String(name), new RegExp(`^site-1-\\d+_${at + 1} &.png$`))
    const [clip, ...rest] = (await finish(await start(CLIP))).outputs
    assert.deepEqual(rest, [])
    assert.ok(clip && 'url' in clip && clip.isOperatorConfigured)
    assert.match(clip.url, /filename=prompt-.*\.mp4&subfolder=video&type=output$/)
    wire.forget()
  })

  test('finds a job by our name of it, in the queue and in the history, and knows when there is none', async () => {
    const options = call()
    assert.deepEqual(await find(PICTURE, options), { state: 'not_done' })
    standIn.next.submit.push({ does: 'cut' })
    await providerRefusal(provider.start(PICTURE, options), 'ambiguous')
    const queued = await find(PICTURE, options)
    assert.ok(queued.state === 'pending')
    assert.equal((await finish(queued)).outputs.length, 2)
    const ended = await find(PICTURE, options)
    assert.ok(ended.state === 'pending')
    assert.deepEqual(ended.operation, queued.operation)
    assert.deepEqual(await find(PICTURE, call()), { state: 'not_done' })
    standIn.next.other.push({ does: { status: 502, body: 'bad gateway' } })
    await providerRefusal(find(PICTURE, options), 'unavailable')
    wire.forget()
  })

  test('cancels what waits and what runs, and nothing of anybody else', async () => {
    wire.looksNeeded = 100
    const [first, second, third] = [await start(PICTURE), await start(PICTURE), await start(PICTURE)]
    const { connection } = call()
    await provider.cancel?.(second.operation, connection)
    assert.equal(wire.jobs.length, 2)
    // The third waits; the first runs and must go on.
    await provider.cancel?.(third.operation, connection)
    assert.deepEqual([wire.jobs.length, wire.ends.size], [1, 0])
    await provider.cancel?.(first.operation, connection)
    const { message } = await providerRefusal(check(first.operation), 'failed')
    assert.match(message, /execution_interrupted/)
    wire.looksNeeded = 2
    wire.forget()
  })

  test('says what became of a job that the server forgot, or that broke', async () => {
    const step = await start(PICTURE)
    wire.forget()
    await providerRefusal(check(step.operation), 'failed')
    const broken = await start(PICTURE)
    const data = { node_type: 'KSampler', exception_message: 'CUDA out of memory' }
    const id = provider.remoteId?.(broken.operation) ?? ''
    wire.ends.set(id, {
      status_str: 'error',
      messages: [
        ['execution_start', {}],
        ['execution_error', data],
      ],
    })
    const { message } = await providerRefusal(check(broken.operation), 'failed')
    assert.match(message, /KSampler: CUDA out of memory/)
    // A queue that is not one tells nothing.
    const waiting = await start(PICTURE)
    standIn.next.other.push({ does: { json: { queue: [] } } })
    await providerRefusal(check(waiting.operation), 'unavailable')
    wire.forget()
  })

  test('a graph that the server refuses is its operator’s, and says why', async () => {
    const wrong = { x: { video: { a: { class_type: 'Odd', inputs: { from: ['nowhere', 0] } } } } }
    const { message } = await providerRefusal(
      provider.start({ ...CLIP, model: 'x' }, call({ graphs: wrong })),
      'unavailable',
    )
    assert.match(message, /Prompt outputs failed validation: Odd: Value not in list: ckpt_name/)
  })

  for (const [options, words] of [
    [{ nothing: 1 }, /no option nothing/],
    [{ steps: 0 }, /steps/],
    [{ sampler: '../x' }, /sampler/],
    [{ graphs: [] }, /object of models/],
    [{ graphs: { x: { sound: WAN } } }, /one graph for each of/],
    [{ graphs: { x: { video: { nodes: [], links: [] } } } }, /API format/],
    [{ graphs: { x: { video: { a: { class_type: 'A', inputs: { b: '{{prmpt}}' } } } } } }, /\{\{prmpt\}\}/],
  ] as [ProviderConnection['options'], RegExp][]) {
    test(`takes no options ${JSON.stringify(options)}, and says so to the operator`, async () => {
      const before = standIn.seen.length
      const { message } = await providerRefusal(provider.start(PICTURE, call(options)), 'unavailable')
      assert.match(message, words)
      assert.equal(standIn.seen.length, before)
    })
  }

  test('makes clips only by a graph of the operator’s, and kinds of a model only by its own graphs', async () => {
    const { connection } = call({})
    assert.ok(connection)
    assert.match(provider.problemWith?.(connection, 'video') ?? '', /only by a graph/)
    assert.equal(provider.problemWith?.(connection, 'image'), null)
    assert.equal(provider.problemWith?.({ ...connection, options: { graphs } }, 'video'), null)
    const error = await providerRefusal(provider.start({ ...PICTURE, model: 'wan' }, call()), 'unavailable')
    assert.ok(error instanceof ProviderError && /no graph of wan for image/.test(error.message))
  })
})
