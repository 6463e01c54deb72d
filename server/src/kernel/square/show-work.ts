import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Work } from '../works/work.ts'
import { readWork } from '../works/work.ts'

const showWorkStatement = statement('show work', 'select show_work_v1($1, $2, $3, $4) as outcome')
const countShare = statement('count share', 'select count_share_v1($1, $2) as shares')

const MOST_TITLE_CHARACTERS = 100

/**
 * Shows the caller's picture or clip to everybody or takes it away, and changes its title, in one statement. One that is
 * not finished appears when it is; one whose owner is disabled is gone while that lasts.
 *
 * @returns the work as it then is
 * @throws work_not_found, also for somebody else's; input_invalid when nothing is to be changed, or for the title
 */
export async function showWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  changes: { isPublic?: boolean | undefined; title?: string | undefined },
): Promise<Work> {
  const title = changes.title?.replaceAll('\0', '').trim()
  if (title === '') throw refusal('input_invalid', { field: 'title', problem: 'missing' })
  if (title !== undefined && [...title].length > MOST_TITLE_CHARACTERS)
    throw refusal('input_invalid', { field: 'title', problem: 'too_long' })
  if (title === undefined && changes.isPublic === undefined)
    throw refusal('input_invalid', { field: '', problem: 'missing' })
  const values = [actor.accountId, workId, changes.isPublic ?? null, title ?? null]
  const [row] = await context.db.rows<{ outcome: string }>(showWorkStatement, values)
  if (row?.outcome !== 'done') throw refusal('work_not_found', { id: String(workId) })
  return readWork(context, actor, workId)
}

/**
 * Counts that the caller passed a finished work of his on, by its address.
 * @returns how often so far
 * @throws work_not_found, also for somebody else's, and for what is not finished
 */
export async function countSharing(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<number> {
  const [row] = await context.db.rows<{ shares: number | null }>(countShare, [actor.accountId, workId])
  if (!row || row.shares === null) throw refusal('work_not_found', { id: String(workId) })
  return row.shares
}
