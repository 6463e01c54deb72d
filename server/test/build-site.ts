import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { pino } from 'pino'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import { buildApp } from '../src/http/app.ts'
import type { Dialect } from '../src/http/dialect.ts'
import type { LiveLimits } from '../src/http/live.ts'
import { createMetrics } from '../src/http/metrics.ts'
import type { TaskWorker } from '../src/jobs/task-worker.ts'
import { startTaskWorker } from '../src/jobs/task-worker.ts'
import type { Context } from '../src/kernel/context.ts'
import type { DeckRenderer } from '../src/kernel/ports/deck-renderer.ts'
import type { FirstFrame } from '../src/kernel/ports/first-frame.ts'
import type { Gateway } from '../src/kernel/ports/gateway.ts'
import type { Outbound } from '../src/kernel/ports/outbound.ts'
import { OutboundError } from '../src/kernel/ports/outbound.ts'
import type { Platform } from '../src/kernel/ports/platform.ts'
import type { Provider } from '../src/kernel/ports/provider.ts'
import type { VendorGates } from '../src/kernel/ports/vendor-gates.ts'
import type { Preset } from '../src/kernel/preset.ts'
import { createSite } from '../src/site.ts'
import { createTestDatabase } from './test-database.ts'

export type TestSite = {
  context: Context
  app: FastifyInstance
  dataDir: string
  database: string
  /** A second context on the same data, as another process would have. */
  another: () => Promise<Context>
  startWorker: (options?: { concurrency?: number; leaseMs?: number }) => TaskWorker
  /** The texts of the mails that were written, oldest first. */
  mails: () => Promise<string[]>
  close: () => Promise<void>
}

const noOutbound: Outbound = async (url) => {
  throw new OutboundError('forbidden', `this test opens no way to ${url}`)
}

/** A whole site on a database and data folder of its own; nothing works on its queue until a worker is started. */
export async function buildSite(
  options: {
    providers?: readonly Provider[]
    gateways?: readonly Gateway[]
    platforms?: readonly Platform[]
    outbound?: Outbound
    decks?: DeckRenderer
    firstFrame?: FirstFrame
    preset?: Partial<Preset>
    dialect?: Dialect
    now?: () => Date
    /** Where its lines go; nowhere unless given. */
    log?: Logger
    liveLimits?: Partial<LiveLimits>
    /** What this site and others in the same process know of vendors; each context's own unless given. */
    vendorGates?: VendorGates
  } = {},
): Promise<TestSite> {
  const connection = await createTestDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'atelier-site-'))
  const base = options.dialect ?? waliassets
  const dialect = { ...base, preset: { ...base.preset, ...options.preset } }
  const log = options.log ?? pino({ level: process.env.TEST_LOG ?? 'silent' })
  const open = () =>
    createSite({
      dialect,
      connection,
      connections: 10,
      dataDir,
      publicUrl: 'http://localhost:3334',
      secretKey: 'a test secret of more than thirty-two bytes',
      mail: { smtpUrl: null, mailFrom: 'Atelier <no-reply@example.com>' },
      providers: options.providers ?? [],
      gateways: options.gateways ?? [],
      platforms: options.platforms ?? [],
      outbound: options.outbound ?? noOutbound,
      ...(options.decks && { decks: options.decks }),
      ...(options.vendorGates && { vendorGates: options.vendorGates }),
      ...(options.firstFrame && { firstFrame: options.firstFrame }),
      log,
      ...(options.now && { clock: { now: options.now } }),
    })
  const first = await open()
  const contexts = [first]
  const workers: TaskWorker[] = []
  const app = await buildApp(first.context, dialect, {
    logger: log,
    metrics: createMetrics(first.context, () => 0),
    trustProxy: [],
    formsDir: join(dataDir, 'forms'),
    ...(options.liveLimits && { liveLimits: options.liveLimits }),
  })
  return {
    context: first.context,
    app,
    dataDir,
    database: connection.database,
    another: async () => {
      const site = await open()
      contexts.push(site)
      return site.context
    },
    startWorker: ({ concurrency = 8, leaseMs } = {}) => {
      const worker = startTaskWorker(first.context, { concurrency, ...(leaseMs && { leaseMs }) })
      workers.push(worker)
      return worker
    },
    mails: async () => {
      const dir = join(dataDir, 'outbox', dialect.name)
      const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.eml')).sort()
      return Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')))
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop(2_000)))
      await app.close()
      await Promise.all(contexts.map((site) => site.close()))
      await connection.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
