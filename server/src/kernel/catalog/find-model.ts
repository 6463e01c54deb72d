import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { ModelKind } from '../generation/task-input.ts'
import type { Model } from './catalog.ts'

/** What users may call a model by. `vendor` is whose it is called; of several of one vendor the default goes first. */
export type ModelWish = { name?: string | null; vendor?: string | null }

/**
 * The open model of a kind that a user names by its vendor, by its name, or by both, where both must then be the same
 * one's. A name that is no model's may be a vendor's. Null for no wish: whatever is the default.
 *
 * @throws model_not_found
 */
export function findModel(context: Context, kind: ModelKind, { name, vendor }: ModelWish): Model | null {
  const open = context.catalog.models().filter((model) => model.kind === kind && model.state === 'open')
  const ofVendor = (called: string, among: readonly Model[]): Model | undefined => {
    const own = among.filter((model) => model.vendor === called)
    return own.find((model) => model.isDefault) ?? own[0]
  }
  let found: Model | undefined
  if (name) {
    // Some clients say the name in both places.
    const among = vendor && vendor !== name ? open.filter((model) => model.vendor === vendor) : open
    found = among.find((model) => model.name === name) ?? ofVendor(name, among)
  } else if (vendor) found = ofVendor(vendor, open) ?? open.find((model) => model.name === vendor)
  else return null
  if (!found) throw refusal('model_not_found', { model: (name || vendor) ?? '' })
  return found
}
