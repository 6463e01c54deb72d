import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Dialect, Route } from '../../src/http/dialect.ts'
import { createTokens } from '../../src/http/tokens.ts'
import { units } from '../../src/kernel/money.ts'
import type { Gateway } from '../../src/kernel/ports/gateway.ts'
import type { Platform } from '../../src/kernel/ports/platform.ts'
import type { Preset } from '../../src/kernel/preset.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import type { FakeProvider } from '../fakes/provider.ts'
import { createFakeProvider } from '../fakes/provider.ts'
import type { Answer, Call } from './client.ts'
import { hangUp, send } from './client.ts'

/** An answer read: whether it is a success, its business code (the HTTP status where a document has no other). */
export type Verdict = { isSuccess: boolean; code: number; message: string; data: unknown }

/** What hostile clients need to know of a dialect; everything else they do to all of them alike. */
export type HostileDialect = {
  dialect: Dialect
  preset?: Partial<Preset>
  gateways?: readonly Gateway[]
  platforms?: readonly Platform[]
  /** Makes what the samples name; afterwards nothing may be left behind. */
  prepare?: (ground: Ground) => Promise<void>
  /** Checks that an answer is the document's envelope and nothing else, and no failure of ours. */
  read: (answer: Answer, told: string) => Verdict
  codes: {
    /** What is no request, no JSON, or nothing a route knows. */
    malformed: number
    /** That something in the body was wrong. */
    badInput: ReadonlySet<number>
    /** That nobody, or nobody known, is asking. */
    unauthenticated: ReadonlySet<number>
  }
  /** What HTTP says of a body of another type and of one that is too large, where it is not 415 and 413. */
  statuses?: { unsupported: number; tooLarge: number }
  /** Well-formed values for every field a route's schema declares, refused all the same; with `rich` credits, too. */
  sample: (route: Route, ground: Ground) => Record<string, unknown>
  /** The same for trying one field after the other, where what is well-formed may come to pass. */
  trial?: (route: Route, ground: Ground) => { fields: Record<string, unknown>; param: string } | null
  /** What stands in a path for something that is not there. */
  nothing: string
  /** A token for a route, where that of a user with credits does not do. */
  token?: (route: Route, ground: Ground) => string | null
  /** Whether a route reads the header Idempotency-Key. */
  readsKey: (route: Route) => boolean
  queryNames: readonly string[]
  /** Paths that are none, back doors of earlier systems among them. */
  elsewhere: readonly string[]
  /** Paths that are no paths. */
  malformedPaths: readonly string[]
  /** A public route that takes a body, one for users that reads, one for users that takes a body. */
  paths: { login: string; read: string; write: string }
  /** A request that is answered once `finish` has come to pass, and tells when it has begun. */
  slow: (ground: Ground, begun: () => void, finish: Promise<void>) => { path: string; body: object }
}

/** A real server and what hostile clients do to it. */
export type Ground = {
  about: HostileDialect
  site: TestSite
  provider: FakeProvider
  port: number
  /** Has credits: what slips through the checks would be paid for, and show. */
  rich: string
  /** Has none: may send what the schema allows. */
  poor: string
  admin: string
  /** Whatever `prepare` made. */
  ids: Record<string, string>
  ask: (call: Call) => Promise<Answer>
  read: (answer: Answer, why: string) => Verdict
  refuses: (call: Call, why: string) => Promise<Verdict>
  /** Runs `body`, after which no table may have a row more or less and no mail may have been written. */
  leavingNothing: (body: () => Promise<void>) => Promise<void>
}

export const WITHOUT_LIMITS = Object.fromEntries(
  ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
) as Preset['limits']

const FOREIGN_WORDS =
  /FST_|fastify|statusCode|"error":|node_modules|\.[tj]s:\d|<html|<!doctype|syntax error|postgres|\bselect\b.+\bfrom\b|Unexpected|Unsupported Media|Service Unavailable|Invalid Preflight|\bmust (have|match|NOT)\b|ECONN|ENOENT|\n\s+at /i
const MOST_CHARACTERS = 20_000

/** What no answer may hold in any dialect: words of a framework, a database or a stack, or a client's own megabytes. */
export function assertNothingForeign(text: string, why: string): void {
  assert.doesNotMatch(text, FOREIGN_WORDS, why)
  assert.ok(text.length < MOST_CHARACTERS, `${why.slice(0, 200)}: an answer of ${text.length} characters`)
}

