import { mkdtemp } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import cors from '@fastify/cors'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fastify, LogController } from 'fastify'
import { authenticate } from '../kernel/accounts/authenticate.ts'
import type { RefreshGrant } from '../kernel/accounts/refresh.ts'
import type { Actor, Context } from '../kernel/context.ts'
import { refusal } from '../kernel/errors.ts'
import { fileUrl, thumbnailUrl } from '../kernel/works/file-url.ts'
import { bearerOf, identify, limit, missing, recognise, take } from './callers.ts'
import { mountCashier } from './cashier.ts'
import { endRepliesOnClose, waitForAnswersOnly } from './closing.ts'
import type { Dialect, Reply, Route, RouteRequest, View } from './dialect.ts'
import { EventStream } from './dialect.ts'
import { EVENT_STREAM_HEADERS, openEventStream } from './event-stream.ts'
import { explain } from './explain.ts'
import { mountFiles } from './files.ts'
import { mountForms, withFiles } from './forms.ts'
import { mountHandoff } from './handoff.ts'
import { unstorablePart } from './issues.ts'
import type { LiveLimits } from './live.ts'
import { isHandshake, mountLive } from './live.ts'
import type { Metrics } from './metrics.ts'
import { mountOperations } from './operations.ts'
import { mountPages } from './pages.ts'
import { endLateBodies, LONGEST_FORM_MS } from './patience.ts'
import { mountNotifications } from './payments.ts'
import { countCall, QUOTA_HEADERS, tellQuota } from './quotas.ts'
import { answerRawSocket, BARE_HEADERS } from './raw-socket.ts'
import { mountReference } from './reference.ts'
import type { Tokens } from './tokens.ts'
import { createTokens } from './tokens.ts'
import { mountUploads } from './uploads.ts'

const REQUEST_TIMEOUT_MS = 30_000
/** Less than a process that stops gives its connections before it cuts them. */
const REPLY_GRACE_MS = 7_000

type AppOptions = {
  logger: FastifyBaseLogger
  metrics: Metrics
  /** CIDRs whose X-Forwarded-For is believed. */
  trustProxy: readonly string[]
  /** Where files of forms lie until their request is answered; a folder in the system's own for such unless given. */
  formsDir?: string
  /** How long a request may take to arrive, head and body; 30 s unless given. */
  requestTimeoutMs?: number
  /** How long a reply may go on after closing has begun; 7 s unless given. */
  replyGraceMs?: number
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
  waitForAnswersOnly(app)
  endRepliesOnClose(app, context, options.replyGraceMs ?? REPLY_GRACE_MS)
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
