import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { createFakeWriter } from '../../../test/fakes/writing.ts'
import { statement } from '../../db/database.ts'
import { aiCreator } from '../../dialects/ai-creator/dialect.ts'
import { units } from '../money.ts'
import type { WorkRequest } from './list.ts'
import { listWorks } from './list.ts'

const MANY = 100_000
let site: TestSite
let actor: { accountId: bigint }

before(async () => {
  site = await buildSite({ dialect: aiCreator, providers: [createFakeWriter()] })
  actor = { accountId: (await createUser(site.context, units(1))).accountId }
  // As submitting and finishing a hundred thousand would leave them, without their entries, which no list reads.
  await site.context.db.rows(
    statement(
      'many works',
      `with numbers as (select n, nextval('task_id_seq') as task, nextval('hold_id_seq') as hold
                        from generate_series(1, $2::int) n),
       holds as (insert into hold (id, account_id, task_id, amount, deadline, free_reason) overriding system value
                 select hold, $1, task, 0, now(), 'free' from numbers),
       tasks as (insert into task (id, handle, account_id, kind, state, model_id, price_subject, price_version, input,
                   parameters, cost, charged, hold_id, turn, max_attempts, deadline) overriding system value
                 select task, 'h' || n, $1, case when n % 4 = 0 then 'image' else 'text' end, 'succeeded', 1,
                   'kind:text', 1, '{}', '{}', 0, 0, hold, n, 1, now() from numbers)
       insert into work (task_id, account_id, kind, tool, title, state, body)
       select task, $1, case when n % 4 = 0 then 'image' else 'text' end, case when n % 4 > 0 then 'resume' end,
         'Work ' || n, 'ready', case when n % 4 > 0 then repeat('很长的文章。', 300) || n || 'Needle' || n || 'Été' || n end from numbers`,
    ),
    [actor.accountId, MANY],
  )
  await site.context.db.pool.query('vacuum analyze work, task')
})
after(() => site.close())

const ALL = {
  ...{ page: 1, limit: 20, kinds: null, states: ['pending', 'ready'], tool: null, keyword: null },
  ...{ from: null, until: null },
} as const satisfies WorkRequest

/** The better of two, in milliseconds: what the query costs and not what else the machine does. */
async function timed(
  request: WorkRequest,
): Promise<{ ms: number; total: number; first: string | undefined }> {
  const times: number[] = []
  for (;;) {
    const begun = performance.now()
    const { items, total } = await listWorks(site.context, actor, request)
    times.push(performance.now() - begun)
    if (times.length === 2) return { ms: Math.min(...times), total, first: items[0]?.title }
  }
}

test('a hundred thousand works of one account are listed and searched without a wait', async (t) => {
  const cases: [string, WorkRequest, number, string, number][] = [
    ['all', ALL, MANY, `Work ${MANY}`, 500],
    ['the last page', { ...ALL, page: MANY / 20 }, MANY, 'Work 20', 500],
    ['one kind', { ...ALL, kinds: ['image'] }, MANY / 4, `Work ${MANY}`, 500],
    ['one tool', { ...ALL, kinds: ['text'], tool: 'resume' }, (MANY * 3) / 4, `Work ${MANY - 1}`, 500],
    ['a title', { ...ALL, keyword: 'WORK 77777' }, 1, 'Work 77777', 5_000],
    ['a text without case', { ...ALL, keyword: '文章。77777' }, 1, 'Work 77777', 5_000],
    ['letters beyond English', { ...ALL, keyword: 'éTÉ77777' }, 1, 'Work 77777', 10_000],
    ['a text', { ...ALL, keyword: 'needle77777' }, 1, 'Work 77777', 5_000],
  ]
  for (const [name, request, total, first, mostMs] of cases) {
    const found = await timed(request)
    t.diagnostic(`${name}: ${found.ms.toFixed(0)} ms`)
    assert.deepEqual([found.total, found.first], [total, first], name)
    assert.ok(found.ms < mostMs, `${name} took ${found.ms.toFixed(0)} ms`)
  }
  const stranger = { accountId: (await createUser(site.context, units(1))).accountId }
  assert.equal((await listWorks(site.context, stranger, ALL)).total, 0)
})
