import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { aClip } from '../fakes/clips.ts'

/**
 * What a request is for: `submit` orders work that is paid for, `poll` asks after it, `download` fetches what came of
 * it, `other` is the rest (uploads, looking, canceling).
 */
export type Role = 'submit' | 'poll' | 'download' | 'other'

/** What reached the stand-in, its body read as its content type says. */
export type Seen = {
  role: Role
  method: string
  /** Without the query. */
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  /** A JSON object, or the fields of a form; empty where there is neither. */
  fields: Record<string, unknown>
  files: { name: string; fileName: string; type: string; bytes: Buffer }[]
}

/** `json` unless there is a `body`; a list of pieces is sent piece by piece, as a stream is. */
export type Answer = {
  status?: number
  headers?: Readonly<Record<string, string>>
  json?: unknown
  body?: string | Uint8Array | readonly (string | Uint8Array)[]
}

/**
 * What one request meets in place of a good answer. `isAccepted` says whether the vendor does the work all the same;
 * `cut` breaks its good answer off in the middle, `silence` never answers, `huge` begins an answer of 64 GB, and a
 * function turns the good answer into another one.
 */
export type Misbehaviour = {
  isAccepted?: boolean
  does: Answer | 'cut' | 'silence' | 'huge' | ((good: Answer) => Answer)
}

/** What a vendor's wire may use to answer. */
export type Desk = {
  origin: string
  /** Keeps a file to be downloaded; its address below `/files/`, another one each time. */
  publish: (bytes: Uint8Array, mediaType: string) => string
  picture: (width: number, height: number) => Promise<Buffer>
  clip: () => Promise<Buffer>
}

/** A vendor's wire, as it is documented. */
export type VendorWire = {
  /** The path of the base address, such as `/v1`; empty for none. */
  base: string
  /** Null for a vendor that asks for none. */
  key: string | null
  /** Where the key is; `Authorization: Bearer …` unless given. */
  keyOf?: (headers: Seen['headers'], query: URLSearchParams) => string | undefined
  /** What a wrong key is answered with; the suite has it repeat the key, as some vendors do. */
  wrongKey?: (given: string) => Answer
  /** Set when a published file is only handed out to who has the key. */
  areFilesLocked?: boolean
  roleOf: (request: Omit<Seen, 'role'>) => Role
  /** A submit that is answered below 400 counts as accepted. Never asked for what was published. */
  answer: (request: Seen, desk: Desk) => Answer | Promise<Answer>
}

export type VendorStandIn = {
  origin: string
  /** The base address. */
  url: string
  key: string | null
  seen: Seen[]
  /** How many requests of a role have come. */
  count: (role: Role) => number
  /** Jobs that the vendor took: what it would charge for. */
  accepted: () => number
  /** What the next requests of a role meet, in order. */
  next: Record<Role, Misbehaviour[]>
  /** Connections whose answers are under way. */
  open: () => number
  close: () => Promise<void>
}

const PIECES_APART_MS = 2
const HUGE_BYTES = 64 * 1024 ** 3

