import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { authenticate } from '../kernel/accounts/authenticate.ts'
import { findEndedSessions } from '../kernel/accounts/ended-sessions.ts'
import type { Actor, Context, Log } from '../kernel/context.ts'
import type { ErrorCode, ErrorDetails } from '../kernel/errors.ts'
import { KernelError, refusal } from '../kernel/errors.ts'
import type { TaskNews } from '../kernel/generation/watch.ts'
import { openTaskWatch } from '../kernel/generation/watch.ts'
import { take } from './callers.ts'
import type { Dialect, Live, View } from './dialect.ts'
import type { Metrics } from './metrics.ts'
import type { Tokens } from './tokens.ts'

/** What a socket may cost; a test sets smaller ones. */
export type LiveLimits = {
  /** A socket that leaves two pings unanswered is ended. */
  pingEveryMs: number
  /** How often all sessions are asked after; the event of an account does so at once. */
  checkEveryMs: number
  /** What a client has to close by itself, before its connection is cut. */
  closeGraceMs: number
  /** A client that leaves more than this unread is too slow. */
  mostBufferedBytes: number
  /** Sockets of one account. */
  mostSockets: number
  /** Largest message of a client, none of which means anything. */
  mostPayloadBytes: number
  /** Frames of a client within ten seconds, pings and pongs included. */
  mostFrames: number
}

const LIMITS: LiveLimits = {
  pingEveryMs: 30_000,
  checkEveryMs: 2_000,
  closeGraceMs: 2_000,
  mostBufferedBytes: 1_048_576,
  mostSockets: 20,
  mostPayloadBytes: 4_096,
  mostFrames: 100,
}
const FRAMES_MS = 10_000
const UNANSWERED_PINGS = 2
/** A close frame has room for 125 bytes, two of them the code. */
const MOST_REASON_BYTES = 123
/** Where a browser puts a token that shall not be in an address: `new WebSocket(url, ['bearer', token])`. */
const PROTOCOL = 'bearer'

/** Codes of RFC 6455 and its registry; what is wrong with a token has the dialect's own. */
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011
const TRY_AGAIN_LATER = 1013

/** Why we part with a socket, for the metrics; `client` when it was not us. */
export type Parting =
  | 'client'
  | 'refused'
  | 'session_ended'
  | 'too_many'
  | 'slow'
  | 'flood'
  | 'silent'
  | 'stopping'
  | 'failed'

type Connected = {
  socket: WebSocket
  actor: Pick<Actor, 'accountId' | 'sessionId'> | null
  parting: Parting
  stopWatching: () => void
  unanswered: number
  pingAt: number
  frames: { count: number; since: number }
}

/**
 * Whether a request for one of the dialect's live paths is a proper handshake (RFC 6455, 4.2.1). Any other is an ordinary
 * request, so what is wrong with it is said in the dialect's envelope.
 */
export function isHandshake(live: Live, { method, url, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    live.paths.includes(pathOf(url)) &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    (headers['sec-websocket-version'] === '13' || headers['sec-websocket-version'] === '8') &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  )
}

type Options = {
  dialect: Dialect
  live: Live
  tokens: Tokens
  view: View
  metrics: Metrics
  log: Log
  limits?: Partial<LiveLimits>
}

/**
 * Mounts live progress: each socket is told of its own account's tasks and of nothing else, since there is nothing a
 * client could ask for. Any origin may connect, as any may call the routes: a token opens a socket, never a cookie.
 *
 * `ws` is used directly. The plug-in for Fastify writes the address of a stray upgrade, token included, into the log,
 * and sends every upgrade through all hooks of a request that never ends.
 */
