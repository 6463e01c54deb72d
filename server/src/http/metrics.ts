import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { statement } from '../db/database.ts'
import { readChannelHealth } from '../kernel/channels/channel-health.ts'
import type { Context } from '../kernel/context.ts'
import { sumRefusals } from '../kernel/moderation/count-refusals.ts'
import { openFindings } from '../kernel/wallet/invariants.ts'

export type Metrics = {
  request: (method: string, route: string, status: number, code: string, ms: number) => void
  /** Sockets of live progress: those that are let in, what is sent to them, and why they end. */
  live: {
    sockets: (change: 1 | -1) => void
    message: (of: 'progress' | 'end') => void
    closed: (why: string) => void
  }
  /** The Prometheus text of this moment. */
  render: () => Promise<{ contentType: string; text: string }>
}

const tasksByState = statement(
  'tasks by state',
  `select state, count(*) as tasks, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest
   from task where state in ('queued', 'running', 'unknown') group by state`,
)

const BREAKER = { closed: 0, probing: 1, throttled: 2, open: 3 } as const

/** Counts what a site does. Failures are keyed by the kernel's code, since some documents answer 200 to them. */
export function createMetrics(context: Context, busyTasks: () => number): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ site: context.site })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const requests = new Counter({
    name: 'atelier_http_requests_total',
    help: 'Requests answered, by route, HTTP status and kernel code.',
    labelNames: ['method', 'route', 'status', 'code'],
    registers,
  })
  const seconds = new Histogram({
    name: 'atelier_http_request_seconds',
    help: 'Time to answer, by route.',
    labelNames: ['route'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 300],
    registers,
  })
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name, help, labelNames, registers })
  const open = gauge('atelier_tasks_open', 'Tasks that have not ended, by state.', ['state'])
  const oldest = gauge(
    'atelier_tasks_oldest_seconds',
    'Age of the oldest task that has not ended, by state.',
    ['state'],
  )
  const busy = gauge('atelier_worker_tasks', 'Tasks this process is working on.')
  const connections = gauge('atelier_db_connections', 'Database connections of this process.', ['state'])
  const findings = gauge('atelier_invariant_broken', 'An invariant that does not hold (1).', ['check'])

  const refused = new Counter({
    name: 'atelier_refused_content_total',
    help: 'What users of the site asked for and was refused, by a vendor or by the word list; of all its processes.',
    labelNames: ['kind', 'by'],
    registers,
  })
  const channelLabels = ['channel', 'model', 'provider']
  const underWay = gauge('atelier_channel_under_way', 'Jobs under way at a channel’s vendor.', channelLabels)
  const breaker = gauge(
    'atelier_channel_breaker',
    'Whether calls go to a channel’s vendor: 0 they do, 1 one is tried, 2 it is throttled, 3 none does.',
    channelLabels,
  )
  const attempts = gauge(
    'atelier_channel_attempts_last_hour',
    'Attempts that ended in the last hour, by outcome.',
    [...channelLabels, 'outcome'],
  )
  const median = gauge(
    'atelier_channel_median_seconds',
    'Median time to a result, of the last hour.',
    channelLabels,
  )
  const tellChannels = async (): Promise<void> => {
    for (const one of [underWay, breaker, attempts, median]) one.reset()
    for (const channel of await readChannelHealth(context)) {
      if (!channel.isEnabled && channel.underWay === 0) continue
      const labels = { channel: String(channel.id), model: channel.model, provider: channel.provider }
      underWay.set(labels, channel.underWay)
      breaker.set(labels, BREAKER[channel.vendor])
      attempts.set({ ...labels, outcome: 'succeeded' }, channel.succeeded)
      attempts.set({ ...labels, outcome: 'failed' }, channel.ended - channel.succeeded)
      if (channel.medianMs !== null) median.set(labels, channel.medianMs / 1000)
    }
  }

  const sockets = gauge('atelier_live_sockets', 'Sockets that are told of their tasks.')
  const messages = new Counter({
    name: 'atelier_live_messages_total',
    help: 'Messages sent to sockets, by what they tell.',
    labelNames: ['of'],
    registers,
  })
  const closed = new Counter({
    name: 'atelier_live_closed_total',
    help: 'Sockets that ended, by why.',
    labelNames: ['why'],
    registers,
  })

  return {
    live: {
      sockets: (change) => sockets.inc(change),
      message: (of) => messages.inc({ of }),
      closed: (why) => closed.inc({ why }),
    },
    request: (method, route, status, code, ms) => {
      requests.inc({ method, route, status, code })
      seconds.observe({ route }, ms / 1000)
    },
    render: async () => {
      busy.set(busyTasks())
      const { total, idle, waiting } = context.db.load()
      connections.set({ state: 'busy' }, total - idle)
      connections.set({ state: 'idle' }, idle)
      connections.set({ state: 'waited_for' }, waiting)
      const rows = await context.db.rows<{ state: string; tasks: bigint; oldest: number }>(tasksByState, [])
      for (const state of ['queued', 'running', 'unknown']) {
        const row = rows.find((one) => one.state === state)
        open.set({ state }, Number(row?.tasks ?? 0))
        oldest.set({ state }, row?.oldest ?? 0)
      }
      refused.reset()
      for (const { kind, by, times } of await sumRefusals(context)) refused.inc({ kind, by }, times)
      await tellChannels()
      findings.reset()
      for (const check of await openFindings(context)) findings.set({ check }, 1)
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}
