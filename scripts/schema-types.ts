// Generates server/src/db/schema.ts, the row types of the migrated database; with --verify it only checks them.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openCluster } from '../server/src/db/embedded/cluster.ts'
import { migrate } from '../server/src/db/migrate.ts'
import { SQL_SOURCES } from '../server/src/installation.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const dataDir = await mkdtemp(join(tmpdir(), 'atelier-schema-'))
const cluster = await openCluster({ dataDir, role: 'own', log: () => {}, durable: false })
try {
  const connection = cluster.connection('schema')
  await migrate(connection, SQL_SOURCES)
  const { user, password, host, database, port } = connection
  const url = `postgres://${user}:${encodeURIComponent(password)}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
  const { stdout, stderr } = await promisify(execFile)(
    join(root, 'node_modules/.bin/kysely-codegen'),
    [
      '--dialect=postgres',
      '--out-file=server/src/db/schema.ts',
      '--type-mapping={"int8":"bigint","timestamptz":"Date"}',
      ...(process.argv.includes('--verify') ? ['--verify'] : []),
    ],
    { cwd: root, env: { ...process.env, DATABASE_URL: url } },
  )
  process.stdout.write(stdout + stderr)
} catch (error) {
  const output = error as { stdout?: string; stderr?: string; message: string }
  process.stderr.write(
    `${output.stdout ?? ''}${output.stderr ?? output.message}\nRun "npm run schema" and commit server/src/db/schema.ts.\n`,
  )
  process.exitCode = 1
} finally {
  await cluster.stop()
  await rm(dataDir, { recursive: true, force: true })
}
