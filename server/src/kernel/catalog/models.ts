import { sql } from 'kysely'
import { type Queryable, statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { ModelKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits, MOST_CREDITS } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Json, ProviderKind } from '../ports/provider.ts'
import type { ModelState } from './catalog.ts'
import type { ConnectionSecrets } from './connections.ts'
import { checkConnection, sealSecrets } from './connections.ts'
import type { Declaration } from './declaration.ts'

// What operators do to models through an API: list, define, change. Every change is in force at once.

/** A model as an operator defines it. Its connection's key and headers are never read back. */
export type ModelDetails = {
  id: bigint
  title: string
  description: string
  kind: ModelKind
  state: ModelState
  /** Who makes it, in the operator's words; null where nobody said. */
  vendor: string | null
  /** What serves it: its own connection before any other; null when nothing does. */
  serving: Served | null
  price: Credits
  declaration: Declaration
  createdAt: Date
  updatedAt: Date
}

/** A serving without its secrets; `url` is null for a provider that needs no connection. */
export type Served = {
  /** Whether its connection is the model's alone. */
  isOwn: boolean
  provider: string
  vendorModel: string
  url: string | null
  options: { readonly [name: string]: Json }
}

type Row = Omit<ModelDetails, 'price' | 'createdAt' | 'updatedAt'> & {
  price: bigint | null
  created_at: Date
  updated_at: Date
}

const COLUMNS = `m.id, m.title, m.description, m.kind, m.state, m.vendor, m.declaration, m.created_at, m.updated_at,
  (select json_build_object('isOwn', coalesce(k.name = 'model:' || m.id, false), 'provider', c.provider, 'vendorModel', c.vendor_model, 'url', k.url,
     'options', coalesce(k.options, '{}'))
   from channel c left join connection k on k.id = c.connection_id where c.model_id = m.id and c.enabled
   order by (k.name = 'model:' || m.id) desc nulls last, c.id limit 1) as serving,
  coalesce((select credits from price where subject = 'model:' || m.id order by version desc limit 1),
    (select credits from price where subject = 'kind:' || m.kind order by version desc limit 1)) as price`

function toDetails(row: Row): ModelDetails {
  const { price, created_at: createdAt, updated_at: updatedAt, ...rest } = row
  return { ...rest, price: credits(price ?? 0n), createdAt, updatedAt }
}

/** Which models are listed: those of these kinds in these states, whose title contains the text. */
export type ModelFilter = {
  search: string | null
  kinds: readonly ModelKind[] | null
  states: readonly ModelState[] | null
}

/** Models, newest first, with how many match. */
export async function listModels(
  context: Context,
  request: PageRequest & ModelFilter,
): Promise<Page<ModelDetails>> {
  const { page, limit, search, kinds, states } = request
  const { kysely } = context.db
  const matching = sql`from model m where true
    ${kinds ? sql`and m.kind = any (${[...kinds]})` : sql``}
    ${search === null ? sql`` : sql`and position(lower(${search}) in lower(m.title)) > 0`}
    ${states ? sql`and m.state = any (${[...states]})` : sql``}`
  const [rows, count] = await Promise.all([
    sql<Row>`select ${sql.raw(COLUMNS)} ${matching} order by m.created_at desc, m.id desc
      limit ${limit} offset ${(page - 1) * limit}`.execute(kysely),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(kysely),
  ])
  return toPage({ page, limit }, rows.rows.map(toDetails), count.rows[0]?.total ?? 0)
}

const readById = statement('model by id', `select ${COLUMNS} from model m where m.id = $1`)

/** One model in one of these states. @throws model_not_found */
export async function readModel(
  context: Context,
  id: bigint,
  states: readonly ModelState[],
): Promise<ModelDetails> {
  const [row] = await context.db.rows<Row>(readById, [id])
  if (!row || !states.includes(row.state)) throw refusal('model_not_found', { model: String(id) })
  return toDetails(row)
}

/** How a model is served: by which provider, as which model of the vendor's, and over what. */
export type Serving = {
  provider: string
  /** The vendor's own id of it; empty where the address serves but one. */
  vendorModel: string
  /** Null for a provider that needs none. Options are the provider's own. */
  connection: ServingConnection | null
}
type ServingConnection = {
  url: string
  options?: { readonly [name: string]: Json }
} & Partial<ConnectionSecrets>

/** What is changed of a serving; what is absent stays, and options are replaced as a whole. */
export type ServingChanges = Partial<Omit<Serving, 'connection'>> & {
  connection?: Partial<ServingConnection> | null
}

/** What defines a model. Without a serving it is served as this site's pictures are. */
export type ModelDefinition = Pick<
  ModelDetails,
  'title' | 'description' | 'kind' | 'state' | 'declaration'
