import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../src/db/database.ts'
import { startTaskWorker } from '../src/jobs/task-worker.ts'
import { addConnection, serveModel } from '../src/kernel/catalog/administer-connections.ts'
import { lookAgain } from '../src/kernel/channels/reconcile.ts'
import { listUnknownTasks, resolveUnknownTask } from '../src/kernel/channels/resolve-unknown.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { type Claimed, claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { readTaskById, type Task } from '../src/kernel/generation/task.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createVendorGates } from '../src/limits/vendor-gates.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { donePictures } from './fakes/provider.ts'
import { createVendorStandIn, type VendorStandIn } from './fakes/vendor.ts'

type Find = NonNullable<VendorStandIn['find']>

let site: TestSite
let vendor: VendorStandIn
/** References that were looked for, and what the vendor says of them. */
let looked: string[] = []
const finds: Find[] = []
const never = new AbortController().signal
const PRICE = units(20)

before(async () => {
  vendor = createVendorStandIn({ asynchronous: true, jobMs: 0 })
  vendor.find = async (job, options) => {
    looked.push(options.reference)
    assert.deepEqual(job.kind, 'image')
    const find = finds.shift()
    assert.ok(find, 'nobody expected to be asked')
    return find(job, options)
  }
  site = await buildSite({ providers: [vendor] })
  const connection = {
    name: 'one',
    provider: 'vendor',
    url: 'https://vendor.example.com',
    headers: {},
    options: {},
  }
  await addConnection(site.context, { ...connection, secret: 'key-one' })
  const serving = { model: 'image_model', connection: 'one', vendorModel: 'painter', weight: 1 }
  await serveModel(site.context, { ...serving, isOnly: true })
})
afterEach(async () => {
  assert.deepEqual(finds, [], 'everything was asked')
  await run(
    `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
  )
  await sweepTasks(site.context)
  vendor.accountOf('key-one').behave = null
  vendor.accountOf('key-one').paid.length = 0
  looked = []
  site.context.vendorGates = createVendorGates()
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [])
})

const run = (text: string) =>
  site.context.db.rows(statement(text.slice(0, 20) + createHash('md5').update(text).digest('hex'), text), [])

async function step(): Promise<void> {
  const [task] = await claimTasks<Claimed>(site.context, 'test', 1, 60_000)
  assert.ok(task)
  await advanceTask(site.context, task, never)
}

/** A task whose start may have been done. */
async function inDoubt(): Promise<{ id: bigint; user: { accountId: bigint }; reference: string }> {
  const user = await createUser(site.context, units(100))
  // Five in a row without an answer would close it.
  site.context.vendorGates = createVendorGates()
  let reference = ''
  vendor.accountOf('key-one').behave = async (_job, options) => {
    reference = options.reference
    throw new ProviderError('ambiguous', 'no answer')
  }
  const { taskId: id } = await submitTask(site.context, user, pictureOf('maybe'))
  await step()
  vendor.accountOf('key-one').behave = null
  assert.equal((await read(id, user)).state, 'unknown')
  return { id, user, reference }
}

const read = (id: bigint, user: { accountId: bigint }): Promise<Task> => readTaskById(site.context, user, id)
const moneyOf = async (user: { accountId: bigint }) => {
  const { available, held, spent } = await readBalance(site.context, user)
  return [available, held, spent]
}
/** As after its time. */
async function look(): Promise<void> {
  assert.equal(await lookAgain(site.context), 0, 'not before its time')
  await run(`update task set look_at = now() where state = 'unknown' and look_at is not null`)
  assert.equal(await lookAgain(site.context), 1)
  await step()
}

test('a job that the vendor has goes on under the same name, and is paid once', async () => {
  const { id, user, reference } = await inDoubt()
  finds.push(async () => ({ state: 'pending', operation: { id: 'found' }, checkAfterMs: 0, progress: 40 }))
  await look()
  assert.deepEqual([(await read(id, user)).state, (await read(id, user)).progress], ['running', 40])
  assert.deepEqual(looked, [reference])
  const [attempt] = await site.context.db.rows<{ under_way: number }>(
    statement(
      'under way',
      'select count(*)::int as under_way from attempt where sent_at is not null and ended_at is null',
    ),
    [],
  )
  assert.equal(attempt?.under_way, 1, 'it has its place at the vendor again')
  const { check } = vendor
  vendor.check = async () => donePictures()
  try {
    await step()
  } finally {
    Object.assign(vendor, { check })
  }
  assert.equal((await read(id, user)).state, 'succeeded')
  assert.deepEqual(await moneyOf(user), [units(80), 0n, PRICE])
  assert.equal(vendor.accountOf('key-one').paid.length, 0, 'it was not sent again')
})

test('a job that is already done is fetched', async () => {
  const { id, user } = await inDoubt()
  finds.push(() => donePictures() as never)
  await look()
  assert.equal((await read(id, user)).state, 'succeeded')
  assert.deepEqual(await moneyOf(user), [units(80), 0n, PRICE])
  assert.equal(vendor.accountOf('key-one').paid.length, 0)
})

test('a job that the vendor never had is sent anew, on the same hold', async () => {
  const { id, user, reference } = await inDoubt()
  finds.push(async () => ({ state: 'not_done' }))
  await look()
  assert.equal((await read(id, user)).state, 'queued')
  await step()
  assert.equal((await read(id, user)).state, 'running')
  const { paid } = vendor.accountOf('key-one')
  assert.equal(paid.length, 1)
  assert.notEqual(paid[0], reference, 'under a name of its own')
})

test('while the vendor cannot say, nobody sends it again; it is asked ever more slowly, until the deadline', async () => {
  const { id, user } = await inDoubt()
  const cannotSay = async (): Promise<never> => {
    throw new ProviderError('unavailable', 'try later')
  }
  for (let times = 0; times < 3; times += 1) {
    finds.push(cannotSay)
    await look()
    assert.equal((await read(id, user)).state, 'unknown')
  }
  await run(`update attempt set sent_at = now() - interval '100 seconds'`)
  finds.push(cannotSay)
  await look()
  const [task] = await listUnknownTasks(site.context, 10)
  const wait = (task?.look_at?.getTime() ?? 0) - Date.now()
  assert.ok(wait > 90_000 && wait < 110_000, `asked again in ${wait} ms`)
  assert.equal(task?.error, 'no answer', 'the first words stay')
  assert.equal(vendor.accountOf('key-one').paid.length, 0)
})

test('what the vendor says of the job itself ends the doubt', async () => {
  const refused = await inDoubt()
  finds.push(async () => {
    throw new ProviderError('content', 'moderated')
  })
  await look()
  const { state, failure } = await read(refused.id, refused.user)
  assert.deepEqual([state, failure], ['failed', 'content'])
  const failed = await inDoubt()
  finds.push(async () => {
    throw new ProviderError('failed', 'it broke there')
  })
  await look()
  assert.equal((await read(failed.id, failed.user)).state, 'queued')
})

test('a worker that is lost after the attempt went out has its job looked for at once', async () => {
  const user = await createUser(site.context, units(100))
  const { taskId } = await submitTask(site.context, user, pictureOf('lost'))
  vendor.accountOf('key-one').behave = () => new Promise(() => {})
  const [lost] = await claimTasks<Claimed>(site.context, 'lost', 1, 60_000)
  assert.ok(lost)
  void advanceTask(site.context, lost, never)
  const sent = statement('sent', 'select 1 as yes from attempt where task_id = $1 and sent_at is not null')
  while ((await site.context.db.rows(sent, [taskId])).length === 0) await sleep(5)
  await run(`update task set due_at = now() where state = 'running'`)
  finds.push(async () => ({ state: 'pending', operation: { id: 'found' }, checkAfterMs: 60_000 }))
  await step()
  assert.equal((await read(taskId, user)).state, 'running')
  assert.equal(looked.length, 1)
})

test('an operator finds the doubtful, and ends their doubt once', async () => {
  const lost = await inDoubt()
  const undone = await inDoubt()
  const again = await inDoubt()
  const rows = await listUnknownTasks(site.context, 10)
  assert.deepEqual(
    rows.map(({ id, error, channel }) => [id, error, channel?.split(' ').slice(1).join(' ')]),
    [lost, undone, again].map(({ id }) => [id, 'no answer', 'vendor painter']),
  )
  await resolveUnknownTask(site.context, String(lost.id), 'done')
  const { handle } = await read(undone.id, undone.user)
  await resolveUnknownTask(site.context, handle, 'not_done')
  await resolveUnknownTask(site.context, String(again.id), 'retry')
  assert.deepEqual(
    [(await read(lost.id, lost.user)).failure, await moneyOf(lost.user)],
    ['unknown', [units(100), 0n, 0n]],
  )
  assert.deepEqual(
    [(await read(undone.id, undone.user)).failure, await moneyOf(undone.user)],
    ['unavailable', [units(100), 0n, 0n]],
  )
  assert.deepEqual(
    [(await read(again.id, again.user)).state, await moneyOf(again.user)],
    ['queued', [units(80), PRICE, 0n]],
  )
  await step()
  assert.equal(vendor.accountOf('key-one').paid.length, 1)
  for (const { id } of [lost, undone, again])
    await assert.rejects(resolveUnknownTask(site.context, String(id), 'not_done'), { code: 'task_not_found' })
  await assert.rejects(resolveUnknownTask(site.context, "1' or true --", 'done'), { code: 'task_not_found' })
})

const ROUNDS = Number(process.env.RACES ?? 20)

test(`operators, the deadline and a look at the vendor at once: exactly one wins, and the money moves once, ${ROUNDS} times`, async () => {
  const wins = { operator: 0, other: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, user } = await inDoubt()
    await run(
      `update task set deadline = now() + interval '5 milliseconds', look_at = now() where state = 'unknown'`,
    )
    const resolve = (verdict: 'done' | 'not_done') =>
      sleep(Math.random() * 12).then(() =>
        resolveUnknownTask(site.context, String(id), verdict).then(
          () => true,
          (error) => {
            if (error instanceof KernelError) return false
            throw error
          },
        ),
      )
    const [first, second] = await Promise.all([
      resolve('done'),
      resolve('not_done'),
      sleep(Math.random() * 12).then(() => sweepTasks(site.context)),
      sleep(Math.random() * 12).then(() => lookAgain(site.context)),
    ])
    assert.ok(!(first && second))
    await sleep(5)
    await sweepTasks(site.context)
    const { state } = await read(id, user)
    assert.equal(state, 'failed')
    assert.deepEqual(await moneyOf(user), [units(100), 0n, 0n])
    wins[first || second ? 'operator' : 'other'] += 1
  }
  assert.equal(wins.operator + wins.other, ROUNDS)
})

test('with workers, a storm of doubt ends well: every job is found, none is sent twice', async () => {
  const user = await createUser(site.context, units(1_000))
  const names = new Set<string>()
  vendor.accountOf('key-one').behave = async (_job, { reference }) => {
    assert.ok(!names.has(reference))
    names.add(reference)
    throw new ProviderError('ambiguous', 'no answer')
  }
  const ids = await Promise.all(
    Array.from(
      { length: 4 },
      async (_, place) => (await submitTask(site.context, user, pictureOf(`${place}`))).taskId,
    ),
  )
  const worker = startTaskWorker(site.context, { concurrency: 4 })
  try {
    const ends = async (state: string): Promise<boolean> =>
      (await Promise.all(ids.map((id) => read(id, user)))).every((task) => task.state === state)
    while (!(await ends('unknown'))) await sleep(10)
    finds.push(...ids.map(() => () => donePictures() as never))
    await run(`update task set look_at = now() where state = 'unknown'`)
    assert.equal(await lookAgain(site.context), 4)
    while (!(await ends('succeeded'))) await sleep(10)
  } finally {
    await worker.stop(1_000)
  }
  assert.equal(names.size, 4)
  assert.deepEqual(new Set(looked), names)
})
