import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import type { FeedOrder } from '../../src/kernel/square/feed.ts'
import { readFeed } from '../../src/kernel/square/feed.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { seedExhibits } from './seed.ts'

// What makes feeds fast, whatever the machine: how they are read. How fast they are is measured by `npm run bench:feeds`.

const COUNT = 20_000
let site: TestSite
before(async () => {
  site = await buildSite({ dialect: plaza })
  await seedExhibits(site.context.db.pool, COUNT)
})
after(() => site.close())

const ORDERS: readonly FeedOrder[] = ['hot', 'latest', 'likes', 'views']
const COLUMNS = { hot: 'heat', latest: 'shown_at', likes: 'likes', views: 'views' } as const

for (const order of ORDERS) {
  for (const kind of [null, 'image', 'video'] as const) {
    test(`${order} of ${kind ?? 'all'}: pages follow one another, in order, and the total is true`, async () => {
      const { rows: expected } = await site.context.db.pool.query<{ work_id: bigint }>(
        `select work_id from exhibit where is_visible and ($1::text is null or kind = $1)
         order by ${COLUMNS[order]} desc, work_id desc limit 2020`,
        [kind],
      )
      const pages = await Promise.all(
        [1, 2, 100, 101].map((page) => readFeed(site.context, null, { page, limit: 20, kind, order })),
      )
      const ids = pages.map(({ items }) => items.map(({ workId }) => workId))
      const told = expected.map(({ work_id }) => work_id)
      assert.deepEqual(ids.slice(0, 2).flat(), told.slice(0, 40))
      assert.deepEqual(ids.slice(2).flat(), told.slice(1_980, 2_020))
      const total = kind === null ? COUNT : kind === 'video' ? COUNT / 4 : (COUNT * 3) / 4
      for (const page of pages) assert.equal(page.total, total)
      const last = await readFeed(site.context, null, {
        page: Math.ceil(total / 20) + 1,
        limit: 20,
        kind,
        order,
      })
      assert.deepEqual([last.items, last.total], [[], total])
    })

    test(`${order} of ${kind ?? 'all'}: what is skipped is read from the index alone`, async () => {
      const ofKind = kind === null ? '' : `and kind = '${kind}'`
      const { rows } = await site.context.db.pool.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
        `explain (analyze, buffers, format json) select work_id from exhibit where is_visible ${ofKind}
         order by ${COLUMNS[order]} desc, work_id desc limit 20 offset 4000`,
      )
      const plan = JSON.stringify(rows[0]?.['QUERY PLAN'])
      assert.match(plan, /"Node Type": ?"Index Only Scan"/)
      assert.match(plan, /"Heap Fetches": ?0\b/)
      assert.doesNotMatch(plan, /"Sort"|"Seq Scan"/)
    })
  }
}
