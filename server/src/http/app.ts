import { mkdtemp } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import cors from '@fastify/cors'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fastify, LogController } from 'fastify'
import { isConnectionLoss } from '../db/errors.ts'
import { authenticate } from '../kernel/accounts/authenticate.ts'
import type { RefreshGrant } from '../kernel/accounts/refresh.ts'
import type { Actor, Context } from '../kernel/context.ts'
import type { ErrorCode, ErrorDetails } from '../kernel/errors.ts'
import { KernelError, refusal } from '../kernel/errors.ts'
import { fileUrl, thumbnailUrl } from '../kernel/works/file-url.ts'
import { mountCashier } from './cashier.ts'
import type { Dialect, Reply, Route, RouteRequest, View } from './dialect.ts'
import { EventStream } from './dialect.ts'
import { EVENT_STREAM_HEADERS, openEventStream } from './event-stream.ts'
import { mountFiles } from './files.ts'
import { BrokenForm, mountForms, withFiles } from './forms.ts'
import { mountHandoff } from './handoff.ts'
import { shorten, toIssues, unstorablePart } from './issues.ts'
import type { LiveLimits } from './live.ts'
import { isHandshake, mountLive } from './live.ts'
import type { Metrics } from './metrics.ts'
import { mountOperations } from './operations.ts'
import { mountPages } from './pages.ts'
import { endLateBodies, LONGEST_FORM_MS } from './patience.ts'
import { mountNotifications } from './payments.ts'
import { countCall, QUOTA_HEADERS, tellQuota } from './quotas.ts'
import { mountReference } from './reference.ts'
import type { Tokens } from './tokens.ts'
import { createTokens } from './tokens.ts'
import { mountUploads } from './uploads.ts'

const REQUEST_TIMEOUT_MS = 30_000

type AppOptions = {
  logger: FastifyBaseLogger
  metrics: Metrics
  /** CIDRs whose X-Forwarded-For is believed. */
  trustProxy: readonly string[]
  /** Where files of forms lie until their request is answered; a folder in the system's own for such unless given. */
  formsDir?: string
  /** How long a request may take to arrive, head and body; 30 s unless given. */
  requestTimeoutMs?: number
  /** What sockets may cost, where it is not the usual. */
  liveLimits?: Partial<LiveLimits>
}

/**
 * Builds the HTTP server of one site, without listening. Every path out of it speaks the dialect's envelope:
 * routes, refusals, validation, malformed requests, crashes.
 */
