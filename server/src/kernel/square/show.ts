import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Work } from '../works/work.ts'
import { readWork } from '../works/work.ts'
import type { Standing } from './standing.ts'
import { readStandings } from './standing.ts'

/** What is changed; what is absent stays. */
export type WorkShowing = { isPublic?: boolean | undefined; title?: string | undefined }

const MOST_TITLE_CHARACTERS = 100

const showWorkStatement = statement('show work', 'select show_work_v1($1, $2, $3, $4) as outcome')

/**
 * Puts the caller's work on the square or takes it off, and gives it a title. Only what is completed can be published:
 * nobody should show what they have not seen yet. Taking it off works at once and in any state; its likes and views stay
 * and come back with it.
 *
 * @returns the work as it then is, and how it was received.
 * @throws input_invalid (nothing to change has the field ''; a title that is empty or too long), work_not_found, also for
 *   somebody else's, work_not_publishable
 */
export async function showWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  change: WorkShowing,
): Promise<{ work: Work; standing: Standing }> {
  const { isPublic = null } = change
  if (isPublic === null && change.title === undefined)
    throw refusal('input_invalid', { field: '', problem: 'missing' })
  const title = change.title === undefined ? null : checkTitle(change.title)
  const [row] = await context.db.rows<{ outcome: string }>(showWorkStatement, [
    actor.accountId,
    workId,
    isPublic,
    title,
  ])
  switch (row?.outcome) {
    case 'done':
      break
    case 'not_found':
      throw refusal('work_not_found', { id: String(workId) })
    case 'not_ready':
      throw refusal('work_not_publishable', { id: String(workId) })
    default:
      throw new Error(`showing a work answered ${row?.outcome}`)
  }
  const [work, standings] = await Promise.all([
    readWork(context, actor, workId),
    readStandings(context, [workId], actor),
  ])
  const standing = standings.get(workId)
  if (!standing) throw refusal('work_not_found', { id: String(workId) })
  return { work, standing }
}

function checkTitle(text: string): string {
  // PostgreSQL has no character 0.
  const title = text.replaceAll('\0', '').trim()
  if (title === '') throw refusal('input_invalid', { field: 'title', problem: 'missing' })
  if ([...title].length > MOST_TITLE_CHARACTERS)
    throw refusal('input_invalid', { field: 'title', problem: 'too_long' })
  return title
}
