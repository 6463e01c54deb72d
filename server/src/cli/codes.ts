import { Command } from 'commander'
import { parseCredits, toText } from '../kernel/money.ts'
import type { CodeWorth } from '../kernel/promotions/redeem-codes.ts'
import { createRedeemCodes, disableRedeemCodes, listRedeemCodes } from '../kernel/promotions/redeem-codes.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }
type Made = { credits?: string; plan?: string; days?: string; label?: string; expires?: string }

/** `atelier admin codes`: codes that are worth credits or a membership, once. */
export function createCodesCommand(shared: (command: Command) => Command): Command {
  const codes = new Command('codes').description('redeem codes: create, list, disable')
  shared(codes.command('create <count>'))
    .description('make codes and print them, one a line; they are shown only now')
    .option('--credits <amount>', 'what each is worth')
    .option('--plan <plan>', 'or the plan whose membership each is worth, with --days')
    .option('--days <days>', 'how many days of it')
    .option('--label <text>', 'how operators call these codes', '')
    .option('--expires <time>', 'until when they can be redeemed, such as 2027-01-31 or 2027-01-31T12:00:00Z')
    .action((count: string, options: Shared & Made) =>
      withSite(options.site, async (context) => {
        const made = await createRedeemCodes(context, {
          count: readWhole('The count', count),
          worth: readWorth(options),
          label: options.label ?? '',
          expiresAt: options.expires === undefined ? null : readTime(options.expires),
          operatorId: null,
        })
        for (const code of made) print(options.json ? JSON.stringify({ code }) : code)
      }),
    )
  shared(codes.command('list'))
    .description('codes by their last four characters, newest first')
    .option('--label <text>', 'only those of a label')
    .option('--page <number>', 'which hundred of them', '1')
    .action((options: Shared & { label?: string; page: string }) =>
      withSite(options.site, async (context) => {
        const page = readWhole('--page', options.page)
        const { items } = await listRedeemCodes(context, { page, limit: 100, label: options.label ?? null })
        printRows(
          items.map((code) => ({
            number: code.id,
            code: `…${code.hint}`,
            label: code.label,
            worth: describe(code.worth),
            state: code.usedAt ? 'used' : code.state,
            expires: code.expiresAt,
            used_by: code.usedBy,
            used: code.usedAt,
          })),
          options.json ?? false,
        )
      }),
    )
  shared(codes.command('disable [code]'))
    .description(
      'switch off codes that nobody has used: one by its number or as it is written, or all of a label',
    )
    .option('--label <text>', 'all of a label')
    .action((code: string | undefined, options: Shared & { label?: string }) =>
      withSite(options.site, async (context) => {
        const count = await disableRedeemCodes(context, readWhich(code, options.label))
        print(`${count} ${count === 1 ? 'code was' : 'codes were'} switched off.`)
      }),
    )
  return codes
}

function readWorth({ credits, plan, days }: Made): Parameters<typeof createRedeemCodes>[1]['worth'] {
  if (credits !== undefined && plan === undefined && days === undefined) {
    const amount = parseCredits(credits)
    if (amount === null) throw new UsageError(`"${credits}" is not an amount with at most four decimals.`)
    return { kind: 'credits', credits: amount }
  }
  if (credits === undefined && plan !== undefined && days !== undefined)
    return { kind: 'membership', plan, days: readWhole('--days', days) }
  throw new UsageError('Say what a code is worth: --credits, or --plan with --days.')
}

function describe(worth: CodeWorth): string {
  return worth.kind === 'credits' ? `${toText(worth.credits)} credits` : `${worth.days} days of ${worth.plan}`
}

function readWhich(
  code: string | undefined,
  label: string | undefined,
): Parameters<typeof disableRedeemCodes>[1] {
  if (code !== undefined && label === undefined)
    return /^\d{1,15}$/.test(code) ? { id: BigInt(code) } : { code }
  if (code === undefined && label !== undefined) return { label }
  throw new UsageError('Name one code, or the --label of several.')
}

function readWhole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new UsageError(`${name} takes a whole number from 1.`)
  return Number(text)
}

function readTime(text: string): Date {
  const time = new Date(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(time.getTime()))
    throw new UsageError(`"${text}" is no time: write 2027-01-31 or 2027-01-31T12:00:00Z.`)
  return time
}
