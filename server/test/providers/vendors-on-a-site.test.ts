import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { statement } from '../../src/db/database.ts'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { createOutbound } from '../../src/files/fetch-remote.ts'
import { addConnection, serveModel } from '../../src/kernel/catalog/administer-connections.ts'
import { setLimits } from '../../src/kernel/channels/set-limits.ts'
import { advanceTask } from '../../src/kernel/generation/advance.ts'
import { claimTasks } from '../../src/kernel/generation/claim.ts'
import { submitTask } from '../../src/kernel/generation/submit.ts'
import { readTaskById } from '../../src/kernel/generation/task.ts'
import { units } from '../../src/kernel/money.ts'
import { toTextInput } from '../../src/kernel/tools/text-input.ts'
import { readBalance } from '../../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { readWork } from '../../src/kernel/works/work.ts'
import { createGoogle } from '../../src/providers/google/google.ts'
import { createRunway } from '../../src/providers/runway/runway.ts'
import { createStability } from '../../src/providers/stability/stability.ts'
import { buildSite, type TestSite } from '../build-site.ts'
import { createUser, pictureOf } from '../factories.ts'
import { aTool } from '../fakes/writing.ts'
import { googleWire } from './google-wire.ts'
import { runwayWire } from './runway-wire.ts'
import { stabilityWire } from './stability-wire.ts'
import { type Misbehaviour, startVendorStandIn, type VendorStandIn } from './vendor-stand-in.ts'

// From a submitted task over a vendor's wire to a file of our own and a captured hold.

/** How long a vendor wants to be left in peace is proved where it is decided. */
const IN_A_HURRY = { askEveryMs: 0, asksPerSecond: 10_000 }

let site: TestSite
let google: VendorStandIn
let stability: VendorStandIn
let runway: VendorStandIn

before(async () => {
  const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
  google = await startVendorStandIn(googleWire())
  stability = await startVendorStandIn(stabilityWire)
  runway = await startVendorStandIn(runwayWire())
  const providers = [createGoogle(outbound), createStability(outbound), createRunway(outbound)]
  site = await buildSite({ providers, outbound })
  for (const [name, { url, key }] of Object.entries({ google, stability, runway })) {
    await addConnection(site.context, {
      name,
      provider: name,
      url,
      secret: key ?? '',
      headers: {},
      options: {},
    })
    await setLimits(site.context, name, IN_A_HURRY)
  }
  site.startWorker({ concurrency: 4 })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await Promise.all([google.close(), stability.close(), runway.close()])
  assert.deepEqual(findings, [])
})

const serve = (model: string, connection: string, vendorModel: string): Promise<void> =>
  serveModel(site.context, { model, connection, vendorModel, weight: 1, isOnly: true })

type Row = { state: string; failure: string | null; charged: bigint }
const readRow = statement('vendor task', 'select state, failure, charged from task where id = $1')
const hurry = statement(
  'hurry vendor tasks',
  `update task set due_at = now() where due_at > now() and (state = 'queued' or (state = 'running' and worker is null))`,
)
type Kept = {
  store_key: string
  media_type: string
  width: number
  height: number
  duration_ms: number | null
}
const readFiles = statement(
  'files of vendor task',
  `select f.store_key, f.media_type, f.width, f.height, f.duration_ms from file f join work w on w.id = f.work_id
   where w.task_id = $1 and f.role = 'output' order by f.position`,
)

async function ended(taskId: bigint): Promise<Row & { files: Kept[] }> {
  for (let times = 0; times < 500; times += 1) {
    const [row] = await site.context.db.rows<Row>(readRow, [taskId])
    if (row && ['succeeded', 'failed'].includes(row.state)) {
      return { ...row, files: await site.context.db.rows<Kept>(readFiles, [taskId]) }
    }
    await site.context.db.rows(hurry, [])
    site.context.events.publish('queue')
    await sleep(20)
  }
  return assert.fail('it goes on for ever')
}

async function wallet(user: { accountId: bigint }) {
  const { available, held, spent } = await readBalance(site.context, user)
  return { available, held, spent }
}

const clip = () => ({
  ...pictureOf('waves'),
  kind: 'video' as const,
  input: { prompt: 'waves', width: 1280, height: 720, seconds: 6, fps: 24, seed: 7 },
})

async function bytesOf(file: Kept | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const stored = site.context.files.read(file?.store_key ?? assert.fail('no file'))
  for await (const chunk of stored) chunks.push(chunk)
  return Buffer.concat(chunks)
}

