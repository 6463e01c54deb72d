import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pino } from 'pino'
import { Check } from 'typebox/value'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import { buildApp } from '../src/http/app.ts'
import type { Route } from '../src/http/dialect.ts'
import type { Metrics } from '../src/http/metrics.ts'
import { createMetrics } from '../src/http/metrics.ts'
import { units } from '../src/kernel/money.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'
import { createFakeProvider, donePictures } from './fakes/provider.ts'
import { codeIn } from './mail.ts'

// A real server and everything that a client can do wrong to it. Whatever comes, the answer is the document's
// envelope, never a 5xx, and nothing is left behind in the database.

const provider = createFakeProvider()
const agent = new Agent({ keepAlive: true })
let site: TestSite
let port = 0
/** Has credits: what slips through the checks would be paid for, and show. */
let rich = ''
/** Has none: may send what the schema allows. */
let poor = ''

before(async () => {
  const limits = Object.fromEntries(
    ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
  ) as never
  site = await buildSite({ providers: [provider], preset: { limits } })
  site.startWorker()
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  port = (site.app.server.address() as AddressInfo).port
  rich = (await createUser(site.context, units(10_000))).token
  poor = (await createUser(site.context, units(0))).token
})
after(async () => {
  agent.destroy()
  await site.close()
})

type Call = {
  method?: string
  path: string
  token?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}
type Answer = { status: number; headers: IncomingHttpHeaders; text: string }
type Envelope = { success: boolean; code: number; message: string; data: unknown }

/** Sends a request as it is: no client library that would tidy up the path, the headers or the body. */
function ask({ method = 'GET', path, token, headers = {}, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      agent,
      method,
      path,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined &&
          !headers['transfer-encoding'] && { 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    })
    sent.on('error', reject)
    sent.on('response', (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', reject)
      reply.on('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.end(body)
  })
}

const MEBIBYTE = 1_048_576
const JSON_TYPE = { 'content-type': 'application/json' }

/** The codes of facts/waliassets.md, section 0, that may be answered to a client's mistake. */
const CODES = new Set([
  ...[1, 1001, 1002, 1003, 1004, 1005, 1006, 1101, 1102, 1103, 1104, 1105, 1107, 1201, 1202, 1203, 1301],
  ...[1401, 1402, 1404, 1406, 1501, 1503, 1601, 1602, 9003],
])
/** Those that say that something in the body was wrong. */
const BAD_INPUT = new Set([1406, 1503, 1601, 1602])
const STATUSES = new Set([200, 400, 404, 408, 413, 415, 429, 431])
const FOREIGN_WORDS =
  /FST_|fastify|statusCode|"error":|node_modules|\.[tj]s:\d|<html|<!doctype|syntax error|postgres|\bselect\b.+\bfrom\b|Unexpected|Unsupported Media|Bad Request|Not Found|Internal Server|Service Unavailable|Too Large|Invalid Preflight|\bmust (be|have|match|NOT)\b/i

/** Checks that an answer is the document's envelope and nothing else. `why` names the input. */
function envelopeOf(answer: Answer, why: string): Envelope {
  const told = `${why} -> ${answer.status} ${answer.text.slice(0, 300)}`
  assert.ok(STATUSES.has(answer.status), told)
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
  const envelope = JSON.parse(answer.text)
  assert.deepEqual(Object.keys(envelope), ['success', 'code', 'message', 'data'], told)
  assert.ok(CODES.has(envelope.code), told)
  assert.equal(envelope.success, envelope.code === 1, told)
  assert.match(envelope.message, /\p{Script=Han}/u, told)
  assert.doesNotMatch(answer.text, FOREIGN_WORDS, told)
  assert.ok(answer.text.length < 20_000, `${why}: an answer of ${answer.text.length} characters`)
  return envelope
}

async function refuses(call: Call, why: string): Promise<Envelope> {
  const envelope = envelopeOf(await ask(call), `${call.method ?? 'GET'} ${call.path.slice(0, 80)}: ${why}`)
  assert.equal(envelope.success, false, why)
  return envelope
}

/** How many rows every table of the site has; tables to come are counted by themselves. */
async function countRows(): Promise<Record<string, string>> {
  const { pool } = site.context.db
  const { rows: tables } = await pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  )
  assert.ok(tables.length > 10)
  const counts = tables.map(({ name }) => `select '${name}' as name, count(*)::text as rows from "${name}"`)
  const { rows } = await pool.query<{ name: string; rows: string }>(counts.join(' union all '))
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]))
}

/** Runs `body`, after which no table may have a row more or less and no mail may have been written. */
async function leavingNothing(body: () => Promise<void>): Promise<void> {
  const [rows, mails, started] = [await countRows(), (await site.mails()).length, provider.started.length]
  await body()
  assert.deepEqual(await countRows(), rows)
  assert.equal((await site.mails()).length, mails)
  assert.equal(provider.started.length, started)
}

