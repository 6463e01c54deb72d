import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { ProviderKind } from '../ports/provider.ts'
import { sealSecrets } from './connections.ts'
import { makerOf } from './models.ts'

const connectionsLock = statement('connections lock', 'select pg_advisory_xact_lock(7143817)')

const addOnce = statement(
  'add configured connection',
  `insert into connection (name, provider, url, sealed) values ($1, $1, $2, $3)
   on conflict (name) do nothing returning id`,
)

// A model that has ever had another channel has been in an operator's hands.
const drawnModels = statement(
  'models that only the built-in renderer serves',
  `select m.id, m.kind from model m where m.name = any ($1::text[]) and m.kind <> 'custom'
     and exists (select from channel c where c.model_id = m.id and c.enabled)
     and not exists (select from channel c where c.model_id = m.id and c.provider <> 'sketch')`,
)
const closeChannels = statement(
  'close channels of drawn model',
  'update channel set enabled = false where model_id = $1',
)
const addChannel = statement(
  'serve model by configured connection',
  'insert into channel (model_id, provider, vendor_model, connection_id) values ($1, $2, $3, $4)',
)

/**
 * Stores the vendor that the environment names, once, and has it serve every model of the preset that nobody but the
 * built-in renderer serves; the renderer's channels are turned off and kept. From then on all of it is the operator's,
 * and the environment is not read again.
 *
 * @returns whether that happened now.
 */
export async function ensureConnections(
  context: Context,
  configured: { openai: { url: string; key: string } | null },
): Promise<boolean> {
  const { openai } = configured
  const provider = context.providers.get('openai')
  if (!openai || !provider) return false
  const isNew = await context.db.transaction(async (within) => {
    await within.rows(connectionsLock, [])
    const sealed = sealSecrets(context, null, { secret: openai.key })
    const [connection] = await within.rows<{ id: bigint }>(addOnce, [provider.name, openai.url, sealed])
    if (!connection) return false
    const names = context.preset.models.map(({ name }) => name)
    for (const { id, kind } of await within.rows<{ id: bigint; kind: string }>(drawnModels, [names])) {
      const vendorModel = provider.defaultModels?.[makerOf(kind) as ProviderKind]
      if (vendorModel === undefined) continue
      await within.rows(closeChannels, [id])
      await within.rows(addChannel, [id, provider.name, vendorModel, connection.id])
    }
    return true
  })
  if (isNew) {
    await context.catalog.reload()
    context.events.publish('catalog')
  }
  return isNew
}
