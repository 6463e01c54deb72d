import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import type { Context } from '../context.ts'
import type { Line } from './ask-lines.ts'
import { keepShares } from './share-asks.ts'

let site: TestSite
before(async () => {
  site = await buildSite()
})
after(() => site.close())
beforeEach(() => site.context.db.pool.query('delete from ask_share'))

const FAR_AHEAD_MS = 400
const line: Line = {
  ...{ connectionId: 1n, credential: 'a credential', site: 'waliassets', party: 'waliassets 1' },
  limits: { asksPerSecond: 20 },
}

/** One process of the site, and how many asks it may have in the vendor's window. */
async function process(): Promise<{
  context: Context
  renew: () => Promise<number>
  end: () => Promise<void>
}> {
  const context = await site.another()
  const shares = keepShares(context, () => performance.now())
  return {
    context,
    renew: async () => {
      await shares.renew([line])
      // Nothing is asked here, so what may be used is what was granted.
      return context.askPace.share(line)?.used ?? 0
    },
    end: shares.end,
  }
}

const sql = (text: string): Promise<unknown> => site.context.db.pool.query(text)

test('one process has it all; two have half each, and never more than all together', async () => {
  const [first, second] = [await process(), await process()]
  assert.equal(await first.renew(), 20)
  assert.equal(await second.renew(), 0, 'the other has it all until it has heard')
  assert.equal(await first.renew(), 10)
  assert.equal(await second.renew(), 0, 'what the other had when it renewed is its until it renews again')
  assert.equal(await first.renew(), 10)
  assert.equal(await second.renew(), 10)
  const third = await process()
  const all = [first, second, third]
  for (let round = 0; round < 4; round += 1) {
    let together = 0
    for (const one of all) together += await one.renew()
    assert.ok(together <= 20, `${together}`)
  }
  const parts: number[] = []
  for (const one of all) parts.push(await one.renew())
  assert.deepEqual(parts.toSorted(), [6, 7, 7])
})

test('a process that is lost leaves its share, and one that stops leaves it sooner', async () => {
  const [first, second] = [await process(), await process()]
  for (const one of [first, second, first, first, second]) await one.renew()
  assert.equal(await second.renew(), 10)
  await sql(
    `update ask_share set until = clock_timestamp() - interval '1 ms' where holder = '${first.context.askPace.process}'`,
  )
  assert.equal(await second.renew(), 20)

  for (const one of [first, second, first, second, second, first]) await one.renew()
  await first.end()
  const { rows } = await site.context.db.pool.query(
    `select extract(epoch from until - now())::float8 as seconds from ask_share where holder = $1`,
    [first.context.askPace.process],
  )
  const [{ seconds }] = rows
  assert.ok(
    seconds > 2.5 && seconds <= 3,
    `what it asked last may lie in the vendor's window yet: ${seconds}`,
  )
})

test('a share that has lapsed because the clock of the database was set is its owner’s still', async () => {
  const [first, second] = [await process(), await process()]
  for (const one of [first, second, first, first, second]) await one.renew()
  // As if the clock had gone an hour ahead: every moment on record is that much longer ago.
  await sql(
    `update ask_share set until = until - interval '1 hour', renewed_at = renewed_at - interval '1 hour'`,
  )
  assert.equal(await second.renew(), 10)
  assert.equal(await first.renew(), 10)
  assert.equal(await second.renew(), 10)
})

test('when the vendor has told one process to be quiet, the others are', async () => {
  const [first, second] = [await process(), await process()]
  for (const one of [first, second, first, first, second]) await one.renew()
  assert.ok(second.context.askPace.plan(line, 5, FAR_AHEAD_MS) > 0)
  first.context.askPace.quieten(line.credential, 60_000)
  await first.renew()
  await second.renew()
  assert.equal(second.context.askPace.plan(line, 5, FAR_AHEAD_MS), 0)
  const quietMs = second.context.askPace.share(line)?.quietMs ?? 0
  assert.ok(quietMs > 55_000 && quietMs <= 60_000, `${quietMs}`)
})

test('many that renew at once never have more than all together', async () => {
  const all = await Promise.all(Array.from({ length: 5 }, process))
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(all.map((one) => one.renew()))
    const together = all.reduce((sum, one) => sum + (one.context.askPace.share(line)?.used ?? 0), 0)
    assert.ok(together <= 20, `${together} in round ${round}`)
  }
  const parts = all.map((one) => one.context.askPace.share(line)?.used)
  assert.deepEqual(parts, [4, 4, 4, 4, 4])
})
