import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

/** Not of OpenAI's form, so that no rule about that form hides it; and with characters that addresses escape. */
const KEY = 'key-stand-in-0123456789/abc+def'
export const DONE = 'data: [DONE]\n\n'

/**
 * The wire of OpenAI: chat as a stream of events, pictures as base64, edits as forms, and clips as gateways make them
 * (protocols.md 5.1).
 */
export function openAiWire({ areFilesInside = true } = {}): VendorWire {
  const clips = new Map<string, Clip>()
  return {
    base: '/v1',
    key: KEY,
    wrongKey: (given) => ({
      status: 401,
      json: refusal(`Incorrect API key provided: ${given}.`, { code: 'invalid_api_key' }),
    }),
    roleOf: ({ method, path }) => {
      if (method === 'POST') return 'submit'
      if (method !== 'GET' || !path.startsWith('/v1/videos/')) return 'other'
      return path.endsWith('/content') ? 'download' : 'poll'
    },
    answer: (request, desk) => {
      if (request.path === '/v1/chat/completions') return answerChat(request)
      if (request.path === '/v1/images/generations') return answerPictures(request, desk, areFilesInside)
      if (request.path === '/v1/images/edits') return answerEdit(request, desk, areFilesInside)
      if (request.path.startsWith('/v1/videos')) return answerClip(request, desk, clips)
      return { status: 404, json: refusal('Unknown request URL.', { code: 'unknown_url' }) }
    },
  }
}

/** The body of a refusal, as documented. */
export function refusal(message: string, codes: { code?: string | null; type?: string } = {}): object {
  const { code = null, type = 'invalid_request_error' } = codes
  return { error: { message, type, code, param: null } }
}

/** What OpenAI's chat says when it goes wrong, for every vendor that speaks it. */
export const CHAT_WORDS = {
  throttled: { status: 429, json: refusal('Rate limit reached', { code: 'rate_limit_exceeded' }) },
  crashed: { status: 500, json: refusal('The server had an error', { type: 'server_error' }) },
  content: {
    at: 'submit',
    does: { status: 400, json: refusal('no', { code: 'content_policy_violation' }) },
  },
  withoutOutputs: { at: 'submit', does: eventsOf([chunk(null, 'stop'), DONE]) },
  usage: { inputTokens: 12, outputTokens: 7 },
} as const

/** `POST chat/completions`: a short poem as a stream of events, cut without regard to events or characters. */
export function answerChat({ fields }: Seen): Answer {
  if (!Array.isArray(fields.messages) || fields.messages.length === 0) {
    return { status: 400, json: refusal("'messages' must not be empty.") }
  }
  const isUsageAsked = JSON.stringify(fields.stream_options) === '{"include_usage":true}'
  const usage = event({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 } })
  const words = [chunk('春眠'), chunk('不觉晓🙂'), chunk('。'), chunk(null, 'stop')]
  const bytes = Buffer.from([': a comment\n\n', ...words, isUsageAsked ? usage : '', DONE].join(''))
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 97) pieces.push(bytes.subarray(at, at + 97))
  return { headers: { 'content-type': 'text/event-stream' }, body: pieces }
}

/** A stream of these events. */
export function eventsOf(events: readonly string[]): Answer {
  return { headers: { 'content-type': 'text/event-stream' }, body: events }
}

/** One event of a chat stream. */
export function chunk(content: string | null, finish: string | null = null, more: object = {}): string {
  const choices = [{ index: 0, delta: content === null ? {} : { content }, finish_reason: finish }]
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices, ...more })
}

export function event(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

async function answerPictures({ fields }: Seen, desk: Desk, areFilesInside: boolean): Promise<Answer> {
  if ('response_format' in fields && String(fields.model).startsWith('gpt-image')) {
    const code = 'unknown_parameter'
    return { status: 400, json: refusal("Unknown parameter: 'response_format'.", { code }) }
  }
  const [width = 0, height = 0] = String(fields.size).split('x').map(Number)
  if (!(width > 0 && height > 0)) {
    return { status: 400, json: refusal(`Invalid size ${fields.size}.`, { code: 'invalid_value' }) }
  }
  const picture = await desk.picture(width, height)
  const data = Array.from({ length: Number(fields.n ?? 1) }, () =>
    areFilesInside ? { b64_json: picture.toString('base64') } : { url: desk.publish(picture, 'image/png') },
  )
  const usage = { total_tokens: 1_066, input_tokens: 10, output_tokens: 1_056 }
  return { json: { created: 1, data, usage } }
}

function answerEdit(seen: Seen, desk: Desk, areFilesInside: boolean): Answer | Promise<Answer> {
  const [file] = seen.files
  if (!file || file.bytes.length === 0 || !/^image\/(png|jpeg|webp)$/.test(file.type)) {
    return { status: 400, json: refusal('Invalid image.', { code: 'invalid_image_file' }) }
  }
  return answerPictures(seen, desk, areFilesInside)
}

type Clip = { id: string; size: unknown; seconds: unknown; looks: number }

/** A clip that is queued, then half done, and done at the third look. */
async function answerClip(
  { method, path, fields, files }: Seen,
  desk: Desk,
  clips: Map<string, Clip>,
): Promise<Answer> {
  const [, , , id, content] = path.split('/')
  if (method === 'POST') {
    const { prompt, size, seconds } = fields
    const isSound = /^(4|8|12)$/.test(String(seconds)) && /^\d+x\d+$/.test(String(size)) && prompt !== ''
    if (!isSound || files.some(({ name }) => name !== 'input_reference')) {
      return { status: 400, json: refusal('Invalid value.', { code: 'invalid_value' }) }
    }
    const clip = { id: `video_${clips.size + 1}`, size, seconds, looks: 0 }
    clips.set(clip.id, clip)
    return { json: { id: clip.id, object: 'video', status: 'queued', progress: 0, size, seconds } }
  }
  const clip = clips.get(id ?? '')
  if (!clip) return { status: 404, json: refusal('Video not found', { code: 'not_found' }) }
  if (method === 'DELETE') {
    clips.delete(clip.id)
    return { json: { id, object: 'video.deleted', deleted: true } }
  }
  if (content === 'content') return { headers: { 'content-type': 'video/mp4' }, body: await desk.clip() }
  clip.looks += 1
  const status = ['queued', 'in_progress'][clip.looks - 1] ?? 'completed'
  const progress = status === 'completed' ? 100 : (clip.looks - 1) * 50
  return { json: { id, object: 'video', status, progress, size: clip.size, seconds: clip.seconds } }
}
