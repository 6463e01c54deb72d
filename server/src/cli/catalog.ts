import { Command } from 'commander'
import { setModelState } from '../kernel/catalog/administer.ts'
import {
  addConnection,
  listConnections,
  rotateKey,
  serveModel,
} from '../kernel/catalog/administer-connections.ts'
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
  const connections = new Command('connections').description('vendors: list, add, key, limit')
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
        const quirks = Object.fromEntries(
          (options.quirk ?? []).map((one) => one.split('=', 2) as [string, string]),
        )
        const secret = await readSecretLine('Key')
        await addConnection(context, { name, provider, url, options: quirks, secret, headers: {} })
        print(
          `${name} was added. Have it serve a model: atelier admin models serve <model> ${name} <vendor-model>`,
        )
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
  return connections
}
