import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { HttpModelStandIn, Reply } from '../../../test/providers/http-model-stand-in.ts'
import { startHttpModelStandIn } from '../../../test/providers/http-model-stand-in.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import type { CallOptions, Json, Provider, ProviderConnection, Step } from '../../kernel/ports/provider.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { createSketch } from '../sketch/sketch.ts'
import { createHttpModel } from './http-model.ts'

const KEY = 'sk-stand-in/0123456789+abcdef'
let vendor: HttpModelStandIn
let other: HttpModelStandIn
let provider: Provider

before(async () => {
  vendor = await startHttpModelStandIn()
  other = await startHttpModelStandIn()
  provider = createHttpModel(createOutbound({ allow: ['127.0.0.0/8'] }), 2_000)
})
after(async () => {
  await Promise.all([vendor.close(), other.close()])
})
beforeEach(() => {
  for (const one of [vendor, other]) {
    one.starts.length = 0
    one.queries.length = 0
    one.onStart()
    one.onQuery()
  }
})

type Changes = Partial<ProviderConnection> & { signal?: AbortSignal }

function call({ signal, ...changes }: Changes = {}): CallOptions {
  const connection = {
    url: vendor.url,
    secret: KEY,
    headers: { 'x-team': 'atelier-team' },
    options: {},
    ...changes,
  }
  return {
    connection,
    signal: signal ?? new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  }
}
const start = (changes?: Changes, given: { [name: string]: Json } = { prompt: '猫' }): Promise<Step> =>
  provider.start({ kind: 'custom', model: '', arguments: given }, call(changes))
const check = (operation: Json, changes?: Changes): Promise<Step> => {
  assert.ok(provider.check)
  return provider.check(operation, call(changes))
}
async function refusalOf(work: Promise<unknown>): Promise<ProviderError> {
  const outcome = await work.then(
    (value) => value,
    (error: unknown) => error,
  )
  if (!(outcome instanceof ProviderError)) assert.fail(`not refused: ${JSON.stringify(outcome)} ${outcome}`)
  return outcome
}
async function startPending(reply: Json = { task_id: 'job-1' }, changes?: Changes) {
  vendor.onStart({ json: reply })
  const step = await start(changes)
  assert.equal(step.state, 'pending')
  return (step as Step & { state: 'pending' }).operation
}
const urls = (step: Step): string[] =>
  step.state === 'done' ? step.outputs.map((one) => ('url' in one ? one.url : 'bytes')) : [step.state]

// What is sent -----------------------------------------------------------------------------------------------

test('the arguments go out as they are, with the operator’s key and headers', async () => {
  vendor.onStart({ json: { id: 7 } })
  await start({}, { prompt: '猫', size: { width: 5 }, tags: ['a'] })
  const [sent] = vendor.starts
  assert.deepEqual(JSON.parse(sent?.body ?? ''), { prompt: '猫', size: { width: 5 }, tags: ['a'] })
  assert.equal(sent?.method, 'POST')
  assert.equal(sent?.path, '/v1/generate')
  assert.equal(sent?.headers.authorization, `Bearer ${KEY}`)
  assert.equal(sent?.headers['x-team'], 'atelier-team')
  assert.equal(sent?.headers['content-type'], 'application/json')
})

test('an authorization among the headers is the one; an empty key is none; PUT where it is said', async () => {
  vendor.onStart({ json: { id: 7 } })
  await start({ headers: { Authorization: 'Key abc', Host: 'evil.example' }, options: { method: 'PUT' } })
  await start({ secret: '' })
  assert.equal(vendor.starts[0]?.headers.authorization, 'Key abc')
  assert.equal(vendor.starts[0]?.method, 'PUT')
  assert.notEqual(vendor.starts[0]?.headers.host, 'evil.example')
  assert.equal(vendor.starts[1]?.headers.authorization, undefined)
})

// Answers at once --------------------------------------------------------------------------------------------

