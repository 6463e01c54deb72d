import type { Outbound } from '../../../kernel/ports/outbound.ts'
import { ProviderError } from '../../../kernel/ports/provider.ts'
import { isObject, parseJson, textOf } from '../json.ts'
import { ask, type Wire } from '../wire.ts'
import { refusalOf } from './refusal.ts'

const MAX_BYTES = 4 * 1024 * 1024

/** Asks for `GET models` below the base address, which costs nothing (protocols.md 5.9). Throws `ProviderError`. */
export async function listModels(outbound: Outbound, wire: Wire, signal: AbortSignal): Promise<string[]> {
  const answer = await ask(outbound, wire, { path: 'models', maxBytes: MAX_BYTES, signal })
  const body = parseJson(answer.body)
  if (answer.status !== 200) throw refusalOf(wire, answer, body)
  const data = isObject(body) ? body.data : undefined
  if (!Array.isArray(data)) throw new ProviderError('unavailable', `${wire.vendor}: models: no list came`)
  return data.map((one) => textOf(isObject(one) ? one.id : undefined)).filter((id) => id !== '')
}