/** A well-formed value for each field that a schema declares. Refused where it may be: example.com, no code, no package. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  email: 'hostile@example.com',
  emailCode: '000000',
  password: 'password123',
  username: 'hostile',
  type: 'register',
  prompt: '猫',
  size: '64x64',
  guidance_scale: 2.5,
  seed: 7,
  watermark: false,
  package: 'no_such_package',
  paymentType: 'alipay',
}

function fieldsOf(route: Route): [name: string, isRequired: boolean][] {
  if (!route.body) return []
  const { properties, required = [] } = route.body as unknown as { properties: object; required?: string[] }
  return Object.keys(properties).map((name) => [name, required.includes(name)])
}

function sampleOf(route: Route): Record<string, unknown> {
  return Object.fromEntries(fieldsOf(route).map(([name]) => [name, SAMPLES[name] ?? 'sample']))
}

/** The body with one field's value given as raw JSON text, which need not be a value JavaScript could write. */
function bodyWith(route: Route, field: string, rawValue: string): string {
  const rest = Object.entries(sampleOf(route)).filter(([name]) => name !== field)
  const fields = rest.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return `{${[...fields, `${JSON.stringify(field)}:${rawValue}`].join(',')}}`
}

function pathOf(route: Route, param = 'x1'): string {
  return `${waliassets.base}${route.path.replace(/:\w+/g, param)}`
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const nestedObjects = (depth: number): string => '{"a":'.repeat(depth) + 1 + '}'.repeat(depth)

const NOT_JSON: readonly [why: string, body: string | Buffer][] = [
  ['empty', ''],
  ['blank', ' \n '],
  ['malformed', '{prompt: 1}'],
  ['single quotes', "{'prompt':'x'}"],
  ['trailing comma', '{"prompt":"x",}'],
  ['two values', '{}{}'],
  ['undefined', 'undefined'],
  ['NaN', '{"seed":NaN}'],
  ['one quote', '"'],
  ['a NUL', '\0'],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22])],
  ['gzip', gzipSync('{"prompt":"x"}')],
  ['unclosed arrays', '['.repeat(900_000)],
]
const NOT_AN_OBJECT: readonly [why: string, body: string][] = [
  ['null', 'null'],
  ['array', '[]'],
  ['array of objects', '[{"prompt":"x"}]'],
  ['string', '"text"'],
  ['number', '12'],
  ['infinity', '1e999'],
  ['true', 'true'],
  ['deep array', nested(400_000)],
]

