import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Gateway, GatewayAccount } from '../ports/gateway.ts'

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
}

type Row = PaymentChannel & { secret: Buffer }

const COLUMNS = 'id, uuid, name, gateway, url, merchant, options, methods, enabled, secret'

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

/** The first enabled channel that takes a method. @throws payment_unconfigured */
export async function channelFor(context: Context, method: string): Promise<OpenChannel> {
  const rows = await context.db.rows<Row>(listRows, [])
  // Once there is a real channel, even one that is turned off, the sandbox never stands in for it.
  const real = rows.filter((one) => one.gateway !== 'sandbox')
  const row = (real.length > 0 ? real : rows).find(
    (one) => one.enabled && one.methods.includes(method) && context.gateways.has(one.gateway),
  )
  if (!row) throw refusal('payment_unconfigured')
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
  `insert into payment_channel (uuid, name, gateway, url, merchant, secret, options, methods)
   values ($1, $2, $3, $4, $5, $6, $7, $8) returning id, uuid`,
)

export type ChannelInput = Omit<PaymentChannel, 'id' | 'uuid' | 'enabled'> & { secret: string }

/** Adds a channel; its secret is stored encrypted. @throws input_invalid */
export async function addChannel(
  context: Context,
  input: ChannelInput,
): Promise<{ id: bigint; uuid: string }> {
  if (!context.gateways.has(input.gateway))
    throw refusal('input_invalid', { field: 'gateway', problem: 'format' })
  if (input.secret.length < 6) throw refusal('input_invalid', { field: 'secret', problem: 'too_short' })
  if (!/^https?:\/\//.test(input.url)) throw refusal('input_invalid', { field: 'url', problem: 'format' })
  if (input.merchant === '') throw refusal('input_invalid', { field: 'merchant', problem: 'missing' })
  const [row] = await context.db.rows<{ id: bigint; uuid: string }>(addRow, [
    context.ids.uuid(),
    input.name,
    input.gateway,
    input.url.replace(/\/+$/, ''),
    input.merchant,
    context.keys.seal(input.secret),
    JSON.stringify(input.options),
    input.methods,
  ])
  if (!row) throw new Error('the channel was not stored')
  return row
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
    const methods = [...context.preset.methods]
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
