import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type ArkOptions, readOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: ArkOptions }

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  // Consoles show the address with the version or without it.
  const to = connection && { ...connection, url: connection.url.replace(/\/api\/v3\/*$/, '') }
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('ark', to, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  const endpoint = (path: string): string => wire.endpoint(`api/v3/${path}`)
  return { ...wire, endpoint, options, timeoutMs: options.timeoutMs }
}
