import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'

const toggleReaction = statement('toggle reaction', 'select is_on, count from toggle_reaction_v1($1, $2, $3)')
const countViewStatement = statement('count view', 'select counted, views from count_view_v1($1, $2)')
const sweepViewsStatement = statement(
  'sweep views',
  `delete from exhibit_view where ctid = any (array(
     select ctid from exhibit_view where hour < date_trunc('hour', now()) limit 50000)) returning work_id`,
)

/**
 * Likes or keeps a work that is shown, or takes that back: of two calls of one account the second undoes the first.
 *
 * @returns how it then is, and how many like or keep it
 * @throws work_not_found when it is not shown
 */
export async function react(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  kind: 'like' | 'favorite',
): Promise<{ isOn: boolean; count: number }> {
  const values = [actor.accountId, workId, kind]
  const [row] = await context.db.rows<{ is_on: boolean | null; count: number }>(toggleReaction, values)
  if (!row || row.is_on === null) throw refusal('work_not_found', { id: String(workId) })
  return { isOn: row.is_on, count: row.count }
}

/**
 * Counts a look at a work that is shown: once per viewer and hour. Nobody's viewer is an address with a browser; what is
 * kept of it until the hour is over is a keyed hash.
 *
 * @throws work_not_found when it is not shown
 */
export async function countView(
  context: Context,
  viewer: Pick<Actor, 'accountId'> | null,
  origin: Origin,
  workId: bigint,
): Promise<{ counted: boolean; views: number }> {
  const who = viewer
    ? ['account', String(viewer.accountId)]
    : ['address', origin.ip ?? '', origin.device ?? '']
  const key = context.keys.codeHash('viewer', ...who).subarray(0, 16)
  const [row] = await context.db.rows<{ counted: boolean; views: number | null }>(countViewStatement, [
    workId,
    key,
  ])
  if (!row || row.views === null) throw refusal('work_not_found', { id: String(workId) })
  return { counted: row.counted, views: row.views }
}

/** Forgets who looked at what in past hours. @returns how many such rows there were, 50,000 at most */
export async function sweepViews(context: Context): Promise<number> {
  return (await context.db.rows(sweepViewsStatement, [])).length
}
