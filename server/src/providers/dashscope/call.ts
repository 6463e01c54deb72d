import type { ProviderConnection } from '../../kernel/ports/provider.ts'
import { openWire, type Wire } from '../shared/wire.ts'
import { type DashScopeOptions, readOptions } from './options.ts'

/** One deployment, ready to be called. */
export type Deployment = Wire & { options: DashScopeOptions }

/** What consoles show behind the host: both wires of a deployment lie on the same one. */
const SHOWN_PATHS = /\/(compatible-mode\/v1|api\/v1)\/*$/

/** Reads a connection. Throws `ProviderError('unavailable')` for one that cannot be used. */
export function readDeployment(connection: ProviderConnection | null): Deployment {
  const to = connection && { ...connection, url: connection.url.replace(SHOWN_PATHS, '') }
  // An address is asked for first: without a connection there are no options.
  const wire = openWire('dashscope', to, { timeoutMs: 0 })
  const options = readOptions(connection as ProviderConnection)
  return { ...wire, options, timeoutMs: options.timeoutMs }
}

/** The part of a deployment that speaks OpenAI's wire. */
export function chatOf(to: Deployment): Wire {
  return { ...to, endpoint: (path) => to.endpoint(`compatible-mode/v1/${path}`) }
}