export async function buildApp(
  context: Context,
  dialect: Dialect,
  options: AppOptions,
): Promise<FastifyInstance> {
  const tokens = createTokens(context.keys.token, context.site, context.clock.now)
  const view: View = {
    token: tokens.sign,
    tokens: (session, uuid) => {
      const { accessMs, sessionMs } = context.preset
      return tokens.signPair(session, uuid, accessMs ?? sessionMs)
    },
    fileUrl: (storeKey) => fileUrl(context, storeKey),
    thumbnailUrl: (file) => thumbnailUrl(context, file),
  }
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  const latest = new WeakMap<Socket, ServerResponse>()
  const { live } = dialect
  const takesFiles = dialect.routes.some((route) => route.takesFiles)
  const app = fastify({
    loggerInstance: options.logger,
    // A logger of its own for each request costs more than most requests do.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy.length > 0 ? [...options.trustProxy] : false,
    requestTimeout: takesFiles ? Math.max(requestTimeout, LONGEST_FORM_MS) : requestTimeout,
    http: {
      // Left alone, Node gives the head 60 s, then uses the longer of the two times for the whole request, and
      // looks for late ones only every 30 s: a body of one byte a second would be borne for 90.
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: Math.ceil(requestTimeout / 10),
      // Refused in the envelope, below.
      requireHostHeader: false,
      // Whoever asks for an upgrade elsewhere is answered as if they had not (RFC 9110, 7.8).
      ...(live && { shouldUpgradeCallback: (request: IncomingMessage) => isHandshake(live, request) }),
    },
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: true },
    // Closing waits for answers under way; idle keep-alive connections must not hold it up.
    forceCloseConnections: 'idle',
    // A request that comes in meanwhile is answered like any other: Fastify's own 503 is not the dialect's.
    return503OnClosing: false,
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true, useDefaults: false },
    },
    frameworkErrors: (_error, request, reply) => {
      // No hook has run, so a browser's front-end could not read the answer without these.
      const answer = { ...dialect.faults.malformedRequest(), headers: BARE_HEADERS }
      void send(reply as FastifyReply, answer, 'malformed_request')
      count(options.metrics, request as FastifyRequest, reply as FastifyReply)
    },
    clientErrorHandler: (error, socket) => answerRawSocket(dialect, error, socket, latest.get(socket)),
  })
  app.server.on('request', (request, response) => latest.set(request.socket, response))
  if (takesFiles) endLateBodies(app.server, requestTimeout)
  // Node would answer 417 without a body; a server may as well do what is asked (RFC 9110, 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))

  await app.register(cors, {
    origin: '*',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['Retry-After', ...(dialect.preset.quotas ? QUOTA_HEADERS : [])],
    maxAge: 86_400,
    // Otherwise an OPTIONS that is no preflight is answered in plain English.
    strictPreflight: false,
  })
  app.addHook('onRequest', (_request, reply, next) => {
    reply.headers(SECURITY_HEADERS)
    next()
  })
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.host !== undefined || request.raw.httpVersion === '1.0') return
    return send(reply.header('connection', 'close'), dialect.faults.malformedRequest(), 'malformed_request')
  })
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    // Clients that name a content type with every request do so with a DELETE too, which has no body.
    if (routeOf(request)?.takesRaw) request.rawBody = String(text)
    if (text === '' && !routeOf(request)?.body) done(null, undefined)
    else parseJson(request, String(text), done)
  })
  if (takesFiles) await mountForms(app, options.formsDir ?? (await mkdtemp(join(tmpdir(), 'atelier-forms-'))))
  app.setNotFoundHandler((request, reply) =>
    send(reply, dialect.faults.unknownRoute(request.method, pathOf(request)), 'unknown_route'),
  )
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // What is wrong with a body does not matter where there is nothing to send it to.
    if (request.is404 && (error.statusCode === 400 || error.statusCode === 415)) {
      return send(reply, dialect.faults.unknownRoute(request.method, pathOf(request)), 'unknown_route')
    }
    const { reply: answer, code } = explain(dialect, error, routeOf(request))
    if (code === 'crash' || code === 'unavailable') {
      // What PostgreSQL tells of a refused row is the row: an address, a password's hash.
      if ('detail' in error) error.detail = undefined
      request.log.error({ err: error, route: request.routeOptions.url }, 'a request failed')
    }
    return send(reply, answer, code)
  })
  app.addHook('onResponse', async (request, reply) => {
    count(options.metrics, request, reply)
    request.log.debug(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        code: codeOf(reply),
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    )
  })

  mountOperations(app, context, options.metrics)
  mountFiles(app, context, dialect)
  if (dialect.preset.takesUploads) mountUploads(app, context, dialect)
  mountNotifications(app, context, dialect)
  mountReference(app, context, dialect)
  mountCashier(app, context, dialect)
  mountPages(app, dialect)
  if (dialect.preset.platforms) mountHandoff(app, context)
  if (live) {
    const { logger: log, metrics, liveLimits: limits = {} } = options
    mountLive(app, context, { dialect, live, tokens, view, metrics, log, limits })
  }
  for (const route of dialect.routes) mount(app, context, dialect, route, tokens, view)
  return app
}

