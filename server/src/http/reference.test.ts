import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Check } from 'typebox/schema'
import type { TestSite } from '../../test/build-site.ts'
import { buildSite } from '../../test/build-site.ts'
import { DIALECTS } from '../dialects/index.ts'
import { waliassets } from '../dialects/waliassets/dialect.ts'
import type { Route } from './dialect.ts'
import type { OpenApi, Operation, Schema } from './reference.ts'
import { buildOpenApi } from './reference.ts'

let site: TestSite
before(async () => {
  site = await buildSite()
})
after(() => site.close())

const get = (url: string) => site.app.inject({ method: 'GET', url })

function operationsOf(document: OpenApi): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
}

/** Checks what JSON Schema 2020-12 says of the keywords that are used here. */
function assertSchema(schema: Schema, at: string): void {
  const types = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']
  if (schema.type !== undefined) assert.ok(types.includes(String(schema.type)), `${at}: ${schema.type}`)
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  for (const name of (schema.required ?? []) as string[])
    assert.ok(name in properties, `${at} requires ${name}`)
  for (const [name, one] of Object.entries(properties)) assertSchema(one, `${at}.${name}`)
  if (schema.items) assertSchema(schema.items as Schema, `${at}[]`)
  for (const one of (schema.anyOf ?? []) as Schema[]) assertSchema(one, `${at}|`)
}

