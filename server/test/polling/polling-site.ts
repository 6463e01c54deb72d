// A worker process of the polling rig: one or two sites that have the same credential at the same vendor.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { answer, cpuMs } from '../../../bench/child.ts'
import { seedUsers } from '../../../bench/seed.ts'
import type { Connection } from '../../src/db/database.ts'
import { cameo } from '../../src/dialects/cameo/dialect.ts'
import { waliassets } from '../../src/dialects/waliassets/dialect.ts'
import { createOutbound } from '../../src/files/fetch-remote.ts'
import type { TaskWorker } from '../../src/jobs/task-worker.ts'
import { startTaskWorker } from '../../src/jobs/task-worker.ts'
import { addConnection, serveModel } from '../../src/kernel/catalog/administer-connections.ts'
import { submitTask } from '../../src/kernel/generation/submit.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import type { Provider, VendorLimits } from '../../src/kernel/ports/provider.ts'
import { ProviderError } from '../../src/kernel/ports/provider.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { createAskPace } from '../../src/limits/ask-pace.ts'
import { createLog } from '../../src/log.ts'
import type { Site } from '../../src/site.ts'
import { createSite } from '../../src/site.ts'

export type Place = {
  databases: Connection[]
  dataDir: string
  vendor: string
  limits: VendorLimits
  checkAfterMs: number
  /** Set for the first process only. */
  isFirst: boolean
}

const DIALECTS = [waliassets, cameo]
const LEAD_MS = 5_000

const sites: Site[] = []
let workers: TaskWorker[] = []
let statements = new Map<string, number>()
let peakBusy = 0

/** A vendor's adapter as the others are: it asks over the one way out of the house. */
function createClips(outbound: Outbound, place: Place): Provider {
  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ) => {
    const reply = await outbound(`${place.vendor}${path}`, {
      ...{ method, headers, signal, timeoutMs: 30_000, maxBytes: 65_536, isOperatorConfigured: true },
    }).catch((cause: unknown): never => {
      throw new ProviderError('unavailable', 'no answer', { cause })
    })
    if (reply.status === 429) {
      const retryAfterMs = Number(reply.headers['retry-after'] ?? 1) * 1_000
      throw new ProviderError('throttled', 'asked too often', { retryAfterMs })
    }
    return JSON.parse(Buffer.from(reply.body).toString()) as { id: number; state: string; clip: string }
  }
  return {
    name: 'clips',
    kinds: ['video'],
    repeatable: false,
    concurrency: 100,
    limits: place.limits,
    start: async (_job, { reference, signal }) => {
      const { id } = await ask('POST', '/jobs', { 'x-reference': reference }, signal)
      return { state: 'pending', operation: { id }, checkAfterMs: place.checkAfterMs }
    },
    check: async (operation, { signal }) => {
      const { id } = operation as { id: number }
      const { state, clip } = await ask('GET', `/jobs/${id}`, {}, signal)
      if (state !== 'done') return { state: 'pending', operation, checkAfterMs: place.checkAfterMs }
      return { state: 'done', outputs: [{ url: `${place.vendor}${clip}`, isOperatorConfigured: true }] }
    },
  }
}

const siteAt = (index: number): Site => {
  const site = sites[index]
  if (!site) throw new Error('no such site')
  return site
}

const commands = {
  cpuMs,
  open: async (place: Place): Promise<void> => {
    const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
    const askPace = createAskPace()
    for (const [index, connection] of place.databases.entries()) {
      const dialect = DIALECTS[index]
      if (!dialect) throw new Error('more databases than dialects')
      const site = await createSite({
        ...{ dialect, connection, connections: 10, dataDir: place.dataDir, publicUrl: 'http://localhost' },
        secretKey: 'a test secret of more than thirty-two bytes',
        mail: { smtpUrl: null, mailFrom: 'Atelier <no-reply@localhost>' },
        ...{ providers: [createClips(outbound, place)], gateways: [], platforms: [], outbound, askPace },
        log: createLog('error'),
      })
      sites.push(site)
      const { context } = site
      const { rows } = context.db
      context.db.rows = (what, values) => {
        statements.set(what.name, (statements.get(what.name) ?? 0) + 1)
        return rows(what, values)
      }
      if (!place.isFirst) continue
      const secret = 'one key for both sites'
      await addConnection(context, {
        ...{ name: 'clips', provider: 'clips', url: place.vendor, options: {}, secret, headers: {} },
      })
      const model = context.catalog.models().find(({ kind }) => kind === 'video')?.name ?? ''
      const serving = { model, connection: 'clips', vendorModel: 'clip-1', weight: 1, isOnly: true }
      await serveModel(context, serving)
    }
  },
  /** Has so many clips made for the users of a site. */
  submit: async ({ site, clips }: { site: number; clips: number }): Promise<void> => {
    const { context } = siteAt(site)
    const users = await seedUsers(context, context.db.pool, Math.min(clips, 64))
    const input = { prompt: 'a lantern on a river', width: 64, height: 64, seconds: 5, fps: 10, seed: 7 }
    await Promise.all(
      users.map(async (user, index) => {
        for (let at = index; at < clips; at += users.length)
          await submitTask(context, user, {
            ...{ kind: 'video', model: null, input, parameters: {}, idempotencyKey: null },
            origin: { ip: null, device: null },
          })
      }),
    )
  },
  work: async (): Promise<void> => {
    workers = sites.map(({ context }) => startTaskWorker(context, { concurrency: 32 }))
    setInterval(() => {
      peakBusy = Math.max(peakBusy, ...workers.map((worker) => worker.busy()))
    }, 100).unref()
  },
  /** What is really in use, once the garbage is gone; in MiB. */
  heap: async (): Promise<number> => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    return process.memoryUsage().heapUsed / 1_048_576
  },
  stop: async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.stop(LEAD_MS)))
  },
  /** Tasks by state over all sites; those that wait at the vendor are `asked`. */
  states: async (): Promise<Record<string, number>> => {
    const states: Record<string, number> = {}
    for (const { context } of sites) {
      const { rows } = await context.db.pool.query<{ state: string; tasks: number }>(
        `select case when state = 'running' and operation is not null then 'asked' else state end as state,
           count(*)::int as tasks from task group by 1`,
      )
      for (const { state, tasks } of rows) states[state] = (states[state] ?? 0) + tasks
    }
    return states
  },
  /** Statements since the last time, by name; commits of the databases until now; tasks held at most. */
  took: async (): Promise<{ statements: Map<string, number>; commits: number; peakBusy: number }> => {
    const taken = statements
    statements = new Map()
    let commits = 0
    for (const { context } of sites) {
      const { rows } = await context.db.pool.query<{ commits: string }>(
        'select xact_commit::text as commits from pg_stat_database where datname = current_database()',
      )
      commits += Number(rows[0]?.commits ?? 0)
    }
    return { statements: taken, commits, peakBusy }
  },
  /** What does not hold in the books, and holds that are still open. */
  books: async (): Promise<unknown[]> => {
    const found: unknown[] = []
    for (const { context } of sites) {
      found.push(...(await verifyLedger(context)))
      const { rows } = await context.db.pool.query(`select id from hold where state = 'open'`)
      found.push(...rows)
    }
    return found
  },
  close: async (): Promise<void> => {
    for (const { close } of sites) await close()
  },
}

export type PollingSite = typeof commands

answer(commands)
