import { Command } from 'commander'
import { findAccountFor } from '../kernel/accounts/account.ts'
import { formatYuan, parseYuan } from '../kernel/fen.ts'
import { toText } from '../kernel/money.ts'
import {
  addChannel,
  deleteChannel,
  enableChannel,
  gatewayMethods,
  listChannels,
  updateChannel,
} from '../kernel/payments/channels.ts'
import type { Order } from '../kernel/payments/order.ts'
import { findOrderByTradeNumber, listOrders } from '../kernel/payments/order.ts'
import { refundOrder } from '../kernel/payments/refund.ts'
import { readChannelSecret } from './input.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }

/** `atelier admin channels`: where money comes in. */
export function createChannelsCommand(shared: (command: Command) => Command): Command {
  const channels = new Command('channels').description(
    'how the channels of models are doing: set, reset; and payment channels: list, add, change, enable, disable, delete',
  )
  shared(channels.command('list'))
    .description('payment channels')
    .action((options: Shared) =>
      withSite(options.site, async (context) => {
        const rows = (await listChannels(context)).map(({ options: quirks, methods, ...channel }) => ({
          ...channel,
          methods: methods.join(', '),
          options: JSON.stringify(quirks),
          notify: `${context.publicUrl}${context.preset.notifyPath(channel.uuid)}`,
        }))
        printRows(rows, options.json ?? false)
      }),
    )
  shared(channels.command('add <gateway> <url> <merchant>'))
    .description('add a payment channel; its key is read from the standard input')
    .option('--name <name>', 'how operators call it')
    .option('--methods <list>', 'payment methods, separated by commas')
    .option('--quirk <name=value...>', 'peculiarities of the deployment')
    .action(
      (
        gateway: string,
        url: string,
        merchant: string,
        options: Shared & { name?: string; methods?: string; quirk?: string[] },
      ) =>
        withSite(options.site, async (context) => {
          const quirks = Object.fromEntries(
            (options.quirk ?? []).map((one) => one.split('=', 2) as [string, string]),
          )
          const methods = options.methods?.split(',').map((one) => one.trim()) ?? gatewayMethods(context)
          const secret = await readChannelSecret()
          const added = await addChannel(context, {
            name: options.name ?? gateway,
            gateway,
            url,
            merchant,
            secret,
            options: quirks,
            methods,
          })
          print(
            `Channel ${added.id} was added; it is notified at ${context.publicUrl}${context.preset.notifyPath(added.uuid)}.`,
          )
        }),
    )
  shared(channels.command('change <channel>'))
    .description('change a payment channel; open orders go on with the merchant they were opened with')
    .option('--name <name>', 'how operators and payers call it')
    .option('--url <url>', 'the base address of the gateway')
    .option('--merchant <id>', 'our merchant id there')
    .option('--key', 'a new key, read from the standard input')
    .action(
      (id: string, options: Shared & { name?: string; url?: string; merchant?: string; key?: boolean }) =>
        withSite(options.site, async (context) => {
          const { name, url, merchant } = options
          const secret = options.key ? await readChannelSecret() : undefined
          await updateChannel(context, readNumber(id), {
            name,
            merchant,
            secret,
            ...(url && { urls: [url] }),
          })
          print(`Channel ${id} is changed; its open orders are verified and credited all the same.`)
        }),
    )
  const change = (
    name: string,
    done: string,
    act: (context: Parameters<Parameters<typeof withSite>[1]>[0], id: bigint) => Promise<void>,
  ): void => {
    shared(channels.command(`${name} <channel>`)).action((id: string, options: Shared) =>
      withSite(options.site, async (context) => {
        await act(context, readNumber(id))
        print(`Channel ${id} ${done}; its open orders are verified and credited all the same.`)
      }),
    )
  }
  change('enable', 'takes new orders', (context, id) => enableChannel(context, id, true))
  change('disable', 'takes no new orders', (context, id) => enableChannel(context, id, false))
  change('delete', 'is deleted', deleteChannel)
  return channels
}

/** `atelier admin orders`: what was bought, and giving it back. */
export function createOrdersCommand(shared: (command: Command) => Command): Command {
  const orders = new Command('orders').description('orders: list, refund')
  shared(orders.command('list <account>')).action((account: string, options: Shared) =>
    withSite(options.site, async (context) => {
      const { id } = await findAccountFor(context, account)
      const { items } = await listOrders(context, { accountId: id }, { page: 1, limit: 100, states: null })
      printRows(
        items.map((order) => ({
          order: order.handle,
          trade_number: order.tradeNumber,
          gateway_trade: order.gatewayTrade,
          state: order.state,
          yuan: formatYuan(order.amountFen),
          bought: whatWasBought(order),
          created: order.createdAt,
          paid: order.paidAt,
        })),
        options.json ?? false,
      )
    }),
  )
  shared(orders.command('refund <trade-number>'))
    .description('take back what the order gave and return the money; --yuan must repeat the amount')
    .requiredOption('--yuan <amount>', 'the amount of the order, as a safeguard')
    .action((tradeNumber: string, options: Shared & { yuan: string }) =>
      withSite(options.site, async (context) => {
        const order = await findOrderByTradeNumber(context, tradeNumber)
        if (!order) throw new UsageError(`There is no order ${tradeNumber}.`)
        if (parseYuan(options.yuan) !== order.amountFen) {
          throw new UsageError(`The order is over ${formatYuan(order.amountFen)} yuan, not ${options.yuan}.`)
        }
        await refundOrder(context, order.id, null)
        print(
          `Order ${order.handle} was refunded: ${formatYuan(order.amountFen)} yuan, ${whatWentBack(order)}.`,
        )
      }),
    )
  return orders
}

function whatWasBought({ item, credits: bought, bonusCredits, plan }: Order): string {
  const amount = bought + bonusCredits
  if (item === 'credits') return toText(amount)
  return amount === 0n ? (plan ?? '') : `${plan}, ${toText(amount)}`
}

function whatWentBack({ item, credits: bought, bonusCredits, plan }: Order): string {
  const amount = bought + bonusCredits
  const rest = `what was left of a ${plan} membership`
  if (item === 'membership') return amount === 0n ? rest : `${toText(amount)} credits and ${rest}`
  return `${toText(amount)} credits`
}

function readNumber(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new UsageError(`"${text}" is not a number.`)
  return BigInt(text)
}
