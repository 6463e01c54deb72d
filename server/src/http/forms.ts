import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { BusboyFileStream } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { refusal } from '../kernel/errors.ts'
import type { FilePolicy, SentFile } from './dialect.ts'

/** A form that cannot be read: no boundary, no end, fields without names, or more parts than any form has. */
export class BrokenForm extends Error {
  override readonly name = 'BrokenForm'
}

/** A form that has arrived whole: its text, and its files on our disk until `remove`. */
type Form = { fields: Record<string, string>; files: readonly SentFile[]; remove: () => Promise<void> }

const MOST_FIELDS = 64
const MOST_NAME_BYTES = 100
const MOST_HEADER_BYTES = 8_192
const MOST_HEADERS = 16
/** Boundaries and headers of all parts. */
const MOST_FRAME_BYTES = 65_536

/** No request lasts so long; a file this old is what a killed process left. */
const LEFT_OVER_MS = 3_600_000
const SWEEP_EVERY_MS = 600_000

/**
 * Lets routes take forms with files (`takesFiles`). A body is read only after the hooks that decide who may send
 * one; its files go to `dir` as they come and are removed when the request has ended, however it ended.
 *
 * Busboy itself and not `@fastify/multipart`, which reads in the handler, after the schema has been checked.
 */
export async function mountForms(app: FastifyInstance, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await sweep(dir)
  const timer = setInterval(() => void sweep(dir).catch(() => {}), SWEEP_EVERY_MS)
  timer.unref()
  app.addHook('onClose', async () => clearInterval(timer))

  app.addHook('onRequest', (request, reply, next) => {
    // A client that leaves ends what follows without an error that anybody would hear of.
    if (request.routeOptions.config.atelier?.takesFiles) {
      reply.raw.once('close', () => {
        request.isClosed = true
        if (!request.isInHand) void request.form?.remove()
      })
    }
    next()
  })
  app.addContentTypeParser(
    'multipart/form-data',
    async (request: FastifyRequest, payload: IncomingMessage) => {
      const route = request.routeOptions.config.atelier
      if (!route?.takesFiles) throw Object.assign(new Error('no form is taken here'), { statusCode: 415 })
      const form = await readForm(payload, dir, route.takesFiles, route.bodyLimit)
      if (request.isClosed) {
        await form.remove()
        throw new BrokenForm('the client left')
      }
      request.form = form
      return form.fields
    },
  )
}

/** Runs `work` on the files of a request; afterwards they are gone. */
export async function withFiles<Result>(
  request: FastifyRequest,
  work: (files: readonly SentFile[]) => Promise<Result>,
): Promise<Result> {
  const { form } = request
  if (!form) return work([])
  request.isInHand = true
  try {
    return await work(form.files)
  } finally {
    await form.remove()
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    form?: Form
    /** Whether a handler has the form's files, and removes them. */
    isInHand?: boolean
    /** Whether the answer has been given, or nobody waits for it any more. */
    isClosed?: boolean
  }
}

/**
 * Reads a form to its end, or as far as something is wrong with it: then nothing of it is left, and the rest of
 * the body is let pass without being looked at.
 *
 * @param mostTextBytes for all fields together that are not files.
 * @throws BrokenForm; upload_refused (too_large, too_many); input_invalid for a field that is no text of ours,
 *   comes twice or has a file where none is taken; unavailable when the disk takes no more.
 */
