import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { strFromU8, unzipSync } from 'fflate'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { publishRoutes } from '../src/dialects/ai-creator/publish.ts'
import { startPublicationWorker } from '../src/jobs/publication-worker.ts'
import { closeAccount } from '../src/kernel/accounts/close.ts'
import type { Context } from '../src/kernel/context.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { units } from '../src/kernel/money.ts'
import type { PublishStep } from '../src/kernel/ports/platform.ts'
import { PlatformError } from '../src/kernel/ports/platform.ts'
import { advanceTarget } from '../src/kernel/publishing/advance.ts'
import { claimTargets } from '../src/kernel/publishing/claim.ts'
import { deleteWork } from '../src/kernel/works/delete.ts'
import { createXiaohongshu } from '../src/platforms/handoff/xiaohongshu.ts'
import { createWechat } from '../src/platforms/wechat/wechat.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createFakePlatform, isOut } from './fakes/platform.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { quickOutbound } from './platforms/platform-suite.ts'
import { APP, SUBMIT, startWechat, TOKEN } from './platforms/wechat-stand-in.ts'

// Publications: made whole or not at all, fired once however many workers live and die, never repeated on a guess;
// credentials that nobody sees; and the page for what goes by hand.

/** Tests look often. */
const limits = Object.fromEntries(
  Object.keys(aiCreator.preset.limits).map((name) => [name, { points: 1_000_000, perSeconds: 60 }]),
) as typeof aiCreator.preset.limits

const SECRET = 'sk-platform-secret-0123456789'
const wechat = createFakePlatform('wechat')
let site: TestSite
let logged = ''
before(async () => {
  const platforms = [wechat, createXiaohongshu(), createFakePlatform('douyin')]
  site = await buildSite({
    dialect: { ...aiCreator, routes: publishRoutes },
    providers: [createFakeProvider()],
    platforms,
    preset: { limits, platforms: platforms.map(({ name }) => name) },
  })
  site.startWorker()
  const write = (details: object, message: string): void => {
    logged += JSON.stringify([message, details], (_key, value) =>
      typeof value === 'bigint' ? String(value) : value instanceof Error ? `${value.stack}` : value,
    )
  }
  site.context.log = { debug: write, info: write, warn: write, error: write }
})
after(() => site.close())
beforeEach(async () => {
  // What an earlier test left is none of this one's.
  await site.context.db.pool.query(
    `update publication_target set state = 'failed', due_at = null where state in ('queued', 'publishing', 'handed_off')`,
  )
  for (const list of [wechat.prepared, wechat.acted, wechat.nextPrepare, wechat.nextAct]) list.length = 0
})

/** A row of the history. */
type Row = Record<'status' | 'state', string> &
  Record<'id' | 'publish_id' | 'creation_id', number> &
  Record<
    | 'account_name'
    | 'platform_post_id'
    | 'platform_url'
    | 'error_message'
    | 'handoff_url'
    | 'scheduled_at'
    | 'published_at',
    string | null
  > & { hint: string; created_at: string }
type PlatformRow = Record<'platform' | 'name', string> &
  Record<'needs_binding' | 'is_bound', boolean> & { account_name: string | null }
/** What the answers of these routes may have; each test reads its own. */
type Data = { publish_id: number; status: string; total: number; items: Row[] } & PlatformRow[]
type Answer = { status: number; code: number; message: string; data: Data; text: string }

async function call(
  method: 'GET' | 'POST',
  path: string,
  token: string | null,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const reply = await site.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
    ...(body && { payload: body }),
  })
  return { status: reply.statusCode, text: reply.payload, ...reply.json() }
}

type User = Awaited<ReturnType<typeof createUser>>

async function userWithWork(prompt = '秋天的湖 #秋天 #旅行'): Promise<User & { workId: number }> {
  const user = await createUser(site.context, units(1_000))
  return { ...user, workId: await createWork(user, prompt) }
}

