import { statement } from '../../db/database.ts'
import type { Channel, SealedConnection } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import type { Context } from '../context.ts'
import type { VendorLimits } from '../ports/provider.ts'
import { credentialOf } from './choose-channel.ts'

/** How a channel is set up, and how it is doing. */
export type ChannelHealth = {
  id: bigint
  model: string
  provider: string
  vendorModel: string
  connection: string | null
  isEnabled: boolean
  priority: number
  weight: number
  mostJobs: number | null
  startsPerMinute: number | null
  /** What its credential may do, over all its channels. */
  limits: VendorLimits
  /** Jobs that were sent and have not ended, through this channel and with its credential. */
  underWay: number
  underWayWithCredential: number
  /** How its credential's vendor is doing, as the site's processes have seen it last. */
  vendor: 'closed' | 'open' | 'probing' | 'throttled'
  /** Until when nothing is sent there; null when something may be. */
  closedUntil: Date | null
  /** Of the attempts that were sent in the last hour and have ended: how many, and how many brought a result. */
  ended: number
  succeeded: number
  /** Of those that brought a result, from when they were sent. */
  medianMs: number | null
  /** The vendor's last words of failure within a day, without the key. */
  lastError: string | null
  lastErrorAt: Date | null
}

type Row = {
  id: bigint
  model: string
  provider: string
  vendor_model: string
  connection_name: string | null
  connection: (Omit<SealedConnection, 'sealed'> & { sealed: string }) | null
  enabled: boolean
  priority: number
  weight: number
  most_jobs: number | null
  starts_per_minute: number | null
  under_way: number
  ended: number
  succeeded: number
  median_ms: number | null
  last_error: string | null
  last_error_at: Date | null
}

const readHealthRows = statement(
  'health of channels',
  `select c.id, m.name as model, c.provider, c.vendor_model, k.name as connection_name, c.enabled, c.priority, c.weight,
     c.most_jobs, c.starts_per_minute,
     case when k.id is not null then json_build_object('url', k.url, 'sealed', encode(k.sealed, 'base64'),
       'options', k.options, 'limits', k.limits) end as connection,
     (select count(*)::int from attempt a where a.channel_id = c.id and a.sent_at is not null and a.ended_at is null)
       as under_way,
     coalesce(hour.ended, 0) as ended, coalesce(hour.succeeded, 0) as succeeded, hour.median_ms,
     worst.error as last_error, worst.at as last_error_at
   from channel c join model m on m.id = c.model_id left join connection k on k.id = c.connection_id
   left join lateral (
     select count(*)::int as ended, (count(*) filter (where a.state = 'succeeded'))::int as succeeded,
       percentile_cont(0.5) within group (order by extract(epoch from a.ended_at - a.sent_at) * 1000)
         filter (where a.state = 'succeeded')::float8 as median_ms
     from attempt a where a.channel_id = c.id and a.sent_at > now() - interval '1 hour' and a.ended_at is not null
       and a.state <> 'abandoned') hour on true
   left join lateral (
     select a.error, coalesce(a.ended_at, a.sent_at) as at from attempt a
     where a.channel_id = c.id and a.sent_at > now() - interval '1 day' and a.error is not null
     order by a.sent_at desc limit 1) worst on true
   order by m.id, c.enabled desc, c.priority, c.id`,
)

const readVendors = statement(
  'how vendors are doing',
  `select s.credential, s.state, s.open_until, s.throttled_until,
     (select count(*)::int from attempt a
      where a.credential = s.credential and a.sent_at is not null and a.ended_at is null) as under_way
   from (select distinct on (credential) * from (
     select credential, state, open_until, throttled_until from credential_state
     union all select unnest($1::text[]), 'closed', null, null) known order by credential, open_until nulls last) s
   where s.credential = any ($1)`,
)
type Vendor = {
  credential: string
  state: 'closed' | 'open' | 'probing'
  open_until: Date | null
  throttled_until: Date | null
  under_way: number
}

