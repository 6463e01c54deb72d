import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { addConnection, serveModel } from '../../src/kernel/catalog/administer-connections.ts'
import type { Context } from '../../src/kernel/context.ts'
import { submitTask } from '../../src/kernel/generation/submit.ts'
import { sweepTasks } from '../../src/kernel/generation/sweep.ts'
import { units } from '../../src/kernel/money.ts'
import { toTextInput } from '../../src/kernel/tools/text-input.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { createOpenAiCompatible } from '../../src/providers/openai/openai.ts'
import { createRunway } from '../../src/providers/runway/runway.ts'
import { buildSite } from '../build-site.ts'
import { createUser, pictureOf } from '../factories.ts'
import { createLoopbackOutbound } from '../providers/loopback-outbound.ts'
import { type Fault, startStormVendor } from './storm-vendor.ts'

/** How a storm went; every figure is counted, none estimated. */
export type StormReport = {
  tasks: number
  seconds: number
  /** Submits that met a fault, of all submits. */
  faults: number
  sent: number
  /** By state; a task that stayed unknown was ended by its deadline. */
  succeeded: number
  failed: number
  endedByDeadline: number
  /** In 1/10000 credit. */
  held: bigint
  captured: bigint
  released: bigint
  /** Jobs sent again although an earlier one may have been done. */
  blind: number
  /** Tasks whose users paid, and jobs that the vendor charges for. */
  paidTasks: number
  billedJobs: number
  /** By the first fault a task met: how its tasks ended. */
  byFault: Map<Fault | 'none', Map<string, number>>
}

const USERS = 20
const FAULT_RATE = 0.3

/**
 * Runs so many tasks (pictures, texts and clips) through vendors that misbehave in three of ten submits, until every task
 * has ended, and compares what users paid with what the vendor was asked for. Throws where the books are not true.
 */
export async function runStorm(tasks: number, seed = 20_261_126): Promise<StormReport> {
  const vendor = await startStormVendor(FAULT_RATE, randomFrom(seed))
  const outbound = createLoopbackOutbound()
  const site = await buildSite({
    dialect: aiCreator,
    providers: [createOpenAiCompatible(outbound), createRunway(outbound)],
    outbound,
    preset: { membersGenerateFree: false },
  })
  const { context } = site
  try {
    await serve(context, vendor)
    const users = await Promise.all(
      Array.from({ length: USERS }, () => createUser(context, units(50 * Math.ceil(tasks / USERS) + 50))),
    )
    const worker = site.startWorker({ concurrency: 64 })
    const began = performance.now()
    const markers = new Map<bigint, string>()
    let next = 0
    const submitSome = async (): Promise<void> => {
      while (next < tasks) {
        const place = next
        next += 1
        const user = users[place % users.length]
        assert.ok(user)
        const marker = `storm-${place}`
        const { taskId } = await submitTask(context, user, submissionOf(place, marker))
        markers.set(taskId, marker)
      }
    }
    await Promise.all(Array.from({ length: 8 }, submitSome))
    await settle(context, () => worker.busy())
    const seconds = (performance.now() - began) / 1000
    const endedByDeadline = await endUnknown(context)
    assert.deepEqual(await verifyLedger(context), [], 'the books are not true')
    return { tasks, seconds, endedByDeadline, ...(await tally(context, markers, vendor.records)) }
  } finally {
    await site.close()
    await vendor.close()
  }
}

async function serve(context: Context, vendor: { openai: string; runway: string }): Promise<void> {
  const headers = {}
  const secret = 'key-of-the-storm-0123456789'
  // Silence is given up after a second instead of minutes.
  const options = { timeout_seconds: 1 }
  await addConnection(context, {
    name: 'pictures',
    provider: 'openai',
    url: vendor.openai,
    secret,
    headers,
    options,
  })
  await addConnection(context, {
    name: 'clips',
    provider: 'runway',
    url: vendor.runway,
    secret,
    headers,
    options,
  })
  const serveBy = (model: string, connection: string, vendorModel: string): Promise<void> =>
    serveModel(context, { model, connection, vendorModel, weight: 1, isOnly: true })
  await serveBy('image_model', 'pictures', 'gpt-image-1.5')
  await serveBy('text_model', 'pictures', 'gpt-5-mini')
  await serveBy('video_model', 'clips', 'gen4.5')
}

