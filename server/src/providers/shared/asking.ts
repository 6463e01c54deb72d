import type { OutboundReply } from '../../kernel/ports/outbound.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { readRetryAfter } from './refusal.ts'
import type { Wire } from './wire.ts'

/**
 * What a no means to somebody who only asks after a job: it goes on, whatever we heard, so it is asked after again.
 * That there is no such job (any more) is `ambiguous`: it was taken once, and nobody will say what became of it.
 * `words` are the vendor's, without keys.
 */
export function refusalToTell(
  { vendor }: Pick<Wire, 'vendor'>,
  { status, headers }: Omit<OutboundReply, 'body'>,
  words: string,
): ProviderError {
  const message = `${vendor}: ${status} ${words}`
  if (status === 404 || status === 410) return new ProviderError('ambiguous', message)
  const retryAfterMs = readRetryAfter(headers)
  return new ProviderError(
    status === 429 ? 'throttled' : 'unavailable',
    message,
    retryAfterMs === null ? {} : { retryAfterMs },
  )
}

/** The answer to a question cannot be read; the next one may be. */
export function unreadable({ vendor }: Pick<Wire, 'vendor'>): ProviderError {
  return new ProviderError('unavailable', `${vendor}: it did not answer with its JSON`)
}
