import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Task, TaskViewRow } from '../generation/task.ts'
import { TASK_VIEW, toTask } from '../generation/task.ts'
import type { ImageInput, VideoInput } from '../generation/task-input.ts'

/** A work as its owner sees it: what came of a task, under a title and with a text that its owner may change. */
export type Work = Task & {
  /** The writing tool, for a text. */
  tool: string | null
  /** 1, and one more for every edit. */
  version: number
  /** Whether the model reached its bound before it had finished. */
  isCut: boolean
  /** When its owner last changed it; null when never. */
  editedAt: Date | null
  /** What a picture or a clip was made from, as the kernel has it; null for any other work. */
  madeFrom: MadeFrom | null
}

/** What pictures and clips may have in common; a `source` is a store key. */
export type MadeFrom = Partial<ImageInput> & Partial<VideoInput>

export type WorkViewRow = TaskViewRow & {
  tool: string | null
  version: number
  is_cut: boolean
  edited_at: Date | null
  made_from: MadeFrom | null
}

/** The columns of `WorkViewRow`, for a query over `task t` and `work w`. */
export const WORK_VIEW = `${TASK_VIEW}, w.tool, w.version, w.is_cut, w.updated_at as edited_at,
  case when t.kind in ('image', 'video') then t.input end as made_from`

/** Turns a row of `WORK_VIEW` into a work. */
export function toWork(row: WorkViewRow): Work {
  const { tool, version, is_cut: isCut, edited_at: editedAt, made_from: madeFrom } = row
  return { ...toTask(row), tool, version, isCut, editedAt, madeFrom }
}

const readOwn = statement(
  'work by number',
  `select ${WORK_VIEW} from work w join task t on t.id = w.task_id
   where w.id = $1 and w.account_id = $2 and w.deleted_at is null`,
)

/** One work of the caller. @throws work_not_found, also for somebody else's */
export async function readWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<Work> {
  const [row] = await context.db.rows<WorkViewRow>(readOwn, [workId, actor.accountId])
  if (!row) throw refusal('work_not_found', { id: String(workId) })
  return toWork(row)
}
