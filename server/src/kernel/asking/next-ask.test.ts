import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../context.ts'
import { createIds } from '../ids.ts'
import { backoffMs, nextAskMs } from './next-ask.ts'

const context = { ids: createIds() } as Context
const many = (limits: { askEveryMs?: number }, task: { askEveryMs?: number }, wantedMs: number): number[] =>
  Array.from({ length: 2_000 }, () => nextAskMs(context, { limits }, task, wantedMs))
const bounds = (all: readonly number[]): [number, number] => [Math.min(...all), Math.max(...all)]

test('a job is asked after about when its vendor says, and not together with all others', () => {
  const all = many({}, {}, 10_000)
  const [least, most] = bounds(all)
  assert.ok(least >= 9_000 && least < 9_200 && most <= 11_000 && most > 10_800, `${least} to ${most}`)
  assert.ok(new Set(all).size > 500)
})

test('a job is never asked after sooner than its vendor allows, and what would be is not all at once', () => {
  for (const wantedMs of [100, 5_000, 5_200]) {
    const all = many({ askEveryMs: 5_000 }, {}, wantedMs)
    const [least, most] = bounds(all)
    assert.ok(least >= 5_000 && most <= 5_720, `${least} to ${most}`)
    assert.ok(all.filter((ms) => ms < 5_025).length < 400, 'a crowd at the limit')
  }
})

test('an operator’s figure goes before the vendor’s', () => {
  assert.ok(bounds(many({ askEveryMs: 5_000 }, { askEveryMs: 20_000 }, 100))[0] >= 20_000)
  assert.ok(bounds(many({ askEveryMs: 5_000 }, { askEveryMs: 0 }, 100))[1] <= 110)
})

test('a vendor that cannot be asked is left alone 1, 2, 4 … 60 s, or as long as it says', () => {
  const after = [0, 1, 2, 5, 6, 1_000].map((unanswered) => backoffMs({ unanswered }))
  assert.deepEqual(after, [1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
  assert.equal(backoffMs({ unanswered: 0 }, 90_000), 90_000)
  assert.equal(backoffMs({ unanswered: 3 }, 100), 8_000)
  assert.equal(backoffMs({ unanswered: 0 }, 86_400_000), 300_000)
})
