import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Work } from './work.ts'
import { readWork } from './work.ts'

/** What is changed of a work; what is absent stays. */
export type WorkEdit = { title?: string; body?: string }

const MOST_TITLE_CHARACTERS = 200
const MOST_BODY_CHARACTERS = 100_000

const editWorkStatement = statement('edit work', 'select edit_work_v1($1, $2, $3, $4) as outcome')
const restoreWorkStatement = statement('restore work', 'select restore_work_v1($1, $2, $3) as outcome')

type Row = { outcome: string }

/**
 * Changes the title of the caller's work, and the text of one that is a text. What it said before stays as a version.
 *
 * @returns the work as it then is
 * @throws work_not_found, also for somebody else's; input_invalid for a title that is empty or too long, a text that is
 *   too long, or the text of a work that has none of its own
 */
export async function editWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  edit: WorkEdit,
): Promise<Work> {
  const title = edit.title?.trim()
  if (title === '') throw refusal('input_invalid', { field: 'title', problem: 'missing' })
  checkLength('title', title, MOST_TITLE_CHARACTERS)
  checkLength('content', edit.body, MOST_BODY_CHARACTERS)
  // PostgreSQL has no character 0.
  const values = [title, edit.body].map((text) => text?.replaceAll('\0', '') ?? null)
  const [row] = await context.db.rows<Row>(editWorkStatement, [actor.accountId, workId, ...values])
  return afterwards(context, actor, workId, row?.outcome)
}

/**
 * Makes an earlier version of the caller's work the latest again; what it replaces stays as a version.
 * @throws work_not_found, also when there is no such version
 */
export async function restoreWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  version: bigint,
): Promise<Work> {
  const [row] = await context.db.rows<Row>(restoreWorkStatement, [actor.accountId, workId, version])
  return afterwards(context, actor, workId, row?.outcome)
}

function checkLength(field: string, text: string | undefined, most: number): void {
  if (text !== undefined && text.length > most) throw refusal('input_invalid', { field, problem: 'too_long' })
}

async function afterwards(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  outcome: string | undefined,
): Promise<Work> {
  switch (outcome) {
    case 'edited':
    case 'unchanged':
      return readWork(context, actor, workId)
    case 'no_text':
      throw refusal('input_invalid', { field: 'content', problem: 'unknown_field' })
    case 'not_found':
    case 'no_version':
      throw refusal('work_not_found', { id: String(workId) })
    default:
      throw new Error(`editing a work answered ${outcome}`)
  }
}
