import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { TaskFile } from '../generation/task.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Standing } from './standing.ts'
import { standingColumns } from './standing.ts'

/** What a feed is ordered by: interest weighed against age, age, likes or looks. */
export type FeedOrder = 'hot' | 'latest' | 'likes' | 'views'
export type FeedRequest = PageRequest & { kind: 'image' | 'video' | null; order: FeedOrder }

/** A work as everybody may see it, the words it was made from included. */
export type Exhibit = Omit<Standing, 'isPublic'> & {
  workId: bigint
  kind: 'image' | 'video'
  title: string
  prompt: string
  modelId: bigint
  files: (TaskFile & { durationMs: number | null })[]
  author: { uuid: string; username: string; nickname: string | null; avatar: string | null }
  createdAt: Date
  shownAt: Date
}

/** The column of an order, as the indexes of the exhibits have it. */
const COLUMNS: Readonly<Record<FeedOrder, string>> = {
  hot: 'heat',
  latest: 'shown_at',
  likes: 'likes',
  views: 'views',
}

/**
 * A page of what is shown to everybody, with how many there are. Which works are on the page is read from one index from
 * its end, without a look at what is skipped; the total is kept as works appear and vanish (docs/decisions/0013).
 *
 * @param viewer who asks, whose own likes are told; null for nobody.
 */
export async function readFeed(
  context: Context,
  viewer: Pick<Actor, 'accountId'> | null,
  { page, limit, kind, order }: FeedRequest,
): Promise<Page<Exhibit>> {
  const column = sql.raw(COLUMNS[order])
  // Written out, because only then a partial index is seen to fit.
  const ofKind = kind === null ? sql`` : sql`and kind = ${sql.lit(kind)}`
  const { rows } = await sql<(Exhibit & { total: bigint }) | { total: bigint; workId: null }>`
    with page as materialized (
      select work_id from exhibit where is_visible ${ofKind}
      order by ${column} desc, work_id desc limit ${limit} offset ${(page - 1) * limit}),
    counted as (select sum(count)::bigint as total from exhibit_total where true ${ofKind})
    select counted.total, found.* from counted left join (
      select e.work_id as "workId", e.kind, w.title, coalesce(t.input ->> 'prompt', '') as prompt,
        t.model_id as "modelId", e.shown_at as "shownAt", w.created_at as "createdAt", e.${column} as place,
        ${sql.raw(standingColumns(':viewer').replaceAll(':viewer', viewer ? String(viewer.accountId) : 'null::bigint'))},
        json_build_object('uuid', a.uuid, 'username', a.username, 'nickname', a.nickname, 'avatar', a.avatar) as author,
        (select json_agg(json_build_object('storeKey', f.store_key, 'mediaType', f.media_type, 'width', f.width,
           'height', f.height, 'durationMs', f.duration_ms) order by f.position)
         from file f where f.work_id = w.id and f.role = 'output') as files
      from page join exhibit e on e.work_id = page.work_id join work w on w.id = e.work_id
        join task t on t.id = w.task_id join account a on a.id = e.account_id) found on true
    order by found.place desc, found."workId" desc`.execute(context.db.kysely)
  const items = rows.flatMap((row) => {
    if (row.workId === null) return []
    const {
      total: _total,
      place: _place,
      isPublic: _isPublic,
      ...exhibit
    } = row as Exhibit & Record<'total' | 'place' | 'isPublic', unknown>
    return [{ ...exhibit, files: exhibit.files ?? [] }]
  })
  return toPage({ page, limit }, items, rows[0]?.total ?? 0)
}
