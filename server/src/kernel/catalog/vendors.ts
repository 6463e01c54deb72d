import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Model } from './catalog.ts'

/** What users choose models of by their vendor. */
export type VendorKind = 'image' | 'video' | 'text'
export const VENDOR_KINDS: readonly VendorKind[] = ['image', 'video', 'text']

/** Whose models of a kind there are, without anything of how they are reached. */
export type VendorSummary = {
  kind: VendorKind
  /** What it is chosen by (`Model.vendor`). */
  name: string
  title: string
  /** Whether any of its models can be used. */
  isOpen: boolean
  /** What its open models are chosen by; the default of the kind first. */
  models: readonly string[]
  /** Who really makes what they are asked for: providers of this house, `sketch` among them. */
  servedBy: readonly string[]
}

const readVendors = statement('vendors', 'select kind, name, title from vendor order by id')

/** The vendors of each kind: those of the preset in its order, then those that operators added. */
export async function listVendors(context: Context): Promise<VendorSummary[]> {
  const added = await context.db.rows<{ kind: string; name: string; title: string }>(readVendors, [])
  const titled = context.preset.vendors ?? []
  return VENDOR_KINDS.flatMap((kind) => {
    const models = context.catalog.models().filter((model) => model.kind === kind)
    const ofPreset = context.preset.models.filter((model) => model.kind === kind)
    const names = new Set([
      ...titled.filter(({ name }) => ofPreset.some(({ vendor }) => vendor === name)).map(({ name }) => name),
      ...added.filter((one) => one.kind === kind).map(({ name }) => name),
    ])
    const titleOf = (name: string): string =>
      added.find((one) => one.kind === kind && one.name === name)?.title ??
      titled.find((one) => one.name === name)?.title ??
      name
    return [...names].map((name) => summaryOf(kind, name, titleOf(name), models))
  })
}

function summaryOf(kind: VendorKind, name: string, title: string, models: readonly Model[]): VendorSummary {
  const usable = models.filter((model) => model.vendor === name && isUsable(model))
  // What is in use comes first, the others as they were added.
  const ordered = [...usable.filter(({ isDefault }) => isDefault), ...usable.filter((one) => !one.isDefault)]
  return {
    kind,
    name,
    title,
    isOpen: usable.length > 0,
    models: ordered.map(modelChoice),
    servedBy: [...new Set(usable.flatMap(({ channels }) => channels.map(({ provider }) => provider)))],
  }
}

/** Whether a model can be used: open, and with somebody to serve it. */
export function isUsable({ state, channels }: Pick<Model, 'state' | 'channels'>): boolean {
  return state === 'open' && channels.length > 0
}

/**
 * The name of a model of an added vendor: two vendors may have models of one name, and a vendor of two kinds too.
 */
export function addedModelName(kind: VendorKind, vendor: string, vendorModel: string): string {
  return `${kind}/${vendor}/${vendorModel}`
}

/** What a model is chosen by among those of its vendor: its name there. */
export function modelChoice({ kind, name, vendor }: Pick<Model, 'kind' | 'name' | 'vendor'>): string {
  const prefix = `${kind}/${vendor}/`
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}