for (const dialect of DIALECTS.values()) {
  const document = JSON.parse(JSON.stringify(buildOpenApi(dialect, 'http://localhost:1'))) as OpenApi

  test(`${dialect.name}: every route is described, and nothing else`, () => {
    const described = operationsOf(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`)
    const mounted = dialect.routes.map(
      ({ method, path }) => `${method} ${dialect.base}${path.replace(/:(\w+)/g, '{$1}')}`,
    )
    assert.deepEqual(described.sort(), mounted.sort())
    const [one, ...others] = dialect.routes
    assert.throws(() => buildOpenApi({ ...dialect, routes: others }, ''), /no such route/)
    const extra = { ...one, path: '/undescribed' } as Route
    assert.throws(
      () => buildOpenApi({ ...dialect, routes: [...dialect.routes, extra] }, ''),
      /is not described/,
    )
  })

  test(`${dialect.name}: the document is OpenAPI 3.1`, () => {
    assert.equal(document.openapi, '3.1.0')
    assert.ok(document.info.title && document.info.version)
    assert.ok(URL.canParse(document.servers[0]?.url ?? ''))
    const known = ['openapi', 'info', 'servers', 'tags', 'paths', 'components']
    assert.deepEqual(
      Object.keys(document).filter((name) => !known.includes(name) && !name.startsWith('x-')),
      [],
    )
    const tags = document.tags.map(({ name }) => name)
    assert.equal(new Set(tags).size, tags.length)
    const ids = operationsOf(document).map(({ operation }) => operation.operationId)
    assert.equal(new Set(ids).size, ids.length)
    for (const { path, method, operation } of operationsOf(document)) {
      const at = `${method} ${path}`
      assert.match(operation.operationId, /^[a-z]\w+$/)
      assert.ok(operation.tags.length === 1 && tags.includes(operation.tags[0]), at)
      assert.ok(operation.summary, at)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = operation.parameters.filter((one) => one.in === 'path')
      assert.deepEqual(declared.map(({ name }) => name).sort(), inPath.sort(), at)
      assert.ok(
        declared.every(({ required }) => required),
        `${at}: a parameter of the path is required`,
      )
      const names = operation.parameters.map((one) => `${one.in} ${one.name}`)
      assert.equal(new Set(names).size, names.length, at)
      for (const parameter of operation.parameters) {
        assert.ok(parameter.description, `${at} ${parameter.name}`)
        assertSchema(parameter.schema, `${at} ${parameter.name}`)
      }
      for (const requirement of operation.security) {
        for (const name of Object.keys(requirement))
          assert.ok(name in document.components.securitySchemes, at)
      }
      assert.ok('200' in operation.responses || '201' in operation.responses, at)
      for (const [status, { description }] of Object.entries(operation.responses)) {
        assert.match(status, /^[1-5]\d\d$/)
        assert.ok(description, at)
      }
    }
  })

  test(`${dialect.name}: every example is what its schema says, and every field of a body is explained`, () => {
    for (const { path, method, operation } of operationsOf(document)) {
      const at = `${method} ${path}`
      const body = operation.requestBody?.content['application/json']
      if (body) {
        assertSchema(body.schema, at)
        assert.ok(Check(body.schema, body.example), `${at}: ${JSON.stringify(body.example)}`)
        // Where every field may be left out, an object without any of them is a body too.
        const nothing = body.schema.required === undefined ? 'of this' : { nothing: 'of this' }
        assert.equal(Check(body.schema, nothing), false, at)
        for (const [name, one] of Object.entries(body.schema.properties as Record<string, Schema>)) {
          assert.ok(one.description, `${at}: ${name} is not explained`)
        }
      }
      for (const { content } of Object.values(operation.responses)) {
        const { schema, examples } = content['application/json']
        assertSchema(schema, at)
        for (const { summary, value } of Object.values(examples)) {
          assert.ok(Check(schema, value), `${at} ${summary}`)
          assert.equal(Check(schema, { nothing: 'of this' }), false, at)
        }
      }
    }
  })

  test(`${dialect.name}: who needs a token is told`, () => {
    for (const route of dialect.routes) {
      const path = `${dialect.base}${route.path.replace(/:(\w+)/g, '{$1}')}`
      const operation = document.paths[path]?.[route.method.toLowerCase()]
      const ways = route.allow === 'public' ? 0 : route.allow === 'guest' ? 2 : 1
      assert.equal(operation?.security.length, ways, path)
    }
  })
}

test('/openapi.json is served as it was built, to any origin', async () => {
  const reply = await site.app.inject({
    url: '/openapi.json',
    headers: { origin: 'https://editor.example.com' },
  })
  assert.equal(reply.statusCode, 200)
  assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(reply.headers['access-control-allow-origin'], '*')
  assert.deepEqual(
    reply.json(),
    JSON.parse(JSON.stringify(buildOpenApi(waliassets, 'http://localhost:3334'))),
  )
})

test('/docs asks for nothing of another host, and its policy would not let it', async () => {
  const page = await get('/docs')
  assert.equal(page.statusCode, 200)
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /^default-src 'none';/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  const html = page.payload
  const asked = [...html.matchAll(/<(?:link|script|img|iframe)\b[^>]*?(?:href|src)="([^"]*)"/g)].map(
    ([, url = '']) => url,
  )
  assert.deepEqual(asked.sort(), ['/docs/reference-client.js', '/docs/reference.css', 'data:,'])
  assert.doesNotMatch(html, /<style|style="|\son\w+="|<script(?![^>]*\ssrc=)/, 'nothing inline')
  for (const url of asked.filter((one) => one.startsWith('/'))) {
    const asset = await get(url)
    assert.equal(asset.statusCode, 200, url)
    assert.match(
      String(asset.headers['content-type']),
      url.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
    )
    assert.doesNotMatch(asset.payload, /https?:|@import|url\(|eval\(|innerHTML/)
  }
})

test('/docs shows every route, field and code, and links only to what is there', async () => {
  const html = (await get('/docs')).payload
  const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))
  for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(id), `#${id}`)
  const words = html.replace(/<[^>]+>/g, '')
  for (const { path, method, operation } of operationsOf(buildOpenApi(waliassets, 'http://localhost:3334'))) {
    for (const word of [path, method.toUpperCase(), operation.summary]) assert.ok(words.includes(word), word)
    for (const { name } of operation.parameters) assert.ok(words.includes(name), name)
  }
  for (const { rows } of waliassets.reference.tables) {
    for (const row of rows)
      for (const cell of row) assert.ok(words.includes(cell.replace(/"/g, '&quot;')), cell)
  }
})

test('what a description says is shown as text', async () => {
  const { reference } = waliassets
  const evil = {
    ...reference,
    title: '<script>alert(1)</script>',
    introduction: ['"><img src=x onerror=alert(1)>`<b>`'],
  }
  const other = await buildSite({ dialect: { ...waliassets, reference: evil } })
  try {
    const html = (await other.app.inject({ url: '/docs' })).payload
    assert.doesNotMatch(html, /<script>|<img|<b>/)
    assert.ok(html.includes('&lt;script&gt;alert(1)&lt;/script&gt;'))
  } finally {
    await other.close()
  }
})