export function mountLive(app: FastifyInstance, context: Context, options: Options): void {
  const { dialect, live, tokens, view, metrics, log } = options
  const limits = { ...LIMITS, ...options.limits }
  const everybody = new Set<Connected>()
  const byAccount = new Map<bigint, Set<Connected>>()
  const watch = openTaskWatch(context)
  let isStopping = false

  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // A context for each socket would cost more memory than everything else about it.
    perMessageDeflate: false,
    maxPayload: limits.mostPayloadBytes,
    // Otherwise the token would be chosen, and said back, where it stands first.
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  })

  const reasonOf = (error: KernelError): string => {
    const refuse = dialect.refusals[error.code] as (details: ErrorDetails[ErrorCode]) => { body: unknown }
    return live.reason(refuse(error.details))
  }

  const leave = (one: Connected): void => {
    one.stopWatching()
    one.stopWatching = () => {}
    if (!one.actor) return
    const others = byAccount.get(one.actor.accountId)
    if (others?.delete(one) && others.size === 0) byAccount.delete(one.actor.accountId)
    metrics.live.sockets(-1)
    one.actor = null
  }

  /** Nothing more is sent; whoever does not answer the close in time is cut off, with all that waits for them. */
  const part = (one: Connected, why: Parting, code: number, reason: string): void => {
    if (one.parting !== 'client') return
    one.parting = why
    leave(one)
    one.socket.close(code, fit(reason))
    setTimeout(() => one.socket.terminate(), limits.closeGraceMs).unref()
  }

  const send = (one: Connected, text: string): boolean => {
    if (one.socket.bufferedAmount > limits.mostBufferedBytes) {
      part(one, 'slow', TRY_AGAIN_LATER, live.reasons.slow)
      return false
    }
    one.socket.send(text)
    return true
  }

  /** The sockets of an account are told the same, so it is put into words once. */
  const texts = new WeakMap<TaskNews, string | null>()
  const textOf = (news: TaskNews): string | null => {
    let text = texts.get(news)
    if (text === undefined) {
      const message = live.present(news, view)
      text = message && JSON.stringify(message)
      texts.set(news, text)
    }
    return text
  }

  const join = (one: Connected, actor: Actor): void => {
    const { accountId, sessionId } = actor
    const others = byAccount.get(accountId) ?? new Set()
    if (others.size >= limits.mostSockets) {
      part(one, 'too_many', TRY_AGAIN_LATER, live.reasons.tooMany)
      return
    }
    byAccount.set(accountId, others.add(one))
    one.actor = { accountId, sessionId }
    metrics.live.sockets(1)
    one.stopWatching = watch.watch(accountId, (news) => {
      const text = textOf(news)
      if (text !== null && send(one, text)) metrics.live.message(news.ended ? 'end' : 'progress')
    })
  }

  /** A connection costs as much as a read, and is counted as one. */
  const takeTurn = ({ accountId }: Actor): Promise<void> =>
    take(context, { rate: 'read' }, `account:${accountId}`, 1)

  const admit = async (one: Connected, token: string | null): Promise<void> => {
    try {
      if (token === null) throw refusal('credentials_missing')
      const actor = await authenticate(context, tokens.verify(token))
      await takeTurn(actor)
      if (one.socket.readyState === one.socket.OPEN && one.parting === 'client') join(one, actor)
    } catch (error) {
      if (error instanceof KernelError) {
        const isBusy = error.code === 'rate_limited'
        const code = isBusy ? TRY_AGAIN_LATER : live.refusedCode
        part(one, isBusy ? 'too_many' : 'refused', code, reasonOf(error))
      } else {
        log.error({ error }, 'a socket could not be let in')
        part(one, 'failed', INTERNAL_ERROR, reasonOf(refusal('unavailable')))
      }
    }
  }

  const welcome = (socket: WebSocket, request: IncomingMessage): void => {
    const now = performance.now()
    const one: Connected = {
      ...{ socket, actor: null, parting: 'client', stopWatching: () => {}, unanswered: 0 },
      ...{ pingAt: now + limits.pingEveryMs, frames: { count: 0, since: now } },
    }
    everybody.add(one)
    const heard = (): void => {
      one.unanswered = 0
      const at = performance.now()
      if (at - one.frames.since > FRAMES_MS) one.frames = { count: 0, since: at }
      one.frames.count += 1
      if (one.frames.count > limits.mostFrames) part(one, 'flood', POLICY_VIOLATION, live.reasons.flood)
    }
    socket.on('pong', heard)
    socket.on('ping', heard)
    socket.on('message', (data, isBinary) => {
      heard()
      if (!isBinary && one.actor && String(data) === 'ping') send(one, 'pong')
    })
    // What breaks the protocol is closed by `ws` with the fitting code; what it sent is nobody's business.
    socket.on('error', (error) => log.debug({ code: 'code' in error ? error.code : null }, 'a socket broke'))
    socket.on('close', () => {
      leave(one)
      everybody.delete(one)
      metrics.live.closed(one.parting)
      if (everybody.size === 0) rest()
    })
    wake()
    if (isStopping) part(one, 'stopping', GOING_AWAY, live.reasons.stopping)
    else void admit(one, tokenOf(request))
  }

  let isChecking = false
  /** One statement for all of them, however many there are. */
  const check = async (those: Iterable<Connected>): Promise<void> => {
    const bySession = Map.groupBy(those, ({ actor }) => actor?.sessionId ?? '')
    bySession.delete('')
    try {
      const ended = await findEndedSessions(context, [...bySession.keys()])
      for (const [sessionId, error] of ended) {
        for (const one of bySession.get(sessionId) ?? [])
          part(one, 'session_ended', live.refusedCode, reasonOf(error))
      }
    } catch (error) {
      // Nobody can have logged out meanwhile; the next round asks again.
      if (everybody.size > 0) log.warn({ error }, 'the sessions of sockets could not be checked')
    }
  }
  const checkAll = (): void => {
    if (isChecking) return
    isChecking = true
    void check(everybody).finally(() => {
      isChecking = false
    })
  }

  const beat = (): void => {
    const now = performance.now()
    for (const one of everybody) {
      if (one.pingAt > now || one.socket.readyState !== one.socket.OPEN) continue
      one.pingAt = now + limits.pingEveryMs
      if (one.unanswered >= UNANSWERED_PINGS) {
        one.parting = 'silent'
        leave(one)
        one.socket.terminate()
      } else {
        one.unanswered += 1
        one.socket.ping()
      }
    }
  }

  // With no socket there is no timer, no listener and no statement.
  let rest = (): void => {}
  let isAwake = false
  const wake = (): void => {
    if (isAwake) return
    isAwake = true
    // Each is pinged at its own time, so that two thousand are not pinged in one go.
    const heartbeat = setInterval(beat, Math.min(1_000, limits.pingEveryMs / 2))
    const checks = setInterval(checkAll, limits.checkEveryMs)
    const unsubscribe = context.events.subscribe('account', null, (accountId) => {
      if (accountId === null) checkAll()
      else void check(byAccount.get(accountId) ?? [])
    })
    rest = () => {
      isAwake = false
      clearInterval(heartbeat)
      clearInterval(checks)
      unsubscribe()
    }
  }

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Until `ws` has its own, an error of the connection would end the process.
    const destroy = (): void => void socket.destroy()
    socket.on('error', destroy)
    server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', destroy)
      welcome(webSocket, request)
    })
  })
  for (const path of live.paths) {
    app.get(path, (_request, reply) => {
      const { status, body } = live.notUpgraded()
      reply.outcome = 'not_upgraded'
      return reply.code(status).header('cache-control', 'no-store').send(body)
    })
  }
  // Node waits for every connection before it calls a server closed, and for these it would wait for ever.
  app.addHook('preClose', async () => {
    isStopping = true
    const gone = [...everybody].map(
      ({ socket }) => new Promise<void>((resolve) => void socket.once('close', () => resolve())),
    )
    for (const one of everybody) part(one, 'stopping', GOING_AWAY, live.reasons.stopping)
    await Promise.all(gone)
  })
}

function pathOf(url = ''): string {
  const path = url.split('?', 1)[0] ?? ''
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** The token of the address, as documents have it, of the header, or of the offered protocols. */
function tokenOf({ url = '', headers }: IncomingMessage): string | null {
  const at = url.indexOf('?')
  const inAddress = at < 0 ? null : new URLSearchParams(url.slice(at + 1)).get('token')
  if (inAddress) return inAddress
  const [scheme, inHeader] = (headers.authorization ?? '').trim().split(/\s+/)
  if (inHeader && scheme?.toLowerCase() === 'bearer') return inHeader
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
  return offered.includes(PROTOCOL) ? (offered.find((one) => one !== PROTOCOL) ?? null) : null
}

/** As much of a reason as a close frame has room for, in whole characters. */
function fit(reason: string): string {
  let text = reason
  while (Buffer.byteLength(text) > MOST_REASON_BYTES) text = text.slice(0, -1)
  return text
}
