import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { buildApp } from '../../http/app.ts'
import { route } from '../../http/dialect.ts'
import { createMetrics } from '../../http/metrics.ts'
import { setSetting } from '../../kernel/catalog/administer.ts'
import { cancelTask } from '../../kernel/generation/cancel.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import { units } from '../../kernel/money.ts'
import { showSettings } from '../../kernel/settings.ts'
import { verifyLedger } from '../../kernel/wallet/verify.ts'
import { plaza } from './dialect.ts'
import { done } from './envelope.ts'

/** Makes a picture or a clip, as the routes of 图片生成接口 and 视频生成接口 do. */
const make = (quota: 'image' | 'video') =>
  route({
    method: 'POST',
    path: `/test/${quota}`,
    allow: 'user',
    rate: 'generate',
    quota,
    body: Type.Object({ prompt: Type.String(), count: Type.Optional(Type.Integer()) }),
    run: (context, actor, { body, idempotencyKey }) => {
      const { input, ...picture } = pictureOf(body.prompt)
      const bodyHash = Buffer.from(body.prompt)
      const key = idempotencyKey === null ? null : { scope: 'test', key: idempotencyKey, bodyHash }
      if (quota === 'image')
        return submitTask(context, actor, {
          ...picture,
          input: { ...input, count: body.count ?? 1 },
          idempotencyKey: key,
        })
      const clip = { prompt: body.prompt, width: 64, height: 64, seconds: 1, fps: 8, seed: 1 }
      return submitTask(context, actor, { ...picture, kind: 'video', input: clip, idempotencyKey: key })
    },
    reply: ({ taskId }) => done({ taskId: String(taskId) }),
  })

const provider = createFakeProvider()
const base = { ...plaza, routes: [...plaza.routes, make('image'), make('video')] }
const ahead = { ms: 0 }
const { limits } = plaza.preset
const many = { points: 1_000_000, perSeconds: 60 }
const dialect = {
  ...base,
  preset: { ...plaza.preset, limits: { ...limits, generate: many, read: many } },
}

let site: TestSite
before(async () => {
  site = await buildSite({ dialect, providers: [provider], now: () => new Date(Date.now() + ahead.ms) })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [])
})

type User = { token: string; accountId: bigint }
const newUser = (credits = 10_000, role: 'user' | 'admin' = 'user'): Promise<User> =>
  createUser(site.context, units(credits), { role })

async function send(
  method: 'GET' | 'POST',
  path: string,
  user: User | null,
  payload?: object,
  headers: Record<string, string> = {},
  app = site.app,
) {
  const reply = await app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...(user && { authorization: `Bearer ${user.token}` }), ...headers },
    ...(payload && { payload }),
  })
  return { status: reply.statusCode, headers: reply.headers, body: reply.json() }
}
const picture = (user: User, body: object = {}, headers = {}) =>
  send('POST', '/test/image', user, { prompt: 'a cat', ...body }, headers)
const clip = (user: User) => send('POST', '/test/video', user, { prompt: 'a cat' })
const call = (user: User | null, app = site.app) => send('GET', '/config/current', user, undefined, {}, app)

const query = (text: string, values: unknown[] = []) => site.context.db.pool.query(text, values)
async function join(user: User): Promise<void> {
  await query(`select extend_membership_v2($1, 'monthly', 1, interval '30 days')`, [user.accountId])
  site.context.events.publish('account', user.accountId)
}
const tasksOf = async (user: User): Promise<number> =>
  (await query('select from task where account_id = $1', [user.accountId])).rows.length

test('plaza hole no quota: ten pictures and three clips a day, counted by request and whatever each asks for', async () => {
  const user = await newUser()
  for (let left = 9; left >= 0; left -= 1) {
    const made = await picture(user, { count: 4 })
    assert.deepEqual([made.status, made.headers['x-quota-limit']], [200, '10'])
    assert.equal(made.headers['x-quota-remaining'], String(left))
  }
  const refused = await picture(user)
  assert.deepEqual([refused.status, refused.body.code], [429, 429])
  assert.match(refused.body.message, /今日图片生成次数已用完（10次）/)
  const wait = Number(refused.headers['retry-after'])
  const resetsIn = Number(refused.headers['x-quota-reset']) - Date.now() / 1000
  assert.ok(Math.abs(wait - resetsIn) < 3, `${wait} and ${resetsIn}`)
  // The next day in UTC+8 begins at 16:00 UTC.
  assert.equal((Number(refused.headers['x-quota-reset']) + 8 * 3_600) % 86_400, 0)
  assert.equal(refused.headers['x-quota-remaining'], '0')

  // Clips have a quota of their own.
  for (let made = 0; made < 3; made += 1) assert.equal((await clip(user)).status, 200)
  assert.equal((await clip(user)).status, 429)
  assert.equal(await tasksOf(user), 13)

  // Yesterday's do not count.
  await query(
    `update task set created_at = quota_day_v1(now()) - interval '1 second' where account_id = $1`,
    [user.accountId],
  )
  assert.equal((await picture(user)).headers['x-quota-remaining'], '9')
})

