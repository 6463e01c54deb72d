import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from '../src/db/embedded/cluster.ts'
import { openCluster } from '../src/db/embedded/cluster.ts'
import { migrate } from '../src/db/migrate.ts'
import { SQL_SOURCES } from '../src/installation.ts'
import { TEMPLATE_DATABASE } from './test-database.ts'

let dataDir = ''
let cluster: Cluster | undefined

/** One real PostgreSQL for the whole run, with a migrated template that each test file copies. */
export async function globalSetup(): Promise<void> {
  dataDir = await mkdtemp(join(tmpdir(), 'atelier-test-'))
  cluster = await openCluster({ dataDir, role: 'own', log: () => {}, durable: false })
  await migrate(cluster.connection(TEMPLATE_DATABASE), SQL_SOURCES)
  // Test files run in child processes, which inherit this.
  process.env.ATELIER_TEST_CONNECTION = JSON.stringify(cluster.connection('postgres'))
}

export async function globalTeardown(): Promise<void> {
  await cluster?.stop()
  await rm(dataDir, { recursive: true, force: true })
}
