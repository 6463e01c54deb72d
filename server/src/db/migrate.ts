import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Connection } from './database.ts'

/** The database is of a newer version, or a released migration was edited. The message says which. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

// Any constant will do: all processes of one site must take the same lock.
const MIGRATION_LOCK = 7_143_802

type Sources = { migrationsDir: string; functionFiles: readonly string[] }

/**
 * Makes sure that the database `connection.database` exists, has every migration and the current SQL
 * functions. Safe to run from several processes at once: one does the work under an advisory lock, the others
 * wait and find it done.
 *
 * @returns the names of the migrations applied now.
 * @throws MigrationError when a released migration was edited or the database knows one that we do not.
 */
export async function migrate(connection: Connection, sources: Sources): Promise<string[]> {
  const client = new pg.Client({ ...connection, application_name: 'atelier migrate' })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '3D000')) throw error
    await createDatabase(connection)
    return migrate(connection, sources)
  }
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(
      `create table if not exists migration (
         name text primary key, checksum text not null, applied_at timestamptz not null default now());
       create table if not exists sql_function_file (path text primary key, checksum text not null)`,
    )
    const applied = await applyMigrations(client, sources.migrationsDir)
    await applyFunctions(client, sources.functionFiles)
    return applied
  } finally {
    await client.end()
  }
}

async function createDatabase(connection: Connection): Promise<void> {
  const client = new pg.Client({ ...connection, database: 'postgres' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`create database ${pg.escapeIdentifier(connection.database)}`)
  } catch (error) {
    // Another process was faster: 42P04 duplicate_database, or 23505 when both were at it.
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code !== '42P04' && code !== '23505') throw error
  } finally {
    await client.end()
  }
}

async function applyMigrations(client: pg.Client, dir: string): Promise<string[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort()
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from migration',
  )
  const known = new Map(rows.map((row) => [row.name, row.checksum]))
  const foreign = rows.find((row) => !files.includes(row.name))
  if (foreign) {
    throw new MigrationError(
      `The database has migration ${foreign.name}, which this version of Atelier does not know: start the newer version, or restore the backup made before it.`,
    )
  }
  const applied: string[] = []
  for (const name of files) {
    const text = await readFile(join(dir, name), 'utf8')
    const sum = checksum(text)
    const before = known.get(name)
    if (before === sum) continue
    if (before !== undefined) {
      throw new MigrationError(
        `Migration ${name} was edited after it had been applied: restore its text and add a new migration.`,
      )
    }
    await inTransaction(client, async () => {
      await client.query(text)
      await client.query('insert into migration (name, checksum) values ($1, $2)', [name, sum])
    })
    applied.push(name)
  }
  return applied
}

/** SQL functions carry their version in their names, so replacing the file of an older one is safe to repeat. */
async function applyFunctions(client: pg.Client, files: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ path: string; checksum: string }>(
    'select path, checksum from sql_function_file',
  )
  const known = new Map(rows.map((row) => [row.path, row.checksum]))
  await inTransaction(client, async () => {
    for (const file of files) {
      const text = await readFile(file, 'utf8')
      const path = file.slice(file.indexOf('/kernel/') + 1)
      const sum = checksum(text)
      if (known.get(path) === sum) continue
      await client.query(text)
      await client.query(
        `insert into sql_function_file (path, checksum) values ($1, $2)
         on conflict (path) do update set checksum = excluded.checksum`,
        [path, sum],
      )
    }
  })
}

async function inTransaction(client: pg.Client, body: () => Promise<void>): Promise<void> {
  await client.query('begin')
  try {
    await body()
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
