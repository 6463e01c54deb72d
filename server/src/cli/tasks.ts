import { Command } from 'commander'
import { explainedInWords, explainTask } from '../kernel/generation/explain-task.ts'
import { withSite } from './open.ts'
import { print } from './table.ts'

/** `atelier admin tasks`: what became of a task, for whoever is asked about it. */
export function createTasksCommand(shared: (command: Command) => Command): Command {
  const tasks = new Command('tasks').description('tasks: explain')
  shared(tasks.command('explain <task>'))
    .description('why a task (its id or number) costs what it costs')
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
  return tasks
}
