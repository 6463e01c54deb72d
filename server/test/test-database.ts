import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Connection } from '../src/db/database.ts'

export const TEMPLATE_DATABASE = 'atelier_template'

/** Connects to the run's cluster as its superuser and runs one statement in the database `postgres`. */
export async function runAsSuperuser(text: string): Promise<pg.QueryResult> {
  const client = new pg.Client(clusterConnection())
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

/** A fresh migrated database of its own; about 30 ms. */
export async function createTestDatabase(): Promise<Connection & { drop: () => Promise<void> }> {
  const database = `test_${randomBytes(6).toString('hex')}`
  await runAsSuperuser(`create database ${database} template ${TEMPLATE_DATABASE}`)
  return {
    ...clusterConnection(),
    database,
    drop: async () => void (await runAsSuperuser(`drop database if exists ${database} with (force)`)),
  }
}

function clusterConnection(): Connection {
  const text = process.env.ATELIER_TEST_CONNECTION
  if (!text)
    throw new Error('No test cluster: run the tests with "npm test", or "npm test -- <file>" for one file.')
  return JSON.parse(text)
}
