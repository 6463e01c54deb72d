import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTokens } from '../../src/http/tokens.ts'
import { logIn } from '../../src/kernel/accounts/log-in.ts'
import { units } from '../../src/kernel/money.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { createFakeProvider } from '../fakes/provider.ts'
import type { Answer, Ground } from './ground.ts'
import { limitsOf } from './ground.ts'

/** Limits count by account and by target, whatever a client says of itself. */
export function testLimits(ground: Ground): void {
  const { about, call } = ground
  const [read, otherRead] = [ground.url(about.paths.reads[0]), ground.url(about.paths.reads[1])]
  const purchase = ground.url(about.paths.purchase)
  const [, success] = about.success

  test('limits: HTTP 429 with Retry-After, for each account by itself, by no header of the client', async () => {
    const limits = limitsOf(1_000, {
      read: { points: 3, perSeconds: 60 },
      generate: { points: 2, perSeconds: 60 },
      auth: { points: 3, perSeconds: 60 },
    })
    const limited = await buildSite({
      dialect: about.dialect,
      providers: [createFakeProvider()],
      preset: { ...about.preset, limits },
    })
    limited.startWorker()
    const { app } = limited
    const readCode = async (token: string): Promise<number> => (await call('GET', read, { app, token })).code
    try {
      const alice = await createUser(limited.context, units(1_000))
      const bob = await createUser(limited.context, units(1_000))
      const refusedAt = (answer: Answer): void => {
        assert.deepEqual([answer.status, answer.code], about.refused.limited, answer.text)
        const seconds = Number(answer.headers['retry-after'])
        assert.ok(
          Number.isInteger(seconds) && seconds >= 1 && seconds <= 60,
          String(answer.headers['retry-after']),
        )
        about.checkLimited?.(answer, seconds)
        assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
        assert.equal(answer.headers['access-control-allow-origin'], '*')
      }
      for (let reads = 0; reads < 3; reads += 1) assert.equal(await readCode(alice.token), success)
      refusedAt(await call('GET', read, { app, token: alice.token }))
      refusedAt(await call('GET', otherRead, { app, token: alice.token }))
      assert.equal(await readCode(bob.token), success, 'another account from the same address')

      // A second session or another address is the same account.
      const { session } = await logIn(limited.context, {
        by: 'email',
        name: alice.email,
        password: alice.password,
        address: null,
      })
      const { sign } = createTokens(
        limited.context.keys.token,
        limited.context.site,
        limited.context.clock.now,
      )
      const token = sign(session, alice.account.uuid)
      const headers = { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', forwarded: 'for=6.6.6.6' }
      refusedAt(await call('GET', read, { app, token, headers }))

      const picture = { app, token: alice.token, body: await about.prepare(limited.context) }
      const made = [1, 2].map(() => call('POST', purchase, picture))
      for (const { code } of await Promise.all(made)) assert.equal(code, success)
      refusedAt(await call('POST', purchase, picture))
      const { rows } = await limited.context.db.pool.query('select count(*) as tasks from task')
      assert.deepEqual(rows, [{ tasks: 2n }], 'what was refused made no task')

      const login = (name: string, more: Record<string, string> = {}) =>
        ground.login({ email: name, username: name }, 'not this one', { app, headers: more })
      for (let tries = 0; tries < 3; tries += 1)
        assert.equal((await login('target@qq.com')).code, about.refused.login[1])
      refusedAt(await login('target@qq.com'))
      refusedAt(await login(' TARGET@qq.com '))
      refusedAt(await login('target@qq.com', headers))
      assert.equal(
        (await login('neighbour@qq.com')).code,
        about.refused.login[1],
        'an office behind one address',
      )
      // Ten times as many for one address, whatever the targets and whatever it says of itself.
      let last = await login('user0@qq.com', headers)
      for (let tries = 1; last.status !== 429 && tries < 40; tries += 1)
        last = await login(`user${tries}@qq.com`, headers)
      refusedAt(last)
    } finally {
      await limited.close()
    }
  })
}
