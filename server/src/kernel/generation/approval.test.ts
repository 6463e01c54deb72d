import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { statement } from '../../db/database.ts'
import { createModel } from '../catalog/models.ts'
import type { Context } from '../context.ts'
import { KernelError } from '../errors.ts'
import { units } from '../money.ts'
import { readBalance } from '../wallet/balance.ts'
import { verifyLedger } from '../wallet/verify.ts'
import { approveTask } from './approve.ts'
import { cancelTask } from './cancel.ts'
import type { Edit } from './edit.ts'
import { editTask } from './edit.ts'
import { retryTask } from './retry.ts'
import { submitTask } from './submit.ts'
import { sweepTasks } from './sweep.ts'
import { readTask } from './task.ts'

let site: TestSite
let context: Context
let provider: FakeProvider
let admin: { accountId: bigint }
before(async () => {
  provider = createFakeProvider()
  site = await buildSite({ providers: [provider], preset: { needsApproval: true } })
  context = site.context
  admin = await createUser(context, units(0), { role: 'admin' })
})
after(async () => {
  assert.deepEqual(await verifyLedger(context), [], 'the books are true')
  await site.close()
})

const origin = { ip: '127.0.0.1', device: 'test' }
const anybodys = { accountId: null }

async function withModel(price: number): Promise<bigint> {
  const declaration = { headers: [], inputs: [], outputs: [] }
  const kind = 'image' as const
  const model = {
    title: 'A model',
    description: '',
    kind,
    state: 'open' as const,
    serving: null,
    declaration,
  }
  return (await createModel(context, { ...model, price: units(price) })).id
}

function editTo(model: bigint, prompt: string): Edit {
  const { input, parameters } = pictureOf(prompt)
  return { kind: 'image', input, parameters, model, origin }
}

async function withTask(credits: number, price: number) {
  const user = await createUser(context, units(credits))
  const model = await withModel(price)
  const { taskId } = await submitTask(context, user, { ...pictureOf('a cat'), model })
  return { user, model, id: taskId }
}

const codeOf = (error: unknown): string => (error instanceof KernelError ? error.code : String(error))
const settled = async (calls: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(calls)).map((one) => (one.status === 'fulfilled' ? 'done' : codeOf(one.reason)))

async function balanceOf(user: { accountId: bigint }) {
  const { available, held } = await readBalance(context, user)
  return { available, held }
}

test('a task waits for approval with its hold taken, and nothing runs before', async () => {
  const { user, id } = await withTask(50, 20)
  const worker = site.startWorker()
  try {
    await new Promise((resolve) => setTimeout(resolve, 400))
    assert.equal((await readTask(context, user, id)).state, 'awaiting_approval')
    assert.equal(provider.started.length, 0)
    assert.deepEqual(await balanceOf(user), { available: units(30), held: units(20) })
    await approveTask(context, admin, id)
    while ((await readTask(context, user, id)).state !== 'succeeded')
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(await balanceOf(user), { available: units(30), held: 0n })
  } finally {
    await worker.stop(1_000)
  }
})

test('of a hundred approvals one happens', async () => {
  const { id } = await withTask(50, 20)
  const outcomes = await settled(Array.from({ length: 100 }, () => approveTask(context, admin, id)))
  assert.equal(outcomes.filter((one) => one === 'done').length, 1)
  assert.equal(outcomes.filter((one) => one === 'task_not_awaiting_approval').length, 99)
  assert.equal((await readTask(context, anybodys, id)).state, 'queued')
})

test('approvals, edits to a dearer model and cancels at once end in one state with the right hold', async () => {
  const dearer = await withModel(35)
  for (let round = 0; round < 20; round += 1) {
    const { user, id } = await withTask(50, 20)
    await settled([
      ...Array.from({ length: 10 }, () => approveTask(context, admin, id)),
      ...Array.from({ length: 10 }, () => editTask(context, user, id, editTo(dearer, 'a dog'))),
      ...Array.from({ length: 10 }, () => cancelTask(context, user, id, ['awaiting_approval', 'queued'])),
    ])
    const task = await readTask(context, user, id)
    assert.equal(task.state, 'canceled')
    assert.deepEqual(await balanceOf(user), { available: units(50), held: 0n })
  }
})

test('a hundred edits to models of different prices hold what the last one costs', async () => {
  const { user, model, id } = await withTask(5_000, 20)
  const dearer = await withModel(35)
  await settled(
    Array.from({ length: 100 }, (_, index) =>
      editTask(context, user, id, editTo(index % 2 ? dearer : model, `edit ${index}`)),
    ),
  )
  const { cost, modelId } = await readTask(context, user, id)
  assert.equal(cost, modelId === dearer ? units(35) : units(20))
  assert.deepEqual(await balanceOf(user), { available: units(5_000) - cost, held: cost })
})

test('an edit that cannot be paid changes nothing; one within the means is priced anew and needs approval again', async () => {
  const { user, model, id } = await withTask(50, 20)
  await approveTask(context, admin, id)
  const refused = editTask(context, user, id, editTo(await withModel(51), 'a palace'))
  await assert.rejects(refused, { code: 'insufficient_credits' })
  const before = await readTask(context, user, id)
  assert.deepEqual([before.state, before.prompt, before.modelId], ['queued', 'a cat', model])
  assert.deepEqual(await balanceOf(user), { available: units(30), held: units(20) })

  // All 50: the old hold counts towards the new one.
  const edited = await editTask(context, user, id, editTo(await withModel(50), 'a house'))
  assert.deepEqual([edited.state, edited.prompt], ['awaiting_approval', 'a house'])
  assert.deepEqual(await balanceOf(user), { available: 0n, held: units(50) })
})

test('an edit with the same model keeps the hold and its price', async () => {
  const { user, model, id } = await withTask(50, 20)
  const entries = statement('entries of account', 'select count(*) as count from entry where account_id = $1')
  const before = await context.db.rows(entries, [user.accountId])
  await editTask(context, user, id, editTo(model, 'a bird'))
  assert.deepEqual(await context.db.rows(entries, [user.accountId]), before)
  assert.equal((await readTask(context, user, id)).cost, units(20))
})

test('nobody edits, cancels or retries what is another’s, and nobody edits what runs', async () => {
  const { user, model, id } = await withTask(50, 20)
  const stranger = await createUser(context, units(50))
  await assert.rejects(editTask(context, stranger, id, editTo(model, 'mine')), { code: 'task_not_found' })
  await assert.rejects(cancelTask(context, stranger, id), { code: 'task_not_found' })
  await assert.rejects(retryTask(context, stranger, id, origin), { code: 'task_not_owned' })
  await approveTask(context, admin, id)
  await context.db.rows(statement('run task', `update task set state = 'running' where id = $1`), [id])
  await assert.rejects(editTask(context, user, id, editTo(model, 'later')), { code: 'task_not_editable' })
  await assert.rejects(cancelTask(context, user, id, ['awaiting_approval', 'queued']), {
    code: 'task_not_cancelable',
  })
  await assert.rejects(approveTask(context, admin, id), { code: 'task_not_awaiting_approval' })
  await cancelTask(context, user, id)
})

test('a task that nobody approves is given up and paid back', async () => {
  const { user, id } = await withTask(50, 20)
  await context.db.rows(
    statement('age task', `update task set deadline = now() - interval '1 second' where id = $1`),
    [id],
  )
  await sweepTasks(context)
  const { state, failure } = await readTask(context, user, id)
  assert.deepEqual([state, failure], ['failed', 'deadline'])
  assert.deepEqual(await balanceOf(user), { available: units(50), held: 0n })
})
