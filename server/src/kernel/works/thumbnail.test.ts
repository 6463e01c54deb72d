import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { tinyClip } from '../../../test/contracts/stage.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { statement } from '../../db/database.ts'
import { advanceTask } from '../generation/advance.ts'
import { claimTasks } from '../generation/claim.ts'
import { submitTask } from '../generation/submit.ts'
import { units } from '../money.ts'
import type { Output } from '../ports/provider.ts'
import { deleteWork } from './delete.ts'
import { thumbnailKey } from './store-key.ts'
import { sweepFiles } from './sweep.ts'
import { makeThumbnail } from './thumbnail.ts'

let site: TestSite
let provider: FakeProvider
before(async () => {
  provider = createFakeProvider()
  site = await buildSite({ providers: [provider] })
})
after(() => site.close())

const drawn = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#336699' } })
    .png()
    .toBuffer()
const output = (bytes: Uint8Array, poster?: Uint8Array): Output => ({
  ...{ bytes, mediaType: 'image/png', width: 1, height: 1 },
  ...(poster && { poster }),
})

type Made = {
  actor: { accountId: bigint }
  workId: bigint
  keys: string[]
  rows: { role: string; store_key: string }[]
}

/** A finished task with these outputs. */
async function finish(...outputs: Output[]): Promise<Made> {
  const actor = { accountId: (await createUser(site.context, units(100))).accountId }
  provider.next.push(async () => ({ state: 'done', outputs }))
  const { taskId } = await submitTask(site.context, actor, pictureOf('小图'))
  const [task] = await claimTasks(site.context, 'test', 1, 60_000)
  assert.ok(task)
  await advanceTask(site.context, task, new AbortController().signal)
  const rows = await site.context.db.rows<{ id: bigint; role: string; store_key: string }>(
    statement(
      'files of work',
      `select w.id, f.role, f.store_key from work w join file f on f.work_id = w.id where w.task_id = $1
       order by f.role, f.position`,
    ),
    [taskId],
  )
  const keys = rows.filter(({ role }) => role === 'output').map(({ store_key }) => store_key)
  return { actor, workId: rows[0]?.id ?? 0n, keys, rows }
}

async function stored(): Promise<string[]> {
  const names = await readdir(join(site.dataDir, 'files', 'waliassets'), { recursive: true })
  return names.filter((name) => name.includes('/')).map((name) => name.slice(3))
}
const get = (key: string) => site.app.inject({ url: `/files/${key}` })

test('a thumbnail is made when it is first asked for, once, and served like any file', async () => {
  const { keys } = await finish(output(await drawn(640, 320)))
  const key = thumbnailKey(site.context, keys[0] ?? '')
  assert.equal((await stored()).includes(key), false, 'not before')
  const { put } = site.context.files
  let puts = 0
  site.context.files.put = (...file) => {
    puts += 1
    return put(...file)
  }
  const replies = await Promise.all(Array.from({ length: 8 }, () => get(key)))
  site.context.files.put = put
  assert.equal(puts, 1)
  for (const reply of [...replies, await get(key)]) {
    assert.deepEqual([reply.statusCode, reply.headers['content-type']], [200, 'image/webp'])
    const { width, height } = await sharp(reply.rawPayload).metadata()
    assert.deepEqual([width, height], [320, 160])
  }
  assert.equal((await site.app.inject({ method: 'HEAD', url: `/files/${key}` })).statusCode, 200)
})

test('a small picture is not made larger, and one that lies on its side is turned', async () => {
  const turned = await sharp(await drawn(640, 320))
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
  const { keys } = await finish(output(await drawn(8, 8)), output(turned))
  const sizes = await Promise.all(
    keys.map(async (key) => {
      const { width, height } = await sharp(
        (await get(thumbnailKey(site.context, key))).rawPayload,
      ).metadata()
      return [width, height]
    }),
  )
  assert.deepEqual(sizes, [
    [8, 8],
    [160, 320],
  ])
})

test('of a clip it is made from its poster, which is stored with it; without one there is none', async () => {
  const step = await tinyClip()
  const [made] = step.state === 'done' ? step.outputs : []
  assert.ok(made && 'bytes' in made)
  const { keys, rows } = await finish(
    output(made.bytes, await drawn(400, 200)),
    output(made.bytes),
    output(made.bytes, Buffer.from('<svg/>')),
  )
  assert.deepEqual(
    rows.map(({ role, store_key }) => [role, store_key.split('.')[1]]),
    [
      ['output', 'mp4'],
      ['output', 'mp4'],
      ['output', 'mp4'],
      ['poster', 'png'],
    ],
  )
  const [withPoster, ...without] = await Promise.all(keys.map((key) => get(thumbnailKey(site.context, key))))
  const { width, height } = await sharp(withPoster?.rawPayload).metadata()
  assert.deepEqual([width, height], [320, 160])
  assert.deepEqual(
    without.map((reply) => reply.statusCode),
    [404, 404],
  )
})

