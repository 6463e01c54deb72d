import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type GoogleOptions, readOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: GoogleOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('google', connection, { timeoutMs: 0, keyHeader: 'x-goog-api-key' })
  const options = readOptions(connection as ProviderConnection)
  return { ...wire, options, timeoutMs: options.timeoutMs }
}

/** `models/gemini-…:verb`; an operator's own model has its folder in its name (`tunedModels/…`). */
export function methodPath(model: string, verb: string): string {
  const name = model.includes('/') ? model : `models/${model}`
  return `${name.split('/').map(encodeURIComponent).join('/')}:${verb}`
}
