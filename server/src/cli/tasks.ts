import { Command } from 'commander'
import { listUnknownTasks, resolveUnknownTask } from '../kernel/channels/resolve-unknown.ts'
import { KernelError } from '../kernel/errors.ts'
import { UsageError, withSite } from './open.ts'
import { print, printRows } from './table.ts'

type Shared = { site?: string; json?: boolean }

const DONE = {
  done: 'is failed and paid back: its vendor did it, and nobody has the result',
  not_done: 'is failed and paid back',
  retry: 'is tried anew on the same hold',
} as const

/** `atelier admin tasks`: what only a person can find out. */
export function createTasksCommand(shared: (command: Command) => Command): Command {
  const tasks = new Command('tasks').description('tasks: unknown, resolve')
  shared(tasks.command('unknown'))
    .description('tasks of which nobody can say whether their vendor has done them, the next to end first')
    .option('--limit <rows>', 'how many', '100')
    .action((options: Shared & { limit: string }) =>
      withSite(options.site, async (context) => {
        if (!/^\d{1,6}$/.test(options.limit)) throw new UsageError('--limit takes a whole number.')
        const now = context.clock.now().getTime()
        const rows = (await listUnknownTasks(context, Number(options.limit))).map((task) => ({
          task: task.id,
          handle: task.handle,
          account: task.account_id,
          kind: task.kind,
          model: task.model,
          attempt: task.attempt ?? '-',
          channel: task.channel ?? '-',
          age_s: Math.round((now - task.since.getTime()) / 1000),
          asked_again: task.look_at ?? 'nobody can be asked',
          paid_back_at: task.deadline,
          vendor_said: task.error ?? '-',
        }))
        printRows(rows, options.json ?? false)
      }),
    )
  shared(tasks.command('resolve <task> <verdict>'))
    .description('end the doubt about a task: "done" (without a result) or "not-done"; both pay it back')
    .option('--retry', 'with "not-done": try it anew instead')
    .action((named: string, word: string, options: Shared & { retry?: boolean }) =>
      withSite(options.site, async (context) => {
        if (word !== 'done' && word !== 'not-done')
          throw new UsageError(`Say "done" or "not-done", not "${word}".`)
        if (word === 'done' && options.retry)
          throw new UsageError('What was done is not tried anew: it would be paid for twice.')
        const verdict = word === 'done' ? 'done' : options.retry ? 'retry' : 'not_done'
        try {
          const id = await resolveUnknownTask(context, named, verdict)
          print(`Task ${id} ${DONE[verdict]}.`)
        } catch (error) {
          if (!(error instanceof KernelError)) throw error
          if (error.code === 'task_not_found')
            throw new UsageError(`No task ${named} is in doubt: atelier admin tasks unknown.`)
          if (error.code === 'task_not_retryable')
            throw new UsageError(
              `Task ${named} has just gone on: its deadline, its vendor or somebody else was faster.`,
            )
          throw error
        }
      }),
    )
  return tasks
}
