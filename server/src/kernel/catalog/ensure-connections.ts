import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { openSecrets, sealSecrets } from './connections.ts'
import { serveDrawnModels } from './serve-drawn-models.ts'

/** A vendor that the environment brings in: where it is, and its key, empty where it asks for none. */
export type ConfiguredVendor = { provider: string; url: string; secret: string }

const connectionsLock = statement('connections lock', 'select pg_advisory_xact_lock(7143817)')
const readConnection = statement(
  'connection of environment',
  'select id, provider, url, sealed, environment_mark as mark from connection where name = $1 for update',
)
const addConnection = statement(
  'add configured connection',
  'insert into connection (name, provider, url, sealed, environment_mark) values ($1, $1, $2, $3, $4)',
)
const changeConnection = statement(
  'change configured connection',
  'update connection set url = $2, sealed = $3, environment_mark = $4, updated_at = now() where id = $1',
)

/**
 * Brings the vendors that the environment names into this site, at every start: each is stored under its provider's
 * name, and has the models served that nobody else serves (`serveDrawnModels`). Another key or address in the
 * environment takes the place of the one it gave before, as long as that is what is stored: a connection that an
 * operator made or changed is his. A vendor that the environment no longer names stays.
 *
 * @returns whether that changed anything.
 */
export async function ensureConnections(
  context: Context,
  configured: readonly ConfiguredVendor[],
): Promise<boolean> {
  const hasChanged = await context.db.transaction(async (within) => {
    await within.rows(connectionsLock, [])
    let changed = false
    for (const vendor of configured) {
      if (context.providers.has(vendor.provider)) changed = (await keep(context, within, vendor)) || changed
    }
    return (await serveDrawnModels(context, within)) || changed
  })
  if (hasChanged) {
    await context.catalog.reload()
    context.events.publish('catalog')
  }
  return hasChanged
}

type Stored = { id: bigint; provider: string; url: string; sealed: Buffer; mark: Buffer | null }

/** @returns whether the connection was added or changed */
async function keep(context: Context, within: Queryable, vendor: ConfiguredVendor): Promise<boolean> {
  const { provider, url, secret } = vendor
  const mark = markOf(context, url, secret)
  const [stored] = await within.rows<Stored>(readConnection, [provider])
  if (!stored) {
    await within.rows(addConnection, [provider, url, sealSecrets(context, null, { secret }), mark])
    return true
  }
  if (stored.provider === provider && stored.mark?.equals(mark)) return false
  const { mine, sealed } = ownershipOf(context, stored, provider, mark)
  if (!mine) {
    const details = { connection: provider }
    context.log.info(details, 'the connection is its operator’s: the environment is not heeded')
    return false
  }
  await within.rows(changeConnection, [stored.id, url, sealSecrets(context, sealed, { secret }), mark])
  context.log.info({ connection: provider }, 'the connection is as the environment has it now')
  return true
}

/**
 * Whether what is stored is the environment's: what it last gave, or, where versions before this one stored it without
 * a mark, what it gives now. And what of its secrets can be kept.
 */
function ownershipOf(
  context: Context,
  stored: Stored,
  provider: string,
  given: Buffer,
): { mine: boolean; sealed: Buffer | null } {
  if (stored.provider !== provider) return { mine: false, sealed: null }
  try {
    const { secret } = openSecrets(context, stored.sealed)
    const mark = stored.mark ?? given
    return { mine: mark.equals(markOf(context, stored.url, secret)), sealed: stored.sealed }
  } catch {
    // Sealed under another SECRET_KEY: nobody can use it as it is.
    return { mine: stored.mark !== null, sealed: null }
  }
}

function markOf(context: Pick<Context, 'keys'>, url: string, secret: string): Buffer {
  return context.keys.codeHash('connection of the environment', url, secret)
}
