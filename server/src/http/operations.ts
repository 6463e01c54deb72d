import type { FastifyInstance } from 'fastify'
import { statement } from '../db/database.ts'
import type { Context } from '../kernel/context.ts'
import { openFindings } from '../kernel/wallet/invariants.ts'
import type { Metrics } from './metrics.ts'

const ping = statement('ping', 'select 1')
const READY_WITHIN_MS = 2_000

/** Mounts what an operator's monitors ask: `/livez`, `/readyz` and `/metrics`. */
export function mountOperations(app: FastifyInstance, context: Context, metrics: Metrics): void {
  app.get('/livez', async () => ({ live: true, site: context.site }))

  // Ready means that requests can be served. A broken invariant is shown, and does not take the site down.
  app.get('/readyz', async (_request, reply) => {
    try {
      const late = new Promise<never>((_resolve, reject) =>
        setTimeout(() => reject(new Error('the database did not answer in time')), READY_WITHIN_MS).unref(),
      )
      await Promise.race([context.db.rows(ping, []), late])
      return { ready: true, site: context.site, broken_invariants: await openFindings(context) }
    } catch (error) {
      context.log.warn({ error }, 'not ready')
      return reply
        .code(503)
        .send({ ready: false, site: context.site, reason: 'The database does not answer.' })
    }
  })

  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics.render()
    return reply.type(contentType).send(text)
  })
}
