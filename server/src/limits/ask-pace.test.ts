import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import type { AskLimits, AskLine, AskPace } from '../kernel/ports/ask-pace.ts'
import { ProviderError } from '../kernel/ports/provider.ts'
import { createAskPace } from './ask-pace.ts'

const never = new AbortController().signal
const FOR_EVER_MS = 1e9

let nowMs = 0
beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  nowMs = 1_000
})

/** Lets time pass, a millisecond at a time, as timers and answers need it. */
async function pass(ms: number, each: () => void = () => {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    nowMs += 1
    mock.timers.tick(1)
    each()
    // What was answered is carried on before the next moment.
    for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
  }
}

const lineOf = (limits: AskLimits, changes: Partial<AskLine> = {}): AskLine => ({
  ...{ credential: 'one', site: 'cameo', party: 'cameo 1', limits, ...changes },
})

/** A pace that has all of its vendor's limit to itself. */
function paceFor(line: AskLine): AskPace {
  const pace = createAskPace(() => nowMs)
  const share = pace.share(line)
  if (share) pace.grant(line.credential, line.site, { slots: share.slots, forMs: FOR_EVER_MS, quietMs: 0 })
  return pace
}

/** A vendor on its own clock: asks take some time to come, and their answers some to go back. */
function vendorWith(there: () => number, back: () => number) {
  const cameAt: number[] = []
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  return {
    cameAt,
    ask: async (): Promise<void> => {
      await wait(there())
      cameAt.push(nowMs)
      await wait(back())
    },
    mostWithin: (ms: number): number => {
      const sorted = cameAt.toSorted((a, b) => a - b)
      return Math.max(0, ...sorted.map((at, index) => index + 1 - sorted.findIndex((one) => one > at - ms)))
    },
  }
}

let serial = 0
/** What a worker does every so often: plans, claims from a backlog, and asks. */
function work(
  pace: AskPace,
  line: AskLine,
  vendor: ReturnType<typeof vendorWith>,
  due: { jobs: number },
): number {
  const places = pace.plan(line, Number.POSITIVE_INFINITY, 500)
  const claimed = Math.min(places, due.jobs)
  due.jobs -= claimed
  pace.settle(line, places, claimed)
  for (let index = 0; index < claimed; index += 1) {
    serial += 1
    void pace.ask(line, { name: String(serial), inMs: 0 }, vendor.ask, never).catch(() => {})
  }
  return claimed
}

/** Works for so long, looking for jobs every 250 ms. */
async function workFor(ms: number, everyTime: () => void): Promise<void> {
  let since = 0
  everyTime()
  await pass(ms, () => {
    since += 1
    if (since % 250 === 0) everyTime()
  })
}

/** The same numbers every time. */
function numbers(seed: number): (most: number) => number {
  let state = seed
  return (most) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return (state / 2_147_483_648) * most
  }
}

test('no second at the vendor holds more asks than it allows, whatever the network does, and little is lost', async () => {
  for (const [seed, there, back, leastShare] of [
    [1, 2, 2, 0.97],
    [2, 40, 40, 0.85],
    [3, 400, 10, 0.7],
    [4, 900, 900, 0.35],
  ] as const) {
    const random = numbers(seed)
    const line = lineOf({ asksPerSecond: 20 })
    const pace = paceFor(line)
    const vendor = vendorWith(
      () => random(there),
      () => random(back),
    )
    const due = { jobs: 10_000 }
    await workFor(20_000, () => work(pace, line, vendor, due))
    assert.ok(vendor.mostWithin(1_000) <= 20, `${vendor.mostWithin(1_000)} in a second, way of ${there} ms`)
    assert.ok(vendor.cameAt.length > 20 * 20 * leastShare, `${vendor.cameAt.length} asks, way of ${there} ms`)
  }
})

test('asks keep their distance: what is due all at once is no flood', async () => {
  const line = lineOf({ asksPerSecond: 20 })
  const pace = paceFor(line)
  const vendor = vendorWith(
    () => 1,
    () => 1,
  )
  await workFor(3_000, () => work(pace, line, vendor, { jobs: 10_000 }))
  assert.ok(vendor.mostWithin(100) <= 5, `${vendor.mostWithin(100)} in a tenth of a second`)
})

