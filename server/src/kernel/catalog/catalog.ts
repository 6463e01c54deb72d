import type { Database } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { refusal } from '../errors.ts'
import type { TaskKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Events } from '../ports/events.ts'
import type { Preset } from '../preset.ts'
import { applySettings } from '../settings.ts'
import type { SealedConnection } from './connections.ts'

export type Channel = {
  id: bigint
  provider: string
  vendorModel: string
  weight: number
  /** How its vendor is reached, still sealed; null for a provider that needs no connection. */
  connection: SealedConnection | null
}

export type Model = {
  id: bigint
  name: string
  title: string
  kind: TaskKind
  state: 'open' | 'draft' | 'closed'
  isDefault: boolean
  channels: readonly Channel[]
}

/** What something costs now, with the version that a submission is checked against. */
export type Quote = { model: Model; subject: string; version: number; cost: Credits }

/** Models, prices and settings as last read. What it says may be a moment old; the ledger never relies on it. */
export type Catalog = {
  preset: () => Preset
  models: () => readonly Model[]
  /**
   * Finds the model a request means and what `count` outputs of it cost.
   * @param name null for the default model of the kind.
   * @throws model_not_found when there is none, or it is not open.
   */
  quote: (kind: TaskKind, name: string | null, count: number) => Quote
  reload: () => Promise<void>
  close: () => void
}

type ModelRow = Omit<Model, 'isDefault' | 'channels'> & { is_default: boolean; channels: Channel[] | null }
type PriceRow = { subject: string; version: number; credits: bigint }
type SettingRow = { name: string; value: unknown }

const readModels = statement(
  'read models',
  `select m.id, m.name, m.title, m.kind, m.state, m.is_default,
     (select json_agg(json_build_object('id', c.id::text, 'provider', c.provider, 'vendorModel', c.vendor_model,
        'weight', c.weight, 'connection', null) order by c.id) from channel c where c.model_id = m.id and c.enabled) as channels
   from model m order by m.id`,
)
const readPrices = statement(
  'read prices',
  'select distinct on (subject) subject, version, credits from price order by subject, version desc',
)
const readSettings = statement(
  'read settings',
  'select distinct on (name) name, value from setting order by name, version desc',
)

// Events tell of changes at once; this finds those whose event was lost.
const RELOAD_MS = 15_000

/** Opens the catalogue of a site: read once now, again at every `catalog` event and every 15 s. */
export async function openCatalog(
  db: Database,
  events: Events,
  basePreset: Preset,
  onError: (error: unknown) => void,
): Promise<Catalog> {
  let models: readonly Model[] = []
  let prices = new Map<string, PriceRow>()
  let preset = basePreset
  let begun = 0
  let newest = 0

  const reload = async (): Promise<void> => {
    begun += 1
    const place = begun
    const [modelRows, priceRows, settingRows] = await Promise.all([
      db.rows<ModelRow>(readModels, []),
      db.rows<PriceRow>(readPrices, []),
      db.rows<SettingRow>(readSettings, []),
    ])
    // Reloads that overlap end in any order, and an older read must not take back what a newer one saw.
    if (place < newest) return
    newest = place
    models = modelRows.map(({ is_default: isDefault, channels, ...row }) => ({
      ...row,
      isDefault,
      channels: (channels ?? []).map((channel) => ({ ...channel, id: BigInt(channel.id) })),
    }))
    prices = new Map(priceRows.map((row) => [row.subject, row]))
    preset = applySettings(basePreset, settingRows)
  }

  await reload()
  const again = (): void => void reload().catch(onError)
  const stop = events.subscribe('catalog', null, again)
  const timer = setInterval(again, RELOAD_MS)
  timer.unref()

  return {
    preset: () => preset,
    models: () => models,
    quote: (kind, name, count) => {
      const model = models.find(
        (one) => one.kind === kind && (name === null ? one.isDefault : one.name === name),
      )
      if (model?.state !== 'open') throw refusal('model_not_found', { model: name ?? kind })
      const price = prices.get(`model:${model.id}`) ?? prices.get(`kind:${kind}`)
      if (!price) throw new Error(`no price for ${kind}: presets must price every kind`)
      const cost = credits(price.credits * BigInt(count))
      return { model, subject: price.subject, version: price.version, cost }
    },
    reload,
    close: () => {
      stop()
      clearInterval(timer)
    },
  }
}
