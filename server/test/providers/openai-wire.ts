import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

/** Not of OpenAI's form, so that no rule about that form hides it; and with characters that addresses escape. */
const KEY = 'key-stand-in-0123456789/abc+def'
export const DONE = 'data: [DONE]\n\n'

/** The wire of OpenAI: chat as a stream of events, pictures as base64, edits as forms (protocols.md 5.1). */
export function openAiWire({ areFilesInside = true } = {}): VendorWire {
  return {
    base: '/v1',
    key: KEY,
    wrongKey: (given) => ({
      status: 401,
      json: refusal(`Incorrect API key provided: ${given}.`, { code: 'invalid_api_key' }),
    }),
    roleOf: ({ method, path }) => {
      if (method === 'POST') return 'submit'
      return path.startsWith('/v1/videos/') ? 'poll' : 'other'
    },
    answer: (request, desk) => {
      if (request.path === '/v1/chat/completions') return answerChat(request)
      if (request.path === '/v1/images/generations') return answerPictures(request, desk, areFilesInside)
      if (request.path === '/v1/images/edits') return answerEdit(request, desk, areFilesInside)
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
