import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testBodies } from './bodies.ts'
import { testConnections } from './connections.ts'
import type { Ground, HostileDialect } from './ground.ts'
import { openGround } from './ground.ts'
import { testRequests } from './requests.ts'

/**
 * A real server and everything that a client can do wrong to it. Whatever comes, the answer is the document's
 * envelope, never a 5xx, and nothing is left behind in the database. A dialect adds what only it has.
 */
export function testHostileClients(about: HostileDialect): Ground {
  const ground = openGround(about)
  for (const route of about.dialect.routes) {
    testBodies(ground, route)
    testRequests(ground, route)
  }
  testNowhere(ground)
  testConnections(ground)
  return ground
}

function testNowhere(ground: Ground): void {
  const { about, ask, read, leavingNothing } = ground
  const { base } = about.dialect

  test('unknown paths, and the back doors of the earlier system: 404 in the envelope', () =>
    leavingNothing(async () => {
      const anywhere = [
        ...['/', base, `${base}/`, `${base}/nothing`, '/favicon.ico', '/.env', '/.git/config', '/admin'],
        ...['/wp-login.php', `/${base}${about.paths.read}`, `${base}/../api/none`, '/files', '/files/'],
        ...['/files/x/y', `${base}/none?token=a-secret-value`, base.toUpperCase() + about.paths.read],
      ]
      for (const path of [...anywhere, ...about.elsewhere]) {
        for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
          const call = { method, path, token: ground.rich, headers: { 'content-type': 'application/json' } }
          const answer = await ask({ ...call, body: '{"amount":1000}' })
          read(answer, `${method} ${path}`)
          assert.equal(answer.status, 404, `${method} ${path}`)
          assert.doesNotMatch(answer.text, /a-secret-value/)
        }
      }
      // What is wrong with a body does not matter where there is nothing.
      for (const [type, body] of [
        ['application/json', '{'],
        ['application/json', ''],
        ['text/plain', 'x'],
        ['', 'x'],
      ] as const) {
        const call = { method: 'POST', path: `${base}/none`, headers: { 'content-type': type }, body }
        const answer = await ask(call)
        read(answer, `POST ${base}/none ${type}`)
        assert.equal(answer.status, 404)
      }
    }))

  test('malformed percent-encoding and over-long parameters: 400 that a browser may read', () =>
    leavingNothing(async () => {
      const paths = [
        '/%zz',
        `${base}/%`,
        '/%',
        `${base}/%E0%A4%A`,
        '/files/%zz',
        `/files/${'x'.repeat(4_000)}`,
      ]
      for (const path of [...paths, ...about.malformedPaths]) {
        const answer = await ask({ path, token: ground.rich, headers: { origin: 'https://a.example' } })
        assert.equal(read(answer, path).code, about.codes.malformed)
        assert.equal(answer.status, 400, path)
        assert.equal(answer.headers['access-control-allow-origin'], '*', path)
        assert.equal(answer.headers['x-content-type-options'], 'nosniff', path)
      }
    }))
}
