import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Json, ProviderKind } from '../ports/provider.ts'
import type { ConnectionSecrets } from './connections.ts'
import { checkConnection, sealSecrets } from './connections.ts'
import { makerOf } from './serve-drawn-models.ts'

// How operators bring a vendor in: a connection with its key, and which models it serves.

/** A connection without its secrets. */
export type ConnectionSummary = { id: bigint; name: string; provider: string; url: string; created_at: Date }

const listRows = statement(
  'list connections',
  `select id, name, provider, url, created_at from connection where name not like 'model:%' order by id`,
)

/** The connections that operators made, oldest first; those that belong to one model alone are left out. */
export function listConnections(context: Context): Promise<ConnectionSummary[]> {
  return context.db.rows<ConnectionSummary>(listRows, [])
}

const addRow = statement(
  'add connection',
  'insert into connection (name, provider, url, sealed, options) values ($1, $2, $3, $4, $5) returning id',
)

/**
 * Stores how a vendor is reached; its key is encrypted and never read back.
 * @throws input_invalid for the name (taken, or not a name), the provider (none of this installation) or the address
 */
export async function addConnection(
  context: Context,
  input: {
    name: string
    provider: string
    url: string
    options: { [name: string]: Json }
  } & ConnectionSecrets,
): Promise<bigint> {
  if (!/^[a-z0-9][a-z0-9._-]{0,59}$/.test(input.name))
    throw refusal('input_invalid', { field: 'name', problem: 'format' })
  if (!context.providers.has(input.provider))
    throw refusal('input_invalid', { field: 'provider', problem: 'format' })
  const url = input.url.replace(/\/+$/, '')
  checkConnection({ url, secret: input.secret, headers: input.headers })
  try {
    const values = [
      input.name,
      input.provider,
      url,
      sealSecrets(context, null, input),
      JSON.stringify(input.options),
    ]
    const [row] = await context.db.rows<{ id: bigint }>(addRow, values)
    if (!row) throw new Error('the connection was not stored')
    return row.id
  } catch (error) {
    if (violatedUnique(error) !== 'one_connection_per_name') throw error
    throw refusal('input_invalid', { field: 'name', problem: 'format' })
  }
}

const setSealed = statement(
  'set connection secrets',
  `update connection set sealed = $2, updated_at = now() where name = $1 and name not like 'model:%' returning id`,
)

/** Replaces a connection's key, in force at the next call. @returns false when there is no such connection */
export async function rotateKey(
  context: Context,
  name: string,
  secrets: ConnectionSecrets,
): Promise<boolean> {
  const rows = await context.db.rows(setSealed, [name, sealSecrets(context, null, secrets)])
  await announce(context)
  return rows.length > 0
}

const lockOptions = statement(
  'lock options of connection',
  `select id, provider, url, sealed, options from connection where name = $1 and name not like 'model:%' for update`,
)
const servedKinds = statement(
  'kinds served over connection',
  `select distinct m.kind from channel c join model m on m.id = c.model_id where c.connection_id = $1 and c.enabled`,
)
const setOptions = statement(
  'set options of connection',
  'update connection set options = $2, updated_at = now() where id = $1',
)

type Options = { readonly [name: string]: Json }

/**
 * Changes how a vendor is spoken to, in force at the next call; what is null is the usual again, and what is not named
 * stays. A key from the environment goes on being the environment's.
 *
 * @returns the options it has now; null when there is no such connection
 * @throws input_invalid for `options`, with the provider's sentence, when what it serves cannot be made with them
 */
export async function changeOptions(
  context: Context,
  name: string,
  changes: Options,
): Promise<Options | null> {
  const options = await context.db.transaction(async (within) => {
    type Row = { id: bigint; provider: string; url: string; sealed: Buffer; options: Options }
    const [stored] = await within.rows<Row>(lockOptions, [name])
    if (!stored) return null
    const merged = Object.entries({ ...stored.options, ...changes }).filter(([, value]) => value !== null)
    const options: Options = Object.fromEntries(merged)
    const provider = context.providers.get(stored.provider)
    const connection = { url: stored.url, secret: '', headers: {}, options }
    for (const { kind } of await within.rows<{ kind: string }>(servedKinds, [stored.id])) {
      const reason = provider?.problemWith?.(connection, makerOf(kind) as ProviderKind) ?? null
      if (reason !== null) throw refusal('input_invalid', { field: 'options', problem: 'format', reason })
    }
    await within.rows(setOptions, [stored.id, JSON.stringify(options)])
    return options
  })
  if (options !== null) await announce(context)
  return options
}

