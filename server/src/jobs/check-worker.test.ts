import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { TestSite } from '../../test/build-site.ts'
import { buildSite } from '../../test/build-site.ts'
import { createUser, pictureOf } from '../../test/factories.ts'
import type { FakeProvider } from '../../test/fakes/provider.ts'
import { createFakeProvider, donePictures } from '../../test/fakes/provider.ts'
import { readLines } from '../kernel/asking/ask-lines.ts'
import { claimChecks } from '../kernel/asking/claim-checks.ts'
import { addConnection, serveModel } from '../kernel/catalog/administer-connections.ts'
import { setLimits } from '../kernel/channels/set-limits.ts'
import { submitTask } from '../kernel/generation/submit.ts'
import { units } from '../kernel/money.ts'
import type { Outbound } from '../kernel/ports/outbound.ts'
import type { CallOptions, Json, Step, VendorLimits } from '../kernel/ports/provider.ts'
import { ProviderError } from '../kernel/ports/provider.ts'

let site: TestSite
let provider: FakeProvider
let user: { accountId: bigint }
/** Moments of asks on a clock that is never set, by job. */
let askedAt: Map<string, number[]>
let onCheck: (operation: Json, options: CallOptions) => Promise<Step>

const pending = (operation: Json, checkAfterMs: number): Step => ({
  state: 'pending',
  operation,
  checkAfterMs,
})
const until = async (holds: () => boolean | Promise<boolean>, withinMs = 8_000): Promise<void> => {
  const endsAt = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error('it did not come to be')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const rows = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await site.context.db.pool.query<Row>(text, values)).rows
const asksOf = (job: string): number[] => askedAt.get(job) ?? []
const allAsks = (): number[] => [...askedAt.values()].flat().sort((a, b) => a - b)

/** Opens a site whose model is served over a connection. */
async function open(limits: VendorLimits = {}, outbound?: Outbound): Promise<void> {
  provider = { ...createFakeProvider({ repeatable: false }), limits }
  provider.check = (operation, options) => {
    const job = (operation as { job: string }).job
    askedAt.set(job, [...asksOf(job), performance.now()])
    return onCheck(operation, options)
  }
  site = await buildSite({ providers: [provider], ...(outbound && { outbound }) })
  const connection = { provider: 'sketch', url: 'https://vendor.example.com', options: {}, headers: {} }
  await addConnection(site.context, { ...connection, name: 'here', secret: 'one' })
  await serve('here')
  user = await createUser(site.context, units(100_000))
}
async function serve(connection: string): Promise<void> {
  const [{ name } = { name: '' }] = site.context.catalog.models().filter(({ kind }) => kind === 'image')
  await serveModel(site.context, { model: name, connection, vendorModel: 'x', weight: 1, isOnly: true })
}

let serial = 0
const submit = async (): Promise<bigint> => {
  serial += 1
  return (await submitTask(site.context, user, pictureOf(`picture ${serial}`))).taskId
}
/** Puts a job on record as one that waits to be asked after, due in `dueMs`. Before a worker runs that has a place free. */
async function underWay(job: string, dueMs: number, worker: string | null = null): Promise<bigint> {
  const id = await submit()
  await rows(
    `with opened as (insert into attempt (task_id, generation, state, channel_id)
       select $1, 1, 'pending', max(id) from channel where enabled and connection_id is not null
       returning id, started_at, channel_id)
     update task t set state = 'running', generation = 1, attempts = 1, attempt_generation = 1, attempt_id = o.id,
       attempt_at = o.started_at, operation = $2, asked_via = c.connection_id, worker = $4,
       due_at = now() + make_interval(secs => $3)
     from opened o join channel c on c.id = o.channel_id where t.id = $1`,
    [id, JSON.stringify({ job }), dueMs / 1_000, worker],
  )
  return id
}

beforeEach(() => {
  askedAt = new Map()
  onCheck = async () => donePictures()
})
afterEach(() => site.close())

