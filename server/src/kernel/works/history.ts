import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { Task, TaskState, TaskViewRow } from '../generation/task.ts'
import { TASK_VIEW, toTask } from '../generation/task.ts'
import type { TaskKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

export type HistoryRequest = PageRequest & {
  kind: TaskKind | null
  states: readonly TaskState[] | null
  /** Created at or after, and before. */
  from: Date | null
  until: Date | null
}

export type History = Page<Task> & {
  /** Over everything that matches, not only this page: pictures that came out, and what was paid, net. */
  summary: { succeeded: number; charged: Credits }
}

/** The caller's works, newest first, with totals over all that match. Deleted ones are left out. */
export async function readHistory(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: HistoryRequest,
): Promise<History> {
  const { kind, states, from, until } = request
  const matching = sql`from work w join task t on t.id = w.task_id
    where w.account_id = ${actor.accountId} and w.deleted_at is null
      ${kind ? sql`and t.kind = ${kind}` : sql``}
      ${states ? sql`and t.state = any (${[...states]})` : sql``}
      ${from ? sql`and w.created_at >= ${from}` : sql``}
      ${until ? sql`and w.created_at < ${until}` : sql``}`
  const [rows, totals] = await Promise.all([
    sql<TaskViewRow>`select ${sql.raw(TASK_VIEW)} ${matching}
      order by w.id desc limit ${request.limit} offset ${(request.page - 1) * request.limit}`.execute(
      context.db.kysely,
    ),
    sql<{ total: bigint; succeeded: bigint; charged: bigint | null }>`select count(*) as total,
      count(*) filter (where t.state = 'succeeded') as succeeded,
      coalesce(sum(t.charged), 0)::bigint as charged
      ${matching}`.execute(context.db.kysely),
  ])
  const total = totals.rows[0]
  const items = rows.rows.map(toTask)
  return {
    ...toPage({ page: request.page, limit: request.limit }, items, total?.total ?? 0),
    summary: { succeeded: Number(total?.succeeded ?? 0), charged: credits(total?.charged ?? 0n) },
  }
}
