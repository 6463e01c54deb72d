import type { Database } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { refusal } from '../errors.ts'
import type { ModelKind, TaskKind } from '../generation/task-input.ts'
import type { PriceRule } from '../metering/price-rule.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Events } from '../ports/events.ts'
import type { Json, VendorLimits } from '../ports/provider.ts'
import type { Preset } from '../preset.ts'
import { applySettings } from '../settings.ts'
import type { Declaration } from './declaration.ts'

/** A connection as the database has it: `sealed` holds the key and the headers, encrypted, in base64. */
export type SealedConnection = {
  url: string
  sealed: string
  options: { [name: string]: Json }
  /** What an operator says of the vendor's limits; what is left out is as its provider says. */
  limits: VendorLimits
}

export type Channel = {
  id: bigint
  provider: string
  vendorModel: string
  /** The lower goes first. */
  priority: number
  /** Its share of what comes to the channels of its priority. */
  weight: number
  /** How many jobs it may have under way, and how many it may start a minute; null is not limited. */
  mostJobs: number | null
  startsPerMinute: number | null
  /** How its vendor is reached, still sealed; null for a provider that needs no connection. */
  connection: SealedConnection | null
}

export type ModelState = 'open' | 'draft' | 'closed'

export type Model = {
  id: bigint
  name: string
  title: string
  /** Whose it is called, as users choose by vendor; who really serves it is its channels' matter. Null for nobody's. */
  vendor: string | null
  kind: ModelKind
  state: ModelState
  isDefault: boolean
  /** What users may set, for models that an operator declared. */
  declaration: Declaration
  channels: readonly Channel[]
}

/**
 * What something costs now, with the version that a submission is checked against. Where the price is a rule, `cost` is
 * what is usual; what a task then holds is a matter of the task (generation/quote-task.ts).
 */
export type Quote = { model: Model; subject: string; version: number; cost: Credits; rule: PriceRule | null }

/** Models, prices and settings as last read. What it says may be a moment old; the ledger never relies on it. */
export type Catalog = {
  preset: () => Preset
  models: () => readonly Model[]
  /**
   * Finds the model a request means and what `count` outputs of it cost.
   * @param named its name or number; null for the default model of the kind. A deck may be written by a text model too,
   *   when that is named; a reply (`chat`) always is.
   * @param states the states it may be in; open unless given.
   * @param narrower the subject of a price that goes before the kind's, where there is one: `tool:<name>` for a writing
   *   tool, `kind:<kind>:source` for what starts from a picture. A model's own price goes before both.
   * @throws model_not_found when there is none of this kind in such a state.
   */
  quote: (
    kind: ModelKind | TaskKind,
    named: string | bigint | null,
    count: number,
    states?: readonly ModelState[],
    narrower?: string,
  ) => Quote
  reload: () => Promise<void>
  close: () => void
}

type ModelRow = Omit<Model, 'isDefault' | 'channels'> & {
  is_default: boolean
  channels: ChannelJson[] | null
}
type PriceRow = { subject: string; version: number; credits: bigint; rule: PriceRule | null }
type SettingRow = { name: string; value: unknown }

/** A channel as JSON, over `channel c left join connection k`; `toChannel` reads it. */
const CHANNEL_JSON = `json_build_object('id', c.id::text, 'provider', c.provider, 'vendorModel', c.vendor_model,
  'priority', c.priority, 'weight', c.weight, 'mostJobs', c.most_jobs, 'startsPerMinute', c.starts_per_minute,
  'connection', case when k.id is not null then json_build_object('url', k.url,
    'sealed', encode(k.sealed, 'base64'), 'options', k.options, 'limits', k.limits) end)`

type ChannelJson = Omit<Channel, 'id'> & { id: string }

const toChannel = (channel: ChannelJson): Channel => ({ ...channel, id: BigInt(channel.id) })

const readChannel = statement(
  'channel of attempt',
  `select ${CHANNEL_JSON} as channel from task t join attempt a on a.id = t.attempt_id and a.started_at = t.attempt_at
   join channel c on c.id = a.channel_id left join connection k on k.id = c.connection_id where t.id = $1`,
)

/**
 * The channel that a task's attempt was sent through, also when it has been turned off since: only its vendor can be
 * asked after it. Null when nothing was sent yet.
 */
export async function channelOfAttempt(db: Database, taskId: bigint): Promise<Channel | null> {
  const [row] = await db.rows<{ channel: ChannelJson }>(readChannel, [taskId])
  return row ? toChannel(row.channel) : null
}

const readChannels = statement(
  'every channel',
  `select ${CHANNEL_JSON} as channel, c.connection_id, k.limits
   from channel c left join connection k on k.id = c.connection_id`,
)

/** Every channel there has ever been, turned off or not, with its connection and what an operator says of its limits. */
export async function everyChannel(
  db: Database,
): Promise<{ channel: Channel; connectionId: bigint | null; limits: VendorLimits | null }[]> {
  type Row = { channel: ChannelJson; connection_id: bigint | null; limits: VendorLimits | null }
  const rows = await db.rows<Row>(readChannels, [])
  return rows.map(({ channel, connection_id: connectionId, limits }) => ({
    ...{ channel: toChannel(channel), connectionId, limits },
  }))
}

const readChannelById = statement(
  'channel by id',
  `select ${CHANNEL_JSON} as channel from channel c left join connection k on k.id = c.connection_id where c.id = $1`,
)

/** A channel, also one that has been turned off; null when there is none. */
export async function channelById(db: Database, id: bigint): Promise<Channel | null> {
  const [row] = await db.rows<{ channel: ChannelJson }>(readChannelById, [id])
  return row ? toChannel(row.channel) : null
}

const readModels = statement(
  'read models',
  `select m.id, m.name, m.title, m.vendor, m.kind, m.state, m.is_default, m.declaration,
     (select json_agg(${CHANNEL_JSON} order by c.id)
      from channel c left join connection k on k.id = c.connection_id where c.model_id = m.id and c.enabled) as channels
   from model m order by m.id`,
)
const readPrices = statement(
  'read prices',
  `select subject, version, credits, rule from (
     select distinct on (subject) * from price order by subject, version desc) latest where not is_withdrawn`,
)
const readSettings = statement(
  'read settings',
  'select distinct on (name) name, value from setting order by name, version desc',
)

const OPEN: readonly ModelState[] = ['open']
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
      channels: (channels ?? []).map(toChannel),
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
    quote: (kind, named, count, states = OPEN, narrower) => {
      const model = models.find(
        (one) =>
          (one.kind === (kind === 'chat' ? 'text' : kind) ||
            (kind === 'deck' && named !== null && one.kind === 'text')) &&
          (named === null
            ? one.isDefault
            : typeof named === 'bigint'
              ? one.id === named
              : one.name === named),
      )
      if (!model || !states.includes(model.state))
        throw refusal('model_not_found', { model: String(named ?? kind) })
      const price =
        prices.get(`model:${model.id}`) ??
        (narrower === undefined ? undefined : prices.get(narrower)) ??
        prices.get(`kind:${kind}`)
      if (!price) throw new Error(`no price for model ${model.id}, nor for its kind ${kind}`)
      const cost = credits(price.credits * BigInt(count))
      return { model, subject: price.subject, version: price.version, cost, rule: price.rule }
    },
    reload,
    close: () => {
      stop()
      clearInterval(timer)
    },
  }
}
