// The server under load, alone in its process as in production.
import { Session } from 'node:inspector/promises'
import { buildApp } from '../server/src/http/app.ts'
import { createMetrics } from '../server/src/http/metrics.ts'
import type { TaskWorker } from '../server/src/jobs/task-worker.ts'
import { startTaskWorker } from '../server/src/jobs/task-worker.ts'
import type { FileStore } from '../server/src/kernel/ports/file-store.ts'
import { verifyLedger } from '../server/src/kernel/wallet/verify.ts'
import { createLog } from '../server/src/log.ts'
import type { Site } from '../server/src/site.ts'
import type { Place } from './bench-site.ts'
import { benchDialect, openSite } from './bench-site.ts'
import { answer, cpuMs } from './child.ts'
import type { Share } from './profile.ts'
import { shares } from './profile.ts'

let site: Site
let worker: TaskWorker | undefined
let disk: FileStore['put']
const profiler = new Session()

const commands = {
  cpuMs,
  /** Opens the site and listens. @returns the port. */
  open: async (place: Place & { workers: number | null }): Promise<number> => {
    site = await openSite(place)
    disk = site.context.files.put
    if (place.workers !== null) worker = startTaskWorker(site.context, { concurrency: place.workers })
    const app = await buildApp(site.context, benchDialect, {
      logger: createLog('info'),
      metrics: createMetrics(site.context, () => worker?.busy() ?? 0),
      trustProxy: [],
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    return address.port
  },
  /** Whether outputs are kept as in production, or nowhere. */
  keepFiles: async (keep: boolean): Promise<void> => {
    site.context.files.put = keep ? disk : async () => {}
  },
  /** What does not hold in the books after all this. */
  verify: async (): Promise<unknown[]> => verifyLedger(site.context),
  startProfile: async (): Promise<void> => {
    profiler.connect()
    await profiler.post('Profiler.enable')
    await profiler.post('Profiler.setSamplingInterval', { interval: 250 })
    await profiler.post('Profiler.start')
  },
  stopProfile: async (): Promise<Share[]> => {
    const { profile } = await profiler.post('Profiler.stop')
    profiler.disconnect()
    return shares(profile)
  },
}

export type SiteCommands = typeof commands

answer(commands)
