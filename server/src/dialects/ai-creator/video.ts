import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import type { Task } from '../../kernel/generation/task.ts'
import { readTask, readTaskById } from '../../kernel/generation/task.ts'
import { toNumber } from '../../kernel/money.ts'
import { done } from './envelope.ts'
import { bindKey, ModelId, readModel, STATUS } from './generation.ts'
import { FAILURE_MESSAGES } from './refusals.ts'

const GenerateVideo = Type.Object({
  script: Type.String({ minLength: 1, maxLength: 8_000 }),
  // In seconds. A call costs the same whatever it is, so it has an end (decided reading *ai-creator*).
  duration: Type.Optional(Type.Integer({ minimum: 1, maximum: 60 })),
  model_id: ModelId,
})

/** The size and rate of a clip: the document lets nobody choose. */
const CLIP = { width: 1_280, height: 720, fps: 24 } as const
const USUAL_SECONDS = 5
const LARGEST_SEED = 2_147_483_647

/** 5.1 生成视频: `POST /video/generate`; answered at once, the clip is asked after. */
const generate = route({
  method: 'POST',
  path: '/video/generate',
  allow: 'user',
  rate: 'generate',
  body: GenerateVideo,
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    const { script, duration = USUAL_SECONDS } = body
    const seed = context.ids.integer(1, LARGEST_SEED)
    const { taskId } = await submitTask(context, actor, {
      kind: 'video',
      model: readModel(body.model_id),
      input: { prompt: script, ...CLIP, seconds: duration, seed },
      parameters: { script, duration },
      idempotencyKey: bindKey('video/generate', idempotencyKey, body),
      origin,
    })
    return readTaskById(context, actor, taskId)
  },
  // A repeat with the same key is told how far its clip has come.
  reply: (task) =>
    done(
      { task_id: task.handle, status: STATUS[task.state], creation_id: Number(task.workId) },
      '任务已创建',
    ),
})

/** 5.2 获取视频生成状态: `GET /video/{task_id}/status`. */
const status = route({
  method: 'GET',
  path: '/video/:task_id/status',
  allow: 'user',
  rate: 'read',
  run: async (context, { accountId }, { params }) => {
    const handle = params.task_id ?? ''
    const task = await readTask(context, { accountId }, handle)
    if (task.kind !== 'video') throw refusal('task_not_found', { id: handle })
    return task
  },
  reply: (task, view) => done(presentStatus(task, view)),
})

function presentStatus(task: Task, view: View) {
  const [file] = task.files
  return {
    task_id: task.handle,
    status: STATUS[task.state],
    video_url: file ? view.fileUrl(file.storeKey) : null,
    credits_used: toNumber(task.charged),
    progress: STATUS[task.state] === 'failed' ? 0 : task.progress,
    error: task.failure === null ? null : FAILURE_MESSAGES[task.failure],
    creation_id: Number(task.workId),
  }
}

export const videoRoutes = [generate, status]
