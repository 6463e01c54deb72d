import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { readOptions, type StabilityOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: StabilityOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('stability', connection, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  return { ...wire, options, timeoutMs: options.timeoutMs }
}
