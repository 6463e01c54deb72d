import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../src/db/database.ts'
import { startTaskWorker, type TaskWorker } from '../src/jobs/task-worker.ts'
import { addConnection, serveModel, setChannel } from '../src/kernel/catalog/administer-connections.ts'
import { readChannelHealth, resetVendor } from '../src/kernel/channels/channel-health.ts'
import { setLimits } from '../src/kernel/channels/set-limits.ts'
import type { Context } from '../src/kernel/context.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { createVendorGates } from '../src/limits/vendor-gates.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createVendorStandIn, type VendorStandIn } from './fakes/vendor.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A site whose pictures come from accounts `one`, `two` … at one vendor, each a channel with the terms given. */
async function openSite(
  vendor: VendorStandIn,
  terms: readonly { priority?: number; mostJobs?: number; startsPerMinute?: number }[],
  options: Parameters<typeof buildSite>[0] = {},
): Promise<TestSite> {
  const site = await buildSite({ providers: [vendor], ...options })
  closing.push(async () => {
    assert.deepEqual(await verifyLedger(site.context), [])
    await site.close()
  })
  for (const [place, more] of terms.entries()) {
    const name = ['one', 'two', 'three'][place] ?? ''
    const connection = {
      name,
      provider: 'vendor',
      url: 'https://vendor.example.com',
      headers: {},
      options: {},
    }
    await addConnection(site.context, { ...connection, secret: `key-${name}` })
    const serving = { model: 'image_model', connection: name, vendorModel: 'painter', weight: 1 }
    await serveModel(site.context, { ...serving, isOnly: place === 0, ...more })
  }
  return site
}

async function submitMany(context: Context, count: number, each = 10): Promise<void> {
  for (let done = 0; done < count; done += each) {
    const user = await createUser(context, units(20 * each))
    await Promise.all(
      Array.from({ length: each }, (_, place) => submitTask(context, user, pictureOf(`${place}`))),
    )
  }
}

function work(context: Context, concurrency = 8): TaskWorker {
  const worker = startTaskWorker(context, { concurrency })
  closing.push(() => worker.stop(1_000))
  return worker
}

type Count = { state: string; tasks: number; most_attempts: number }
const countStates = statement(
  'count states',
  'select state, count(*)::int as tasks, max(attempts) as most_attempts from task group by state order by state',
)
const states = async ({ context }: TestSite): Promise<string> =>
  (await context.db.rows<Count>(countStates, [])).map(({ state, tasks }) => `${tasks} ${state}`).join(', ')

async function until(fits: () => Promise<boolean> | boolean, withinMs = 45_000): Promise<void> {
  const giveUp = performance.now() + withinMs
  while (!(await fits())) {
    if (performance.now() > giveUp) assert.fail('it did not come to that in time')
    await sleep(20)
  }
}

const dies = (kind: 'unavailable' | 'ambiguous' | 'throttled', retryAfterMs?: number) => async () => {
  throw new ProviderError(
    kind,
    `the vendor is ${kind}, key-one`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  )
}

test('of two connections one dies among many tasks: nothing fails, nothing is paid twice, its breaker opens and recovers', async () => {
  const vendor = createVendorStandIn({ jobMs: 15 })
  const [one, two] = [vendor.accountOf('key-one'), vendor.accountOf('key-two')]
  const site = await openSite(vendor, [{}, {}])
  await submitMany(site.context, 200)
  work(site.context)
  await until(() => one.paid.length > 20 && two.paid.length > 20)
  one.behave = dies('unavailable')
  const callsBefore = one.calls.length
  await until(async () => (await readChannelHealth(site.context)).some(({ vendor: is }) => is === 'open'))
  await until(async () => (await states(site)) === '200 succeeded')
  const refused = one.calls.length - callsBefore
  assert.ok(refused <= 20, `${refused} calls to a dead vendor`)
  const paid = [...one.paid, ...two.paid]
  assert.equal(paid.length, 200)
  assert.equal(new Set(paid).size, 200)
  const [count] = await site.context.db.rows<Count>(countStates, [])
  assert.equal(count?.most_attempts, 1, 'no attempt was used up by the dead one')

  one.behave = null
  const before = one.paid.length
  await until(async () => (await readChannelHealth(site.context)).every(({ vendor: is }) => is !== 'open'))
  await submitMany(site.context, 40)
  await until(async () => (await states(site)) === '240 succeeded')
  assert.ok(one.paid.length > before + 5, 'it is used again')
  await until(async () => (await readChannelHealth(site.context)).every(({ vendor: is }) => is === 'closed'))
  const health = (await readChannelHealth(site.context)).filter(({ isEnabled }) => isEnabled)
  const sick = health.find(({ connection }) => connection === 'one')
  assert.match(sick?.lastError ?? '', /^the vendor is unavailable, \[secret\]$/)
  assert.ok((sick?.ended ?? 0) > (sick?.succeeded ?? 0) && (sick?.medianMs ?? 0) >= 10)
})

