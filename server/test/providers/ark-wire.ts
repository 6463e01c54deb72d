import { isObject } from '../../src/providers/shared/json.ts'
import { answerChat } from './openai-wire.ts'
import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

const BASE = '/api/v3'
const TASKS = `${BASE}/contents/generations/tasks`
/** What a task says at each look until it has succeeded. */
const LOOKS = ['queued', 'running', 'running']

export type ArkWire = VendorWire & {
  /** What the next pictures are answered with in place of a file. */
  pictures: object[]
  deleted: string[]
}

/** The wire of Volcengine Ark (protocols.md 5.6). */
export function arkWire(): ArkWire {
  const tasks = new Map<string, number>()
  const pictures: object[] = []
  const deleted: string[] = []
  const look = async (id: string, looks: number, desk: Desk): Promise<Answer> => {
    const status = LOOKS[looks]
    tasks.set(id, looks + 1)
    const common = { id, model: 'doubao-seedance-2-0-260128', created_at: 1_795_000_000 }
    if (status !== undefined) return { json: { ...common, status } }
    const content = { video_url: desk.publish(await desk.clip(), 'video/mp4') }
    const usage = { completion_tokens: 108_900, total_tokens: 108_900 }
    return { json: { ...common, status: 'succeeded', content, usage, duration: 5, resolution: '720p' } }
  }
  return {
    base: BASE,
    key: 'key-stand-in-0123456789/abc+def',
    wrongKey: (given) => no(401, 'AuthenticationError', `The API key ${given} is invalid.`),
    pictures,
    deleted,
    roleOf: ({ method, path }) => {
      if (method === 'POST') return 'submit'
      return method === 'GET' && path.startsWith(`${TASKS}/`) ? 'poll' : 'other'
    },
    answer: async (seen, desk) => {
      const { method, path, fields } = seen
      if (path === `${BASE}/chat/completions`) return answerChat(seen)
      if (path === `${BASE}/images/generations`) return answerPicture(seen, desk, pictures)
      if (path === TASKS && method === 'POST') {
        const problem = problemOf(fields)
        if (problem !== null) return no(400, 'InvalidParameter', problem)
        const id = `cgt-${tasks.size + 1}`
        tasks.set(id, 0)
        return { json: { id } }
      }
      const id = path.replace(`${TASKS}/`, '')
      const looks = tasks.get(id)
      if (looks === undefined) return no(404, 'NotFound', 'The specified task is not found.')
      if (method !== 'DELETE') return look(id, looks, desk)
      if (looks > 0) return no(409, 'InvalidAction.RunningTaskDeletion', 'The task is running.')
      tasks.delete(id)
      deleted.push(id)
      return { json: {} }
    },
  }
}

/** A refusal, as documented. */
export function no(status: number, code: string, message: string): Answer {
  return { status, json: { error: { code, message, param: '', type: 'BadRequest' } } }
}

async function answerPicture({ fields }: Seen, desk: Desk, instead: object[]): Promise<Answer> {
  const { model, prompt, size, image, seed, response_format: format } = fields
  if (typeof prompt !== 'string' || prompt === '') return no(400, 'MissingParameter', 'prompt is missing')
  const is30 = /-3-0-/.test(String(model))
  if (!is30 && seed !== undefined) return no(400, 'InvalidParameter', 'seed is not supported')
  if (image !== undefined && !/^data:image\/\w+;base64,/.test(String(image)))
    return no(400, 'InvalidParameter', 'image is not valid')
  const [width = 0, height = 0] = String(size).split('x').map(Number)
  const isOfSize = is30 ? width * height <= 2_048 * 2_048 : width * height >= 2_560 * 1_440
  if (size !== 'adaptive' && !isOfSize) return no(400, 'InvalidParameter', `image size ${size} is not valid`)
  const special = instead.shift()
  // A real one would be of that size; what is tested does not need so many pixels.
  const picture = await desk.picture(96, 64)
  const file =
    format === 'url' ? { url: desk.publish(picture, 'image/png') } : { b64_json: picture.toString('base64') }
  const usage = { generated_images: 1, output_tokens: 16_384, total_tokens: 16_384 }
  return { json: { model, created: 1_795_000_000, data: [special ?? { ...file, size }], usage } }
}

function problemOf(fields: Seen['fields']): string | null {
  const content = Array.isArray(fields.content) ? fields.content : []
  if (content.length === 0 || !content.every(isObject)) return 'content is missing'
  const pictures = content.filter(({ type }) => type === 'image_url')
  const areFine = pictures.every(
    ({ role, image_url: picture }) =>
      role === 'first_frame' && isObject(picture) && /^data:image\//.test(String(picture.url)),
  )
  if (!areFine) return 'an image is not valid'
  const text = content.find(({ type }) => type === 'text')?.text
  const isFlagged = /--rs \d+p --rt [\w:]+ --dur \d+/.test(String(text))
  if (isFlagged !== /seedance-1-0/.test(String(fields.model))) return 'flags belong to 1.0'
  if (isFlagged) return null
  if (!['480p', '720p', '1080p'].includes(String(fields.resolution))) return 'resolution is not valid'
  if (!['16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive'].includes(String(fields.ratio)))
    return 'ratio is not valid'
  return Number.isInteger(fields.duration) && Number(fields.duration) >= 4 ? null : 'duration is not valid'
}
