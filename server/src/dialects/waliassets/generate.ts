import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Issue, View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Submission } from '../../kernel/generation/submit.ts'
import type { Task, TaskState } from '../../kernel/generation/task.ts'
import { readTask } from '../../kernel/generation/task.ts'
import type { TaskKind } from '../../kernel/generation/task-input.ts'
import { runTask } from '../../kernel/generation/wait.ts'
import type { IdempotencyKey } from '../../kernel/idempotency.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { toNumber, toText } from '../../kernel/money.ts'
import { storePictureFrom } from '../../kernel/uploads/take-picture.ts'
import { deleteWork } from '../../kernel/works/delete.ts'
import { readHistory } from '../../kernel/works/history.ts'
import { done, refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'
import { readChoice, readDay, readPage } from './query.ts'
import { FAILURE_MESSAGES } from './refusals.ts'
import { presentTime } from './time.ts'

const GenerateImage = Type.Object({
  prompt: Type.String({ minLength: 1, maxLength: 8_000 }),
  size: Type.Optional(Type.String({ maxLength: 20 })),
  guidance_scale: Type.Optional(Type.Number({ minimum: 0, maximum: 30 })),
  seed: Type.Optional(Type.Number()),
  watermark: Type.Optional(Type.Boolean()),
})

// The earlier system took base64 pictures here and never used them; such clients keep working.
const LARGEST_BODY = 10 * 1_048_576
const LARGEST_SEED = 2_147_483_647

const refusePrompt = (issues: readonly Issue[]) =>
  issues.some(
    ({ field, problem }) => field === 'prompt' && (problem === 'missing' || problem === 'too_short'),
  )
    ? refuse(1602, 'Prompt不能为空')
    : refuseIssues(issues)

/** 图像生成: `POST /generate/image`; held until the picture is there. */
const image = route({
  method: 'POST',
  path: '/generate/image',
  allow: 'user',
  rate: 'generate',
  body: GenerateImage,
  bodyLimit: LARGEST_BODY,
  invalid: refusePrompt,
  run: (context, actor, { body, idempotencyKey, origin }) => {
    const { width, height } = parseSize(body.size ?? '512x512')
    const isSeed = Number.isInteger(body.seed) && Number(body.seed) >= 1 && Number(body.seed) <= LARGEST_SEED
    const seed = isSeed ? Number(body.seed) : context.ids.integer(1, LARGEST_SEED)
    const guidance = body.guidance_scale ?? 2.5
    const watermark = body.watermark ?? false
    if (body.prompt.trim() === '') throw refusal('input_invalid', { field: 'prompt', problem: 'missing' })
    return runTask(context, actor, {
      kind: 'image',
      model: null,
      input: { prompt: body.prompt, width, height, count: 1, seed, guidance, watermark },
      parameters: { size: `${width}x${height}`, guidance_scale: guidance, seed, watermark },
      idempotencyKey: bindKey('generate/image', idempotencyKey, body),
      origin,
    } satisfies Submission)
  },
  reply: (task, view) =>
    done(
      {
        taskId: task.handle,
        image_url: urlsOf(task, view)[0] ?? null,
        tokenConsumed: toNumber(task.charged),
      },
      `图片生成成功，消耗 ${toText(task.charged)} tokens`,
    ),
})

const ContentPart = Type.Object({
  type: Type.Optional(Type.String({ maxLength: 40 })),
  text: Type.Optional(Type.String({ maxLength: 8_000 })),
  image_url: Type.Optional(Type.Object({ url: Type.String() })),
})

const GenerateAnimation = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 100 }),
  content: Type.Union([
    Type.String({ minLength: 1 }),
    Type.Array(ContentPart, { minItems: 1, maxItems: 10 }),
  ]),
})

const LARGEST_ANIMATION_BODY = 30 * 1_048_576
/** The size, length and rate of a clip: the document lets nobody choose. */
const CLIP = { width: 1_280, height: 720, seconds: 5, fps: 24 } as const

/** 动画生成: `POST /generate/animation`; `content` is a description, a picture, or the parts of both. */
const animation = route({
  method: 'POST',
  path: '/generate/animation',
  allow: 'user',
  rate: 'generate',
  body: GenerateAnimation,
  bodyLimit: LARGEST_ANIMATION_BODY,
  invalid: (issues) =>
    issues.some(({ problem }) => problem === 'missing' || problem === 'too_short')
      ? refuse(1601, '缺少必要参数: model 和 content')
      : refuseIssues(issues),
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    const { prompt, picture } = readContent(body.content)
    // Before a picture is stored: only the submission removes one that there is no task for.
    const key = bindKey('generate/animation', idempotencyKey, body)
    const seed = context.ids.integer(1, LARGEST_SEED)
    const source = picture === null ? null : await storePictureFrom(context, 'content', picture)
    return runTask(context, actor, {
      kind: 'video',
      model: body.model,
      input: { prompt, ...CLIP, seed, ...(source !== null && { source }) },
      // Never the picture itself: histories stay small (W12).
      parameters: { model: body.model, content: prompt, has_image: picture !== null, seed },
      idempotencyKey: key,
      origin,
    })
  },
  reply: (task, view) =>
    done(
      {
        taskId: task.handle,
        video_url: urlsOf(task, view)[0] ?? null,
        tokenConsumed: toNumber(task.charged),
      },
      `视频生成成功，消耗 ${toText(task.charged)} tokens`,
    ),
})

