import type { FastifyError } from 'fastify'
import { isConnectionLoss } from '../db/errors.ts'
import type { ErrorCode, ErrorDetails } from '../kernel/errors.ts'
import { KernelError } from '../kernel/errors.ts'
import type { Dialect, Reply, Route } from './dialect.ts'
import { BrokenForm } from './forms.ts'
import { shorten, toIssues } from './issues.ts'

/** What an error is in the dialect's words, and its code for logs and metrics. */
export function explain(
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
