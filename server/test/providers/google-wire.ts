import { isObject } from '../../src/providers/shared/json.ts'
import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

/** How often a clip is asked after before it is done. */
const LOOKS = 2

/** The wire of Gemini and Veo (protocols.md 5.3). `ends` are what the next clips end with in place of their file. */
export function googleWire(): VendorWire & { ends: object[] } {
  const looks = new Map<string, number>()
  const files = new Map<string, string>()
  const ends: object[] = []
  const lookAt = async (name: string, desk: Desk): Promise<Answer> => {
    const asked = (looks.get(name) ?? 0) + 1
    looks.set(name, asked)
    if (asked < LOOKS) return { json: { name } }
    const id = `clip${files.size + 1}`
    files.set(id, desk.publish(await desk.clip(), 'video/mp4'))
    // As Google does: at its own host, whatever address it was asked under.
    const uri = `https://generativelanguage.googleapis.com/v1beta/files/${id}:download?alt=media`
    const response = { generateVideoResponse: { generatedSamples: [{ video: { uri } }] } }
    return { json: { name, done: true, ...(ends.shift() ?? { response }) } }
  }
  return {
    base: '/v1beta',
    key: 'AIza-stand-in-0123456789/abc+def',
    keyOf: (headers) => headers['x-goog-api-key'],
    wrongKey: (given) =>
      no(400, 'INVALID_ARGUMENT', `API key not valid: ${given}`, [{ reason: 'API_KEY_INVALID' }]),
    ends,
    roleOf: ({ path }) => {
      if (path.endsWith(':download')) return 'download'
      return /:\w+$/.test(path) ? 'submit' : 'poll'
    },
    answer: async (seen, desk) => {
      const path = seen.path.replace(/^\/v1beta\//, '')
      const [, model, verb] = /^models\/([^/]+):(\w+)$/.exec(path) ?? []
      if (verb !== undefined && !/^(gemini|veo)-/.test(model ?? '')) {
        return no(404, 'NOT_FOUND', `models/${model} is not found for API version v1beta.`)
      }
      if (verb === 'streamGenerateContent' && seen.query.get('alt') === 'sse') return text(seen)
      if (verb === 'generateContent') return pictures(seen, desk)
      if (verb === 'predictLongRunning') {
        if (!isClip(seen)) return no(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.')
        const name = `models/${model}/operations/op${looks.size + 1}`
        looks.set(name, 0)
        return { json: { name } }
      }
      if (looks.has(path)) return lookAt(path, desk)
      const [, id = ''] = /^files\/(\w+):download$/.exec(path) ?? []
      const file = files.get(id)
      if (!file || seen.query.get('alt') !== 'media')
        return no(404, 'NOT_FOUND', 'Requested entity was not found.')
      // The file itself lies elsewhere.
      return { status: 302, headers: { location: file }, body: '' }
    },
  }
}

/** A refusal, as documented. */
export function no(code: number, status: string, message: string, details: object[] = []): Answer {
  return { status: code, json: { error: { code, message, status, details } } }
}

export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** One event of a stream. */
export function part(text: string | null, finishReason: string | null = null, more: object = {}): object {
  const content = { role: 'model', parts: text === null ? [] : [{ text }] }
  const candidate = { index: 0, content, ...(finishReason !== null && { finishReason }) }
  return { candidates: [candidate], usageMetadata: { promptTokenCount: 12 }, modelVersion: 'gemini', ...more }
}

const USAGE = { promptTokenCount: 12, candidatesTokenCount: 5, thoughtsTokenCount: 2, totalTokenCount: 19 }

function text({ fields }: Seen): Answer {
  if (!Array.isArray(fields.contents) || fields.contents.length === 0) {
    return no(400, 'INVALID_ARGUMENT', '* GenerateContentRequest.contents: contents is not specified')
  }
  const thought = { candidates: [{ content: { parts: [{ text: '想一想', thought: true }] } }] }
  const parts = [thought, part('春眠'), part('不觉晓🙂'), part('。', 'STOP', { usageMetadata: USAGE })]
  const bytes = Buffer.from(parts.map(event).join('').replaceAll('\n', '\r\n'))
  // Cut without regard to events or characters, as a network does.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 97) }, (_, at) =>
    bytes.subarray(at * 97, (at + 1) * 97),
  )
  return { headers: { 'content-type': 'text/event-stream' }, body: pieces }
}

const SIDES: Readonly<Record<string, number>> = { '1K': 256, '2K': 512, '4K': 1024 }

/** A picture of the shape and, a quarter as large, the size that were asked for. */
async function pictures({ fields }: Seen, desk: Desk): Promise<Answer> {
  const config = isObject(fields.generationConfig) ? fields.generationConfig : {}
  const image = isObject(config.imageConfig) ? config.imageConfig : {}
  const [width = 1, height = 1] = String(image.aspectRatio ?? '1:1')
    .split(':')
    .map(Number)
  if (JSON.stringify(config.responseModalities) !== '["TEXT","IMAGE"]') {
    return no(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.')
  }
  const scale = (SIDES[String(image.imageSize ?? '1K')] ?? 256) / Math.sqrt(width * height)
  const bytes = await desk.picture(Math.round(width * scale), Math.round(height * scale))
  const inlineData = { mimeType: 'image/png', data: bytes.toString('base64') }
  const draft = { mimeType: 'image/png', data: (await desk.picture(8, 8)).toString('base64') }
  const parts = [{ inlineData: draft, thought: true }, { text: 'Here you are.' }, { inlineData }]
  return {
    json: {
      candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 1290 },
    },
  }
}

function isClip({ fields }: Seen): boolean {
  const { instances, parameters } = fields
  return (
    Array.isArray(instances) &&
    isObject(parameters) &&
    ['16:9', '9:16'].includes(String(parameters.aspectRatio)) &&
    [4, 6, 8].includes(Number(parameters.durationSeconds))
  )
}
