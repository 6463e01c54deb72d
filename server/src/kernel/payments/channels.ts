import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Gateway, GatewayAccount } from '../ports/gateway.ts'

/** The method that pays from the wallet itself; no gateway is asked. */
export const FROM_WALLET = 'balance'

export type PaymentChannel = {
  id: bigint
  uuid: string
  name: string
  gateway: string
  url: string
  merchant: string
  options: Record<string, string>
  methods: string[]
  enabled: boolean
  /** Raised when address, merchant or key change; an order remembers which one it was opened with. */
  accountVersion: number
  createdAt: Date
  updatedAt: Date
}

type Row = PaymentChannel & { secret: Buffer }

const COLUMNS = `id, uuid, name, gateway, url, merchant, options, methods, enabled, secret,
  account_version as "accountVersion", created_at as "createdAt", updated_at as "updatedAt"`

const listRows = statement(
  'payment channels',
  `select ${COLUMNS} from payment_channel where deleted_at is null order by id`,
)
const byUuid = statement('payment channel by uuid', `select ${COLUMNS} from payment_channel where uuid = $1`)
const byId = statement('payment channel by id', `select ${COLUMNS} from payment_channel where id = $1`)

/** A channel ready to be used: its gateway and the account there, decrypted for this call. */
export type OpenChannel = { channel: PaymentChannel; gateway: Gateway; account: GatewayAccount }

function open(context: Context, row: Row): OpenChannel {
  const { secret, ...channel } = row
  const gateway = context.gateways.get(channel.gateway)
  if (!gateway) throw refusal('payment_unconfigured')
  const { url, merchant, options } = channel
  return { channel, gateway, account: { url, merchant, options, secret: context.keys.open(secret) } }
}

/** The channels of the site, without their secrets. */
export async function listChannels(context: Context): Promise<PaymentChannel[]> {
  const rows = await context.db.rows<Row>(listRows, [])
  return rows.map(({ secret: _secret, ...channel }) => channel)
}

/** The channels that take new orders. */
async function usableRows(context: Context): Promise<Row[]> {
  const rows = await context.db.rows<Row>(listRows, [])
  // Once there is a real channel, even one that is turned off, the sandbox never stands in for it.
  const real = rows.filter((one) => one.gateway !== 'sandbox')
  return (real.length > 0 ? real : rows).filter((one) => one.enabled && context.gateways.has(one.gateway))
}

/** The channels a payer may choose from, without their secrets. */
export async function listUsableChannels(context: Context): Promise<PaymentChannel[]> {
  return (await usableRows(context)).map(({ secret: _secret, ...channel }) => channel)
}

/** The first enabled channel that takes a method. @throws payment_unconfigured */
export async function channelFor(context: Context, method: string): Promise<OpenChannel> {
  const row = (await usableRows(context)).find((one) => one.methods.includes(method))
  if (!row) throw refusal('payment_unconfigured')
  return open(context, row)
}

/**
 * The channel that a payer chose for a new order.
 * @throws channel_not_found (deleted ones too), channel_disabled, payment_method_refused
 */