test('calls that hold every place for minutes do not keep a job from being asked after', async () => {
  await open()
  for (let index = 0; index < 2; index += 1)
    provider.next.push(
      (_job, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
  const worker = site.startWorker({ concurrency: 2 })
  await Promise.all([submit(), submit()])
  await until(() => provider.started.length === 2)
  await underWay('late', 0)
  await until(() => asksOf('late').length === 1)
  await worker.stop(0)
})

test('jobs that wait to be asked after, and vendors that do not answer, do not keep new work waiting', async () => {
  await open({ asksPerSecond: 4 })
  onCheck = (_operation, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  for (let index = 0; index < 40; index += 1) await underWay(`job ${index}`, -1_000)
  const worker = site.startWorker({ concurrency: 2 })
  await until(() => allAsks().length >= 4)
  const since = performance.now()
  provider.next.push(() => donePictures())
  await submit()
  await until(() => provider.started.length === 1)
  assert.ok(performance.now() - since < 1_500)
  // What may not be asked after yet is in nobody's hands.
  const [held] = await rows<{ held: number }>(
    `select count(*)::int as held from task where state = 'running' and worker is not null and operation is not null`,
  )
  assert.ok((held?.held ?? 40) <= 12, `${held?.held} of 40 are held`)
  await worker.stop(0)
})

test('finished jobs whose files do not come do not keep others from being asked after', async () => {
  let fetching = 0
  await open({ asksPerSecond: 100 }, (_url, { signal }) => {
    fetching += 1
    return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  })
  onCheck = async () => ({ state: 'done', outputs: [{ url: 'https://files.example.com/x.png' }] })
  for (let index = 0; index < 40; index += 1) await underWay(`finished ${index}`, -60_000)
  await underWay('another', 1_500)
  const worker = site.startWorker()
  await until(() => fetching > 0 && askedAt.size === 40)
  onCheck = async () => donePictures()
  await until(() => asksOf('another').length === 1)
  assert.equal(fetching, 16)
  await worker.stop(0)
})

test('what is overdue all at once, as after a restart, is asked after within the limits and in order', async () => {
  await open({ asksPerSecond: 10 })
  for (let index = 0; index < 30; index += 1) await underWay(`job ${index}`, -60_000 + index * 100)
  const worker = site.startWorker()
  await until(() => askedAt.size === 30)
  const asks = allAsks()
  for (const [index, at] of asks.entries()) {
    const before = asks[index - 10]
    if (before !== undefined)
      assert.ok(at - before >= 1_000, `ask ${index} is ${at - before} ms after ask ${index - 10}`)
  }
  assert.deepEqual(
    [...askedAt.keys()],
    Array.from({ length: 30 }, (_, index) => `job ${index}`),
  )
  await worker.stop(2_000)
})

test('the line of one connection does not stand in the way of another’s', async () => {
  await open({ asksPerSecond: 1 })
  for (let index = 0; index < 20; index += 1) await underWay(`slow ${index}`, -60_000)
  const connection = { provider: 'sketch', url: 'https://other.example.com', options: {}, headers: {} }
  await addConnection(site.context, { ...connection, name: 'there', secret: 'two' })
  await serve('there')
  await underWay('quick', 0)
  const worker = site.startWorker()
  await until(() => asksOf('quick').length === 1)
  assert.ok(askedAt.size <= 4, `${askedAt.size}`)
  await worker.stop(1_000)
})

test('a job is claimed ahead and asked after when it is due, not before', async () => {
  await open()
  const since = performance.now()
  await underWay('soon', 1_200)
  const worker = site.startWorker()
  await until(() => asksOf('soon').length === 1)
  const afterMs = (asksOf('soon')[0] ?? 0) - since
  assert.ok(afterMs >= 1_200 && afterMs < 1_700, `${afterMs}`)
  await worker.stop(1_000)
})

test('a job is never looked at sooner than its vendor allows, whatever it says and however often it changes hands', async () => {
  await open({ askEveryMs: 700 })
  onCheck = async (operation) => pending(operation, 50)
  await underWay('often', 0)
  for (let turn = 0; turn < 3; turn += 1) {
    const asked = asksOf('often').length
    const worker = site.startWorker()
    await until(() => asksOf('often').length > asked)
    await worker.stop(turn === 1 ? 0 : 500)
  }
  const asks = asksOf('often')
  for (const [index, at] of asks.entries())
    if (index > 0) assert.ok(at - (asks[index - 1] ?? 0) >= 700, `${at - (asks[index - 1] ?? 0)} ms`)
})

test('a job that somebody holds is not taken before the lease ends, and whoever takes it then is told', async () => {
  await open()
  const { context } = site
  const [line] = (await readLines(context)).lines.values()
  assert.ok(line)
  const id = await underWay('held', 400, 'another worker')
  await underWay('free', 400)
  const claim = () =>
    claimChecks(context, 'test', [{ line, places: 10 }], 10, { aheadMs: 5_000, leaseMs: 60_000 })
  const [free, ...others] = await claim()
  assert.deepEqual([free?.is_lapsed, others.length], [false, 0])
  assert.ok((free?.due_in_ms ?? 0) > 100 && (free?.due_in_ms ?? 0) <= 400)
  assert.equal(free?.channel_id !== null, true)
  await new Promise((resolve) => setTimeout(resolve, 450))
  const [lapsed] = await claim()
  assert.deepEqual([lapsed?.id, lapsed?.is_lapsed, lapsed?.due_in_ms], [id, true, 0])
})

test('what a worker was asking when it stopped, or was lost, waits as long as if it had been told', async () => {
  await open({ askEveryMs: 30_000 })
  onCheck = (_operation, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const asked = await underWay('asked', 0)
  const worker = site.startWorker()
  await until(() => asksOf('asked').length === 1)
  await worker.stop(0)
  const lost = await underWay('lost', -1, 'a worker that was killed')
  const other = site.startWorker()
  const dueIn = async (id: bigint): Promise<number> => {
    const [row] = await rows<{ seconds: number; worker: string | null }>(
      'select extract(epoch from due_at - now())::float8 as seconds, worker from task where id = $1',
      [id],
    )
    return row?.worker === null ? row.seconds : 0
  }
  await until(async () => (await dueIn(lost)) > 0)
  for (const id of [asked, lost]) {
    const seconds = await dueIn(id)
    assert.ok(seconds > 27 && seconds < 34, `${seconds}`)
  }
  assert.deepEqual([asksOf('asked').length, asksOf('lost').length], [1, 0])
  await other.stop(0)
})

test('a vendor that cannot be asked is asked again after 1, 2, 4 … s, and from the beginning when it has answered', async () => {
  await open()
  let answers = 0
  onCheck = async (operation) => {
    answers += 1
    if (answers !== 3) throw new ProviderError('unavailable', 'nobody there')
    return pending(operation, 300)
  }
  await underWay('away', 0)
  const worker = site.startWorker()
  await until(() => asksOf('away').length === 5, 10_000)
  const asks = asksOf('away')
  const betweenMs = asks.slice(1).map((at, index) => at - (asks[index] ?? 0))
  for (const [index, about] of [1_000, 2_000, 300, 1_000].entries()) {
    const ms = betweenMs[index] ?? 0
    assert.ok(ms >= about * 0.9 && ms < about * 1.1 + 500, `${ms} ms instead of ${about}`)
  }
  await worker.stop(0)
})

test('a vendor that is asked too often has all jobs of the credential wait as long as it says', async () => {
  await open({ asksPerSecond: 20 })
  let answers = 0
  onCheck = async () => {
    answers += 1
    if (answers === 1) throw new ProviderError('throttled', 'slow down', { retryAfterMs: 1_500 })
    return donePictures()
  }
  for (let index = 0; index < 10; index += 1) await underWay(`job ${index}`, index === 0 ? 0 : 3_600_000)
  const worker = site.startWorker()
  await until(() => askedAt.size === 1)
  await rows(`update task set due_at = now() where due_at > now() + interval '1 minute'`)
  await until(() => askedAt.size === 10)
  const [first = 0, second = 0] = allAsks()
  assert.ok(second - first >= 1_500, `${second - first}`)
  await until(async () => (await rows(`select from task where state = 'succeeded'`)).length === 10)
  await worker.stop(1_000)
})

test('where nothing is asked, nothing is written', async () => {
  await open({ asksPerSecond: 10 })
  const worker = site.startWorker()
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  assert.deepEqual(await rows('select * from ask_share'), [])
  await worker.stop(1_000)
  await underWay('first', 1_500)
  const other = site.startWorker()
  await until(() => asksOf('first').length === 1)
  assert.equal((await rows('select * from ask_share where slots = 10')).length, 1)
  await other.stop(1_000)
})

test('an operator’s figures go before the vendor’s, at once', async () => {
  await open({ asksPerSecond: 1 })
  for (let index = 0; index < 20; index += 1) await underWay(`job ${index}`, -60_000)
  const worker = site.startWorker()
  await until(() => askedAt.size >= 1)
  assert.equal(await setLimits(site.context, 'here', { asksPerSecond: 50 }), true)
  const since = performance.now()
  await until(() => askedAt.size === 20)
  assert.ok(performance.now() - since < 5_000)
  await worker.stop(1_000)
})
