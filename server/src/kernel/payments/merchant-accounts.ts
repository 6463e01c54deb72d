import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { GatewayAccount } from '../ports/gateway.ts'
import type { OpenChannel } from './channels.ts'
import type { Order } from './order.ts'

/**
 * A key that was replaced still vouches for orders opened with it, for a day: an order lives two hours, and
 * gateways repeat a notification for up to a day. Later payments of such an order are vouched for by the new key,
 * or found by asking the gateway.
 */
const RETIRED_KEY_HOURS = 24

/** One version of a channel's merchant account. */
type Version = { version: number; account: GatewayAccount; isUsable: boolean }

const retiredAccounts = statement(
  'retired accounts of channel',
  `select version, url, merchant, secret, retired_at > now() - make_interval(hours => $2) as usable
   from retired_channel_account where channel_id = $1 order by version desc`,
)

/** The versions of a channel's merchant account, newest first. One that never changed costs no read. */
async function versionsOf(context: Context, open: OpenChannel): Promise<Version[]> {
  const { channel, account } = open
  const current = { version: channel.accountVersion, account, isUsable: true }
  if (channel.accountVersion === 1) return [current]
  const rows = await context.db.rows<{
    version: number
    url: string
    merchant: string
    secret: Buffer
    usable: boolean
  }>(retiredAccounts, [channel.id, RETIRED_KEY_HOURS])
  return [
    current,
    ...rows.map(({ version, url, merchant, secret, usable }) => ({
      version,
      account: { url, merchant, options: channel.options, secret: context.keys.open(secret) },
      isUsable: usable,
    })),
  ]
}

const isSameMerchant = (one: GatewayAccount, other: GatewayAccount): boolean =>
  one.url === other.url && one.merchant === other.merchant

/**
 * The account with which an order is opened and asked after: its own merchant with that merchant's latest key,
 * whatever merchant the channel has now.
 */
export async function accountOfOrder(
  context: Context,
  open: OpenChannel,
  order: Order,
): Promise<GatewayAccount> {
  const versions = await versionsOf(context, open)
  const own = versions.find(({ version }) => version === order.accountVersion)
  if (!own) throw new Error(`order ${order.id} was opened with an account that is gone`)
  return versions.find(({ account }) => isSameMerchant(account, own.account))?.account ?? own.account
}

/** The accounts whose key may have signed a notification that arrives now, newest first. */
export async function accountsThatSign(context: Context, open: OpenChannel): Promise<GatewayAccount[]> {
  const versions = await versionsOf(context, open)
  return versions.filter(({ isUsable }) => isUsable).map(({ account }) => account)
}

/**
 * Whether one of these accounts may vouch for an order: the one it was opened with, or a later key of the same merchant. An
 * older key than the order's own never does, for it was replaced when the order was opened; nor does another
 * merchant's.
 */
export async function mayVouchFor(
  context: Context,
  open: OpenChannel,
  accounts: readonly GatewayAccount[],
  order: Order,
): Promise<boolean> {
  const versions = await versionsOf(context, open)
  const own = versions.find(({ version }) => version === order.accountVersion)
  return versions.some(
    (one) =>
      own !== undefined &&
      one.version >= own.version &&
      isSameMerchant(one.account, own.account) &&
      accounts.some((by) => isSameMerchant(by, one.account) && by.secret === one.account.secret),
  )
}
