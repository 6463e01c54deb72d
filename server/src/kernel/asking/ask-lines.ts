import { statement } from '../../db/database.ts'
import type { Channel } from '../catalog/catalog.ts'
import { everyChannel } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import { credentialFingerprint } from '../channels/credential-fingerprint.ts'
import { limitsOf } from '../channels/vendor-limits.ts'
import type { Context } from '../context.ts'
import type { AskLine } from '../ports/ask-pace.ts'

/** Jobs that are asked after over one connection, and within what its vendor allows its credential. */
export type Line = AskLine & { connectionId: bigint }

export type Lines = {
  /** By connection. */
  lines: ReadonlyMap<bigint, Line>
  /** Every channel, those that were turned off included: their jobs are asked after where they were sent. */
  channels: ReadonlyMap<bigint, Channel>
}

/** The lines of a site as they are now. */
export async function readLines(context: Context): Promise<Lines> {
  const lines = new Map<bigint, Line>()
  const channels = new Map<bigint, Channel>()
  for (const { channel, connectionId, limits } of await everyChannel(context.db)) {
    channels.set(channel.id, channel)
    if (connectionId === null || lines.has(connectionId)) continue
    const credential = credentialOf(context, channel)
    if (credential === null) continue
    lines.set(connectionId, {
      ...{ connectionId, credential, site: context.site, party: `${context.site} ${connectionId}` },
      limits: limitsOf(context.providers.get(channel.provider), limits ?? {}),
    })
  }
  return { lines, channels }
}

/** Null for what cannot be read: the others must not suffer from it. */
function credentialOf(context: Context, channel: Channel): string | null {
  try {
    return credentialFingerprint(context, channel.provider, openConnection(context, channel))
  } catch (error) {
    context.log.error({ channel: channel.id, error }, 'a connection cannot be read, and nobody asks over it')
    return null
  }
}

const readBusy = statement(
  'connections with jobs',
  `select line.id from unnest($1::bigint[]) as line (id)
   where exists (select from task t where t.state = 'running' and t.operation is not null and t.asked_via = line.id)`,
)

/** Those of the lines in which jobs wait. */
export async function busyLines(context: Context, lines: Iterable<Line>): Promise<Line[]> {
  const all = [...lines]
  if (all.length === 0) return []
  const ids = all.map(({ connectionId }) => connectionId)
  const busy = new Set((await context.db.rows<{ id: bigint }>(readBusy, [ids])).map(({ id }) => id))
  return all.filter(({ connectionId }) => busy.has(connectionId))
}
