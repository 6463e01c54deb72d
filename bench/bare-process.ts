// The limit of the HTTP side: Fastify alone with the same token check and body schema, and an answer of the
// same size that nobody had to ask the database for.
import { fastify } from 'fastify'
import { createTokens } from '../server/src/http/tokens.ts'
import { deriveKeys } from '../server/src/kernel/keys.ts'
import { benchDialect } from './bench-site.ts'
import { answer, cpuMs } from './child.ts'

const commands = {
  cpuMs,
  open: async (replies: { secret: string; status: string; submit: string }): Promise<number> => {
    const site = benchDialect.name
    const { verify } = createTokens(deriveKeys(replies.secret, site).token, site, () => new Date())
    const app = fastify()
    const body = benchDialect.routes.find(({ path }) => path === '/bench/submit')?.body
    app.addHook('onRequest', async (request) => {
      verify((request.headers.authorization ?? '').slice('Bearer '.length))
    })
    const status: unknown = JSON.parse(replies.status)
    const submit: unknown = JSON.parse(replies.submit)
    app.get('/api/generate/status/:taskId', async () => status)
    app.post('/api/bench/submit', { schema: { body } }, async () => submit)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    return address.port
  },
}

export type BareCommands = typeof commands

answer(commands)