function mount(
  app: FastifyInstance,
  context: Context,
  dialect: Dialect,
  route: Route,
  tokens: Tokens,
  view: View,
): void {
  if (!route.allow || !route.rate) throw new Error(`${route.method} ${route.path} declares no policy`)
  // Behind a login an account can be stopped; before it nobody can.
  if (route.rate === 'unlimited' && route.allow !== 'user' && route.allow !== 'admin')
    throw new Error(`${route.method} ${route.path} is open to anybody and unlimited`)
  app.route({
    method: route.method,
    url: `${dialect.base}${route.path}`,
    bodyLimit: route.bodyLimit,
    config: { atelier: route },
    ...(route.body && { schema: { body: route.body } }),
    // Who is asking is settled before a body is even read.
    onRequest: async (request, reply) => {
      if (route.allow === 'user' || route.allow === 'admin') await identify(context, tokens, request)
      if (route.allow === 'guest') await recognise(context, tokens, request)
      if (request.actor) await countCall(context, request.actor, reply)
      if (route.allow === 'admin' && request.actor?.role !== 'admin') throw refusal('forbidden')
      await limit(context, route, request)
    },
    preValidation: async (request, reply) => {
      const field =
        unstorablePart(request.body) ?? unstorablePart(request.params) ?? unstorablePart(request.query)
      if (field !== null) {
        const issues = [{ field, problem: 'format' as const }]
        return send(reply, (route.invalid ?? dialect.faults.invalid)(issues), 'invalid')
      }
    },
    preHandler: async (request) => {
      if (route.allow === 'refresh') {
        const inBody = route.refreshToken?.(request.body) ?? null
        request.grant = tokens.verifyRefresh(bearerOf(request) ?? inBody ?? missing())
        await take(context, route, `session:${request.grant.sessionId}`, 1)
      }
      if (route.target) await take(context, route, `target:${route.target(request.body, request.ip)}`, 1)
    },
    ...(route.quota && {
      onSend: async (request, reply) => {
        if (request.actor && route.quota) await tellQuota(context, request.actor, route.quota, reply)
      },
    }),
    handler: async (request, reply) => {
      const what: Omit<RouteRequest<unknown>, 'files'> = {
        body: request.body,
        params: request.params as Record<string, string>,
        query: firstValues(request.query),
        idempotencyKey: headerOf(request, 'idempotency-key'),
        token: request.token ?? null,
        raw: route.takesRaw
          ? { body: request.rawBody ?? '', header: (name) => headerOf(request, name) }
          : null,
        origin: { ip: request.ip, device: headerOf(request, 'user-agent')?.slice(0, 300) ?? null },
        whenLeft: (listener) => {
          reply.raw.once('close', () => {
            if (!reply.raw.writableFinished) listener()
          })
        },
      }
      const actor = request.actor ?? request.grant ?? null
      const answer = await withFiles(request, (files) =>
        route.handle(context, actor, { ...what, files }, view),
      )
      if (answer.body instanceof EventStream) {
        const stream = openEventStream(answer.body, {
          check: async () => {
            if (request.actor) await authenticate(context, request.actor.sessionId)
          },
          explain: (error) => explain(dialect, error as FastifyError, route).reply,
        })
        return send(
          reply,
          { ...answer, body: stream, headers: { ...EVENT_STREAM_HEADERS, ...answer.headers } },
          'ok',
        )
      }
      return send(reply, request.method === 'HEAD' ? withoutStream(answer) : answer, 'ok')
    },
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    actor?: Actor
    grant?: RefreshGrant
    token?: string
    /** The body as text, where the route takes it. */
    rawBody?: string
  }
  interface FastifyReply {
    outcome?: string
  }
  interface FastifyContextConfig {
    atelier?: Route
  }
}

/** The token of the header; null without one. @throws credentials_invalid for a header of another form */
function bearerOf(request: FastifyRequest): string | null {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').trim().split(/\s+/)
  if (!scheme) return null
  if (scheme.toLowerCase() !== 'bearer' || !token || rest.length > 0) throw refusal('credentials_invalid')
  return token
}

function missing(): never {
  throw refusal('credentials_missing')
}

async function identify(context: Context, tokens: Tokens, request: FastifyRequest): Promise<void> {
  const token = bearerOf(request) ?? missing()
  request.actor = await authenticate(context, tokens.verify(token))
  request.token = token
}

/** Who is asking where anybody may; a token that opens nothing (any more) is nobody's, and no reason to refuse. */
async function recognise(context: Context, tokens: Tokens, request: FastifyRequest): Promise<void> {
  try {
    if (bearerOf(request) !== null) await identify(context, tokens, request)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

/** An office behind one address logs in together: its limit is ten times that of one target. */
const ADDRESS_SHARE = 10

async function limit(context: Context, route: Route, request: FastifyRequest): Promise<void> {
  const { actor } = request
  if (actor && isMember(context, actor) && isFreeForMembers(context, route)) return
  if (actor) await take(context, route, `account:${actor.accountId}`, 1)
  else await take(context, route, `address:${request.ip}`, ADDRESS_SHARE)
}

function isMember(context: Context, { memberUntil }: Actor): boolean {
  return memberUntil !== null && memberUntil > context.clock.now()
}

function isFreeForMembers({ preset }: Context, { rate }: Route): boolean {
  return rate !== 'unlimited' && preset.limits[rate].membersUnlimited === true
}

async function take(context: Context, route: Route, key: string, factor: number): Promise<void> {
  if (route.rate === 'unlimited') return
  const { points, perSeconds } = context.preset.limits[route.rate]
  const wait = await context.limiter.take({ name: route.rate, points: points * factor, perSeconds }, key)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
}

/** What an error is in the dialect's words, and its code for logs and metrics. */
function explain(
  dialect: Dialect,
  error: FastifyError,
  route: Route | undefined,
): { reply: Reply; code: string } {
  const { faults, refusals } = dialect
  if (error instanceof KernelError) {
    const own = route?.refusals[error.code as ErrorCode]
    const refuse = (own ?? refusals[error.code as ErrorCode]) as (details: ErrorDetails[ErrorCode]) => Reply
    return { reply: withRetryAfter(refuse(withShortName(error.details)), error.details), code: error.code }
  }
  if (error instanceof BrokenForm) return { reply: faults.malformedRequest(), code: 'bad_form' }
  if (error.validation) {
    return { reply: (route?.invalid ?? faults.invalid)(toIssues(error.validation)), code: 'invalid' }
  }
  // With a status it is Fastify's: a client that left in the middle of its body is no failure of the database.
  if (error.statusCode === undefined && isConnectionLoss(error))
    return { reply: refusals.unavailable({}), code: 'unavailable' }
  switch (error.statusCode) {
    case 400:
      return { reply: faults.badJson(), code: 'bad_json' }
    case 408:
      return { reply: faults.tooSlow(), code: 'too_slow' }
    case 413:
      return { reply: faults.tooLarge(), code: 'too_large' }
    case 415:
      return { reply: faults.unsupportedType(), code: 'unsupported_type' }
    default:
      return { reply: faults.crash(), code: 'crash' }
  }
}

/** What is wrong may be a field of the client's own naming. */
function withShortName<Details extends object>(details: Details): Details {
  return 'field' in details && typeof details.field === 'string'
    ? { ...details, field: shorten(details.field) }
    : details
}

function withRetryAfter(reply: Reply, details: object): Reply {
  if (!('retryAfterSeconds' in details)) return reply
  return { ...reply, headers: { ...reply.headers, 'retry-after': String(details.retryAfterSeconds) } }
}

function send(reply: FastifyReply, answer: Reply, code: string): FastifyReply {
  reply.outcome = code
  return reply
    .code(answer.status)
    .headers({ 'cache-control': 'no-store', ...answer.headers })
    .send(answer.body)
}

/** Left to Fastify, a HEAD would read the whole stream to throw it away. */
function withoutStream(answer: Reply): Reply {
  if (!(answer.body instanceof Readable)) return answer
  answer.body.destroy()
  return { ...answer, body: '' }
}

/**
 * For every answer: nothing of ours may be sniffed, framed or run. Pictures may be shown by any front-end, and
 * pages of ours come with their own policy. One constant object: a middleware a header cost a sixth of a read.
 */
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'cross-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
}

/** What every answer needs that no hook has seen. */
const BARE_HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/**
 * Requests that never became one: no reply object, only a socket.
 *
 * @param latest the answer to the last request on this connection that did become one.
 */
function answerRawSocket(
  dialect: Dialect,
  error: NodeJS.ErrnoException,
  socket: Socket,
  latest: ServerResponse | undefined,
): void {
  // Refused before its body was read, and now the rest of the body is late or broken: it has its answer.
  const isAnswered = latest?.headersSent && !latest.req.complete
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy()
    return
  }
  // An earlier request is still being answered, and nothing may be written into that.
  if (latest?.req.complete && !latest.writableFinished) {
    latest.once('finish', () => socket.end())
    return
  }
  const { faults } = dialect
  const answer =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? faults.tooSlow()
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? faults.headersTooLarge()
        : faults.malformedRequest()
  const body = JSON.stringify(answer.body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...BARE_HEADERS,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n${head.join('')}\r\n${body}`)
}

function count(metrics: Metrics, request: FastifyRequest, reply: FastifyReply): void {
  metrics.request(
    request.method,
    request.routeOptions?.url ?? 'unknown',
    reply.statusCode,
    codeOf(reply),
    reply.elapsedTime,
  )
}

function codeOf(reply: FastifyReply): string {
  return reply.outcome ?? 'ok'
}

function routeOf(request: FastifyRequest): Route | undefined {
  return request.routeOptions.config.atelier
}

/** The path without its query, which may carry secrets. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

function headerOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

/** A repeated query parameter counts once, as its first value. */
function firstValues(query: unknown): Record<string, string> {
  const entries = Object.entries(query as Record<string, string | string[]>)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? (value[0] ?? '') : value]),
  )
}
