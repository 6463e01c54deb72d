import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const toggleStatement = statement('toggle mark', 'select is_set, marks from toggle_mark_v1($1, $2, $3)')

/** What an account can give a work once, and take back. */
export type Mark = 'like' | 'favorite'

/**
 * Gives a work on the square the caller's like or favorite, or takes it back when it has it. An account counts once
 * however often and from wherever it asks, and the count is that of the rows always.
 *
 * @returns whether the work has it now, and how many it has from everybody.
 * @throws work_not_found when it is not on the square: missing, private, deleted or not completed
 */
export async function toggleMark(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  mark: Mark,
  workId: bigint,
): Promise<{ isSet: boolean; count: number }> {
  const [row] = await context.db.rows<{ is_set: boolean | null; marks: number | null }>(toggleStatement, [
    mark,
    actor.accountId,
    workId,
  ])
  const { is_set: isSet = null, marks = null } = row ?? {}
  if (isSet === null || marks === null) throw refusal('work_not_found', { id: String(workId) })
  return { isSet, count: marks }
}
