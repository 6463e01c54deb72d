import { Command, Option } from 'commander'
import type { AccountSummary } from '../kernel/accounts/account.ts'
import { findAccountFor } from '../kernel/accounts/account.ts'
import { resetPassword, setAccountState } from '../kernel/accounts/administer.ts'
import { listAccounts } from '../kernel/accounts/list.ts'
import { createAccount } from '../kernel/accounts/register.ts'
import { updateAccount } from '../kernel/accounts/update.ts'
import { setSetting } from '../kernel/catalog/administer.ts'
import type { Context } from '../kernel/context.ts'
import { toText } from '../kernel/money.ts'
import { showSettings } from '../kernel/settings.ts'
import { adjustBalance } from '../kernel/wallet/adjust.ts'
import { readBalance } from '../kernel/wallet/balance.ts'
import { readPower } from '../kernel/wallet/power.ts'
import { readStatement } from '../kernel/wallet/statement.ts'
import { adjustVouchers } from '../kernel/wallet/vouchers.ts'
import { createConnectionsCommand, createModelsCommand } from './catalog.ts'
import { addModelChannels } from './channels.ts'
import { createCodesCommand } from './codes.ts'
import { createExplainCommand } from './explain-task.ts'
import { readAmount, readSecretLine } from './input.ts'
import { createModerationCommand } from './moderation.ts'
import { UsageError, withSite } from './open.ts'
import { createChannelsCommand, createOrdersCommand } from './payments.ts'
import { createPricesCommand } from './prices.ts'
import { print, printRows } from './table.ts'
import { createTasksCommand } from './tasks.ts'
import { createTransactionsCommand } from './transactions.ts'

type Shared = { site?: string; json?: boolean }

/** `atelier admin`: what an operator does to a site, by the same use-cases that the APIs call. */
export function createAdminCommand(): Command {
  const admin = new Command('admin').description('administer a site')
  admin.addCommand(usersCommand())
  admin.addCommand(createModelsCommand(shared))
  admin.addCommand(createConnectionsCommand(shared))
  admin.addCommand(createPricesCommand(shared))
  admin.addCommand(settingsCommand())
  admin.addCommand(addModelChannels(createChannelsCommand(shared), shared))
  admin.addCommand(createTasksCommand(shared).addCommand(createExplainCommand(shared)))
  admin.addCommand(createOrdersCommand(shared))
  admin.addCommand(createCodesCommand(shared))
  admin.addCommand(createModerationCommand(shared))
  admin.addCommand(createTransactionsCommand())
  return admin
}

/** Adds the options every command has. */
function shared(command: Command): Command {
  return command
    .option('--site <name>', 'the site, where several are configured')
    .option('--json', 'one JSON object a line, for other programs')
}