test('a membership gives the members’ numbers at once, and its end takes them away; an administrator has them', async () => {
  const user = await newUser()
  await Promise.all(Array.from({ length: 10 }, () => picture(user)))
  assert.equal((await picture(user)).status, 429)
  assert.equal((await call(user)).headers['x-ratelimit-limit'], '100')
  await join(user)
  const made = await picture(user)
  assert.deepEqual(
    [made.status, made.headers['x-quota-limit'], made.headers['x-quota-remaining']],
    [200, '100', '89'],
  )
  assert.equal((await call(user)).headers['x-ratelimit-limit'], '1000')
  await query(
    `update membership set started_at = now() - interval '2 days', ends_at = now() - interval '1 second'
    where account_id = $1`,
    [user.accountId],
  )
  assert.equal((await picture(user)).status, 429)
  // One for life has no end that could have passed.
  await query('update membership set lifetime_level = 1 where account_id = $1', [user.accountId])
  site.context.events.publish('account', user.accountId)
  assert.equal((await picture(user)).status, 200)
  assert.equal((await call(user)).headers['x-ratelimit-limit'], '1000')
  const admin = await newUser(0, 'admin')
  assert.equal((await picture(admin)).headers['x-quota-limit'], '100')
})

test('a hundred submissions at once with ten left make exactly ten', async () => {
  const user = await newUser()
  const replies = await Promise.all(Array.from({ length: 100 }, () => picture(user)))
  const made = replies.filter(({ status }) => status === 200)
  assert.equal(made.length, 10)
  assert.equal(replies.filter(({ status }) => status === 429).length, 90)
  assert.equal(await tasksOf(user), 10)
})

test('a refused submission uses nothing, nor does a repeated one, which is answered even when all is used', async () => {
  const poor = await newUser(0)
  assert.equal((await picture(poor)).status, 400)
  assert.equal((await picture(poor)).headers['x-quota-remaining'], '10')
  const user = await newUser()
  assert.equal((await picture(user, { prompt: '' })).headers['x-quota-remaining'], '10')
  const key = { 'idempotency-key': 'one' }
  const first = await picture(user, {}, key)
  const again = await picture(user, {}, key)
  assert.deepEqual([again.body.data, again.headers['x-quota-remaining']], [first.body.data, '9'])
  await Promise.all(Array.from({ length: 9 }, () => picture(user)))
  const last = await picture(user, {}, key)
  assert.deepEqual([last.status, last.body.data], [200, first.body.data])
  assert.equal((await picture(user, { prompt: 'another' }, key)).status, 422)
  assert.equal((await picture(user, {}, { 'idempotency-key': 'two' })).status, 429)
  assert.equal(await tasksOf(user), 10)
})

test('the same key fifty times at once for the last one makes one', async () => {
  const user = await newUser()
  await Promise.all(Array.from({ length: 9 }, () => picture(user)))
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => picture(user, {}, { 'idempotency-key': 'last' })),
  )
  assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  assert.equal(new Set(replies.map(({ body }) => body.data.taskId)).size, 1)
  assert.equal(await tasksOf(user), 10)
})

test('what failed by our fault is given back; what was refused for its content, or canceled, is not', async () => {
  const user = await newUser()
  const ids: bigint[] = []
  for (let made = 0; made < 4; made += 1) ids.push(BigInt((await picture(user)).body.data.taskId))
  const fail = (id: bigint | undefined, failure: string) =>
    query(`select end_tasks_v1($1, array[$2::bigint], null, array['queued'], 'failed', $3)`, [
      site.context.keys.chain,
      id,
      failure,
    ])
  await fail(ids[0], 'unavailable')
  await fail(ids[1], 'deadline')
  await fail(ids[2], 'content')
  await cancelTask(site.context, { accountId: user.accountId }, ids[3] as bigint)
  assert.equal((await picture(user)).headers['x-quota-remaining'], '7')
})

