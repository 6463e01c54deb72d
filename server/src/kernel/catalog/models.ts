import { sql } from 'kysely'
import { type Queryable, statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { ModelKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits, MOST_CREDITS } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
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
  /** The operator's own address that serves it; null when a provider does. */
  url: string | null
  price: Credits
  declaration: Declaration
  createdAt: Date
  updatedAt: Date
}

type Row = Omit<ModelDetails, 'price' | 'createdAt' | 'updatedAt'> & {
  price: bigint | null
  created_at: Date
  updated_at: Date
}

const COLUMNS = `m.id, m.title, m.description, m.kind, m.state, m.declaration, m.created_at, m.updated_at,
  (select k.url from channel c join connection k on k.id = c.connection_id
   where c.model_id = m.id and c.provider = 'http' and c.enabled) as url,
  coalesce((select credits from price where subject = 'model:' || m.id order by version desc limit 1),
    (select credits from price where subject = 'kind:' || m.kind order by version desc limit 1)) as price`

function toDetails(row: Row): ModelDetails {
  const { price, created_at: createdAt, updated_at: updatedAt, ...rest } = row
  return { ...rest, price: credits(price ?? 0n), createdAt, updatedAt }
}

/** Which models are listed: those of task kinds in these states, whose title contains the text. */
export type ModelFilter = { search: string | null; states: readonly ModelState[] | null }

/** Models that tasks can be made of, newest first, with how many match. */
export async function listModels(
  context: Context,
  request: PageRequest & ModelFilter,
): Promise<Page<ModelDetails>> {
  const { page, limit, search, states } = request
  const { kysely } = context.db
  const matching = sql`from model m where m.kind in ('image', 'video', 'custom')
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

/** What defines a model. Without a `url` it makes pictures on the provider that serves this site's pictures. */
export type ModelDefinition = Pick<
  ModelDetails,
  'title' | 'description' | 'state' | 'price' | 'declaration'
> & {
  url: string | null
} & Partial<ConnectionSecrets>

/** What is changed of a model; what is absent stays. */
export type ModelChanges = Partial<ModelDefinition>

const addModel = statement(
  'add model',
  'insert into model (name, title, description, kind, state, declaration) values ($1, $2, $3, $4, $5, $6) returning id',
)
const changeModel = statement(
  'change model',
  `update model set title = coalesce($2, title), description = coalesce($3, description), kind = coalesce($4, kind),
     state = coalesce($5, state), declaration = coalesce($6, declaration), updated_at = now()
   where id = $1 returning id`,
)
const lockModel = statement('lock model', 'select kind, name, is_default from model where id = $1 for update')

/**
 * Defines a model, in force at once.
 * @throws input_invalid
 */
export async function createModel(context: Context, definition: ModelDefinition): Promise<ModelDetails> {
  checkPrice(definition.price)
  const { url, title, description, state, declaration } = definition
  const kind = url === null ? 'image' : 'custom'
  const id = await context.db.transaction(async (within) => {
    const name = `model_${context.ids.token(16)}`
    const values = [name, title, description, kind, state, JSON.stringify(declaration)]
    const [row] = await within.rows<{ id: bigint }>(addModel, values)
    if (!row) throw new Error('the model was not stored')
    await serve(context, within, row.id, url, definition, declaration)
    await within.rows(setOwnPrice, [`model:${row.id}`, definition.price])
    return row.id
  })
  return inForce(context, id)
}

/**
 * Changes a model, in force at once; tasks submitted before keep their price. A key or headers that are not given
 * stay as they are.
 *
 * @throws model_not_found, input_invalid
 */
export async function updateModel(
  context: Context,
  id: bigint,
  changes: ModelChanges,
): Promise<ModelDetails> {
  if (changes.price !== undefined) checkPrice(changes.price)
  await context.db.transaction(async (within) => {
    const [before] = await within.rows<{ kind: ModelKind }>(lockModel, [id])
    if (!before) throw refusal('model_not_found', { model: String(id) })
    const { url, title, description, state, declaration, price } = changes
    const kind = url === undefined ? null : url === null ? 'image' : 'custom'
    await within.rows(changeModel, [
      id,
      title ?? null,
      description ?? null,
      kind,
      state ?? null,
      declaration ? JSON.stringify(declaration) : null,
    ])
    await serve(context, within, id, url, changes, declaration)
    if (price !== undefined) await within.rows(setOwnPrice, [`model:${id}`, price])
  })
  return inForce(context, id)
}

async function inForce(context: Context, id: bigint): Promise<ModelDetails> {
  await context.catalog.reload()
  context.events.publish('catalog')
  return readModel(context, id, ['open', 'draft', 'closed'])
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

type OwnConnection = { connection_id: bigint; url: string; sealed: Buffer; options: { outputs?: unknown } }

const ownConnection = statement(
  'own connection of model',
  `select k.id as connection_id, k.url, k.sealed, k.options from channel c join connection k on k.id = c.connection_id
   where c.model_id = $1 and c.provider = 'http' and c.enabled for update of k`,
)
const addConnection = statement(
  'add own connection of model',
  `insert into connection (name, provider, url, sealed, options) values ('model:' || $1::bigint, 'http', $2, $3, $4)
   on conflict (name) do update set url = excluded.url, sealed = excluded.sealed, options = excluded.options,
     updated_at = now()
   returning id`,
)
// Never deleted: tasks under way are asked after where they were sent.
const closeChannels = statement(
  'close channels of model',
  'update channel set enabled = false where model_id = $1',
)
const addHttpChannel = statement(
  'serve model by its own address',
  `insert into channel (model_id, provider, vendor_model, connection_id) values ($1, 'http', '', $2)
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

/** Brings a model's channels in line with its address: `url` undefined leaves them, null means a provider. */
async function serve(
  context: Context,
  within: Queryable,
  id: bigint,
  url: string | null | undefined,
  secrets: Partial<ConnectionSecrets>,
  declaration: Declaration | undefined,
): Promise<void> {
  const [own] = await within.rows<OwnConnection>(ownConnection, [id])
  const address = url === undefined ? (own?.url ?? null) : url
  if (address === null) {
    if (own === undefined && url === undefined) return
    await within.rows(closeChannels, [id])
    await within.rows(addUsualChannels, [id])
    return
  }
  checkConnection({ url: address, ...secrets })
  const outputs = declaration?.outputs ?? own?.options.outputs ?? []
  const [stored] = await within.rows<{ id: bigint }>(addConnection, [
    id,
    address,
    sealSecrets(context, own?.sealed ?? null, secrets),
    JSON.stringify({ outputs }),
  ])
  if (own) return
  await within.rows(closeChannels, [id])
  await within.rows(addHttpChannel, [id, stored?.id])
}
