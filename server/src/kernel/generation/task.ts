import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Json } from '../ports/provider.ts'
import type { TaskKind } from './task-input.ts'

/** See ARCHITECTURE.md, *One task*, for who may move a task from where to where. */
export type TaskState =
  | 'awaiting_approval'
  | 'queued'
  | 'running'
  | 'unknown'
  | 'succeeded'
  | 'failed'
  | 'canceled'

/** How a client names a task: by its handle or by its number, as the dialect does. */
export type TaskName = string | bigint

/** Whose tasks may be reached: the owner's, or with null everybody's, as for an administrator. */
export type TaskReach = { accountId: bigint | null }

/** A finished file of a task; `storeKey` becomes an address only at the edge. */
export type TaskFile = {
  storeKey: string
  mediaType: string
  bytes: number
  width: number | null
  height: number | null
  /** Of a clip. */
  durationMs: number | null
  /** Whether a still of it lies beside it, as of most clips. */
  hasPoster: boolean
}

/** A task as its owner sees it. `charged` is the price while it runs and what was paid after. */
export type Task = {
  id: bigint
  handle: string
  accountId: bigint
  /** The owner's user name. */
  owner: string
  modelId: bigint
  kind: TaskKind
  state: TaskState
  progress: number
  cost: Credits
  charged: Credits
  prompt: string
  parameters: Json
  failure: Failure | null
  /** Attempts begun since it was submitted or retried, of at most so many. */
  attempts: number
  mostAttempts: number
  /** The vendor's own number of the job, where it has one. */
  remoteId: string | null
  files: TaskFile[]
  /** Its work: the number, the title, and, once it has been written, the text as it is now. */
  workId: bigint
  title: string
  text: string | null
  createdAt: Date
  updatedAt: Date
}

export type TaskViewRow = {
  id: bigint
  handle: string
  account_id: bigint
  owner: string
  model_id: bigint
  kind: TaskKind
  state: TaskState
  progress: number
  cost: bigint
  charged: bigint
  prompt: string
  parameters: Json
  failure: Failure | null
  attempts: number
  max_attempts: number
  remote_id: string | null
  files: TaskFile[] | null
  work_id: bigint
  title: string
  body: string | null
  created_at: Date
  updated_at: Date
}

/** The columns of `TaskViewRow`, for a query over `task t` and `work w`. */
export const TASK_VIEW = `t.id, t.handle, t.account_id,
  (select a.username from account a where a.id = t.account_id) as owner, t.model_id, t.kind, t.state, t.progress, t.cost, t.charged, t.input ->> 'prompt' as prompt, t.parameters,
  t.failure, t.attempts, t.max_attempts, t.remote_id, t.created_at, t.updated_at,
  w.id as work_id, w.title, w.body,
  case when t.state = 'succeeded' then (
    select json_agg(json_build_object('storeKey', f.store_key, 'mediaType', f.media_type, 'bytes', f.bytes,
      'width', f.width, 'height', f.height, 'durationMs', f.duration_ms, 'hasPoster', exists (select from file p
        where p.work_id = f.work_id and p.role = 'poster' and p.position = f.position)) order by f.position)
    from file f where f.work_id = w.id and f.role = 'output') end as files`

/** Turns a row of `TASK_VIEW` into a task. */
export function toTask(row: TaskViewRow): Task {
  const { id, handle, kind, state, progress, prompt, parameters, failure, attempts } = row
  return {
    ...{ id, handle, kind, state, progress, prompt, parameters, failure, attempts },
    accountId: row.account_id,
    owner: row.owner,
    modelId: row.model_id,
    cost: credits(row.cost),
    charged: credits(row.charged),
    mostAttempts: row.max_attempts,
    remoteId: row.remote_id,
    files: row.files ?? [],
    workId: row.work_id,
    title: row.title,
    text: row.body,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

const readByHandle = statement(
  'task by handle',
  `select ${TASK_VIEW} from task t join work w on w.task_id = t.id
   where t.handle = $1 and ($2::bigint is null or t.account_id = $2) and w.deleted_at is null`,
)

const readByNumber = statement(
  'task by number',
  `select ${TASK_VIEW} from task t join work w on w.task_id = t.id
   where t.id = $1 and ($2::bigint is null or t.account_id = $2) and w.deleted_at is null`,
)

const readById = statement(
  'task by id',
  `select ${TASK_VIEW} from task t join work w on w.task_id = t.id where t.id = $1 and t.account_id = $2`,
)

/**
 * One task within reach.
 * @throws task_not_found for a missing or foreign one, or one whose work was deleted
 */
export async function readTask(context: Context, reach: TaskReach, named: TaskName): Promise<Task> {
  const what = typeof named === 'string' ? readByHandle : readByNumber
  const [row] = await context.db.rows<TaskViewRow>(what, [named, reach.accountId])
  if (!row) throw refusal('task_not_found', { id: String(named) })
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
