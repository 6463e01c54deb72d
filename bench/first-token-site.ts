// The plaza site that bench/first-token.ts measures, alone in its process as in production: its assistant asks a vendor
// that speaks OpenAI's wire on loopback.
import type { Connection } from '../server/src/db/database.ts'
import { plaza } from '../server/src/dialects/plaza/dialect.ts'
import { createOutbound } from '../server/src/files/fetch-remote.ts'
import { buildApp } from '../server/src/http/app.ts'
import { createMetrics } from '../server/src/http/metrics.ts'
import { ensureConnections } from '../server/src/kernel/catalog/ensure-connections.ts'
import { units } from '../server/src/kernel/money.ts'
import { verifyLedger } from '../server/src/kernel/wallet/verify.ts'
import { createLog } from '../server/src/log.ts'
import { createOpenAiCompatible } from '../server/src/providers/openai/openai.ts'
import { createSketch } from '../server/src/providers/sketch/sketch.ts'
import type { Site } from '../server/src/site.ts'
import { createSite } from '../server/src/site.ts'
import { createUser } from '../server/test/factories.ts'
import { answer, cpuMs } from './child.ts'

const NO_LIMIT = { points: 1_000_000_000, perSeconds: 60 }

let site: Site

const commands = {
  cpuMs,
  /** Opens the site and listens. @returns the port, and a token for each user. */
  open: async (place: {
    connection: Connection
    dataDir: string
    vendor: { url: string; key: string }
    users: number
  }): Promise<{ port: number; tokens: string[] }> => {
    const dialect = {
      ...plaza,
      preset: {
        ...plaza.preset,
        limits: { auth: NO_LIMIT, generate: NO_LIMIT, read: NO_LIMIT, write: NO_LIMIT },
      },
    }
    const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
    site = await createSite({
      dialect,
      connection: place.connection,
      connections: 20,
      dataDir: place.dataDir,
      publicUrl: 'http://localhost:3000',
      secretKey: 'a bench secret of more than thirty-two bytes',
      mail: { smtpUrl: null, mailFrom: 'Atelier <no-reply@localhost>' },
      providers: [createSketch(), createOpenAiCompatible(outbound)],
      gateways: [],
      platforms: [],
      outbound,
      log: createLog('warn'),
    })
    const { url, key: secret } = place.vendor
    await ensureConnections(site.context, [{ provider: 'openai', url, secret }])
    const app = await buildApp(site.context, dialect, {
      logger: createLog('warn'),
      metrics: createMetrics(site.context, () => 0),
      trustProxy: [],
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    const tokens: string[] = []
    for (let at = 0; at < place.users; at += 1)
      tokens.push((await createUser(site.context, units(1_000_000))).token)
    return { port: address.port, tokens }
  },
  /** What does not hold in the books after all this. */
  verify: async (): Promise<unknown[]> => verifyLedger(site.context),
}

export type FirstTokenSite = typeof commands

answer(commands)
