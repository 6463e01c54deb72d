import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

/** Whether a work is public, and how it was received. */
export type Standing = {
  /** What its owner wants; it is shown when it is also completed and the owner's account is active. */
  isPublic: boolean
  likes: number
  favorites: number
  views: number
  /** How often its owner asked for an address to pass on. */
  shares: number
  /** Whether whoever asks did; false for nobody in particular. */
  isLiked: boolean
  isFavorite: boolean
}

type Row = {
  id: bigint
  is_public: boolean
  likes: number
  favorites: number
  views: bigint
  shares: number
  is_liked: boolean
  is_favorite: boolean
}

const readStandingsStatement = statement(
  'standings of works',
  `select w.id, w.is_public, w.shares, coalesce(s.likes, 0) as likes, coalesce(s.favorites, 0) as favorites,
     coalesce(s.views, 0)::bigint as views,
     exists (select from work_like l where l.work_id = w.id and l.account_id = $2) as is_liked,
     exists (select from work_favorite l where l.work_id = w.id and l.account_id = $2) as is_favorite
   from unnest($1::bigint[]) as asked (id) join work w on w.id = asked.id left join standing s on s.work_id = w.id`,
)

/**
 * The standings of works by their numbers, in one statement, for presenters that show works which the caller may see;
 * it checks no ownership itself. A number that no work has is left out.
 *
 * @param viewer whose likes and favorites are told; null for nobody in particular.
 */
export async function readStandings(
  context: Context,
  workIds: readonly bigint[],
  viewer: Pick<Actor, 'accountId'> | null,
): Promise<ReadonlyMap<bigint, Standing>> {
  if (workIds.length === 0) return new Map()
  const rows = await context.db.rows<Row>(readStandingsStatement, [workIds, viewer?.accountId ?? null])
  return new Map(
    rows.map((row) => [
      row.id,
      {
        isPublic: row.is_public,
        likes: row.likes,
        favorites: row.favorites,
        views: Number(row.views),
        shares: row.shares,
        isLiked: row.is_liked,
        isFavorite: row.is_favorite,
      },
    ]),
  )
}