type Content = Static<typeof GenerateAnimation>['content']

/** The words and the first picture of a `content`; a text that is an address of a picture is that picture. */
function readContent(content: Content): { prompt: string; picture: string | null } {
  if (typeof content === 'string') {
    const isPicture = /^(data:image\/|https?:\/\/\S+$)/.test(content)
    return isPicture ? { prompt: '', picture: content } : { prompt: content, picture: null }
  }
  const prompt = content
    .map((part) => part.text ?? '')
    .join(' ')
    .trim()
  return { prompt, picture: content.find((part) => part.image_url)?.image_url?.url ?? null }
}

function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d{1,5})[x×*](\d{1,5})$/i.exec(text.trim())
  if (!match) throw refusal('input_invalid', { field: 'size', problem: 'format' })
  return { width: Number(match[1]), height: Number(match[2]) }
}

function bindKey(scope: string, key: string | null, body: unknown): IdempotencyKey | null {
  return key === null ? null : bindIdempotencyKey(scope, key, body)
}

/** 查询任务状态: `GET /generate/status/:taskId`. */
const status = route({
  method: 'GET',
  path: '/generate/status/:taskId',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readTask(context, actor, params.taskId ?? ''),
  reply: (task, view) => done(presentStatus(task, view)),
})

/** 任务状态说明, and the kernel's states behind each. */
const STATES = {
  pending: ['awaiting_approval', 'queued'],
  processing: ['running', 'unknown'],
  completed: ['succeeded'],
  failed: ['failed', 'canceled'],
} as const satisfies Record<string, readonly TaskState[]>

const STATUS: Readonly<Record<TaskState, keyof typeof STATES>> = {
  awaiting_approval: 'pending',
  queued: 'pending',
  running: 'processing',
  unknown: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  canceled: 'failed',
}

const TYPES: Readonly<Partial<Record<TaskKind, string>>> = { image: 'image', video: 'animation' }
const KINDS: Readonly<Record<string, TaskKind>> = { image: 'image', animation: 'video' }

function presentStatus(task: Task, view: View) {
  const resultUrls = urlsOf(task, view)
  return {
    taskId: task.handle,
    status: STATUS[task.state],
    progress: STATUS[task.state] === 'failed' ? 0 : task.progress,
    type: TYPES[task.kind] ?? task.kind,
    resultUrl: resultUrls[0] ?? null,
    resultUrls,
    errorMessage: task.failure === null ? null : FAILURE_MESSAGES[task.failure],
    createdAt: presentTime(task.createdAt),
    updatedAt: presentTime(task.updatedAt),
  }
}

function urlsOf(task: Task, view: View): string[] {
  return task.files.map((file) => view.fileUrl(file.storeKey))
}

/** 获取生成历史: `GET /generate/history`. The last day of a range counts as a whole. */
const history = route({
  method: 'GET',
  path: '/generate/history',
  allow: 'user',
  rate: 'read',
  run: (context: Context, actor: Actor, { query }) => {
    const state = readChoice(query, 'status', STATES)
    const type = readChoice(query, 'type', KINDS)
    return readHistory(context, actor, {
      ...readPage(query, 10),
      kind: type ? (KINDS[type] ?? null) : null,
      states: state ? STATES[state] : null,
      from: readDay(query, 'startDate'),
      until: readDay(query, 'endDate', 1),
    })
  },
  reply: ({ items, total, page, limit, totalPages, summary }, view) =>
    done({
      history: items.map((item) => presentHistory(item, view)),
      pagination: { total, page, limit, totalPages },
      summary: { totalGenerated: summary.succeeded, totalTokensConsumed: toNumber(summary.charged) },
    }),
})

function presentHistory(item: Task, view: View) {
  const { createdAt, updatedAt, ...shown } = presentStatus(item, view)
  return {
    id: Number(item.workId),
    prompt: item.prompt,
    parameters: item.parameters,
    ...shown,
    tokenConsumed: toNumber(item.charged),
    createdAt,
    updatedAt,
  }
}

/** 删除生成历史: `DELETE /generate/history/:id`. */
const deleteHistory = route({
  method: 'DELETE',
  path: '/generate/history/:id',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) => {
    const id = params.id ?? ''
    if (!/^\d{1,18}$/.test(id)) throw refusal('work_not_found', { id })
    return deleteWork(context, actor, BigInt(id))
  },
  reply: () => done(null, '删除成功'),
})

export const generateRoutes = [image, animation, status, history, deleteHistory]
