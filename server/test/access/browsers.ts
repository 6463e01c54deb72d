import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { buildApp } from '../../src/http/app.ts'
import type { Route } from '../../src/http/dialect.ts'
import { route } from '../../src/http/dialect.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { units } from '../../src/kernel/money.ts'
import { createUser } from '../factories.ts'
import type { Ground } from './ground.ts'
import { nameOf } from './ground.ts'

/** What every route declares, and what browsers are told. */
export function testBrowsers(ground: Ground): void {
  const { about, call } = ground
  const open = ground.url('/open')
  const openRoute = { method: 'GET', path: '/open', rate: 'read' } as const

  test('a route that declares no policy, or no limit, does not start', async () => {
    const built = (changes: Partial<Record<'allow' | 'rate', undefined>>) => {
      const declared = route({
        ...openRoute,
        allow: 'user',
        run: async () => 1,
        reply: () => ({ status: 200, body: {} }),
      })
      const routes = [{ ...declared, ...changes } as Route]
      const options = {
        logger: pino({ level: 'silent' }),
        metrics: createMetrics(ground.site.context, () => 0),
        trustProxy: [],
      }
      return buildApp(ground.site.context, { ...about.dialect, routes }, options)
    }
    await assert.rejects(built({ allow: undefined }), /GET \/open declares no policy/)
    await assert.rejects(built({ rate: undefined }), /GET \/open declares no policy/)
    await (await built({})).close()
  })

  test('a route for administrators is none for others', async () => {
    const secret = route({
      ...openRoute,
      allow: 'admin',
      run: async (_context, actor) => actor.role,
      reply: (role) => ({ status: 200, body: { message: '好', data: { role } } }),
    })
    const options = {
      logger: pino({ level: 'silent' }),
      metrics: createMetrics(ground.site.context, () => 0),
      trustProxy: [],
    }
    const app = await buildApp(ground.site.context, { ...about.dialect, routes: [secret] }, options)
    try {
      const { token } = await createUser(ground.site.context, units(0))
      const { token: admin } = await createUser(ground.site.context, units(0), { role: 'admin' })
      assert.equal((await call('GET', open, { app })).code, about.refused.missing[1])
      const refused = await call('GET', open, { app, token })
      assert.deepEqual([refused.status, refused.code], about.refused.notAdmin)
      assert.deepEqual((await call('GET', open, { app, token: admin })).data, { role: 'admin' })
    } finally {
      await app.close()
    }
  })

  test('a browser on any origin may call every route with a token, and never with cookies', async () => {
    const origin = 'https://any.example'
    for (const one of about.dialect.routes) {
      const preflight = await call('OPTIONS', ground.urlOf(one), {
        headers: {
          origin,
          'access-control-request-method': one.method,
          'access-control-request-headers': 'authorization,content-type,idempotency-key',
        },
      })
      assert.equal(preflight.status, 204)
      assert.equal(preflight.headers['access-control-allow-origin'], '*')
      const methods = String(preflight.headers['access-control-allow-methods']).split(/,\s*/)
      assert.ok(methods.includes(one.method), `${nameOf(one)}: a browser may send ${methods}`)
      const allowed = String(preflight.headers['access-control-allow-headers']).toLowerCase()
      for (const name of ['authorization', 'content-type', 'idempotency-key'])
        assert.ok(allowed.includes(name), name)
      const answer = await call(one.method, ground.urlOf(one), { headers: { origin } })
      assert.equal(answer.headers['access-control-allow-origin'], '*', nameOf(one))
      assert.match(String(answer.headers['access-control-expose-headers']), /retry-after/i)
      for (const { headers } of [preflight, answer])
        assert.equal(headers['access-control-allow-credentials'], undefined)
    }
  })

  test('security headers on every kind of answer, and no advertisement', async () => {
    const { token } = await createUser(ground.site.context, units(0))
    const answers = {
      success: await call('GET', ground.url(about.paths.own), { token }),
      refusal: await call('GET', ground.url(about.paths.own)),
      invalid: await call('POST', ground.url(about.paths.login), { body: {} }),
      unknown: await call('GET', '/nothing'),
      malformed: await call('GET', '/%zz'),
      'too large': await call('POST', ground.url(about.paths.login), {
        body: { email: 'x'.repeat(1_100_000) },
      }),
      file: await call('GET', '/files/nothing.png'),
    }
    for (const [why, { headers }] of Object.entries(answers)) {
      assert.equal(headers['x-content-type-options'], 'nosniff', why)
      assert.equal(headers['access-control-allow-origin'], '*', why)
      assert.match(String(headers['cache-control']), /no-store/, why)
      assert.equal(headers['x-powered-by'], undefined)
      assert.equal(headers.server, undefined)
      assert.equal(headers['set-cookie'], undefined)
      if (why === 'malformed') continue
      assert.match(String(headers['content-security-policy']), /default-src 'none'/, why)
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/, why)
      assert.ok(headers['x-frame-options'], why)
      assert.equal(headers['referrer-policy'], 'no-referrer', why)
      assert.equal(headers['strict-transport-security'], undefined, 'the site may be served without TLS')
    }
  })
}
