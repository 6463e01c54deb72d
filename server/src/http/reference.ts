import { readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Context } from '../kernel/context.ts'
import type { Dialect, FilePolicy, Policy, Reference, Reply, Route, RouteReference } from './dialect.ts'
import { renderPage } from './reference-page.ts'

export type Schema = { [keyword: string]: unknown }
export type Parameter = {
  name: string
  in: 'path' | 'query'
  required: boolean
  description: string
  schema: Schema
}
type Example = { summary: string; value: unknown }
type Media = { 'application/json': { schema: Schema; examples: Record<string, Example> } }
export type Operation = {
  operationId: string
  tags: [string]
  summary: string
  description?: string
  security: Record<string, []>[]
  parameters: Parameter[]
  requestBody?: {
    required: true
    content: {
      'application/json'?: { schema: Schema; example?: unknown }
      'multipart/form-data'?: { schema: Schema }
    }
  }
  responses: Record<string, { description: string; content: Media }>
}

/** An OpenAPI 3.1 document, as far as we write one. `x-introduction` and `x-tables` are for our own page. */
export type OpenApi = {
  openapi: '3.1.0'
  info: { title: string; version: string; description: string }
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { securitySchemes: Record<string, Schema> }
  'x-introduction': readonly string[]
  'x-tables': Reference['tables']
}

const VERSION = '1.0.0'

/**
 * Describes a dialect's API from its routes, which say what is accepted, and its reference, which has the words
 * and examples of the document.
 *
 * @throws when a route is not described, or a description has no route.
 */
export function buildOpenApi(dialect: Dialect, publicUrl: string): OpenApi {
  const { reference, base } = dialect
  const paths: OpenApi['paths'] = {}
  const rest = new Set(Object.keys(reference.routes))
  for (const route of dialect.routes) {
    const name = `${route.method} ${route.path}`
    const about = reference.routes[name]
    if (!about) throw new Error(`${dialect.name}: ${name} is not described in its reference`)
    rest.delete(name)
    const path = `${base}${route.path}`.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(dialect, route, about) }
  }
  if (rest.size > 0) throw new Error(`${dialect.name}: no such route: ${[...rest].join(', ')}`)
  return {
    openapi: '3.1.0',
    info: { title: reference.title, version: VERSION, description: reference.introduction.join('\n\n') },
    servers: [{ url: publicUrl }],
    tags: reference.sections.map(({ title, description }) => ({ name: title, description })),
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    'x-introduction': reference.introduction,
    'x-tables': reference.tables,
  }
}

/** As OpenAPI says it: any one of these is enough, and an empty one is no token at all. */
const SECURITY: Readonly<Record<Policy, Record<string, []>[]>> = {
  public: [],
  guest: [{}, { bearer: [] }],
  user: [{ bearer: [] }],
  admin: [{ bearer: [] }],
  refresh: [{ bearer: [] }],
}

