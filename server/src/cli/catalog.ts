import { Command } from 'commander'
import { setModelState } from '../kernel/catalog/administer.ts'
import {
  addConnection,
  changeOptions,
  listConnections,
  rotateKey,
  serveModel,
} from '../kernel/catalog/administer-connections.ts'
import { probeConnection } from '../kernel/catalog/probe-connection.ts'
import { setLimits } from '../kernel/channels/set-limits.ts'
import type { Json, VendorLimits } from '../kernel/ports/provider.ts'
import { readTerms, type TermOptions, withTerms } from './channels.ts'
import { readSecretLine } from './input.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }

/** `atelier admin models`: what can be made, and who makes it. */
export function createModelsCommand(shared: (command: Command) => Command): Command {
  const models = new Command('models').description('models: list, open, close, serve')
  shared(models.command('list')).action((options: Shared) =>
    withSite(options.site, async (context) => {
      const rows = context.catalog.models().map((model) => ({
        number: model.id,
        name: model.name,
        title: model.title,
        kind: model.kind,
        state: model.state,
        default: model.isDefault,
        servedBy:
          model.channels.map(({ provider, vendorModel }) => `${provider} ${vendorModel}`.trim()).join(', ') ||
          'nobody',
      }))
      printRows(rows, options.json ?? false)
    }),
  )
  for (const [name, state] of [
    ['open', 'open'],
    ['close', 'closed'],
  ] as const) {
    shared(models.command(`${name} <model>`)).action((model: string, options: Shared) =>
      withSite(options.site, async (context) => {
        await setModelState(context, model, state)
        print(`${model} is ${state}.`)
      }),
    )
  }
  withTerms(shared(models.command('serve <model> <connection> <vendor-model>')))
    .description('have a model (name or number) served by a vendor’s model over a connection')
    .option('--only', 'and by nobody else')
    .action(
      (
        model: string,
        connection: string,
        vendorModel: string,
        options: Shared & TermOptions & { only?: boolean },
      ) =>
        withSite(options.site, async (context) => {
          const terms = { weight: 1, ...readTerms(options) }
          if (terms.weight < 1 || terms.weight > 1_000)
            throw new UsageError('--weight takes a whole number from 1 to 1000.')
          const isOnly = options.only ?? false
          await serveModel(context, { model, connection, vendorModel, isOnly, ...terms })
          print(`${model} is served by ${vendorModel} over ${connection}${isOnly ? ' and nobody else' : ''}.`)
        }),
    )
  return models
}

/** `atelier admin connections`: how vendors are reached. */
export function createConnectionsCommand(shared: (command: Command) => Command): Command {
  const connections = new Command('connections').description('vendors: list, add, test, options, key')
  shared(connections.command('list')).action((options: Shared) =>
    withSite(options.site, async (context) =>
      printRows(await listConnections(context), options.json ?? false),
    ),
  )
  shared(connections.command('add <name> <provider> <url>'))
    .description(
      'add a vendor, such as "openai https://api.openai.com/v1"; its key is read from the standard input',
    )
    .option('--quirk <name=value...>', 'peculiarities of the deployment')
    .action((name: string, provider: string, url: string, options: Shared & { quirk?: string[] }) =>
      withSite(options.site, async (context) => {
        const quirks = readQuirks(options.quirk ?? [])
        const secret = await readSecretLine('Key')
        await addConnection(context, { name, provider, url, options: quirks, secret, headers: {} })
        print(
          `${name} was added. Have it serve a model: atelier admin models serve <model> ${name} <vendor-model>`,
        )
      }),
    )
  shared(connections.command('options <name> [quirk...]'))
    .description('change peculiarities of a vendor, as name=value; an empty value means the usual one')
    .action((name: string, quirks: string[], options: Shared) =>
      withSite(options.site, async (context) => {
        const now = await changeOptions(context, name, readQuirks(quirks))
        if (now === null) throw new UsageError(`There is no connection ${name}.`)
        print(JSON.stringify(now))
      }),
    )
  shared(connections.command('test <name>'))
    .description('ask the vendor something that costs nothing: does it take the key, has it the models')
    .action((name: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const probed = await probeConnection(context, name)
        if (probed === null) throw new UsageError(`There is no connection ${name}.`)
        if (probed.state === 'unknown')
          throw new UsageError(`${name} cannot be asked for free: try it with one small picture.`)
        if (probed.state === 'refused') throw new UsageError(`${name} refuses: ${probed.words}`)
        const { models, missing } = probed
        print(`${name} answers${models === null ? '' : ` and names ${models} models`}.`)
        if (missing.length > 0) print(`Not among them, but serving here: ${missing.join(', ')}.`)
      }),
    )
  shared(connections.command('key <name>'))
    .description('replace a vendor’s key, read from the standard input')
    .action((name: string, options: Shared) =>
      withSite(options.site, async (context) => {
        const secret = await readSecretLine('Key')
        if (!(await rotateKey(context, name, { secret, headers: {} })))
          throw new UsageError(`There is no connection ${name}.`)
        print(`The key of ${name} was replaced.`)
      }),
    )
  const limits = shared(connections.command('limits <name>')).description(
    'what the vendor allows this key, where it is not what the vendor documents; what is left out is as documented',
  )
  for (const [flag, , what] of LIMITS) limits.option(`--${flag} <number>`, what)
  limits
    .option('--documented', 'forget all figures of your own')
    .action((name: string, options: Shared & { documented?: boolean } & LimitOptions) =>
      withSite(options.site, async (context) => {
        const figures: VendorLimits = {}
        for (const [, option] of LIMITS) {
          const text = options[option]
          if (text !== undefined) figures[option] = Number(text)
        }
        const isNone = Object.keys(figures).length === 0
        if (isNone !== (options.documented ?? false))
          throw new UsageError('Give at least one figure, or --documented.')
        if (!(await setLimits(context, name, figures)))
          throw new UsageError(`There is no connection ${name}.`)
        print(`${name} is used within ${isNone ? 'what its vendor documents' : JSON.stringify(figures)}.`)
      }),
    )
  return connections
}

/** `name=value`, the value as JSON where it is some (`1`, `["1024x1024"]`), and else as the text it is. */
function readQuirks(quirks: readonly string[]): { [name: string]: Json } {
  return Object.fromEntries(
    quirks.map((quirk) => {
      const at = quirk.indexOf('=')
      if (at < 1) throw new UsageError(`"${quirk}" is not name=value.`)
      return [quirk.slice(0, at), readValue(quirk.slice(at + 1))]
    }),
  )
}

function readValue(text: string): Json {
  if (text === '') return null
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

const LIMITS = [
  ['jobs', 'jobs', 'jobs under way at the vendor'],
  ['starts-per-minute', 'startsPerMinute', 'starts a minute'],
  ['asks-per-second', 'asksPerSecond', 'looks at jobs a second, over all of them'],
  ['ask-every-ms', 'askEveryMs', 'the least time between two looks at one job'],
] as const

type LimitOptions = Partial<Record<(typeof LIMITS)[number][1], string>>
