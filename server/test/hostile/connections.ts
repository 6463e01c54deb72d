import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { buildApp } from '../../src/http/app.ts'
import type { Metrics } from '../../src/http/metrics.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { answersIn, dribble, sayRaw } from './client.ts'
import type { Ground } from './ground.ts'

/** What clients do to the connection itself. */
export function testConnections(ground: Ground): void {
  const { about, read, leavingNothing } = ground
  const { base } = about.dialect
  const { malformed, unauthenticated } = about.codes
  const path = (one: keyof typeof about.paths): string => base + about.paths[one]
  const say = (bytes: string | Buffer) => sayRaw(bytes, ground.port)
  const head = (line: string): string => `${line} HTTP/1.1\r\nHost: a\r\n`
  const posting = (to: string): string => `${head(`POST ${to}`)}Content-Type: application/json\r\n`
  const reading = (): string => `${head(`GET ${path('read')}`)}Authorization: Bearer ${ground.rich}\r\n\r\n`

  test('bytes that are no request: 400 in the envelope, and the connection ends', () =>
    leavingNothing(async () => {
      const [get, post] = [`GET ${path('read')}`, posting(path('login'))]
      for (const bytes of [
        'NONSENSE\r\n\r\n',
        'GET / HTTP/9.9\r\n\r\n',
        head(`FETCH ${path('read')}`).concat('\r\n'),
        `${get}\r\n\r\n\r\n`,
        `${get} HTTP/1.1\r\nHost a\r\n\r\n`,
        `${head(get)}x\0y: z\r\n\r\n`,
        `${head(get)}x: a\0b\r\n\r\n`,
        `${head(`${get} more`)}\r\n`,
        `${get} HTTP/1.1\r\nConnection: close\r\n\r\n`,
        `${post}Content-Length: -1\r\n\r\n`,
        `${post}Content-Length: 1e3\r\n\r\n`,
        `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
        `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
        `${head('GET /猫')}\r\n`,
        Buffer.from('16030100a5010000a10303', 'hex'),
        Buffer.alloc(64),
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      ]) {
        const heard = answersIn(await say(bytes))
        const why = JSON.stringify(bytes.toString().slice(0, 60))
        assert.equal(heard.length, 1, `${why}: ${heard.length} answers`)
        const [answer] = heard
        assert.ok(answer)
        assert.equal(read(answer, why).code, malformed)
        assert.equal(answer.status, 400, why)
      }
    }))

  test('headers of more than 16 KB: 431 in the envelope', () =>
    leavingNothing(async () => {
      const long = 'x'.repeat(20_000)
      const close = 'Connection: close\r\n'
      for (const more of [`Authorization: Bearer ${long}`, `X: ${long}`, `${'a: b\r\n'.repeat(9_000)}c: d`]) {
        const [answer, ...others] = answersIn(
          await say(`${head(`GET ${path('read')}`)}${close}${more}\r\n\r\n`),
        )
        assert.ok(answer)
        assert.equal(others.length, 0)
        assert.equal(answer.status, 431)
        read(answer, more.slice(0, 30))
      }
      const [url] = answersIn(await say(`${head(`GET /${long}`)}${close}\r\n`))
      assert.ok(url)
      read(url, 'a long URL')
    }))

  test('nonsense after a request: that request is answered, the nonsense refused, neither inside the other', () =>
    leavingNothing(async () => {
      const heard = answersIn(await say(`${reading()}NONSENSE\r\n\r\n`))
      for (const answer of heard) read(answer, 'pipelined')
      // Node may end the connection before the first answer is written, but never mixes the two.
      assert.ok(heard.length === 1 || heard.length === 2)
      const two = answersIn(
        await say(reading() + reading().replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
      )
      assert.deepEqual(
        two.map((answer) => read(answer, 'pipelined').isSuccess),
        [true, true],
      )
    }))

  type Outcome = { method: string; status: number; code: string }

  /** A second server on the same site with a short patience, telling what it counted. */
  const withImpatientServer = async (
    timeoutMs: number,
    body: (port: number, outcomes: Outcome[], logged: string[]) => Promise<void>,
  ): Promise<void> => {
    const { context } = ground.site
    const outcomes: Outcome[] = []
    const logged: string[] = []
    const metrics: Metrics = {
      ...createMetrics(context, () => 0),
      request: (method, _route, status, code) => void outcomes.push({ method, status, code }),
    }
    const logger = pino({ level: 'debug' }, { write: (line) => void logged.push(line) })
    const options = { logger, metrics, trustProxy: [], requestTimeoutMs: timeoutMs }
    const app = await buildApp(context, { ...about.dialect, preset: context.preset }, options)
    try {
      await app.listen({ port: 0, host: '127.0.0.1' })
      await body((app.server.address() as AddressInfo).port, outcomes, logged)
    } finally {
      app.server.closeAllConnections()
      await app.close()
    }
  }

  test('a body or a head of one byte at a time: 408 in the envelope within the timeout, not twice it', () =>
    leavingNothing(() =>
      withImpatientServer(1_000, async (to) => {
        const startedAt = performance.now()
        const slow = await Promise.all([
          dribble(`${posting(path('login'))}Content-Length: 500\r\n\r\n`, '{"email":"a', to),
          dribble(`${head(`GET ${path('read')}`)}X-Slow: `, 'x', to),
        ])
        for (const heard of slow) {
          const [answer, ...more] = answersIn(heard)
          assert.ok(answer, 'an answer came')
          assert.equal(more.length, 0)
          assert.equal(answer.status, 408)
          assert.equal(read(answer, 'slow').isSuccess, false)
        }
        assert.ok(performance.now() - startedAt < 3_000, `${performance.now() - startedAt} ms`)
      }),
    ))

  test('a slow body that was refused at once is not answered a second time', () =>
    leavingNothing(() =>
      withImpatientServer(1_000, async (to) => {
        const heard = answersIn(
          await dribble(`${posting(path('write'))}Content-Length: 500\r\n\r\n`, 'x', to),
        )
        assert.equal(heard.length, 1)
        assert.ok(heard[0])
        assert.ok(unauthenticated.has(read(heard[0], 'refused before its body').code))
      }),
    ))

  test('a client that leaves in the middle of its body is not a failure of the house', () =>
    leavingNothing(() =>
      withImpatientServer(5_000, async (to, outcomes, logged) => {
        const socket = connect(to, '127.0.0.1')
        socket.write(`${posting(path('login'))}Content-Length: 500\r\n\r\n{"email":`)
        await new Promise((resolve) => setTimeout(resolve, 100))
        socket.resetAndDestroy()
        // Whatever is counted or logged is so at once; nothing need be.
        await new Promise((resolve) => setTimeout(resolve, 500))
        const isFailure = outcomes.some(({ status }) => status >= 500)
        assert.equal(isFailure, false, JSON.stringify(outcomes))
        const isComplaint = logged.some((line) => JSON.parse(line).level >= 40)
        assert.equal(isComplaint, false, logged.join(''))
      }),
    ))

  test('connections that say nothing, or whose last answer ends meanwhile, do not hold a closing server up', async () => {
    const app = await buildApp(
      ground.site.context,
      { ...about.dialect, preset: ground.site.context.preset },
      {
        logger: pino({ level: 'silent' }),
        metrics: createMetrics(ground.site.context, () => 0),
        trustProxy: [],
      },
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    const to = (app.server.address() as AddressInfo).port
    const begun = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    const slow = about.slow(ground, begun.resolve, finish.promise)
    const body = JSON.stringify(slow.body)
    const authorized = `Authorization: Bearer ${ground.rich}\r\nContent-Length: ${Buffer.byteLength(body)}`
    const open = (bytes: string): Promise<string> => {
      let text = ''
      const { promise, resolve } = Promise.withResolvers<string>()
      const socket = connect(to, '127.0.0.1', () => bytes !== '' && socket.write(bytes))
      socket.setEncoding('utf8')
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
      return promise
    }
    const silent = open('')
    const busy = open(`${posting(base + slow.path)}${authorized}\r\n\r\n${body}`)
    await begun.promise
    const startedAt = performance.now()
    const closed = app.close()
    setTimeout(finish.resolve, 200)
    const all = Promise.all([busy, silent, closed])
    const isQuick = await Promise.race([all.then(() => true), sleep(5_000, false, { ref: false })])
    app.server.closeAllConnections()
    const [heard] = await all
    assert.ok(isQuick, `closing took ${performance.now() - startedAt} ms`)
    assert.deepEqual(
      answersIn(heard).map((answer) => read(answer, 'while closing').isSuccess),
      [true],
    )
  })

  test('a request that arrives while the server closes is still answered in the envelope', async () => {
    await withImpatientServer(5_000, async () => {})
    const app = await buildApp(
      ground.site.context,
      { ...about.dialect, preset: ground.site.context.preset },
      {
        logger: pino({ level: 'silent' }),
        metrics: createMetrics(ground.site.context, () => 0),
        trustProxy: [],
      },
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    const begun = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    const slow = about.slow(ground, begun.resolve, finish.promise)
    const body = JSON.stringify(slow.body)
    const authorized = `Authorization: Bearer ${ground.rich}\r\nContent-Length: ${Buffer.byteLength(body)}`
    const heard = new Promise<string>((resolve) => {
      let text = ''
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () =>
        socket.write(`${posting(base + slow.path)}${authorized}\r\n\r\n${body}`),
      )
      socket.setEncoding('utf8')
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
      void begun.promise.then(async () => {
        const closed = app.close()
        socket.write(reading())
        setTimeout(finish.resolve, 200)
        await closed
      })
    })
    assert.deepEqual(
      answersIn(await heard).map((answer) => read(answer, 'while closing').isSuccess),
      [true, true],
    )
  })
}