async function createWork(user: User, prompt: string): Promise<number> {
  const actor = {
    accountId: user.accountId,
    uuid: user.account.uuid,
    username: user.account.username,
    email: user.email,
    role: 'user' as const,
    sessionId: '',
  }
  await submitTask(site.context, actor, pictureOf(prompt))
  for (;;) {
    const { rows } = await site.context.db.pool.query(
      `select id, state from work where account_id = $1 order by id desc limit 1`,
      [user.accountId],
    )
    if (rows[0].state === 'ready') return Number(rows[0].id)
    await sleep(20)
  }
}

const bind = (user: User, secret = SECRET, platform = 'wechat'): Promise<Answer> =>
  call('POST', '/publish/platforms/bind', user.token, {
    platform,
    credentials: { app_id: `wx${user.accountId}`, app_secret: secret },
  })

async function boundUser(prompt?: string): Promise<User & { workId: number }> {
  const user = await userWithWork(prompt)
  assert.equal((await bind(user)).code, 200)
  return user
}

const publish = (
  user: User & { workId: number },
  changes: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> =>
  call(
    'POST',
    '/publish',
    user.token,
    { creation_id: user.workId, platforms: ['wechat'], ...changes },
    headers,
  )

const rowsOf = async (user: User, query = ''): Promise<Row[]> =>
  (await call('GET', `/publish/history${query}`, user.token)).data.items

const firstRow = async (user: User, query = ''): Promise<Row> => {
  const [row] = await rowsOf(user, query)
  assert.ok(row)
  return row
}

async function untilState(user: User, ...states: string[]): Promise<Row> {
  const endsAt = performance.now() + 10_000
  for (;;) {
    const [row] = await rowsOf(user)
    if (row && states.includes(row.state)) return row
    assert.ok(performance.now() < endsAt, `still ${row?.state}`)
    await sleep(25)
  }
}

async function withWorkers<T>(
  contexts: Context[],
  body: () => Promise<T>,
  options: { leaseMs?: number } = {},
): Promise<T> {
  const workers = contexts.map((context) => startPublicationWorker(context, { concurrency: 8, ...options }))
  try {
    return await body()
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(2_000)))
  }
}

const count = async (): Promise<object> => {
  const { rows } = await site.context.db.pool.query(
    `select (select count(*)::int from publication) as publications, (select count(*)::int from publication_target) as targets,
       (select count(*)::int from idempotency where scope = 'publish') as keys`,
  )
  return rows[0]
}

const at = (ms: number): string => new Date(Date.now() + ms + 8 * 3_600_000).toISOString().slice(0, 19)
const never = (): Promise<PublishStep> => new Promise(() => {})

// Making a publication --------------------------------------------------------------------------------------------

test('a work is published: the answer of the document, then its row in the history', async () => {
  const user = await boundUser()
  const answer = await publish(user)
  assert.deepEqual(
    [answer.status, answer.code, answer.message, answer.data.status],
    [200, 200, '发布任务已创建', 'pending'],
  )
  assert.deepEqual(Object.keys(answer.data), ['publish_id', 'status'])
  assert.equal((await firstRow(user)).status, 'pending')
  const row = await withWorkers([site.context], () => untilState(user, 'published'))
  assert.deepEqual(
    {
      ...row,
      id: 0,
      published_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(String(row.published_at)),
      created_at: '',
    },
    {
      id: 0,
      publish_id: answer.data.publish_id,
      creation_id: user.workId,
      platform: 'wechat',
      status: 'success',
      state: 'published',
      account_name: `account wx${user.accountId}`,
      title: '秋天的湖 #秋天 #旅行',
      platform_post_id: 'post-1',
      platform_url: 'https://example.com/post-1',
      error_message: null,
      hint: null,
      handoff_url: null,
      scheduled_at: null,
      published_at: true,
      created_at: '',
    },
  )
})

