import { type Outbound, OutboundError, type OutboundReply } from '../../kernel/ports/outbound.ts'
import { type CallOptions, type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'
import { type OpenAiOptions, readOptions } from './options.ts'
import { type Redact, redactor } from './refusal.ts'

/** One deployment, ready to be called. */
export type Deployment = {
  options: OpenAiOptions
  endpoint: (path: string) => string
  headers: Readonly<Record<string, string>>
  redact: Redact
}

type Body = { body: string | Uint8Array; contentType: string }
type Call = { path: string; maxBytes: number; signal: AbortSignal } & Body

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  const base = connection && URL.parse(connection.url)
  if (!connection || !base) throw new ProviderError('unavailable', 'openai: the channel has no address')
  const { secret, headers } = connection
  return {
    options: readOptions(connection),
    endpoint: (path) => {
      // A query stays where it is: Azure names its version there.
      const url = new URL(base)
      url.pathname = `${base.pathname.replace(/\/+$/, '')}/${path}`
      return url.href
    },
    headers: {
      ...(secret !== '' && { authorization: `Bearer ${secret}` }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    redact: redactor([secret, ...Object.values(headers)]),
  }
}

/** Throws `ProviderError('unavailable')` where nobody waits any more: nothing has been sent yet. */
export function checkWaiting({ signal }: Pick<CallOptions, 'signal'>): void {
  if (signal.aborted) throw new ProviderError('unavailable', 'openai: called off before anything was sent')
}

/** Posts and takes the whole answer. Throws `ProviderError`; any status is an answer. */
export async function post(outbound: Outbound, to: Deployment, call: Call): Promise<OutboundReply> {
  try {
    return await outbound(to.endpoint(call.path), requestOf(to, call))
  } catch (error) {
    throw unanswered(error)
  }
}

export type Streamed = { head: Omit<OutboundReply, 'body'>; chunks: AsyncIterable<Uint8Array> }

/**
 * Posts and hands the answer over as it comes; `read` takes as much of it as it wants, and the connection is closed
 * when it ends, in whatever way. Throws `ProviderError`.
 */
export async function* postStreaming<Part>(
  outbound: Outbound,
  to: Deployment,
  call: Call,
  read: (answer: Streamed) => AsyncIterable<Part>,
): AsyncGenerator<Part, void, undefined> {
  const hangUp = new AbortController()
  const signal = AbortSignal.any([call.signal, hangUp.signal])
  // Room for one piece: a slow reader slows the vendor down instead of filling the memory.
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  const { promise: head, resolve, reject } = Promise.withResolvers<Streamed['head']>()
  const fail = (error: unknown): void => {
    reject(error)
    writer.abort(error).catch(() => {})
  }
  signal.addEventListener('abort', () => fail(unanswered(signal.reason)), { once: true })
  outbound(to.endpoint(call.path), {
    ...requestOf(to, { ...call, signal }),
    readBody: async (body, answered) => {
      resolve(answered)
      for await (const chunk of body) await writer.write(chunk)
    },
  }).then(
    () => writer.close().catch(() => {}),
    (error: unknown) => fail(unanswered(error)),
  )
  try {
    yield* read({ head: await head, chunks: readable })
  } finally {
    hangUp.abort(new Error('hung up'))
  }
}

function requestOf(to: Deployment, call: Call) {
  return {
    method: 'POST',
    headers: { accept: '*/*', ...to.headers, 'content-type': call.contentType },
    body: call.body,
    timeoutMs: to.options.timeoutMs,
    maxBytes: call.maxBytes,
    isOperatorConfigured: true,
    signal: call.signal,
  } as const
}

function unanswered(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (!(error instanceof OutboundError)) {
    return new ProviderError('ambiguous', 'openai: called off after it was sent')
  }
  const isKnownNotDone = error.kind === 'forbidden' || error.kind === 'unreachable'
  return new ProviderError(isKnownNotDone ? 'unavailable' : 'ambiguous', `openai: ${error.message}`, {
    cause: error,
  })
}
