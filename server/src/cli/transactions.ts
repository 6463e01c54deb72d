import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import { BYTE_ORDER_MARK, toCsvLines } from '../dialects/shared/csv.ts'
import { findAccountFor } from '../kernel/accounts/account.ts'
import type { Context } from '../kernel/context.ts'
import type { Credits } from '../kernel/money.ts'
import { parseCredits } from '../kernel/money.ts'
import type { EntryKind } from '../kernel/wallet/statement.ts'
import type { Transaction, TransactionFilter } from '../kernel/wallet/transactions.ts'
import { exportTransactions, TRANSACTION_KINDS } from '../kernel/wallet/transactions.ts'
import { UsageError, withSite } from './open.ts'
import { print } from './table.ts'

type Options = {
  site?: string
  account?: string
  kind?: EntryKind[]
  from?: string
  until?: string
  least?: string
  most?: string
}

/** `atelier admin transactions`: what moved the credits of all accounts, as a file for an accountant. */
export function createTransactionsCommand(): Command {
  const transactions = new Command('transactions').description('transactions of all accounts: export')
  transactions
    .command('export <file>')
    .description('write all that match to a CSV file, newest first')
    .option('--site <name>', 'the site, where several are configured')
    .option('--account <account>', 'of one account (number, id, address or user name)')
    .addOption(new Option('--kind <kind...>', 'of these kinds').choices(TRANSACTION_KINDS))
    .option('--from <time>', 'posted at or after this, such as 2026-01-31 or 2026-01-31T08:00:00Z')
    .option('--until <time>', 'posted before this')
    .option('--least <credits>', 'amounts from this; what was taken is negative')
    .option('--most <credits>', 'amounts up to this')
    .action((file: string, options: Options) =>
      withSite(options.site, async (context) => {
        const rows = await writeExport(context, file, await readFilter(context, options))
        print(`${rows} transactions were written to ${file}.`)
      }),
    )
  return transactions
}

async function readFilter(context: Context, options: Options): Promise<TransactionFilter> {
  return {
    accountId: options.account === undefined ? null : (await findAccountFor(context, options.account)).id,
    kinds: options.kind ?? null,
    from: readTime('--from', options.from),
    until: readTime('--until', options.until),
    least: readAmount('--least', options.least),
    most: readAmount('--most', options.most),
  }
}

/** The file has its name once it is whole: what was broken off in the middle must not pass for the books. */
async function writeExport(context: Context, file: string, filter: TransactionFilter): Promise<number> {
  const part = `${file}.part`
  let count = 0
  async function* lines(): AsyncGenerator<string> {
    yield BYTE_ORDER_MARK + toCsvLines([COLUMNS])
    for await (const rows of exportTransactions(context, filter)) {
      count += rows.length
      yield toCsvLines(rows.map(toCells))
    }
  }
  try {
    await pipeline(Readable.from(lines()), createWriteStream(part, { mode: 0o600 }))
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  return count
}

const COLUMNS = [
  ...['entry', 'at', 'account', 'kind', 'amount', 'before', 'after', 'reason', 'operator'],
  ...['ip', 'device', 'task', 'model', 'order', 'hash'],
]

function toCells(row: Transaction) {
  return [
    ...[Number(row.id), row.createdAt.toISOString(), Number(row.accountId), row.kind],
    ...[row.amount, row.before, row.after, row.reason ?? '', row.operator ?? '', row.ip ?? ''],
    ...[
      row.device ?? '',
      row.task ? Number(row.task.id) : '',
      row.task?.model ?? '',
      row.order ?? '',
      row.hash,
    ],
  ]
}

function readTime(name: string, text: string | undefined): Date | null {
  if (text === undefined) return null
  const isTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
  const time = new Date(isTime ? text : Number.NaN)
  if (Number.isNaN(time.getTime())) throw new UsageError(`${name} takes a day or a time with its zone.`)
  return time
}

function readAmount(name: string, text: string | undefined): Credits | null {
  if (text === undefined) return null
  const amount = parseCredits(text)
  if (amount === null) throw new UsageError(`${name} takes an amount with at most four decimals.`)
  return amount
}