/** Starts a vendor on 127.0.0.1 that speaks its wire, misbehaves when it is told to, and remembers what it was asked. */
export async function startVendorStandIn(wire: VendorWire): Promise<VendorStandIn> {
  const seen: Seen[] = []
  const next: VendorStandIn['next'] = { submit: [], poll: [], download: [], other: [] }
  const open = new Set<ServerResponse>()
  const files = new Map<string, { bytes: Uint8Array; mediaType: string }>()
  let accepted = 0

  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    handle(request, response).catch((error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const desk: Desk = {
    origin,
    publish: (bytes, mediaType) => {
      const path = `/files/${files.size + 1}`
      files.set(path, { bytes, mediaType })
      return `${origin}${path}`
    },
    picture: aPicture,
    clip,
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const read = await readRequest(request)
    const isFile = read.path.startsWith('/files/')
    const one: Seen = { ...read, role: isFile ? 'download' : wire.roleOf(read) }
    seen.push(one)
    const misbehaviour = next[one.role].shift()
    const isAccepted = misbehaviour?.isAccepted ?? (misbehaviour === undefined || isOfGood(misbehaviour))
    const good = isAccepted ? await answerWell(one) : {}
    if (one.role === 'submit' && isAccepted && (good.status ?? 200) < 400) accepted += 1
    if (!misbehaviour) return send(response, good)
    const { does } = misbehaviour
    if (does === 'silence') return
    if (does === 'cut') return cut(response, good)
    if (does === 'huge') return begin(response, good)
    return send(response, typeof does === 'function' ? does(good) : does)
  }
  const answerWell = async (one: Seen): Promise<Answer> => {
    const file = files.get(one.path)
    if (wire.key !== null && (!file || wire.areFilesLocked)) {
      const given = (wire.keyOf ?? bearerOf)(one.headers, one.query)
      if (given !== wire.key) {
        return wire.wrongKey?.(given ?? '') ?? { status: 401, json: { message: `wrong key ${given}` } }
      }
    }
    if (file) return { headers: { 'content-type': file.mediaType }, body: file.bytes }
    return wire.answer(one, desk)
  }
  return {
    origin,
    url: `${origin}${wire.base}`,
    key: wire.key,
    seen,
    count: (role) => seen.filter((one) => one.role === role).length,
    accepted: () => accepted,
    next,
    open: () => open.size,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Whether it needs the good answer to be made: then the vendor has done the work. */
function isOfGood({ does }: Misbehaviour): boolean {
  return does === 'cut' || does === 'huge' || does === 'silence' || typeof does === 'function'
}

function bearerOf(headers: Seen['headers']): string | undefined {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
}

function piecesOf({ body, json }: Answer): readonly (string | Uint8Array)[] {
  if (body === undefined) return [JSON.stringify(json ?? {})]
  return typeof body === 'string' || body instanceof Uint8Array ? [body] : body
}

function headersOf({ headers, body }: Answer): Record<string, string> {
  return { 'content-type': body === undefined ? 'application/json' : 'text/html', ...headers }
}

export async function send(response: ServerResponse, answer: Answer): Promise<void> {
  response.writeHead(answer.status ?? 200, headersOf(answer))
  const [first = '', ...rest] = piecesOf(answer)
  response.write(first)
  for (const piece of rest) {
    await sleep(PIECES_APART_MS)
    response.write(piece)
  }
  response.end()
}

/** Half of an answer, and then nothing any more. */
async function cut(response: ServerResponse, answer: Answer): Promise<void> {
  const whole = Buffer.concat(piecesOf(answer).map((piece) => Buffer.from(piece)))
  response.writeHead(answer.status ?? 200, headersOf(answer))
  response.write(whole.subarray(0, Math.floor(whole.length / 2)))
  await sleep(20)
  response.destroy()
}

/** An answer that says how long it will be, and whose rest does not come. */
function begin(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status ?? 200, { ...headersOf(answer), 'content-length': String(HUGE_BYTES) })
  response.write(Buffer.alloc(64 * 1024, ' '))
}

export async function readRequest(request: IncomingMessage): Promise<Omit<Seen, 'role'>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://stand.in')
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  )
  const fields: Seen['fields'] = {}
  const files: Seen['files'] = []
  const contentType = headers['content-type'] ?? ''
  if (contentType.startsWith('application/json') && body.length > 0) {
    Object.assign(fields, JSON.parse(body.toString()))
  } else if (contentType.startsWith('multipart/form-data')) {
    const form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
    for (const [name, value] of form) {
      if (typeof value === 'string') fields[name] = value
      else {
        const bytes = Buffer.from(await value.arrayBuffer())
        files.push({ name, fileName: value.name, type: value.type, bytes })
      }
    }
  }
  return { method: request.method ?? '', path, query, headers, fields, files }
}

/** A real PNG of one colour. */
export const aPicture = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#3f7fd0' } })
    .png()
    .toBuffer()

let made: Promise<Buffer> | undefined
/** A real MP4; encoded once, because that takes a while. */
export const clip = (): Promise<Buffer> => {
  made ??= aClip()
  return made
}
