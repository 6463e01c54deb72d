import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Json } from '../ports/provider.ts'
import type { TaskKind } from './task-input.ts'

/** See ARCHITECTURE.md, *One task*, for who may move a task from where to where. */
export type TaskState = 'queued' | 'running' | 'unknown' | 'succeeded' | 'failed' | 'canceled'

/** A finished file of a task; `storeKey` becomes an address only at the edge. */
export type TaskFile = { storeKey: string; mediaType: string; width: number | null; height: number | null }

/** A task as its owner sees it. `charged` is the price while it runs and what was paid after. */
export type Task = {
  id: bigint
  handle: string
  kind: TaskKind
  state: TaskState
  progress: number
  cost: Credits
  charged: Credits
  prompt: string
  parameters: Json
  failure: Failure | null
  files: TaskFile[]
  createdAt: Date
  updatedAt: Date
}

export type TaskViewRow = {
  id: bigint
  handle: string
  kind: TaskKind
  state: TaskState
  progress: number
  cost: bigint
  charged: bigint
  prompt: string
  parameters: Json
  failure: Failure | null
  files: TaskFile[] | null
  created_at: Date
  updated_at: Date
}

/** The columns of `TaskViewRow`, for a query over `task t` and `work w`. */
export const TASK_VIEW = `t.id, t.handle, t.kind, t.state, t.progress, t.cost, t.charged, t.input ->> 'prompt' as prompt, t.parameters,
  t.failure, t.created_at, t.updated_at,
  case when t.state = 'succeeded' then (
    select json_agg(json_build_object('storeKey', f.store_key, 'mediaType', f.media_type, 'width', f.width,
      'height', f.height) order by f.position)
    from file f where f.work_id = w.id and f.role = 'output') end as files`

/** Turns a row of `TASK_VIEW` into a task. */
export function toTask(row: TaskViewRow): Task {
  const { created_at: createdAt, updated_at: updatedAt, cost, charged, files, ...rest } = row
  return { ...rest, cost: credits(cost), charged: credits(charged), files: files ?? [], createdAt, updatedAt }
}

const readByHandle = statement(
  'task by handle',
  `select ${TASK_VIEW} from task t join work w on w.task_id = t.id
   where t.handle = $1 and t.account_id = $2 and w.deleted_at is null`,
)

const readById = statement(
  'task by id',
  `select ${TASK_VIEW} from task t join work w on w.task_id = t.id where t.id = $1 and t.account_id = $2`,
)

/** The caller's task. @throws task_not_found for a missing or foreign one, or one whose work was deleted */
export async function readTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  handle: string,
): Promise<Task> {
  const [row] = await context.db.rows<TaskViewRow>(readByHandle, [handle, actor.accountId])
  if (!row) throw refusal('task_not_found', { id: handle })
  return toTask(row)
}

/** The caller's task by its number, deleted or not. @throws task_not_found */
export async function readTaskById(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  id: bigint,
): Promise<Task> {
  const [row] = await context.db.rows<TaskViewRow>(readById, [id, actor.accountId])
  if (!row) throw refusal('task_not_found', { id: String(id) })
  return toTask(row)
}
