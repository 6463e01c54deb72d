import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../kernel/context.ts'
import { visitCashier } from '../kernel/payments/cashier.ts'
import type { Dialect } from './dialect.ts'
import { queryOf } from './payments.ts'

const LARGEST_FORM = 1_024

/** Mounts the page where payers of the sandbox pay: plain HTML with a form, no script. */
export function mountCashier(app: FastifyInstance, context: Context, dialect: Dialect): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: LARGEST_FORM },
      (_request, body, done) => done(null, body),
    )
    const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const { tradeNumber } = request.params as { tradeNumber: string }
      const pressed = new URLSearchParams(typeof request.body === 'string' ? request.body : '').get('outcome')
      const decision =
        request.method === 'POST' && (pressed === 'paid' || pressed === 'cancelled') ? pressed : null
      const page = await visitCashier(
        context,
        { tradeNumber, query: queryOf(request.raw.url ?? '') },
        decision,
      )
      if (page === null) {
        const { status, body } = dialect.faults.unknownRoute(request.method, '/cashier')
        return reply.code(status).send(body)
      }
      return reply
        .headers({
          'content-security-policy':
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
        })
        .type('text/html; charset=utf-8')
        .send(page)
    }
    scope.route({
      method: ['GET', 'POST'],
      url: '/cashier/:tradeNumber',
      exposeHeadRoute: false,
      handler: answer,
    })
  })
}
