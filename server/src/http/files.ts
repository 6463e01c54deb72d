import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import parseRange from 'range-parser'
import type { Context } from '../kernel/context.ts'
import { contentDisposition, isPrivate, openPrivateFile } from '../kernel/works/file-url.ts'
import { mediaTypeOf } from '../kernel/works/media-types.ts'
import { makeThumbnail } from '../kernel/works/thumbnail.ts'
import type { Dialect } from './dialect.ts'

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/

/** A file to be served, and how long its address stands for this content. */
type ServedFile = {
  storeKey: string
  mediaType: string
  /** Whether a browser may show it where it stands; what it may not is to be saved. */
  isShown: boolean
  cacheControl: string
  /** Set when it is to be saved under this name. */
  saveAs?: string
}

/**
 * Serves stored files by their unguessable keys, to any origin; private ones by signed addresses alone. A thumbnail
 * is made when it is first asked for.
 */
export function mountFiles(app: FastifyInstance, context: Context, dialect: Dialect): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { key } = request.params as { key: string }
    const media = KEY.test(key) ? mediaTypeOf(key) : null
    if (!media || isPrivate(key)) return refuseFile(dialect, request, reply)
    // A key is written once, so the key names the content.
    const cacheControl = 'public, max-age=31536000, immutable'
    return serveFile(context, dialect, request, reply, { storeKey: key, ...media, cacheControl })
  }
  app.route({ method: ['GET', 'HEAD'], url: '/files/:key', exposeHeadRoute: false, handler: serve })
  const servePrivate = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { grant, key: storeKey } = request.params as { grant: string; key: string }
    const file = KEY.test(storeKey) ? await openPrivateFile(context, { grant, storeKey }) : null
    if (!file) return refuseFile(dialect, request, reply)
    const { mediaType, name: saveAs } = file
    return serveFile(context, dialect, request, reply, {
      storeKey,
      mediaType,
      isShown: false,
      cacheControl: 'private, no-cache',
      saveAs,
    })
  }
  app.route({
    method: ['GET', 'HEAD'],
    url: '/files/private/:grant/:key',
    exposeHeadRoute: false,
    handler: servePrivate,
  })
}

/** That there is no such file, in the dialect's words. */
export function refuseFile(dialect: Dialect, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? ''
  const { status, body } = dialect.faults.unknownRoute(request.method, path)
  reply.outcome = 'unknown_route'
  return reply.code(status).header('cache-control', 'no-store').send(body)
}

/**
 * Sends a stored file, with ranges and validators. Nothing served here may run: no sniffing, a policy that forbids
 * everything, and what a browser would not simply show is to be saved.
 */
export async function serveFile(
  context: Context,
  dialect: Dialect,
  request: FastifyRequest,
  reply: FastifyReply,
  file: ServedFile,
): Promise<FastifyReply> {
  const { storeKey } = file
  const stat = await findFile(context, storeKey)
  if (!stat) return refuseFile(dialect, request, reply)
  const etag = `"${storeKey}"`
  reply.headers({
    'content-type': file.mediaType,
    ...(file.saveAs === undefined
      ? !file.isShown && { 'content-disposition': 'attachment' }
      : { 'content-disposition': contentDisposition(file.saveAs) }),
    'cache-control': file.cacheControl,
    'accept-ranges': 'bytes',
    etag,
    'last-modified': stat.modifiedAt.toUTCString(),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  const range = requestedRange(request, stat.bytes, etag)
  if (range === 'unsatisfiable') {
    return reply.code(416).header('content-range', `bytes */${stat.bytes}`).header('content-length', 0).send()
  }
  reply.header('content-length', range ? range.end - range.start + 1 : stat.bytes)
  if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${stat.bytes}`)
  return request.method === 'HEAD'
    ? reply.send()
    : reply.send(context.files.read(storeKey, range ?? undefined))
}

async function findFile(context: Context, key: string): ReturnType<Context['files']['stat']> {
  const stat = await context.files.stat(key)
  if (stat) return stat
  return (await makeThumbnail(context, key)) ? context.files.stat(key) : null
}

/** The one range to send, or null for the whole file: several ranges at once are answered with everything. */
function requestedRange(
  request: FastifyRequest,
  bytes: number,
  etag: string,
): { start: number; end: number } | 'unsatisfiable' | null {
  const { range } = request.headers
  const ifRange = request.headers['if-range']
  if (!range || (ifRange && ifRange !== etag)) return null
  // The last hundred bytes of a file of fifty are all of it (RFC 9110, 14.1.2); the parser refuses that.
  const suffix = /^bytes=-(\d+)$/.exec(range)?.[1]
  if (suffix !== undefined && Number(suffix) > bytes && bytes > 0) return { start: 0, end: bytes - 1 }
  const ranges = parseRange(bytes, range, { combine: true })
  if (ranges === -1) return 'unsatisfiable'
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return null
  return ranges[0] ?? null
}
