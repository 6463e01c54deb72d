import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallEnd, Demand, Pass, VendorGates } from '../kernel/ports/vendor-gates.ts'
import { createVendorGates } from './vendor-gates.ts'

const KEY = 'a credential'
const here: Demand = { site: 'here', jobs: null, startsPerMinute: null, isRecorded: true }

const enter = (gates: VendorGates, now: number, demand: Demand = here): Pass => {
  const pass = gates.enter(KEY, demand, now)
  assert.ok(typeof pass !== 'number', `closed for ${pass} ms`)
  return pass
}
const call = (gates: VendorGates, how: CallEnd, now: number): boolean => enter(gates, now).end(how, now)
const fail = (gates: VendorGates, times: number, now: number): void => {
  for (let time = 0; time < times; time += 1) call(gates, 'lost', now)
}

test('five calls in a row without an answer open it; one answer between them does not let it come to that', () => {
  const gates = createVendorGates()
  fail(gates, 4, 0)
  call(gates, 'answered', 0)
  fail(gates, 4, 0)
  call(gates, 'unsaid', 0)
  assert.equal(gates.wait(KEY, 0), 0)
  assert.equal(call(gates, 'lost', 0), true)
  assert.equal(gates.wait(KEY, 0), 2_000)
  assert.equal(gates.enter(KEY, here, 500), 1_500)
  assert.equal(gates.wait('another', 500), 0)
})

test('one probe at a time; each that fails doubles the time, up to five minutes; one that is answered closes it', () => {
  const gates = createVendorGates()
  fail(gates, 5, 0)
  let now = 0
  for (const expected of [4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]) {
    now += gates.wait(KEY, now)
    const probe = enter(gates, now)
    assert.equal(probe.isProbe, true)
    assert.equal(typeof gates.enter(KEY, here, now), 'number', 'a second one has to wait')
    assert.equal(probe.end('lost', now), true)
    assert.equal(probe.end('answered', now), false, 'only the first word counts')
    assert.equal(gates.wait(KEY, now), expected)
  }
  now += 300_000
  assert.equal(gates.read(KEY, now).state, 'probing')
  enter(gates, now).end('unsaid', now)
  assert.equal(call(gates, 'answered', now), true, 'a probe that was never made lets another one be')
  assert.equal(gates.read(KEY, now).state, 'closed')
  fail(gates, 5, now)
  assert.equal(gates.wait(KEY, now), 2_000, 'from the beginning')
})

test('a probe that is forgotten does not keep it closed; what was sent before it opened changes nothing', () => {
  const gates = createVendorGates()
  const early = enter(gates, 0)
  fail(gates, 5, 0)
  assert.equal(early.end('lost', 10), false)
  assert.equal(gates.wait(KEY, 10), 1_990)
  enter(gates, 2_000)
  assert.ok(gates.wait(KEY, 100_000) > 0)
  assert.equal(gates.wait(KEY, 130_000), 0)
})

test('a vendor’s wish for patience is kept, also when an earlier call is answered; without a time it grows', () => {
  const gates = createVendorGates()
  const early = enter(gates, 0)
  assert.equal(gates.throttle(KEY, 0, 30_000), 30_000)
  early.end('answered', 10)
  assert.equal(gates.wait(KEY, 10), 29_990)
  assert.equal(gates.throttle(KEY, 20, 1_000), 29_980, 'never shortened')
  gates.reset(KEY)
  assert.equal(gates.wait(KEY, 20), 0)
  let now = 1_000
  for (const expected of [1_000, 2_000, 4_000]) {
    assert.equal(gates.throttle(KEY, now, undefined), expected)
    now += expected
  }
})

test('jobs and starts are counted over sites: what the others have, and what no database knows', () => {
  const gates = createVendorGates()
  const capped = { ...here, jobs: 3, startsPerMinute: 4 }
  const there = { ...capped, site: 'there' }
  enter(gates, 0, capped).sent(0, { jobs: 2, at: 1 })
  assert.deepEqual(enter(gates, 0, there).elsewhere, { jobs: 2, starts: 1 })
  const unrecorded = { ...there, isRecorded: false }
  // Two here and one there that is just going out: full for whoever counts for himself.
  assert.equal(typeof gates.enter(KEY, unrecorded, 0), 'number')
  gates.setUnderWay(KEY, 'here', { jobs: 3, at: 0 })
  gates.setUnderWay(KEY, 'here', { jobs: 0, at: 2 })
  const look = enter(gates, 0, unrecorded)
  look.sent(0, null)
  assert.deepEqual(enter(gates, 0, capped).elsewhere, { jobs: 2, starts: 1 })
  look.end('answered', 1)
  assert.deepEqual(gates.shared('here'), [KEY])
  for (let times = 0; times < 4; times += 1)
    enter(gates, 1_000, { ...there, jobs: null }).sent(1_000, { jobs: 0, at: 9 })
  assert.equal(gates.enter(KEY, { ...capped, jobs: null }, 2_000), 60_000 - 1_000 + 0)
  assert.equal(typeof gates.enter(KEY, { ...capped, jobs: null }, 62_001), 'object')
})

test('a site that cannot get in is known to share the credential: the others tell what they give back', () => {
  const gates = createVendorGates()
  const capped = { ...here, jobs: 1 }
  enter(gates, 0, capped).sent(0, { jobs: 1, at: 1 })
  assert.deepEqual(gates.shared('here'), [])
  assert.equal(typeof gates.enter(KEY, { ...capped, site: 'there' }, 0), 'number')
  assert.deepEqual(gates.shared('here'), [KEY])
  gates.setUnderWay(KEY, 'here', { jobs: 3, at: 0 })
  gates.setUnderWay(KEY, 'here', { jobs: 0, at: 2 })
  enter(gates, 0, { ...capped, site: 'there' })
})

test('what another process has seen is taken over where it is worse', () => {
  const gates = createVendorGates()
  const seen = { state: 'open', failures: 5, openings: 3, openUntil: 8_000, throttledUntil: 0 } as const
  gates.adopt(KEY, seen)
  assert.equal(gates.wait(KEY, 0), 8_000)
  gates.adopt(KEY, { ...seen, openings: 1, openUntil: 2_000 })
  assert.equal(gates.wait(KEY, 0), 8_000)
})
