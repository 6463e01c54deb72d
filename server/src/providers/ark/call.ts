import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type ArkOptions, readOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: ArkOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  const wire = openWire('ark', connection, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  return { ...wire, options, timeoutMs: options.timeoutMs }
}
