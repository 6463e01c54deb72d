import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type RunwayOptions, readOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: RunwayOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('runway', connection, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  const headers = { 'x-runway-version': options.version, ...wire.headers }
  return { ...wire, headers, options, timeoutMs: options.timeoutMs }
}