async function readForm(
  body: IncomingMessage,
  dir: string,
  policy: FilePolicy,
  mostTextBytes: number,
): Promise<Form> {
  const { mostBytes, mostFiles = 1 } = policy
  const mostOfAll = mostBytes * mostFiles + mostTextBytes + MOST_FRAME_BYTES
  const tooLarge = refusal('upload_refused', {
    field: policy.fields[0] ?? '',
    problem: 'too_large',
    mostBytes,
  })
  if (Number(body.headers['content-length'] ?? 0) > mostOfAll) throw tooLarge

  const parser = createParser(body, mostBytes, mostTextBytes)
  const fields = new Map<string, string>()
  const files: SentFile[] = []
  const writing: Promise<void>[] = []
  const stop = new AbortController()
  const ended = Promise.withResolvers<void>()
  const fail = ended.reject
  // What fails later, or twice, has been answered already.
  ended.promise.catch(() => {})
  let textBytes = 0
  let allBytes = 0

  parser.on('field', (name, value, nameIsCut, valueIsCut) => {
    if (!isName(name) || nameIsCut) return fail(new BrokenForm('a field without a name'))
    textBytes += Buffer.byteLength(value)
    if (valueIsCut || textBytes > mostTextBytes)
      return fail(refusal('input_invalid', { field: name, problem: 'too_long' }))
    // Of two, one would be checked and the other used by whoever reads it otherwise than we do.
    if (fields.has(name)) return fail(refusal('input_invalid', { field: name, problem: 'format' }))
    fields.set(name, value)
  })
  parser.on('file', (name, content, fileName) => {
    // Its end is the form's, and told there.
    content.on('error', () => {})
    if (!isName(name)) return fail(new BrokenForm('a file without a name'))
    // What a browser sends for an input where no file was chosen.
    if (fileName === '') return content.resume()
    if (!policy.fields.includes(name))
      return fail(refusal('input_invalid', { field: name, problem: 'unknown_field' }))
    if (files.length === mostFiles)
      return fail(refusal('upload_refused', { field: name, problem: 'too_many' }))
    content.on('limit', () =>
      fail(refusal('upload_refused', { field: name, problem: 'too_large', mostBytes })),
    )
    const file = { field: name, path: join(dir, `${randomUUID()}.part`), bytes: 0 }
    files.push(file)
    const written = write(content, file, stop.signal)
    written.catch(fail)
    writing.push(written)
  })
  for (const event of ['partsLimit', 'fieldsLimit', 'filesLimit'])
    parser.on(event, () => fail(new BrokenForm('more parts than a form has')))
  parser.on('error', (cause: Error) => fail(new BrokenForm('not a form', { cause })))
  parser.on('finish', ended.resolve)
  body.once('error', (cause) => fail(new BrokenForm('the client left', { cause })))
  // A whole body may be closed while the last of it is still on its way to the disk.
  body.once('close', () => {
    if (!body.complete) fail(new BrokenForm('the client left'))
  })

  // Beside the pipe, which holds the body up while the disk is slower than the client.
  const count = (piece: Uint8Array): void => {
    allBytes += piece.byteLength
    if (allBytes > mostOfAll) fail(tooLarge)
  }
  const remove = async (): Promise<void> => {
    await Promise.all(files.map(({ path }) => rm(path, { force: true })))
  }
  try {
    body.pipe(parser)
    body.on('data', count)
    await ended.promise
    await Promise.all(writing)
  } catch (error) {
    body.unpipe(parser)
    stop.abort()
    await Promise.allSettled(writing)
    await remove()
    throw error
  } finally {
    body.off('data', count)
    body.resume()
  }
  return { fields: Object.fromEntries(fields), files, remove }
}

function createParser(body: IncomingMessage, mostBytes: number, mostTextBytes: number) {
  try {
    return new Busboy({
      headers: { ...body.headers, 'content-type': body.headers['content-type'] ?? '' },
      limits: {
        fieldSize: mostTextBytes,
        fields: MOST_FIELDS,
        parts: MOST_FIELDS,
        fileSize: mostBytes,
        headerPairs: MOST_HEADERS,
        headerSize: MOST_HEADER_BYTES,
      },
    })
  } catch (cause) {
    throw new BrokenForm('no boundary', { cause })
  }
}

/** Names that would change what an object is, are no names, as in JSON. */
function isName(name: string | undefined): name is string {
  return (
    name !== undefined &&
    Buffer.byteLength(name) <= MOST_NAME_BYTES &&
    name !== '__proto__' &&
    name !== 'constructor'
  )
}

async function write(content: BusboyFileStream, file: SentFile, signal: AbortSignal): Promise<void> {
  const target = createWriteStream(file.path, { flags: 'wx', mode: 0o600 })
  try {
    await pipeline(content, target, { signal })
  } catch (cause) {
    // A full disk is not the client's doing; who stopped it knows why.
    throw Object.assign(refusal('unavailable'), { cause })
  }
  file.bytes = target.bytesWritten
}

/** Removes what killed processes left; others may be at work in the same folder. */
async function sweep(dir: string): Promise<void> {
  const before = Date.now() - LEFT_OVER_MS
  for (const name of await readdir(dir)) {
    const path = join(dir, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (mtimeMs < before) await rm(path, { force: true })
  }
}
