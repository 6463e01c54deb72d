import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider, donePictures } from '../../../test/fakes/provider.ts'
import { statement } from '../../db/database.ts'
import { startTaskWorker } from '../../jobs/task-worker.ts'
import { createVendorGates } from '../../limits/vendor-gates.ts'
import { noteRoom } from '../channels/full-models.ts'
import { units } from '../money.ts'
import { ProviderError } from '../ports/provider.ts'
import { readBalance } from '../wallet/balance.ts'
import { verifyLedger } from '../wallet/verify.ts'
import { advanceTask } from './advance.ts'
import type { Claimed } from './claim.ts'
import { claimTasks, extendLeases, returnTasks } from './claim.ts'
import { submitTask } from './submit.ts'
import { sweepTasks } from './sweep.ts'
import type { Task } from './task.ts'
import { readTaskById } from './task.ts'

let site: TestSite
let provider: FakeProvider
let actor: { accountId: bigint }
const never = new AbortController().signal

before(async () => {
  provider = createFakeProvider({ repeatable: false })
  site = await buildSite({ providers: [provider] })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [])
})
beforeEach(async () => {
  // One test's leftovers are not another's: whatever is open is past its deadline now.
  await site.context.db.rows(
    statement(
      'end leftovers',
      `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
    ),
    [],
  )
  await sweepTasks(site.context)
  forgetVendors()
  Object.assign(provider, { repeatable: false, started: [], checked: [], next: [], nextCheck: [] })
  actor = { accountId: (await createUser(site.context, units(100))).accountId }
})

/** As after a while: what was refused then says nothing of now. */
function forgetVendors(): void {
  site.context.vendorGates = createVendorGates()
  for (const model of site.context.catalog.models()) noteRoom(site.context, model.id)
}

async function submit(prompt: string): Promise<bigint> {
  return (await submitTask(site.context, actor, pictureOf(prompt))).taskId
}
async function claimOne(leaseMs = 60_000): Promise<Claimed> {
  const [task, ...others] = await claimTasks(site.context, 'test', 10, leaseMs)
  assert.ok(task)
  assert.equal(others.length, 0)
  return task
}
const read = (id: bigint): Promise<Task> => readTaskById(site.context, actor, id)
const makeDue = () =>
  site.context.db.rows(
    statement('make due', `update task set due_at = now() where state in ('queued', 'running')`),
    [],
  )
const wallet = async () => {
  const { available, held, spent } = await readBalance(site.context, actor)
  return { available, held, spent }
}

test('a finished task pays its hold and has its file', async () => {
  const large = { create: { width: 640, height: 320, channels: 3, background: '#336699' } } as const
  const bytes = await sharp(large).png().toBuffer()
  provider.next.push(async () => ({
    state: 'done',
    outputs: [{ bytes, mediaType: 'image/png', width: 640, height: 320 }],
  }))
  const id = await submit('完成')
  assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
  await advanceTask(site.context, await claimOne(), never)
  const task = await read(id)
  assert.deepEqual([task.state, task.progress, task.charged], ['succeeded', 100, units(20)])
  const [file] = task.files
  assert.ok(file && (await site.context.files.stat(file.storeKey)))
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
  const rows = await site.context.db.rows<{ store_key: string }>(
    statement(
      'files of task',
      `select role, store_key, media_type, width, height from file f join work w on w.id = f.work_id
       where w.task_id = $1 order by f.role`,
    ),
    [id],
  )
  assert.deepEqual(
    rows.map(({ store_key: _key, ...row }) => row),
    [{ role: 'output', media_type: 'image/png', width: 640, height: 320 }],
  )
  for (const { store_key } of rows) assert.ok(await site.context.files.stat(store_key))
})

for (const kind of ['rejected', 'content'] as const) {
  test(`a provider that says ${kind} ends the task and gives everything back, once asked`, async () => {
    provider.next.push(async () => {
      throw new ProviderError(kind, 'the vendor words')
    })
    const id = await submit('拒绝')
    await advanceTask(site.context, await claimOne(), never)
    const task = await read(id)
    assert.deepEqual([task.state, task.failure, task.charged], ['failed', kind, 0n])
    assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
    assert.equal(provider.started.length, 1)
  })
}

test('a provider that is unavailable is asked again later, up to five times, on the same hold', async () => {
  const id = await submit('再试')
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    provider.next.push(async () => {
      throw new ProviderError('unavailable', 'later', { retryAfterMs: 60_000 })
    })
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
    if (attempt < 5) {
      assert.equal((await read(id)).state, 'queued')
      assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0, 'not before its time')
    }
  }
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'unavailable'])
  assert.equal(provider.started.length, 5)
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
})

test('a provider that is throttled is left alone as long as it says; nobody loses an attempt by it', async () => {
  const id = await submit('耐心')
  for (let times = 1; times <= 7; times += 1) {
    provider.next.push(async () => {
      throw new ProviderError('throttled', 'later', { retryAfterMs: 60_000 })
    })
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
    assert.equal((await read(id)).state, 'queued')
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
    assert.equal(provider.started.length, times, 'nobody asks it before')
    forgetVendors()
  }
  await makeDue()
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'succeeded')
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('an ambiguous start is never sent again; the deadline gives the hold back', async () => {
  provider.next.push(async () => {
    throw new ProviderError('ambiguous', 'timeout after sending')
  })
  const id = await submit('不明')
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'unknown')
  await makeDue()
  assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0)
  assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
  await site.context.db.rows(
    statement('pass deadline', `update task set deadline = now() - interval '1 second' where id = $1`),
    [id],
  )
  assert.deepEqual(await sweepTasks(site.context), { ended: 1, forgotten: 0 })
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'deadline'])
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
  assert.equal(provider.started.length, 1)
})

test('a worker lost after the call of a paid vendor leaves the task unknown, not sent twice', async () => {
  const id = await submit('丢失')
  const lost = await claimOne()
  provider.next.push(() => new Promise(() => {}))
  void advanceTask(site.context, lost, never)
  while (provider.started.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await makeDue()
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'unknown')
  assert.equal(provider.started.length, 1)
  await site.context.db.rows(
    statement('end unknown', `update task set deadline = now() - interval '1 second' where id = $1`),
    [id],
  )
  await sweepTasks(site.context)
})

test('a worker lost before any call leaves a task that is simply done again', async () => {
  const id = await submit('接管')
  await claimOne()
  await makeDue()
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'queued')
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'succeeded')
  assert.equal(provider.started.length, 1)
})

test('a task that takes every worker down is given up after its attempts', async () => {
  provider.repeatable = true
  const id = await submit('毒药')
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await claimOne()
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
  }
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'unavailable'])
  assert.equal(provider.started.length, 0)
})

test('a pending operation survives its worker and is asked after, never started again', async () => {
  provider.next.push(async () => ({
    state: 'pending',
    operation: { job: 'abc' },
    checkAfterMs: 0,
    progress: 30,
  }))
  provider.nextCheck.push(async () => ({
    state: 'pending',
    operation: { job: 'abc' },
    checkAfterMs: 0,
    progress: 20,
  }))
  const id = await submit('异步')
  await advanceTask(site.context, await claimOne(), never)
  assert.deepEqual([(await read(id)).state, (await read(id)).progress], ['running', 30])
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).progress, 30, 'progress never goes back')
  await claimOne()
  await makeDue()
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'succeeded')
  assert.deepEqual(provider.checked, [{ job: 'abc' }, { job: 'abc' }])
  assert.equal(provider.started.length, 1)
})

test('a job that failed at the vendor is started anew under a new number, on the same hold', async () => {
  const pendingAs = (job: string) => async () =>
    ({ state: 'pending', operation: { job }, checkAfterMs: 0 }) as const
  provider.next.push(pendingAs('first'), pendingAs('second'))
  provider.nextCheck.push(async () => {
    throw new ProviderError('failed', 'out of memory')
  })
  const id = await submit('远端失败')
  await advanceTask(site.context, await claimOne(), never)
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'queued')
  assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0, 'not at once')
  await makeDue()
  await advanceTask(site.context, await claimOne(), never)
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'succeeded')
  assert.deepEqual(provider.checked, [{ job: 'first' }, { job: 'second' }])
  assert.equal(provider.started.length, 2)
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('a job that fails at the vendor every time is given up after its attempts and given back once', async () => {
  const id = await submit('总是失败')
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    provider.next.push(async () => ({ state: 'pending', operation: { job: attempt }, checkAfterMs: 0 }))
    provider.nextCheck.push(async () => {
      throw new ProviderError('failed', 'the vendor words')
    })
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
    await advanceTask(site.context, await claimOne(), never)
  }
  assert.deepEqual([(await read(id)).state, (await read(id)).failure], ['failed', 'unavailable'])
  assert.deepEqual(
    provider.checked,
    [1, 2, 3, 4, 5].map((job) => ({ job })),
  )
  await makeDue()
  assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0)
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
})

test('a vendor that cannot be asked for a moment keeps its operation and is not started again', async () => {
  provider.next.push(async () => ({ state: 'pending', operation: { job: 'kept' }, checkAfterMs: 0 }))
  for (let times = 0; times < 7; times += 1) {
    provider.nextCheck.push(async () => {
      throw new ProviderError('unavailable', 'connection refused')
    })
  }
  const id = await submit('暂时')
  for (let times = 0; times < 9; times += 1) {
    await makeDue()
    await advanceTask(site.context, await claimOne(), never)
  }
  assert.equal((await read(id)).state, 'succeeded')
  assert.equal(provider.started.length, 1)
  assert.equal(provider.checked.length, 8)
})

test('a worker whose lease lapsed writes nothing: the fence holds', async () => {
  const id = await submit('过期')
  const stale = await claimOne()
  await makeDue()
  const fresh = await claimOne()
  assert.equal(fresh.generation, stale.generation + 1)
  assert.deepEqual(await extendLeases(site.context, [stale], 60_000), [stale.id])
  assert.deepEqual(await extendLeases(site.context, [fresh], 60_000), [])
  await returnTasks(site.context, [stale])
  assert.equal((await claimTasks(site.context, 'test', 10, 1_000)).length, 0, 'a stale return frees nothing')
  // What the stale worker made is not taken.
  await advanceTask(
    site.context,
    { ...stale, attempt_generation: stale.generation, operation: { job: 'stale' } },
    never,
  )
  assert.equal((await read(id)).state, 'running')
  assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
  await advanceTask(site.context, { ...fresh, operation: { job: 'fresh' } }, never)
  assert.equal((await read(id)).state, 'succeeded')
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('a live lease is not claimable, whoever asks', async () => {
  await submit('租约')
  const held = await claimOne(60_000)
  assert.equal((await claimTasks(site.context, 'other', 10, 60_000)).length, 0)
  await returnTasks(site.context, [held])
  await claimOne()
})

test('outputs that cannot be stored (a full disk) are made again where that is free', async () => {
  provider.repeatable = true
  const { put } = site.context.files
  const id = await submit('磁盘')
  await site.context.db.rows(
    statement(
      'others away',
      `update task set due_at = '2100-01-01' where state in ('queued', 'running') and id <> $1`,
    ),
    [id],
  )
  site.context.files.put = async () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  try {
    await advanceTask(site.context, await claimOne(), never)
  } finally {
    site.context.files.put = put
  }
  assert.equal((await read(id)).state, 'queued')
  await site.context.db.rows(statement('this due', 'update task set due_at = now() where id = $1'), [id])
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'succeeded')
})

test('a vendor that makes fewer pictures than were asked for is paid for those, and the rest comes back', async () => {
  provider.next.push(() => donePictures(1))
  const { input } = pictureOf('三张')
  const { taskId } = await submitTask(
    site.context,
    actor,
    pictureOf('三张', { input: { ...input, count: 3 } }),
  )
  await advanceTask(site.context, await claimOne(), never)
  const { state, cost, charged, files } = await read(taskId)
  assert.deepEqual([state, cost, charged, files.length], ['succeeded', units(60), units(20), 1])
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('an empty success is not a success', async () => {
  provider.repeatable = true
  provider.next.push(async () => ({ state: 'done', outputs: [] }))
  const id = await submit('空')
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(id)).state, 'queued')
  await site.context.db.rows(statement('put aside', `update task set due_at = '2100-01-01' where id = $1`), [
    id,
  ])
})

test('a canceled task aborts its worker at once, and a stopping worker gives its tasks back', async () => {
  provider.repeatable = true
  const aborted: string[] = []
  const untilAborted = (_job: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted.push(String((signal.reason as Error).message))
        reject(signal.reason)
      })
    })
  provider.next.push(untilAborted, untilAborted)
  const worker = startTaskWorker(site.context, { concurrency: 2, leaseMs: 2_000 })
  const first = await submit('取消')
  const second = await submit('停止')
  while (provider.started.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  const { cancelTask } = await import('./cancel.ts')
  await cancelTask(site.context, actor, (await read(first)).handle)
  while (aborted.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(aborted, ['the lease was lost'])
  await worker.stop(0)
  assert.deepEqual(aborted, ['the lease was lost', 'the worker stops'])
  const again = await claimOne()
  assert.equal(again.id, second, 'claimable without waiting for the lease')
  provider.next = []
  await advanceTask(site.context, again, never)
  await advanceTask(site.context, await claimOne(), never)
  assert.equal((await read(second)).state, 'succeeded')
})

test('a thousand tasks of one account do not delay the first of another', async () => {
  for (let index = 0; index < 40; index += 1) {
    await site.context.db.rows(
      statement(
        'give',
        `select post_entry_v1($1, $2, 'adjustment', null, 'grants', 'available', 200000, null, null, null, null, null, null)`,
      ),
      [site.context.keys.chain, actor.accountId],
    )
    await submit(`很多 ${index}`)
  }
  const crowd = actor
  const other = { accountId: (await createUser(site.context, units(100))).accountId }
  const { taskId } = await submitTask(site.context, other, pictureOf('第一张'))
  const firstBatch = await claimTasks(site.context, 'test', 3, 60_000)
  assert.ok(
    firstBatch.some((task) => task.id === taskId),
    'among the first three of forty-one',
  )
  assert.ok(
    firstBatch.some((task) => task.account_id === crowd.accountId),
    'and the crowd goes on',
  )
  const rest = await claimTasks(site.context, 'test', 100, 60_000)
  for (const task of [...firstBatch, ...rest]) await advanceTask(site.context, task, never)
})

test('donePictures makes as many outputs as asked', async () => {
  const step = await donePictures(3)
  assert.equal(step.state === 'done' && step.outputs.length, 3)
})