test('an operator changes each number, in force at once', async () => {
  const user = await newUser()
  await setSetting(site.context, 'quota_image', { users: 1, members: 2 })
  try {
    assert.deepEqual(showSettings(site.context.preset).quota_image, { users: 1, members: 2 })
    assert.equal((await picture(user)).status, 200)
    assert.equal((await picture(user)).status, 429)
  } finally {
    await setSetting(site.context, 'quota_image', null)
  }
  for (const wrong of [{ users: -1, members: 2 }, { users: 1 }, 5, { users: 1.5, members: 2 }])
    await assert.rejects(setSetting(site.context, 'quota_calls', wrong))
})

test('plaza hole no quota: a hundred calls an hour by account, told on every answer; those of nobody are not counted', async () => {
  const user = await newUser()
  const hour = 3_600_000
  for (let left = 99; left >= 0; left -= 1) {
    const { status, headers } = await call(user)
    assert.deepEqual(
      [status, headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']],
      [200, '100', String(left)],
    )
  }
  const refused = await call(user)
  assert.deepEqual([refused.status, refused.body.code], [429, 429])
  assert.match(refused.body.message, /本小时API调用次数已用完（100次）/)
  const reset = Number(refused.headers['x-ratelimit-reset']) * 1000
  assert.equal(reset, Math.floor(Date.now() / hour) * hour + hour)
  assert.ok(Math.abs(Number(refused.headers['retry-after']) - (reset - Date.now()) / 1000) < 3)
  assert.equal(refused.headers['x-ratelimit-remaining'], '0')
  assert.match(
    String(refused.headers['access-control-expose-headers']),
    /X-RateLimit-Remaining.*X-Quota-Remaining/,
  )
  // No account, no count: neither the headers nor an end.
  for (let times = 0; times < 3; times += 1) {
    const anonymous = await call(null)
    assert.deepEqual([anonymous.status, anonymous.headers['x-ratelimit-limit']], [401, undefined])
  }
  // Somebody else has their own.
  const other = await newUser()
  assert.equal((await call(other)).headers['x-ratelimit-remaining'], '99')
  // What is refused is a call too, and says what is left: 403, 400, 404 of a route.
  const forbidden = await send('POST', '/config/providers/custom', other, {})
  assert.deepEqual([forbidden.status, forbidden.headers['x-ratelimit-remaining']], [403, '98'])
  const invalid = await send('POST', '/test/image', other, {})
  assert.deepEqual([invalid.status, invalid.headers['x-ratelimit-remaining']], [400, '97'])
  // Members have a thousand.
  await join(user)
  assert.equal((await call(user)).headers['x-ratelimit-remaining'], '899')
  // The next hour begins anew.
  ahead.ms = hour
  try {
    assert.equal((await call(other)).headers['x-ratelimit-remaining'], '99')
  } finally {
    ahead.ms = 0
  }
})

test('two hundred calls at once are a hundred', async () => {
  const user = await newUser()
  const replies = await Promise.all(Array.from({ length: 200 }, () => call(user)))
  assert.equal(replies.filter(({ status }) => status === 200).length, 100)
})

test('several processes allow a hundred together, and a restart forgets none that were written down', async () => {
  const second = await buildApp(await site.another(), dialect, {
    logger: site.app.log,
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
  })
  try {
    const user = await newUser()
    let allowed = 0
    for (let round = 0; round < 13; round += 1) {
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, place) => call(user, place % 2 === 0 ? site.app : second)),
      )
      allowed += replies.filter(({ status }) => status === 200).length
    }
    // What the other had counted unasked: a tenth of the little that was left.
    assert.ok(allowed >= 100 && allowed <= 102, `${allowed} calls`)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    // A third that has never heard of the account reads where the others are.
    const third = await buildApp(await site.another(), dialect, {
      logger: site.app.log,
      metrics: createMetrics(site.context, () => 0),
      trustProxy: [],
    })
    assert.equal((await call(user, third)).status, 429)
    await third.close()
  } finally {
    await second.close()
  }
})