/** Half pictures, a third texts, a sixth clips. */
function submissionOf(place: number, marker: string): Parameters<typeof submitTask>[2] {
  const prompt = `雨中的城市 #${marker}#`
  const picture = pictureOf(prompt)
  const { parameters, idempotencyKey, origin, model } = picture
  const rest = { parameters, idempotencyKey, origin, model }
  switch (place % 6) {
    case 0:
    case 2:
    case 4:
      return picture
    case 1:
    case 3:
      return { ...toTextInput(aiCreator.preset, 'news_article', { topic: prompt, title: prompt }), ...rest }
    default:
      return {
        kind: 'video',
        input: { prompt, width: 1_280, height: 720, seconds: 5, fps: 24, seed: 7 },
        ...rest,
      }
  }
}

/** Until nothing waits and nothing runs; what is unknown waits for its deadline. */
async function settle(context: Context, busy: () => number): Promise<void> {
  for (;;) {
    const { rows } = await context.db.pool.query<{ open: number }>(
      `select count(*)::int as open from task where state in ('queued', 'running')`,
    )
    if (rows[0]?.open === 0 && busy() === 0) return
    await sleep(250)
  }
}

async function endUnknown(context: Context): Promise<number> {
  await context.db.pool.query(
    `update task set deadline = now() - interval '1 second' where state = 'unknown'`,
  )
  let ended = 0
  for (;;) {
    const swept = await sweepTasks(context)
    if (swept.ended === 0) return ended
    ended += swept.ended
  }
}

type Tally = Omit<StormReport, 'tasks' | 'seconds' | 'endedByDeadline'>

async function tally(
  context: Context,
  markers: ReadonlyMap<bigint, string>,
  records: Awaited<ReturnType<typeof startStormVendor>>['records'],
): Promise<Tally> {
  const { rows } = await context.db.pool.query<{
    id: bigint
    state: string
    charged: bigint
    failure: string | null
  }>('select id, state, charged, failure from task')
  const holds = await context.db.pool.query<{
    held: bigint
    captured: bigint
    released: bigint
    open: number
  }>(
    `select sum(amount)::bigint as held, sum(captured)::bigint as captured,
       sum(amount - captured)::bigint as released, count(*) filter (where state = 'open')::int as open from hold`,
  )
  const sums = holds.rows[0]
  assert.ok(sums && sums.open === 0, 'a hold is open')
  const byFault: StormReport['byFault'] = new Map()
  for (const { id, state, failure } of rows) {
    const fault = records.get(markers.get(id) ?? '')?.faults[0] ?? 'none'
    const ends = byFault.get(fault) ?? new Map<string, number>()
    byFault.set(fault, ends)
    const end = failure === null ? state : `${state}: ${failure}`
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  const dealings = [...records.values()]
  const sum = (of: (one: (typeof dealings)[number]) => number): number =>
    dealings.reduce((all, one) => all + of(one), 0)
  return {
    faults: sum((one) => one.faults.length),
    sent: sum((one) => one.sent),
    succeeded: rows.filter(({ state }) => state === 'succeeded').length,
    failed: rows.filter(({ state }) => state === 'failed').length,
    held: sums.held,
    captured: sums.captured,
    released: sums.released,
    blind: sum((one) => one.blind),
    paidTasks: rows.filter(({ charged }) => charged > 0n).length,
    billedJobs: sum((one) => one.billed),
    byFault,
  }
}

/** Mulberry32: the same storm for the same seed, as far as the order of requests is the same. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
