import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pictureOf } from '../../../test/factories.ts'
import { donePictures } from '../../../test/fakes/provider.ts'
import type { WorksStage } from '../../../test/works-stage.ts'
import { openWorksStage } from '../../../test/works-stage.ts'
import { plaza } from '../../dialects/plaza/dialect.ts'
import { cancelTask } from '../generation/cancel.ts'
import { submitTask } from '../generation/submit.ts'
import { readTaskById } from '../generation/task.ts'
import { checkInvariants } from '../wallet/invariants.ts'
import { discardWork, discardWorks } from './discard.ts'
import { listWorks } from './list.ts'
import { readWork } from './work.ts'

let stage: WorksStage

before(async () => {
  stage = await openWorksStage(plaza)
})
after(() => stage.site.close())

const ALL = { page: 1, limit: 20, kinds: ['image', 'video'], tool: null, keyword: null } as const
const list = { ...ALL, states: ['pending', 'ready', 'failed'] as const, from: null, until: null }

test('deleting while it finishes, or while it is canceled: one outcome and at most one refund, a hundred times', async () => {
  const { context } = stage.site
  const who = await stage.someone(1_000)
  let given = 0
  for (let round = 0; round < 100; round += 1) {
    stage.provider.next.push(async () => {
      await new Promise((resolve) => setTimeout(resolve, round % 8))
      return donePictures()
    })
    const { taskId } = await submitTask(context, who, pictureOf(`round ${round}`))
    const { workId } = await readTaskById(context, who, taskId)
    await new Promise((resolve) => setTimeout(resolve, round % 10))
    const results = await Promise.allSettled([
      discardWork(context, who, workId),
      discardWork(context, who, workId),
      ...(round % 3 === 0 ? [cancelTask(context, who, taskId)] : []),
    ])
    const discarded = results.slice(0, 2).filter(({ status }) => status === 'fulfilled')
    assert.equal(discarded.length, 1, 'a work is deleted once')
    let task = await readTaskById(context, who, taskId)
    // A worker that lost its claim may still be on its way out.
    for (let tries = 0; tries < 100 && task.state === 'running'; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      task = await readTaskById(context, who, taskId)
    }
    assert.ok(task.state === 'succeeded' || task.state === 'canceled', task.state)
    const { rows: entries } = await context.db.pool.query(
      `select kind, count(*)::int as times from entry where task_id = $1 group by kind`,
      [taskId],
    )
    const times = (kind: string): number => entries.find((one) => one.kind === kind)?.times ?? 0
    assert.equal(times('hold'), 1)
    assert.equal(times('release'), task.state === 'canceled' ? 1 : 0)
    if (task.state === 'canceled') given += 1
    await assert.rejects(readWork(context, who, workId), { code: 'work_not_found' })
  }
  assert.ok(given > 0 && given < 100, `both outcomes came: ${given} of 100 were given back`)
  assert.equal(await stage.availableOf(who), 1_000 - (100 - given) * 10)
  assert.equal((await listWorks(context, who, list)).total, 0)
  assert.deepEqual(await checkInvariants(context), [])
})

test('of many works only the own ones are deleted, each counted once', async () => {
  const { context } = stage.site
  const [mine, other] = [await stage.someone(), await stage.someone()]
  const works: bigint[] = []
  for (const who of [mine, mine, other]) {
    const { taskId } = await submitTask(context, who, pictureOf('x'))
    works.push((await readTaskById(context, who, taskId)).workId)
  }
  const both = await Promise.all([
    discardWorks(context, mine, [...works, 999_999n]),
    discardWorks(context, mine, works.toReversed()),
  ])
  assert.equal(both[0] + both[1], 2)
  assert.equal(await discardWorks(context, mine, []), 0)
  assert.equal((await listWorks(context, other, list)).total, 1)
  await assert.rejects(discardWork(context, mine, works[2] ?? 0n), { code: 'work_not_found' })
})

test('a page of ten thousand works of one account comes from its index, without a look at anybody else’s', async (t) => {
  const { context } = stage.site
  const [who, other] = [await stage.someone(), await stage.someone()]
  const { taskId } = await submitTask(context, who, pictureOf('first'))
  await context.db.pool.query(
    `with model_of as (select model_id, price_subject, price_version, hold_id from task where id = $1),
     tasks as (
       insert into task (handle, account_id, kind, state, model_id, price_subject, price_version, input, parameters, cost,
         charged, hold_id, turn, max_attempts, deadline, finished_at)
       select 'many_' || n, $2, case when n % 4 = 0 then 'video' else 'image' end, 'succeeded', m.model_id, m.price_subject,
         m.price_version, '{"prompt":"many"}', '{}', 0, 0, m.hold_id, n, 3, now(), now()
       from generate_series(1, 50000) n, model_of m returning id, kind, turn)
     insert into work (task_id, account_id, kind, state, title)
     select id, case when turn % 5 = 0 then $2::bigint else $3 end, kind, 'ready', 'many' from tasks`,
    [taskId, who.accountId, other.accountId],
  )
  await context.db.pool.query('analyze work; analyze task')
  const timeOf = async (page: number): Promise<number> => {
    const times: number[] = []
    for (let turn = 0; turn < 5; turn += 1) {
      const begun = performance.now()
      const { items, total } = await listWorks(context, who, { ...list, page, limit: 100 })
      times.push(performance.now() - begun)
      assert.deepEqual([items.length, total], [page === 101 ? 1 : 100, 10_001])
    }
    return Math.min(...times)
  }
  const [first, last] = [await timeOf(1), await timeOf(101)]
  t.diagnostic(`page 1 ${first.toFixed(1)} ms, the last ${last.toFixed(1)} ms, of 10,001 among 50,001`)
  assert.ok(first < 150 && last < 150, `page 1 ${first.toFixed(1)} ms, the last ${last.toFixed(1)} ms`)
  const queries = await context.db.pool.query(
    `explain (format json) select w.id from work w where w.account_id = $1 and w.deleted_at is null
       and w.state = any ('{pending,ready,failed}') and w.kind = any ('{image,video}')`,
    [who.accountId],
  )
  assert.match(JSON.stringify(queries.rows), /works_of_account/)
})
