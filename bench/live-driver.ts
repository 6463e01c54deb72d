// The worker process of bench/live.ts: its tasks go on as any worker's do, and it notes when each step was committed.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Statement } from '../server/src/db/database.ts'
import { plaza } from '../server/src/dialects/plaza/dialect.ts'
import type { Claimed } from '../server/src/kernel/generation/claim.ts'
import { claimTasks } from '../server/src/kernel/generation/claim.ts'
import { callOptions } from '../server/src/kernel/generation/progress.ts'
import { submitTask } from '../server/src/kernel/generation/submit.ts'
import type { Site } from '../server/src/site.ts'
import type { Place } from './bench-site.ts'
import { openSite } from './bench-site.ts'
import { answer, cpuMs } from './child.ts'
import { PROMPT, seedUsers, submissionOf } from './seed.ts'

/** A step of the task of so-and-so: what it rose to, and when that was committed (monotonic, in ns). */
export type Step = { of: number; progress: number; at: bigint }

let site: Site
let tasks: Claimed[] = []
let steps: Step[] = []

const commands = {
  cpuMs,
  /** As many accounts as sockets, each with a task that a worker has. @returns their tokens and the tasks' handles. */
  open: async ({
    users: count,
    ...place
  }: Place & { users: number }): Promise<{ token: string; handle: string }[]> => {
    site = await openSite(place, plaza)
    const { context } = site
    const users = await seedUsers(context, context.db.pool, count)
    const byAccount = new Map(users.map((user, index) => [user.accountId, { ...user, index }]))
    for (let index = 0; index < count; index += 50) {
      await Promise.all(
        users.slice(index, index + 50).map((user) => submitTask(context, user, submissionOf(PROMPT, 7))),
      )
    }
    while (tasks.length < count) tasks.push(...(await claimTasks(context, 'bench', 500, 3_600_000)))
    tasks = tasks.toSorted((a, b) => indexOf(a) - indexOf(b))
    function indexOf(task: Claimed): number {
      return byAccount.get(task.account_id)?.index ?? -1
    }
    const { rows } = await context.db.pool.query<{ id: bigint; handle: string }>(
      'select id, handle from task',
    )
    const handles = new Map(rows.map(({ id, handle }) => [id, handle]))
    const places = new Map(tasks.map((task, index) => [task.id, index]))
    const { rows: run } = context.db
    context.db.rows = async <Row>(what: Statement, values: readonly unknown[]): Promise<Row[]> => {
      const answer = await run<Row>(what, values)
      const of =
        what.name === 'write progress' && answer.length > 0 ? places.get(values[0] as bigint) : undefined
      if (of !== undefined) steps.push({ of, progress: values[2] as number, at: process.hrtime.bigint() })
      return answer
    }
    return users.map(({ token }, index) => ({ token, handle: handles.get(tasks[index]?.id ?? 0n) ?? '' }))
  },
  /** Every task rises by one each `everyMs`, evenly spread, through the worker's own way of writing progress. */
  pace: async ({ everyMs, seconds, from }: { everyMs: number; seconds: number; from: number }) => {
    steps = []
    const channel = site.context.catalog.models().find(({ id }) => id === tasks[0]?.model_id)?.channels[0]
    if (!channel) throw new Error('the model has a channel')
    const never = new AbortController().signal
    const stops: (() => void)[] = []
    const rounds = Math.round((seconds * 1_000) / everyMs)
    await Promise.all(
      tasks.map(async (task, index) => {
        await sleep((everyMs * index) / tasks.length)
        const { options, stop } = callOptions(site.context, task, channel, never)
        stops.push(stop)
        for (let round = 1; round <= rounds; round += 1) {
          options.progress(from + round)
          await sleep(everyMs)
        }
      }),
    )
    await sleep(1_000)
    for (const stop of stops) stop()
    return steps
  },
  /** Every task rises to `to` in one statement, and all of them are told of at once. */
  burst: async (to: number): Promise<Step[]> => {
    await site.context.db.pool.query(
      'update task set progress = $1, updated_at = now() where id = any ($2)',
      [to, tasks.map(({ id }) => id)],
    )
    const at = process.hrtime.bigint()
    for (const { id } of tasks) site.context.events.publish('task', id)
    await sleep(1_500)
    return tasks.map((_task, of) => ({ of, progress: to, at }))
  },
}

export type LiveDriverCommands = typeof commands

answer(commands)
