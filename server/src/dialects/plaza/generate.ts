import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Type } from 'typebox'
import type { FilePolicy, SentFile, View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { findModel } from '../../kernel/catalog/find-model.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Begun } from '../../kernel/generation/begin.ts'
import { beginTask } from '../../kernel/generation/begin.ts'
import { cancelTask } from '../../kernel/generation/cancel.ts'
import { clipSize, RESOLUTIONS } from '../../kernel/generation/clip-size.ts'
import type { Task } from '../../kernel/generation/task.ts'
import { readTask } from '../../kernel/generation/task.ts'
import type { IdempotencyKey } from '../../kernel/idempotency.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { findOwnPicture } from '../../kernel/uploads/find-own-picture.ts'
import { storeSentPicture } from '../../kernel/uploads/take-picture.ts'
import type { Fields } from '../shared/fields.ts'
import {
  NumberField,
  needText,
  readNumber,
  readSeed,
  readText,
  readWord,
  textField,
} from '../shared/fields.ts'
import { done } from './envelope.ts'
import { presentError, presentResult, STATUS } from './task.ts'

const LARGEST_SEED = 2_147_483_647
const SIDES = { least: 64, most: 2_048 }
const MOST_PROMPT = 2_000
const MOST_STYLE = 100
const MOST_ADDRESS = 2_000
const GUIDANCE = 7
const USUAL_STRENGTH = 0.8

/** `image`: the picture that something is made from. */
const PICTURE: FilePolicy = { fields: ['image'], mostBytes: 10 * 1_048_576 }

// What the fields mean is read one by one: a form has its numbers as text (facts/plaza.md, 1 Generation).
const asked = {
  prompt: Type.String({ maxLength: MOST_PROMPT }),
  style: textField(MOST_STYLE),
  seed: NumberField,
}
const size = { width: NumberField, height: NumberField, numImages: NumberField }
const picture = { ...asked, negativePrompt: textField(MOST_PROMPT), ...size }
const clip = {
  ...asked,
  model: textField(100),
  duration: NumberField,
  resolution: textField(20),
  fps: NumberField,
}
const from = { imageUrl: textField(MOST_ADDRESS) }

type Sent = { body: Fields; files: readonly SentFile[]; idempotencyKey: string | null }

/** 文生图: `POST /generate/text-to-image`. */
const textToImage = route({
  method: 'POST',
  path: '/generate/text-to-image',
  quota: 'image',
  allow: 'user',
  rate: 'generate',
  body: Type.Object(picture),
  run: async (context, actor, request) => {
    const { input, parameters } = readPicture(context, request.body)
    return beginTask(context, actor, {
      kind: 'image',
      model: null,
      input,
      parameters,
      idempotencyKey: await bindKey('text-to-image', request),
      origin: request.origin,
    })
  },
  reply: (begun) => presentBegun(begun),
})

/** 图生图: `POST /generate/image-to-image`, as a form, or as JSON with the `imageUrl` of an own picture. */
const imageToImage = route({
  method: 'POST',
  path: '/generate/image-to-image',
  quota: 'image',
  allow: 'user',
  rate: 'generate',
  body: Type.Object({ ...picture, strength: NumberField, ...from }),
  takesFiles: PICTURE,
  run: async (context, actor, request) => {
    const { input, parameters } = readPicture(context, request.body)
    const strength =
      readNumber(request.body, 'strength', { least: 0, most: 1, whole: false }) ?? USUAL_STRENGTH
    const idempotencyKey = await bindKey('image-to-image', request)
    const source = await takePicture(context, actor, request)
    return beginTask(context, actor, {
      kind: 'image',
      model: null,
      input: { ...input, strength, source },
      parameters: { ...parameters, strength },
      idempotencyKey,
      origin: request.origin,
    })
  },
  reply: (begun) => presentBegun(begun),
})

/** 文生视频: `POST /generate/text-to-video`. */
const textToVideo = route({
  method: 'POST',
  path: '/generate/text-to-video',
  quota: 'video',
  allow: 'user',
  rate: 'generate',
  body: Type.Object(clip),
  run: async (context, actor, request) => {
    const { model, input, parameters } = readClip(context, request.body)
    return beginTask(context, actor, {
      kind: 'video',
      model,
      input,
      parameters,
      idempotencyKey: await bindKey('text-to-video', request),
      origin: request.origin,
    })
  },
  reply: (begun) => presentBegun(begun),
})

/** 图生视频: `POST /generate/image-to-video`, as a form, or as JSON with the `imageUrl` of an own picture. */
const imageToVideo = route({
  method: 'POST',
  path: '/generate/image-to-video',
  quota: 'video',
  allow: 'user',
  rate: 'generate',
  body: Type.Object({ ...clip, ...from }),
  takesFiles: PICTURE,
  run: async (context, actor, request) => {
    const { model, input, parameters } = readClip(context, request.body)
    const idempotencyKey = await bindKey('image-to-video', request)
    const source = await takePicture(context, actor, request)
    return beginTask(context, actor, {
      kind: 'video',
      model,
      input: { ...input, source },
      parameters,
      idempotencyKey,
      origin: request.origin,
    })
  },
  reply: (begun) => presentBegun(begun),
})

/** @throws input_invalid for the field that is wrong */
function readPicture(context: Context, body: Fields) {
  const prompt = needText(body, 'prompt', MOST_PROMPT)
  const negativePrompt = readText(body, 'negativePrompt', MOST_PROMPT)
  const width = readNumber(body, 'width', SIDES) ?? 1_024
  const height = readNumber(body, 'height', SIDES) ?? 1_024
  const count = readNumber(body, 'numImages', { least: 1, most: 4 }) ?? 1
  const style = readText(body, 'style', MOST_STYLE)
  const seed = readSeed(body, () => context.ids.integer(1, LARGEST_SEED))
  const input = { prompt, width, height, count, seed, guidance: GUIDANCE, watermark: false }
  return {
    input: { ...input, ...(negativePrompt !== null && { negativePrompt }), ...(style !== null && { style }) },
    parameters: { prompt, negativePrompt, width, height, numImages: count, style, seed },
  }
}

/** @throws input_invalid for the field that is wrong, model_not_found */
function readClip(context: Context, body: Fields) {
  const prompt = needText(body, 'prompt', MOST_PROMPT)
  // 默认: whatever is in use otherwise, a clip that names no model is made by `runway`.
  const vendor = readText(body, 'model', 100) ?? 'runway'
  const seconds = readNumber(body, 'duration', { least: 1, most: 60 }) ?? 5
  const resolution = readWord(body, 'resolution', RESOLUTIONS) ?? '720p'
  const fps = readNumber(body, 'fps', { least: 1, most: 60 }) ?? 24
  const style = readText(body, 'style', MOST_STYLE)
  const seed = readSeed(body, () => context.ids.integer(1, LARGEST_SEED))
  const { width, height } = clipSize(resolution, '16:9', context.preset.maxSide)
  const model = findModel(context, 'video', { vendor })
  return {
    model: model?.id ?? null,
    input: { prompt, width, height, seconds, fps, seed, ...(style !== null && { style }) },
    parameters: { prompt, model: vendor, duration: seconds, resolution, fps, style, seed },
  }
}

/** The picture of the form, or an own one by its address, under a store key of its own. */
async function takePicture(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  { body, files }: Sent,
): Promise<string> {
  const [file] = files
  if (file) return storeSentPicture(context, 'image', file.path)
  const address = readText(body, 'imageUrl', MOST_ADDRESS)
  if (address === null) throw refusal('input_invalid', { field: 'image', problem: 'missing' })
  return findOwnPicture(context, actor, address)
}

/** A key stands for the fields of a form and for what is in its files. */
async function bindKey(path: string, { body, files, idempotencyKey }: Sent): Promise<IdempotencyKey | null> {
  if (idempotencyKey === null) return null
  const pictures = await Promise.all(
    files.map(async ({ path: where }) => {
      const hash = createHash('sha256')
      await pipeline(createReadStream(where), hash)
      return hash.digest('hex')
    }),
  )
  return bindIdempotencyKey(`generate/${path}`, idempotencyKey, { body, pictures })
}

function presentBegun({ task, estimatedSeconds }: Begun) {
  return done({ taskId: task.handle, status: STATUS[task.state], estimatedTime: estimatedSeconds })
}

/** 查询生成任务状态: `GET /generate/task/:taskId`, for pictures. */
const pictureTask = route({
  method: 'GET',
  path: '/generate/task/:taskId',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readTaskOf(context, actor, params.taskId, ['image']),
  reply: (task, view) => done(presentTask(task, view)),
})

/** 查询视频生成任务: `GET /generate/video-task/:taskId`, for clips. */
const clipTask = route({
  method: 'GET',
  path: '/generate/video-task/:taskId',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readTaskOf(context, actor, params.taskId, ['video']),
  reply: (task, view) => done(presentTask(task, view)),
})

/** `POST /generate/task/:taskId/cancel` (facts/plaza.md, 4): ends what has not ended, and gives its price back. */
const cancel = route({
  method: 'POST',
  path: '/generate/task/:taskId/cancel',
  allow: 'user',
  rate: 'write',
  run: async (context, actor, { params }) => {
    const { handle } = await readTaskOf(context, actor, params.taskId, ['image', 'video'])
    return cancelTask(context, { accountId: actor.accountId }, handle)
  },
  reply: (task, view) => done(presentTask(task, view), '任务已取消'),
})

/** @throws task_not_found also for a task of another kind */
async function readTaskOf(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  handle = '',
  kinds: readonly Task['kind'][],
): Promise<Task> {
  const task = await readTask(context, { accountId }, handle)
  if (!kinds.includes(task.kind)) throw refusal('task_not_found', { id: handle })
  return task
}

function presentTask(task: Task, view: View) {
  const error = presentError(task)
  return {
    taskId: task.handle,
    status: STATUS[task.state],
    progress: task.progress,
    result: presentResult(task, view),
    ...(error !== null && { error }),
  }
}

/** 图片生成接口 and 视频生成接口. */
export const generateRoutes = [
  textToImage,
  imageToImage,
  pictureTask,
  textToVideo,
  imageToVideo,
  clipTask,
  cancel,
]