const A = 'https://cdn.example/a.png'
const B = 'https://cdn.example/b.mp4'
const immediate: [string, Json, string[], Json?][] = [
  ['images of objects', { images: [{ image_url: A }] }, [A]],
  ['images of texts', { images: [A, B] }, [A, B]],
  ['videos below data', { data: { videos: [{ video_url: B }] } }, [B]],
  ['audios', { audios: [{ audio_url: A }] }, [A]],
  ['url', { url: A }, [A]],
  ['file_url', { file_url: A }, [A]],
  ['result_url', { result_url: A }, [A]],
  ['output', { output: A }, [A]],
  ['a list as output', { output: [A, B] }, [A, B]],
  ['data of objects', { created: 1, data: [{ url: A }, { url: B }] }, [A, B]],
  ['data of objects beside a number', { id: 'x', data: [{ url: A }] }, [A]],
  ['data as a text', { code: 0, data: A }, [A]],
  ['a plain list', [A], [A]],
  ['a number and a status', { id: 'x', status: 'succeeded', output: A }, [A]],
  ['a declared path', { a: { b: [{ c: A }, { c: B }] } }, [A, B], [{ name: 'file', path: 'a.b[].c' }]],
  ['a declared place', { a: [{ c: A }, { c: B }] }, [B], [{ name: 'url', path: 'a[1].c' }]],
  ['a declared name with its place', { x: { video_url: B } }, [B], [{ name: 'x.video_url' }]],
  ['the usual place where the declared one is empty', { url: A }, [A], [{ name: 'file', path: 'nowhere' }]],
]
for (const [what, json, expected, outputs = []] of immediate) {
  test(`a result at once: ${what}`, async () => {
    vendor.onStart({ json })
    assert.deepEqual(urls(await start({ options: { outputs } })), expected)
  })
}

test('pictures inside the answer come as bytes, whatever they are called', async () => {
  const { base64, bytes } = vendor.picture
  const declared = { options: { outputs: [{ name: 'image', path: 'picture' }] } }
  const replies: [Reply, Changes?][] = [
    [{ json: { data: [{ b64_json: base64 }] } }],
    [{ json: { images: [`data:image/png;base64,${base64}`] } }],
    [{ json: { output: `data:;base64,${base64}` } }],
    [{ headers: { 'content-type': 'image/png' }, body: bytes }],
    [{ json: { picture: `data:image/png;base64,${base64}` } }, declared],
  ]
  for (const [reply, changes] of replies) {
    vendor.onStart(reply)
    const step = await start(changes)
    const [output] = step.state === 'done' ? step.outputs : []
    assert.ok(output && 'bytes' in output, JSON.stringify(step))
    assert.deepEqual(Buffer.from(output.bytes), bytes)
    assert.deepEqual([output.mediaType, output.width, output.height], ['image/png', 48, 32])
  }
})

test('a clip inside the answer is measured, and one that is only called so is none', async () => {
  const drawn = await createSketch().start(
    { kind: 'video', model: 'm', prompt: '猫', width: 160, height: 128, seconds: 1, fps: 8, seed: 1 },
    call(),
  )
  const [clip] = drawn.state === 'done' ? drawn.outputs : []
  assert.ok(clip && 'bytes' in clip)
  vendor.onStart({ headers: { 'content-type': 'video/mp4' }, body: clip.bytes })
  const step = await start()
  const [output] = step.state === 'done' ? step.outputs : []
  assert.ok(output && 'bytes' in output)
  assert.deepEqual([output.mediaType, output.width, output.height], ['video/mp4', 160, 128])
  vendor.onStart({ headers: { 'content-type': 'video/mp4' }, body: clip.bytes.slice(0, 40) })
  assert.equal((await refusalOf(start())).kind, 'ambiguous')
})

test('a result on the host of the connection may reach what the operator allowed; others may not', async () => {
  vendor.onStart({ json: { images: [vendor.picture.url, A] } })
  const step = await start()
  assert.deepEqual(step, {
    state: 'done',
    outputs: [{ url: vendor.picture.url, isOperatorConfigured: true }, { url: A }],
  })
})

// Numbers ----------------------------------------------------------------------------------------------------

const numbers: [string, string, Json?][] = [
  ['{"data":{"id":"a1"}}', 'a1'],
  ['{"data":{"task_id":12}}', '12'],
  ['{"id":"a1"}', 'a1'],
  ['{"task_id":"a1","url":"https://vendor.example/look"}', 'a1'],
  ['{"data":"a1"}', 'a1'],
  ['{"task":{"task_id":"a1"}}', 'a1'],
  ['{"status":"success","data":{"task_id":"a1"}}', 'a1'],
  ['{"status":200,"data":{"id":"a1"}}', 'a1'],
  ['{"id":1234567890123456789}', '1234567890123456789'],
  ['{"deep":{"no":["x","a1"]}}', 'a1', [{ name: 'task_id', path: 'deep.no[1]' }]],
]
for (const [body, id, outputs = []] of numbers) {
  test(`a number to ask after: ${body}`, async () => {
    vendor.onStart({ body })
    const step = await start({ options: { outputs } })
    assert.equal(step.state, 'pending')
    assert.equal(step.state === 'pending' && provider.remoteId?.(step.operation), id)
    assert.equal(step.state === 'pending' && step.checkAfterMs, 2_000)
    assert.deepEqual(JSON.parse(JSON.stringify(step)), step, 'survives the task row')
  })
}

