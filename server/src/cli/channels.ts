import type { Command } from 'commander'
import { setChannel } from '../kernel/catalog/administer-connections.ts'
import { readChannelHealth, resetVendor } from '../kernel/channels/channel-health.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }
/** What the command line says of a channel's terms; `none` takes a cap away. */
export type TermOptions = { priority?: string; weight?: string; jobs?: string; startsPerMinute?: string }

/**
 * Adds the channels of models to `atelier admin channels`, which has those of payments below it: without a subcommand it
 * tells how each vendor's channel is doing.
 */
export function addModelChannels(channels: Command, shared: (command: Command) => Command): Command {
  // --site may stand before a subcommand and behind it.
  channels.enablePositionalOptions()
  shared(channels).action((options: Shared) =>
    withSite(options.site, async (context) => {
      const rows = (await readChannelHealth(context)).map((one) => ({
        channel: one.id,
        model: one.model,
        provider: one.provider,
        vendor_model: one.vendorModel,
        connection: one.connection ?? '-',
        state: one.isEnabled ? 'on' : 'off',
        priority: one.priority,
        weight: one.weight,
        jobs: `${one.underWay}/${one.mostJobs ?? '-'}`,
        jobs_with_key: `${one.underWayWithCredential}/${one.limits.jobs ?? '-'}`,
        starts_per_minute: `${one.startsPerMinute ?? '-'}/${one.limits.startsPerMinute ?? '-'}`,
        breaker: one.closedUntil ? `${one.vendor} until ${one.closedUntil.toISOString()}` : one.vendor,
        last_hour: one.ended === 0 ? '-' : `${one.succeeded}/${one.ended}`,
        median_s: one.medianMs === null ? '-' : (one.medianMs / 1000).toFixed(1),
        last_error: one.lastError ?? '-',
        last_error_at: one.lastErrorAt ?? '-',
      }))
      printRows(rows, options.json ?? false)
    }),
  )
  withTerms(shared(channels.command('set <channel>')))
    .description('of a model: change its priority, weight and caps, or turn it on or off')
    .option('--on', 'use it')
    .option('--off', 'use it no more; what it has under way is asked after all the same')
    .action((id: string, options: Shared & TermOptions & { on?: boolean; off?: boolean }) =>
      withSite(options.site, async (context) => {
        const terms = readTerms(options)
        if (options.on && options.off) throw new UsageError('Say --on or --off.')
        const isEnabled = options.on ? true : options.off ? false : undefined
        if (Object.keys(terms).length === 0 && isEnabled === undefined)
          throw new UsageError(
            'Say what to change: --priority, --weight, --jobs, --starts-per-minute, --on or --off.',
          )
        const changes = { ...terms, ...(isEnabled !== undefined && { isEnabled }) }
        if (!(await setChannel(context, readChannel(id), changes)))
          throw new UsageError(`There is no channel ${id}.`)
        print(`Channel ${id} is changed.`)
      }),
    )
  shared(channels.command('reset <channel>'))
    .description('of a model: try its vendor again at once')
    .action((id: string, options: Shared) =>
      withSite(options.site, async (context) => {
        if (!(await resetVendor(context, readChannel(id)))) throw new UsageError(`There is no channel ${id}.`)
        print(`The vendor of channel ${id} is tried again.`)
      }),
    )
  return channels
}

/** Adds the options by which a channel's terms are given. */
export function withTerms(command: Command): Command {
  return command
    .option('--priority <number>', '0…1000, the lower goes first')
    .option('--weight <number>', 'its share among channels of its priority, 1…1000')
    .option('--jobs <number>', 'jobs it may have under way, or "none" for no cap')
    .option('--starts-per-minute <number>', 'starts a minute, or "none" for no cap')
}

/** @throws UsageError for what is no whole number */
export function readTerms({ priority, weight, jobs, startsPerMinute }: TermOptions): {
  priority?: number
  weight?: number
  mostJobs?: number | null
  startsPerMinute?: number | null
} {
  return {
    ...(priority !== undefined && { priority: wholeNumber('--priority', priority) }),
    ...(weight !== undefined && { weight: wholeNumber('--weight', weight) }),
    ...(jobs !== undefined && { mostJobs: jobs === 'none' ? null : wholeNumber('--jobs', jobs) }),
    ...(startsPerMinute !== undefined && {
      startsPerMinute:
        startsPerMinute === 'none' ? null : wholeNumber('--starts-per-minute', startsPerMinute),
    }),
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name} takes a whole number.`)
  return Number(text)
}

function readChannel(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new UsageError(`"${text}" is not the number of a channel.`)
  return BigInt(text)
}
