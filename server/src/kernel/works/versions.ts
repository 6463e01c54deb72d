import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import { readWork } from './work.ts'

/** What a work says, or once said. */
export type WorkVersion = {
  version: number
  isCurrent: boolean
  title: string
  body: string | null
  /** When it was written. */
  createdAt: Date
}

type Row = { version: number; is_current: boolean; title: string; body: string | null; created_at: Date }

/** The versions of the caller's work, the one in force first. @throws work_not_found, also for somebody else's */
export async function listVersions(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  { page, limit }: PageRequest,
): Promise<Page<WorkVersion>> {
  await readWork(context, actor, workId)
  const versions = sql`(
    select w.version, true as is_current, w.title, w.body, coalesce(w.updated_at, w.created_at) as created_at
    from work w where w.id = ${workId}
    union all
    select v.version, false, v.title, v.body, v.created_at from work_version v where v.work_id = ${workId}) all_of_them`
  const { kysely } = context.db
  const [rows, count] = await Promise.all([
    sql<Row>`select * from ${versions} order by version desc limit ${limit} offset ${(page - 1) * limit}`.execute(
      kysely,
    ),
    sql<{ total: bigint }>`select count(*) as total from ${versions}`.execute(kysely),
  ])
  const items = rows.rows.map(({ is_current: isCurrent, created_at: createdAt, ...row }) => ({
    ...row,
    isCurrent,
    createdAt,
  }))
  return toPage({ page, limit }, items, count.rows[0]?.total ?? 0)
}