/** Every channel of the site with how it is doing, also those that are turned off. Vendors' words are without keys. */
export async function readChannelHealth(context: Context): Promise<ChannelHealth[]> {
  const rows = await context.db.rows<Row>(readHealthRows, [])
  const channels = rows.map((row) => ({ row, credential: credentialOf(context, toChannel(row)) }))
  const credentials = [...new Set(channels.flatMap(({ credential }) => credential ?? []))]
  const vendors = new Map(
    (await context.db.rows<Vendor>(readVendors, [credentials])).map((one) => [one.credential, one]),
  )
  const now = context.clock.now().getTime()
  return channels.map(({ row, credential }) => {
    const vendor = credential === null ? undefined : vendors.get(credential)
    return {
      id: row.id,
      model: row.model,
      provider: row.provider,
      vendorModel: row.vendor_model,
      connection: row.connection_name,
      isEnabled: row.enabled,
      priority: row.priority,
      weight: row.weight,
      mostJobs: row.most_jobs,
      startsPerMinute: row.starts_per_minute,
      limits: { ...context.providers.get(row.provider)?.limits, ...row.connection?.limits },
      underWay: row.under_way,
      underWayWithCredential: vendor?.under_way ?? 0,
      ...standing(vendor, now),
      ended: row.ended,
      succeeded: row.succeeded,
      medianMs: row.median_ms,
      lastError: row.last_error === null ? null : redact(context, row, row.last_error),
      lastErrorAt: row.last_error_at,
    }
  })
}

function toChannel(row: Row): Channel {
  return {
    id: row.id,
    provider: row.provider,
    vendorModel: row.vendor_model,
    priority: row.priority,
    weight: row.weight,
    mostJobs: row.most_jobs,
    startsPerMinute: row.starts_per_minute,
    connection: row.connection,
  }
}

function standing(vendor: Vendor | undefined, now: number): Pick<ChannelHealth, 'vendor' | 'closedUntil'> {
  const openUntil = vendor?.state === 'closed' ? null : (vendor?.open_until ?? null)
  const throttledUntil = vendor?.throttled_until ?? null
  if (openUntil && openUntil.getTime() > now) return { vendor: 'open', closedUntil: openUntil }
  if (throttledUntil && throttledUntil.getTime() > now)
    return { vendor: 'throttled', closedUntil: throttledUntil }
  return { vendor: openUntil ? 'probing' : 'closed', closedUntil: null }
}

const MOST_WORDS = 300

/** Some vendors repeat the key they were sent. */
function redact(context: Context, row: Row, words: string): string {
  let secrets: string[] = []
  try {
    const connection = openConnection(context, row)
    secrets = connection ? [connection.secret, ...Object.values(connection.headers)] : []
  } catch {
    // Sealed under another SECRET_KEY: what it repeats cannot be known, so nothing of it is shown.
    return '(its key cannot be decrypted here)'
  }
  return secrets
    .filter((secret) => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '[secret]'), words)
    .slice(0, MOST_WORDS)
}

const resetCredential = statement(
  'reset credential',
  `insert into credential_state (credential, state, resets) values ($1, 'closed', 1)
   on conflict (credential) do update set state = 'closed', failures = 0, openings = 0, open_until = null,
     throttled_until = null, resets = credential_state.resets + 1, updated_at = now()`,
)

const readOne = statement(
  'channel to reset',
  `select c.id, c.provider, c.vendor_model, c.priority, c.weight, c.most_jobs, c.starts_per_minute,
     case when k.id is not null then json_build_object('url', k.url, 'sealed', encode(k.sealed, 'base64'),
       'options', k.options, 'limits', k.limits) end as connection
   from channel c left join connection k on k.id = c.connection_id where c.id = $1`,
)

/** Has a channel's vendor tried again at once, by every process of the site. @returns false when there is no such channel */
export async function resetVendor(context: Context, channelId: bigint): Promise<boolean> {
  const [row] = await context.db.rows<Row>(readOne, [channelId])
  const credential = row ? credentialOf(context, toChannel(row)) : null
  if (credential === null) return false
  await context.db.rows(resetCredential, [credential])
  context.vendorGates.reset(credential)
  context.events.publish('vendor')
  return true
}