test('40008 names the platform and leaves nothing behind, also of the platforms that need no binding', async () => {
  const user = await userWithWork()
  const before = await count()
  const key = { 'idempotency-key': 'unbound-1' }
  const answer = await publish(user, { platforms: ['xiaohongshu', 'wechat'] }, key)
  assert.deepEqual([answer.status, answer.code, answer.data], [400, 40008, null])
  assert.match(answer.message, /微信公众号/)
  assert.deepEqual(await count(), before)
  await bind(user)
  // The refusal was not stored: the same key publishes now.
  assert.equal((await publish(user, { platforms: ['xiaohongshu', 'wechat'] }, key)).code, 200)
  assert.equal((await rowsOf(user)).length, 2)
})

test('what cannot be published is refused and leaves nothing behind', async () => {
  const user = await boundUser()
  const other = await boundUser()
  const before = await count()
  const cases: [object, number, number][] = [
    [{ creation_id: other.workId }, 404, 404],
    [{ creation_id: 999_999_999 }, 404, 404],
    [{ creation_id: 0 }, 400, 400],
    [{ creation_id: '1' }, 400, 400],
    [{ platforms: [] }, 400, 400],
    [{ platforms: ['weibo'] }, 400, 400],
    [{ platforms: ['wechat', 'constructor'] }, 400, 400],
    [{ schedule_time: at(-60_000) }, 400, 400],
    [{ schedule_time: '2026-13-40T10:00:00' }, 400, 400],
    [{ schedule_time: at(400 * 86_400_000) }, 400, 400],
    [{ schedule_time: 5 }, 400, 400],
  ]
  for (const [changes, status, code] of cases) {
    const answer = await publish(user, changes)
    assert.deepEqual([answer.status, answer.code, answer.data], [status, code, null], JSON.stringify(changes))
  }
  await site.context.db.pool.query(`update work set state = 'pending' where id = $1`, [user.workId])
  assert.equal((await publish(user)).code, 400)
  await deleteWork(site.context, other, BigInt(other.workId))
  assert.equal((await publish(other)).code, 404)
  assert.deepEqual(await count(), before)
})

test('twelve requests with one key make one publication; another body under it is refused', async () => {
  const user = await boundUser()
  const key = { 'idempotency-key': 'once' }
  const answers = await Promise.all(Array.from({ length: 12 }, () => publish(user, {}, key)))
  assert.equal(new Set(answers.map(({ data }) => data.publish_id)).size, 1)
  assert.equal((await rowsOf(user)).length, 1)
  assert.equal((await publish(user, { platforms: ['xiaohongshu'] }, key)).status, 422)
  await deleteWork(site.context, user, BigInt(user.workId))
  assert.equal((await publish(user, {}, key)).data.publish_id, answers[0]?.data.publish_id)
  user.workId = await createWork(user, '另一个')
  await publish(user, { platforms: ['wechat', 'wechat'] })
  assert.equal((await rowsOf(user)).length, 2, 'a platform named twice is one')
})

test('without a token nothing; of others nothing', async () => {
  const user = await boundUser()
  const other = await createUser(site.context, units(0))
  await publish(user)
  for (const { method, path } of publishRoutes) {
    const answer = await call(method as 'GET', path, null, method === 'POST' ? {} : undefined)
    assert.deepEqual([answer.status, answer.code], [401, 401], `${method} ${path}`)
  }
  assert.deepEqual((await call('GET', '/publish/history', other.token)).data, {
    total: 0,
    page: 1,
    page_size: 20,
    items: [],
  })
  const [row] = (await call('GET', '/publish/platforms', other.token)).data
  assert.deepEqual([row?.is_bound, row?.account_name], [false, null])
  assert.equal((await publish({ ...other, workId: user.workId })).status, 404)
})

// Bindings --------------------------------------------------------------------------------------------------------