function describe(dialect: Dialect, route: Route, about: RouteReference): Operation {
  const body = route.body && withDescriptions(route.body, about.fields ?? {})
  const form = route.takesFiles && formOf(route.takesFiles, body, about.fields ?? {})
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^a-z0-9]+(\w)/gi, (_, letter: string) => letter.toUpperCase())}`,
    tags: [about.section],
    summary: about.title,
    ...(about.description && { description: about.description }),
    security: SECURITY[route.allow],
    parameters: parametersOf(route, about),
    ...((body || form) && {
      requestBody: {
        required: true as const,
        content: {
          ...(body && {
            'application/json': {
              schema: body,
              ...(about.request !== undefined && { example: about.request }),
            },
          }),
          ...(form && { 'multipart/form-data': { schema: form } }),
        },
      },
    }),
    responses: responsesOf(dialect, route, about),
  }
}

/** A form has the fields of the body, all of them as text, and its files. */
function formOf(
  { fields: names }: FilePolicy,
  body: Schema | null,
  fields: Readonly<Record<string, string>>,
): Schema {
  const texts = Object.keys((body?.properties ?? {}) as object).map(
    (name) => [name, { type: 'string' }] as const,
  )
  const files = names.map((name) => [name, { type: 'string', format: 'binary' }] as const)
  const properties = [...texts, ...files].map(([name, schema]) => {
    const description = fields[name]
    return [name, description ? { ...schema, description } : schema]
  })
  return { type: 'object', properties: Object.fromEntries(properties) as Record<string, Schema> }
}

function parametersOf(route: Route, about: RouteReference): Parameter[] {
  const inPath = new Set([...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name))
  const described = Object.entries(about.parameters ?? {})
  const undescribed = [...inPath].filter((name) => !about.parameters?.[name])
  if (undescribed.length > 0) throw new Error(`${route.path}: ${undescribed.join(', ')} is not described`)
  return described.map(([name, { description, schema }]) => ({
    name,
    in: inPath.has(name) ? 'path' : 'query',
    required: inPath.has(name),
    description,
    schema,
  }))
}

/** The route's own schema as plain JSON Schema, with what its fields mean. */
function withDescriptions(schema: object, fields: Readonly<Record<string, string>>): Schema {
  const plain = JSON.parse(JSON.stringify(schema)) as Schema & { properties: Record<string, Schema> }
  const properties = Object.entries(plain.properties).map(([name, one]) => {
    const description = fields[name]
    return [name, description ? { ...one, description } : one]
  })
  return { ...plain, properties: Object.fromEntries(properties) as Record<string, Schema> }
}

/** What can come back, by HTTP status; the refusals that every route shares come from the dialect itself. */
function responsesOf(dialect: Dialect, route: Route, about: RouteReference): Operation['responses'] {
  const { refusals, faults } = dialect
  const all: [title: string, reply: Reply][] = [
    ['成功', about.success],
    ...Object.entries(about.refusals ?? {}),
  ]
  if (route.allow !== 'public' && route.allow !== 'guest')
    all.push(['缺少认证', refusals.credentials_missing({})])
  all.push(['请求过于频繁', refusals.rate_limited({ retryAfterSeconds: 30 })], ['系统错误', faults.crash()])
  const byStatus = Map.groupBy(all, ([, reply]) => String(reply.status))
  return Object.fromEntries(
    [...byStatus].map(([status, replies]) => [
      status,
      {
        description: replies.map(([title]) => title).join('、'),
        content: {
          'application/json': {
            schema: anyOf(replies.map(([, reply]) => shapeOf(reply.body))),
            examples: Object.fromEntries(
              replies.map(([title, { body }], index) => [
                `example${index + 1}`,
                { summary: title, value: body },
              ]),
            ),
          },
        },
      },
    ]),
  )
}

function anyOf(schemas: readonly Schema[]): Schema {
  const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()]
  return distinct.length > 1 ? { anyOf: distinct } : (distinct[0] ?? {})
}

/** The JSON Schema of what looks like the example. A null says only that there may be none. */
function shapeOf(example: unknown): Schema {
  if (example === null) return {}
  if (Array.isArray(example)) return { type: 'array', items: anyOf(example.map(shapeOf)) }
  if (typeof example === 'object') {
    const entries = Object.entries(example as object)
    return {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, value]) => [name, shapeOf(value)])),
      required: entries.map(([name]) => name),
    }
  }
  return { type: typeof example }
}

const ASSETS = {
  'reference.css': 'text/css; charset=utf-8',
  'reference-client.js': 'text/javascript; charset=utf-8',
} as const

/** The page asks for nothing but its own style and script: it works without a network, and nothing else may run. */
const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Mounts the API's reference: `/openapi.json`, and a page of it at `/docs`. */
export function mountReference(app: FastifyInstance, context: Context, dialect: Dialect): void {
  let built: { json: string; html: string } | undefined
  const build = (): { json: string; html: string } => {
    if (!built) {
      const document = buildOpenApi(dialect, context.publicUrl)
      built = { json: JSON.stringify(document), html: renderPage(document) }
    }
    return built
  }
  const send = (reply: FastifyReply, type: string, text: string): FastifyReply =>
    reply
      .headers({
        'cache-control': 'no-cache',
        'content-security-policy': PAGE_POLICY,
        'referrer-policy': 'no-referrer',
      })
      .type(type)
      .send(text)

  app.get('/openapi.json', async (_request, reply) =>
    send(reply, 'application/json; charset=utf-8', build().json),
  )
  app.get('/docs', async (_request, reply) => send(reply, 'text/html; charset=utf-8', build().html))
  for (const [name, type] of Object.entries(ASSETS)) {
    app.get(`/docs/${name}`, async (_request, reply) =>
      send(reply, type, await readFile(new URL(name, import.meta.url), 'utf8')),
    )
  }
}
