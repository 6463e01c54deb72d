import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { plaza } from '../../dialects/plaza/dialect.ts'
import { setAccountState } from '../accounts/administer.ts'
import { closeAccount } from '../accounts/close.ts'
import type { Origin } from '../context.ts'
import { KernelError } from '../errors.ts'
import { submitTask } from '../generation/submit.ts'
import { readTaskById } from '../generation/task.ts'
import { units } from '../money.ts'
import { deleteWork } from '../works/delete.ts'
import type { FeedSort } from './feed.ts'
import { readFeed } from './feed.ts'
import { countShare } from './share.ts'
import { showWork } from './show.ts'
import { readStandings } from './standing.ts'
import type { Mark } from './toggle.ts'
import { toggleMark } from './toggle.ts'
import { recordView, sweepViews } from './view.ts'

let site: TestSite
/** What the site's clock is ahead of the machine's. */
const ahead = { ms: 0 }
let provider: FakeProvider
before(async () => {
  provider = createFakeProvider()
  site = await buildSite({
    dialect: plaza,
    providers: [provider],
    now: () => new Date(Date.now() + ahead.ms),
  })
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

const react = (user: User, workId: bigint, mark: Mark) => toggleMark(site.context, user, mark, workId)
const countView = (actor: User | null, origin: Origin, workId: bigint) =>
  recordView(site.context, { actor, origin }, workId)
const feed = (viewer: User | null = null, sort: FeedSort = 'latest') =>
  readFeed(site.context, viewer, { page: 1, limit: 100, kind: null, sort })
const isShown = async (workId: bigint) => (await feed()).items.some((one) => one.workId === workId)
const standing = async (workId: bigint, viewer: User | null = null) => {
  const one = (await readStandings(site.context, [workId], viewer)).get(workId)
  assert.ok(one)
  return one
}

/** The counters must be the rows they stand for, and the totals what is shown. */
async function assertTrueCounts(): Promise<void> {
  const { rows } = await site.context.db.pool.query(
    `select 'likes' as what, work_id::text from standing s
       where likes <> (select count(*) from work_like l where l.work_id = s.work_id)
     union all select 'favorites', work_id::text from standing s
       where favorites <> (select count(*) from work_favorite l where l.work_id = s.work_id)
     union all select 'heat', work_id::text from showing h join standing s using (work_id)
       where heat <> heat_v1(s.published_at, likes, favorites, views) or h.published_at <> s.published_at
     union all select 'total of ' || kind, sum(shown)::text from showing_count c group by kind
       having sum(shown) <> (select count(*) from showing h where h.kind = c.kind)
     union all select 'shown', w.id::text from work w join account a on a.id = w.account_id
       left join showing h on h.work_id = w.id left join standing s on s.work_id = w.id
       where (w.is_public and w.state = 'ready' and w.deleted_at is null and a.state = 'active')
         <> all (array[h.work_id is not null, coalesce(s.is_shown, false)])
         or (h.work_id is not null) <> coalesce(s.is_shown, false)`,
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
  await assert.rejects(react(owner, workId, 'like'), isMissing)
  await assert.rejects(countView(null, NOWHERE, workId), isMissing)
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

test('what is not completed cannot be published, nor what failed; taking back is always possible', async () => {
  const owner = await aUser()
  let finish = (): void => {}
  const waiting = new Promise<void>((resolve) => {
    finish = resolve
  })
  provider.next.push(async (job, call) => {
    await waiting
    return createFakeProvider().start(job, call)
  })
  const { taskId } = await submitTask(site.context, owner, pictureOf('一只慢猫'))
  const { workId } = await readTaskById(site.context, owner, taskId)
  await assert.rejects(showWork(site.context, owner, workId, { isPublic: true }), /work_not_publishable/)
  const { standing: still } = await showWork(site.context, owner, workId, { isPublic: false, title: '慢' })
  assert.equal(still.isPublic, false)
  finish()
  await untilEnded(owner, taskId)
  assert.equal(await isShown(workId), false, 'nobody publishes what they have not seen')
  await site.context.db.pool.query(`update work set state = 'failed' where id = $1`, [workId])
  await assert.rejects(showWork(site.context, owner, workId, { isPublic: true }), /work_not_publishable/)
  await site.context.db.pool.query(`update work set state = 'ready' where id = $1`, [workId])
  await showWork(site.context, owner, workId, { isPublic: true })
  assert.equal(await isShown(workId), true)
  await assertTrueCounts()
})

test('a closed account shows nothing any more', async () => {
  const { owner, workId } = await shown()
  await closeAccount(site.context, null, owner.accountId)
  assert.equal(await isShown(workId), false)
  await assert.rejects(react(await aUser(), workId, 'like'), isMissing)
  await assertTrueCounts()
})

test('taking a work back and showing it again keeps its likes and its place', async () => {
  const { owner, workId } = await shown()
  const later = await shown()
  await react(owner, workId, 'like')
  const before = (await feed(owner)).items.map((one) => one.workId)
  await showWork(site.context, owner, workId, { isPublic: false })
  await showWork(site.context, owner, workId, { isPublic: true })
  const { items } = await feed(owner)
  assert.deepEqual(
    items.map((one) => one.workId),
    before,
  )
  assert.ok(before.indexOf(later.workId) < before.indexOf(workId))
  const one = items.find((item) => item.workId === workId)
  assert.deepEqual([one?.likes, one?.isLiked], [1, true])
})

test('a hundred accounts and one account a hundred times, at once: the count is that of the rows', async () => {
  const { workId } = await shown()
  const { rows } = await site.context.db.pool.query<{ id: bigint }>(
    `insert into account (uuid, username, password_hash)
     select gen_random_uuid(), 'fan' || n, '-' from generate_series(1, 100) n returning id`,
  )
  const like = (accountId: bigint) => toggleMark(site.context, { accountId }, 'like', workId)
  await Promise.all(rows.map(({ id }) => like(id)))
  assert.equal((await standing(workId)).likes, 100)
  const { accountId } = await aUser()
  const answers = await Promise.all(Array.from({ length: 100 }, () => like(accountId)))
  assert.equal(answers.filter(({ isSet }) => isSet).length, 50, 'every other one took it back')
  assert.equal((await standing(workId)).likes, 100)
  await assertTrueCounts()
})

test('published while its owner is banned, taken back while the ban is lifted: never shown by mistake', async () => {
  const owner = await aUser()
  const workId = await aWork(owner)
  for (let round = 0; round < 25; round += 1) {
    await Promise.allSettled([
      showWork(site.context, owner, workId, { isPublic: true }),
      setAccountState(site.context, owner.accountId, 'disabled'),
    ])
    await assertTrueCounts()
    await Promise.allSettled([
      setAccountState(site.context, owner.accountId, 'active'),
      showWork(site.context, owner, workId, { isPublic: round % 2 === 0 }),
    ])
    await assertTrueCounts()
  }
})

test('cameo hole 5: one network is only so many viewers of a work, however many browsers it says it has', async () => {
  const { workId } = await shown()
  const look = (ip: string, device: string) => countView(null, { ip, device }, workId)
  await Promise.all(Array.from({ length: 60 }, (_, n) => look('203.0.113.5', `script ${n}`)))
  const { views } = await standing(workId)
  assert.equal(views, 20)
  await look('2001:db8::1', 'a browser')
  await look('2001:db8::2', 'a browser')
  assert.equal((await standing(workId)).views, views + 1, 'addresses of one IPv6 network are one')
  ahead.ms += 3_600_000
  await look('2001:db8::1', 'a browser')
  assert.equal((await standing(workId)).views, views + 2, 'an hour later')
  await sweepViews(site.context)
  const { rows } = await site.context.db.pool.query('select from work_view where work_id = $1', [workId])
  assert.equal(rows.length, 1)
  await assertTrueCounts()
})

test('cameo hole 6: nobody changes what is another’s or nowhere, and the owner’s title is kept', async () => {
  const { owner, workId } = await shown()
  const other = await aUser()
  for (const id of [workId, 999_999_999n])
    await assert.rejects(showWork(site.context, other, id, { isPublic: false, title: '我的' }), isMissing)
  const { work } = await showWork(site.context, owner, workId, { title: '  灯火  ' })
  assert.equal(work.title, '灯火')
  for (const title of ['', '   ', 'x'.repeat(101)])
    await assert.rejects(showWork(site.context, owner, workId, { title }), /input_invalid/)
  await assert.rejects(showWork(site.context, owner, workId, {}), /input_invalid/)
  assert.equal(await isShown(workId), true)
})

test('cameo hole 5: a like is one per account and a look one per viewer and hour, however many come at once', async () => {
  const { workId } = await shown()
  const users = await Promise.all(Array.from({ length: 20 }, aUser))
  await Promise.all(users.map((user) => react(user, workId, 'like')))
  assert.equal((await standing(workId)).likes, 20)
  const [first, second] = users as [User, User]
  // An even number of toggles changes nothing, an odd one does.
  await Promise.all(Array.from({ length: 50 }, () => react(first, workId, 'like')))
  await Promise.all(Array.from({ length: 51 }, () => react(second, workId, 'favorite')))
  const seen = await standing(workId, second)
  assert.deepEqual([seen.likes, seen.favorites, seen.isLiked, seen.isFavorite], [20, 1, true, true])
  await Promise.all(
    users.flatMap((user) => [user, user, user]).map((user) => countView(user, NOWHERE, workId)),
  )
  await Promise.all(Array.from({ length: 30 }, () => countView(null, NOWHERE, workId)))
  await countView(null, { ...NOWHERE, ip: '198.51.100.8' }, workId)
  assert.equal((await standing(workId)).views, 22)
  await assertTrueCounts()
  const { rows } = await site.context.db.pool.query<{ text: string }>(
    'select work_view::text as text from work_view',
  )
  assert.doesNotMatch(rows.map(({ text }) => text).join(), /198\.51|browser/)
})

test('looks of past hours are forgotten, and count again in the next', async () => {
  const { workId } = await shown()
  const viewer = await aUser()
  await countView(viewer, NOWHERE, workId)
  await site.context.db.pool.query(`update work_view set seen_at = seen_at - interval '1 hour'`)
  assert.equal((await countView(viewer, NOWHERE, workId)).views, 2)
  assert.deepEqual(await countView(viewer, NOWHERE, workId), { isCounted: false, views: 2 })
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
      react(owner, workId, 'like'),
      countShare(site.context, owner, workId),
    ]),
  )
  await assertTrueCounts()
  const { total, items } = await feed()
  assert.equal(items.length, total)
})

test('beyond page 1,000 there is nothing, and nothing is read for it', async () => {
  const request = { limit: 1, kind: null, sort: 'latest' } as const
  const { items, total } = await readFeed(site.context, null, { ...request, page: 1_001 })
  assert.deepEqual(items, [])
  assert.ok(total > 0)
})

test('the hot are those that many care for, and new ones come before old ones that few do', async () => {
  const [old, fresh] = [await shown(), await shown()]
  await site.context.db.pool.query(
    `with older as (update standing set published_at = now() - interval '12 hours' where work_id = $1 returning *)
     update showing h set published_at = o.published_at, heat = heat_v1(o.published_at, o.likes, o.favorites, o.views)
     from older o where h.work_id = o.work_id`,
    [old.workId],
  )
  const places = async () => {
    const { items } = await feed(null, 'hot')
    return [fresh.workId, old.workId].map((id) => items.findIndex(({ workId }) => workId === id))
  }
  const [freshFirst = 0, oldThen = 0] = await places()
  assert.ok(freshFirst < oldThen)
  for (let n = 0; n < 5; n += 1) await react(await aUser(), old.workId, 'favorite')
  const [freshThen = 0, oldFirst = 0] = await places()
  assert.ok(oldFirst < freshThen, 'five favorites outweigh twelve hours')
})