test('credentials are tried, sealed in the database, and in no reply and no log', async () => {
  const user = await userWithWork()
  logged = ''
  const wrong = await bind(user, 'wrong')
  assert.deepEqual([wrong.status, wrong.code, wrong.data], [400, 40009, null])
  assert.match(wrong.message, /微信公众号.*重新绑定/)
  const bound = await bind(user)
  assert.deepEqual(Object.keys(bound.data), ['id', 'platform', 'account_name', 'is_active', 'created_at'])
  wechat.nextAct.push(async () => {
    throw new PlatformError('refused', `bad secret ${SECRET}`, { reason: 'credentials_wrong' })
  })
  await publish(user)
  await withWorkers([site.context], () => untilState(user, 'failed'))
  const history = await call('GET', '/publish/history', user.token)
  const platforms = await call('GET', '/publish/platforms', user.token)
  for (const text of [wrong.text, bound.text, history.text, platforms.text, logged])
    assert.ok(!text.includes(SECRET), text)
  assert.match(logged, /a platform took no step/)
  const { rows } = await site.context.db.pool.query(
    `select b::text || p::text || t::text as everything, b.sealed from platform_binding b
     join publication_target t on t.binding_id = b.id join publication p on p.id = t.publication_id
     where b.account_id = $1`,
    [user.accountId],
  )
  assert.ok(!rows[0].everything.includes(SECRET))
  assert.ok(!rows[0].everything.includes(Buffer.from(SECRET).toString('hex')))
  assert.equal(JSON.parse(site.context.keys.open(rows[0].sealed)).app_secret, SECRET)
  // The platform took them no more: bound no longer, until bound anew.
  assert.equal(platforms.data[0]?.is_bound, false)
  assert.equal((await publish(user)).code, 40008)
  await bind(user)
  assert.equal((await publish(user)).code, 200)
})

test('a form that cannot be right is refused before the platform is asked', async () => {
  const user = await createUser(site.context, units(0))
  const tries: [object, number][] = [
    [{ platform: 'wechat', credentials: {} }, 400],
    [{ platform: 'wechat', credentials: { app_id: 'x' } }, 400],
    [{ platform: 'wechat', credentials: { app_id: 'x', app_secret: ' ' } }, 400],
    [{ platform: 'wechat', credentials: { app_id: 'x', app_secret: 'y', cookie: 'z' } }, 400],
    [{ platform: 'wechat', credentials: { app_id: 'x', app_secret: 'a b\r\nc' } }, 400],
    [{ platform: 'wechat', credentials: { app_id: 1, app_secret: 'y' } }, 400],
    [{ platform: 'wechat' }, 400],
    [{ platform: 'weibo', credentials: { app_id: 'x', app_secret: 'y' } }, 400],
    [{ platform: 'xiaohongshu', credentials: { app_id: 'x' } }, 400],
  ]
  for (const [body, code] of tries)
    assert.equal(
      (await call('POST', '/publish/platforms/bind', user.token, body)).code,
      code,
      JSON.stringify(body),
    )
})

// Workers ---------------------------------------------------------------------------------------------------------

test('a scheduled publication fires once, within a second of its time, with three workers that look', async () => {
  const user = await boundUser()
  const time = at(2_000)
  const answer = await publish(user, { schedule_time: time })
  assert.equal(answer.data.status, 'scheduled')
  const dueAt = Date.parse(`${time}+08:00`)
  const waiting = await firstRow(user, '?status=scheduled')
  assert.deepEqual([waiting.status, waiting.state, waiting.scheduled_at], ['scheduled', 'queued', time])
  assert.equal((await rowsOf(user, '?status=pending')).length, 0)
  const contexts = [site.context, await site.another(), await site.another()]
  await withWorkers(contexts, async () => {
    await sleep(dueAt - Date.now() - 150)
    assert.equal(wechat.acted.length, 0, 'too early')
    await untilState(user, 'published')
    assert.ok(Date.now() - dueAt < 1_000, `${Date.now() - dueAt} ms late`)
    await sleep(600)
  })
  assert.deepEqual([wechat.prepared.length, wechat.acted.length], [1, 1])
})

