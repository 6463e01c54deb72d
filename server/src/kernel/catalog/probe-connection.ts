import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Json } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { openSecrets } from './connections.ts'

const readConnection = statement(
  'connection to probe',
  `select k.provider, k.url, k.sealed, k.options,
     array(select distinct c.vendor_model from channel c where c.connection_id = k.id and c.enabled) as served
   from connection k where k.name = $1 and k.name not like 'model:%'`,
)

/** What came of asking a vendor for nothing. */
export type Probed =
  /** `models`: how many it says that it has; `missing`: those of them that serve here and it does not name. */
  | { state: 'taken'; models: number | null; missing: string[] }
  /** In words for operators. */
  | { state: 'refused'; words: string }
  /** Its provider knows nothing that could be asked for free. */
  | { state: 'unknown' }

/**
 * Asks the vendor of a connection something that costs nothing, to see whether it takes the key and has the models that
 * serve over it.
 * @returns null when there is no such connection
 */
export async function probeConnection(
  context: Context,
  name: string,
  { capMs = 30_000 }: { capMs?: number } = {},
): Promise<Probed | null> {
  type Row = {
    provider: string
    url: string
    sealed: Buffer
    options: { [name: string]: Json }
    served: string[]
  }
  const [stored] = await context.db.rows<Row>(readConnection, [name])
  if (!stored) return null
  const probe = context.providers.get(stored.provider)?.probe
  if (!probe) return { state: 'unknown' }
  try {
    const { url, options } = stored
    const connection = { url, options, ...openSecrets(context, stored.sealed) }
    const models = await probe({ connection, signal: AbortSignal.timeout(capMs) })
    if (models === null) return { state: 'taken', models: null, missing: [] }
    const missing = stored.served.filter((model) => !models.includes(model))
    return { state: 'taken', models: models.length, missing }
  } catch (error) {
    if (error instanceof ProviderError) return { state: 'refused', words: error.message }
    if (error instanceof Error && error.name === 'TimeoutError')
      return { state: 'refused', words: `no answer within ${capMs / 1000} s` }
    throw error
  }
}
