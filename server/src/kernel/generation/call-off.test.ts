import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { pino, stdSerializers } from 'pino'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { closeAccount } from '../accounts/close.ts'
import { addConnection, serveModel } from '../catalog/administer-connections.ts'
import { units } from '../money.ts'
import type { Json, ProviderConnection, Step } from '../ports/provider.ts'
import { readBalance } from '../wallet/balance.ts'
import { discardWorks } from '../works/discard.ts'
import { advanceTask } from './advance.ts'
import { callOffOrphans } from './call-off.ts'
import { cancelTask } from './cancel.ts'
import { claimTasks } from './claim.ts'
import { submitTask } from './submit.ts'
import { sweepTasks } from './sweep.ts'
import { readTaskById } from './task.ts'

const SECRET = 'a key that nobody may read'

let site: TestSite
let vendor: FakeProvider
/** What the vendor was told, and with which connection. */
let told: { operation: Json; connection: ProviderConnection | null }[]
let onCancel: () => Promise<void>
let lines: string[]

before(async () => {
  vendor = createFakeProvider({ repeatable: false })
  vendor.cancel = async (operation, connection) => {
    told.push({ operation, connection })
    await onCancel()
  }
  const silent = Object.assign(createFakeProvider({ repeatable: false }), { name: 'silent' })
  silent.next = vendor.next
  const serializers = { error: stdSerializers.err }
  const log = pino({ level: 'warn', serializers }, { write: (line: string) => void lines.push(line) })
  site = await buildSite({ providers: [vendor, silent], log })
  await serveBy('first', 'sketch')
})
after(() => site.close())
beforeEach(() => {
  told = []
  lines = []
  onCancel = async () => {}
})

/** Has the model served by a connection of its own, and by nothing else. */
async function serveBy(name: string, provider: string): Promise<void> {
  const url = `https://${name}.example.com`
  await addConnection(site.context, { name, provider, url, secret: SECRET, headers: {}, options: {} })
  const vendorModel = 'the vendor’s model'
  await serveModel(site.context, {
    model: 'image_model',
    connection: name,
    vendorModel,
    weight: 1,
    isOnly: true,
  })
}

type User = Awaited<ReturnType<typeof createUser>>
const pending = (id: string): Step => ({ state: 'pending', operation: { id }, checkAfterMs: 0 })

async function advance(): Promise<void> {
  const [task] = await claimTasks(site.context, 'test', 1, 60_000)
  assert.ok(task)
  await advanceTask(site.context, task, new AbortController().signal)
}

/** A task that its vendor has under way as job `id`. */
async function underWay(id: string): Promise<{ user: User; taskId: bigint }> {
  const user = await createUser(site.context, units(100))
  const { taskId } = await submitTask(site.context, user, pictureOf('a house'))
  vendor.next.push(async () => pending(id))
  await advance()
  return { user, taskId }
}

const cancel = (user: User, taskId: bigint) => cancelTask(site.context, user, taskId)
const query = (text: string, values: unknown[]) => site.context.db.pool.query(text, values)
const wait = (taskId: bigint) =>
  query(`update attempt set call_off_due_at = now() - interval '1 second' where task_id = $1`, [taskId])
const jobs = (): Json[] => told.map(({ operation }) => operation)

test('a canceled task is called off once, where it was sent, though its model has moved', async () => {
  const { user, taskId } = await underWay('moved')
  assert.equal(await callOffOrphans(site.context), 0, 'nobody calls off what is waited for')
  await serveBy('second', 'sketch')
  await cancel(user, taskId)
  assert.equal(await callOffOrphans(site.context), 1)
  assert.deepEqual(jobs(), [{ id: 'moved' }])
  assert.equal(told[0]?.connection?.url, 'https://first.example.com')
  assert.equal(told[0]?.connection?.secret, SECRET)
  await wait(taskId)
  assert.equal(await callOffOrphans(site.context), 0)
  assert.equal((await readBalance(site.context, user)).available, units(100))
})

test('what is overdue, deleted or of a closed account is called off as well', async () => {
  const late = await underWay('late')
  await query(`update task set deadline = now() - interval '1 second' where id = $1`, [late.taskId])
  await sweepTasks(site.context)
  const deleted = await underWay('deleted')
  const { rows } = await query('select id from work where task_id = $1', [deleted.taskId])
  await discardWorks(site.context, deleted.user, [rows[0].id])
  const closed = await underWay('closed')
  await closeAccount(site.context, null, closed.user.accountId)
  assert.equal(await callOffOrphans(site.context), 3)
  assert.deepEqual(new Set(jobs()), new Set([{ id: 'late' }, { id: 'deleted' }, { id: 'closed' }]))
})

