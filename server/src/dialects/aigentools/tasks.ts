import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { readAccount } from '../../kernel/accounts/account.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { approveTask } from '../../kernel/generation/approve.ts'
import { cancelTask } from '../../kernel/generation/cancel.ts'
import { editTask } from '../../kernel/generation/edit.ts'
import { listTasks } from '../../kernel/generation/list-tasks.ts'
import { retryTask } from '../../kernel/generation/retry.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import type { Task, TaskReach, TaskState } from '../../kernel/generation/task.ts'
import { readTask, readTaskById } from '../../kernel/generation/task.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { toNumber } from '../../kernel/money.ts'
import { given, readId } from '../shared/query.ts'
import { done } from './envelope.ts'
import { statesFor } from './models.ts'
import { readIdFilter, readPage } from './query.ts'
import { FAILURE_MESSAGES } from './refusals.ts'
import type { TaskBody } from './task-input.ts'
import { readTaskBody } from './task-input.ts'
import { presentTime } from './time.ts'

/** 任务状态枚举. */
const STATUS: Readonly<Record<TaskState, 1 | 2 | 3 | 4 | 5 | 6>> = {
  awaiting_approval: 1,
  queued: 2,
  running: 3,
  unknown: 3,
  succeeded: 4,
  failed: 5,
  canceled: 6,
}

/** A user reaches the own tasks, an administrator everybody's. */
const reachOf = (actor: Actor): TaskReach => ({ accountId: actor.role === 'admin' ? null : actor.accountId })

const Body = Type.Object({})
const LARGEST_TASK = 2 * 1_048_576

const SubmitTask = Type.Object({
  body: Body,
  user: Type.Optional(Type.Unknown()),
})

/** 3.1 提交任务: `POST /tasks`. */
const submit = route({
  method: 'POST',
  path: '/tasks',
  allow: 'user',
  rate: 'generate',
  body: SubmitTask,
  bodyLimit: LARGEST_TASK,
  run: async (context, actor, { body: sent, idempotencyKey, origin }) => {
    const body = sent.body as TaskBody
    const key = idempotencyKey === null ? null : bindIdempotencyKey('tasks', idempotencyKey, sent)
    const payer = await payerOf(context, actor, sent.user)
    // Last before the submission, which removes the picture that is stored here when there is no task for it.
    const read = await readTaskBody(context, actor, body, null)
    const { taskId } = await submitTask(context, payer, {
      ...read,
      parameters: body,
      idempotencyKey: key,
      origin,
      modelStates: statesFor(actor),
    })
    return readTaskById(context, payer, taskId)
  },
  reply: (task, view) => done('Task submitted successfully', presentTask(task, view)),
})

/**
 * The creator is always the caller, whatever a client writes (B1); an administrator may submit for another, who then
 * pays (decided reading *aigentools*).
 */
async function payerOf(context: Context, actor: Actor, user: unknown): Promise<Pick<Actor, 'accountId'>> {
  const creatorId = (user as { creatorId?: unknown } | null | undefined)?.creatorId
  if (actor.role !== 'admin' || creatorId == null || creatorId === 0) return actor
  const id = readId('user.creatorId', String(creatorId))
  return id === actor.accountId ? actor : { accountId: (await readAccount(context, id)).id }
}

/** 3.2 获取任务列表: `GET /tasks`. `creator_id` is for administrators; a status that is none is ignored. */
const list = route({
  method: 'GET',
  path: '/tasks',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const status = given(query, 'status')
    const wanted = /^\d$/.test(status ?? '') ? Number(status) : null
    const states = (Object.keys(STATUS) as TaskState[]).filter((state) => STATUS[state] === wanted)
    const reach = actor.role === 'admin' ? { accountId: readIdFilter(query, 'creator_id') } : reachOf(actor)
    return listTasks(context, reach, {
      ...readPage(query, 10, 'page_size'),
      states: wanted === null ? null : states,
    })
  },
  reply: ({ items, total }, view) =>
    done('Tasks retrieved successfully', { total, items: items.map((task) => presentTask(task, view)) }),
})

/** 3.3 获取任务详情: `GET /tasks/:id`. */
const detail = route({
  method: 'GET',
  path: '/tasks/:id',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readTask(context, reachOf(actor), readId('task ID', params.id)),
  reply: (task, view) => done('Task retrieved successfully', presentTask(task, view)),
})

/** 3.4 审批任务: `PATCH /tasks/:id/approve`, for administrators (B4). */
const approve = route({
  method: 'PATCH',
  path: '/tasks/:id/approve',
  allow: 'admin',
  rate: 'write',
  run: (context, actor, { params }) => approveTask(context, actor, readId('task ID', params.id)),
  reply: (task, view) => done('Task approved successfully', presentTask(task, view)),
})

/** 3.5 更新任务: `PUT /tasks/:id`, while it has not begun. */
const update = route({
  method: 'PUT',
  path: '/tasks/:id',
  allow: 'user',
  rate: 'write',
  body: Type.Object({ body: Body }),
  bodyLimit: LARGEST_TASK,
  run: async (context, actor, { body: sent, params, origin }) => {
    const body = sent.body as TaskBody
    const id = readId('task ID', params.id)
    const task = await readTask(context, reachOf(actor), id)
    const read = await readTaskBody(context, actor, body, task.modelId)
    return editTask(context, reachOf(actor), id, {
      ...read,
      parameters: body,
      origin,
      modelStates: statesFor(actor),
    })
  },
  reply: (task, view) => done('Task updated successfully', presentTask(task, view)),
})

/** 3.6 重试任务: `POST /tasks/:id/retry`; the owner pays anew, so only the owner may (B2). */
const retry = route({
  method: 'POST',
  path: '/tasks/:id/retry',
  allow: 'user',
  rate: 'generate',
  run: (context, actor, { params, origin }) =>
    retryTask(context, actor, readId('task ID', params.id), origin),
  reply: (task, view) => done('Task retried successfully', presentTask(task, view)),
})

/** 3.7 取消任务: `POST /tasks/:id/cancel`, while it waits. */
const cancel = route({
  method: 'POST',
  path: '/tasks/:id/cancel',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) =>
    cancelTask(context, reachOf(actor), readId('task ID', params.id), ['awaiting_approval', 'queued']),
  reply: (task, view) => done('Task cancelled successfully', presentTask(task, view)),
})

function presentTask(task: Task, view: View) {
  const [file] = task.files
  return {
    id: Number(task.id),
    input_data: task.parameters,
    creator_id: Number(task.accountId),
    creator_name: task.owner,
    status: STATUS[task.state],
    result_url: file ? view.fileUrl(file.storeKey) : '',
    retry_count: Math.max(0, task.attempts - 1),
    max_retries: task.mostAttempts - 1,
    error_log: task.failure === null ? '' : FAILURE_MESSAGES[task.failure],
    remote_task_id: task.remoteId ?? '',
    // The price while it runs; what was paid once it is done, where that is measured or fewer came.
    cost: toNumber(task.state === 'succeeded' ? task.charged : task.cost),
    created_at: presentTime(task.createdAt),
    updated_at: presentTime(task.updatedAt),
  }
}

export const taskRoutes = [submit, list, detail, approve, update, retry, cancel]
