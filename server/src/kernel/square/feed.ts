import type { Statement } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { TaskFile } from '../generation/task.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import { shortTitle } from '../works/title.ts'

/** What is shown on the square. */
export type ShownKind = 'image' | 'video'
/** Newest first; by heat; by how many likes or views. Ties are broken by the number of the work, newest first. */
export type FeedSort = 'latest' | 'hot' | 'likes' | 'views'

export type FeedRequest = PageRequest & { kind: ShownKind | null; sort: FeedSort }

/**
 * A work on the square as anybody may see it. Its title is how its prompt begins until its owner gives it another; the
 * prompt itself its owner keeps.
 */
export type ShownWork = {
  workId: bigint
  kind: ShownKind
  title: string
  /** `avatar` is a store key or an address, as `avatarUrl` takes it. */
  author: { id: bigint; username: string; avatar: string | null }
  /** Its first output. */
  file: TaskFile | null
  likes: number
  favorites: number
  views: number
  /** Whether whoever asks did; false for nobody in particular. */
  isLiked: boolean
  isFavorite: boolean
  /** When it was first shown. */
  publishedAt: Date
}

type Row = {
  work_id: bigint
  kind: ShownKind
  title: string
  prompt: string
  author_id: bigint
  username: string
  avatar: string | null
  file: TaskFile | null
  likes: number
  favorites: number
  views: bigint
  is_liked: boolean
  is_favorite: boolean
  published_at: Date
}

/** Nobody reads further; what stands before a page is passed over one by one, if only in an index. */
const LAST_PAGE = 1_000

/** Where a feed's order is kept: each has an index that alone tells which works a page has. */
const PLACES: Readonly<Record<FeedSort, { from: string; by: string }>> = {
  latest: { from: 'showing where true', by: 'published_at' },
  hot: { from: 'showing where true', by: 'heat' },
  likes: { from: 'standing where is_shown', by: 'likes' },
  views: { from: 'standing where is_shown', by: 'views' },
}

/**
 * One page with how many there are of it, in one statement and one snapshot. The page is an array of numbers before
 * anything is joined: PostgreSQL expects ten elements of an array it does not know and looks each of them up, where of
 * a limit it does not know it expects a tenth of the table and reads that whole.
 */
function feedStatement(sort: FeedSort, isFiltered: boolean): Statement {
  const { from, by } = PLACES[sort]
  return statement(
    `feed by ${sort}${isFiltered ? ' of a kind' : ''}`,
    `select counted.total, found.* from (
       select coalesce(sum(shown), 0)::bigint as total from showing_count ${isFiltered ? 'where kind = $4' : ''}) counted
     left join (
       select page.place, w.id as work_id, w.kind, w.title, t.input ->> 'prompt' as prompt, a.id as author_id, a.username, a.avatar,
         f.file, s.likes, s.favorites, s.views, s.published_at,
         exists (select from work_like l where l.work_id = w.id and l.account_id = $3) as is_liked,
         exists (select from work_favorite l where l.work_id = w.id and l.account_id = $3) as is_favorite
       from unnest(array(
         select work_id from ${from} ${isFiltered ? 'and kind = $4' : ''}
         order by ${by} desc, work_id desc limit $1 offset $2)) with ordinality as page (id, place)
       join standing s on s.work_id = page.id
       join work w on w.id = page.id and w.is_public and w.deleted_at is null
       join task t on t.id = w.task_id
       join account a on a.id = w.account_id
       left join lateral (
         select json_build_object('storeKey', o.store_key, 'mediaType', o.media_type, 'bytes', o.bytes, 'width', o.width,
           'height', o.height, 'durationMs', o.duration_ms, 'hasPoster', exists (
             select from file p where p.work_id = o.work_id and p.role = 'poster' and p.position = o.position)) as file
         from file o where o.work_id = w.id and o.role = 'output' order by o.position limit 1) f on true
     ) found on true
     order by found.place`,
  )
}

const STATEMENTS = Object.fromEntries(
  (['latest', 'hot', 'likes', 'views'] as const).map((sort) => [
    sort,
    { all: feedStatement(sort, false), ofKind: feedStatement(sort, true) },
  ]),
) as Record<FeedSort, { all: Statement; ofKind: Statement }>

/** The statement of a feed with its values, for whoever looks at how it is carried out. */
export function feedQuery(
  { kind, sort, page, limit }: FeedRequest,
  accountId: bigint | null,
): { what: Statement; values: unknown[] } {
  const isBeyond = page > LAST_PAGE
  const values = [isBeyond ? 0 : limit, isBeyond ? 0 : (page - 1) * limit, accountId]
  const { all, ofKind } = STATEMENTS[sort]
  return kind === null ? { what: all, values } : { what: ofKind, values: [...values, kind] }
}

/**
 * A page of the square, with how many works there are on all its pages; beyond page 1,000 it is empty. Works are there
 * as long as their owner wants it, they are completed and not deleted, and the owner's account is active.
 *
 * @param viewer whose likes and favorites are told; null for nobody in particular.
 */
export async function readFeed(
  context: Context,
  viewer: Pick<Actor, 'accountId'> | null,
  request: FeedRequest,
): Promise<Page<ShownWork>> {
  const { what, values } = feedQuery(request, viewer?.accountId ?? null)
  const rows = await context.db.rows<(Row & { total: bigint }) | { total: bigint; work_id: null }>(
    what,
    values,
  )
  const items = rows.flatMap((row) => (row.work_id === null ? [] : [toShownWork(row)]))
  const { page, limit } = request
  return toPage({ page, limit }, items, rows[0]?.total ?? 0)
}

function toShownWork(row: Row): ShownWork {
  const { work_id: workId, kind, likes, favorites, file } = row
  return {
    ...{ workId, kind, likes, favorites, file },
    title: shortTitle(row),
    author: { id: row.author_id, username: row.username, avatar: row.avatar },
    views: Number(row.views),
    isLiked: row.is_liked,
    isFavorite: row.is_favorite,
    publishedAt: row.published_at,
  }
}
