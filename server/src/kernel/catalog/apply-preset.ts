import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Preset } from '../preset.ts'

const addModel = statement(
  'add preset model',
  `insert into model (name, title, description, kind, vendor, is_default)
   values ($1, $2, $3, $4, $5, not exists (select from model where kind = $4 and is_default))
   on conflict (name) do nothing`,
)
const addChannel = statement(
  'add preset channel',
  `insert into channel (model_id, provider, vendor_model, is_usual)
   select m.id, 'sketch', 'sketch', true from model m
   where m.name = $1 and not exists (select from channel c where c.model_id = m.id)`,
)

// Follows the code as long as no operator has set a price: then theirs stays.
const followPrice = statement(
  'follow preset price',
  `insert into price (subject, version, credits, source)
   select $1, coalesce(max(version), 0) + 1, $2, 'preset' from price where subject = $1
   having coalesce((array_agg(source order by version desc))[1], 'preset') = 'preset'
     and (array_agg(credits order by version desc))[1] is distinct from $2`,
)

/** Brings the models and prices of the dialect's preset into the catalogue; run under the migration lock. */
export async function applyPreset(db: Queryable, preset: Preset): Promise<void> {
  for (const model of preset.models) {
    await db.rows(addModel, [model.name, model.title, model.description, model.kind, model.vendor ?? null])
    await db.rows(addChannel, [model.name])
  }
  for (const [kind, price] of Object.entries(preset.prices)) {
    await db.rows(followPrice, [`kind:${kind}`, price])
  }
  for (const [kind, price] of Object.entries(preset.sourcePrices ?? {})) {
    await db.rows(followPrice, [`kind:${kind}:source`, price])
  }
  // Each tool has a price of its own from the start, so that the version a task was quoted says it all: the first
  // price of a tool could otherwise come between a quote and its submission and nobody would notice.
  const { text } = preset.prices
  if (text === undefined) return
  for (const { name } of preset.writingTools ?? []) await db.rows(followPrice, [`tool:${name}`, text])
}
