import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { statement } from '../../src/db/database.ts'
import { createOutbound } from '../../src/files/fetch-remote.ts'
import { addConnection, serveModel } from '../../src/kernel/catalog/administer-connections.ts'
import { setLimits } from '../../src/kernel/channels/set-limits.ts'
import { submitTask } from '../../src/kernel/generation/submit.ts'
import { units } from '../../src/kernel/money.ts'
import { readBalance } from '../../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { createArk } from '../../src/providers/ark/ark.ts'
import { createDashScope } from '../../src/providers/dashscope/dashscope.ts'
import { buildSite, type TestSite } from '../build-site.ts'
import { createUser, pictureOf } from '../factories.ts'
import { no as arkNo, arkWire } from './ark-wire.ts'
import { dashScopeWire } from './dashscope-wire.ts'
import { type Misbehaviour, startVendorStandIn, type VendorStandIn } from './vendor-stand-in.ts'

// From a submitted task over a vendor's wire to a file of our own and a captured hold.

let site: TestSite
let dashscope: VendorStandIn
let ark: VendorStandIn

before(async () => {
  const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
  dashscope = await startVendorStandIn(dashScopeWire())
  ark = await startVendorStandIn(arkWire())
  site = await buildSite({ providers: [createDashScope(outbound), createArk(outbound)], outbound })
  for (const [name, { url, key }] of Object.entries({ dashscope, ark })) {
    const connection = { name, provider: name, url, secret: key ?? '', headers: {}, options: {} }
    await addConnection(site.context, connection)
    // How long a vendor wants to be left in peace is proved where it is decided.
    await setLimits(site.context, name, { askEveryMs: 0, asksPerSecond: 10_000 })
  }
  site.startWorker({ concurrency: 4 })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  await Promise.all([dashscope.close(), ark.close()])
  assert.deepEqual(findings, [])
})

const serve = (model: string, connection: string, vendorModel: string): Promise<void> =>
  serveModel(site.context, { model, connection, vendorModel, weight: 1, isOnly: true })

type Row = { state: string; failure: string | null; charged: bigint }
const readRow = statement(
  'task at dashscope or ark',
  'select state, failure, charged from task where id = $1',
)
// How long a vendor wants to be left in peace is proved where it is decided.
const hurry = statement(
  'hurry tasks at dashscope and ark',
  `update task set due_at = now() where due_at > now() and (state = 'queued' or (state = 'running' and worker is null))`,
)
type Kept = { store_key: string; media_type: string; width: number; height: number }
const readFiles = statement(
  'files of a task at dashscope or ark',
  `select f.store_key, f.media_type, f.width, f.height from file f join work w on w.id = f.work_id
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

async function bytesOf(file: Kept | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const stored = site.context.files.read(file?.store_key ?? assert.fail('no file'))
  for await (const chunk of stored) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const clip = () => ({
  ...pictureOf('waves'),
  kind: 'video' as const,
  input: { prompt: 'waves', width: 1280, height: 720, seconds: 5, fps: 24, seed: 7 },
})
const three = () => {
  const { input } = pictureOf('a house')
  return pictureOf('a house', { input: { ...input, count: 3 } })
}

for (const [vendor, model, standIn] of [
  ['dashscope', 'wan2.6-t2v', () => dashscope],
  ['ark', 'doubao-seedance-2-0-260128', () => ark],
] as const) {
  test(`a clip by ${vendor} is stored as our own file, and paid once`, async () => {
    await serve('animation_model', vendor, model)
    const user = await createUser(site.context, units(150))
    const before = standIn().count('submit')
    const { taskId } = await submitTask(site.context, user, clip())
    assert.deepEqual(await wallet(user), { available: units(50), held: units(100), spent: 0n })
    const task = await ended(taskId)
    assert.deepEqual([task.state, task.charged], ['succeeded', units(100)])
    assert.deepEqual(await wallet(user), { available: units(50), held: 0n, spent: units(100) })
    const [file] = task.files
    assert.deepEqual([file?.media_type, file?.width, file?.height], ['video/mp4', 64, 48])
    assert.equal((await bytesOf(file)).subarray(4, 8).toString('latin1'), 'ftyp')
    assert.equal(standIn().count('submit') - before, 1, 'submitted once')
  })
}

const asIs: Misbehaviour = { does: (good) => good }

for (const [vendor, model, refuseLast] of [
  [
    'dashscope, by tasks,',
    'wan2.2-t2i-plus',
    () => {
      const partly = ({ json }: { json?: unknown }) => ({
        json: JSON.parse(JSON.stringify(json), (name, value: unknown) =>
          name === 'results' && Array.isArray(value)
            ? [...value.slice(0, 2), { code: 'DataInspectionFailed', message: 'no' }]
            : value,
        ),
      })
      dashscope.next.poll.push(asIs, asIs, { does: partly })
    },
  ],
  [
    'ark',
    'doubao-seedream-4-5-251128',
    () => {
      const refused = arkNo(400, 'OutputImageSensitiveContentDetected', 'no')
      ark.next.submit.push(asIs, asIs, { does: refused })
    },
  ],
] as const) {
  test(`pictures by ${vendor} are stored, and paid for as many as came`, async () => {
    await serve('image_model', vendor.split(',')[0] ?? '', model)
    const user = await createUser(site.context, units(100))
    refuseLast()
    const { taskId } = await submitTask(site.context, user, three())
    const task = await ended(taskId)
    assert.deepEqual([task.state, task.charged, task.files.length], ['succeeded', units(40), 2])
    assert.deepEqual(await wallet(user), { available: units(60), held: 0n, spent: units(40) })
    for (const file of task.files) {
      const { format, width, height } = await sharp(await bytesOf(file)).metadata()
      assert.deepEqual([format, width, height], ['png', 96, 64], 'kept in its size')
    }
  })
}

test('pictures by dashscope at once are stored and paid; what it refuses is given back', async () => {
  await serve('image_model', 'dashscope', 'wan2.6-t2i')
  const user = await createUser(site.context, units(100))
  const first = await ended((await submitTask(site.context, user, three())).taskId)
  assert.deepEqual([first.charged, first.files.length], [units(60), 3])
  dashscope.next.submit.push({ does: { status: 400, json: { code: 'DataInspectionFailed', message: 'no' } } })
  const second = await ended((await submitTask(site.context, user, pictureOf('something'))).taskId)
  assert.deepEqual([second.state, second.failure, second.charged], ['failed', 'content', 0n])
  assert.deepEqual(await wallet(user), { available: units(40), held: 0n, spent: units(60) })
})
