import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '../../src/http/dialect.ts'
import type { Ground } from './ground.ts'
import { pathOf } from './ground.ts'
import { JSON_TYPE, PATH_VALUES, QUERY_VALUES } from './values.ts'

/** What is true of every route, whatever its address, method or headers are made to be. */
export function testRequests(ground: Ground, route: Route): void {
  const { about, ask, read, refuses, leavingNothing } = ground
  const name = `${route.method} ${route.path}`
  const path = pathOf(ground, route)
  const base = {
    method: route.method,
    path,
    // Not known yet while the tests are declared.
    get token() {
      return about.token?.(route, ground) ?? ground.rich
    },
  }
  // The body is one that is refused, so that only the rest matters.
  const sent: { headers: Record<string, string>; body?: string } = route.body
    ? { headers: JSON_TYPE, body: '{}' }
    : { headers: {} }

  test(`${name}: hostile query parameters`, () =>
    leavingNothing(async () => {
      const queries = [...about.queryNames, '__proto__', 'constructor', 'x%00'].flatMap((parameter) => [
        ...QUERY_VALUES.map((value) => `${parameter}=${value}`),
        ...['-1', '%00', 'x'].flatMap((value) => [
          `${parameter}=${value}&${parameter}=1`,
          `${parameter}=1&${parameter}=${value}`,
          `${parameter}[]=${value}`,
        ]),
      ])
      const many = Array.from({ length: 1_500 }, (_, index) => `p${index}=1`).join('&')
      for (const query of [...queries, '&&&', '=', '?', '=&=', 'page', '#', many])
        read(await ask({ ...base, path: `${path}?${query}`, ...sent }), `${name}?${query.slice(0, 60)}`)
      assert.equal(({} as { page?: string }).page, undefined)
    }))

  test(`${name}: hostile paths`, () =>
    leavingNothing(async () => {
      const ends = ['/%zz', '%00', '/x', '//', '%2f', ';x=1'].map((end) => `${path}${end}`)
      const paths = route.path.includes(':')
        ? PATH_VALUES.map((param) => pathOf(ground, route, param))
        : [...ends, `/${path}`, path.toUpperCase()]
      for (const one of paths) await refuses({ ...base, path: one, ...sent }, 'a hostile path')
    }))

  test(`${name}: another method`, () =>
    leavingNothing(async () => {
      const isHere = (one: Route): boolean => {
        const pattern = pathOf(ground, one, '[^/]+')
        return new RegExp(`^${pattern}$`).test(path)
      }
      const declared = new Set<string>(about.dialect.routes.filter(isHere).map(({ method }) => method))
      const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'TRACE', 'PURGE', 'LINK']
      for (const method of others.filter((one) => !declared.has(one))) {
        const answer = await ask({ ...base, method, path })
        read(answer, `${method} ${path}`)
        assert.equal(answer.status, 404, `${method} ${path}`)
      }
      const head = await ask({ ...base, method: 'HEAD', path })
      assert.equal(head.text, '')
      const expected = declared.has('GET') ? (await ask({ ...base, method: 'GET', path })).status : 404
      assert.equal(head.status, expected)
      for (const headers of [
        {},
        { origin: 'https://a.example' },
        { 'access-control-request-method': 'POST' },
      ]) {
        const options = await ask({ method: 'OPTIONS', path, headers })
        assert.deepEqual([options.status, options.text], [204, ''], JSON.stringify(headers))
      }
    }))

  test(`${name}: tricks with who is asking`, () =>
    leavingNothing(async () => {
      const { rich } = ground
      const authorizations: (string | string[])[] = [
        ...['', ' ', 'Bearer', 'Bearer ', 'bearer', 'Bearer a b', 'Bearer  ', 'Basic dXNlcjpwYXNz'],
        ...['Bearer null', 'Bearer .', 'Bearer ..', 'Bearer ...', 'Bearer e30.e30.', 'Bearer e30.e30.e30'],
        ...['Bearer bnVsbA.bnVsbA.AA', rich, `Token ${rich}`, `Bearer ${rich}x`, `Bearer "${rich}"`],
        ...[`Bearer,${rich}`, 'Bearer \xff\xfe', `Bearer ${'x'.repeat(12_000)}`, `Bearer ${rich} ${rich}`],
        ['Bearer x', `Bearer ${rich}`],
      ]
      for (const authorization of authorizations) {
        const call = { method: route.method, path, ...sent, headers: { ...sent.headers, authorization } }
        const why = `${name}: authorization ${String(authorization).slice(0, 40)}`
        const { code } = read(await ask(call), why)
        // To a guest's route a token that opens nothing is nobody's, and no reason to refuse.
        if (route.allow !== 'public' && route.allow !== 'guest')
          assert.ok(about.codes.unauthenticated.has(code), `${why}: ${code}`)
      }
    }))

  test(`${name}: tricks with other headers`, () =>
    leavingNothing(async () => {
      const keys = ['', ' ', 'a b', 'k'.repeat(256), 'clé', ['one', 'two']]
      for (const key of keys) {
        // Where the key is read, it alone is to be wrong.
        const trial = about.readsKey(route) ? about.trial?.(route, ground) : null
        const body = route.body ? JSON.stringify(trial?.fields ?? about.sample(route, ground)) : undefined
        const headers = { ...sent.headers, 'idempotency-key': key }
        const at = trial ? pathOf(ground, route, trial.param) : path
        const { code } = read(
          await ask({ ...base, path: at, headers, ...(body && { body }) }),
          `${name}: the key ${String(key).slice(0, 60)}`,
        )
        if (about.readsKey(route)) assert.equal(code, about.codes.malformed, `the key ${key}`)
      }
      for (const headers of [
        { host: 'evil.example' },
        { host: 'a b c' },
        {
          'x-forwarded-for': 'not an address',
          'x-forwarded-host': 'evil',
          'x-forwarded-proto': 'javascript',
        },
        { forwarded: 'for=unknown;host=evil' },
        { 'user-agent': '\xff'.repeat(5_000) },
        { accept: 'text/html' },
        { 'accept-version': '9' },
        { 'x-http-method-override': 'DELETE' },
        { cookie: `token=${ground.rich}` },
        { expect: 'the unexpected' },
        { upgrade: 'websocket', connection: 'upgrade' },
        { range: 'bytes=0-1' },
      ] as Record<string, string>[]) {
        const call = { method: route.method, path, ...sent, headers: { ...sent.headers, ...headers } }
        read(await ask(call), `${name}: ${JSON.stringify(headers).slice(0, 60)}`)
      }
    }))
}
