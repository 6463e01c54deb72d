import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { Command as Commands } from 'commander'
import type { Context } from '../kernel/context.ts'
import { addWords, listWords, readWordFile, removeWords } from '../kernel/moderation/administer-words.ts'
import { listRefusals } from '../kernel/moderation/count-refusals.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }

/** `atelier admin moderation`: what users may not ask for, and whose requests were refused. */
export function createModerationCommand(shared: (command: Command) => Command): Command {
  const moderation = new Commands('moderation').description(
    'refused words: add, remove, list, import, report',
  )
  shared(moderation.command('add <words...>'))
    .description('refuse what has one of these words or phrases in it, from now on')
    .action((words: string[], options: Shared) => withSite(options.site, (context) => addAll(context, words)))
  shared(moderation.command('import <file>'))
    .description('add the words of a UTF-8 file, one a line; lines that begin with # are passed over')
    .action((file: string, options: Shared) =>
      withSite(options.site, async (context) => addAll(context, readWordFile(await readText(file)))),
    )
  shared(moderation.command('remove <words...>')).action((words: string[], options: Shared) =>
    withSite(options.site, async (context) => {
      const removed = await removeWords(context, words)
      print(`${removed} of ${words.length} removed; the list has ${context.words.size()} words.`)
    }),
  )
  shared(moderation.command('list')).action((options: Shared) =>
    withSite(options.site, async (context) =>
      printRows(
        (await listWords(context)).map(({ word, created_at: since }) => ({ word, since })),
        options.json ?? false,
      ),
    ),
  )
  shared(moderation.command('report'))
    .description('whose requests were refused most, by vendors and by the list')
    .option('--days <days>', 'of the last days, today among them', '30')
    .option('--limit <rows>', 'how many accounts', '50')
    .action((options: Shared & { days: string; limit: string }) =>
      withSite(options.site, async (context) => {
        const days = readNumber('--days', options.days)
        const rows = await listRefusals(context, { days, limit: readNumber('--limit', options.limit) })
        printRows(
          rows.map(({ account, username, vendor, list, lastDay }) => ({
            ...{ account, username, by_vendor: vendor, by_list: list, last_day: lastDay },
          })),
          options.json ?? false,
        )
      }),
    )
  return moderation
}

async function addAll(context: Context, words: readonly string[]): Promise<void> {
  if (words.length === 0) throw new UsageError('There is no word in it.')
  const added = await addWords(context, words)
  print(`${added} added, ${words.length - added} known; the list has ${context.words.size()} words.`)
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch(() => {
    throw new UsageError(`${file} cannot be read.`)
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(`${file} is not UTF-8: convert it first, such as by "iconv -f GB18030 -t UTF-8".`)
  }
}

function readNumber(option: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 10_000)
    throw new UsageError(`${option} takes a whole number from 1 to 10000.`)
  return number
}
