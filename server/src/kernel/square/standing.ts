import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

/** How a work stands with everybody else, and with whoever asks. */
export type Standing = {
  isPublic: boolean
  likes: number
  favorites: number
  views: number
  shares: number
  /** By whoever asks; false for nobody. */
  liked: boolean
  favorited: boolean
}

const NEVER_SHOWN: Standing = {
  isPublic: false,
  likes: 0,
  favorites: 0,
  views: 0,
  shares: 0,
  liked: false,
  favorited: false,
}

/** The columns of `Standing` for a query over `exhibit e`; `$viewer` stands for who asks, or null. */
export const standingColumns = (
  viewer: string,
): string => `e.is_public as "isPublic", e.likes, e.favorites, e.views,
  e.shares,
  exists (select from reaction r where r.work_id = e.work_id and r.kind = 'like' and r.account_id = ${viewer}) as liked,
  exists (select from reaction r where r.work_id = e.work_id and r.kind = 'favorite' and r.account_id = ${viewer})
    as favorited`

const readRows = statement(
  'standing of works',
  `select e.work_id, ${standingColumns('$2')} from exhibit e where e.work_id = any ($1)`,
)

/**
 * How works stand, by their numbers, in one statement; what was never shown is among them. Whose works may be looked at
 * is the caller's to know.
 */
export async function readStandings(
  context: Context,
  viewer: Pick<Actor, 'accountId'> | null,
  workIds: readonly bigint[],
): Promise<(workId: bigint) => Standing> {
  if (workIds.length === 0) return () => NEVER_SHOWN
  const rows = await context.db.rows<Standing & { work_id: bigint }>(readRows, [
    workIds,
    viewer?.accountId ?? null,
  ])
  const known = new Map(rows.map(({ work_id: id, ...standing }) => [id, standing]))
  return (workId) => known.get(workId) ?? NEVER_SHOWN
}
