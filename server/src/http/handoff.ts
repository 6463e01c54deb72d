import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../kernel/context.ts'
import { finishHandoff, readHandoff } from '../kernel/publishing/handoff.ts'
import { packageName, packHandoff } from './handoff-package.ts'
import { renderHandoff, renderNoHandoff } from './handoff-page.ts'

const LARGEST_FORM = 8_192

/**
 * Mounts the page where somebody publishes by hand what no interface takes, and its export. Its address is all that
 * is needed: a phone that read the QR code has no session. It ends by itself (`kernel/publishing/handoff.ts`).
 */
export function mountHandoff(app: FastifyInstance, context: Context): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: LARGEST_FORM },
      (_request, body, done) => done(null, body),
    )
    const tokenOf = (request: FastifyRequest): string => (request.params as { token: string }).token
    const isToken = (token: string): boolean => /^[a-z2-7]{32}$/.test(token)
    const send = async (
      reply: FastifyReply,
      status: number,
      render: (nonce: string) => string | Promise<string>,
    ): Promise<FastifyReply> => {
      const nonce = context.ids.token(26)
      return reply
        .code(status)
        .headers({
          'content-security-policy': `default-src 'none'; img-src 'self'; media-src 'self'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
          'cache-control': 'no-store',
          'x-robots-tag': 'noindex',
        })
        .type('text/html; charset=utf-8')
        .send(await render(nonce))
    }
    const missing = (reply: FastifyReply): Promise<FastifyReply> => {
      reply.outcome = 'publication_not_found'
      return send(reply, 404, renderNoHandoff)
    }

    scope.get('/handoff/:token', async (request, reply) => {
      const token = tokenOf(request)
      const handoff = isToken(token) ? await readHandoff(context, token) : null
      return handoff ? send(reply, 200, (nonce) => renderHandoff(handoff, nonce)) : missing(reply)
    })

    scope.post('/handoff/:token', { bodyLimit: LARGEST_FORM }, async (request, reply) => {
      const token = tokenOf(request)
      const pasted =
        new URLSearchParams(typeof request.body === 'string' ? request.body : '').get('link') ?? ''
      const done = isToken(token) ? await finishHandoff(context, token, pasted) : null
      if (!done) return missing(reply)
      // Asked for with GET, so that loading the page again sends nothing twice.
      if (done.isTaken) return reply.code(303).header('location', `/handoff/${token}`).send()
      reply.outcome = 'input_invalid'
      return send(reply, 400, (nonce) => renderHandoff(done.handoff, nonce, pasted))
    })

    scope.get('/handoff/:token/package.zip', { exposeHeadRoute: false }, async (request, reply) => {
      const token = tokenOf(request)
      const handoff = isToken(token) ? await readHandoff(context, token) : null
      if (!handoff) return missing(reply)
      const name = encodeURIComponent(packageName(handoff))
      return reply
        .headers({
          'content-disposition': `attachment; filename="package.zip"; filename*=UTF-8''${name}`,
          'cache-control': 'no-store',
        })
        .type('application/zip')
        .send(Readable.from(packHandoff(context, handoff)))
    })
  })
}
