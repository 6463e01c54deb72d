import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Model } from '../../kernel/catalog/catalog.ts'
import { findModel } from '../../kernel/catalog/find-model.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import { beginTask } from '../../kernel/generation/begin.ts'
import { cancelTask } from '../../kernel/generation/cancel.ts'
import type { Aspect, Resolution } from '../../kernel/generation/clip-size.ts'
import { ASPECTS, clipSize, RESOLUTIONS } from '../../kernel/generation/clip-size.ts'
import type { ImageInput, VideoInput } from '../../kernel/generation/task-input.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { storePictureFrom } from '../../kernel/uploads/take-picture.ts'
import type { Work } from '../../kernel/works/work.ts'
import { readWork } from '../../kernel/works/work.ts'
import type { Fields } from '../shared/fields.ts'
import { needText, readNumber, readSeed, readText, readWord, textField } from '../shared/fields.ts'
import { done, refuse } from './envelope.ts'
import {
  presentError,
  presentResultUrl,
  presentSourceUrl,
  readWorkId,
  STATUS,
  type TaskType,
  typeOf,
} from './presented-work.ts'
import { presentTime } from './time.ts'

/** A picture may come as a `data:` URL: 20 MiB of it. */
const LARGEST_BODY = 30 * 1_048_576

const LARGEST_SEED = 2_147_483_647
const SIDES = { least: 64, most: 2_048 }
const MOST_PROMPT = 2_000
const GUIDANCE = 7

const Body = Type.Object({
  prompt: Type.String({ maxLength: MOST_PROMPT }),
  task_type: textField(40),
  model_provider: textField(100),
  model_name: textField(100),
  // The front-end's clips call it so (facts/cameo.md, 2).
  model: textField(100),
  negative_prompt: textField(MOST_PROMPT),
  source_image_url: textField(LARGEST_BODY),
  parameters: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
})
const USUAL_STRENGTH = 0.8

/** The four `POST`s of 生成接口, which share one body. */
const generate = (path: string, taskType: TaskType) =>
  route({
    method: 'POST',
    path: `/generate/${path}`,
    allow: 'user',
    rate: 'generate',
    body: Body,
    bodyLimit: LARGEST_BODY,
    run: async (context, actor, { body, idempotencyKey, origin }) => {
      const named = readText(body, 'task_type', 40)
      if (named !== null && named !== taskType)
        throw refusal('input_invalid', { field: 'task_type', problem: 'format' })
      const read = taskType.endsWith('img') ? readPicture : readClip
      const { model, ...what } = read(context, body)
      const address = readSourceAddress(body, taskType)
      const key = idempotencyKey === null ? null : bindIdempotencyKey(path, idempotencyKey, body)
      // Last, since it is stored: whatever else is wrong must not leave it behind.
      const source = address === null ? null : await storePictureFrom(context, 'source_image_url', address)
      const submission = withSource(what, source)
      return beginTask(context, actor, {
        ...submission,
        model: model?.id ?? null,
        parameters: toParameters(body),
        idempotencyKey: key,
        origin,
      })
    },
    reply: ({ task }) =>
      done({ id: Number(task.workId), status: 'pending' }, '任务已创建，正在后台处理中...'),
  })

type Wanted = { kind: 'image'; input: ImageInput } | { kind: 'video'; input: VideoInput }

function withSource(what: Wanted, source: string | null): Wanted {
  if (what.kind === 'video')
    return { kind: 'video', input: { ...what.input, ...(source !== null && { source }) } }
  const { strength, ...input } = what.input
  // How far to leave a picture says nothing where there is none.
  if (source === null) return { kind: 'image', input }
  return { kind: 'image', input: { ...input, source, ...(strength !== undefined && { strength }) } }
}

/** The address of the picture to start from, where the path says that there is one. @throws input_invalid */
function readSourceAddress(body: Fields, taskType: TaskType): string | null {
  if (!taskType.startsWith('img')) return null
  return needText(body, 'source_image_url', LARGEST_BODY)
}

/** The client's own parameters, to show again. */
function toParameters(body: Fields): Json {
  return JSON.parse(JSON.stringify(parametersOf(body))) as Json
}

/** @throws input_invalid when there are some and they are no object */
function parametersOf(body: Fields): Fields {
  const { parameters } = body
  if (parameters === undefined || parameters === null) return {}
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw refusal('input_invalid', { field: 'parameters', problem: 'type' })
  return parameters as Fields
}

/** By its name, then by its vendor's; without either the default. @throws model_not_found */
function modelOf(context: Context, kind: 'image' | 'video', body: Fields): Model | null {
  const name = readText(body, 'model_name', 100) ?? readText(body, 'model', 100)
  return findModel(context, kind, { name, vendor: readText(body, 'model_provider', 100) })
}