> & {
  vendor?: string | null
  serving: Serving | null
  /** Null for the price of its kind. */
  price: Credits | null
}

/** What is changed of a model; what is absent stays. */
export type ModelChanges = Partial<Omit<ModelDefinition, 'serving' | 'price'>> & {
  serving?: ServingChanges | null
  price?: Credits
}

const addModel = statement(
  'add model',
  `insert into model (name, title, description, kind, state, declaration, vendor) values ($1, $2, $3, $4, $5, $6, $7)
   returning id`,
)
const changeModel = statement(
  'change model',
  `update model set title = coalesce($2, title), description = coalesce($3, description), kind = coalesce($4, kind),
     state = coalesce($5, state), declaration = coalesce($6, declaration), vendor = coalesce($7, vendor),
     updated_at = now()
   where id = $1 returning id`,
)
const lockModel = statement(
  'lock model',
  'select kind, state, is_default as "isDefault" from model where id = $1 for update',
)

/**
 * Defines a model, in force at once.
 * @throws input_invalid
 */
export async function createModel(context: Context, definition: ModelDefinition): Promise<ModelDetails> {
  const { title, description, kind, state, declaration, vendor = null, serving, price } = definition
  if (price !== null) checkPrice(price)
  const id = await context.db.transaction(async (within) => {
    const name = `model_${context.ids.token(16)}`
    const values = [name, title, description, kind, state, JSON.stringify(declaration), vendor]
    const [row] = await within.rows<{ id: bigint }>(addModel, values)
    if (!row) throw new Error('the model was not stored')
    await serve(context, within, row.id, kind, serving)
    if (price !== null) await within.rows(setOwnPrice, [`model:${row.id}`, price])
    return row.id
  })
  return inForce(context, id)
}

/**
 * Changes a model, in force at once; tasks submitted before keep their price. A key or headers that are not given
 * stay as they are.
 *
 * @param options.states the states a model is found in; any unless given.
 * @param options.keepsDefault whether, when a default model is no longer open, the oldest open one of its kind takes
 *   its place; without another it is refused.
 * @throws model_not_found, model_is_only_default, input_invalid
 */
export async function updateModel(
  context: Context,
  id: bigint,
  changes: ModelChanges,
  { states = STATES, keepsDefault = false }: { states?: readonly ModelState[]; keepsDefault?: boolean } = {},
): Promise<ModelDetails> {
  const { title, description, kind, state, declaration, vendor, serving, price } = changes
  if (price !== undefined) checkPrice(price)
  await context.db.transaction(async (within) => {
    const [before] = await within.rows<{ kind: ModelKind; state: ModelState; isDefault: boolean }>(
      lockModel,
      [id],
    )
    if (!before || !states.includes(before.state)) throw refusal('model_not_found', { model: String(id) })
    if (keepsDefault && before.isDefault && state !== undefined && state !== 'open')
      await passDefaultOn(within, id, before.kind)
    await within.rows(changeModel, [
      id,
      title ?? null,
      description ?? null,
      kind ?? null,
      state ?? null,
      declaration ? JSON.stringify(declaration) : null,
      vendor ?? null,
    ])
    if (serving !== undefined) await serve(context, within, id, kind ?? before.kind, serving)
    if (price !== undefined) await within.rows(setOwnPrice, [`model:${id}`, price])
  })
  return inForce(context, id)
}

const STATES: readonly ModelState[] = ['open', 'draft', 'closed']

const findSuccessor = statement(
  'next default model',
  `select id from model where kind = $2 and state = 'open' and id <> $1 order by id limit 1 for update`,
)
const takeDefault = statement('take default from model', 'update model set is_default = false where id = $1')
const giveDefault = statement('give default to model', 'update model set is_default = true where id = $1')

/** A site without a default of a kind would refuse everybody who names no model. */
async function passDefaultOn(within: Queryable, id: bigint, kind: ModelKind): Promise<void> {
  const [next] = await within.rows<{ id: bigint }>(findSuccessor, [id, kind])
  if (!next) throw refusal('model_is_only_default', { model: String(id) })
  await within.rows(takeDefault, [id])
  await within.rows(giveDefault, [next.id])
}

async function inForce(context: Context, id: bigint): Promise<ModelDetails> {
  await context.catalog.reload()
  context.events.publish('catalog')
  return readModel(context, id, STATES)
}

// A price that stays the same is no new version.
const setOwnPrice = statement(
  'set own price of model',
  `insert into price (subject, version, credits, source)
   select $1, coalesce(max(version), 0) + 1, $2, 'operator' from price where subject = $1
   having (array_agg(credits order by version desc))[1] is distinct from $2::bigint`,
)

function checkPrice(price: Credits): void {
  if (price < 0n) throw refusal('input_invalid', { field: 'price', problem: 'too_small' })
  if (price > MOST_CREDITS / 100n) throw refusal('input_invalid', { field: 'price', problem: 'too_large' })
}

