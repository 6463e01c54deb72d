import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../src/db/database.ts'
import { createOutbound } from '../src/files/fetch-remote.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { units } from '../src/kernel/money.ts'
import type { Json } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createHttpModel } from '../src/providers/http-model/http-model.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import { defineOperatorModel } from './operator-model.ts'
import type { HttpModelStandIn, Reply } from './providers/http-model-stand-in.ts'
import { startHttpModelStandIn } from './providers/http-model-stand-in.ts'

const KEY = 'sk-operator-0123456789abcdef'
const origin = { ip: '127.0.0.1', device: 'test' }

let site: TestSite
let vendor: HttpModelStandIn
/** Whom nobody may be sent to. */
let stranger: HttpModelStandIn
let user: { accountId: bigint }
let model: bigint

before(async () => {
  vendor = await startHttpModelStandIn()
  stranger = await startHttpModelStandIn()
  const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
  site = await buildSite({ providers: [createHttpModel(outbound, 500)], outbound })
  model = await defineOperatorModel(site.context, {
    url: vendor.url,
    secret: KEY,
    headers: { 'x-team': 'atelier-team' },
    price: units(20),
    outputs: [{ name: 'status', path: 'task.status', pollSeconds: 0.02 }],
  })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await Promise.all([vendor.close(), stranger.close()])
  assert.deepEqual(findings, [])
})
beforeEach(async () => {
  for (const one of [vendor, stranger]) {
    one.starts.length = 0
    one.queries.length = 0
    one.fetches.length = 0
    one.onStart()
    one.onQuery()
  }
  user = await createUser(site.context, units(100))
})

async function submit(): Promise<bigint> {
  const submission = { kind: 'custom', model, input: { arguments: { prompt: '猫' } }, origin } as const
  const { taskId } = await submitTask(site.context, user, {
    ...submission,
    parameters: { prompt: '猫' },
    idempotencyKey: null,
  })
  return taskId
}

type Row = {
  state: string
  failure: string | null
  charged: bigint
  handle: string
  media_type: string | null
}
const readRow = statement(
  'operator task',
  `select t.state, t.failure, t.charged, t.handle, (select media_type from file f join work w on w.id = f.work_id
   where w.task_id = t.id and f.role = 'output') as media_type from task t where t.id = $1`,
)
// What waits for its time is due: backoffs are proved where they are made.
const hurry = statement(
  'hurry',
  `update task set due_at = now() where due_at > now() and (state = 'queued' or (state = 'running' and worker is null))`,
)
const passDeadline = statement(
  'pass the deadline',
  `update task set deadline = now() - interval '1 second' where id = $1`,
)

async function read(id: bigint): Promise<Row> {
  const [row] = await site.context.db.rows<Row>(readRow, [id])
  assert.ok(row)
  return row
}

/** Hurries the task until it is in one of these states. */
async function until(id: bigint, states: readonly string[]): Promise<Row> {
  for (let times = 0; times < 500; times += 1) {
    const row = await read(id)
    if (states.includes(row.state)) return row
    await site.context.db.rows(hurry, [])
    site.context.events.publish('queue')
    await sleep(20)
  }
  return assert.fail(`still ${(await read(id)).state}`)
}

async function withWorkers(count: number, work: () => Promise<void>, concurrency = 8): Promise<void> {
  const workers = Array.from({ length: count }, () => site.startWorker({ concurrency }))
  try {
    await work()
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(1_000)))
  }
}

async function wallet() {
  const { available, held, spent } = await readBalance(site.context, user)
  return { available, held, spent }
}
const PAID_ONCE = { available: units(80), held: 0n, spent: units(20) }
const NOT_PAID = { available: units(100), held: 0n, spent: 0n }

const inline = (): Json => ({ data: [{ b64_json: vendor.picture.base64 }] })
const done = (): Json => ({
  task: { status: 'TASK_STATUS_SUCCEED' },
  images: [{ image_url: `data:image/png;base64,${vendor.picture.base64}` }],
})
const running: Reply = { json: { task: { status: 'TASK_STATUS_PROCESSING', progress_percent: 40 } } }
const failed: Reply = { json: { task: { status: 'TASK_STATUS_FAILED', reason: 'out of memory' } } }
const job: Reply = { json: { task_id: 'job-1' } }

