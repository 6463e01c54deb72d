import { sql } from 'kysely'
import type { Context } from '../context.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Task, TaskReach, TaskState, TaskViewRow } from './task.ts'
import { TASK_VIEW, toTask } from './task.ts'

/** Tasks within reach, newest first, with how many match. */
export async function listTasks(
  context: Context,
  reach: TaskReach,
  request: PageRequest & { states: readonly TaskState[] | null },
): Promise<Page<Task>> {
  const { page, limit, states } = request
  const { kysely } = context.db
  const matching = sql`from task t join work w on w.task_id = t.id where w.deleted_at is null
    ${reach.accountId === null ? sql`` : sql`and t.account_id = ${reach.accountId}`}
    ${states ? sql`and t.state = any (${[...states]})` : sql``}`
  const [rows, count] = await Promise.all([
    sql<TaskViewRow>`select ${sql.raw(TASK_VIEW)} ${matching} order by t.id desc
      limit ${limit} offset ${(page - 1) * limit}`.execute(kysely),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(kysely),
  ])
  return toPage({ page, limit }, rows.rows.map(toTask), count.rows[0]?.total ?? 0)
}
