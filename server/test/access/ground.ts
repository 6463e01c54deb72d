import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildApp } from '../../src/http/app.ts'
import type { Dialect, Route } from '../../src/http/dialect.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { startTaskWorker } from '../../src/jobs/task-worker.ts'
import type { Context } from '../../src/kernel/context.ts'
import type { Gateway } from '../../src/kernel/ports/gateway.ts'
import type { Platform } from '../../src/kernel/ports/platform.ts'
import type { Provider } from '../../src/kernel/ports/provider.ts'
import type { Preset } from '../../src/kernel/preset.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import type { FakeProvider } from '../fakes/provider.ts'
import { createFakeProvider } from '../fakes/provider.ts'

/** HTTP status and business code; they are the same where a document has no codes. */
export type Refused = readonly [status: number, code: number]
type Named = { email: string; username: string }

/** What differs between dialects in who may do and see what; the rest is one suite. */
export type AccessDialect = {
  dialect: Dialect
  preset?: Partial<Preset>
  gateways?: readonly Gateway[]
  platforms?: readonly Platform[]
  /** Besides the fake that takes the place of `sketch`. */
  providers?: readonly Provider[]
  codeOf: (body: Record<string, unknown>) => number
  success: Refused
  refused: {
    /** No token; one that is none of ours; one whose time is over; one that was ended; one of nobody we know. */
    missing: Refused
    invalid: Refused
    expired: Refused
    revoked: Refused
    unknown: Refused
    disabled: Refused
    /** The login of somebody disabled who knows the password; as `disabled` unless given. */
    disabledLogin?: Refused
    notAdmin: Refused
    login: Refused
    limited: Refused
  }
  /** The code of an address without anything, for its HTTP status. */
  nowhere: (status: number) => number
  /** What a reply about limits says besides; `seconds` is its Retry-After. */
  checkLimited?: (answer: Answer, seconds: number) => void
  /** A read for users; two of the class `read` that are limited; where to log in. */
  paths: { own: string; reads: readonly [string, string]; login: string; purchase: string }
  login: (named: Named, password: string) => object
  /** Where the answer has the token; `token` unless said otherwise. */
  tokenField?: string
  /** Makes what a purchase needs. @returns its body */
  prepare: (context: Context) => Promise<object>
  /** A picture of the account's. @returns the path of its address */
  makePicture: (ground: Ground, token: string) => Promise<string>
  /** Deletes the account's only picture, where the document can. */
  deletePicture?: (ground: Ground, token: string) => Promise<void>
  /** Ends the session it is asked with, so no session outlives it. */
  endsSession?: (route: Route) => boolean
}

export type Answer = {
  status: number
  code: number
  message: string
  // The shapes of many replies; each test names what it reads.
  data: Record<string, unknown> | null
  headers: Record<string, unknown>
  text: string
}

type CallOptions = { app?: FastifyInstance; token?: string; headers?: Record<string, string>; body?: object }

export type Ground = {
  about: AccessDialect
  site: TestSite
  provider: FakeProvider
  /** The body of a purchase. */
  purchase: object
  guarded: readonly Route[]
  call: (method: string, url: string, options?: CallOptions) => Promise<Answer>
  /** Below the dialect's base. */
  url: (path: string) => string
  urlOf: (route: Route) => string
  login: (named: Named, password: string, options?: CallOptions) => Promise<Answer>
  /** Sends a request to every guarded route; each must refuse, whatever else is wrong with it. */
  everywhere: (refused: Refused, token: string | undefined, why: string) => Promise<void>
  /** The code that a user's own read is answered with. */
  ownCode: (token: string, app?: FastifyInstance) => Promise<number>
  /** Waits until that read is answered so. @returns how long that took, in milliseconds. */
  untilAnswered: (refused: Refused, token: string) => Promise<number>
  withLogs: (changes: Partial<Context>, body: LogsBody) => Promise<void>
}

type LogsBody = (app: FastifyInstance, context: Context, logged: () => string) => Promise<void>

export const WITHIN_MS = 5_000

/** So many a minute for every class, but for what `changes` says. */
export function limitsOf(points: number, changes: Partial<Preset['limits']> = {}): Preset['limits'] {
  const classes = ['auth', 'generate', 'read', 'write'].map((name) => [name, { points, perSeconds: 60 }])
  return { ...(Object.fromEntries(classes) as Preset['limits']), ...changes }
}

export const nameOf = (one: Route): string => `${one.method} ${one.path}`

/** Opens a site of a dialect for the tests of a file. */
export function openGround(about: AccessDialect): Ground {
  const { dialect, gateways, platforms } = about
  const provider = createFakeProvider()
  const build = () =>
    buildSite({
      dialect,
      providers: [provider, ...(about.providers ?? [])],
      preset: { limits: limitsOf(1_000_000), ...about.preset },
      ...(gateways && { gateways }),
      ...(platforms && { platforms }),
    })
  const ground: Ground = {
    about,
    site: undefined as never,
    provider,
    purchase: {},
    guarded: dialect.routes.filter(({ allow }) => allow === 'user' || allow === 'admin'),
    url: (path) => `${dialect.base}${path}`,
    urlOf: (route) => `${dialect.base}${route.path.replace(/:\w+/g, '1')}`,
    call: async (method, url, options = {}) => {
      const { app = ground.site.app, token, headers = {}, body } = options
      const reply = await app.inject({
        method: method as 'GET',
        url,
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
        ...(body && { payload: body }),
      })
      const answer = reply.payload.startsWith('{') ? reply.json() : {}
      const { message = '', data = null } = answer
      const code = about.codeOf(answer) ?? 0
      // The moment of an answer is nothing that tells one from another.
      const text = reply.payload.replace(/,"timestamp":\d{13}/, '')
      return { status: reply.statusCode, code, message, data, headers: reply.headers, text }
    },
    login: (named, password, options = {}) =>
      ground.call('POST', ground.url(about.paths.login), { ...options, body: about.login(named, password) }),
    everywhere: async (refused, token, why) => {
      for (const one of ground.guarded) {
        const options = { ...(token !== undefined && { token }), ...(one.body && { body: {} }) }
        const answer = await ground.call(one.method, ground.urlOf(one), options)
        const told = `${nameOf(one)} with ${why}: ${answer.text}`
        assert.deepEqual([answer.status, answer.code, answer.data], [...refused, null], told)
        assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
      }
    },
    ownCode: async (token, app = ground.site.app) =>
      (await ground.call('GET', ground.url(about.paths.own), { app, token })).code,
    untilAnswered: async ([, code], token) => {
      const startedAt = performance.now()
      for (;;) {
        const answered = await ground.ownCode(token)
        const waitedMs = performance.now() - startedAt
        if (answered === code) return waitedMs
        assert.ok(waitedMs < 6_000, `still ${answered}, not ${code}, after ${waitedMs} ms`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    /** The same site with everything it logs, at level trace and without any striking out. */
    withLogs: async (changes, body) => {
      const lines: string[] = []
      const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
      const quiet = await build()
      const context: Context = { ...quiet.context, log, ...changes }
      const worker = startTaskWorker(context, { concurrency: 4 })
      const options = { logger: log, metrics: createMetrics(context, () => 0), trustProxy: [] }
      const app = await buildApp(context, { ...dialect, preset: context.preset }, options)
      try {
        await body(app, context, () => lines.join(''))
      } finally {
        await worker.stop(1_000)
        await app.close()
        await quiet.close()
      }
    },
  }
  before(async () => {
    ground.site = await build()
    ground.purchase = await about.prepare(ground.site.context)
    ground.site.startWorker()
  })
  after(() => ground.site.close())
  return ground
}