type Case = {
  what: string
  start: () => Reply[]
  query?: () => Reply[]
  /** In the end, also after the deadline where nobody can say what happened. */
  end: 'succeeded' | 'rejected' | 'content' | 'unavailable' | 'deadline'
  starts: number
}
const cases: Case[] = [
  { what: 'answers at once', start: () => [{ json: inline() }], end: 'succeeded', starts: 1 },
  {
    what: 'answers later',
    start: () => [job],
    query: () => [running, running, { json: done() }],
    end: 'succeeded',
    starts: 1,
  },
  {
    what: 'is busy at first',
    start: () => [{ status: 429 }, { status: 503, headers: { 'retry-after': '1' } }, { json: inline() }],
    end: 'succeeded',
    starts: 3,
  },
  { what: 'breaks with a 500', start: () => [{ status: 500 }], end: 'deadline', starts: 1 },
  { what: 'breaks with a 504', start: () => [{ status: 504, body: '<html>' }], end: 'deadline', starts: 1 },
  { what: 'takes the job and says nothing', start: () => [{ hang: true }], end: 'deadline', starts: 1 },
  { what: 'breaks off', start: () => [{ body: '{"id":', cut: true }], end: 'deadline', starts: 1 },
  { what: 'answers garbage', start: () => [{ body: '<html>hello' }], end: 'deadline', starts: 1 },
  { what: 'answers with nothing in it', start: () => [{ json: {} }], end: 'deadline', starts: 1 },
  { what: 'refuses the input', start: () => [{ status: 400 }], end: 'rejected', starts: 1 },
  {
    what: 'refuses by moderation',
    start: () => [{ status: 422, json: { message: 'blocked by moderation' } }],
    end: 'content',
    starts: 1,
  },
  { what: 'does not know the key', start: () => [{ status: 401 }], end: 'unavailable', starts: 5 },
  {
    what: 'fails once and then does it',
    start: () => [job, { json: { task_id: 'job-2' } }],
    query: () => [running, failed, running, { json: done() }],
    end: 'succeeded',
    starts: 2,
  },
  {
    what: 'fails every time',
    start: () => [job],
    query: () => [failed],
    end: 'unavailable',
    starts: 5,
  },
  {
    what: 'cannot be asked for a while',
    start: () => [job],
    query: () => [
      { status: 500 },
      { body: '<html>' },
      { body: '{', cut: true },
      { status: 429 },
      { json: done() },
    ],
    end: 'succeeded',
    starts: 1,
  },
  {
    what: 'never heard of its job',
    start: () => [job],
    query: () => [{ status: 404 }],
    end: 'rejected',
    starts: 1,
  },
  {
    what: 'is done without a result',
    start: () => [job],
    query: () => [{ json: { task: { status: 'SUCCESS' } } }],
    end: 'rejected',
    starts: 1,
  },
  {
    what: 'sends those who ask elsewhere',
    start: () => [{ json: { task_id: 'job-1', query_url: `${stranger.origin}/steal` } }],
    query: () => [{ status: 302, headers: { location: `${stranger.origin}/steal` } }],
    end: 'deadline',
    starts: 1,
  },
  { what: 'runs for ever', start: () => [job], query: () => [running], end: 'deadline', starts: 1 },
]

/** Until it ends by itself, or, where it cannot, by its deadline. */
async function endOf(id: bigint, end: Case['end']): Promise<Row> {
  if (end !== 'deadline') return until(id, ['succeeded', 'failed', 'unknown', 'canceled'])
  for (let times = 0; times < 20; times += 1) {
    await until(id, ['unknown', 'running'])
    await sleep(50)
    assert.notEqual((await read(id)).state, 'failed')
    assert.notEqual((await read(id)).state, 'succeeded')
  }
  await site.context.db.rows(passDeadline, [id])
  await sweepTasks(site.context)
  return read(id)
}

for (const { what, start, query, end, starts } of cases) {
  test(`a vendor that ${what}: ${end}, started ${starts} time(s), paid ${end === 'succeeded' ? 'once' : 'never'}`, async () => {
    vendor.onStart(...start())
    vendor.onQuery(...(query?.() ?? []))
    const id = await submit()
    assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
    await withWorkers(2, async () => {
      const row = await endOf(id, end)
      if (end === 'succeeded') assert.deepEqual([row.state, row.media_type], ['succeeded', 'image/png'])
      else assert.deepEqual([row.state, row.failure, row.charged], ['failed', end, 0n])
      // Whoever still works on it changes nothing any more.
      await sleep(100)
    })
    assert.deepEqual(await wallet(), end === 'succeeded' ? PAID_ONCE : NOT_PAID)
    assert.equal(vendor.starts.length, starts)
    assert.equal(stranger.starts.length + stranger.queries.length, 0)
    for (const sent of [...vendor.starts, ...vendor.queries])
      assert.equal(sent.headers.authorization, `Bearer ${KEY}`)
  })
}

