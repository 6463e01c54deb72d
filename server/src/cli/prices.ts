import { Command } from 'commander'
import { listPrices, setPrice, setPriceRule, withdrawPriceRule } from '../kernel/catalog/administer.ts'
import type { Context } from '../kernel/context.ts'
import { KernelError } from '../kernel/errors.ts'
import type { PriceRule, SizePrice } from '../kernel/metering/price-rule.ts'
import { ruleInWords } from '../kernel/metering/price-rule.ts'
import { toText } from '../kernel/money.ts'
import { readAmount } from './input.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }
type Sized = Shared & { size?: string[]; each?: string }

/** `atelier admin prices`: what things cost, for one of them or by what they take. */
export function createPricesCommand(shared: (command: Command) => Command): Command {
  const prices = new Command('prices').description('prices: list, set, meter, withdraw')
  shared(prices.command('list')).action((options: Shared) =>
    withSite(options.site, async (context) => {
      const names = new Map(context.catalog.models().map((model) => [`model:${model.id}`, model.name]))
      const rows = (await listPrices(context)).map((price) => ({
        of: names.get(price.subject) ?? price.subject.replace('kind:', 'every '),
        credits: price.rule ? `usually ${toText(price.credits)}` : toText(price.credits),
        rule: price.rule ? ruleInWords(price.rule) : '',
        version: price.version,
        set_by: price.source,
        since: price.created_at,
      }))
      printRows(rows, options.json ?? false)
    }),
  )
  shared(prices.command('set <subject> <credits>'))
    .description(
      'the price of one output of a model (its name), of a kind, or of what starts from a picture (image:source)',
    )
    .action((subject: string, amount: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const version = await setPrice(context, subject, readAmount(amount))
        print(
          `${subject} costs ${amount} credits from now on (version ${version}); tasks submitted before keep their price.`,
        )
      }),
    )
  prices.addCommand(meterCommand(shared))
  shared(prices.command('withdraw <model>'))
    .description('take the rule of a model (name or number) away: it costs again what it did before')
    .action((model: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const fixed = await withdrawPriceRule(context, model).catch((error) => {
          if (!(error instanceof KernelError) || error.code !== 'input_invalid') throw error
          throw new UsageError(
            `${model} has no rule, or would have no price without it: then set one with "prices set".`,
          )
        })
        print(
          fixed === null
            ? `${model} costs what its tools or its kind do.`
            : `${model} costs ${toText(fixed)} credits for one output.`,
        )
      }),
    )
  return prices
}

function meterCommand(shared: (command: Command) => Command): Command {
  const meter = new Command('meter').description(
    'price a model (name or number) by what its tasks really take',
  )
  shared(meter.command('tokens <model>'))
    .description('texts, decks and replies: credits per 1,000 tokens')
    .requiredOption('--input <credits>', 'for 1,000 tokens of what a model is told')
    .requiredOption('--output <credits>', 'for 1,000 tokens of what it writes')
    .option('--minimum <credits>', 'what any use costs at least', '0')
    .action((model: string, options: Shared & { input: string; output: string; minimum: string }) =>
      withSite(options.site, (context) =>
        set(context, model, {
          unit: 'tokens',
          inputPer1000: Number(readAmount(options.input)),
          outputPer1000: Number(readAmount(options.output)),
          minimum: Number(readAmount(options.minimum)),
          roundTo: Number(context.preset.chargeStep),
        }),
      ),
    )
  for (const [unit, what] of [
    ['pictures', 'a picture'],
    ['seconds', 'a second of a clip'],
  ] as const) {
    shared(meter.command(`${unit} <model>`))
      .description(`credits for ${what}, of any size or by size`)
      .option('--each <credits>', 'of any size')
      .option(
        '--size <size=credits...>',
        'up to 1280x720=6, or so many pixels (921600=6); any=12 for what is larger',
      )
      .action((model: string, options: Sized) =>
        withSite(options.site, (context) =>
          set(context, model, {
            unit,
            sizes: readSizes(options),
            roundTo: Number(context.preset.chargeStep),
          }),
        ),
      )
  }
  return meter
}

async function set(context: Context, model: string, rule: PriceRule): Promise<void> {
  const version = await setPriceRule(context, model, rule)
  print(`${model} costs ${ruleInWords(rule)} (version ${version}); tasks submitted before keep their price.`)
}

/** The table as it is kept: ascending, and in the end whatever is larger. */
function readSizes({ size = [], each }: Sized): SizePrice[] {
  if ((each === undefined) === (size.length === 0))
    throw new UsageError('Say either --each or --size, once or more.')
  if (each !== undefined) return [{ mostPixels: null, credits: Number(readAmount(each)) }]
  const sizes = size.map((one) => {
    const [, bound = '', price = ''] = /^([^=]+)=(.+)$/.exec(one) ?? []
    const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(bound) ?? []
    const mostPixels =
      bound === 'any' ? null : width && height ? Number(width) * Number(height) : Number(bound)
    if (mostPixels !== null && !(Number.isSafeInteger(mostPixels) && mostPixels > 0))
      throw new UsageError(`"${one}" is not a size and a price, such as 1280x720=6 or any=12.`)
    return { mostPixels, credits: Number(readAmount(price)) }
  })
  if (sizes.filter(({ mostPixels }) => mostPixels === null).length !== 1)
    throw new UsageError('Say once what larger ones cost: --size any=…')
  return sizes.sort(
    (a, b) => (a.mostPixels ?? Number.POSITIVE_INFINITY) - (b.mostPixels ?? Number.POSITIVE_INFINITY),
  )
}
