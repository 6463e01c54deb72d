import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { setAccountState } from '../src/kernel/accounts/administer.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { units } from '../src/kernel/money.ts'
import { readFeed } from '../src/kernel/square/feed.ts'
import { countView, react, sweepViews } from '../src/kernel/square/react.ts'
import { countSharing, showWork } from '../src/kernel/square/show-work.ts'
import { readStandings } from '../src/kernel/square/standing.ts'
import { deleteWork } from '../src/kernel/works/delete.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider } from './fakes/provider.ts'

let site: TestSite
let provider: FakeProvider
before(async () => {
  provider = createFakeProvider()
  site = await buildSite({ dialect: plaza, providers: [provider] })
  site.startWorker()
})
after(() => site.close())

type User = Awaited<ReturnType<typeof createUser>>
const aUser = () => createUser(site.context, units(1_000))
const NOWHERE = { ip: '198.51.100.7', device: 'a browser' }

async function untilEnded(user: User, taskId: bigint): Promise<bigint> {
  for (;;) {
    const task = await readTaskById(site.context, user, taskId)
    if (task.state === 'succeeded' || task.state === 'failed') return task.workId
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function aWork(user: User): Promise<bigint> {
  const { taskId } = await submitTask(site.context, user, pictureOf('一只猫'))
  return untilEnded(user, taskId)
}

async function shown(user?: User): Promise<{ owner: User; workId: bigint }> {
  const owner = user ?? (await aUser())
  const workId = await aWork(owner)
  await showWork(site.context, owner, workId, { isPublic: true })
  return { owner, workId }
}

const feed = (viewer: User | null = null) =>
  readFeed(site.context, viewer, { page: 1, limit: 100, kind: null, order: 'latest' })
const isShown = async (workId: bigint) => (await feed()).items.some((one) => one.workId === workId)
const standing = async (workId: bigint, viewer: User | null = null) =>
  (await readStandings(site.context, viewer, [workId]))(workId)

/** The counters must be the rows they stand for, and the totals what is shown. */
async function assertTrueCounts(): Promise<void> {
  const { rows } = await site.context.db.pool.query(
    `select 'likes' as what, work_id::text from exhibit e
       where likes <> (select count(*) from reaction r where r.work_id = e.work_id and kind = 'like')
     union all select 'favorites', work_id::text from exhibit e
       where favorites <> (select count(*) from reaction r where r.work_id = e.work_id and kind = 'favorite')
     union all select 'heat', work_id::text from exhibit e where heat <> heat_v1(likes, favorites, views, shown_at)
     union all select 'total of ' || kind, sum(count)::text from exhibit_total t group by kind
       having sum(count) <> (select count(*) from exhibit e where e.kind = t.kind and is_visible)
     union all select 'visible', e.work_id::text from exhibit e join work w on w.id = e.work_id
       join account a on a.id = e.account_id
       where e.is_visible <> (e.is_public and w.state = 'ready' and w.deleted_at is null and a.state = 'active')`,
  )
  assert.deepEqual(rows, [])
}

const isMissing = (error: unknown) => error instanceof KernelError && error.code === 'work_not_found'

test('cameo hole 5: only what its owner shows is on the square, and only while it is there to be seen', async () => {
  const owner = await aUser()
  const workId = await aWork(owner)
  assert.equal(await isShown(workId), false, 'nobody showed it')
  await showWork(site.context, owner, workId, { isPublic: true })
  assert.equal(await isShown(workId), true)
  await showWork(site.context, owner, workId, { isPublic: false })
  assert.equal(await isShown(workId), false, 'taken away')
  await assert.rejects(react(site.context, owner, workId, 'like'), isMissing)
  await assert.rejects(countView(site.context, null, NOWHERE, workId), isMissing)
  await showWork(site.context, owner, workId, { isPublic: true })
  await setAccountState(site.context, owner.accountId, 'disabled')
  assert.equal(await isShown(workId), false, 'its owner is disabled')
  await setAccountState(site.context, owner.accountId, 'active')
  assert.equal(await isShown(workId), true)
  await deleteWork(site.context, owner, workId)
  assert.equal(await isShown(workId), false, 'deleted')
  await assert.rejects(showWork(site.context, owner, workId, { isPublic: true }), isMissing)
  await assertTrueCounts()
})

test('what is not finished appears when it is, and what failed never', async () => {
  const owner = await aUser()
  let finish = (): void => {}
  const waiting = new Promise<void>((resolve) => {
    finish = resolve
  })
  const failing = () => Promise.reject(new Error('broken'))
  provider.next.push(async (job, call) => {
    await waiting
    return createFakeProvider().start(job, call)
  })
  const { taskId } = await submitTask(site.context, owner, pictureOf('一只慢猫'))
  const { workId } = await readTaskById(site.context, owner, taskId)
  await showWork(site.context, owner, workId, { isPublic: true })
  assert.equal(await isShown(workId), false)
  assert.equal((await standing(workId)).isPublic, true)
  finish()
  await untilEnded(owner, taskId)
  assert.equal(await isShown(workId), true)
  provider.next.push(failing, failing, failing, failing, failing)
  const failed = await submitTask(site.context, owner, pictureOf('一只破猫'))
  const failedWork = await untilEnded(owner, failed.taskId)
  provider.next.length = 0
  await showWork(site.context, owner, failedWork, { isPublic: true })
  assert.equal(await isShown(failedWork), false)
  await retryTask(site.context, owner, failed.taskId, NOWHERE)
  await untilEnded(owner, failed.taskId)
  assert.equal(await isShown(failedWork), true, 'made after all')
  await assertTrueCounts()
})

test('cameo hole 6: nobody changes what is another’s or nowhere, and the owner’s title is kept', async () => {
  const { owner, workId } = await shown()
  const other = await aUser()
  for (const id of [workId, 999_999_999n])
    await assert.rejects(showWork(site.context, other, id, { isPublic: false, title: '我的' }), isMissing)
  const work = await showWork(site.context, owner, workId, { title: '  灯火  ' })
  assert.equal(work.title, '灯火')
  for (const title of ['', '   ', 'x'.repeat(101)])
    await assert.rejects(showWork(site.context, owner, workId, { title }), /input_invalid/)
  await assert.rejects(showWork(site.context, owner, workId, {}), /input_invalid/)
  assert.equal(await isShown(workId), true)
})

test('cameo hole 5: a like is one per account and a look one per viewer and hour, however many come at once', async () => {
  const { workId } = await shown()
  const users = await Promise.all(Array.from({ length: 20 }, aUser))
  await Promise.all(users.map((user) => react(site.context, user, workId, 'like')))
  assert.equal((await standing(workId)).likes, 20)
  const [first, second] = users as [User, User]
  // An even number of toggles changes nothing, an odd one does.
  await Promise.all(Array.from({ length: 50 }, () => react(site.context, first, workId, 'like')))
  await Promise.all(Array.from({ length: 51 }, () => react(site.context, second, workId, 'favorite')))
  const seen = await standing(workId, second)
  assert.deepEqual([seen.likes, seen.favorites, seen.liked, seen.favorited], [20, 1, true, true])
  await Promise.all(
    users.flatMap((user) => [user, user, user]).map((user) => countView(site.context, user, NOWHERE, workId)),
  )
  await Promise.all(Array.from({ length: 30 }, () => countView(site.context, null, NOWHERE, workId)))
  await countView(site.context, null, { ...NOWHERE, ip: '198.51.100.8' }, workId)
  assert.equal((await standing(workId)).views, 22)
  await assertTrueCounts()
  const { rows } = await site.context.db.pool.query<{ text: string }>(
    'select exhibit_view::text as text from exhibit_view',
  )
  assert.doesNotMatch(rows.map(({ text }) => text).join(), /198\.51|browser/)
})

test('looks of past hours are forgotten, and count again in the next', async () => {
  const { workId } = await shown()
  const viewer = await aUser()
  await countView(site.context, viewer, NOWHERE, workId)
  await site.context.db.pool.query(`update exhibit_view set hour = hour - interval '1 hour'`)
  assert.equal((await countView(site.context, viewer, NOWHERE, workId)).views, 2)
  assert.ok((await sweepViews(site.context)) >= 1)
  assert.deepEqual(await countView(site.context, viewer, NOWHERE, workId), { counted: false, views: 2 })
})

test('shown, taken away, deleted and banned at once: the totals stay true', async () => {
  const owners = await Promise.all(Array.from({ length: 6 }, () => shown()))
  await Promise.allSettled(
    owners.flatMap(({ owner, workId }, place) => [
      ...Array.from({ length: 10 }, (_, turn) =>
        showWork(site.context, owner, workId, { isPublic: turn % 2 === 0 }),
      ),
      place % 2 === 0 ? deleteWork(site.context, owner, workId) : null,
      place % 3 === 0 ? setAccountState(site.context, owner.accountId, 'disabled') : null,
      react(site.context, owner, workId, 'like'),
      countSharing(site.context, owner, workId),
    ]),
  )
  await assertTrueCounts()
  const { total, items } = await feed()
  assert.equal(items.length, total)
})

test('the hot are those that many care for, and new ones come before old ones that few do', async () => {
  const [old, fresh] = [await shown(), await shown()]
  await site.context.db.pool.query(
    `update exhibit set shown_at = now() - interval '12 hours', heat = heat_v1(likes, favorites, views, now() - interval '12 hours')
     where work_id = $1`,
    [old.workId],
  )
  const places = async () => {
    const { items } = await readFeed(site.context, null, { page: 1, limit: 100, kind: null, order: 'hot' })
    return [fresh.workId, old.workId].map((id) => items.findIndex(({ workId }) => workId === id))
  }
  const [freshFirst = 0, oldThen = 0] = await places()
  assert.ok(freshFirst < oldThen)
  for (let n = 0; n < 5; n += 1) await react(site.context, await aUser(), old.workId, 'favorite')
  const [freshThen = 0, oldFirst = 0] = await places()
  assert.ok(oldFirst < freshThen, 'twenty-five points outweigh twelve hours')
})
