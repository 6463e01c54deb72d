import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { MOST_CREDITS } from '../money.ts'
import { parseSetting } from '../settings.ts'

const setState = statement(
  'set model state',
  'update model set state = $2, updated_at = now() where name = $1 returning id',
)

/** Opens or closes a model; from now on requests for a closed one are refused. @throws model_not_found */
export async function setModelState(
  context: Context,
  name: string,
  state: 'open' | 'draft' | 'closed',
): Promise<void> {
  const rows = await context.db.rows(setState, [name, state])
  if (rows.length === 0) throw refusal('model_not_found', { model: name })
  context.events.publish('catalog')
}

const addPrice = statement(
  'add price',
  `insert into price (subject, version, credits, source)
   select $1, coalesce(max(version), 0) + 1, $2, 'operator' from price where subject = $1
   returning version`,
)

/**
 * Sets the price of one output of a model, of a use of a writing tool, or of every model of a kind; in this order the
 * first that is set applies. Tasks submitted before keep their price.
 *
 * @param subject a model's name, a tool's, a kind, or `<kind>:source` for what starts from a picture, where that has a
 *   price of its own.
 * @returns the new version of that price.
 * @throws model_not_found, input_invalid
 */
export async function setPrice(context: Context, subject: string, price: Credits): Promise<number> {
  if (price < 0n) throw refusal('input_invalid', { field: 'price', problem: 'too_small' })
  if (price > MOST_CREDITS / 100n) throw refusal('input_invalid', { field: 'price', problem: 'too_large' })
  const model = context.catalog.models().find((one) => one.name === subject)
  const tool = context.preset.writingTools?.find((one) => one.name === subject)
  const key = model ? `model:${model.id}` : tool ? `tool:${tool.name}` : `kind:${subject}`
  if (!model && !tool && !isPricedKind(context, subject)) throw refusal('model_not_found', { model: subject })
  const [row] = await context.db.rows<{ version: number }>(addPrice, [key, price])
  await context.catalog.reload()
  context.events.publish('catalog')
  return row?.version ?? 0
}

/**
 * Only of what has a price from the start: the first one of a narrower subject could otherwise come between a quote and
 * its submission, and nobody would notice.
 */
function isPricedKind({ preset }: Context, subject: string): boolean {
  const [kind = '', variant] = subject.split(':')
  if (variant === undefined) return Object.hasOwn(preset.prices, kind)
  return subject === `${kind}:source` && Object.hasOwn(preset.sourcePrices ?? {}, kind)
}

const readPriceRows = statement(
  'list prices',
  `select distinct on (subject) subject, version, credits, source, created_at from price
   order by subject, version desc`,
)

/** The prices in force. */
export function listPrices(
  context: Context,
): Promise<{ subject: string; version: number; credits: bigint; source: string; created_at: Date }[]> {
  return context.db.rows(readPriceRows, [])
}

const addSetting = statement(
  'add setting',
  `insert into setting (name, version, value)
   select $1, coalesce(max(version), 0) + 1, $2 from setting where name = $1`,
)

/** Overrides a setting of the preset, or withdraws the override with null. @throws input_invalid */
export async function setSetting(context: Context, name: string, value: unknown): Promise<void> {
  if (value !== null) parseSetting(name, value)
  await context.db.rows(addSetting, [name, value === null ? null : JSON.stringify(value)])
  await context.catalog.reload()
  context.events.publish('catalog')
}