/** Values that are wrong somewhere, as raw JSON text. */
const VALUES: readonly string[] = [
  ...['null', 'true', 'false', '""', '" "', '[]', '{}', '["x"]', '[null]', '{"x":1}', '{"length":3}'],
  ...['0', '-1', '-0', '0.1', '9007199254740992', '9007199254740993', '-9007199254740993', '1e308', '-1e308'],
  ...['1e999', '-1e999', '1e-999', '99999999999999999999999999', '"1"', '"1e999"', '"NaN"', '"-1"', '"true"'],
  ...['"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"x\\ud83d"', '["\\u0000"]', '{"\\ud800":1}'],
  ...['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '"__proto__"'],
  ...['"\' or 1=1; drop table account; --"', '"a@qq.com\\r\\nBcc: b@qq.com"', '"<script>alert(1)</script>"'],
  ...[
    '"../../etc/passwd"',
    '"%24{7*7}"',
    '"%00"',
    '"\\u202e\\ufeff\\u200b"',
    '"\\ufdfa\\ufdfa\\ufdfa\\ufdfa"',
  ],
  ...[nested(30_000), nestedObjects(30_000), `"${'x'.repeat(300)}"`, `"${'长'.repeat(9_000)}"`],
  ...[`"${'x'.repeat(250)}@qq.com"`, '"İ@qq.com.evil"', '"a@b@qq.com"', '"@qq.com"', '"a@qq.com,b@qq.com"'],
  ...['"0x0"', '"99999x99999"', '"-1x-1"', '"64x64x64"', '"1e9x1e9"', '"６４x６４"', '"64 x 64"', '"63x64"'],
]

/** PostgreSQL cannot store these, wherever they are. */
const isUnstorable = (rawValue: string): boolean => /\\u0000|\\u[dD][89a-fA-F]/.test(rawValue)

for (const route of waliassets.routes) {
  const name = `${route.method} ${route.path}`
  const path = pathOf(route)
  const base = {
    method: route.method,
    path,
    // Not known yet while the tests are declared.
    get token() {
      return rich
    },
  }
  // A body means nothing to a GET; Fastify does not read it.
  const readsBody = route.body !== null || route.method !== 'GET'
  const expect = async (call: Call, why: string): Promise<void> => {
    const envelope = envelopeOf(await ask(call), `${name}: ${why}`)
    if (route.body) assert.equal(envelope.success, false, `${name}: ${why}`)
  }

  test(`${name}: a body that is not JSON, or not an object`, () =>
    leavingNothing(async () => {
      const sample = JSON.stringify(sampleOf(route))
      for (const [why, body] of [...NOT_JSON, ['truncated', sample.slice(0, -1)] as const]) {
        const call = { ...base, headers: JSON_TYPE, body }
        const envelope = envelopeOf(await ask(call), `${name}: ${why}`)
        if (route.body || (readsBody && why !== 'empty')) assert.equal(envelope.code, 1602, why)
      }
      for (const [why, body] of NOT_AN_OBJECT) {
        const { code } = envelopeOf(await ask({ ...base, headers: JSON_TYPE, body }), `${name}: ${why}`)
        if (route.body) assert.ok(BAD_INPUT.has(code), `${name}: ${why} was answered ${code}`)
      }
    }))

  test(`${name}: another content type, or none`, () =>
    leavingNothing(async () => {
      const sample = JSON.stringify(sampleOf(route))
      const form = new URLSearchParams({ email: 'a@qq.com', prompt: 'x' }).toString()
      const parts = '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nx\r\n--b--\r\n'
      const calls: [type: string | null, body: string | Buffer][] = [
        [null, sample],
        ['', sample],
        ['text/plain', sample],
        ['text/json', sample],
        ['application/jsonx', sample],
        ['application/xml', '<prompt>x</prompt>'],
        ['application/x-www-form-urlencoded', form],
        ['multipart/form-data; boundary=b', parts],
        ['nonsense', sample],
        ['application/json, text/plain', sample],
        ['*/*', sample],
      ]
      for (const [type, body] of calls) {
        const headers: Record<string, string> = type === null ? {} : { 'content-type': type }
        const answer = await ask({ ...base, headers, body })
        envelopeOf(answer, `${name}: ${type}`)
        if (readsBody) assert.equal(answer.status, 415, `${name}: ${type}`)
      }
      const zipped = { ...JSON_TYPE, 'content-encoding': 'gzip' }
      await expect({ ...base, headers: zipped, body: gzipSync(sample) }, 'gzip')
      await expect({ ...base, headers: zipped, body: Buffer.from('1f8b08deadbeef', 'hex') }, 'bad gzip')
    }))

  test(`${name}: keys that reach for a prototype, and very deep nesting`, () =>
    leavingNothing(async () => {
      for (const extra of [
        '"__proto__":{"role":"admin"}',
        '"constructor":{"prototype":{"role":"admin"}}',
        '"a":{"__proto__":null}',
        '"\\u005f_proto__":{"role":"admin"}',
        `"a":${nested(30_000)}`,
        `"a":${nestedObjects(30_000)}`,
      ]) {
        const sample = JSON.stringify(sampleOf(route)).slice(1, -1)
        const body = `{${[sample, extra].filter(Boolean).join(',')}}`
        const envelope = envelopeOf(
          await ask({ ...base, headers: JSON_TYPE, body }),
          `${name}: ${extra.slice(0, 40)}`,
        )
        if (readsBody) assert.equal(envelope.code, 1602, extra.slice(0, 40))
      }
      assert.equal(({} as { role?: string }).role, undefined)
    }))

  if (route.body) {
    test(`${name}: each declared field with a wrong value, or without one`, () =>
      leavingNothing(async () => {
        const { body: schema } = route
        assert.ok(schema)
        for (const [field, isRequired] of fieldsOf(route)) {
          if (isRequired) {
            const { [field]: _left, ...rest } = sampleOf(route)
            const call = { ...base, headers: JSON_TYPE, body: JSON.stringify(rest) }
            const { code } = await refuses(call, `without ${field}`)
            assert.ok(BAD_INPUT.has(code), `${name} without ${field} was answered ${code}`)
          }
          for (const value of VALUES) {
            const body = bodyWith(route, field, value)
            const isAllowed = Check(schema, JSON.parse(body)) && !isUnstorable(value)
            const call = { ...base, token: isAllowed ? poor : rich, headers: JSON_TYPE, body }
            const why = `${field} = ${value.slice(0, 60)}`
            const { code } = await refuses(call, why)
            if (!isAllowed) assert.ok(BAD_INPUT.has(code), `${name}: ${why} was answered ${code}`)
          }
        }
      }))

    test(`${name}: text that cannot be stored in any field, known or not`, () =>
      leavingNothing(async () => {
        for (const field of [...fieldsOf(route).map(([one]) => one), 'unknown']) {
          for (const value of ['"a\\u0000"', '"\\ud800"', '[{"x":"\\u0000"}]', '{"a\\u0000":1}']) {
            const body = bodyWith(route, field, value)
            const { code } = await refuses({ ...base, headers: JSON_TYPE, body }, `${field} = ${value}`)
            assert.ok(BAD_INPUT.has(code))
          }
        }
        const long = `"${'k'.repeat(100_000)}\\u0000":1`
        const body = `${JSON.stringify(sampleOf(route)).slice(0, -1)},${long}}`
        await refuses({ ...base, headers: JSON_TYPE, body }, 'a long name is not sent back')
      }))
  }

  test(`${name}: one megabyte of text, and more than twelve`, () =>
    leavingNothing(async () => {
      const field = fieldsOf(route)[0]?.[0] ?? 'text'
      const megabyte = bodyWith(route, field, `"${'字'.repeat(349_000)}"`)
      await expect({ ...base, headers: JSON_TYPE, body: megabyte }, '1 MB')
      const tooLarge = bodyWith(route, field, `"${'x'.repeat(Math.max(12 * MEBIBYTE, route.bodyLimit))}"`)
      const whole = await ask({ ...base, headers: JSON_TYPE, body: tooLarge })
      const chunked = await ask({
        ...base,
        token: rich,
        headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' },
        body: tooLarge,
      })
      for (const answer of [whole, chunked]) {
        envelopeOf(answer, `${name}: 12 MB and more`)
        if (readsBody) assert.equal(answer.status, 413)
      }
    }))

  test(`${name}: hostile query parameters`, () =>
    leavingNothing(async () => {
      const values = [
        ...[
          '-1',
          '0',
          '1e308',
          '1e999',
          '0.1',
          'NaN',
          'Infinity',
          '9007199254740993',
          '99999999999999999999',
        ],
        ...[
          '',
          '%20',
          '%00',
          'a%00b',
          '%ED%A0%80',
          '%F0%9F%98',
          '%',
          '%zz',
          '%25zz',
          "'%20or%201=1--",
          '[]',
          '{}',
        ],
        ...['2024-02-30', '0000-00-00', '0000-01-01', '9999-12-31', '99999-01-01', '2024-01-01T00:00:00Z'],
        ...[
          'null',
          'undefined',
          'true',
          '__proto__',
          'constructor',
          'toString',
          'hasOwnProperty',
          'x'.repeat(5_000),
        ],
      ]
      const names = [
        'page',
        'limit',
        'type',
        'status',
        'startDate',
        'endDate',
        '__proto__',
        'constructor',
        'x%00',
      ]
      // The body is one that is refused, so that only the query matters.
      const sent = route.body ? { headers: JSON_TYPE, body: '{}' } : {}
      const queries = names.flatMap((parameter) => [
        ...values.map((value) => `${parameter}=${value}`),
        ...['-1', '%00', 'x'].flatMap((value) => [
          `${parameter}=${value}&${parameter}=1`,
          `${parameter}=1&${parameter}=${value}`,
          `${parameter}[]=${value}`,
        ]),
      ])
      for (const query of queries) {
        envelopeOf(await ask({ ...base, path: `${path}?${query}`, ...sent }), `${name}?${query.slice(0, 60)}`)
      }
      const many = Array.from({ length: 1_500 }, (_, index) => `p${index}=1`).join('&')
      for (const query of ['&&&', '=', '?', '=&=', 'page', '#', many]) {
        envelopeOf(await ask({ ...base, path: `${path}?${query}`, ...sent }), `${name}?${query.slice(0, 60)}`)
      }
      assert.equal(({} as { page?: string }).page, undefined)
    }))

  test(`${name}: hostile paths`, () =>
    leavingNothing(async () => {
      const sent = route.body ? { headers: JSON_TYPE, body: '{}' } : {}
      const params = [
        ...[
          '%zz',
          '%',
          '%E0%A4%A',
          '%00',
          'a%00b',
          '%ED%A0%80',
          '%FF',
          '-1',
          '0',
          '1e308',
          '9007199254740993',
        ],
        ...[
          '99999999999999999999',
          '1%20or%201=1',
          "'",
          '%27%3B--',
          '__proto__',
          'constructor',
          '..',
          '%2e%2e',
        ],
        ...[
          '..%2f..%2fetc%2fpasswd',
          '..%5c..',
          'x'.repeat(201),
          'x'.repeat(3_000),
          '%E7%8C%AB',
          '*',
          ':id',
          'null',
        ],
      ]
      const paths = route.path.includes(':')
        ? params.map((param) => pathOf(route, param))
        : [
            `${path}/%zz`,
            `${path}%00`,
            `${path}/x`,
            `${path}//`,
            `/${path}`,
            `${path}%2f`,
            path.toUpperCase(),
            `${path};x=1`,
          ]
      for (const one of paths) await refuses({ ...base, path: one, ...sent }, 'a hostile path')
    }))

  test(`${name}: another method`, () =>
    leavingNothing(async () => {
      const declared = new Set(
        waliassets.routes.filter((one) => pathOf(one) === path).map(({ method }) => method as string),
      )
      if (declared.has('GET')) declared.add('HEAD')
      for (const method of [
        'GET',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'PROPFIND',
        'QUERY',
        'TRACE',
        'PURGE',
        'LINK',
      ]) {
        if (declared.has(method)) continue
        const answer = await ask({ ...base, method, path })
        envelopeOf(answer, `${method} ${path}`)
        assert.equal(answer.status, 404, `${method} ${path}`)
      }
      const head = await ask({ ...base, method: 'HEAD', path })
      assert.equal(head.text, '')
      assert.ok(head.status === (declared.has('HEAD') ? 200 : 404))
      for (const headers of [
        {},
        { origin: 'https://a.example' },
        { 'access-control-request-method': 'POST' },
      ]) {
        const options = await ask({ method: 'OPTIONS', path, headers })
        assert.deepEqual([options.status, options.text], [204, ''], JSON.stringify(headers))
      }
    }))

  test(`${name}: tricks with headers`, () =>
    leavingNothing(async () => {
      const sent = route.body ? { headers: JSON_TYPE, body: '{}' } : { headers: {} }
      const authorizations: (string | string[])[] = [
        ...[
          '',
          ' ',
          'Bearer',
          'Bearer ',
          'bearer',
          'Bearer a b',
          'Bearer  ',
          'Basic dXNlcjpwYXNz',
          'Bearer null',
        ],
        ...[
          'Bearer .',
          'Bearer ..',
          'Bearer ...',
          'Bearer e30.e30.',
          'Bearer e30.e30.e30',
          'Bearer bnVsbA.bnVsbA.AA',
        ],
        ...[
          rich,
          `Token ${rich}`,
          `Bearer ${rich}x`,
          `Bearer "${rich}"`,
          `Bearer,${rich}`,
          'Bearer \xff\xfe',
        ],
        ...[`Bearer ${'x'.repeat(12_000)}`, `Bearer ${rich} ${rich}`],
        ['Bearer x', `Bearer ${rich}`],
      ]
      for (const authorization of authorizations) {
        const call = { method: route.method, path, ...sent, headers: { ...sent.headers, authorization } }
        const { code } = envelopeOf(
          await ask(call),
          `${name}: authorization ${String(authorization).slice(0, 40)}`,
        )
        if (route.allow !== 'public') assert.ok(code === 1001 || code === 1003, `${authorization}: ${code}`)
      }
      for (const headers of [
        { 'idempotency-key': '' },
        { 'idempotency-key': ' ' },
        { 'idempotency-key': 'a b' },
        { 'idempotency-key': 'k'.repeat(256) },
        { 'idempotency-key': 'clé' },
        { 'idempotency-key': ['one', 'two'] },
      ]) {
        const body = route.body ? JSON.stringify(sampleOf(route)) : undefined
        const call = { ...base, headers: { ...sent.headers, ...headers }, ...(body && { body }) }
        const { code } = envelopeOf(await ask(call), `${name}: ${JSON.stringify(headers).slice(0, 60)}`)
        if (route.rate === 'generate') assert.equal(code, 1602)
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
        { cookie: `token=${rich}` },
        { expect: 'the unexpected' },
        { upgrade: 'websocket', connection: 'upgrade' },
        { range: 'bytes=0-1' },
      ] as Record<string, string>[]) {
        const call = { method: route.method, path, ...sent, headers: { ...sent.headers, ...headers } }
        envelopeOf(await ask(call), `${name}: ${JSON.stringify(headers).slice(0, 60)}`)
      }
    }))
}

