import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statement } from '../src/db/database.ts'
import { authRoutes } from '../src/dialects/ai-creator/auth.ts'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { done } from '../src/dialects/ai-creator/envelope.ts'
import { route } from '../src/http/dialect.ts'
import { units } from '../src/kernel/money.ts'
import { applySettings } from '../src/kernel/settings.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

const generate = route({
  method: 'POST',
  path: '/try/generate',
  allow: 'user',
  rate: 'generate',
  run: async () => null,
  reply: () => done(null),
})
const dialect = { ...aiCreator, routes: [generate, ...authRoutes] }

test('20 generations an hour for an account, any number for a member, and 20 again when that has lapsed (appendix H)', async (t) => {
  const site = await buildSite({ dialect })
  t.after(() => site.close())
  const { context, app } = site
  const { accountId, token } = await createUser(context, units(0))
  const run = async (times: number): Promise<number> => {
    let taken = 0
    for (let index = 0; index < times; index += 1) {
      const headers = { authorization: `Bearer ${token}` }
      const { statusCode } = await app.inject({ method: 'POST', url: '/api/v1/try/generate', headers })
      if (statusCode === 200) taken += 1
      else assert.equal(statusCode, 429)
    }
    return taken
  }
  const set = async (until: string) => {
    await context.db.rows(
      statement(
        'limits membership',
        `insert into membership (account_id, plan, started_at, ends_at) values ($1, 'monthly', now() - interval '9 days', now() + $2::interval)
         on conflict (account_id) do update set ends_at = excluded.ends_at`,
      ),
      [accountId, until],
    )
    // As every change of a membership tells it.
    context.events.publish('account', accountId)
  }
  assert.equal(await run(25), 20)
  await set('1 day')
  assert.equal(await run(50), 50)
  await set('-1 second')
  assert.equal(await run(5), 0)
})

test('before login a name is limited for each address of its own, and an address generously', async (t) => {
  const site = await buildSite({ dialect })
  t.after(() => site.close())
  const run = async (username: string, remoteAddress: string, times: number): Promise<number> => {
    let taken = 0
    for (let index = 0; index < times; index += 1) {
      const { statusCode } = await site.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { username, password: 'of nobody' },
        remoteAddress,
      })
      if (statusCode !== 429) taken += 1
    }
    return taken
  }
  assert.equal(await run('somebody', '203.0.113.1', 15), 10)
  assert.equal(await run('somebody', '203.0.113.2', 15), 10, 'a stranger locks nobody out')
  assert.equal(await run('another', '203.0.113.1', 15), 10)
  let office = 0
  for (let index = 0; index < 20; index += 1) office += await run(`one of ${index}`, '203.0.113.1', 10)
  assert.equal(office, 70, 'a hundred a minute from one address; 15 and 15 were there before')
})

test('an operator changes how many, not for whom', () => {
  const value = { points: 5, perSeconds: 60 }
  const { limits } = applySettings(aiCreator.preset, [{ name: 'limit_generate', value }])
  assert.deepEqual(limits.generate, { ...value, membersUnlimited: true })
})
