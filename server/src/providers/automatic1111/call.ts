import type { OutboundReply } from '../../kernel/ports/outbound.ts'
import { type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { readRetryAfter, redactor, wordsFor } from '../shared/refusal.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type Automatic1111Options, readOptions } from './options.ts'

/** One server, ready to be called. */
export type Server = Wire & { options: Automatic1111Options }

/**
 * Reads a connection. Its key, if it has one, is `user:password` as `--api-auth` was given it. Throws
 * `ProviderError('unavailable')` for one that cannot be used.
 */
export function readServer(connection: ProviderConnection | null): Server {
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('automatic1111', connection && { ...connection, secret: '' }, { timeoutMs: 0 })
  const { secret, headers } = connection as ProviderConnection
  const options = readOptions(connection as ProviderConnection)
  const basic = Buffer.from(secret).toString('base64')
  const password = secret.slice(secret.indexOf(':') + 1)
  return {
    ...wire,
    options,
    timeoutMs: options.timeoutMs,
    headers: { ...(secret !== '' && { authorization: `Basic ${basic}` }), ...wire.headers },
    redact: redactor([secret, password, basic, ...Object.values(headers)]),
  }
}

/**
 * What a no means. The server belongs to the operator and nobody is paid: whatever broke may be tried again, and only
 * what it says of the input (422) is the input's fault.
 */
export function refusalOf({ vendor, redact }: Server, reply: OutboundReply): ProviderError {
  const words = `${vendor}: ${reply.status} ${wordsFor(redact, wordsIn(parseJson(reply.body)))}`
  if (reply.status === 429) {
    const retryAfterMs = readRetryAfter(reply.headers)
    return new ProviderError('throttled', words, retryAfterMs === null ? {} : { retryAfterMs })
  }
  return new ProviderError(reply.status === 422 ? 'rejected' : 'unavailable', words)
}

/** `{error, detail, body, errors}`; `detail` is a list of `{loc, msg}` where the request was not understood. */
function wordsIn(body: unknown): string[] {
  if (!isObject(body)) return []
  const { error, detail, errors } = body
  const told = Array.isArray(detail)
    ? detail.filter(isObject).map(({ msg }) => textOf(msg))
    : [textOf(detail)]
  return [textOf(error), ...told, textOf(errors)]
}