test('unknown paths, and the back doors of the earlier system (W4, W5): 404 in the envelope', () =>
  leavingNothing(async () => {
    const gone = [
      ...[
        '/',
        '/api',
        '/api/',
        '/API/token/balance',
        '/api/nothing',
        '/favicon.ico',
        '/.env',
        '/.git/config',
      ],
      ...['/api/auth/add-tokens', '/api/user/all', '/api/payment/test-success/1', '/api/token/recharge'],
      ...['/admin', '/wp-login.php', '/api/v1/token/balance', '//api/token/balance', '/api/../api/none'],
      ...['/api/none?token=a-secret-value', '/files', '/files/', '/files/x/y'],
    ]
    for (const path of gone) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const answer = await ask({ method, path, token: rich, headers: JSON_TYPE, body: '{"amount":1000}' })
        envelopeOf(answer, `${method} ${path}`)
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
    ]) {
      const answer = await ask({
        method: 'POST',
        path: '/api/none',
        headers: { 'content-type': type ?? '' },
        body: body ?? '',
      })
      envelopeOf(answer, `POST /api/none ${type}`)
      assert.equal(answer.status, 404)
    }
  }))

test('malformed percent-encoding and over-long parameters: 400 that a browser may read', () =>
  leavingNothing(async () => {
    const paths = [
      ...['/%zz', '/api/%', '/%', '/api/%E0%A4%A', '/files/%zz', '/api/generate/status/%zz'],
      ...[`/api/generate/status/${'x'.repeat(201)}`, `/files/${'x'.repeat(4_000)}`],
    ]
    for (const path of paths) {
      const answer = await ask({ path, token: rich, headers: { origin: 'https://a.example' } })
      assert.equal(envelopeOf(answer, path).code, 1602)
      assert.equal(answer.status, 400, path)
      assert.equal(answer.headers['access-control-allow-origin'], '*', path)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', path)
    }
  }))

