import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { DB } from './schema.ts'

/** Where one database is; what `pg` needs to connect. */
export type Connection = {
  host: string
  port: number
  user: string
  password: string
  database: string
  ssl?: boolean
}

/** A named statement: PostgreSQL parses and plans it once per connection. */
export type Statement = { name: string; text: string }

/** Names a statement. Names must be unique in the program. */
export function statement(name: string, text: string): Statement {
  return { name, text }
}

/** Something statements can be run on: the pool, or one transaction. */
export type Queryable = {
  /** Runs a statement and returns its rows. int8 arrives as `bigint`, timestamptz as `Date`. */
  rows: <Row>(what: Statement, values: readonly unknown[]) => Promise<Row[]>
}

export type Database = Queryable & {
  /** The query builder for ordinary queries: lists with filters, lookups that are not hot. */
  kysely: Kysely<DB>
  /** Runs `body` in one transaction; rolls back when it throws. */
  transaction: <T>(body: (within: Queryable) => Promise<T>) => Promise<T>
  /** Connections in use and callers waiting for one, for metrics. */
  load: () => { total: number; idle: number; waiting: number }
  pool: pg.Pool
  close: () => Promise<void>
}

const INT8 = 20
const TIMESTAMPTZ = 1184

const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return BigInt
    if (oid === TIMESTAMPTZ) return (text: string) => new Date(text)
    return pg.types.getTypeParser(oid, format)
  }) as typeof pg.types.getTypeParser,
}

/**
 * Opens the pool of one site's database. Connections that break are replaced by themselves; a statement that
 * was under way on one fails with the error of its connection.
 *
 * @param options.max how many connections the pool may have (the process's share of the cluster's budget).
 * @param options.onError told of connections that broke while idle.
 */
export function openDatabase(
  connection: Connection,
  options: { max: number; name: string; onError: (error: Error) => void },
): Database {
  const pool = new pg.Pool({
    ...connection,
    max: options.max,
    application_name: options.name,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 60_000,
    // A transaction whose process hangs must not hold wallet rows for ever.
    idle_in_transaction_session_timeout: 30_000,
    types,
  })
  // A pool client without an error handler ends the process when its backend is terminated.
  pool.on('error', options.onError)
  pool.on('connect', (client) => client.on('error', options.onError))

  const on = (client: pg.Pool | pg.PoolClient): Queryable => ({
    rows: async (what, values) => (await client.query({ ...what, values: values as unknown[] })).rows,
  })

  return {
    ...on(pool),
    kysely: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    transaction: async (body) => {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('begin')
        const result = await body(on(client))
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback').catch((rollbackError: Error) => {
          broken = rollbackError
        })
        throw error
      } finally {
        client.release(broken)
      }
    },
    load: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    pool,
    close: () => pool.end(),
  }
}