test('less than one ask a second is one in a longer time', async () => {
  const line = lineOf({ asksPerSecond: 0.25 })
  const pace = paceFor(line)
  const vendor = vendorWith(
    () => 1,
    () => 1,
  )
  await workFor(21_000, () => work(pace, line, vendor, { jobs: 100 }))
  assert.equal(vendor.mostWithin(4_000), 1)
  assert.ok(vendor.cameAt.length >= 5, `${vendor.cameAt.length}`)
})

test('a job is not asked after sooner than its vendor allows, even when the database says that it is due', async () => {
  const line = lineOf({ askEveryMs: 5_000 })
  const pace = paceFor(line)
  const at: number[] = []
  const ask = async (): Promise<void> => void at.push(nowMs)
  const start = (job: string): Promise<void> => {
    assert.equal(pace.plan(line, 1, 500), 1)
    pace.settle(line, 1, 1)
    return pace.ask(line, { name: job, inMs: 0 }, ask, never)
  }
  const first = start('the job')
  await pass(5)
  await first
  const second = start('the job')
  await pass(4_900)
  assert.equal(at.length, 1)
  // Another one need not wait for it.
  const other = start('another')
  await pass(5)
  await other
  assert.equal(at.length, 2)
  await pass(200)
  await second
  assert.ok((at[2] ?? 0) - (at[0] ?? 0) >= 5_000, at.join(', '))
})

test('nobody asks without a share, nor when it has run out', async () => {
  const line = lineOf({ asksPerSecond: 20 })
  const pace = createAskPace(() => nowMs)
  assert.equal(pace.plan(line, 10, 500), 0)
  pace.grant(line.credential, line.site, { slots: 4, forMs: 1_000, quietMs: 0 })
  const vendor = vendorWith(
    () => 1,
    () => 1,
  )
  await workFor(5_000, () => work(pace, line, vendor, { jobs: 100 }))
  assert.ok(vendor.cameAt.length >= 4 && vendor.cameAt.length <= 8, `${vendor.cameAt.length}`)
  assert.ok(Math.max(...vendor.cameAt) <= 2_001 + 1)
})

test('of shares in several sites the smallest holds, and both count against it', async () => {
  const here = lineOf({ asksPerSecond: 20 })
  const there = lineOf({ asksPerSecond: 20 }, { site: 'plaza', party: 'plaza 1' })
  const pace = paceFor(here)
  pace.grant('one', 'plaza', { slots: 10, forMs: FOR_EVER_MS, quietMs: 0 })
  const vendor = vendorWith(
    () => 3,
    () => 3,
  )
  await workFor(10_000, () => {
    work(pace, here, vendor, { jobs: 100 })
    work(pace, there, vendor, { jobs: 100 })
  })
  assert.ok(vendor.mostWithin(1_000) <= 10)
  assert.ok(vendor.cameAt.length >= 90, `${vendor.cameAt.length}`)
})

test('sites that share a credential have even parts, and whoever has little to ask does not wait', async () => {
  const here = lineOf({ asksPerSecond: 20 })
  const there = lineOf({ asksPerSecond: 20 }, { site: 'plaza', party: 'plaza 1' })
  const pace = paceFor(here)
  pace.grant('one', 'plaza', { slots: 20, forMs: FOR_EVER_MS, quietMs: 0 })
  const [ours, theirs] = [0, 1].map(() =>
    vendorWith(
      () => 1,
      () => 1,
    ),
  ) as [ReturnType<typeof vendorWith>, ReturnType<typeof vendorWith>]
  await workFor(20_000, () => {
    work(pace, here, ours, { jobs: 100 })
    work(pace, there, theirs, { jobs: 100 })
  })
  const share = ours.cameAt.length / (ours.cameAt.length + theirs.cameAt.length)
  assert.ok(Math.abs(share - 0.5) < 0.05, `${share}`)
  assert.ok(ours.cameAt.length + theirs.cameAt.length > 20 * 20 * 0.95)

  // One job a second beside a site that could use everything.
  theirs.cameAt.length = 0
  const due = { jobs: 0 }
  let turn = 0
  await workFor(20_000, () => {
    turn += 1
    if (turn % 4 === 0) due.jobs += 1
    work(pace, here, ours, { jobs: 100 })
    work(pace, there, theirs, due)
  })
  assert.ok(theirs.cameAt.length >= 19, `${theirs.cameAt.length}`)
})