/** Everything a server says to these bytes until it closes the connection. */
function sayRaw(bytes: string | Buffer, to = port): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(to, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.setTimeout(10_000, () => socket.destroy(new Error(`the server keeps silent: ${text}`)))
    socket.on('data', (chunk) => {
      text += chunk
    })
    // The server may close before it has read everything; what it said counts.
    socket.on('error', (error) => (text === '' ? reject(error) : undefined))
    socket.on('close', () => resolve(text))
  })
}

/** Splits what was heard into its answers, each of which must say how long it is. */
function answersIn(heard: string): Answer[] {
  const answers: Answer[] = []
  for (let rest = heard; rest !== ''; ) {
    const split = rest.indexOf('\r\n\r\n')
    const [line = '', ...fields] = rest.slice(0, split).split('\r\n')
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.split(':', 1)[0]?.toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    const body = Buffer.from(rest.slice(split + 4))
    const length = Number(headers['content-length'])
    assert.ok(line.startsWith('HTTP/1.1 ') && length >= 0, `not an answer: ${rest.slice(0, 300)}`)
    answers.push({ status: Number(line.split(' ')[1]), headers, text: body.subarray(0, length).toString() })
    rest = body.subarray(length).toString()
  }
  return answers
}

test('bytes that are no request: 400 in the envelope, and the connection ends', () =>
  leavingNothing(async () => {
    const post = 'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
    for (const bytes of [
      'NONSENSE\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'FETCH /api/token/balance HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /api/token/balance\r\n\r\n\r\n',
      'GET /api/token/balance HTTP/1.1\r\nHost a\r\n\r\n',
      'GET /api/token/balance HTTP/1.1\r\nHost: a\r\nx\0y: z\r\n\r\n',
      'GET /api/token/balance HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n',
      'GET /api/token balance HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /api/token/balance HTTP/1.1\r\nConnection: close\r\n\r\n',
      `${post}Content-Length: -1\r\n\r\n`,
      `${post}Content-Length: 1e3\r\n\r\n`,
      `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      'GET /猫 HTTP/1.1\r\nHost: a\r\n\r\n',
      Buffer.from('16030100a5010000a10303', 'hex'),
      Buffer.alloc(64),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    ]) {
      const heard = answersIn(await sayRaw(bytes))
      const why = JSON.stringify(bytes.toString().slice(0, 60))
      assert.equal(heard.length, 1, `${why}: ${heard.length} answers`)
      const [answer] = heard
      assert.ok(answer)
      assert.equal(envelopeOf(answer, why).code, 1602)
      assert.equal(answer.status, 400, why)
    }
  }))

test('headers of more than 16 KB: 431 in the envelope', () =>
  leavingNothing(async () => {
    const long = 'x'.repeat(20_000)
    for (const head of [`Authorization: Bearer ${long}`, `X: ${long}`, `${'a: b\r\n'.repeat(9_000)}c: d`]) {
      const [answer, ...more] = answersIn(
        await sayRaw(`GET /api/token/balance HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${head}\r\n\r\n`),
      )
      assert.ok(answer)
      assert.equal(more.length, 0)
      envelopeOf(answer, head.slice(0, 30))
      assert.equal(answer.status, 431)
    }
    const [url] = answersIn(await sayRaw(`GET /${long} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))
    assert.ok(url)
    envelopeOf(url, 'a long URL')
  }))

