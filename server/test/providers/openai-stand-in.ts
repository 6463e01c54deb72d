import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'

/** What reached the stand-in, its body read as its content type says. */
export type Seen = {
  path: string
  headers: IncomingMessage['headers']
  fields: Record<string, unknown>
  files: { name: string; type: string; bytes: number }[]
}

/** Answers one request in place of the wire as documented. */
export type Misbehaviour = (response: ServerResponse, seen: Seen) => void | Promise<void>

export type OpenAiStandIn = {
  /** Base address, ending in `/v1`. */
  url: string
  key: string
  seen: Seen[]
  /** What the next requests meet, in order. */
  next: Misbehaviour[]
  /** Connections whose answers are under way. */
  open: () => number
  close: () => Promise<void>
}

/** Not of OpenAI's form, so that no rule about that form hides it; and with characters that addresses escape. */
const KEY = 'key-stand-in-0123456789/abc+def'

/** The wire of OpenAI on loopback: chat as a stream of events, pictures as base64, edits as multipart. */
export async function startOpenAiStandIn(): Promise<OpenAiStandIn> {
  const seen: Seen[] = []
  const next: Misbehaviour[] = []
  const open = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    answer(request, response).catch((error) => response.destroy(error))
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET' && request.url === '/v1/models') return models(request, response)
    const one = await readRequest(request)
    seen.push(one)
    const misbehave = next.shift()
    if (misbehave) return misbehave(response, one)
    if (one.headers.authorization !== `Bearer ${KEY}`) {
      return json(response, 401, refusal('Incorrect API key provided.', { code: 'invalid_api_key' }))
    }
    if (one.path === '/v1/chat/completions') return chat(response, one)
    if (one.path === '/v1/images/generations') return pictures(response, one)
    if (one.path === '/v1/images/edits') return edits(response, one)
    json(response, 404, refusal('Unknown request URL.', { code: 'unknown_url' }))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    key: KEY,
    seen,
    next,
    open: () => open.size,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

// What a test lets the next requests meet ----------------------------------------------------------------------

/** Never answers; the request ends when the other side hangs up. */
export const silence: Misbehaviour = () => {}

export const status =
  (code: number, body: unknown, headers: Record<string, string> = {}): Misbehaviour =>
  (response) =>
    json(response, code, body, headers)

/** The body of a refusal, as documented. */
export function refusal(
  message: string,
  { code = null, type = 'invalid_request_error' } = {} as Codes,
): object {
  return { error: { message, type, code, param: null } }
}
type Codes = { code?: string | null; type?: string }

/** Sends these pieces as they are, some milliseconds apart, and then ends, breaks off or waits. */
export const raw =
  (
    pieces: readonly string[],
    then: 'end' | 'break' | 'wait' = 'end',
    type = 'text/event-stream',
  ): Misbehaviour =>
  async (response) => {
    response.writeHead(200, { 'content-type': type })
    for (const piece of pieces) {
      response.write(piece)
      await sleep(5)
    }
    if (then === 'end') response.end()
    if (then === 'break') response.destroy()
  }

/** One event of a chat stream. */
export function chunk(content: string | null, finish: string | null = null, more: object = {}): string {
  const choices = [{ index: 0, delta: content === null ? {} : { content }, finish_reason: finish }]
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices, ...more })
}

export const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
export const DONE = 'data: [DONE]\n\n'

// The wire as documented ---------------------------------------------------------------------------------------

function models(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization !== `Bearer ${KEY}`) {
    const no = refusal(`Incorrect API key provided: ${request.headers.authorization}.`, {
      code: 'invalid_api_key',
    })
    json(response, 401, no)
    return
  }
  const data = ['gpt-5-mini', 'gpt-image-1'].map((id) => ({ id, object: 'model' }))
  json(response, 200, { object: 'list', data })
}

async function chat(response: ServerResponse, { fields }: Seen): Promise<void> {
  if (!Array.isArray(fields.messages) || fields.messages.length === 0) {
    return json(response, 400, refusal("'messages' must not be empty."))
  }
  const isUsageAsked = JSON.stringify(fields.stream_options) === '{"include_usage":true}'
  const text = [': a comment\n\n', chunk('春眠'), chunk('不觉晓🙂'), chunk('。'), chunk(null, 'stop')].join(
    '',
  )
  const usage = event({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 } })
  const bytes = Buffer.from(`${text}${isUsageAsked ? usage : ''}${DONE}`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  // Cut without regard to events or characters, as a network does.
  for (let at = 0; at < bytes.length; at += 97) {
    response.write(bytes.subarray(at, at + 97))
    await sleep(1)
  }
  response.end()
}

async function pictures(response: ServerResponse, { fields }: Seen): Promise<void> {
  if ('response_format' in fields && String(fields.model).startsWith('gpt-image')) {
    return json(
      response,
      400,
      refusal("Unknown parameter: 'response_format'.", { code: 'unknown_parameter' }),
    )
  }
  const [width = 0, height = 0] = String(fields.size).split('x').map(Number)
  if (!(width > 0 && height > 0)) {
    return json(response, 400, refusal(`Invalid size ${fields.size}.`, { code: 'invalid_value' }))
  }
  const data = Array.from({ length: Number(fields.n ?? 1) }, async () => ({
    b64_json: (await picture(width, height)).toString('base64'),
  }))
  json(response, 200, { created: 1, data: await Promise.all(data) })
}

async function edits(response: ServerResponse, seen: Seen): Promise<void> {
  const [file] = seen.files
  if (!file || file.bytes === 0 || !/^image\/(png|jpeg|webp)$/.test(file.type)) {
    return json(response, 400, refusal('Invalid image.', { code: 'invalid_image_file' }))
  }
  return pictures(response, seen)
}

export const picture = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#3f7fd0' } })
    .png()
    .toBuffer()

function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

async function readRequest(request: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { headers, url: path = '' } = request
  const contentType = headers['content-type'] ?? ''
  if (contentType === 'application/json') {
    return { path, headers, fields: JSON.parse(body.toString()), files: [] }
  }
  const form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  const fields: Seen['fields'] = {}
  const files: Seen['files'] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value
    else files.push({ name, type: value.type, bytes: value.size })
  }
  return { path, headers, fields, files }
}
