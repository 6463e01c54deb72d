import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { TaskKind } from '../generation/task-input.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Work, WorkViewRow } from './work.ts'
import { toWork, WORK_VIEW } from './work.ts'

/** How far a work has come: its task goes on, it is there, or nothing came of it. */
export type WorkState = 'pending' | 'ready' | 'failed'

export type WorkRequest = PageRequest & {
  /** Null for every kind. */
  kinds: readonly TaskKind[] | null
  /** Made by one of these; any unless given. */
  models?: readonly bigint[] | null
  states: readonly WorkState[]
  tool: string | null
  /** Stands in the title or the text, in any case; every character of it means itself. */
  keyword: string | null
  /** Created at or after, and before. */
  from: Date | null
  until: Date | null
}

/**
 * The caller's works, newest first, with how many match. Which match is found out once, and only a page of them is read
 * whole: the texts of a hundred thousand works are many megabytes.
 */
export async function listWorks(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: WorkRequest,
): Promise<Page<Work>> {
  const { page, limit, kinds, models = null, states, tool, keyword, from, until } = request
  const { rows } = await sql<(WorkViewRow & { total: bigint }) | { total: bigint; id: null }>`
    with matching as materialized (
      select w.id from work w
      where w.account_id = ${actor.accountId} and w.deleted_at is null and w.state = any (${[...states]})
        ${kinds === null ? sql`` : sql`and w.kind = any (${[...kinds]})`}
        ${models === null ? sql`` : sql`and exists (select from task t where t.id = w.task_id and t.model_id = any (${[...models]}))`}
        ${tool === null ? sql`` : sql`and w.tool = ${tool}`}
        ${from === null ? sql`` : sql`and w.created_at >= ${from}`}
        ${until === null ? sql`` : sql`and w.created_at < ${until}`}
        ${keyword === null ? sql`` : mentions(keyword)}),
    page as (select id from matching order by id desc limit ${limit} offset ${(page - 1) * limit})
    select counted.total, found.* from (select count(*) as total from matching) counted
    left join (select ${sql.raw(WORK_VIEW)} from page join work w on w.id = page.id join task t on t.id = w.task_id) found
      on true
    order by found.work_id desc`.execute(context.db.kysely)
  const items = rows.flatMap((row) => (row.id === null ? [] : [toWork(row as WorkViewRow)]))
  return toPage({ page, limit }, items, rows[0]?.total ?? 0)
}

/**
 * Titles are short and most often looked for: a text is unpacked only when its title says nothing. Folding the case of
 * long texts takes most of the time (five times as long over 75,000 of them), so it is left out for words that have no
 * case, as Chinese ones.
 */
function mentions(keyword: string) {
  if (keyword.toLowerCase() === keyword.toUpperCase())
    return sql`and (position(${keyword}::text in w.title) > 0 or position(${keyword}::text in w.body) > 0)`
  const needle = sql`lower(${keyword}::text)`
  return sql`and (position(${needle} in lower(w.title)) > 0 or position(${needle} in lower(w.body)) > 0)`
}