test('whoever knows a thumbnail knows no output, and whoever knows an output no other one', async () => {
  const { keys } = await finish(output(await drawn(64, 64)), output(await drawn(64, 64)))
  const [first = '', second = ''] = keys
  const thumbnail = thumbnailKey(site.context, first)
  assert.match(thumbnail, /^[a-z2-7]{45}\.webp$/)
  for (const [one, other] of [
    [first, second],
    [first, thumbnail],
    [second, thumbnail],
  ] as const) {
    assert.notEqual(one.slice(25, 45), other.slice(25, 45))
  }
  const guess = `${thumbnail.slice(0, 44)}${thumbnail[44] === 'a' ? 'b' : 'a'}.webp`
  assert.equal((await get(guess)).statusCode, 404)
  // An output's own part with the ending of a thumbnail is not its thumbnail.
  assert.equal((await get(`${first.slice(0, 45)}.webp`)).statusCode, 404)
})

test('with a deleted work its thumbnails go, and no new ones are made', async () => {
  const { actor, workId, keys } = await finish(output(await drawn(64, 64)), output(await drawn(64, 64)))
  const [made = '', never = ''] = keys.map((key) => thumbnailKey(site.context, key))
  assert.equal((await get(made)).statusCode, 200)
  await deleteWork(site.context, actor, workId)
  assert.equal((await get(never)).statusCode, 404)
  await sweepFiles(site.context)
  assert.equal((await get(made)).statusCode, 404)
  const names = await stored()
  assert.deepEqual(
    names.filter((name) => name.startsWith(made.slice(0, 20))),
    [],
  )
})

test('a thumbnail that is made while its work is deleted does not stay', async () => {
  const { actor, workId, keys } = await finish(output(await drawn(64, 64)))
  const key = thumbnailKey(site.context, keys[0] ?? '')
  const { put } = site.context.files
  site.context.files.put = async (...file) => {
    await deleteWork(site.context, actor, workId)
    await sweepFiles(site.context)
    await put(...file)
  }
  try {
    assert.equal((await get(key)).statusCode, 404)
  } finally {
    site.context.files.put = put
  }
  assert.equal((await stored()).includes(key), false)
})

test('a picture that turns out to be broken has no thumbnail, and nobody is told why', async () => {
  const { keys } = await finish(output((await drawn(640, 640)).subarray(0, 60)))
  const [key = ''] = keys
  await writeFile(join(site.dataDir, 'files', 'waliassets', key.slice(0, 2), key), 'no picture any more')
  const reply = await get(thumbnailKey(site.context, key))
  assert.deepEqual([reply.statusCode, reply.headers['cache-control']], [404, 'no-store'])
})

test('two processes that make the same thumbnail at once agree', async () => {
  const { keys } = await finish(output(await drawn(640, 320)))
  const key = thumbnailKey(site.context, keys[0] ?? '')
  const other = await site.another()
  assert.deepEqual(await Promise.all([makeThumbnail(site.context, key), makeThumbnail(other, key)]), [
    true,
    true,
  ])
  assert.equal((await get(key)).statusCode, 200)
})

test('of many asked for at once, two are made at a time', async () => {
  const pictures = await Promise.all(Array.from({ length: 12 }, () => drawn(32, 32)))
  const { keys } = await finish(...pictures.map((bytes) => output(bytes)))
  const { read, put } = site.context.files
  let now = 0
  let most = 0
  Object.assign(site.context.files, {
    read: (...what: Parameters<typeof read>) => {
      now += 1
      most = Math.max(most, now)
      return read(...what)
    },
    put: async (...file: Parameters<typeof put>) => {
      await put(...file)
      now -= 1
    },
  })
  const made = await Promise.all(
    keys.map((key) => makeThumbnail(site.context, thumbnailKey(site.context, key))),
  )
  Object.assign(site.context.files, { read, put })
  assert.deepEqual([made.every(Boolean), most], [true, 2])
})

test('keys that no task made are not looked up', async () => {
  const { rows } = site.context.db
  let asked = 0
  Object.assign(site.context.db, {
    rows: (...what: Parameters<typeof rows>) => {
      asked += 1
      return rows(...what)
    },
  })
  for (const key of [
    'aaaaaaaaaaaaaaaa.webp',
    `${'a'.repeat(45)}.png`,
    `${'0'.repeat(45)}.webp`,
    '%2e%2e.webp',
  ]) {
    assert.equal((await get(key)).statusCode, 404, key)
  }
  Object.assign(site.context.db, { rows })
  assert.equal(asked, 0)
})