test('the only vendor is away for a while: what comes then waits, and is made', async () => {
  const vendor = createVendorStandIn()
  const one = vendor.accountOf('key-one')
  const site = await openSite(vendor, [{}])
  one.behave = dies('unavailable')
  await submitMany(site.context, 20)
  work(site.context)
  await until(async () => (await readChannelHealth(site.context)).some(({ vendor: is }) => is === 'open'))
  await sleep(300)
  const calls = one.calls.length
  await sleep(1_000)
  assert.equal(one.calls.length, calls, 'nobody is sent there')
  one.behave = null
  const [channel] = (await readChannelHealth(site.context)).filter(({ isEnabled }) => isEnabled)
  // From another process, as the command line does.
  await resetVendor(await site.another(), channel?.id ?? 0n)
  const since = performance.now()
  await until(async () => (await states(site)) === '20 succeeded')
  assert.ok(performance.now() - since < 6_000)
  assert.equal(one.paid.length, 20)
})

test('the lower priority goes first, and the other one only when that has no room', async () => {
  const vendor = createVendorStandIn({ jobMs: 60 })
  const site = await openSite(vendor, [{ priority: 1, mostJobs: 2 }, { priority: 5 }])
  await submitMany(site.context, 2, 2)
  work(site.context)
  await until(async () => (await states(site)) === '2 succeeded')
  assert.equal(vendor.accountOf('key-two').paid.length, 0)
  await submitMany(site.context, 20)
  await until(async () => (await states(site)) === '22 succeeded')
  assert.equal(vendor.accountOf('key-one').mostUnderWay, 2)
  assert.ok(vendor.accountOf('key-two').paid.length > 0)
})

for (const asynchronous of [false, true]) {
  test(`caps hold over two processes, ${asynchronous ? 'until the operation has ended' : 'while the call is under way'}`, async () => {
    const vendor = createVendorStandIn({ jobMs: 80, asynchronous })
    const site = await openSite(vendor, [{ mostJobs: 3 }, {}])
    await setLimits(site.context, 'two', { jobs: 2 })
    const elsewhere = await site.another()
    await submitMany(site.context, 40)
    work(site.context)
    work(elsewhere)
    await until(async () => (await states(site)) === '40 succeeded')
    const [one, two] = [vendor.accountOf('key-one'), vendor.accountOf('key-two')]
    assert.deepEqual([one.mostUnderWay, two.mostUnderWay], [3, 2])
    assert.equal(one.paid.length + two.paid.length, 40)
    const [count] = await site.context.db.rows<Count>(countStates, [])
    assert.equal(count?.most_attempts, 1, 'to wait for room is no attempt')
  })
}

test('no more starts a minute than a channel may, over two processes; what is over waits', async () => {
  const vendor = createVendorStandIn({ jobMs: 5 })
  const site = await openSite(vendor, [{ startsPerMinute: 7 }])
  const elsewhere = await site.another()
  await submitMany(site.context, 20)
  work(site.context)
  work(elsewhere)
  const one = vendor.accountOf('key-one')
  await until(() => one.paid.length >= 7)
  await sleep(1_500)
  assert.equal(one.calls.length, 7)
  // A minute later.
  const age = statement('age attempts', `update attempt set sent_at = sent_at - interval '61 seconds'`)
  await site.context.db.rows(age, [])
  await until(() => one.paid.length >= 14)
  await sleep(1_000)
  assert.equal(one.calls.length, 14)
})