test('with less than a place for each, they take turns', async () => {
  const lines = ['a', 'b', 'c'].map((site) => lineOf({ asksPerSecond: 1 }, { site, party: site }))
  const [first] = lines as [AskLine]
  const pace = paceFor(first)
  for (const { site } of lines) pace.grant('one', site, { slots: 1, forMs: FOR_EVER_MS, quietMs: 0 })
  const vendors = lines.map(() =>
    vendorWith(
      () => 1,
      () => 1,
    ),
  )
  await workFor(30_000, () => {
    for (const [index, line] of lines.entries())
      work(pace, line, vendors[index] as ReturnType<typeof vendorWith>, { jobs: 100 })
  })
  const counts = vendors.map(({ cameAt }) => cameAt.length)
  assert.ok(Math.min(...counts) >= 7, counts.join(', '))
})

test('a vendor that wants quiet is left alone by everybody, and long quiet gives the jobs back', async () => {
  const line = lineOf({ asksPerSecond: 20 })
  const pace = paceFor(line)
  const vendor = vendorWith(
    () => 1,
    () => 1,
  )
  assert.equal(pace.plan(line, 1, 500), 1)
  pace.settle(line, 1, 1)
  pace.quieten('one', 1_500)
  const shortly = pace.ask(line, { name: 'short', inMs: 0 }, vendor.ask, never)
  await pass(1_400)
  assert.deepEqual(vendor.cameAt, [])
  await pass(200)
  await shortly
  assert.equal(vendor.cameAt.length, 1)

  assert.equal(pace.plan(line, 1, 500), 1)
  const long = assert.rejects(
    pace.ask(line, { name: 'long', inMs: 400 }, vendor.ask, never),
    (error) => error instanceof ProviderError && error.kind === 'throttled' && error.retryAfterMs === 30_000,
  )
  pace.quieten('one', 30_000)
  await long
  assert.equal(pace.plan(line, 1, 500), 0)
  await pass(29_600)
  assert.equal(pace.plan(line, 1, 500), 1)
  assert.equal(vendor.cameAt.length, 1)
})

test('who gives up while waiting leaves his place, and what was broken off may still have come', async () => {
  const line = lineOf({ asksPerSecond: 1 })
  const pace = paceFor(line)
  const abort = new AbortController()
  const vendor = vendorWith(
    () => 1,
    () => 1,
  )
  assert.equal(pace.plan(line, 5, 500), 1)
  const gone = pace.ask(line, { name: 'gone', inMs: 400 }, vendor.ask, abort.signal)
  abort.abort(new Error('the lease was lost'))
  await assert.rejects(gone, /lease was lost/)
  assert.equal(pace.plan(line, 5, 500), 1)

  const second = new AbortController()
  const cut = pace.ask(
    line,
    { name: 'cut', inMs: 0 },
    () =>
      new Promise((_, reject) => {
        second.signal.addEventListener('abort', () => reject(second.signal.reason))
      }),
    second.signal,
  )
  await pass(5)
  second.abort(new Error('the worker stops'))
  await assert.rejects(cut, /worker stops/)
  await pass(1_000)
  assert.equal(pace.plan(line, 5, 500), 0, 'it may have come until two seconds after it was sent')
  await pass(1_600)
  assert.equal(pace.plan(line, 5, 500), 1)
})

test('where the vendor names no limit, so many are asked at once and no more', async () => {
  const line = lineOf({})
  const pace = paceFor(line)
  assert.equal(pace.share(line), null)
  let underWay = 0
  let most = 0
  const slow = async (): Promise<void> => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((resolve) => setTimeout(resolve, 10))
    underWay -= 1
  }
  const places = pace.plan(line, Number.POSITIVE_INFINITY, 500)
  assert.ok(places >= 1_000)
  const all = Array.from({ length: places }, (_, index) =>
    pace.ask(line, { name: `free ${index}`, inMs: 0 }, slow, never),
  )
  await pass(400)
  await Promise.all(all)
  assert.equal(most, 64)
})