export async function channelNamed(context: Context, uuid: string, method: string): Promise<OpenChannel> {
  const rows = await context.db.rows<Row>(listRows, [])
  if (!rows.some((one) => one.uuid === uuid)) throw refusal('channel_not_found', { id: uuid })
  const row = (await usableRows(context)).find((one) => one.uuid === uuid)
  if (!row) throw refusal('channel_disabled', { id: uuid })
  if (!row.methods.includes(method)) throw refusal('payment_method_refused', { method })
  return open(context, row)
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The channel a notification names, disabled and deleted ones too; null for an unknown one. */
export async function channelByUuid(context: Context, uuid: string): Promise<OpenChannel | null> {
  if (!UUID.test(uuid)) return null
  const [row] = await context.db.rows<Row>(byUuid, [uuid])
  return row && context.gateways.has(row.gateway) ? open(context, row) : null
}

/** The channel of an order. @throws payment_unconfigured when its gateway is not part of this installation */
export async function channelById(context: Context, id: bigint): Promise<OpenChannel> {
  const [row] = await context.db.rows<Row>(byId, [id])
  if (!row) throw new Error(`payment channel ${id} is gone`)
  return open(context, row)
}

const addRow = statement(
  'add payment channel',
  `insert into payment_channel (uuid, name, gateway, url, merchant, secret, options, methods, enabled)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id, uuid`,
)

export type ChannelInput = Pick<
  PaymentChannel,
  'name' | 'gateway' | 'url' | 'merchant' | 'options' | 'methods'
> & { secret: string; enabled?: boolean }

/** What is shown instead of a secret; sent back, it means that the secret stays. */
export const SECRET_MASK = '********'

const isMask = (secret: string): boolean => /^\*+$/.test(secret)

function requireSecret(secret: string): void {
  const problem = secret.length < 6 ? 'too_short' : isMask(secret) ? 'format' : null
  if (problem !== null) throw refusal('input_invalid', { field: 'secret', problem })
}

/** @returns the address without a slash at its end. */
function requireUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text) || text.length > 500)
    throw refusal('input_invalid', { field: 'url', problem: 'format' })
  return text.replace(/\/+$/, '')
}

/** What the gateway itself has to say of an account, before anybody tries to pay there. */
function requireAccount(gateway: Gateway, account: GatewayAccount): void {
  const reason = gateway.checkAccount?.(account) ?? null
  if (reason !== null) throw refusal('input_invalid', { field: 'secret', problem: 'format', reason })
}

/**
 * Adds a channel, with the site's quirks of its gateway unless the input has others; its secret is stored encrypted.
 * @throws payment_method_refused when no such gateway is part of this installation, input_invalid
 */
export async function addChannel(
  context: Context,
  input: ChannelInput,
): Promise<{ id: bigint; uuid: string }> {
  const gateway = context.gateways.get(input.gateway)
  if (!gateway) throw refusal('payment_method_refused', { method: input.gateway })
  requireSecret(input.secret)
  const url = requireUrl(input.url)
  if (input.merchant === '') throw refusal('input_invalid', { field: 'merchant', problem: 'missing' })
  const options = { ...context.preset.gatewayOptions[input.gateway], ...input.options }
  requireAccount(gateway, { url, merchant: input.merchant, secret: input.secret, options })
  // A site's methods are more than one wallet's: what this gateway cannot serve is not offered through it.
  const methods = input.methods.filter((method) => gateway.takesMethod?.(method) ?? true)
  if (methods.length === 0 && input.methods.length > 0)
    throw refusal('payment_method_refused', { method: input.methods.join(', ') })
  const [row] = await context.db.rows<{ id: bigint; uuid: string }>(addRow, [
    context.ids.uuid(),
    input.name,
    input.gateway,
    url,
    input.merchant,
    context.keys.seal(input.secret),
    JSON.stringify(options),
    methods,
    input.enabled ?? true,
  ])
  if (!row) throw new Error('the channel was not stored')
  return row
}

const updateRow = statement(
  'update payment channel',
  'select update_channel_v1($1, $2, $3, $4, $5, $6) as done',
)
const liveById = statement(
  'live payment channel by id',
  `select ${COLUMNS} from payment_channel where id = $1 and deleted_at is null`,
)

/** What an operator may change of a channel; what is absent or empty stays, and so does a secret sent as its mask. */
export type ChannelChanges = {
  name?: string | undefined
  enabled?: boolean | undefined
  /** A document may name it twice: the first that differs from the present one counts. */
  urls?: readonly string[]
  merchant?: string | undefined
  secret?: string | undefined
}

/**
 * Changes a channel. Orders that are open go on with the merchant they were opened with, and are verified by its old
 * key for a day, so that a key can be replaced at any time.
 *
 * @throws channel_not_found, input_invalid
 */