for (const [vendor, model, standIn] of [
  ['google', 'veo-3.1-fast-generate-preview', () => google],
  ['runway', 'gen4.5', () => runway],
] as const) {
  test(`a clip by ${vendor} is stored as our own file, and paid once`, async () => {
    await serve('animation_model', vendor, model)
    const user = await createUser(site.context, units(150))
    const { taskId } = await submitTask(site.context, user, clip())
    assert.deepEqual(await wallet(user), { available: units(50), held: units(100), spent: 0n })
    const task = await ended(taskId)
    assert.deepEqual([task.state, task.charged], ['succeeded', units(100)])
    assert.deepEqual(await wallet(user), { available: units(50), held: 0n, spent: units(100) })
    const [file] = task.files
    assert.deepEqual([file?.media_type, file?.width, file?.height], ['video/mp4', 64, 48])
    assert.equal((await bytesOf(file)).subarray(4, 8).toString('latin1'), 'ftyp')
    assert.deepEqual([standIn().count('submit'), standIn().accepted()], [1, 1], 'submitted once')
  })
}

test('pictures by stability are stored and paid for as many as came', async () => {
  await serve('image_model', 'stability', 'core')
  const user = await createUser(site.context, units(100))
  const filtered = { image: '', finish_reason: 'CONTENT_FILTERED', seed: 1 }
  const asIs: Misbehaviour = { does: (good) => good }
  stability.next.submit.push(asIs, asIs, { does: { json: filtered } })
  const input = { ...pictureOf('a house').input, count: 3 }
  const { taskId } = await submitTask(site.context, user, pictureOf('a house', { input }))
  const task = await ended(taskId)
  assert.deepEqual([task.state, task.charged, task.files.length], ['succeeded', units(40), 2])
  assert.deepEqual(await wallet(user), { available: units(60), held: 0n, spent: units(40) })
  for (const file of task.files) {
    const { format, width } = await sharp(await bytesOf(file)).metadata()
    assert.deepEqual([format, width], ['png', 256])
  }
})

test('a picture by google is stored and paid once; one that it refuses is given back', async () => {
  await serve('image_model', 'google', 'gemini-3.1-flash-image')
  const user = await createUser(site.context, units(100))
  const first = await submitTask(site.context, user, pictureOf('a house'))
  assert.deepEqual(
    (await ended(first.taskId)).files.map(({ media_type }) => media_type),
    ['image/png'],
  )
  google.next.submit.push({ does: { json: { candidates: [{ finishReason: 'IMAGE_SAFETY' }] } } })
  const second = await submitTask(site.context, user, pictureOf('something else'))
  const { state, failure, charged } = await ended(second.taskId)
  assert.deepEqual([state, failure, charged], ['failed', 'content', 0n])
  assert.deepEqual(await wallet(user), { available: units(80), held: 0n, spent: units(20) })
})

test('a text by google is written and paid once; one that it blocks is given back', async () => {
  const writing = await buildSite({
    dialect: aiCreator,
    providers: [createGoogle(createOutbound({ allow: ['127.0.0.0/8'] }))],
    preset: { writingTools: [aTool] },
  })
  try {
    const { context } = writing
    const secret = google.key ?? ''
    const vendor = { name: 'google', provider: 'google', url: google.url, secret, headers: {}, options: {} }
    await addConnection(context, vendor)
    const model =
      context.catalog.models().find(({ kind }) => kind === 'text')?.name ?? assert.fail('no model')
    await serveModel(context, {
      model,
      connection: 'google',
      vendorModel: 'gemini-3.8-flash',
      weight: 1,
      isOnly: true,
    })
    const user = await createUser(context, units(100))
    const write = async (topic: string) => {
      const input = toTextInput(context.preset, aTool.name, { topic })
      const origin = { ip: null, device: null }
      const common = { model, parameters: {}, idempotencyKey: null, origin }
      const { taskId } = await submitTask(context, user, { ...input, ...common })
      const [task] = await claimTasks(context, 'test', 1, 60_000)
      assert.equal(task?.id, taskId)
      if (task) await advanceTask(context, task, new AbortController().signal)
      return readTaskById(context, user, taskId)
    }
    const { state, workId, cost } = await write('春天')
    assert.equal(state, 'succeeded')
    assert.equal((await readWork(context, user, workId)).text, '春眠不觉晓🙂。')
    const paid = await readBalance(context, user)
    assert.deepEqual([paid.held, paid.spent], [0n, cost])
    const blocked = { json: { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } } }
    google.next.submit.push({ does: blocked })
    assert.equal((await write('别的')).failure, 'content')
    assert.equal((await readBalance(context, user)).available, paid.available)
    assert.deepEqual(await verifyLedger(context), [])
  } finally {
    await writing.close()
  }
})
