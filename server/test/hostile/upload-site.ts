import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import { DIALECTS } from '../../src/dialects/index.ts'
import { buildApp } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { units } from '../../src/kernel/money.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { WITHOUT_LIMITS } from './ground.ts'

// A process of its own that runs one site, so that nothing but the site is in its memory. Its parent tells it when
// to end.

const dialect = DIALECTS.get(process.argv[2] ?? '')
if (!dialect || !process.send) throw new Error('started by uploads.test.ts, with the name of a dialect')
const preset = { limits: { ...dialect.preset.limits, ...WITHOUT_LIMITS } }
const site = await buildSite({ dialect, preset })
const app = await buildApp(
  site.context,
  { ...dialect, preset: site.context.preset },
  {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
    formsDir: join(site.dataDir, 'forms'),
    requestTimeoutMs: 5_000,
  },
)
await app.listen({ port: 0, host: '127.0.0.1' })
const tokens = [
  (await createUser(site.context, units(0))).token,
  (await createUser(site.context, units(0))).token,
]
process.once('message', async () => {
  app.server.closeAllConnections()
  await app.close()
  await site.close()
  process.exit(0)
})
process.send({ port: (app.server.address() as AddressInfo).port, dataDir: site.dataDir, tokens })