function usersCommand(): Command {
  const users = new Command('users').description(
    'accounts: list, show, create, adjust, vouchers, change, disable, enable, close, password',
  )
  shared(users.command('list'))
    .description('list accounts, newest first')
    .option('--search <text>', 'part of a user name or address')
    .option('--limit <rows>', 'how many', '50')
    .option('--offset <rows>', 'how many to skip', '0')
    .action((options: Shared & { search?: string; limit: string; offset: string }) =>
      withSite(options.site, async (context) => {
        const page = {
          limit: wholeNumber('--limit', options.limit),
          offset: wholeNumber('--offset', options.offset),
        }
        const filter = { search: options.search ?? null, role: null, active: null, withClosed: true }
        const { items } = await listAccounts(
          context,
          { ...filter, createdFrom: null, createdBefore: null },
          page,
        )
        printRows(items.map(presentAccount), options.json ?? false)
      }),
    )
  shared(users.command('show <account>'))
    .description('one account (number, id, address or user name) with its last statement rows')
    .action((account: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const found = await findAccountFor(context, account)
        printRows([presentAccount(found)], options.json ?? false)
        const statement = await readStatement(
          context,
          { accountId: found.id },
          { page: 1, limit: 20, filter: null },
        )
        printRows(
          statement.items.map((row) => ({
            entry: row.id,
            at: row.createdAt,
            kind: row.kind,
            amount: toText(row.amount),
            balance: toText(row.balance),
            task: row.taskHandle,
            reason: row.reason,
          })),
          options.json ?? false,
        )
      }),
    )
  shared(users.command('create <username> <email>'))
    .description('open an account; its password is read from the standard input')
    .addOption(new Option('--role <role>').choices(['user', 'admin']).default('user'))
    .action((username: string, email: string, options: Shared & { role: 'user' | 'admin' }) =>
      withSite(options.site, async (context) => {
        const account = await createAccount(context, {
          username,
          email,
          role: options.role,
          password: await readSecretLine('Password'),
        })
        print(
          `Account ${account.id} was opened for ${account.username} with ${toText(account.available)} credits.`,
        )
      }),
    )
  shared(users.command('adjust <account> <amount>'))
    .description('give credits, or take them with a negative amount (after "--")')
    .requiredOption('--reason <text>', 'shown on the statement')
    .option('--key <text>', 'makes a repeat of the same adjustment harmless')
    .action((account: string, amount: string, options: Shared & { reason: string; key?: string }) =>
      withSite(options.site, (context) => adjust(context, account, amount, options)),
    )
  shared(users.command('vouchers <account> <count>'))
    .description(
      'give vouchers for outputs of high resolution, or take them with a negative count (after "--")',
    )
    .requiredOption('--reason <text>', 'kept with them')
    .option('--key <text>', 'makes a repeat of the same grant harmless')
    .action((account: string, count: string, options: Shared & { reason: string; key?: string }) =>
      withSite(options.site, async (context) => {
        if (!/^-?\d{1,7}$/.test(count)) throw new UsageError(`"${count}" is not a whole number.`)
        const found = await findAccountFor(context, account)
        const isNew = await adjustVouchers(context, {
          accountId: found.id,
          count: Number(count),
          reason: options.reason,
          key: options.key ?? context.ids.uuid(),
          operatorId: null,
        })
        const { hd } = await readPower(context, { accountId: found.id })
        print(
          `${isNew ? 'Done' : 'Nothing done: this key had its effect before'}. ${found.username} has ${hd} vouchers.`,
        )
      }),
    )
  shared(users.command('change <account>'))
    .description('change a user name, role or credit limit')
    .option('--username <name>', 'the new name')
    .addOption(new Option('--role <role>', 'ends all sessions of the account').choices(['user', 'admin']))
    .option('--credit-limit <amount>', 'how far below nothing the balance may go')
    .action(
      (
        account: string,
        options: Shared & { username?: string; role?: 'user' | 'admin'; creditLimit?: string },
      ) =>
        withSite(options.site, async (context) => {
          const { username, role, creditLimit } = options
          if (username === undefined && role === undefined && creditLimit === undefined)
            throw new UsageError('Say what to change: --username, --role or --credit-limit.')
          const { id } = await findAccountFor(context, account)
          const changed = await updateAccount(context, null, id, {
            username,
            role,
            creditLimit: creditLimit === undefined ? undefined : readAmount(creditLimit),
          })
          printRows([presentAccount(changed)], options.json ?? false)
        }),
    )
  for (const [name, state, done] of [
    ['disable', 'disabled', 'is disabled; its sessions end within five seconds'],
    ['enable', 'active', 'is active'],
    ['close', 'closed', 'is closed for good; its ledger stays'],
  ] as const) {
    shared(users.command(`${name} <account>`)).action((account: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const found = await findAccountFor(context, account)
        await setAccountState(context, found.id, state)
        print(`${found.username} ${done}.`)
      }),
    )
  }
  shared(users.command('password <account>'))
    .description('set a password, read from the standard input; all sessions of the account end')
    .action((account: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const found = await findAccountFor(context, account)
        await resetPassword(context, found.id, await readSecretLine('Password'))
        print(`The password of ${found.username} was set.`)
      }),
    )
  return users
}

async function adjust(
  context: Context,
  account: string,
  amountText: string,
  options: { reason: string; key?: string },
): Promise<void> {
  const found = await findAccountFor(context, account)
  const amount = readAmount(amountText)
  const isNew = await adjustBalance(context, {
    accountId: found.id,
    amount,
    reason: options.reason,
    key: options.key ?? context.ids.uuid(),
    operatorId: null,
    origin: { ip: null, device: 'atelier admin' },
  })
  const { available } = await readBalance(context, { accountId: found.id })
  print(
    `${isNew ? 'Done' : 'Nothing done: this key had its effect before'}. ${found.username} has ${toText(available)} credits.`,
  )
}

function settingsCommand(): Command {
  const settings = new Command('settings').description('settings: list, set, reset')
  shared(settings.command('list')).action((options: Shared) =>
    withSite(options.site, async (context) => {
      const rows = Object.entries(showSettings(context.preset)).map(([setting, value]) => ({
        setting,
        value: JSON.stringify(value),
      }))
      printRows(rows, options.json ?? false)
    }),
  )
  shared(settings.command('set <setting> <json>')).action((name: string, json: string, options: Shared) =>
    withSite(options.site, async (context) => {
      await setSetting(context, name, parseJson(json))
      print(`${name} is ${json}.`)
    }),
  )
  shared(settings.command('reset <setting>')).action((name: string, options: Shared) =>
    withSite(options.site, async (context) => {
      await setSetting(context, name, null)
      print(`${name} follows the product again.`)
    }),
  )
  return settings
}

function presentAccount(account: AccountSummary) {
  return {
    number: account.id,
    id: account.uuid,
    username: account.username,
    email: account.email,
    role: account.role,
    state: account.state,
    credits: toText(account.available),
    held: toText(account.held),
    spent: toText(account.spent),
    credit_limit: toText(account.credit_limit),
    since: account.created_at,
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name} takes a whole number.`)
  return Number(text)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`"${text}" is not JSON: write texts in double quotes, lists in brackets.`)
  }
}