const addChannel = statement(
  'serve model by connection',
  `insert into channel (model_id, provider, vendor_model, weight, connection_id, priority, most_jobs, starts_per_minute)
   select m.id, k.provider, $3, $4, k.id, coalesce($5, 10), $6, $7 from model m, connection k
   where (m.name = $1 or m.id::text = $1) and k.name = $2
   on conflict on constraint one_channel_per_vendor_model do update set weight = excluded.weight, enabled = true,
     is_usual = false, priority = coalesce($5, channel.priority), most_jobs = coalesce($6, channel.most_jobs),
     starts_per_minute = coalesce($7, channel.starts_per_minute)
   returning id, model_id`,
)
// Never deleted: tasks under way are asked after where they were sent.
const closeOthers = statement(
  'close other channels',
  'update channel set enabled = false where model_id = $1 and id <> $2',
)

/**
 * Has a model served by a vendor's model over a connection, in force at once.
 *
 * @param serving.model the model's name or number.
 * @param serving.isOnly turns every other channel of the model off.
 * @throws model_not_found when there is no such model or connection; what `checkTerms` throws
 */
export async function serveModel(
  context: Context,
  serving: {
    model: string
    connection: string
    vendorModel: string
    weight: number
    isOnly: boolean
  } & Partial<Omit<ChannelTerms, 'weight'>>,
): Promise<void> {
  checkTerms(serving)
  const { model, connection, vendorModel, weight, isOnly } = serving
  await context.db.transaction(async (within) => {
    const [channel] = await within.rows<{ id: bigint; model_id: bigint }>(addChannel, [
      model,
      connection,
      vendorModel,
      weight,
      serving.priority ?? null,
      serving.mostJobs ?? null,
      serving.startsPerMinute ?? null,
    ])
    if (!channel) throw refusal('model_not_found', { model })
    if (isOnly) await within.rows(closeOthers, [channel.model_id, channel.id])
  })
  await announce(context)
}

/** What a channel takes, and when; null is not limited. */
export type ChannelTerms = {
  /** 0…1000, the lower goes first. */
  priority: number
  /** 1…1000, its share among equals. */
  weight: number
  mostJobs: number | null
  startsPerMinute: number | null
}

const BOUNDS = {
  priority: [0, 1_000],
  weight: [1, 1_000],
  mostJobs: [1, 1_000_000],
  startsPerMinute: [1, 1_000_000],
} as const

/** @throws input_invalid for the first of the terms that is no whole number, or out of bounds */
function checkTerms(terms: Partial<ChannelTerms>): void {
  for (const [field, [least, most]] of Object.entries(BOUNDS)) {
    const value = terms[field as keyof ChannelTerms]
    if (value === undefined || value === null) continue
    if (!Number.isInteger(value)) throw refusal('input_invalid', { field, problem: 'format' })
    if (value < least) throw refusal('input_invalid', { field, problem: 'too_small' })
    if (value > most) throw refusal('input_invalid', { field, problem: 'too_large' })
  }
}

const setTerms = statement(
  'set terms of channel',
  `update channel set priority = coalesce($2, priority), weight = coalesce($3, weight),
     most_jobs = case when $4 then $5 else most_jobs end,
     starts_per_minute = case when $6 then $7 else starts_per_minute end, enabled = coalesce($8, enabled)
   where id = $1 returning id`,
)

/**
 * Changes what a channel takes, and when, in force at once; what is left out stays.
 * @returns false when there is no such channel
 * @throws input_invalid
 */
export async function setChannel(
  context: Context,
  id: bigint,
  terms: Partial<ChannelTerms> & { isEnabled?: boolean },
): Promise<boolean> {
  checkTerms(terms)
  const { priority = null, weight = null, mostJobs, startsPerMinute, isEnabled = null } = terms
  const rows = await context.db.rows(setTerms, [
    id,
    priority,
    weight,
    mostJobs !== undefined,
    mostJobs ?? null,
    startsPerMinute !== undefined,
    startsPerMinute ?? null,
    isEnabled,
  ])
  await announce(context)
  return rows.length > 0
}

async function announce(context: Context): Promise<void> {
  await context.catalog.reload()
  context.events.publish('catalog')
}
