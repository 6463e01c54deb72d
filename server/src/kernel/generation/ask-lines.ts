import { statement } from '../../db/database.ts'
import type { Channel } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import { credentialFingerprint } from '../catalog/credential-fingerprint.ts'
import { limitsOf } from '../catalog/vendor-limits.ts'
import type { Context } from '../context.ts'
import type { AskLine } from '../ports/ask-pace.ts'
import type { VendorLimits } from '../ports/provider.ts'

/** Jobs that are asked after over one connection, and within what its vendor allows its credential. */
export type Line = AskLine & { connectionId: bigint }

export type Lines = {
  /** By connection. */
  lines: ReadonlyMap<bigint, Line>
  /** Every channel, those that were turned off included: their jobs are asked after where they were sent. */
  channels: ReadonlyMap<bigint, Channel>
}

const readChannels = statement(
  'channels with their limits',
  `select c.id, c.provider, c.vendor_model, c.weight, c.connection_id, k.url, encode(k.sealed, 'base64') as sealed,
     k.options, k.limits
   from channel c left join connection k on k.id = c.connection_id`,
)

type Row = {
  id: bigint
  provider: string
  vendor_model: string
  weight: number
  connection_id: bigint | null
  url: string
  sealed: string
  options: NonNullable<Channel['connection']>['options']
  limits: VendorLimits
}

/** The lines of a site as they are now. */
export async function readLines(context: Context): Promise<Lines> {
  const rows = await context.db.rows<Row>(readChannels, [])
  const lines = new Map<bigint, Line>()
  const channels = new Map<bigint, Channel>()
  for (const row of rows) {
    const { connection_id: connectionId, url, sealed, options } = row
    const connection = connectionId === null ? null : { url, sealed, options }
    channels.set(row.id, {
      ...{
        id: row.id,
        provider: row.provider,
        vendorModel: row.vendor_model,
        weight: row.weight,
        connection,
      },
    })
    if (connectionId === null || lines.has(connectionId)) continue
    const opened = openConnection(context, { connection })
    if (!opened) continue
    lines.set(connectionId, {
      connectionId,
      credential: credentialFingerprint(context, row.provider, opened),
      site: context.site,
      party: `${context.site} ${connectionId}`,
      limits: limitsOf(context.providers.get(row.provider), row.limits),
    })
  }
  return { lines, channels }
}
