import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../kernel/context.ts'
import { takeNotification } from '../kernel/payments/settle.ts'
import type { Dialect } from './dialect.ts'

const LARGEST_NOTIFICATION = 65_536

/**
 * Mounts where gateways notify, by any method that may carry a report and in whatever content type: signatures are over the raw
 * input, and answers are the gateway's own words, not the dialect's. An unknown channel is a plain 404.
 */
export function mountNotifications(app: FastifyInstance, context: Context, dialect: Dialect): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'string', bodyLimit: LARGEST_NOTIFICATION },
      (_request, body, done) => done(null, body),
    )
    // What is no content type at all would be refused before the gateway's adapter is asked.
    scope.addHook('onRequest', async ({ headers }) => {
      const type = headers['content-type']
      if (type !== undefined && !/^[^\s/;]+\/[^\s/;]+\s*(;|$)/.test(type))
        headers['content-type'] = 'application/octet-stream'
    })
    scope.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      url: dialect.preset.notifyPath(':channel'),
      bodyLimit: LARGEST_NOTIFICATION,
      exposeHeadRoute: false,
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const { channel } = request.params as { channel: string }
        const answer = await takeNotification(context, channel, {
          method: request.method,
          query: queryOf(request.raw.url ?? ''),
          contentType: request.headers['content-type'] ?? '',
          body: typeof request.body === 'string' ? request.body : '',
          headers: singleHeaders(request.headers),
        })
        if (!answer) {
          const { status, body } = dialect.faults.unknownRoute(request.method, dialect.preset.notifyPath('…'))
          return reply.code(status).send(body)
        }
        return reply.code(answer.status).type(answer.contentType).send(answer.body)
      },
    })
  })
}

/** The raw query of a request's address: signatures are over what was sent. */
export function queryOf(url: string): string {
  const at = url.indexOf('?')
  return at < 0 ? '' : url.slice(at + 1)
}

/** Node joins what is sent twice under one name, so a doubled signature fits nothing. */
function singleHeaders(headers: FastifyRequest['headers']): Record<string, string> {
  const single: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') single[name] = value
  }
  return single
}