test('a schedule survives that nobody was there at its time', async () => {
  const user = await boundUser()
  await withWorkers([site.context], () => publish(user, { schedule_time: at(1_000) }))
  await sleep(1_400)
  assert.equal(wechat.acted.length, 0)
  await withWorkers([site.context], () => untilState(user, 'published'))
  assert.equal(wechat.acted.length, 1)
})

test('thirty works and four workers: each is acted upon once', async () => {
  const user = await boundUser('很多')
  await Promise.all(Array.from({ length: 30 }, () => publish(user)))
  const contexts = [site.context, site.context, await site.another(), await site.another()]
  await withWorkers(contexts, async () => {
    for (let left = 1; left > 0; await sleep(50)) {
      left = (await call('GET', '/publish/history?status=pending', user.token)).data.total
      left += (await call('GET', '/publish/history?status=publishing', user.token)).data.total
    }
  })
  assert.deepEqual([wechat.prepared.length, wechat.acted.length], [30, 30])
})

/** Claims the one due target as a worker that will not be heard of again. */
async function claimAsDead(leaseMs: number) {
  const [target] = await claimTargets(site.context, 'dead', 1, leaseMs)
  assert.ok(target)
  return target
}

test('a worker that dies while it prepares: another prepares again and publishes once', async () => {
  const user = await boundUser()
  await publish(user)
  wechat.nextPrepare.push(never)
  void advanceTarget(site.context, await claimAsDead(200), new AbortController().signal)
  await withWorkers([site.context], () => untilState(user, 'published'))
  assert.deepEqual([wechat.prepared.length, wechat.acted.length], [2, 1])
})

test('a worker that dies in the middle of the act: unknown, and nobody acts again', async () => {
  const user = await boundUser()
  await publish(user)
  await advanceTarget(site.context, await claimAsDead(200), new AbortController().signal)
  let release = (_step: PublishStep): void => {}
  wechat.nextAct.push(() => new Promise((resolve) => (release = resolve)))
  const late = advanceTarget(site.context, await claimAsDead(200), new AbortController().signal)
  await withWorkers([site.context, await site.another()], async () => {
    const row = await untilState(user, 'unknown')
    assert.equal(row.status, 'failed')
    assert.match(row.hint, /是否已发布/)
    // The dead one comes back with an answer: its claim is stale, and its answer changes nothing.
    release(isOut)
    await late
    await sleep(1_000)
  })
  assert.equal((await firstRow(user)).state, 'unknown')
  assert.equal(wechat.acted.length, 1)
})

test('a lease is kept as long as its worker lives', async () => {
  const user = await boundUser()
  await publish(user)
  wechat.nextAct.push(async () => {
    await sleep(1_500)
    return isOut
  })
  await withWorkers([site.context, await site.another()], () => untilState(user, 'published', 'unknown'), {
    leaseMs: 600,
  })
  assert.equal((await firstRow(user)).state, 'published')
  assert.equal(wechat.acted.length, 1)
})

test('an ambiguous act is unknown and never repeated; an act known not to be done is', async () => {
  const user = await boundUser()
  wechat.nextAct.push(async () => {
    throw new PlatformError('ambiguous', 'the line was cut')
  })
  await publish(user)
  await withWorkers([site.context], async () => {
    await untilState(user, 'unknown')
    await sleep(1_500)
    assert.equal(wechat.acted.length, 1)
    wechat.nextAct.push(async () => {
      throw new PlatformError('unavailable', 'nobody there')
    })
    await publish(user)
    await untilState(user, 'published')
  })
  assert.equal(wechat.acted.length, 3)
})

test('an ambiguous preparation is done again', async () => {
  const user = await boundUser()
  wechat.nextPrepare.push(async () => {
    throw new PlatformError('ambiguous', 'the line was cut')
  })
  await publish(user)
  await withWorkers([site.context], () => untilState(user, 'published'))
  assert.deepEqual([wechat.prepared.length, wechat.acted.length], [2, 1])
})