export async function updateChannel(context: Context, id: bigint, changes: ChannelChanges): Promise<void> {
  const [row] = await context.db.rows<Row>(liveById, [id])
  if (!row) throw refusal('channel_not_found', { id: String(id) })
  const url = (changes.urls ?? [])
    .filter((one) => one !== '')
    .map(requireUrl)
    .find((one) => one !== row.url)
  let secret: string | null = changes.secret ?? ''
  if (secret === '' || isMask(secret) || secret === context.keys.open(row.secret)) secret = null
  else requireSecret(secret)
  const gateway = context.gateways.get(row.gateway)
  if (gateway && (secret !== null || url !== undefined || changes.merchant)) {
    requireAccount(gateway, {
      url: url ?? row.url,
      merchant: changes.merchant || row.merchant,
      secret: secret ?? context.keys.open(row.secret),
      options: row.options,
    })
  }
  const [result] = await context.db.rows<{ done: boolean }>(updateRow, [
    id,
    changes.name || null,
    changes.enabled ?? null,
    url ?? null,
    changes.merchant || null,
    secret === null ? null : context.keys.seal(secret),
  ])
  if (!result?.done) throw refusal('channel_not_found', { id: String(id) })
}

const setEnabled = statement(
  'enable payment channel',
  'update payment_channel set enabled = $2, updated_at = now() where id = $1 and deleted_at is null returning id',
)
const setDeleted = statement(
  'delete payment channel',
  'update payment_channel set deleted_at = now(), enabled = false where id = $1 and deleted_at is null returning id',
)

/** Turns a channel on or off for new orders; open ones are verified and credited all the same. @throws channel_not_found */
export async function enableChannel(context: Context, id: bigint, enabled: boolean): Promise<void> {
  if ((await context.db.rows(setEnabled, [id, enabled])).length === 0)
    throw refusal('channel_not_found', { id: String(id) })
}

/** Takes a channel out of every list; its open orders are verified and credited all the same. @throws channel_not_found */
export async function deleteChannel(context: Context, id: bigint): Promise<void> {
  if ((await context.db.rows(setDeleted, [id])).length === 0)
    throw refusal('channel_not_found', { id: String(id) })
}

/** The methods that a gateway can take: all of the site's but the wallet's own. */
export function gatewayMethods({ preset }: Context): string[] {
  return preset.methods.filter((method) => method !== FROM_WALLET)
}

const moveChannel = statement('move payment channel', 'update payment_channel set url = $2 where id = $1')
const anyChannel = statement('any payment channel', 'select gateway, id, enabled from payment_channel')
const channelsLock = statement('channels lock', 'select pg_advisory_xact_lock(7143804)')

/**
 * Sets up the channels that the environment describes, at a site's first start; afterwards they are the
 * operator's. The sandbox follows its switch at every start. Of processes that start at once, one does it.
 */
export function ensureChannels(
  context: Context,
  configured: { epay: { url: string; merchant: string; secret: string } | null; sandbox: boolean },
): Promise<void> {
  return context.db.transaction(async (within) => {
    await within.rows(channelsLock, [])
    const rows = await context.db.rows<{ gateway: string; id: bigint; enabled: boolean }>(anyChannel, [])
    const methods = gatewayMethods(context)
    if (configured.epay && !rows.some((row) => row.gateway === 'epay')) {
      await addChannel(context, { ...configured.epay, name: 'epay', gateway: 'epay', options: {}, methods })
    }
    const sandbox = rows.find((row) => row.gateway === 'sandbox')
    if (sandbox && sandbox.enabled !== configured.sandbox)
      await enableChannel(context, sandbox.id, configured.sandbox)
    // Its cashier is a page of the site, wherever that is now.
    if (sandbox) await context.db.rows(moveChannel, [sandbox.id, context.publicUrl])
    if (!sandbox && configured.sandbox) {
      const secret = context.ids.token(40)
      const account = { url: context.publicUrl, merchant: 'sandbox', secret }
      await addChannel(context, { ...account, name: 'sandbox', gateway: 'sandbox', options: {}, methods })
    }
  })
}
