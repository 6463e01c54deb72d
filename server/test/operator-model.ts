import { statement } from '../src/db/database.ts'
import type { Model } from '../src/kernel/catalog/catalog.ts'
import type { Context } from '../src/kernel/context.ts'
import type { Credits } from '../src/kernel/money.ts'
import type { Json, ProviderConnection } from '../src/kernel/ports/provider.ts'

const allowKind = (table: string) =>
  statement(`allow custom ${table}`, `alter table ${table} drop constraint if exists ${table}_kind_check`)
const addModel = statement(
  'add operator model',
  `insert into model (name, title, description, kind) values ($1, $1, '', 'custom') returning id`,
)
const addChannel = statement(
  'add operator channel',
  `insert into channel (model_id, provider, vendor_model) values ($1, 'http', '') returning id`,
)
const addPrice = statement(
  'add operator price',
  `insert into price (subject, version, credits, source) values ($1, 1, $2, 'operator')`,
)

let serial = 0

/**
 * Defines a model with an address, as an operator does, and returns what a submission names it by. The one place that
 * knows how connections reach a channel: the catalogue is told of this one from outside, sealed as the database has it.
 */
export async function defineOperatorModel(
  context: Context,
  model: { url: string; secret: string; headers: Record<string, string>; price: Credits; outputs: Json[] },
): Promise<string> {
  serial += 1
  const name = `operator-${serial}`
  for (const table of ['model', 'task']) await context.db.rows(allowKind(table), [])
  const [row] = await context.db.rows<{ id: bigint }>(addModel, [name])
  if (!row) throw new Error('the model was not stored')
  await context.db.rows(addChannel, [row.id])
  await context.db.rows(addPrice, [`model:${row.id}`, model.price])
  await context.catalog.reload()
  const { secret, headers, url, outputs } = model
  connect(context, name, { secret, headers, url, options: { outputs } })
  return name
}

function connect(context: Context, name: string, { url, options, ...secrets }: ProviderConnection): void {
  const sealed = context.keys.seal(JSON.stringify(secrets)).toString('base64')
  const { models } = context.catalog
  const connected = (model: Model): Model => {
    const channels = model.channels.map((one) => ({ ...one, connection: { url, sealed, options } }))
    return model.name === name ? { ...model, channels } : model
  }
  context.catalog.models = () => models().map(connected)
}
