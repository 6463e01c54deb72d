import { isObject } from '../../src/providers/shared/json.ts'
import { answerChat } from './openai-wire.ts'
import type { Answer, Desk, VendorWire } from './vendor-stand-in.ts'

const KEY = 'key-stand-in-0123456789/abc+def'
const TASKS = '/api/v3/contents/generations/tasks'
/** What a task says at each look until it has succeeded. */
const LOOKS = ['queued', 'running']

type Task = { looks: number; seconds: number }

export type ArkWire = VendorWire & { deleted: string[] }

/** The wire of Ark (protocols.md 5.6): chat as OpenAI's, pictures by one answer, clips by tasks. */
export function arkWire(): ArkWire {
  const tasks = new Map<string, Task>()
  const deleted: string[] = []
  return {
    base: '',
    key: KEY,
    wrongKey: (given) => no(401, 'AuthenticationError', `The API key ${given} is not valid.`),
    deleted,
    roleOf: ({ method }) => {
      if (method === 'DELETE') return 'other'
      return method === 'POST' ? 'submit' : 'poll'
    },
    answer: async (seen, desk) => {
      const { method, path, fields } = seen
      if (path === '/api/v3/chat/completions') return answerChat(seen)
      if (path === '/api/v3/images/generations') return answerPictures(fields, desk)
      if (path === TASKS) {
        const problem = problemOf(fields)
        if (problem !== null) return no(400, 'InvalidParameter', problem)
        const id = `cgt-${tasks.size + 1}`
        tasks.set(id, { looks: 0, seconds: Number(fields.duration ?? 5) })
        return { json: { id } }
      }
      const id = path.replace(`${TASKS}/`, '')
      const task = tasks.get(id)
      if (!task) return no(404, 'NotFound', 'The task is not there.')
      if (method !== 'DELETE') return lookAt(id, task, desk)
      deleted.push(id)
      return task.looks === 0 ? { json: {} } : no(409, 'InvalidAction', 'The task is running.')
    },
  }
}

/** A refusal, as documented. */
export function no(status: number, code: string, message: string): Answer {
  return { status, json: { error: { code, message, param: '', type: 'BadRequest' } } }
}

async function answerPictures(fields: Record<string, unknown>, desk: Desk): Promise<Answer> {
  const { model, prompt, size, image } = fields
  if (typeof prompt !== 'string' || prompt === '') return no(400, 'MissingParameter', 'prompt')
  if (image !== undefined && !/^data:image/.test(String(image))) return no(400, 'InvalidParameter', 'image')
  const isOld = String(model).includes('-3-0')
  if (!isOld && ('seed' in fields || 'guidance_scale' in fields)) {
    return no(400, 'InvalidParameter', 'seed and guidance_scale are of version 3')
  }
  const [width = 0, height = 0] = String(size).split('x').map(Number)
  if (!isOld && !/^\dK$/.test(String(size)) && !(width * height >= 2560 * 1440)) {
    return no(400, 'InvalidParameter', 'size has too few pixels')
  }
  const series = isObject(fields.sequential_image_generation_options)
    ? Number(fields.sequential_image_generation_options.max_images)
    : 1
  const picture = await desk.picture(96, 64)
  const isInside = fields.response_format === 'b64_json'
  const data = Array.from({ length: series }, () => ({
    ...(isInside ? { b64_json: picture.toString('base64') } : { url: desk.publish(picture, 'image/png') }),
    size,
  }))
  const tokens = 16_384 * data.length
  const usage = { generated_images: data.length, output_tokens: tokens, total_tokens: tokens }
  return { json: { model, created: 1, data, usage } }
}

function problemOf({ content, resolution, ratio, duration }: Record<string, unknown>): string | null {
  const parts = Array.isArray(content) ? content.filter(isObject) : []
  const [picture] = parts.filter(({ type }) => type === 'image_url')
  if (parts.length === 0) return 'content is empty'
  if (picture && !(isObject(picture.image_url) && /^data:image/.test(String(picture.image_url.url)))) {
    return 'image_url is no picture'
  }
  if (resolution !== undefined && !/^(480|720|1080)p$/.test(String(resolution))) return 'resolution'
  if (ratio !== undefined && !/^(\d+:\d+|adaptive)$/.test(String(ratio))) return 'ratio'
  return duration === undefined || Number.isInteger(duration) ? null : 'duration'
}

async function lookAt(id: string, task: Task, desk: Desk): Promise<Answer> {
  const status = LOOKS[task.looks]
  task.looks += 1
  const common = { id, model: 'doubao-seedance', created_at: 1, updated_at: 2 }
  if (status) return { json: { ...common, status } }
  const content = { video_url: desk.publish(await desk.clip(), 'video/mp4') }
  const usage = { completion_tokens: 108_900, total_tokens: 108_900 }
  return {
    json: { ...common, status: 'succeeded', content, usage, duration: task.seconds, framespersecond: 24 },
  }
}
