import { isObject } from '../../src/providers/shared/json.ts'
import type { Answer, Desk, VendorWire } from './vendor-stand-in.ts'

/** What a task says at each look until it has succeeded. */
const LOOKS = [
  { status: 'PENDING' },
  { status: 'THROTTLED' },
  { status: 'RUNNING', progress: 0.2 },
  { status: 'RUNNING', progress: 0.7 },
]
const CLIP_RATIOS = ['1280:720', '720:1280', '1104:832', '832:1104', '960:960', '1584:672']

type Task = { looks: number; kind: 'clip' | 'picture' }

export type RunwayWire = VendorWire & {
  /** What the next tasks end with in place of a file. */
  ends: object[]
  /** Files that were uploaded, in bytes. */
  uploads: number[]
  deleted: string[]
}

/** The wire of Runway (protocols.md 5.4). */
export function runwayWire(): RunwayWire {
  const tasks = new Map<string, Task>()
  const ends: object[] = []
  const uploads: number[] = []
  const deleted: string[] = []
  const begin = (kind: Task['kind']): Answer => {
    const id = `task-${tasks.size + 1}`
    tasks.set(id, { looks: 0, kind })
    return { json: { id, estimatedCost: { credits: 60 } } }
  }
  const lookAt = async (id: string, task: Task, desk: Desk): Promise<Answer> => {
    const before = LOOKS[task.looks]
    task.looks += 1
    const common = { id, createdAt: '2026-11-26T00:00:00Z' }
    if (before) return { json: { ...common, ...before } }
    const address =
      task.kind === 'clip'
        ? desk.publish(await desk.clip(), 'video/mp4')
        : desk.publish(await desk.picture(96, 64), 'image/png')
    const output = [`${address}?signature=abc`]
    return { json: { ...common, status: 'SUCCEEDED', cost: { credits: 60 }, output, ...ends.shift() } }
  }
  return {
    base: '',
    key: 'key_stand-in-0123456789/abc+def',
    // Storage asks for what it signed, and must not be told the key.
    keyOf: (headers, query) =>
      query.get('storage') === 'signed' && headers.authorization === undefined
        ? 'key_stand-in-0123456789/abc+def'
        : /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
    wrongKey: (given) => no(401, `The provided API key ${given} is not valid.`),
    ends,
    uploads,
    deleted,
    roleOf: ({ method, path }) => {
      if (/^\/v1\/(image_to_video|text_to_video|text_to_image)$/.test(path)) return 'submit'
      return method === 'GET' && path.startsWith('/v1/tasks/') ? 'poll' : 'other'
    },
    answer: async ({ method, path, headers, fields, files }, desk) => {
      if (path === '/storage') {
        uploads.push(files.find(({ name }) => name === 'file')?.bytes.length ?? 0)
        return { status: fields.policy === 'signed' ? 200 : 403 }
      }
      if (headers['x-runway-version'] !== '2024-11-06') return no(400, 'X-Runway-Version is missing.')
      if (path === '/v1/image_to_video' || path === '/v1/text_to_video') {
        if (!CLIP_RATIOS.includes(String(fields.ratio))) return no(400, '`ratio` is not supported.')
        if (!Number.isInteger(fields.duration)) return no(400, '`duration` must be a whole number.')
        if (path === '/v1/text_to_video' && !fields.promptText) return no(400, '`promptText` is required.')
        if (path === '/v1/image_to_video' && !isInput(fields.promptImage))
          return no(400, '`promptImage` is no image.')
        return begin('clip')
      }
      if (path === '/v1/text_to_image') {
        if (!fields.promptText) return no(400, '`promptText` is required.')
        const references = Array.isArray(fields.referenceImages) ? fields.referenceImages : []
        const isFine = references.every((one) => isObject(one) && isInput(one.uri))
        return isFine ? begin('picture') : no(400, '`referenceImages` are no images.')
      }
      if (path === '/v1/uploads') {
        const uploadUrl = `${desk.origin}/storage?storage=signed`
        const signed = { key: 'uploads/1', policy: 'signed' }
        return { json: { uploadUrl, fields: signed, runwayUri: 'runway://uploads/1' } }
      }
      const id = path.replace('/v1/tasks/', '')
      const task = tasks.get(id)
      if (!task) return no(404, 'Not found')
      if (method !== 'DELETE') return lookAt(id, task, desk)
      tasks.delete(id)
      deleted.push(id)
      return { json: {} }
    },
  }
}

/** A refusal, as documented. */
export function no(status: number, error: string): Answer {
  return { status, json: { error } }
}

const isInput = (value: unknown): boolean => /^(data:image|runway:)/.test(String(value))
