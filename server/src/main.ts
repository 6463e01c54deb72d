import { join } from 'node:path'
import type { Config } from './config.ts'
import { allowsSandbox, ConfigError, readConfig, readVendors } from './config.ts'
import { ClusterError } from './db/embedded/cluster.ts'
import { whenDatabaseAnswers } from './db/errors.ts'
import { MigrationError } from './db/migrate.ts'
import { DIALECTS } from './dialects/index.ts'
import { createEdges } from './edges.ts'
import { createOutbound } from './files/fetch-remote.ts'
import { createFirstFrame } from './files/first-frame.ts'
import { buildApp } from './http/app.ts'
import type { Dialect } from './http/dialect.ts'
import { createMetrics } from './http/metrics.ts'
import type { Installation } from './installation.ts'
import { openInstallation } from './installation.ts'
import { startPublicationWorker } from './jobs/publication-worker.ts'
import { startScheduledJobs, startSweepers } from './jobs/scheduled.ts'
import { startTaskWorker } from './jobs/task-worker.ts'
import type { ConfiguredVendor } from './kernel/catalog/ensure-connections.ts'
import { ensureConnections } from './kernel/catalog/ensure-connections.ts'
import { ensureChannels } from './kernel/payments/channels.ts'
import { readAdminPassword } from './secrets.ts'
import { createSite, ensureAdministrator } from './site.ts'

type Stop = () => Promise<void>

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** How long running tasks may take to end when the process is told to stop; the rest goes back to the queue. */
const STOP_GRACE_MS = 8_000

async function startSite(
  installation: Installation,
  dialect: Dialect,
  site: Config['sites'][number],
  vendors: readonly ConfiguredVendor[],
): Promise<{ stop: Stop; line: string } | null> {
  const { config, log, secretKey, vendorGates } = installation
  const siteLog = log.child({ site: site.name })
  const outbound = createOutbound({ allow: config.outboundAllow })
  const { context, close } = await createSite({
    dialect,
    connection: installation.connection(`atelier_${site.name.replaceAll('-', '_')}`),
    connections: installation.connectionsPerSite,
    dataDir: config.dataDir,
    publicUrl: site.publicUrl,
    secretKey,
    mail: config,
    ...createEdges(outbound),
    firstFrame: createFirstFrame(process.env.PATH),
    storage: config.storage,
    outbound,
    askPace: installation.askPace,
    vendorGates,
    log: siteLog,
  })
  const onError = (error: Error): void => siteLog.warn({ error }, 'the database connection failed')
  await whenDatabaseAnswers(() => ensureAdministrator(context, config.admin, readFirstPassword(config)), {
    onError,
  })

  const payments = { epay: site.epay, sandbox: allowsSandbox(config, site) }
  await whenDatabaseAnswers(() => ensureChannels(context, payments), { onError })
  await whenDatabaseAnswers(() => ensureConnections(context, vendors), { onError })

  const works = config.role !== 'api'
  const worker = works ? startTaskWorker(context, { concurrency: WORKER_CONCURRENCY }) : null
  const publisher =
    works && dialect.preset.platforms
      ? startPublicationWorker(context, { concurrency: PUBLISH_CONCURRENCY })
      : null
  const metrics = createMetrics(context, () => worker?.busy() ?? 0)
  const app = await buildApp(context, dialect, {
    logger: siteLog,
    metrics,
    trustProxy: config.trustProxy,
    formsDir: join(config.dataDir, 'forms', site.name),
  })
  const isApi = config.role !== 'worker'
  if (isApi) {
    try {
      await app.listen({ port: site.port, host: config.host })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
      say(`Port ${site.port} is in use, so ${site.name} is skipped: set SITES=${site.name}:<another port>.`)
      await Promise.all([worker?.stop(0), publisher?.stop(0)])
      await close()
      return null
    }
  }
  const scheduled = works ? await whenDatabaseAnswers(() => startScheduledJobs(context), { onError }) : null
  const stopSweeping = works ? startSweepers(context) : null

  return {
    line: isApi ? `${site.name}  ${site.publicUrl}${dialect.base}` : `${site.name}  (worker)`,
    stop: async () => {
      stopSweeping?.()
      // New work is refused first, running work gets its time, and answers wait for it.
      await Promise.all([
        worker?.stop(STOP_GRACE_MS),
        publisher?.stop(STOP_GRACE_MS),
        isApi ? closeWithin(app, STOP_GRACE_MS + 1_000) : null,
        scheduled?.stop(),
      ])
      await close()
    },
  }
}

/** The dialect with AUTO_AUDIT taken into account; the setting `needs_approval` of a site beats both. */
function audited(dialect: Dialect, { autoAudit }: Config): Dialect {
  return autoAudit ? { ...dialect, preset: { ...dialect.preset, needsApproval: false } } : dialect
}

/** The password of the first administrator; a generated one is shown once. */
function readFirstPassword(config: Config): () => Promise<string> {
  return async () => {
    const { password, isNew } = await readAdminPassword(config.admin.password, config.dataDir)
    const { username } = config.admin
    if (isNew)
      say(
        `The administrator is ${username} with password ${password} (kept in ${config.dataDir}/admin-password).`,
      )
    return password
  }
}

const WORKER_CONCURRENCY = 32
/** Each may hold a clip in memory. */
const PUBLISH_CONCURRENCY = 4

async function closeWithin(
  app: { close: () => Promise<unknown>; server: { closeAllConnections: () => void } },
  ms: number,
): Promise<void> {
  // A client that waits for a long task would hold the stop up; its task goes on elsewhere.
  const timer = setTimeout(() => app.server.closeAllConnections(), ms)
  await app.close()
  clearTimeout(timer)
}

async function main(): Promise<void> {
  const startedAt = performance.now()
  const config = readConfig(process.env)
  // Only asked which variables they have.
  const { providers } = createEdges(createOutbound({ allow: config.outboundAllow }))
  const vendors = readVendors(process.env, providers)
  const installation = await openInstallation(config, { joins: config.role !== 'all' })
  const stops: Stop[] = []
  const lines: string[] = []

  let stopping = false
  const stop = async (signal: string): Promise<void> => {
    if (stopping) process.exit(1)
    stopping = true
    say(`Stopping (${signal}); press again to stop at once.`)
    await Promise.all(stops.map((one) => one()))
    await installation.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal))

  const started = await Promise.all(
    config.sites.map((site) => {
      const dialect = DIALECTS.get(site.name)
      return dialect ? startSite(installation, audited(dialect, config), site, vendors) : null
    }),
  )
  for (const site of started) {
    if (!site) continue
    stops.push(site.stop)
    lines.push(site.line)
  }
  if (stops.length === 0) {
    await installation.close()
    throw new ConfigError('No site could be started.')
  }
  say(`Atelier is ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`)
  for (const line of lines) say(`  ${line}`)
}

// A broken promise nobody waited for is a defect; the process must not go on in an unknown state.
process.on('unhandledRejection', (error) => {
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', message: 'unhandled rejection', error: String(error) })}\n`,
  )
  process.exit(70)
})

try {
  await main()
} catch (error) {
  const isPlain =
    error instanceof ConfigError || error instanceof ClusterError || error instanceof MigrationError
  process.stderr.write(`${isPlain ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
