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

/** DashScope's codes (protocols.md 5.5): `DataInspectionFailed`, `Arrearage`, `Throttling.RateQuota` and so on. */
const CODES: Codes = {
  content: /data_?inspection|IPInfringement|sensitive/i,
  operators:
    /arrearage|overdue|api_?key|access_?denied|unpurchased|FreeTierOnly|model_?(access|not_?found|not_?exist)|Model\.NotExist|Workspace/i,
  throttled: /throttling|rate_?limit|LimitRequests|AllocationQuota/i,
  input: /^Invalid|BadRequest|^Missing|_parameter/i,
}

/** What went wrong with a request, from its status and `{code, message}`. */
export function refusalOf(to: Deployment, head: Omit<OutboundReply, 'body'>, body: unknown): ProviderError {
  return refusalByCode(to, head, readSaid(body), CODES)
}

/** An error in place of a result, in an answer that began well; null where there is none. */
export function refusalInside(to: Deployment, body: unknown): ProviderError | null {
  const said = readSaid(body)
  return said.code === '' ? null : refusalInsideByCode(to, said, CODES)
}

/** A task, or a part of one, that ended without a result. */
export function refusalOfTask(to: Deployment, output: unknown): ProviderError {
  const { isFailureFree } = to.options
  return refusalOfEnded(to, readSaid(output), CODES, isFailureFree ? 'failed' : 'ambiguous')
}

export function readSaid(body: unknown): Said {
  if (!isObject(body)) return { code: '', message: '' }
  const error = isObject(body.error) ? body.error : body
  return { code: textOf(error.code), message: textOf(error.message) }
}
