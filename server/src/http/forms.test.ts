import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import type { TestSite } from '../../test/build-site.ts'
import { buildSite } from '../../test/build-site.ts'
import { createUser } from '../../test/factories.ts'
import { plaza } from '../dialects/plaza/dialect.ts'
import { refusal } from '../kernel/errors.ts'
import { units } from '../kernel/money.ts'
import { buildApp } from './app.ts'
import type { Dialect } from './dialect.ts'
import { route } from './dialect.ts'
import { createMetrics } from './metrics.ts'

type Seen = { body: unknown; files: { field: string; bytes: number; text: string; mode: number }[] }

const seen: Seen[] = []
let hold: Promise<void> | null = null

/** Remembers what a handler was given, as it was while it had it. */
const remembering = route({
  method: 'POST',
  path: '/send',
  allow: 'user',
  rate: 'write',
  body: Type.Object(
    { title: Type.Optional(Type.String({ maxLength: 10 })) },
    { additionalProperties: false },
  ),
  takesFiles: { fields: ['file', 'image'], mostBytes: 1_000, mostFiles: 2 },
  run: async (_context, _actor, { body, files }) => {
    await hold
    seen.push({
      body,
      files: await Promise.all(
        files.map(async ({ field, path, bytes }) => ({
          ...{ field, bytes, text: await readFile(path, 'utf8'), mode: (await stat(path)).mode & 0o777 },
        })),
      ),
    })
    if (body.title === 'fail') throw refusal('work_not_found', { id: '1' })
    return null
  },
  reply: () => ({ status: 200, body: { code: 200 } }),
})
const plain = route({
  method: 'POST',
  path: '/plain',
  allow: 'user',
  rate: 'write',
  run: async () => null,
  reply: () => ({ status: 200, body: { code: 200 } }),
})
const dialect: Dialect = {
  ...plaza,
  routes: [remembering, plain],
  reference: { ...plaza.reference, routes: {} },
  preset: { ...plaza.preset, limits: { ...plaza.preset.limits, write: { points: 10_000, perSeconds: 60 } } },
}

let site: TestSite
let token: string
let port: number
let dir: string
before(async () => {
  site = await buildSite({ dialect })
  token = (await createUser(site.context, units(0))).token
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  port = (site.app.server.address() as AddressInfo).port
  dir = join(site.dataDir, 'forms')
})
after(() => site.close())
beforeEach(() => {
  seen.length = 0
  hold = null
})

type Part = { name: string; value: string; fileName?: string }

const partOf = ({ name, value, fileName }: Part): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"\r\nContent-Type: image/png`}\r\n\r\n${value}\r\n`

const formOf = (...parts: Part[]): string => `${parts.map(partOf).join('')}--b--\r\n`

async function post(
  body: string | ReadableStream,
  { path = '/send', type = 'multipart/form-data; boundary=b', bearer = token } = {},
): Promise<{ status: number; body: { code: number; message: string } }> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': type, authorization: `Bearer ${bearer}` },
    body,
    ...(typeof body !== 'string' && { duplex: 'half' }),
  } as RequestInit)
  return { status: answer.status, body: (await answer.json()) as { code: number; message: string } }
}

/** No file of a request outlives it; what has been answered may take a moment to be cleared away. */
async function assertNothingLeft(): Promise<void> {
  for (let tries = 0; tries < 40 && (await readdir(dir)).length > 0; tries += 1) await sleep(25)
  assert.deepEqual(await readdir(dir), [])
}

const file = (name: string, value = 'content', fileName = 'x.png'): Part => ({ name, value, fileName })

test('text and files of a form reach the handler, the files private and gone afterwards', async () => {
  const { status, body: told } = await post(
    formOf({ name: 'title', value: '猫' }, file('image', 'one'), file('file', 'two')),
  )
  assert.equal(status, 200, JSON.stringify(told))
  assert.deepEqual(seen, [
    {
      body: { title: '猫' },
      files: [
        { field: 'image', bytes: 3, text: 'one', mode: 0o600 },
        { field: 'file', bytes: 3, text: 'two', mode: 0o600 },
      ],
    },
  ])
  assert.deepEqual(await readdir(dir), [])
})

test('a JSON body on the same route works as ever', async () => {
  const { status } = await post('{"title":"dog"}', { type: 'application/json' })
  assert.equal(status, 200)
  assert.deepEqual(seen, [{ body: { title: 'dog' }, files: [] }])
})

test('an input where no file was chosen is no file; a file at its limit is one', async () => {
  const { status } = await post(
    formOf(file('image', '', ''), file('other', '', ''), file('file', 'x'.repeat(1_000))),
  )
  assert.equal(status, 200)
  assert.deepEqual(
    seen[0]?.files.map(({ field, bytes }) => [field, bytes]),
    [['file', 1_000]],
  )
})

