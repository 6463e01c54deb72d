import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { readRetryAfter, wordsFor } from '../shared/refusal.ts'
import { ask, notUnderstood, openWire, toBeAskedAgain, type Wire, type WireRequest } from '../shared/wire.ts'
import { type ComfyOptions, readOptions } from './options.ts'

/** Every answer but a file; a history holds the graph of each of its jobs. */
export const MAX_BYTES = 64 * 1024 * 1024

/** One server, ready to be called. */
export type Server = Wire & { options: ComfyOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readServer(connection: ProviderConnection | null): Server {
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('comfyui', connection, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  return { ...wire, options, timeoutMs: options.timeoutMs }
}

/**
 * Asks what changes nothing that is paid for, and reads its JSON object. Whatever else comes has it asked again.
 * Throws `ProviderError('throttled' | 'unavailable')`, or the signal's reason.
 */
export async function askFor(
  outbound: Outbound,
  to: Server,
  request: Omit<WireRequest, 'maxBytes'>,
): Promise<Record<string, unknown>> {
  const reply = await ask(outbound, to, { ...request, maxBytes: MAX_BYTES })
  const answer = parseJson(reply.body)
  if (reply.status !== 200) throw toBeAskedAgain(refusalOf(to, reply, answer))
  if (!isObject(answer)) throw toBeAskedAgain(notUnderstood(to, 'with something that is not its JSON'))
  return answer
}

/**
 * What a no to an order means. A graph that the server refuses (400) is its operator's, not a user's; a server or proxy
 * that broke may have queued the job.
 */
export function refusalOf(
  { vendor, redact }: Server,
  { status, headers }: Pick<OutboundReply, 'status' | 'headers'>,
  body: unknown,
): ProviderError {
  const words = `${vendor}: ${status} ${wordsFor(redact, wordsIn(body))}`
  if (status === 429) {
    const retryAfterMs = readRetryAfter(headers)
    return new ProviderError('throttled', words, retryAfterMs === null ? {} : { retryAfterMs })
  }
  return new ProviderError(status >= 500 || status === 408 ? 'ambiguous' : 'unavailable', words)
}

/** `{error: {type, message, details}, node_errors: {"4": {class_type, errors: [{message, details}]}}}`. */
function wordsIn(body: unknown): string[] {
  if (!isObject(body)) return []
  const { error, node_errors: nodeErrors } = body
  const words = isObject(error) ? [textOf(error.message), textOf(error.details)] : [textOf(error)]
  for (const node of isObject(nodeErrors) ? Object.values(nodeErrors) : []) {
    if (!isObject(node)) continue
    words.push(textOf(node.class_type))
    for (const one of Array.isArray(node.errors) ? node.errors : []) {
      if (isObject(one)) words.push(textOf(one.message), textOf(one.details))
    }
  }
  return words
}