// Refused starts ---------------------------------------------------------------------------------------------

const refusals: [string, Reply, string][] = [
  ['429', { status: 429, headers: { 'retry-after': '7' } }, 'throttled'],
  ['503 with a time', { status: 503, headers: { 'retry-after': '7' } }, 'throttled'],
  ['400', { status: 400, json: { error: { message: 'bad size' } } }, 'rejected'],
  ['422', { status: 422, json: { detail: 'bad size' } }, 'rejected'],
  ['400 by moderation', { status: 400, json: { message: 'content policy violation' } }, 'content'],
  ['401', { status: 401 }, 'unavailable'],
  ['403', { status: 403 }, 'unavailable'],
  ['404', { status: 404 }, 'unavailable'],
  ['405', { status: 405 }, 'unavailable'],
  ['a redirect', { status: 307, headers: { location: 'http://169.254.169.254/' } }, 'unavailable'],
  ['500', { status: 500 }, 'ambiguous'],
  ['502', { status: 502, body: '<html>bad gateway' }, 'ambiguous'],
  ['503', { status: 503 }, 'ambiguous'],
  ['504', { status: 504 }, 'ambiguous'],
  ['no JSON', { body: '<html>welcome</html>' }, 'ambiguous'],
  ['half an answer', { body: '{"id":', cut: true }, 'ambiguous'],
  ['silence', { hang: true }, 'ambiguous'],
  ['nothing in it', { json: {} }, 'ambiguous'],
  ['null', { json: null }, 'ambiguous'],
  ['empty', { body: '' }, 'ambiguous'],
  ['a picture that is none', { json: { data: [{ b64_json: 'A'.repeat(400) }] } }, 'ambiguous'],
  ['11 MB', { body: JSON.stringify({ id: 'x', junk: 'x'.repeat(11_000_000) }) }, 'ambiguous'],
  ['a 200 that failed', { json: { task: { status: 'FAILED', reason: 'no such style' } } }, 'rejected'],
  ['a 200 by moderation', { json: { status: 'failed', message: '内容违规' } }, 'content'],
  ['a 200 with an error', { json: { error: { message: 'no such style' } } }, 'rejected'],
  ['a 200 without success', { json: { success: false, message: 'no such style' } }, 'rejected'],
]
for (const [what, reply, kind] of refusals) {
  test(`a start answered with ${what} is ${kind}, and sent once`, async () => {
    vendor.onStart(reply)
    const error = await refusalOf(start())
    assert.equal(error.kind, kind, error.message)
    assert.equal(error.retryAfterMs, kind === 'throttled' ? 7_000 : undefined)
    assert.equal(vendor.starts.length, 1)
  })
}

test('what never left the house is unavailable', async () => {
  const closed = await startHttpModelStandIn()
  await closed.close()
  assert.equal((await refusalOf(start({ url: closed.url }))).kind, 'unavailable')
  assert.equal((await refusalOf(start({ url: 'http://10.0.0.1/v1' }))).kind, 'unavailable')
  assert.equal((await refusalOf(start({ url: 'file:///etc/passwd' }))).kind, 'unavailable')
  assert.equal((await refusalOf(start({ headers: { 'x-a': 'b\r\nx: y' } }))).kind, 'unavailable')
  const alone = { ...call(), connection: null }
  const job = { kind: 'custom', model: '', arguments: {} } as const
  assert.equal((await refusalOf(provider.start(job, alone))).kind, 'unavailable')
  assert.equal(vendor.starts.length, 0)
})

test('a call that is called off is no refusal of the vendor', async () => {
  vendor.onStart({ hang: true })
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('canceled')), 50)
  const error = await start({ signal: controller.signal }).catch((reason: unknown) => reason)
  assert.ok(!(error instanceof ProviderError))
})

// Asking -----------------------------------------------------------------------------------------------------

