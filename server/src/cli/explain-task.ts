import { Command } from 'commander'
import { explainedInWords, explainTask } from '../kernel/metering/explain-task.ts'
import { withSite } from './open.ts'
import { print } from './table.ts'

/** `atelier admin tasks explain`: why a task costs what it costs, for whoever is asked about it. */
export function createExplainCommand(shared: (command: Command) => Command): Command {
  return shared(new Command('explain').argument('<task>', 'its id or number'))
    .description('why a task costs what it costs')
    .action((task: string, options: { site?: string; json?: boolean }) =>
      withSite(options.site, async (context) => {
        const explained = await explainTask(context, task)
        if (options.json)
          print(
            JSON.stringify(explained, (_name, value) => (typeof value === 'bigint' ? String(value) : value)),
          )
        else for (const line of explainedInWords(explained)) print(line)
      }),
    )
}