test('a place is neither lost nor given away when its process is killed', async () => {
  const vendor = createVendorStandIn({ asynchronous: true, jobMs: 400 })
  const site = await openSite(vendor, [{ mostJobs: 1 }])
  await submitMany(site.context, 3, 3)
  const killed = await site.another()
  const [task] = await claimTasks(killed, 'killed', 1, 60_000)
  assert.ok(task)
  // Its process dies as soon as the operation is on record.
  await advanceTask(killed, task, new AbortController().signal)
  const one = vendor.accountOf('key-one')
  assert.equal(one.underWay, 1)
  work(site.context)
  await until(async () => (await states(site)) === '3 succeeded')
  assert.deepEqual([one.mostUnderWay, one.paid.length], [1, 3])
})

test('two sites of a process share what a credential may do, and what is known of its vendor', async () => {
  const vendor = createVendorStandIn({ jobMs: 60, asynchronous: true })
  const vendorGates = createVendorGates()
  const sites = [await openSite(vendor, [{}], { vendorGates }), await openSite(vendor, [{}], { vendorGates })]
  for (const [place, site] of sites.entries()) {
    // Both are built of one dialect; a process has one site of each.
    Object.assign(site.context, { site: `site ${place}` })
    await setLimits(site.context, 'one', { jobs: 4 })
    await submitMany(site.context, 20)
    work(site.context)
  }
  await until(async () => (await Promise.all(sites.map(states))).every((all) => all === '20 succeeded'))
  const one = vendor.accountOf('key-one')
  assert.equal(one.paid.length, 40)
  assert.ok(one.mostUnderWay <= 4, `${one.mostUnderWay} at a time`)
})

test('a vendor that asks for patience gets it from everybody, and nobody fails for it', async () => {
  const vendor = createVendorStandIn({ jobMs: 5 })
  const one = vendor.accountOf('key-one')
  const site = await openSite(vendor, [{}])
  one.behave = dies('throttled', 1_500)
  await submitMany(site.context, 30)
  work(site.context, 4)
  await until(() => one.calls.length > 0)
  await sleep(200)
  one.behave = null
  const [first = 0] = one.calls
  // What was on its way when the first answer came may still arrive.
  const hasty = one.calls.length
  assert.ok(hasty <= 4, `${hasty} calls`)
  await until(async () => (await states(site)) === '30 succeeded')
  assert.ok((one.calls[hasty] ?? 0) - first >= 1_450, 'not before its time')
})

test('an ambiguous start is never sent again, whatever other channel is free', async () => {
  const vendor = createVendorStandIn()
  const site = await openSite(vendor, [{ priority: 1 }, { priority: 2 }])
  vendor.accountOf('key-one').behave = dies('ambiguous')
  const user = await createUser(site.context, units(20))
  await submitTask(site.context, user, pictureOf('once'))
  work(site.context)
  await until(async () => (await states(site)) === '1 unknown')
  await sleep(1_000)
  assert.deepEqual(
    [vendor.accountOf('key-one').calls.length, vendor.accountOf('key-two').calls.length],
    [1, 0],
  )
  const pass = statement('pass', `update task set deadline = now() - interval '1 second'`)
  await site.context.db.rows(pass, [])
  await sweepTasks(site.context)
  assert.deepEqual(await readBalance(site.context, user).then(({ available }) => available), units(20))
})

test('a channel that is turned off or changed is so at once; what makes no sense is refused', async () => {
  const vendor = createVendorStandIn()
  const site = await openSite(vendor, [{ priority: 1 }, { priority: 2 }])
  const channels = (await readChannelHealth(site.context)).filter(({ isEnabled }) => isEnabled)
  const [one] = channels
  assert.ok(one)
  await setChannel(site.context, one.id, { isEnabled: false })
  await submitMany(site.context, 2, 2)
  work(site.context)
  await until(async () => (await states(site)) === '2 succeeded')
  assert.equal(vendor.accountOf('key-two').paid.length, 2)
  assert.equal(await setChannel(site.context, 999_999n, { priority: 1 }), false)
  for (const terms of [{ priority: -1 }, { weight: 0 }, { mostJobs: 1.5 }, { startsPerMinute: 0 }])
    await assert.rejects(setChannel(site.context, one.id, terms), { code: 'input_invalid' })
})
