import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import type { FeedSort } from '../../src/kernel/square/feed.ts'
import { feedQuery, readFeed } from '../../src/kernel/square/feed.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { seedSquare } from './seed.ts'

// What makes feeds fast, whatever the machine: how they are read. How fast they are is measured by `npm run bench:feeds`.

const COUNT = Number(process.env.WORKS ?? 100_000)
let site: TestSite
before(async () => {
  site = await buildSite({ dialect: plaza })
  await seedSquare(site.context.db.pool, COUNT)
})
after(() => site.close())

const ORDERS: Readonly<Record<FeedSort, { from: string; by: string }>> = {
  hot: { from: 'showing', by: 'heat' },
  latest: { from: 'showing', by: 'published_at' },
  likes: { from: 'standing', by: 'likes' },
  views: { from: 'standing', by: 'views' },
}

type Plan = { 'Node Type': string; 'Relation Name'?: string; 'Heap Fetches'?: number; Plans?: Plan[] }
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

for (const sort of ['hot', 'latest', 'likes', 'views'] as const) {
  const { from, by } = ORDERS[sort]
  for (const kind of [null, 'image', 'video'] as const) {
    const total = kind === null ? COUNT : kind === 'video' ? COUNT / 4 : (COUNT * 3) / 4

    test(`${sort} of ${kind ?? 'all'}: pages follow one another, in order, and the total is true`, async () => {
      const { rows: expected } = await site.context.db.pool.query<{ work_id: bigint }>(
        `select work_id from ${from} where $1::text is null or kind = $1 order by ${by} desc, work_id desc limit 20000`,
        [kind],
      )
      const told = expected.map(({ work_id }) => work_id)
      for (const page of [1, 2, 400, 1_000]) {
        const { items, total: counted } = await readFeed(site.context, null, { page, limit: 20, kind, sort })
        assert.deepEqual(
          items.map(({ workId }) => workId),
          told.slice((page - 1) * 20, page * 20),
        )
        assert.equal(counted, total)
      }
      assert.equal(expected.length, 20_000)
    })

    for (const mode of ['force_custom_plan', 'force_generic_plan'])
      test(`${sort} of ${kind ?? 'all'}, ${mode}: what is skipped is read from the index alone`, async () => {
        const { what, values } = feedQuery({ page: 400, limit: 20, kind, sort }, 1n)
        const client = await site.context.db.pool.connect()
        try {
          await client.query(`set plan_cache_mode = ${mode}`)
          const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>({
            text: `explain (analyze, format json) ${what.text}`,
            values,
          })
          const plan = rows[0]?.['QUERY PLAN'][0].Plan
          assert.ok(plan)
          const all = nodes(plan)
          const [page, ...others] = all.filter(
            (node) => node['Relation Name'] === from && node['Node Type'] === 'Index Only Scan',
          )
          assert.equal(page?.['Heap Fetches'], 0)
          assert.deepEqual(others, [])
          const whole = all.filter((node) => node['Node Type'] === 'Seq Scan')
          // Some dozen rows; nothing else is read whole.
          assert.deepEqual(
            whole
              .map((node) => node['Relation Name'])
              .filter((name) => name !== 'showing_count' && name !== 'account'),
            [],
          )
          const sorts = all.filter((node) => node['Node Type'].endsWith('Sort'))
          assert.ok(sorts.length <= 1, 'only the twenty rows of the page are put in order')
        } finally {
          client.release(true)
        }
      })
  }
}
