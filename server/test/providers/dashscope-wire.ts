import { isObject } from '../../src/providers/shared/json.ts'
import { answerChat } from './openai-wire.ts'
import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

const KEY = 'key-stand-in-0123456789/abc+def'
const SYNC = '/api/v1/services/aigc/multimodal-generation/generation'
const PICTURE_TASKS = '/api/v1/services/aigc/text2image/image-synthesis'
const CLIP_TASKS = '/api/v1/services/aigc/video-generation/video-synthesis'
/** What a task says at each look until it has succeeded. */
const LOOKS = ['PENDING', 'RUNNING']

type Task = { looks: number; kind: 'clip' | 'picture'; count: number; seconds: number }

export type DashScopeWire = VendorWire & { canceled: string[] }

/** The wire of DashScope (protocols.md 5.5): chat as OpenAI's, pictures by one answer, older pictures and clips by tasks. */
export function dashScopeWire(): DashScopeWire {
  const tasks = new Map<string, Task>()
  const canceled: string[] = []
  const begin = ({ headers }: Seen, task: Omit<Task, 'looks'>): Answer => {
    if (headers['x-dashscope-async'] !== 'enable') {
      return no(403, 'AccessDenied', 'current user api does not support synchronous calls.')
    }
    const id = `task-${tasks.size + 1}`
    tasks.set(id, { ...task, looks: 0 })
    return { json: { output: { task_id: id, task_status: 'PENDING' }, request_id: 'r-1' } }
  }
  return {
    base: '',
    key: KEY,
    wrongKey: (given) => no(401, 'InvalidApiKey', `Invalid API-key ${given} provided.`),
    canceled,
    roleOf: ({ method, path }) => {
      if (path.endsWith('/cancel')) return 'other'
      return method === 'POST' ? 'submit' : 'poll'
    },
    answer: async (seen, desk) => {
      const { method, path, fields } = seen
      const input = isObject(fields.input) ? fields.input : {}
      const parameters = isObject(fields.parameters) ? fields.parameters : {}
      if (path === '/compatible-mode/v1/chat/completions') return answerChat(seen)
      if (path === SYNC) return picturesAtOnce(fields.model, input, parameters, desk)
      if (path === PICTURE_TASKS) {
        if (typeof input.prompt !== 'string') return no(400, 'InvalidParameter', 'prompt is required')
        if (!isSize(parameters.size)) return no(400, 'InvalidParameter', 'size is wrong')
        return begin(seen, { kind: 'picture', count: Number(parameters.n), seconds: 0 })
      }
      if (path === CLIP_TASKS) {
        const isFromPicture = String(fields.model).includes('-i2v')
        const isFine = isFromPicture
          ? /^data:image/.test(String(input.img_url)) && /^\d+P$/.test(String(parameters.resolution))
          : typeof input.prompt === 'string' && isSize(parameters.size)
        if (!isFine) return no(400, 'InvalidParameter', 'img_url, resolution, prompt or size is wrong')
        return begin(seen, { kind: 'clip', count: 1, seconds: Number(parameters.duration) })
      }
      const [, id = ''] = /^\/api\/v1\/tasks\/([\w-]+)/.exec(path) ?? []
      const task = tasks.get(id)
      if (method === 'POST') {
        canceled.push(id)
        return task?.looks === 0
          ? { json: { request_id: 'r-1' } }
          : no(400, 'UnsupportedOperation', 'running')
      }
      return task ? lookAt(id, task, desk) : { json: { output: { task_id: id, task_status: 'UNKNOWN' } } }
    },
  }
}

/** A refusal, as documented. */
export function no(status: number, code: string, message: string): Answer {
  return { status, json: { code, message, request_id: 'r-1' } }
}

const isSize = (size: unknown): boolean => /^[1-9]\d+\*[1-9]\d+$/.test(String(size))

async function picturesAtOnce(
  model: unknown,
  input: Record<string, unknown>,
  parameters: Record<string, unknown>,
  desk: Desk,
): Promise<Answer> {
  const [message] = Array.isArray(input.messages) ? input.messages : []
  const content: unknown[] = isObject(message) && Array.isArray(message.content) ? message.content : []
  const has = (name: string): boolean =>
    content.some((part) => isObject(part) && typeof part[name] === 'string' && part[name] !== '')
  if (!has('text')) return no(400, 'InvalidParameter', 'text is required')
  if (String(model).includes('-edit') && !has('image'))
    return no(400, 'InvalidParameter', 'image is required')
  if (parameters.size !== undefined && !isSize(parameters.size)) {
    return no(400, 'InvalidParameter', 'size is wrong')
  }
  const picture = await desk.picture(96, 64)
  const images = Array.from({ length: Number(parameters.n ?? 1) }, () => ({
    image: desk.publish(picture, 'image/png'),
    type: 'image',
  }))
  const choices = images.map((image) => ({
    finish_reason: 'stop',
    message: { role: 'assistant', content: [image] },
  }))
  const usage = { image_count: images.length, input_tokens: 0, output_tokens: 0, size: parameters.size }
  return { json: { output: { choices, finished: true }, usage, request_id: 'r-1' } }
}

async function lookAt(id: string, task: Task, desk: Desk): Promise<Answer> {
  const before = LOOKS[task.looks]
  task.looks += 1
  if (before) return { json: { request_id: 'r-1', output: { task_id: id, task_status: before } } }
  const done = { task_id: id, task_status: 'SUCCEEDED', end_time: '2026-11-26 10:00:00.000' }
  if (task.kind === 'clip') {
    const video_url = desk.publish(await desk.clip(), 'video/mp4')
    return {
      json: { output: { ...done, video_url }, usage: { video_count: 1, video_duration: task.seconds } },
    }
  }
  const picture = await desk.picture(96, 64)
  const results = Array.from({ length: task.count }, () => ({ url: desk.publish(picture, 'image/png') }))
  return { json: { output: { ...done, results }, usage: { image_count: task.count } } }
}