type OwnChannel = {
  provider: string
  vendorModel: string
  url: string
  sealed: Buffer
  options: { readonly [name: string]: Json }
}

// Under the connection's own name: one that an operator shares between models is not changed through one of them.
const ownChannel = statement(
  'own channel of model',
  `select c.provider, c.vendor_model as "vendorModel", k.url, k.sealed, k.options
   from channel c join connection k on k.id = c.connection_id
   where c.model_id = $1 and c.enabled and k.name = 'model:' || $1::bigint for update of k`,
)
const addConnection = statement(
  'add own connection of model',
  `insert into connection (name, provider, url, sealed, options) values ('model:' || $1::bigint, $2, $3, $4, $5)
   on conflict (name) do update set provider = excluded.provider, url = excluded.url, sealed = excluded.sealed,
     options = excluded.options, updated_at = now()
   returning id`,
)
// Never deleted: tasks under way are asked after where they were sent.
const closeChannels = statement(
  'close channels of model',
  'update channel set enabled = false where model_id = $1',
)
const addChannel = statement(
  'serve model by its own channel',
  `insert into channel (model_id, provider, vendor_model, connection_id) values ($1, $2, $3, $4)
   on conflict on constraint one_channel_per_vendor_model do update set enabled = true`,
)
// As the pictures of this site are served now: by the channels of its default model, or drawn here.
const addUsualChannels = statement(
  'serve model as usual',
  `with usual as (
     select c.provider, c.vendor_model, c.weight, c.enabled, c.connection_id from channel c join model m on m.id = c.model_id
     where m.kind = 'image' and m.is_default and m.id <> $1)
   insert into channel (model_id, provider, vendor_model, weight, enabled, connection_id)
   select $1, * from usual
   union all select $1, 'sketch', 'sketch', 1, true, null where not exists (select from usual)
   on conflict on constraint one_channel_per_vendor_model do update set enabled = excluded.enabled`,
)

/** What a provider has to make for a model of this kind: the words of a deck are written like any others. */
export function makerOf(kind: string): string {
  return kind === 'deck' ? 'text' : kind
}

/** Brings a model's channels in line with how it is to be served; null means as usual. */
async function serve(
  context: Context,
  within: Queryable,
  id: bigint,
  kind: ModelKind,
  serving: ServingChanges | null,
): Promise<void> {
  if (serving === null) {
    await within.rows(closeChannels, [id])
    await within.rows(addUsualChannels, [id])
    return
  }
  const [own] = await within.rows<OwnChannel>(ownChannel, [id])
  const provider = serving.provider ?? own?.provider
  // A key for a connection that the model does not have.
  if (provider === undefined) return
  const vendorModel = serving.vendorModel ?? own?.vendorModel ?? ''
  const makes = context.providers.get(provider)?.kinds
  if (makes && !makes.some((one) => one === makerOf(kind)))
    throw refusal('input_invalid', { field: 'kind', problem: 'format' })
  checkKindAtAddress(context, provider, kind, serving)
  const connectionId =
    serving.connection === null
      ? null
      : await storeConnection(context, within, id, provider, own, serving.connection ?? {})
  if (own && connectionId !== null && own.provider === provider && own.vendorModel === vendorModel) return
  await within.rows(closeChannels, [id])
  await within.rows(addChannel, [id, provider, vendorModel, connectionId])
}

/** Some vendors make a kind only where their connection says so. */
function checkKindAtAddress(
  context: Context,
  provider: string,
  kind: ModelKind,
  { connection }: ServingChanges,
): void {
  if (!connection?.url) return
  const { url, secret = '', headers = {}, options = {} } = connection
  const given = { url, secret, headers, options }
  if (context.providers.get(provider)?.problemWith?.(given, makerOf(kind) as ProviderKind))
    throw refusal('input_invalid', { field: 'kind', problem: 'format' })
}

async function storeConnection(
  context: Context,
  within: Queryable,
  id: bigint,
  provider: string,
  own: OwnChannel | undefined,
  changes: Partial<ServingConnection>,
): Promise<bigint> {
  const url = changes.url ?? own?.url ?? ''
  const { secret, headers } = changes
  const secrets = { ...(secret !== undefined && { secret }), ...(headers !== undefined && { headers }) }
  checkConnection({ url, ...secrets })
  // Options of one provider mean nothing to another.
  const kept = own?.provider === provider ? own.options : {}
  const [stored] = await within.rows<{ id: bigint }>(addConnection, [
    id,
    provider,
    url,
    sealSecrets(context, own?.sealed ?? null, secrets),
    JSON.stringify(changes.options ?? kept),
  ])
  if (!stored) throw new Error('the connection was not stored')
  return stored.id
}
