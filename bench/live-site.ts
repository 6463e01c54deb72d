// The site of bench/live.ts: plaza as ROLE=api has it, alone in its process.
import { plaza } from '../server/src/dialects/plaza/dialect.ts'
import { buildApp } from '../server/src/http/app.ts'
import { createMetrics } from '../server/src/http/metrics.ts'
import { createLog } from '../server/src/log.ts'
import type { Place } from './bench-site.ts'
import { openSite } from './bench-site.ts'
import { answer, cpuMs } from './child.ts'

const commands = {
  cpuMs,
  /** Opens the site and listens. @returns the port. */
  open: async (place: Place): Promise<number> => {
    const { context } = await openSite(place, plaza)
    const app = await buildApp(context, plaza, {
      logger: createLog('info'),
      metrics: createMetrics(context, () => 0),
      trustProxy: [],
    })
    await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    return address.port
  },
}

export type LiveSiteCommands = typeof commands

answer(commands)