test('a worker that is stopped gives back what it prepares, and leaves an act to whoever can say', async () => {
  const user = await boundUser()
  wechat.nextPrepare.push(never)
  await publish(user)
  const worker = startPublicationWorker(site.context, { concurrency: 8 })
  await sleep(300)
  await worker.stop(50)
  await withWorkers([site.context], () => untilState(user, 'published'))
  assert.equal(wechat.acted.length, 1)
})

test('what a platform has no right for goes by hand; a deleted work goes nowhere', async () => {
  const user = await boundUser()
  wechat.nextPrepare.push(async () => {
    throw new PlatformError('refused', '48001', { reason: 'no_permission' })
  })
  await publish(user)
  const row = await withWorkers([site.context], () => untilState(user, 'handed_off'))
  assert.match(String(row.handoff_url), /\/handoff\/[a-z2-7]{32}$/)
  const other = await boundUser()
  await publish(other, { schedule_time: at(1_500) })
  await deleteWork(site.context, other, BigInt(other.workId))
  assert.equal((await withWorkers([site.context], () => untilState(other, 'failed'))).status, 'failed')
  assert.equal(wechat.acted.length, 0)
})

test('a closed account publishes nothing more, and its credentials are gone', async () => {
  const user = await boundUser()
  const { url } = await handedOff('关闭前')
  await publish(user, { schedule_time: at(1_200) })
  await closeAccount(site.context, null, user.accountId)
  const query = (sql: string) => site.context.db.pool.query(sql, [user.accountId])
  const { rows } = await query(`select state, sealed from platform_binding where account_id = $1`)
  assert.deepEqual([rows[0].state, rows[0].sealed.length], ['broken', 0])
  await withWorkers([site.context], () => sleep(2_500))
  const targets = await query(`select state from publication_target where account_id = $1`)
  assert.deepEqual(targets.rows, [{ state: 'failed' }])
  assert.equal(wechat.acted.length, 0)
  assert.equal((await page(url)).statusCode, 200, 'of others nothing ends')
})

test('what was begun in one account is not finished in another', async () => {
  const user = await boundUser()
  await publish(user)
  await advanceTarget(site.context, await claimAsDead(60_000), new AbortController().signal)
  await call('POST', '/publish/platforms/bind', user.token, {
    platform: 'wechat',
    credentials: { app_id: 'wx-another', app_secret: SECRET },
  })
  const row = await withWorkers([site.context], () => untilState(user, 'failed', 'published'))
  assert.equal(row.state, 'failed')
  assert.equal(wechat.acted.length, 0)
})

test('our address that the platform refused is in the hint', async () => {
  const user = await boundUser()
  wechat.nextPrepare.push(async () => {
    throw new PlatformError('refused', '40164', { reason: 'address_not_allowed', address: '203.0.113.9' })
  })
  await publish(user)
  const row = await withWorkers([site.context], () => untilState(user, 'failed'))
  assert.match(String(row.error_message), /203\.0\.113\.9/)
  assert.match(row.hint, /白名单中添加 203\.0\.113\.9/)
})

test('a draft is a success with something left to do', async () => {
  const user = await boundUser()
  wechat.nextAct.push(async () => ({
    state: 'drafted',
    remoteId: 'draft-1',
    url: null,
    reason: 'no_permission',
  }))
  await publish(user)
  const row = await withWorkers([site.context], () => untilState(user, 'drafted'))
  assert.deepEqual([row.status, row.platform_post_id, row.error_message], ['success', 'draft-1', null])
  assert.match(row.hint, /草稿/)
})

// By hand ---------------------------------------------------------------------------------------------------------

const page = (url: string, form?: string) =>
  site.app.inject({
    method: form === undefined ? 'GET' : 'POST',
    url: new URL(url).pathname,
    ...(form !== undefined && {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ link: form }).toString(),
    }),
  })

async function handedOff(prompt: string) {
  const user = await userWithWork(prompt)
  await publish(user, { platforms: ['xiaohongshu'] })
  const row = await withWorkers([site.context], () => untilState(user, 'handed_off'))
  return { user, row, url: row.handoff_url as string }
}