test('a job whose task is canceled while it is being started is called off', async () => {
  const user = await createUser(site.context, units(100))
  const { taskId } = await submitTask(site.context, user, pictureOf('a quick no'))
  const worker = new AbortController()
  vendor.next.push(async (_job, { signal }) => {
    await cancel(user, taskId)
    worker.abort(new Error('the lease was lost'))
    assert.equal(signal.aborted, false, 'the answer with the job’s name is waited for')
    assert.equal(await callOffOrphans(site.context), 0)
    return pending('just made')
  })
  const [task] = await claimTasks(site.context, 'test', 1, 60_000)
  assert.ok(task)
  await advanceTask(site.context, task, worker.signal)
  await callOffOrphans(site.context)
  assert.deepEqual(jobs(), [{ id: 'just made' }])
  assert.equal((await readTaskById(site.context, user, taskId)).state, 'canceled')
  assert.equal((await readBalance(site.context, user)).available, units(100))
})

test('a start that outlives its lease is no orphan until its task has ended', async () => {
  const user = await createUser(site.context, units(100))
  const { taskId } = await submitTask(site.context, user, pictureOf('a slow start'))
  vendor.next.push(async () => {
    // Another worker takes over what this one seems to have lost.
    await query('update task set due_at = now() where id = $1', [taskId])
    await advance()
    return pending('in doubt')
  })
  await advance()
  assert.equal((await readTaskById(site.context, user, taskId)).state, 'unknown')
  assert.equal(await callOffOrphans(site.context), 0, 'it may still be what the user gets')
  await query(`update task set deadline = now() - interval '1 second' where id = $1`, [taskId])
  await sweepTasks(site.context)
  await callOffOrphans(site.context)
  assert.deepEqual(jobs(), [{ id: 'in doubt' }])
})

test('of several processes one calls', async () => {
  const other = await site.another()
  for (let round = 0; round < 20; round += 1) {
    const { user, taskId } = await underWay(`race ${round}`)
    await cancel(user, taskId)
    const counts = await Promise.all([site.context, other, site.context, other].map(callOffOrphans))
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      1,
    )
  }
  assert.deepEqual(
    jobs(),
    Array.from({ length: 20 }, (_, round) => ({ id: `race ${round}` })),
  )
})

test('a vendor that is down is told three times at most, a minute apart, and the user sees nothing of it', async () => {
  const { user, taskId } = await underWay('unheard')
  onCancel = async () => {
    throw new Error('the vendor is down')
  }
  assert.equal((await cancel(user, taskId)).state, 'canceled')
  for (let time = 1; time <= 5; time += 1) {
    assert.equal(await callOffOrphans(site.context), 0)
    assert.equal(await callOffOrphans(site.context), 0)
    assert.equal(told.length, Math.min(time, 3))
    await wait(taskId)
  }
  assert.equal((await readBalance(site.context, user)).available, units(100))
  const said = lines.filter((line) => line.includes('could not be called off'))
  assert.equal(said.length, 3)
  assert.match(said[0] ?? '', /the vendor is down/)
  assert.ok(!lines.join('').includes(SECRET))
})

test('what a process claimed that died before it called is called off by another', async () => {
  const { user, taskId } = await underWay('left behind')
  await cancel(user, taskId)
  await query(
    `update attempt set call_offs = 1, call_off_due_at = now() + interval '1 minute' where task_id = $1`,
    [taskId],
  )
  assert.equal(await callOffOrphans(site.context), 0)
  await wait(taskId)
  assert.equal(await callOffOrphans(site.context), 1)
})

test('a vendor that never answers keeps nobody waiting', async (t) => {
  const { user, taskId } = await underWay('endless')
  await cancel(user, taskId)
  const called = Promise.withResolvers<void>()
  onCancel = () => {
    called.resolve()
    return new Promise<void>(() => {})
  }
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sweep = callOffOrphans(site.context)
  await called.promise
  await new Promise(setImmediate)
  t.mock.timers.tick(10_000)
  assert.equal(await sweep, 0)
  t.mock.timers.reset()
  assert.match(lines.join(''), /no answer within 10000 ms/)
})

test('a task that succeeded is never called off', async () => {
  const { user, taskId } = await underWay('good')
  await advance()
  assert.equal((await readTaskById(site.context, user, taskId)).state, 'succeeded')
  assert.equal(await callOffOrphans(site.context), 0)
  assert.deepEqual(told, [])
})

test('a vendor that cannot be told is done with', async () => {
  await serveBy('third', 'silent')
  const { user, taskId } = await underWay('deaf')
  await cancel(user, taskId)
  assert.equal(await callOffOrphans(site.context), 0)
  const { rows } = await query('select called_off_at from attempt where task_id = $1', [taskId])
  assert.ok(rows[0].called_off_at)
  assert.deepEqual(lines, [])
})
