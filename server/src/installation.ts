import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Connection } from './db/database.ts'
import { openCluster } from './db/embedded/cluster.ts'
import type { AskPace } from './kernel/ports/ask-pace.ts'
import type { VendorGates } from './kernel/ports/vendor-gates.ts'
import { createAskPace } from './limits/ask-pace.ts'
import { createVendorGates } from './limits/vendor-gates.ts'
import { createLog } from './log.ts'
import { readSecretKey } from './secrets.ts'

/** What all sites of this process share: the database server, the root key, the log, what is known of vendors. */
export type Installation = {
  config: Config
  log: Logger
  secretKey: string
  askPace: AskPace
  vendorGates: VendorGates
  connection: (database: string) => Connection
  /** How many connections one site's pool may have. */
  connectionsPerSite: number
  close: () => Promise<void>
}

/** Opens the database server: the embedded cluster of DATA_DIR, or the one that DATABASE_URL names. */
export async function openInstallation(config: Config, options: { joins: boolean }): Promise<Installation> {
  const log = createLog(config.logLevel)
  const secretKey = await readSecretKey(config.secretKey, config.dataDir)
  const { databaseUrl } = config
  const shared = {
    ...{ config, log, secretKey },
    ...{ askPace: createAskPace(), vendorGates: createVendorGates() },
  }
  if (databaseUrl) {
    return {
      ...shared,
      connection: (database) => fromUrl(databaseUrl, database),
      // The server's own limit is not ours to use up; 20 a site is more than two cores can keep busy.
      connectionsPerSite: connectionBudget(100, config.sites.length),
      close: async () => {},
    }
  }
  const cluster = await openCluster({
    dataDir: config.dataDir,
    role: options.joins ? 'join' : 'own',
    log: (event, { pid: serverPid, ...details }) => log.info({ serverPid, ...details }, event),
  })
  return {
    ...shared,
    connection: cluster.connection,
    connectionsPerSite: connectionBudget(cluster.maxConnections, config.sites.length),
    close: cluster.stop,
  }
}

const RESERVED_CONNECTIONS = 12
const PROCESSES = 2
const MOST_PER_SITE = 20

/**
 * A pool's share of the server: two full processes fit beside each other, each site with one more connection
 * for events and one that the job runner keeps.
 */
function connectionBudget(maxConnections: number, sites: number): number {
  const each = Math.floor((maxConnections - RESERVED_CONNECTIONS) / PROCESSES / sites) - 2
  return Math.min(MOST_PER_SITE, Math.max(3, each))
}

function fromUrl(url: URL, database: string): Connection {
  const sslmode = url.searchParams.get('sslmode')
  return {
    host: url.searchParams.get('host') ?? decodeURIComponent(url.hostname.replace(/^\[|\]$/g, '')),
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username) || 'postgres',
    password: decodeURIComponent(url.password),
    database,
    ...(sslmode && sslmode !== 'disable' && { ssl: true }),
  }
}

/** Where migrations and SQL functions lie. */
export const SQL_SOURCES = {
  migrationsDir: fileURLToPath(new URL('../migrations', import.meta.url)),
  functionFiles: [
    'kernel/wallet/ledger.sql',
    'kernel/wallet/vouchers.sql',
    'kernel/accounts/register.sql',
    'kernel/idempotency.sql',
    'kernel/memberships/extend.sql',
    'kernel/generation/submit.sql',
    'kernel/limits/quotas.sql',
    'kernel/generation/advance.sql',
    'kernel/asking/asking.sql',
    'kernel/channels/channels.sql',
    'kernel/promotions/promotions.sql',
    'kernel/promotions/redeem-codes.sql',
    'kernel/works/edit.sql',
    'kernel/square/square.sql',
    'kernel/works/discard.sql',
    'kernel/payments/orders.sql',
    'kernel/tools/analyze-picture.sql',
    'kernel/payments/channels.sql',
    'kernel/promotions/joining.sql',
    'kernel/accounts/administer.sql',
    'kernel/publishing/publish.sql',
    'kernel/assistant/reply.sql',
  ].map((path) => fileURLToPath(new URL(`./${path}`, import.meta.url))),
}