const states: [string, Json, string][] = [
  ...[
    'TASK_STATUS_SUCCEED',
    'SUCCESS',
    'COMPLETED',
    'SUCCEEDED',
    'completed',
    'success',
    'succeeded',
  ].flatMap((word): [string, Json, string][] => [
    [`task.status ${word}`, { task: { status: word }, videos: [{ video_url: B }] }, B],
    [`data.status ${word}`, { data: { status: word, url: B } }, B],
    [`status ${word}`, { status: word, images: [{ image_url: B }] }, B],
  ]),
  ...['TASK_STATUS_FAILED', 'FAILED', 'ERROR', 'failed', 'error'].flatMap(
    (word): [string, Json, string][] => [
      [`task.status ${word}`, { task: { status: word, reason: 'out of memory' } }, 'failed'],
      [`status ${word}`, { status: word, error: 'out of memory' }, 'failed'],
      [`data.status ${word} by moderation`, { data: { status: word, reason: 'sensitive words' } }, 'content'],
    ],
  ),
  ...['TASK_STATUS_QUEUED', 'processing', 'RUNNING', 'something new'].map((word): [string, Json, string] => [
    `status ${word}`,
    { task: { status: word }, videos: [] },
    'pending',
  ]),
  ['an envelope around it', { status: 'success', data: { status: 'processing', url: A } }, 'pending'],
  ['a file without a status', { url: B }, B],
  ['nothing at all', {}, 'pending'],
]
for (const [what, json, expected] of states) {
  test(`asked after, ${what} is ${expected}`, async () => {
    const operation = await startPending()
    vendor.onQuery({ json })
    if (expected === 'failed' || expected === 'content') {
      const error = await refusalOf(check(operation))
      assert.equal(error.kind, expected)
      assert.match(error.message, /out of memory|sensitive words/)
    } else assert.deepEqual(urls(await check(operation)), [expected])
  })
}

test('an operator’s own words and places win, in options or in the declaration alone', async () => {
  const outputs = [
    {
      name: 'status',
      path: 'job.phase',
      successWords: ['fertig', 3],
      failureWords: ['kaputt'],
      pollSeconds: 7,
    },
    { name: 'file', path: 'job.where' },
    { name: 'query_url', template: `${vendor.origin}/look?no=%s` },
  ]
  const changes = { options: { outputs } }
  const operation = await startPending({ id: 'a/b?c' }, changes)
  vendor.onQuery({ json: { job: { phase: 'SUCCESS' } } })
  const step = await check(operation, changes)
  assert.deepEqual([step.state, step.state === 'pending' && step.checkAfterMs], ['pending', 7_000])
  assert.equal(vendor.queries[0]?.path, '/look?no=a%2Fb%3Fc')
  vendor.onQuery({ json: { job: { phase: 'Fertig', where: A } } })
  assert.deepEqual(urls(await check(operation, changes)), [A])
  vendor.onQuery({ json: { job: { phase: 3, where: A } } })
  assert.deepEqual(urls(await check(operation, changes)), [A])
  vendor.onQuery({ json: { job: { phase: 'kaputt' } } })
  assert.equal((await refusalOf(check(operation, changes))).kind, 'failed')
  const plain = { options: { queryUrl: `${vendor.origin}/q/{id}`, successWords: ['OK'] } }
  vendor.onQuery({ json: { status: 'ok', url: A } })
  assert.deepEqual(urls(await check(operation, plain)), [A])
  assert.equal(vendor.queries.at(-1)?.path, '/q/a%2Fb%3Fc')
})

test('looks grow apart, and progress is read in every spelling', async () => {
  let operation = await startPending()
  const waits: number[] = []
  const progress: (number | undefined)[] = []
  const bodies = [
    { status: 'running', progress: 10 },
    { task: { status: 'running', progress_percent: '45%' } },
    { data: { status: 'running', progress: 0.5 } },
    { status: 'running', progress: 100 },
    { status: 'running', progress: 'soon' },
    { status: 'running' },
  ]
  for (const json of bodies) {
    vendor.onQuery({ json })
    const step = await check(operation)
    assert.ok(step.state === 'pending')
    operation = step.operation
    waits.push(step.checkAfterMs)
    progress.push(step.progress)
  }
  assert.deepEqual(waits, [3_000, 5_000, 8_000, 10_000, 15_000, 15_000])
  assert.deepEqual(progress, [10, 45, 50, 99, undefined, undefined])
})

