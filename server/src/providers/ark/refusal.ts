import type { OutboundReply } from '../../kernel/ports/outbound.ts'
import type { ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import {
  type Codes,
  refusalByCode,
  refusalInsideByCode,
  refusalOfEnded,
  type Said,
} from '../shared/refused.ts'
import type { Deployment } from './call.ts'

/** Ark's codes (protocols.md 5.6): `InputTextSensitiveContentDetected`, `AccountOverdueError`, `ModelNotOpen` and so on. */
const CODES: Codes = {
  content: /sensitive|RiskDetection|PolicyViolation|content_?filter/i,
  operators:
    /overdue|arrearage|api_?key|authentication|access_?denied|ModelNotOpen|EndpointOrModel|NotFound|SetLimitExceeded|Unsubscribed/i,
  throttled: /RateLimit|QuotaExceeded|ServerOverloaded|TooManyRequests/i,
  input: /^Invalid|^Missing|BadRequest|_parameter/i,
}

/** What went wrong with a request, from its status and `{error: {code, message}}`. */
export function refusalOf(to: Deployment, head: Omit<OutboundReply, 'body'>, body: unknown): ProviderError {
  return refusalByCode(to, head, readSaid(body), CODES)
}

/** An error in place of a result, in an answer that began well; null where there is none. */
export function refusalInside(to: Deployment, body: unknown): ProviderError | null {
  const said = readSaid(body)
  return said.code === '' && said.message === '' ? null : refusalInsideByCode(to, said, CODES)
}

/** A task that ended without a result. */
export function refusalOfTask(to: Deployment, task: Record<string, unknown>): ProviderError {
  const { code, message } = readSaid(task)
  const said = { code, message: [textOf(task.status), message].filter(Boolean).join(': ') }
  return refusalOfEnded(to, said, CODES, to.options.isFailureFree ? 'failed' : 'ambiguous')
}

export function readSaid(body: unknown): Said {
  if (!isObject(body) || !isObject(body.error)) return { code: '', message: '' }
  return { code: textOf(body.error.code) || textOf(body.error.type), message: textOf(body.error.message) }
}
