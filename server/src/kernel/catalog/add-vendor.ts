import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import type { InputProblem } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Json } from '../ports/provider.ts'
import { isForbidden } from './check-address.ts'
import type { ConnectionSecrets } from './connections.ts'
import { checkConnection, sealSecrets } from './connections.ts'
import type { VendorKind } from './vendors.ts'
import { addedModelName } from './vendors.ts'

/** A vendor as an operator describes it. Its key and headers are encrypted and never read back. */
export type VendorDefinition = {
  kind: VendorKind
  title: string
  url: string
  /** Other addresses that it is asked at, of `options`. */
  otherUrls: readonly { field: string; url: string }[]
  /** The provider of this house that speaks to it. */
  provider: string
  /** The vendor's own names of its models, at least one. */
  models: readonly string[]
  /** The provider's own. */
  options: { readonly [name: string]: Json }
} & ConnectionSecrets

export type AddedVendor = {
  id: bigint
  kind: VendorKind
  name: string
  title: string
  models: readonly string[]
}

const addConnection = statement(
  'add connection of vendor',
  'insert into connection (name, provider, url, sealed, options) values ($1, $2, $3, $4, $5) returning id',
)
const addRow = statement(
  'add vendor',
  'insert into vendor (kind, name, title, connection_id) values ($1, $2, $3, $4) returning id',
)
const addModel = statement(
  'add model of vendor',
  `insert into model (name, title, kind, vendor) values ($1, $2, $3, $4) returning id`,
)
const addChannel = statement(
  'serve model of vendor',
  'insert into channel (model_id, provider, vendor_model, connection_id) values ($1, $2, $3, $4)',
)

const LONGEST_TITLE = 60
const MOST_MODELS = 50
const LONGEST_MODEL = 200

function refuse(field: string, problem: InputProblem, reason?: string): never {
  throw refusal('input_invalid', { field, problem, ...(reason !== undefined && { reason }) })
}

/**
 * Adds a vendor with its models, in force at once; nothing uses them before somebody chooses them. Its name is its
 * title in small letters and digits of any script, joined by hyphens.
 *
 * An address must be https, and public; one that OUTBOUND_ALLOW names may be private, and then http.
 * @throws input_invalid (`title`, `url`, `secret`, `headers.…`, `models`, `provider`, `options`, a field of `otherUrls`), vendor_exists
 */
export async function addVendor(context: Context, definition: VendorDefinition): Promise<AddedVendor> {
  const { kind, title, provider, models, options, secret, headers } = definition
  const name = nameOf(title)
  checkModels(models)
  const url = definition.url.replace(/\/+$/, '')
  checkConnection({ url, secret, headers })
  const makes = context.providers.get(provider)?.kinds ?? []
  if (!makes.includes(kind)) refuse('provider', 'format')
  if (isTaken(context, kind, name)) throw refusal('vendor_exists', { vendor: title })
  await checkAddress(context, 'url', url)
  const problem =
    context.providers.get(provider)?.problemWith?.({ url, secret, headers, options }, kind) ?? null
  if (problem !== null) refuse('options', 'format', problem)
  for (const other of definition.otherUrls) {
    checkUrl(other.field, other.url)
    if (new URL(other.url).origin !== new URL(url).origin) await checkAddress(context, other.field, other.url)
  }

  let id: bigint
  try {
    id = await context.db.transaction(async (within) => {
      const sealed = sealSecrets(context, null, { secret, headers })
      // No operator can give a connection such a name.
      const connection = [`vendor:${kind}:${name}`, provider, url, sealed, JSON.stringify(options)]
      const [stored] = await within.rows<{ id: bigint }>(addConnection, connection)
      const [vendor] = await within.rows<{ id: bigint }>(addRow, [kind, name, title, stored?.id])
      if (!stored || !vendor) throw new Error('the vendor was not stored')
      for (const vendorModel of models) {
        const values = [addedModelName(kind, name, vendorModel), vendorModel, kind, name]
        const [model] = await within.rows<{ id: bigint }>(addModel, values)
        await within.rows(addChannel, [model?.id, provider, vendorModel, stored.id])
      }
      return vendor.id
    })
  } catch (error) {
    const constraint = violatedUnique(error)
    if (constraint !== 'one_vendor_per_kind_and_name' && constraint !== 'one_connection_per_name') throw error
    throw refusal('vendor_exists', { vendor: title })
  }
  await context.catalog.reload()
  context.events.publish('catalog')
  return { id, kind, name, title, models }
}

function nameOf(title: string): string {
  if (title === '') refuse('title', 'missing')
  if (title.length > LONGEST_TITLE) refuse('title', 'too_long')
  const words = title
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
  const name = words?.join('-') ?? ''
  if (name === '' || name.length > LONGEST_TITLE || /\p{C}/u.test(title)) refuse('title', 'format')
  return name
}

function checkModels(models: readonly string[]): void {
  if (models.length === 0) refuse('models', 'missing')
  if (models.length > MOST_MODELS) refuse('models', 'too_long')
  for (const model of models) {
    if (model === '') refuse('models', 'too_short')
    if (model.length > LONGEST_MODEL) refuse('models', 'too_long')
    if (model.trim() !== model || /\p{C}/u.test(model)) refuse('models', 'format')
  }
  if (new Set(models).size < models.length) refuse('models', 'format')
}

/** Names of the preset, and of models that were named for a vendor otherwise, cannot be had a second time. */
function isTaken(context: Context, kind: VendorKind, name: string): boolean {
  const isOf = (model: { kind: string; vendor?: string | null }): boolean =>
    model.kind === kind && model.vendor === name
  return context.preset.models.some(isOf) || context.catalog.models().some(isOf)
}

const PRIVATE = 'The address is not a public one, and OUTBOUND_ALLOW does not name it.'

async function checkAddress(context: Context, field: string, address: string): Promise<void> {
  const { protocol } = new URL(address)
  if (protocol === 'https:') {
    if (await isForbidden(context, address, true)) refuse(field, 'format', PRIVATE)
    return
  }
  // Over the operator's own network a key may travel in the clear; over everybody's it may not.
  if (!(await isForbidden(context, address, false)))
    refuse(field, 'format', 'The address must begin with https.')
  if (await isForbidden(context, address, true)) refuse(field, 'format', PRIVATE)
}

function checkUrl(field: string, address: string): void {
  try {
    checkConnection({ url: address })
  } catch {
    refuse(field, 'format')
  }
}
