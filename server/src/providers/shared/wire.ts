import { type Outbound, OutboundError, type OutboundReply } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'
import { type Redact, redactor } from './refusal.ts'

/** One deployment of a vendor's wire, ready to be called. */
export type Wire = {
  /** The provider's name: the first word of everything operators read of it. */
  vendor: string
  /** The whole address of a path below the base address, which keeps its own query (Azure names its version there). */
  endpoint: (path: string) => string
  headers: Readonly<Record<string, string>>
  redact: Redact
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

export type WireRequest = {
  /** POST unless given. */
  method?: 'GET' | 'POST' | 'DELETE'
  /** Below the base address. */
  path: string
  body?: string | Uint8Array
  contentType?: string
  headers?: Readonly<Record<string, string>>
  /** A longer answer is an error. */
  maxBytes: number
  signal: AbortSignal
}

/**
 * Reads a connection. The key goes out as `Authorization: Bearer …` unless `keyHeader` names another header; the
 * operator's own headers are added and win. Throws `ProviderError('unavailable')` for one that cannot be used.
 */
export function openWire(
  vendor: string,
  connection: ProviderConnection | null,
  { timeoutMs, keyHeader = null }: { timeoutMs: number; keyHeader?: string | null },
): Wire {
  const base = connection && URL.parse(connection.url)
  if (!connection || !base) throw new ProviderError('unavailable', `${vendor}: the channel has no address`)
  const { secret, headers } = connection
  return {
    vendor,
    timeoutMs,
    endpoint: (path) => {
      const url = new URL(base)
      const [name = '', query = ''] = path.split('?')
      url.pathname = `${base.pathname.replace(/\/+$/, '')}/${name}`
      for (const [key, value] of new URLSearchParams(query)) url.searchParams.append(key, value)
      return url.href
    },
    headers: {
      ...(secret !== '' &&
        (keyHeader === null ? { authorization: `Bearer ${secret}` } : { [keyHeader]: secret })),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    redact: redactor([secret, ...Object.values(headers)]),
  }
}

/** Throws `ProviderError('unavailable')` where nobody waits any more: nothing has been sent yet. */
export function checkWaiting(vendor: string, { signal }: Pick<CallOptions, 'signal'>): void {
  if (signal.aborted) throw new ProviderError('unavailable', `${vendor}: called off before anything was sent`)
}

/**
 * One request that costs money, or may: whatever leaves it open whether it was done is `ambiguous`. Any status is an
 * answer. Never sent twice. Throws `ProviderError`.
 */
export async function send(outbound: Outbound, wire: Wire, request: WireRequest): Promise<OutboundReply> {
  try {
    return await outbound(wire.endpoint(request.path), requestOf(wire, request))
  } catch (error) {
    throw unanswered(wire, error)
  }
}

/**
 * One request that changes nothing, such as asking after a job: without an answer it is `unavailable`, and asked again.
 * Any status is an answer. Throws `ProviderError`; the signal's reason when it was called off.
 */
export async function ask(outbound: Outbound, wire: Wire, request: WireRequest): Promise<OutboundReply> {
  try {
    return await outbound(wire.endpoint(request.path), requestOf(wire, { method: 'GET', ...request }))
  } catch (error) {
    request.signal.throwIfAborted()
    if (!(error instanceof OutboundError)) throw error
    throw new ProviderError('unavailable', `${wire.vendor}: ${error.message}`, { cause: error })
  }
}

export type Streamed = { head: Omit<OutboundReply, 'body'>; chunks: AsyncIterable<Uint8Array> }

/**
 * Sends and hands the answer over as it comes; `read` takes as much of it as it wants, and the connection is closed
 * when it ends, in whatever way. Throws `ProviderError`.
 */
export async function* sendStreaming<Part>(
  outbound: Outbound,
  wire: Wire,
  request: WireRequest,
  read: (answer: Streamed) => AsyncIterable<Part>,
): AsyncGenerator<Part, void, undefined> {
  const hangUp = new AbortController()
  const signal = AbortSignal.any([request.signal, hangUp.signal])
  // Room for one piece: a slow reader slows the vendor down instead of filling the memory.
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  const { promise: head, resolve, reject } = Promise.withResolvers<Streamed['head']>()
  const fail = (error: unknown): void => {
    reject(error)
    writer.abort(error).catch(() => {})
  }
  signal.addEventListener('abort', () => fail(unanswered(wire, signal.reason)), { once: true })
  outbound(wire.endpoint(request.path), {
    ...requestOf(wire, { ...request, signal }),
    readBody: async (body, answered) => {
      resolve(answered)
      for await (const chunk of body) await writer.write(chunk)
    },
  }).then(
    () => writer.close().catch(() => {}),
    (error: unknown) => fail(unanswered(wire, error)),
  )
  try {
    yield* read({ head: await head, chunks: readable })
  } finally {
    hangUp.abort(new Error('hung up'))
  }
}

function requestOf(wire: Wire, request: WireRequest) {
  const { method = 'POST', body, contentType, headers, maxBytes, signal } = request
  return {
    method,
    headers: {
      accept: '*/*',
      ...wire.headers,
      ...headers,
      ...(contentType !== undefined && { 'content-type': contentType }),
    },
    ...(body !== undefined && { body }),
    timeoutMs: wire.timeoutMs,
    maxBytes,
    isOperatorConfigured: true,
    signal,
  } as const
}

function unanswered({ vendor }: Wire, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (!(error instanceof OutboundError)) {
    return new ProviderError('ambiguous', `${vendor}: called off after it was sent`)
  }
  const isKnownNotDone = error.kind === 'forbidden' || error.kind === 'unreachable'
  return new ProviderError(isKnownNotDone ? 'unavailable' : 'ambiguous', `${vendor}: ${error.message}`, {
    cause: error,
  })
}

/** The answer came with a success, so the work was probably done and counted. */
export function notUnderstood({ vendor }: Wire, how: string): ProviderError {
  return new ProviderError('ambiguous', `${vendor}: it answered ${how}`)
}

/**
 * What went wrong while a job was asked after says nothing about the job: it is asked after again. What the vendor says
 * about the job itself does not come here.
 */
export function toBeAskedAgain({ kind, message, retryAfterMs, cause }: ProviderError): ProviderError {
  return new ProviderError(kind === 'throttled' ? kind : 'unavailable', message, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause,
  })
}
