import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { User } from './accounts.ts'
import type { Client } from './client.ts'
import { type Machine, SITE } from './machine.ts'

/** Connects straight to the site's database, past Atelier. The rig never joins the cluster: it would supervise it. */
export async function connect(machine: Machine, site: string = SITE): Promise<pg.Client> {
  const file = (name: string): string => readFileSync(join(machine.dataDir, name), 'utf8').trim()
  const client = new pg.Client({
    host: file('run/socket-folder'),
    port: 5432,
    user: 'atelier',
    password: file('postgres-password'),
    database: `atelier_${site.replaceAll('-', '_')}`,
    application_name: 'crash test',
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

export type Watched = {
  /** Longest that a due task waited although the database and a worker were there, in ms. */
  longestStuckMs: number
  /** Oldest task seen that had not ended, in ms. */
  oldestOpenMs: number
  looks: number
}

/** When the site last answered a question that needs the database; for how long it was away after a kill. */
export type Probe = { askedAt: number; answeredAt: number }

const LOOK_EVERY_MS = 200
const PROBE_EVERY_MS = 100
const PROBE_TIMEOUT_MS = 5_000

const openTasks = `select count(*)::int as open,
    coalesce(extract(epoch from now() - min(due_at)) * 1000, 0)::float8 as overdue,
    coalesce(extract(epoch from now() - min(created_at)) * 1000, 0)::float8 as oldest
  from task where state in ('queued', 'running', 'unknown')`

/** Watches queue and site until stopped. */
export function startWatch(
  machine: Machine,
  client: Client,
  prober: User,
): { watched: Watched; probes: Probe[]; stop: () => Promise<void> } {
  const watched: Watched = { longestStuckMs: 0, oldestOpenMs: 0, looks: 0 }
  const probes: Probe[] = []
  let stopping = false
  const both = [watchQueue(machine, watched, () => stopping), probe(client, prober, probes, () => stopping)]
  return {
    watched,
    probes,
    stop: async () => {
      stopping = true
      await Promise.all(both)
    },
  }
}

async function watchQueue(machine: Machine, watched: Watched, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    let database: pg.Client | undefined
    try {
      database = await connect(machine)
      const connectedAt = performance.now()
      while (!isOver()) {
        const { rows } = await database.query<{ overdue: number; oldest: number }>(openTasks)
        const [row] = rows
        if (row) judge(machine, watched, row, connectedAt)
        await sleep(LOOK_EVERY_MS)
      }
    } catch {
      // The server is away, which is the point of the test.
      await sleep(50)
    } finally {
      await database?.end().catch(() => {})
    }
  }
}

/** A task is stuck for as long as it is due while nothing that it needs is missing. */
function judge(
  machine: Machine,
  watched: Watched,
  row: { overdue: number; oldest: number },
  connectedAt: number,
): void {
  const readyTimes = machine.units.flatMap(({ role, readyAt }) =>
    role === 'worker' && readyAt ? [readyAt] : [],
  )
  const allThereSince = Math.max(connectedAt, Math.min(...readyTimes))
  const stuckMs = Math.min(row.overdue, performance.now() - allThereSince)
  watched.looks += 1
  watched.longestStuckMs = Math.max(watched.longestStuckMs, stuckMs)
  watched.oldestOpenMs = Math.max(watched.oldestOpenMs, row.oldest)
}

async function probe(client: Client, user: User, probes: Probe[], isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const askedAt = performance.now()
    const answer = await client.call('GET', '/token/balance', {
      token: user.token,
      timeoutMs: PROBE_TIMEOUT_MS,
    })
    if (answer.kind === 'reply' && answer.success) probes.push({ askedAt, answeredAt: performance.now() })
    await sleep(PROBE_EVERY_MS)
  }
}