const REFUSED: [what: string, body: string, message: RegExp][] = [
  ['a file in a field that takes none', formOf(file('avatar')), /avatar不是有效的参数|请求参数错误/],
  ['a file one byte too large', formOf(file('file', 'x'.repeat(1_001))), /文件过大/],
  ['more files than are taken', formOf(file('file'), file('file'), file('image')), /一次只能上传一个文件/],
  ['a field twice', formOf({ name: 'title', value: '1' }, { name: 'title', value: '2' }), /请求参数错误/],
  [
    'text that the schema refuses',
    formOf({ name: 'title', value: 'x'.repeat(11) }, file('file')),
    /请求参数错误/,
  ],
  [
    'a field that the schema does not know',
    formOf({ name: 'more', value: '1' }, file('file')),
    /请求参数错误/,
  ],
  ['text with a NUL', formOf({ name: 'title', value: 'a\0b' }, file('file')), /请求参数错误/],
  ['a field named __proto__', formOf({ name: '__proto__', value: '1' }), /请求格式不正确/],
  ['a name of 64 KB', formOf({ name: 'n'.repeat(65_536), value: '1' }), /请求格式不正确|请求参数错误/],
  ['a form without an end', partOf(file('file')), /请求格式不正确/],
  ['no form at all', 'nothing', /请求格式不正确/],
  [
    '10,000 fields',
    formOf(...Array.from({ length: 10_000 }, (_, n) => ({ name: `f${n}`, value: '' }))),
    /请求格式不正确/,
  ],
  [
    '10,000 empty files',
    formOf(...Array.from({ length: 10_000 }, () => file('file', '', ''))),
    /请求格式不正确/,
  ],
]
for (const [what, body, message] of REFUSED) {
  test(`${what}: 400 in the envelope, and nothing stays`, async () => {
    const answer = await post(body)
    assert.equal(answer.status, 400)
    assert.match(answer.body.message, message)
    assert.deepEqual(seen, [])
    await assertNothingLeft()
  })
}

test('a body that says it is larger than anything taken is refused before it is read', async () => {
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        `POST /api/v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
          'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n',
      ),
    )
    socket.once('data', (bytes) => {
      resolve(String(bytes))
      socket.destroy()
    })
  })
  assert.match(answer, /^HTTP\/1\.1 400 [\s\S]+文件过大/)
})

test('a body without a length is refused once it is larger than anything taken', async () => {
  const piece = new TextEncoder().encode('x'.repeat(65_536))
  let pieces = 0
  const endless = new ReadableStream({
    pull: (controller) => {
      pieces += 1
      if (pieces > 1_000) controller.close()
      else controller.enqueue(piece)
    },
  })
  const answer = await post(endless).catch(() => null)
  if (answer) assert.equal(answer.status, 400)
  assert.deepEqual(seen, [])
  await assertNothingLeft()
})

test('who may not send is told so before a file is written', async () => {
  const answer = await post(formOf(file('file')), { bearer: 'nobody' })
  assert.equal(answer.status, 401)
  assert.deepEqual(await readdir(dir), [])
})

test('a route that takes no files takes no form either', async () => {
  const answer = await post(formOf({ name: 'title', value: '1' }), { path: '/plain' })
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /不支持的请求体类型/)
  assert.equal((await post(formOf(), { path: '/none' })).status, 404)
})

test('nothing stays when the handler refuses', async () => {
  const answer = await post(formOf({ name: 'title', value: 'fail' }, file('file')))
  assert.equal(answer.status, 404)
  assert.equal(seen.length, 1)
  assert.deepEqual(await readdir(dir), [])
})

test('a client that leaves in the middle of a file, or while it is worked on, leaves nothing behind', async () => {
  const whole = formOf(file('file', 'x'.repeat(900)))
  const release = Promise.withResolvers<void>()
  hold = release.promise
  for (const part of [whole.slice(0, 300), whole]) {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        `POST /api/v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
          `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${whole.length}\r\n\r\n${part}`,
      ),
    )
    for (let tries = 0; tries < 100 && (await readdir(dir)).length === 0; tries += 1) await sleep(10)
    assert.equal((await readdir(dir)).length, 1, 'the file is there while it is needed')
    socket.resetAndDestroy()
    await sleep(100)
    if (part !== whole) await assertNothingLeft()
  }
  release.resolve()
  await assertNothingLeft()
  assert.equal(seen[0]?.files[0]?.bytes, 900, 'what was under way was not disturbed')
})

test('a disk that takes no more: 500 in the envelope, and nothing stays', async () => {
  await rename(dir, `${dir}-away`)
  try {
    const answer = await post(formOf(file('file')))
    assert.equal(answer.status, 500)
    assert.match(answer.body.message, /服务暂时不可用/)
  } finally {
    await rename(`${dir}-away`, dir)
  }
  await assertNothingLeft()
})

test('what a killed process left is removed at the next start, and what another one is writing is not', async () => {
  await mkdir(dir, { recursive: true })
  const [old, fresh] = [join(dir, 'old.part'), join(dir, 'fresh.part')]
  await writeFile(old, 'x')
  await writeFile(fresh, 'x')
  const longAgo = Date.now() / 1_000 - 4_000
  await utimes(old, longAgo, longAgo)
  const app = await buildApp(site.context, dialect, {
    logger: site.app.log,
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
    formsDir: dir,
  })
  assert.deepEqual(await readdir(dir), ['fresh.part'])
  await app.close()
})