test('a work goes by hand: page, package, pasted link', async () => {
  const prompt = '**秋天**的湖"</textarea><script>alert(1)</script>\n第二行 #秋天 #旅行'
  const { user, row, url } = await handedOff(prompt)
  assert.deepEqual([row.status, row.account_name], ['publishing', null])
  const shown = await page(url)
  assert.equal(shown.statusCode, 200)
  assert.ok(!shown.payload.includes('<script>alert'), 'the work runs')
  const policy = String(shown.headers['content-security-policy'])
  assert.match(policy, /^default-src 'none';/)
  assert.ok(!policy.includes('unsafe'))
  const [, nonce] = /script-src 'nonce-([a-z2-7]+)'/.exec(policy) ?? []
  assert.ok(nonce && shown.payload.includes(`<script nonce="${nonce}">`))
  assert.notEqual(
    /nonce-([a-z2-7]+)/.exec(String((await page(url)).headers['content-security-policy']))?.[1],
    nonce,
  )
  assert.match(shown.payload, /<svg/)
  assert.equal(shown.headers['referrer-policy'], 'no-referrer')

  const zip = await site.app.inject({ method: 'GET', url: `${new URL(url).pathname}/package.zip` })
  assert.equal(zip.headers['content-type'], 'application/zip')
  const files = unzipSync(zip.rawPayload)
  assert.deepEqual(Object.keys(files), ['01.png', 'title.txt', 'body.txt', 'tags.txt'])
  assert.equal(
    Buffer.from(files['01.png'] ?? [])
      .subarray(1, 4)
      .toString(),
    'PNG',
  )
  assert.equal(strFromU8(files['tags.txt'] ?? new Uint8Array()), '#秋天 #旅行')
  assert.match(strFromU8(files['title.txt'] ?? new Uint8Array()), /^秋天的湖"</)
  // Its first line is the title already.
  assert.equal(strFromU8(files['body.txt'] ?? new Uint8Array()), '第二行 #秋天 #旅行')

  for (const link of [
    '',
    '没有链接',
    'https://evil.example/xiaohongshu.com',
    'https://xiaohongshu.com.evil.example/a',
    'https://xiaohongshu.com@evil.example/',
    'javascript:alert(1)',
  ]) {
    const refused = await page(url, link)
    assert.equal(refused.statusCode, 400, link)
    assert.match(refused.payload, /没有找到小红书的作品链接/)
  }
  const share = '【秋天的湖】😆 http://xhslink.com/a/AbC123，复制本条信息，打开【小红书】App查看'
  const taken = await Promise.all(Array.from({ length: 5 }, () => page(url, share)))
  assert.deepEqual(new Set(taken.map(({ statusCode }) => statusCode)), new Set([303]))
  const done = await firstRow(user)
  assert.deepEqual(
    [done.status, done.state, done.platform_url, done.handoff_url],
    ['success', 'published', 'http://xhslink.com/a/AbC123', null],
  )
  // A second link does not replace the first.
  assert.equal((await page(url, 'https://www.xiaohongshu.com/explore/other')).statusCode, 303)
  assert.equal((await firstRow(user)).platform_url, 'http://xhslink.com/a/AbC123')
  assert.match((await page(url)).payload, /已发布到小红书/)
})

test('the page is for nobody who does not have its address, and ends', async () => {
  const { user, url } = await handedOff('只给我')
  const token = url.slice(-32)
  const flipped = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`
  for (const other of [flipped, token.toUpperCase(), token.slice(1), '%00', "' or 1=1", 'x'.repeat(32)]) {
    for (const path of [
      `/handoff/${encodeURIComponent(other)}`,
      `/handoff/${encodeURIComponent(other)}/package.zip`,
    ]) {
      const answer = await site.app.inject({ method: 'GET', url: path })
      assert.ok([400, 404].includes(answer.statusCode), path)
      assert.ok(!answer.payload.includes('只给我'))
    }
  }
  assert.equal(
    (await page(url.replace(token, flipped), 'https://www.xiaohongshu.com/explore/1')).statusCode,
    404,
  )
  await site.context.db.pool.query(`update publication_target set due_at = now() where handoff_token = $1`, [
    token,
  ])
  assert.equal((await page(url)).statusCode, 404)
  assert.equal((await page(`${url}/package.zip`)).statusCode, 404)
  assert.equal((await page(url, 'https://www.xiaohongshu.com/explore/1')).statusCode, 404)
  assert.equal((await firstRow(user)).handoff_url, null)
  const row = await withWorkers([site.context], () => untilState(user, 'failed'))
  assert.deepEqual([row.status, row.error_message], ['failed', '需要手动完成发布'])
})

test('the page is gone with its work', async () => {
  const { user, url } = await handedOff('会删除')
  await deleteWork(site.context, user, BigInt(user.workId))
  assert.equal((await page(url)).statusCode, 404)
})

test('platforms in the order of the document, with what is bound', async () => {
  const user = await boundUser()
  const { data } = await call('GET', '/publish/platforms', user.token)
  assert.deepEqual(
    data.map((one) => [one.platform, one.name, one.needs_binding, one.is_bound]),
    [
      ['wechat', '微信公众号', true, true],
      ['xiaohongshu', '小红书', false, false],
      ['douyin', '抖音', true, false],
    ],
  )
  assert.equal(data[0]?.account_name, `account wx${user.accountId}`)
})

// The whole way --------------------------------------------------------------------------------------------------

test('a picture goes to an official account over its own wire, and a lost answer publishes nothing twice', async () => {
  const standIn = await startWechat()
  const real = createWechat(quickOutbound(), standIn.url)
  const whole = await buildSite({
    dialect: { ...aiCreator, routes: publishRoutes },
    providers: [createFakeProvider()],
    platforms: [real],
    preset: { limits, platforms: ['wechat'] },
  })
  const fakeSite = site
  site = whole
  try {
    whole.startWorker()
    const user = await userWithWork('湖')
    const credentials = (secret: string) => ({
      platform: 'wechat',
      credentials: { app_id: APP.app_id, app_secret: secret, name: '我的公众号' },
    })
    const wrong = await call('POST', '/publish/platforms/bind', user.token, credentials('not-the-secret'))
    assert.equal(wrong.code, 40009)
    standIn.misbehave(TOKEN, { errcode: 40_164, errmsg: 'invalid ip 203.0.113.7, not in whitelist' })
    const refused = await call('POST', '/publish/platforms/bind', user.token, credentials(APP.app_secret))
    assert.equal(refused.code, 40009)
    assert.match(refused.message, /203\.0\.113\.7/)
    const bound = await call('POST', '/publish/platforms/bind', user.token, credentials(APP.app_secret))
    assert.deepEqual([bound.code, bound.text.includes(APP.app_secret)], [200, false])

    await publish(user)
    const out = await withWorkers([whole.context, await whole.another()], () => untilState(user, 'published'))
    assert.deepEqual(
      [out.platform_post_id, out.platform_url, out.account_name],
      ['article-1', 'https://mp.weixin.qq.com/s/abc', '我的公众号'],
    )
    assert.equal(standIn.made.length, 2, 'one draft, one publication')

    standIn.misbehave(SUBMIT, 'cut')
    await publish(user)
    await withWorkers([whole.context], async () => {
      await untilState(user, 'unknown')
      await sleep(1_500)
    })
    assert.equal(standIn.to(SUBMIT).length, 2)

    standIn.misbehave(SUBMIT, { errcode: 48_001, errmsg: 'api unauthorized' })
    await publish(user)
    assert.equal((await withWorkers([whole.context], () => untilState(user, 'drafted'))).status, 'success')
  } finally {
    site = fakeSite
    await whole.close()
    await standIn.close()
  }
})