test('the answer chooses whom to ask only within the connection’s own origin; the key goes nowhere else', async () => {
  const own = await startPending({ id: 'j', query_url: `${vendor.origin}/mine/j` })
  vendor.onQuery({ json: { status: 'running' } })
  await check(own)
  assert.equal(vendor.queries[0]?.path, '/mine/j')
  assert.equal(vendor.queries[0]?.headers.authorization, `Bearer ${KEY}`)
  assert.equal(vendor.queries[0]?.headers['x-team'], 'atelier-team')

  for (const query_url of [
    `${other.origin}/steal`,
    'http://169.254.169.254/latest',
    'file:///etc/passwd',
    '//x',
  ]) {
    const foreign = await startPending({ id: 'j', data: { query_url } })
    assert.ok(!JSON.stringify(foreign).includes(query_url), 'not even kept')
    await check(foreign)
    assert.equal(vendor.queries.at(-1)?.path, '/v1/generate/j')
  }
  assert.equal(other.queries.length, 0)

  // A connection that has moved since is asked, and nobody else.
  other.onQuery({ json: { status: 'running' } })
  await check(own, { url: other.url })
  assert.equal(other.queries[0]?.path, '/v1/generate/j')

  // A template on another origin is the operator's own, and is asked without the key.
  await check(own, { options: { queryUrl: `${other.origin}/q/%s` } })
  assert.equal(vendor.queries.at(-1)?.path, '/mine/j')
  await check({ ...(own as object), queryUrl: null }, { options: { queryUrl: `${other.origin}/q/%s` } })
  assert.equal(other.queries.at(-1)?.path, '/q/j')
  assert.equal(other.queries.at(-1)?.headers.authorization, undefined)
  assert.equal(other.queries.at(-1)?.headers['x-team'], undefined)
})

test('a redirected question is not followed', async () => {
  const operation = await startPending()
  vendor.onQuery({ status: 302, headers: { location: `${other.origin}/steal` } })
  assert.equal((await refusalOf(check(operation))).kind, 'unavailable')
  assert.equal(other.queries.length + other.starts.length, 0)
})

test('trouble while asking keeps the job', async () => {
  const operation = await startPending()
  const troubles: Reply[] = [
    { status: 500 },
    { status: 503 },
    { status: 429 },
    { status: 401 },
    { body: '<html>' },
    { body: '{', cut: true },
    { hang: true },
  ]
  for (const reply of troubles) {
    vendor.onQuery(reply)
    assert.equal((await refusalOf(check(operation))).kind, 'unavailable', JSON.stringify(reply))
  }
})

async function untilRefused(operation: Json): Promise<{ error: ProviderError; looks: number }> {
  for (let looks = 1; looks < 20; looks += 1) {
    try {
      const step = await check(operation)
      assert.ok(step.state === 'pending')
      operation = step.operation
    } catch (error) {
      assert.ok(error instanceof ProviderError)
      return { error, looks }
    }
  }
  return assert.fail('asked for ever')
}

test('a job that the vendor forgets has failed; one it never knew is looked for at the wrong address', async () => {
  const operation = await startPending()
  vendor.onQuery({ json: { status: 'running' } }, { status: 404 })
  const forgotten = await untilRefused(operation)
  assert.deepEqual([forgotten.error.kind, forgotten.looks], ['failed', 6])
  vendor.onQuery({ status: 404 })
  const unknown = await untilRefused(operation)
  assert.deepEqual([unknown.error.kind, unknown.looks], ['rejected', 5])
})

test('done without a file is looked at again, a few times, and never started anew', async () => {
  const operation = await startPending()
  vendor.onQuery({ json: { status: 'succeeded' } }, { json: { status: 'succeeded', url: A } })
  const step = await check(operation)
  assert.ok(step.state === 'pending')
  assert.deepEqual(urls(await check(step.operation)), [A])
  vendor.onQuery({ json: { status: 'succeeded' } })
  const never = await untilRefused(operation)
  assert.deepEqual([never.error.kind, never.looks], ['rejected', 4])
})

// Words ------------------------------------------------------------------------------------------------------

test('a vendor that echoes the key and the headers tells no operator’s log', async () => {
  const secrets = [KEY, 'atelier-team', encodeURIComponent(KEY), Buffer.from(KEY).toString('base64')]
  const echo: Reply[] = [
    { status: 400, json: { message: `no, Bearer ${KEY} of atelier-team ${secrets.join(' ')}` } },
    { status: 500, body: `<html>${KEY}</html>` },
    { status: 400, json: { headers: { authorization: `Bearer ${KEY}`, 'x-team': 'atelier-team' } } },
    { status: 401, body: `${'x'.repeat(990)}${KEY}` },
    { json: { task: { status: 'FAILED', reason: `bearer ${KEY}` } } },
  ]
  const operation = await startPending()
  for (const reply of echo) {
    vendor.onStart(reply)
    vendor.onQuery({ ...reply, ...(reply.status === 400 && { status: 500 }) })
    for (const work of [start(), check(operation)]) {
      const { message } = await refusalOf(work)
      for (const secret of [...secrets, KEY.slice(0, 9)]) {
        assert.ok(!message.includes(secret), `${message} tells ${secret}`)
      }
      assert.ok(message.length < 1_200)
    }
  }
})
