import { isObject } from '../../src/providers/shared/json.ts'
import { aClip } from '../fakes/clips.ts'
import { json, picture, startWire, type WireStandIn } from './wire-stand-in.ts'

/** What a task says at each look until it has succeeded. */
const LOOKS = [
  { status: 'PENDING' },
  { status: 'THROTTLED' },
  { status: 'RUNNING', progress: 0.2 },
  { status: 'RUNNING', progress: 0.7 },
]
const CLIP_RATIOS = ['1280:720', '720:1280', '1104:832', '832:1104', '960:960', '1584:672']

export type RunwayStandIn = WireStandIn & {
  /** What the next tasks end with in place of a file. */
  ends: object[]
  /** Files that were uploaded, in bytes. */
  uploads: number[]
  deleted: string[]
}

/** The wire of Runway on loopback (protocols.md 5.4): `url` is the base address. */
export async function startRunwayStandIn(): Promise<RunwayStandIn> {
  const tasks = new Map<string, { looks: number; file: 'clip.mp4' | 'picture.png' }>()
  const ends: object[] = []
  const uploads: number[] = []
  const deleted: string[] = []
  const files = { 'clip.mp4': await aClip(), 'picture.png': await picture(96, 64) }
  const standIn = await startWire(
    '',
    async (response, seen, { key, url }) => {
      const no = (code: number, words: string): void => json(response, code, { error: words })
      if (seen.headers.authorization !== `Bearer ${key}`) return no(401, 'The provided API key is not valid.')
      if (seen.headers['x-runway-version'] !== '2024-11-06') return no(400, 'X-Runway-Version is missing.')
      const { fields } = seen
      const begin = (file: 'clip.mp4' | 'picture.png'): void => {
        const id = `task-${tasks.size + 1}`
        tasks.set(id, { looks: 0, file })
        json(response, 200, { id, estimatedCost: { credits: 60 } })
      }
      if (seen.path === '/v1/image_to_video' || seen.path === '/v1/text_to_video') {
        if (!CLIP_RATIOS.includes(String(fields.ratio))) return no(400, '`ratio` is not supported.')
        if (!Number.isInteger(fields.duration)) return no(400, '`duration` must be a whole number.')
        if (seen.path === '/v1/text_to_video' && !fields.promptText)
          return no(400, '`promptText` is required.')
        if (seen.path === '/v1/image_to_video' && !/^(data:image|runway:)/.test(String(fields.promptImage))) {
          return no(400, '`promptImage` is not an image.')
        }
        return begin('clip.mp4')
      }
      if (seen.path === '/v1/text_to_image') {
        if (!fields.promptText) return no(400, '`promptText` is required.')
        const [reference] = Array.isArray(fields.referenceImages)
          ? fields.referenceImages
          : [{ uri: 'data:image' }]
        if (!isObject(reference) || !/^(data:image|runway:)/.test(String(reference.uri)))
          return no(400, 'no image')
        return begin('picture.png')
      }
      if (seen.path === '/v1/uploads') {
        return json(response, 200, {
          uploadUrl: `${url}/storage`,
          fields: { key: 'uploads/1', policy: 'signed' },
          runwayUri: 'runway://uploads/1',
        })
      }
      const id = seen.path.replace('/v1/tasks/', '')
      const task = tasks.get(id)
      if (!task) return no(404, 'Not found')
      if (seen.method === 'DELETE') {
        tasks.delete(id)
        deleted.push(id)
        response.writeHead(204)
        return void response.end()
      }
      const before = LOOKS[task.looks]
      task.looks += 1
      const common = { id, createdAt: '2026-11-26T00:00:00Z' }
      if (before) return json(response, 200, { ...common, ...before })
      const output = [`${url}/files/${task.file}?signature=abc`]
      json(response, 200, { ...common, status: 'SUCCEEDED', cost: { credits: 60 }, output, ...ends.shift() })
    },
    (response, seen) => {
      // Storage knows no key, and must not be told it.
      if (seen.path === '/storage') {
        const isFine = seen.headers.authorization === undefined && seen.fields.policy === 'signed'
        uploads.push(seen.files.find(({ name }) => name === 'file')?.bytes ?? 0)
        response.writeHead(isFine ? 204 : 403)
        response.end()
        return true
      }
      const file = files[seen.path.replace('/files/', '') as keyof typeof files]
      if (!file) return false
      response.writeHead(200, { 'content-type': seen.path.endsWith('mp4') ? 'video/mp4' : 'image/png' })
      response.end(file)
      return true
    },
  )
  return { ...standIn, ends, uploads, deleted }
}