function readPicture(context: Context, body: Fields): Wanted & { model: Model | null } {
  const prompt = needText(body, 'prompt', MOST_PROMPT)
  const negativePrompt = readText(body, 'negative_prompt', MOST_PROMPT)
  const parameters = parametersOf(body)
  const size = readSize(parameters)
  const width = readNumber(parameters, 'width', SIDES) ?? size?.width ?? 1_024
  const height = readNumber(parameters, 'height', SIDES) ?? size?.height ?? 1_024
  const count =
    readNumber(parameters, 'count', { least: 1, most: 4 }) ??
    readNumber(parameters, 'n', { least: 1, most: 4 }) ??
    1
  const strength = readNumber(parameters, 'strength', { least: 0, most: 1, whole: false }) ?? USUAL_STRENGTH
  const style = readText(parameters, 'style', 100)
  const seed = readSeed(parameters, () => context.ids.integer(1, LARGEST_SEED))
  return {
    kind: 'image',
    model: modelOf(context, 'image', body),
    input: {
      ...{ prompt, width, height, count, seed, strength, guidance: GUIDANCE, watermark: false },
      ...(negativePrompt !== null && { negativePrompt }),
      ...(style !== null && { style }),
    },
  }
}

function readClip(context: Context, body: Fields): Wanted & { model: Model | null } {
  const prompt = needText(body, 'prompt', MOST_PROMPT)
  readText(body, 'negative_prompt', MOST_PROMPT)
  const parameters = parametersOf(body)
  const seconds =
    readNumber(parameters, 'duration', { least: 1, most: 60 }) ??
    readNumber(parameters, 'seconds', { least: 1, most: 60 }) ??
    5
  const fps = readNumber(parameters, 'fps', { least: 1, most: 60 }) ?? 24
  const resolution: Resolution = readWord(parameters, 'resolution', RESOLUTIONS) ?? '720p'
  const aspect: Aspect =
    readWord(parameters, 'aspectRatio', ASPECTS) ?? readWord(parameters, 'aspect_ratio', ASPECTS) ?? '16:9'
  const { width, height } = clipSize(resolution, aspect, context.preset.maxSide)
  const style = readText(parameters, 'style', 100)
  const seed = readSeed(parameters, () => context.ids.integer(1, LARGEST_SEED))
  return {
    kind: 'video',
    model: modelOf(context, 'video', body),
    input: { prompt, width, height, seconds, fps, seed, ...(style !== null && { style }) },
  }
}

/** `size`: `1024x1024`, as some clients have both sides in one. */
function readSize(parameters: Fields): { width: number; height: number } | null {
  const text = readText(parameters, 'size', 20)
  if (text === null) return null
  const [, width, height] = /^(\d{2,4})\s*[x×*]\s*(\d{2,4})$/i.exec(text) ?? []
  if (width === undefined) throw refusal('input_invalid', { field: 'size', problem: 'format' })
  const sides = { width: Number(width), height: Number(height) }
  readNumber(sides, 'width', SIDES)
  readNumber(sides, 'height', SIDES)
  return sides
}

/** 获取任务状态: `GET /generate/tasks/:id`; a task is known by the number of its work. */
const status = route({
  method: 'GET',
  path: '/generate/tasks/:id',
  allow: 'user',
  rate: 'read',
  refusals: { work_not_found: () => missing() },
  run: async (context, actor, { params }) => {
    const work = await readTaskWork(context, actor, params.id)
    return { work, model: context.catalog.models().find(({ id }) => id === work.modelId) }
  },
  reply: ({ work, model }, view) => done(presentTask(work, model, view)),
})

/** 取消任务: `POST /generate/tasks/:id/cancel`; it has then failed, and its price is given back. */
const cancel = route({
  method: 'POST',
  path: '/generate/tasks/:id/cancel',
  allow: 'user',
  rate: 'write',
  refusals: {
    work_not_found: () => missing('任务不存在或无法取消'),
    task_not_found: () => missing('任务不存在或无法取消'),
  },
  run: async (context, actor, { params }) => {
    const { id } = await readTaskWork(context, actor, params.id)
    return cancelTask(context, { accountId: actor.accountId }, id)
  },
  reply: () => done(null, '任务已取消'),
})

const missing = (message = '任务不存在') => refuse(404, message)

/** @throws work_not_found, also for a malformed number and for a text */
async function readTaskWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  id: string | undefined,
): Promise<Work> {
  const work = await readWork(context, actor, readWorkId(id))
  if (work.madeFrom === null) throw refusal('work_not_found', { id: String(work.workId) })
  return work
}

function presentTask(work: Work, model: Model | undefined, view: View) {
  return {
    id: Number(work.workId),
    user_id: Number(work.accountId),
    work_id: Number(work.workId),
    task_type: typeOf(work),
    model_provider: model?.vendor ?? null,
    model_name: model?.name ?? null,
    prompt: work.prompt,
    negative_prompt: work.madeFrom?.negativePrompt ?? null,
    source_image_url: presentSourceUrl(work, view),
    parameters: work.parameters,
    status: STATUS[work.state],
    progress: work.progress,
    result_url: presentResultUrl(work, view),
    error_message: presentError(work),
    created_at: presentTime(work.createdAt),
    updated_at: presentTime(work.updatedAt),
  }
}

/** 生成接口. */
export const generateRoutes = [
  generate('text-to-image', 'text2img'),
  generate('image-to-image', 'img2img'),
  generate('text-to-video', 'text2video'),
  generate('image-to-video', 'img2video'),
  status,
  cancel,
]
