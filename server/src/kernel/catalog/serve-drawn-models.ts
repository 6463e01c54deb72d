import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { ModelKind } from '../generation/task-input.ts'
import type { Provider, ProviderKind } from '../ports/provider.ts'

// What becomes of models that nobody said how to serve, once there is a vendor.

const vendorsOfEnvironment = statement(
  'connections of the environment',
  'select id, provider from connection where environment_mark is not null',
)

// What an operator had served in any way is his, whatever has become of it since. Where one model is named, only how
// it is served now counts: its operator has just left it to the house.
const drawnModels = statement(
  'models that only the built-in renderer serves',
  `select m.id, m.name, m.kind, m.vendor from model m
   where m.kind <> 'custom' and ($1::bigint is null or m.id = $1)
     and exists (select from channel c where c.model_id = m.id and c.enabled)
     and not exists (select from channel c where c.model_id = m.id and (c.enabled or $1 is null)
       and not (c.is_usual and c.provider = 'sketch'))
   order by m.id`,
)
// Kept: tasks under way are asked after where they were sent.
const closeChannels = statement(
  'close channels of drawn model',
  'update channel set enabled = false where model_id = $1',
)
const addChannel = statement(
  'serve model by configured connection',
  `insert into channel (model_id, provider, vendor_model, connection_id, is_usual) values ($1, $2, $3, $4, true)
   on conflict on constraint one_channel_per_vendor_model do update set enabled = true`,
)

// A default that somebody chose was changed since it was made.
const untouchedDefaults = statement(
  'default models that stay drawn',
  `select id, kind from model where is_default and updated_at = created_at and name = any ($1) for update`,
)
const servedModels = statement(
  'models served by the environment',
  `select distinct on (m.kind) m.id, m.kind from model m
   join channel c on c.model_id = m.id and c.enabled join connection k on k.id = c.connection_id
   where m.kind = any ($1) and m.state = 'open' and k.environment_mark is not null order by m.kind, m.id`,
)
const takeDefault = statement('take default from drawn', 'update model set is_default = false where id = $1')
const giveDefault = statement('give default to served', 'update model set is_default = true where id = $1')

type Drawn = { id: bigint; name: string; kind: ModelKind; vendor: string | null }
type Vendor = { connectionId: bigint; provider: Provider }

/**
 * Has every model that nobody but the built-in renderer ever served, and nobody gave to it, served by a vendor that the
 * environment brought in: by the one whose account `serves` what the model is called after, or else by the first, in
 * the order of the providers, with a model for its kind. One vendor each: others of the same kind ask other prices and
 * see what users write, so that an operator has to say it when they are to stand in.
 *
 * Models of the preset that say they are drawn here stay so. Where such a one is the default of its kind, and nobody
 * chose it, the first that is served takes its place: who names no model gets a real one.
 *
 * @param only the number of one model that has just been left to the house; all unless given.
 * @returns whether anything was changed; the catalogue is the caller's to reload.
 */
export async function serveDrawnModels(
  context: Context,
  within: Queryable,
  only: bigint | null = null,
): Promise<boolean> {
  const vendors = await readVendors(context, within)
  if (vendors.length === 0) return false
  const stays = new Set(context.preset.models.filter(({ isDrawn }) => isDrawn).map(({ name }) => name))
  let hasChanged = false
  for (const model of await within.rows<Drawn>(drawnModels, [only])) {
    const vendor = stays.has(model.name) ? undefined : chooseVendor(vendors, model)
    if (!vendor) continue
    const { connectionId, provider } = vendor
    await within.rows(closeChannels, [model.id])
    await within.rows(addChannel, [
      model.id,
      provider.name,
      vendorModelOf(provider, model.kind),
      connectionId,
    ])
    hasChanged = true
  }
  return (await passDefaultsOn(within, [...stays])) || hasChanged
}

/** In the order of the providers, so that a site with several keys is served alike at every start. */
async function readVendors(context: Context, within: Queryable): Promise<Vendor[]> {
  const rows = await within.rows<{ id: bigint; provider: string }>(vendorsOfEnvironment, [])
  return [...context.providers.values()].flatMap((provider) =>
    rows
      .filter((row) => row.provider === provider.name)
      .map(({ id: connectionId }) => ({ connectionId, provider })),
  )
}

/** What a provider has to make for a model of this kind: the words of a deck are written like any others. */
export function makerOf(kind: string): string {
  return kind === 'deck' ? 'text' : kind
}

function vendorModelOf(provider: Provider, kind: ModelKind): string | undefined {
  return provider.defaultModels?.[makerOf(kind) as ProviderKind]
}

function chooseVendor(vendors: readonly Vendor[], { kind, vendor: name }: Drawn): Vendor | undefined {
  const able = vendors.filter(({ provider }) => vendorModelOf(provider, kind) !== undefined)
  const named = able.find(({ provider }) => name !== null && provider.account?.serves.includes(name))
  return named ?? able[0]
}

async function passDefaultsOn(within: Queryable, stays: readonly string[]): Promise<boolean> {
  if (stays.length === 0) return false
  type Row = { id: bigint; kind: ModelKind }
  const defaults = await within.rows<Row>(untouchedDefaults, [stays])
  const served = await within.rows<Row>(servedModels, [defaults.map(({ kind }) => kind)])
  for (const { id, kind } of served) {
    const before = defaults.find((one) => one.kind === kind)
    if (!before) continue
    await within.rows(takeDefault, [before.id])
    await within.rows(giveDefault, [id])
  }
  return served.length > 0
}
