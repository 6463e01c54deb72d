import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { PriceRule } from '../metering/price-rule.ts'
import { checkPriceRule, usualPrice } from '../metering/price-rule.ts'
import type { Credits } from '../money.ts'
import { credits, MOST_CREDITS } from '../money.ts'
import { parseSetting } from '../settings.ts'
import type { Model } from './catalog.ts'

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
 * first that is set applies. A model that had a rule has none from then on. Tasks submitted before keep their price.
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

/** A model by its name or number. @throws model_not_found */
function modelNamed(context: Context, named: string): Model {
  const model = context.catalog.models().find(({ name, id }) => name === named || String(id) === named)
  if (!model) throw refusal('model_not_found', { model: named })
  return model
}

const addRule = statement(
  'add price rule',
  `insert into price (subject, version, credits, source, rule)
   select $1, coalesce(max(version), 0) + 1, $2, 'operator', $3 from price where subject = $1
   returning version`,
)

/**
 * Prices a model by what its tasks really take, in place of so many credits for one output; what is written by tools and
 * in replies on it too. Tasks submitted before keep their price. Amounts are rounded as this site shows them.
 *
 * @param named the model's name or number.
 * @returns the new version of its price.
 * @throws model_not_found, input_invalid
 */
export async function setPriceRule(context: Context, named: string, rule: PriceRule): Promise<number> {
  const model = modelNamed(context, named)
  checkPriceRule(model.kind, rule)
  const values = [`model:${model.id}`, usualPrice(rule), JSON.stringify(rule)]
  const [row] = await context.db.rows<{ version: number }>(addRule, values)
  await announce(context)
  return row?.version ?? 0
}

// The fixed price of before is set again; where there was none, the model has none again.
const withdrawRule = statement(
  'withdraw price rule',
  `with latest as (
     select version, rule from price where subject = $1 order by version desc limit 1),
   before as (
     select credits from price where subject = $1 and rule is null and not is_withdrawn order by version desc limit 1)
   insert into price (subject, version, credits, source, is_withdrawn)
   select $1, latest.version + 1, coalesce((select credits from before), 0), 'operator', not exists (select from before)
   from latest where latest.rule is not null and ($2 or exists (select from before))
   returning version, is_withdrawn as "isWithdrawn", credits`,
)

/**
 * Takes a model's rule away: it costs again what it did before, its own fixed price or that of its tools and kind. Tasks
 * submitted before keep the rule.
 *
 * @returns the fixed price, or null where the model has none of its own.
 * @throws model_not_found; input_invalid when it has no rule, or when nothing would then have a price
 */
export async function withdrawPriceRule(context: Context, named: string): Promise<Credits | null> {
  const { id, kind } = modelNamed(context, named)
  const hasKindPrice = Object.hasOwn(context.preset.prices, kind)
  const [row] = await context.db.rows<{ isWithdrawn: boolean; credits: bigint }>(withdrawRule, [
    `model:${id}`,
    hasKindPrice,
  ])
  if (!row) throw refusal('input_invalid', { field: 'model', problem: 'missing' })
  await announce(context)
  return row.isWithdrawn ? null : credits(row.credits)
}

async function announce(context: Context): Promise<void> {
  await context.catalog.reload()
  context.events.publish('catalog')
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
  `select subject, version, credits, rule, source, created_at from (
     select distinct on (subject) * from price order by subject, version desc) latest where not is_withdrawn`,
)

/** With a rule, `credits` is what is usual under it. */
export type PriceInForce = {
  subject: string
  version: number
  credits: bigint
  rule: PriceRule | null
  source: string
  created_at: Date
}

/** The prices in force. */
export function listPrices(context: Context): Promise<PriceInForce[]> {
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