test('nonsense after a request: that request is answered, the nonsense refused, neither inside the other', () =>
  leavingNothing(async () => {
    const balance = `GET /api/token/balance HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rich}\r\n\r\n`
    const heard = answersIn(await sayRaw(`${balance}NONSENSE\r\n\r\n`))
    for (const answer of heard) envelopeOf(answer, 'pipelined')
    // Node may end the connection before the first answer is written, but never mixes the two.
    assert.ok(heard.length === 1 || heard.length === 2)
    const two = answersIn(
      await sayRaw(balance + balance.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
    )
    assert.deepEqual(
      two.map((answer) => envelopeOf(answer, 'pipelined').code),
      [1, 1],
    )
  }))

type Outcome = { method: string; status: number; code: string }

/** A second server on the same site with a short patience, telling what it counted. */
async function withImpatientServer(
  timeoutMs: number,
  body: (port: number, outcomes: Outcome[], logged: string[]) => Promise<void>,
): Promise<void> {
  const outcomes: Outcome[] = []
  const logged: string[] = []
  const metrics: Metrics = {
    ...createMetrics(site.context, () => 0),
    request: (method, _route, status, code) => void outcomes.push({ method, status, code }),
  }
  const logger = pino({ level: 'debug' }, { write: (line) => void logged.push(line) })
  const options = { logger, metrics, trustProxy: [], requestTimeoutMs: timeoutMs }
  const app = await buildApp(site.context, { ...waliassets, preset: site.context.preset }, options)
  try {
    await app.listen({ port: 0, host: '127.0.0.1' })
    await body((app.server.address() as AddressInfo).port, outcomes, logged)
  } finally {
    app.server.closeAllConnections()
    await app.close()
  }
}

/** Sends `start` and then one character at a time, and hears what comes back. */
async function dribble(start: string, rest: string, to: number): Promise<string> {
  let text = ''
  const socket: Socket = connect(to, '127.0.0.1')
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(start)
  let sent = 0
  const timer = setInterval(() => socket.writable && socket.write(rest[sent++ % rest.length] ?? ' '), 100)
  await closed
  clearInterval(timer)
  return text
}

test('a body or a head of one byte at a time: 408 in the envelope within the timeout, not twice it', () =>
  leavingNothing(() =>
    withImpatientServer(1_000, async (to) => {
      const startedAt = performance.now()
      const slow = await Promise.all([
        dribble(
          'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n',
          '{"email":"a',
          to,
        ),
        dribble('GET /api/token/balance HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'x', to),
      ])
      for (const heard of slow) {
        const [answer, ...more] = answersIn(heard)
        assert.ok(answer, 'an answer came')
        assert.equal(more.length, 0)
        assert.equal(envelopeOf(answer, 'slow').code, 1602)
        assert.equal(answer.status, 408)
      }
      assert.ok(performance.now() - startedAt < 3_000, `${performance.now() - startedAt} ms`)
    }),
  ))

test('a slow body that was refused at once is not answered a second time', () =>
  leavingNothing(() =>
    withImpatientServer(1_000, async (to) => {
      const head = 'POST /api/generate/image HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
      const heard = answersIn(await dribble(`${head}Content-Length: 500\r\n\r\n`, 'x', to))
      assert.equal(heard.length, 1)
      assert.ok(heard[0])
      assert.equal(envelopeOf(heard[0], 'refused before its body').code, 1003)
    }),
  ))

test('a client that leaves in the middle of its body is not a failure of the house', () =>
  leavingNothing(() =>
    withImpatientServer(5_000, async (to, outcomes, logged) => {
      const socket = connect(to, '127.0.0.1')
      const head = 'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
      socket.write(`${head}Content-Length: 500\r\n\r\n{"email":`)
      await new Promise((resolve) => setTimeout(resolve, 100))
      socket.resetAndDestroy()
      // Whatever is counted or logged is so at once; nothing need be.
      await new Promise((resolve) => setTimeout(resolve, 500))
      assert.equal(
        outcomes.some(({ status }) => status >= 500),
        false,
        JSON.stringify(outcomes),
      )
      assert.equal(
        logged.some((line) => JSON.parse(line).level >= 40),
        false,
        logged.join(''),
      )
    }),
  ))

test('a request that arrives while the server closes is still answered in the envelope', async () => {
  await withImpatientServer(5_000, async () => {})
  const app = await buildApp(site.context, waliassets, {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  let finish = (): void => {}
  let isStarted = (): void => {}
  const started = new Promise<void>((resolve) => {
    isStarted = resolve
  })
  provider.next.push(async () => {
    isStarted()
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    return donePictures()
  })
  const body = JSON.stringify({ prompt: '关闭', size: '64x64' })
  const picture = `POST /api/generate/image HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rich}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const balance = `GET /api/token/balance HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${rich}\r\n\r\n`
  const heard = new Promise<string>((resolve) => {
    let text = ''
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () =>
      socket.write(picture),
    )
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    void started.then(async () => {
      const closed = app.close()
      socket.write(balance)
      setTimeout(finish, 200)
      await closed
    })
  })
  const answers = answersIn(await heard)
  assert.deepEqual(
    answers.map((answer) => envelopeOf(answer, 'while closing').code),
    [1, 1],
  )
})

test('a page and a limit that are no positive numbers are refused, a huge limit means 100 (W15)', async () => {
  for (const path of ['/api/token/transactions', '/api/generate/history']) {
    for (const bad of ['0', '-1', 'NaN', '1e3', '0.5', '1,5', '%D9%A1', '99999999999999999999', "1'"]) {
      for (const name of ['page', 'limit']) {
        const { code, data } = await refuses({ path: `${path}?${name}=${bad}`, token: rich }, bad)
        assert.equal(code, 1602)
        assert.ok(Array.isArray((data as { errors: string[] }).errors))
      }
    }
    for (const query of [
      'limit=1000000',
      'page=1000000&limit=100',
      'page=2&page=x',
      'limit=',
      'type=nonsense',
    ]) {
      const envelope = envelopeOf(await ask({ path: `${path}?${query}`, token: rich }), query)
      const { pagination } = envelope.data as { pagination: { limit: number } }
      assert.ok(envelope.success && pagination.limit <= 100, query)
    }
  }
  for (const bad of [
    '2024-02-30',
    '2024-13-01',
    'yesterday',
    '2024-1-1',
    '-2024-01-01',
    '99999-01-01',
    '0000-00-00',
  ]) {
    for (const name of ['startDate', 'endDate']) {
      const path = `/api/generate/history?${name}=${bad}`
      assert.equal((await refuses({ path, token: rich }, bad)).code, 1602)
    }
  }
  for (const range of [
    'startDate=0001-01-01&endDate=9999-12-31',
    'startDate=9999-12-31&endDate=0001-01-01',
    'startDate=0000-01-01',
  ]) {
    const path = `/api/generate/history?${range}`
    assert.equal(envelopeOf(await ask({ path, token: rich }), range).code, 1)
  }
})

test('e-mail codes for a purpose or an address that does not exist are refused (W16)', () =>
  leavingNothing(async () => {
    const send = { method: 'POST', path: '/api/auth/send-code', headers: JSON_TYPE }
    for (const type of ['admin', '', 'REGISTER', null, 1, ['register']]) {
      const body = JSON.stringify({ email: 'a@qq.com', type })
      assert.equal((await refuses({ ...send, body }, `type ${type}`)).message, '无效的操作类型')
    }
    const addresses = [
      ...[
        'a@qq.com\nBcc: b@qq.com',
        'a@qq.com, b@qq.com',
        '<a@qq.com>',
        '"a b"@qq.com',
        'a@@qq.com',
        'a b@qq.com',
      ],
      ...[
        '@qq.com',
        'qq.com',
        'a@',
        'a@evil.com\u0000@qq.com',
        'a@qq.com.evil.com',
        'a@evilqq.com',
        'a@qq。com',
      ],
      ...[`${'a'.repeat(260)}@qq.com`, 'a@qq.com\u202e', '\ufeffa\u200b@qq.com', 'a;b@qq.com', 'a\\b@qq.com'],
    ]
    for (const email of addresses) {
      const { code } = await refuses({ ...send, body: JSON.stringify({ email }) }, email)
      assert.ok(code === 1602 || code === 1101, `${email}: ${code}`)
    }
  }))

test('seeds that are none are dropped, base64 pictures are not kept (W12), and no header decides an address (W10)', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const seeds = ['-1', '0', '0.1', '9007199254740992', '1e308', '2147483648', '-1e-300']
  const picture = Buffer.alloc(400_000, 1).toString('base64')
  for (const seed of seeds) {
    const answer = await ask({
      method: 'POST',
      path: '/api/generate/image',
      token,
      headers: {
        ...JSON_TYPE,
        host: 'evil.example',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-host': 'evil.example',
        'user-agent': `\xff${'u'.repeat(4_000)}`,
      },
      body: `{"prompt":"种子","size":"64x64","seed":${seed},"image":"${picture}"}`,
    })
    const { code, data } = envelopeOf(answer, `seed ${seed}`)
    assert.equal(code, 1, answer.text)
    assert.match((data as { image_url: string }).image_url, /^http:\/\/localhost:3334\/files\//)
  }
  const { rows } = await site.context.db.pool.query<{
    seed: string
    size: string
    ip: string
    device: string
  }>(
    `select t.input ->> 'seed' as seed, length(t.input::text || t.parameters::text) as size, e.ip, e.device
     from task t join entry e on e.task_id = t.id and e.kind = 'hold' where t.account_id = $1`,
    [accountId],
  )
  assert.equal(rows.length, seeds.length)
  for (const { seed, size, ip, device } of rows) {
    assert.match(seed, /^[1-9]\d{0,9}$/)
    assert.ok(Number(seed) <= 2_147_483_647)
    assert.ok(Number(size) < 1_000)
    assert.equal(ip, '127.0.0.1')
    assert.equal(device.length, 300)
  }
  const history = await ask({ path: '/api/generate/history', token })
  assert.ok(!history.text.includes(picture.slice(0, 100)))
})

test('after all of it the site does its job and the books are true', async () => {
  const json = async (call: Call): Promise<Envelope & { data: never }> => {
    const envelope = envelopeOf(await ask({ ...call, headers: JSON_TYPE }), call.path)
    assert.equal(envelope.success, true, JSON.stringify(envelope))
    return envelope as Envelope & { data: never }
  }
  const email = 'after.all@qq.com'
  const post = (path: string, body: object, token = '') =>
    json({ method: 'POST', path: `/api${path}`, body: JSON.stringify(body), ...(token && { token }) })
  await post('/auth/send-code', { email })
  const emailCode = codeIn((await site.mails()).at(-1))
  await post('/auth/register', { email, password: 'password123', username: '在这之后', emailCode })
  const { token } = (await post('/auth/login', { email, password: 'password123' })).data as { token: string }
  await post('/generate/image', { prompt: '还好', size: '64x64' }, token)
  const { balance } = (await json({ path: '/api/token/balance', token })).data as { balance: number }
  assert.equal(balance, 80)
  assert.deepEqual(await verifyLedger(site.context), [])
  const { rows } = await site.context.db.pool.query(
    `select (select count(*) from task where state <> 'succeeded') as open_tasks, (select count(*) from hold where state = 'open') as open_holds`,
  )
  assert.deepEqual(rows[0], { open_tasks: 0n, open_holds: 0n })
})
