import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { VendorKind } from './vendors.ts'
import { modelChoice } from './vendors.ts'

/** Which model a request gets that names none, by kind. What is null stays as it is. */
export type ModelChoice = { kind: VendorKind; vendor: string | null; model: string | null }

/** The vendor and the model in use for a kind; null where there is none. */
export type InUse = { vendor: string | null; model: string | null }

type Row = {
  id: bigint
  kind: VendorKind
  name: string
  vendor: string | null
  isDefault: boolean
  isUsable: boolean
}

// In one order, so that administrators who choose at the same time choose one after the other.
const lockModels = statement(
  'lock models of kinds',
  `select m.id, m.kind, m.name, m.vendor, m.is_default as "isDefault",
     m.state = 'open' and exists (select from channel c where c.model_id = m.id and c.enabled) as "isUsable"
   from model m where m.kind = any ($1) order by m.id for update of m`,
)
const takeDefaults = statement(
  'take defaults',
  'update model set is_default = false, updated_at = now() where kind = any ($1) and is_default and id <> all ($2)',
)
const giveDefaults = statement(
  'give defaults',
  'update model set is_default = true, updated_at = now() where id = any ($1) and not is_default',
)

/**
 * Puts models in use, all of them or none, in force at once; tasks that were submitted keep theirs.
 *
 * A vendor alone means the model of it that is in use, or else its first; a model alone is one of the vendor in use.
 * @throws vendor_not_found, model_not_found, both with the kind
 */
export async function chooseModels(context: Context, choices: readonly ModelChoice[]): Promise<void> {
  await context.db.transaction(async (within) => {
    const kinds = choices.map(({ kind }) => kind)
    const rows = await within.rows<Row>(lockModels, [kinds])
    const chosen = choices.map((choice) => findChosen(rows, choice).id)
    await within.rows(takeDefaults, [kinds, chosen])
    await within.rows(giveDefaults, [chosen])
  })
  await context.catalog.reload()
  context.events.publish('catalog')
}

function findChosen(rows: readonly Row[], { kind, vendor, model }: ModelChoice): Row {
  const ofKind = rows.filter((row) => row.kind === kind)
  const inUse = ofKind.find(({ isDefault }) => isDefault)
  const whose = vendor ?? inUse?.vendor ?? null
  const usable = ofKind.filter((row) => row.isUsable && row.vendor === whose)
  if (usable.length === 0) throw refusal('vendor_not_found', { vendor: whose ?? '', kind })
  if (model === null) return usable.find(({ isDefault }) => isDefault) ?? (usable[0] as Row)
  const found = usable.find((row) => modelChoice(row) === model)
  if (!found) throw refusal('model_not_found', { model, kind })
  return found
}

/** What is in use for each kind now. */
export function modelsInUse({ catalog }: Pick<Context, 'catalog'>): Record<VendorKind, InUse> {
  const inUse = (kind: VendorKind): InUse => {
    const model = catalog.models().find((one) => one.kind === kind && one.isDefault)
    return model ? { vendor: model.vendor, model: modelChoice(model) } : { vendor: null, model: null }
  }
  return { image: inUse('image'), video: inUse('video'), text: inUse('text') }
}