/** Opens a dialect to hostile clients for the tests of a file. */
export function openGround(about: HostileDialect): Ground {
  const provider = createFakeProvider()
  const ground: Ground = {
    about,
    site: undefined as never,
    provider,
    port: 0,
    rich: '',
    poor: '',
    admin: '',
    ids: {},
    ask: (call) => send(ground.port, call),
    read: (answer, why) => about.read(answer, `${why} -> ${answer.status} ${answer.text.slice(0, 300)}`),
    refuses: async (call, why) => {
      const told = `${call.method ?? 'GET'} ${call.path.slice(0, 80)}: ${why}`
      const verdict = ground.read(await ground.ask(call), told)
      assert.equal(verdict.isSuccess, false, told)
      return verdict
    },
    leavingNothing: async (body) => {
      const [rows, mails] = [await countRows(ground.site), (await ground.site.mails()).length]
      const started = provider.started.length
      await body()
      assert.deepEqual(await countRows(ground.site), rows)
      assert.equal((await ground.site.mails()).length, mails)
      assert.equal(provider.started.length, started)
    },
  }
  before(async () => {
    ground.site = await buildSite({
      dialect: about.dialect,
      providers: [provider],
      preset: { limits: WITHOUT_LIMITS, ...about.preset },
      ...(about.gateways && { gateways: about.gateways }),
      ...(about.platforms && { platforms: about.platforms }),
    })
    const { context, app } = ground.site
    ground.site.startWorker()
    await app.listen({ port: 0, host: '127.0.0.1' })
    ground.port = (app.server.address() as AddressInfo).port
    ground.rich = (await createUser(context, units(10_000))).token
    ground.poor = (await createUser(context, units(0))).token
    ground.admin = (await createUser(context, units(0), { role: 'admin' })).token
    await about.prepare?.(ground)
  })
  after(async () => {
    hangUp()
    await ground.site.close()
  })
  return ground
}

/**
 * Sessions of an account of their own, for calls that end the one they are asked with: each time takes another.
 * The account has nothing else, so what ends costs nobody else anything.
 */
export async function openLeavers({ site }: Ground, most = 4_000): Promise<() => string> {
  const { context } = site
  const { accountId, account } = await createUser(context, units(0))
  const { rows } = await context.db.pool.query<{ id: string; expiresAt: Date }>(
    `insert into session (id, account_id, version, expires_at)
     select gen_random_uuid(), id, session_version, now() + interval '1 day' from account, generate_series(1, $2)
     where id = $1 returning id, expires_at as "expiresAt"`,
    [accountId, most],
  )
  const { sign } = createTokens(context.keys.token, context.site, context.clock.now)
  const tokens = rows.map((session) => sign(session, account.uuid))
  return () => tokens.pop() ?? assert.fail('too few sessions')
}

/** What is written however a call ends, by the hour or the day it came in. */
const COUNTED_PER_CALL = ['call_count']

/** How many rows every table of the site has; tables to come are counted by themselves. */
async function countRows(site: TestSite): Promise<Record<string, string>> {
  const { pool } = site.context.db
  const { rows: tables } = await pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> all ($1) order by 1`,
    [COUNTED_PER_CALL],
  )
  assert.ok(tables.length > 10)
  const counts = tables.map(({ name }) => `select '${name}' as name, count(*)::text as rows from "${name}"`)
  const { rows } = await pool.query<{ name: string; rows: string }>(counts.join(' union all '))
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]))
}

/** The names of all files the site keeps. */
export async function filesOf({ site }: Ground): Promise<string[]> {
  const entries = await readdir(join(site.dataDir, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

/** The fields a route's schema declares, and whether it wants them. */
export function fieldsOf(route: Route): [name: string, isRequired: boolean][] {
  if (!route.body) return []
  const { properties, required = [] } = route.body as unknown as { properties: object; required?: string[] }
  return Object.keys(properties).map((name) => [name, required.includes(name)])
}

/** A body with one field's value given as raw JSON text, which need not be a value JavaScript could write. */
export function bodyWith(sample: Record<string, unknown>, field: string, rawValue: string): string {
  const rest = Object.entries(sample).filter(([name]) => name !== field)
  const fields = rest.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return `{${[...fields, `${JSON.stringify(field)}:${rawValue}`].join(',')}}`
}

export function pathOf({ about }: Ground, route: Route, param = about.nothing): string {
  return `${about.dialect.base}${route.path.replace(/:\w+/g, () => param)}`
}