test('a job that failed is asked for under its new number, never under the dead one again', async () => {
  vendor.onStart(job, { json: { task_id: 'job-2' } })
  vendor.onQuery(({ path }) => (path.endsWith('/job-1') ? failed : { json: done() }))
  const id = await submit()
  await withWorkers(1, async () => {
    await until(id, ['succeeded'])
  })
  assert.deepEqual(
    vendor.queries.map(({ path }) => path),
    ['/v1/generate/job-1', '/v1/generate/job-2'],
  )
})

test('a retry by hand pays again and starts anew; what fails again is given back once (hole B2)', async () => {
  vendor.onStart({ status: 400 }, { status: 400 }, { json: inline() })
  const id = await submit()
  await withWorkers(1, async () => {
    const { handle } = await until(id, ['failed'])
    assert.deepEqual(await wallet(), NOT_PAID)
    await retryTask(site.context, user, handle, origin)
    assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
    await until(id, ['failed'])
    assert.deepEqual(await wallet(), NOT_PAID)
    await retryTask(site.context, user, handle, origin)
    await until(id, ['succeeded'])
  })
  assert.deepEqual(await wallet(), PAID_ONCE)
  assert.equal(vendor.starts.length, 3)
})

test('one place of one worker has five jobs under way: nobody sleeps while a vendor works', async () => {
  let count = 0
  vendor.onStart(() => {
    count += 1
    return { json: { task_id: `job-${count}` } }
  })
  vendor.onQuery(() => (count < 5 ? running : { json: done() }))
  const ids = await Promise.all(Array.from({ length: 5 }, submit))
  await withWorkers(
    1,
    async () => {
      for (const id of ids) await until(id, ['succeeded'])
    },
    1,
  )
  assert.equal(vendor.starts.length, 5)
  assert.deepEqual(await wallet(), { available: 0n, held: 0n, spent: units(100) })
})

test('four workers on thirty jobs start each once and ask after each by one at a time (hole B10)', async () => {
  const rich = await createUser(site.context, units(600))
  user = rich
  let count = 0
  vendor.onStart(() => {
    count += 1
    return { json: { task_id: `job-${count}` } }
  })
  const looks = new Map<string, number>()
  vendor.onQuery(({ path }) => {
    looks.set(path, (looks.get(path) ?? 0) + 1)
    return looks.get(path) === 3 ? { json: done() } : running
  })
  const ids = await Promise.all(Array.from({ length: 30 }, submit))
  await withWorkers(4, async () => {
    for (const id of ids) await until(id, ['succeeded'])
  })
  assert.equal(vendor.starts.length, 30)
  assert.deepEqual(
    [...looks.values()],
    Array.from({ length: 30 }, () => 3),
  )
  assert.deepEqual(await wallet(), { available: 0n, held: 0n, spent: units(600) })
})

test('the key is in no column that a failed call leaves behind', async () => {
  vendor.onStart({ status: 400, json: { message: `bad key Bearer ${KEY} of atelier-team` } })
  const id = await submit()
  await withWorkers(1, async () => {
    await until(id, ['failed'])
  })
  const rows = await site.context.db.rows<{ error: string; whole: string }>(
    statement(
      'what is left of a task',
      `select a.error, t::text || a::text as whole from task t join attempt a on a.task_id = t.id where t.id = $1`,
    ),
    [id],
  )
  assert.equal(rows.length, 1)
  for (const { error, whole } of rows) {
    assert.match(error, /bad key/)
    assert.ok(!whole.includes(KEY) && !whole.includes('atelier-team'))
  }
})

test('a result by address is fetched and stored with its real type, whatever it is called', async () => {
  vendor.onStart(job)
  vendor.onQuery({
    json: { task: { status: 'SUCCESS' }, videos: [{ video_url: `${vendor.origin}/files/x.mp4?sig=1` }] },
  })
  const id = await submit()
  await withWorkers(1, async () => {
    assert.equal((await until(id, ['succeeded', 'failed'])).media_type, 'image/png')
  })
  assert.equal(vendor.fetches.length, 1)
  assert.deepEqual(await wallet(), PAID_ONCE)
})

for (const what of ['300 MB', 'a redirect to a private address'] as const) {
  test(`a result by address that is ${what} is not taken and not paid`, async () => {
    const privately = 'http://169.254.169.254/latest/meta-data'
    vendor.onStart({ json: { url: what === '300 MB' ? vendor.hugeUrl : vendor.redirectTo(privately) } })
    const id = await submit()
    await withWorkers(1, async () => {
      const row = await until(id, ['failed', 'succeeded'])
      assert.deepEqual([row.state, row.media_type], ['failed', null])
      assert.ok(vendor.fetches.length >= 1, 'it was tried')
    })
    assert.deepEqual(await wallet(), NOT_PAID)
    assert.equal(vendor.starts.length, 1)
  })
}
