import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isConnectionLoss } from '../db/errors.ts'
import type { Context } from '../kernel/context.ts'
import type { ErrorCode, ErrorDetails } from '../kernel/errors.ts'
import { KernelError } from '../kernel/errors.ts'
import { findUpload } from '../kernel/uploads/find-upload.ts'
import { takeSignedUpload } from '../kernel/uploads/take-signed-upload.ts'
import { readUploadName } from '../kernel/uploads/upload-name.ts'
import type { Dialect } from './dialect.ts'
import { refuseFile, serveFile } from './files.ts'

/**
 * Mounts what an OSS client needs of OSS, at the root as it wants it: `PUT /uploads/<name>` under a grant of ours,
 * answered in OSS's own words, and the same address to look at the picture. Bodies are read by the kernel as they
 * come, after it has checked who sends them.
 */
export function mountUploads(app: FastifyInstance, context: Context, dialect: Dialect): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.route({
      method: 'PUT',
      url: '/uploads/*',
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        reply.headers({
          'x-oss-request-id': request.id,
          'access-control-expose-headers': 'ETag, x-oss-request-id',
          'cache-control': 'no-store',
        })
        try {
          const { md5 } = await takeSignedUpload(context, {
            method: 'PUT',
            path: pathOf(request),
            headers: headersOf(request),
            // Left half read it must not be destroyed: the answer to what is too large goes the same way.
            body: request.raw.iterator({ destroyOnReturn: false }),
          })
          reply.outcome = 'ok'
          return await reply
            .code(200)
            .header('etag', `"${md5.toString('hex').toUpperCase()}"`)
            .send()
        } catch (error) {
          return refuse(request, reply, error)
        }
      },
    })
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/uploads/*',
    exposeHeadRoute: false,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const name = readUploadName(pathOf(request))
      const upload = name === null ? null : await findUpload(context, name)
      if (!upload) return refuseFile(dialect, request, reply)
      // Its owner may send another picture under the same name.
      return serveFile(context, dialect, request, reply, {
        ...upload,
        isShown: true,
        cacheControl: 'public, no-cache',
      })
    },
  })
}

type OssError = { status: number; code: string; message: string }

const DENIED: OssError = { status: 403, code: 'AccessDenied', message: 'Access denied.' }
const INTERNAL: OssError = { status: 500, code: 'InternalError', message: 'Please try again.' }

/** Only what `takeSignedUpload` can throw. */
const REFUSALS: { readonly [Code in ErrorCode]?: (details: ErrorDetails[Code]) => OssError } = {
  credentials_missing: () => ({ ...DENIED, message: 'The request is not signed.' }),
  credentials_invalid: () => ({
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: 'The key, the token or the signature does not match.',
  }),
  credentials_expired: () => ({
    status: 403,
    code: 'SecurityTokenExpired',
    message: 'The security token has expired.',
  }),
  account_missing: () => DENIED,
  account_disabled: () => ({ ...DENIED, message: 'The account is disabled.' }),
  forbidden: () => ({ ...DENIED, message: "This name is another account's." }),
  rate_limited: ({ retryAfterSeconds }) => ({
    status: 429,
    code: 'QuotaExceeded',
    message: `Too many uploads; please try again in ${retryAfterSeconds} seconds.`,
  }),
  input_invalid: ({ field, problem }) => {
    switch (field) {
      case 'date':
        return {
          status: 403,
          code: 'RequestTimeTooSkewed',
          message: 'The date is more than 15 minutes from the time of the server.',
        }
      case 'name':
        return { status: 400, code: 'InvalidObjectName', message: 'Names are like uploads/name.png.' }
      case 'digest':
        return { status: 400, code: 'InvalidDigest', message: 'The Content-MD5 is not that of the content.' }
      default:
        return problem === 'too_large'
          ? { status: 400, code: 'EntityTooLarge', message: 'A picture may have 5 MB.' }
          : {
              status: 400,
              code: 'InvalidArgument',
              message: 'Only PNG, JPEG, GIF and WebP pictures are taken.',
            }
    }
  },
}

function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const { status, code, message } = explain(request, reply, error)
  // What is still to come of the body is let pass, or the connection could not be used again.
  request.raw.resume()
  if (error instanceof KernelError && 'retryAfterSeconds' in error.details)
    reply.header('retry-after', String(error.details.retryAfterSeconds))
  return reply
    .code(status)
    .type('application/xml')
    .send(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message>` +
        `<RequestId>${request.id}</RequestId></Error>`,
    )
}

function explain(request: FastifyRequest, reply: FastifyReply, error: unknown): OssError {
  if (error instanceof KernelError) {
    const refusal = REFUSALS[error.code as ErrorCode] as ((details: object) => OssError) | undefined
    if (refusal) {
      reply.outcome = error.code
      return refusal(error.details)
    }
  }
  // The client went away in the middle; nobody reads the answer.
  if (request.raw.readableAborted || request.raw.errored) {
    reply.outcome = 'bad_body'
    return { status: 400, code: 'IncompleteBody', message: 'The request did not end.' }
  }
  const isLoss = isConnectionLoss(error)
  reply.outcome = isLoss ? 'unavailable' : 'crash'
  if (error instanceof Error && 'detail' in error) error.detail = undefined
  request.log.error({ err: error, route: request.routeOptions.url }, 'an upload failed')
  return isLoss ? { ...INTERNAL, status: 503, code: 'ServiceUnavailable' } : INTERNAL
}

/** As sent, without the first slash: it is part of what is signed. */
function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '').split('?', 1)[0]?.slice(1) ?? ''
}

function headersOf(request: FastifyRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : value,
    ]),
  )
}
