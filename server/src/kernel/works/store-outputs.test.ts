import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { tinyClip } from '../../../test/contracts/stage.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import { officeFile } from '../../../test/fakes/office-file.ts'
import type { FakeProvider } from '../../../test/fakes/provider.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { statement } from '../../db/database.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import { advanceTask } from '../generation/advance.ts'
import { cancelTask } from '../generation/cancel.ts'
import type { Claimed } from '../generation/claim.ts'
import { claimTasks } from '../generation/claim.ts'
import { submitTask } from '../generation/submit.ts'
import { sweepTasks } from '../generation/sweep.ts'
import type { Task } from '../generation/task.ts'
import { readTaskById } from '../generation/task.ts'
import { units } from '../money.ts'
import type { Outbound } from '../ports/outbound.ts'
import type { Output } from '../ports/provider.ts'
import { readBalance } from '../wallet/balance.ts'
import { verifyLedger } from '../wallet/verify.ts'
import { fileUrl } from './file-url.ts'
import { storeKey } from './store-key.ts'

// A vendor's storage on loopback, and a vendor that says where in it the outputs lie.

type Answer = (response: ServerResponse, request: IncomingMessage) => void

let site: TestSite
let provider: FakeProvider
let storage: Server
let origin: string
let png: Buffer
let actor: { accountId: bigint }
const never = new AbortController().signal
const outbound = createOutbound({ allow: ['127.0.0.0/8'] })
/** What the storage answers, by path, and what it was asked. */
const answers = new Map<string, Answer>()
let asked: string[] = []

before(async () => {
  provider = createFakeProvider({ repeatable: false })
  site = await buildSite({ providers: [provider], outbound })
  storage = createServer((request, response) => {
    asked.push(request.url ?? '')
    const answer = answers.get(request.url ?? '')
    if (answer) answer(response, request)
    else response.writeHead(404).end('<Error>NoSuchKey</Error>')
  })
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`
  png = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#369' } })
    .png()
    .toBuffer()
})
after(async () => {
  storage.closeAllConnections()
  storage.close()
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [])
})
beforeEach(async () => {
  await site.context.db.rows(
    statement(
      'leftovers away',
      `update task set deadline = now() - interval '1 second' where state in ('queued', 'running', 'unknown')`,
    ),
    [],
  )
  await sweepTasks(site.context)
  for (const key of await stored()) await site.context.files.removeAll(key.slice(0, 20))
  Object.assign(provider, { repeatable: false, started: [], checked: [], next: [], nextCheck: [] })
  site.context.outbound = outbound
  answers.clear()
  asked = []
  actor = { accountId: (await createUser(site.context, units(100))).accountId }
})

const serve = (path: string, body: Buffer, headers: Record<string, string> = {}): void => {
  answers.set(path, (response) => response.writeHead(200, headers).end(body))
}
async function clipBytes(): Promise<Buffer> {
  const step = await tinyClip()
  const [output] = step.state === 'done' ? step.outputs : []
  assert.ok(output && 'bytes' in output)
  return Buffer.from(output.bytes)
}
const at = (path: string): Output => ({ url: `${origin}${path}`, isOperatorConfigured: true })

/** Everything in the store, whole or not. */
async function stored(): Promise<string[]> {
  const names = await readdir(join(site.dataDir, 'files', 'waliassets'), { recursive: true })
  return names
    .filter((name) => name.includes('/'))
    .map((name) => name.slice(3))
    .sort()
}
async function submit(): Promise<bigint> {
  return (await submitTask(site.context, actor, pictureOf('远方'))).taskId
}
async function claim(): Promise<Claimed> {
  await site.context.db.rows(
    statement('due now', `update task set due_at = now() where state in ('queued', 'running')`),
    [],
  )
  const [task] = await claimTasks(site.context, 'test', 10, 60_000)
  assert.ok(task)
  return task
}
const read = (id: bigint): Promise<Task> => readTaskById(site.context, actor, id)
const wallet = async () => {
  const { available, held, spent } = await readBalance(site.context, actor)
  return { available, held, spent }
}
const HELD = { available: units(80), held: units(20), spent: 0n }
const PAID = { available: units(80), held: 0n, spent: units(20) }
const GIVEN_BACK = { available: units(100), held: 0n, spent: 0n }

/** A task whose job goes on at the vendor, claimed to be asked after; it answers with these outputs. */
async function pending(...rounds: Output[][]): Promise<bigint> {
  provider.next.push(async () => ({ state: 'pending', operation: { job: 1 }, checkAfterMs: 0 }))
  for (const outputs of rounds) provider.nextCheck.push(async () => ({ state: 'done', outputs }))
  const id = await submit()
  await advanceTask(site.context, await claim(), never)
  return id
}
const advance = async (): Promise<void> => advanceTask(site.context, await claim(), never)

test('a file is what its bytes say, whatever its address and its storage call it', async () => {
  serve('/result.html?sign=1', png, { 'content-type': 'text/html' })
  const id = await pending([at('/result.html?sign=1')])
  await advance()
  const [file, ...others] = (await read(id)).files
  assert.ok(file)
  assert.equal(others.length, 0)
  assert.match(file.storeKey, /^[a-z2-7]{45}\.png$/)
  assert.deepEqual([file.mediaType, file.width, file.height], ['image/png', 40, 30])
  const reply = await site.app.inject({ url: `/files/${file.storeKey}` })
  assert.equal(reply.headers['content-type'], 'image/png')
  assert.deepEqual(reply.rawPayload, png)
  assert.deepEqual(await wallet(), PAID)
})

test('any number of outputs of any kind, in hand and by address, keep their places', async () => {
  serve('/1', await clipBytes())
  serve('/2', officeFile('pptx', 200_000))
  answers.set('/3', (response) => response.writeHead(302, { location: '/4' }).end())
  serve('/4', Buffer.from('fLaC\0\0\0\x22', 'latin1'))
  const inHand: Output = { bytes: png, mediaType: 'image/png', width: 40, height: 30 }
  const id = await pending([at('/1'), inHand, at('/2'), at('/3')])
  await advance()
  const { files, state } = await read(id)
  assert.equal(state, 'succeeded')
  assert.deepEqual(
    files.map(({ storeKey }) => storeKey.split('.')[1]),
    ['mp4', 'png', 'pptx', 'flac'],
  )
  assert.ok((files[0]?.width ?? 0) > 0)
  for (const [index, { storeKey }] of files.entries()) {
    const { pathname } = new URL(fileUrl(site.context, storeKey))
    const reply = await site.app.inject({ url: pathname })
    assert.equal(reply.statusCode, 200)
    assert.equal(reply.headers['x-content-type-options'], 'nosniff')
    assert.equal(reply.headers['content-security-policy'], "default-src 'none'; sandbox")
    const disposition = String(reply.headers['content-disposition'])
    assert.match(disposition, index === 2 ? /^attachment;/ : /^undefined$/)
  }
})

test('a file that is not there now is tried again, and the vendor is asked again: one start, one payment', async () => {
  const id = await pending([at('/later.png')], [at('/fresh.png')])
  await advance()
  assert.deepEqual(asked, ['/later.png', '/later.png', '/later.png'])
  assert.deepEqual([(await read(id)).state, await wallet()], ['running', HELD])
  serve('/fresh.png', png)
  await advance()
  assert.deepEqual([(await read(id)).state, await wallet()], ['succeeded', PAID])
  assert.deepEqual([provider.started.length, provider.checked.length], [1, 2])
  assert.equal((await stored()).length, 1)
})

test('one that appears within moments is not worth a second question', async () => {
  answers.set('/soon.png', (response) => {
    if (asked.length === 1) response.writeHead(404).end()
    else response.end(png)
  })
  const id = await pending([at('/soon.png')])
  await advance()
  assert.deepEqual([(await read(id)).state, provider.checked.length], ['succeeded', 1])
})

test('a file that breaks off or comes too slowly leaves nothing, and is asked for again', async () => {
  answers.set('/cut.png', (response) => {
    response.writeHead(200, { 'content-length': '1000000' }).write(png)
    setTimeout(() => response.destroy(), 20)
  })
  answers.set('/slow.png', (response) => {
    response.write(Buffer.concat([png, Buffer.alloc(100_000)]))
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  })
  const hasty: Outbound = (url, request) => outbound(url, { ...request, timeoutMs: 300 })
  site.context.outbound = hasty
  const id = await pending([at('/cut.png')], [at('/slow.png')], [at('/whole.png')])
  for (const _ of ['cut', 'slow']) {
    await advance()
    assert.deepEqual([(await read(id)).state, await wallet(), await stored()], ['running', HELD, []])
  }
  serve('/whole.png', png)
  await advance()
  assert.deepEqual([(await read(id)).state, await wallet(), provider.started.length], ['succeeded', PAID, 1])
})

test('a vendor whose file never comes holds nothing past the deadline', async () => {
  const id = await pending([at('/gone.png')])
  await advance()
  assert.deepEqual(await wallet(), HELD)
  await site.context.db.rows(
    statement('past deadline', `update task set deadline = now() - interval '1 second' where id = $1`),
    [id],
  )
  await sweepTasks(site.context)
  assert.deepEqual([(await read(id)).failure, await wallet()], ['deadline', GIVEN_BACK])
})

test('what a vendor wants to see goes to the origin of the file, not past a redirect, and is kept nowhere', async () => {
  const keys: (string | string[] | undefined)[] = []
  const note: Answer = (response, request) => {
    keys.push(request.headers['x-vendor-key'])
    response.writeHead(200).end(png)
  }
  const elsewhere = createServer((request, response) => note(response, request))
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/b.png`
  answers.set('/locked.png', note)
  answers.set('/moved.png', (response, request) => {
    keys.push(request.headers['x-vendor-key'])
    response.writeHead(302, { location }).end()
  })
  try {
    const headers = { 'x-vendor-key': 'a-key-of-the-house' }
    const id = await pending([
      { ...at('/locked.png'), headers },
      { ...at('/moved.png'), headers },
    ])
    await advance()
    assert.deepEqual([(await read(id)).state, (await read(id)).files.length], ['succeeded', 2])
    assert.deepEqual(keys, ['a-key-of-the-house', 'a-key-of-the-house', undefined])
    const rows = await site.context.db.rows(
      statement('all of a task', 'select t.*, a.* from task t left join attempt a on a.id = t.attempt_id'),
      [],
    )
    const kept = JSON.stringify(rows, (_name, value) => (typeof value === 'bigint' ? `${value}` : value))
    assert.ok(!kept.includes('a-key-of-the-house'))
  } finally {
    elsewhere.close()
  }
})

test('a vendor that answered at once and cannot be asked again: given back, never started again', async () => {
  provider.next.push(async () => ({ state: 'done', outputs: [at('/gone.png')] }))
  const id = await submit()
  await advance()
  assert.deepEqual([(await read(id)).failure, await wallet()], ['unavailable', GIVEN_BACK])
  assert.deepEqual([provider.started.length, asked.length], [1, 3])
})

const REFUSED: readonly (readonly [string, string, Answer])[] = [
  [
    'a redirect to a private address',
    '/r1',
    (r) => r.writeHead(302, { location: 'http://10.0.0.1/a.png' }).end(),
  ],
  [
    'a redirect to the metadata',
    '/r2',
    (r) => r.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  ],
  ['garbage', '/garbage.png', (r) => r.end(Buffer.alloc(300_000, 0xa5))],
  [
    'HTML',
    '/page.png',
    (r) => r.writeHead(200, { 'content-type': 'image/png' }).end('<html><script>1</script>'),
  ],
  ['an error in JSON', '/error.mp4', (r) => r.end('{"code":"AccessDenied"}')],
  ['nothing at all', '/empty.png', (r) => r.end()],
  [
    'a clip without its pictures',
    '/torn.mp4',
    (r) => r.end(Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1')),
  ],
  ['an archive', '/files.zip', (r) => r.end(officeFile(null, 100_000))],
]
for (const [what, path, answer] of REFUSED) {
  test(`refused for good, once, with everything given back: ${what}`, async () => {
    answers.set(path, answer)
    const id = await pending([at(path)], [at(path)])
    await advance()
    assert.deepEqual([(await read(id)).failure, await wallet()], ['unavailable', GIVEN_BACK])
    assert.deepEqual([provider.started.length, provider.checked.length, asked], [1, 1, [path]])
    assert.deepEqual(await stored(), [])
  })
}

test('what lies in the house is reached only where an operator named it', async () => {
  serve('/secret.png', png)
  const id = await pending([{ url: `${origin}/secret.png` }])
  await advance()
  assert.deepEqual([(await read(id)).failure, await wallet(), asked], ['unavailable', GIVEN_BACK, []])
})

test('a redirect too many is not followed', async () => {
  for (let hop = 0; hop < 4; hop += 1) {
    answers.set(`/hop${hop}`, (response) => response.writeHead(302, { location: `/hop${hop + 1}` }).end())
  }
  serve('/hop4', png)
  const id = await pending([at('/hop0')], [at('/hop1')])
  await advance()
  assert.deepEqual([(await read(id)).state, asked], ['running', ['/hop0', '/hop1', '/hop2', '/hop3']])
  await advance()
  assert.equal((await read(id)).state, 'succeeded')
})

test('a file that is too long is refused, whether it says so or not', async () => {
  const small: Outbound = (url, request) => {
    assert.equal(request.maxBytes, 1_073_741_824)
    return outbound(url, { ...request, maxBytes: 100_000 })
  }
  site.context.outbound = small
  serve('/says.png', Buffer.concat([png, Buffer.alloc(200_000)]))
  answers.set('/endless.png', (response) => {
    response.write(png)
    const timer = setInterval(() => response.write(Buffer.alloc(20_000)), 1)
    response.on('close', () => clearInterval(timer))
  })
  for (const path of ['/says.png', '/endless.png']) {
    const id = await pending([at(path)])
    await advance()
    assert.deepEqual(
      [(await read(id)).failure, await wallet(), await stored()],
      ['unavailable', GIVEN_BACK, []],
    )
  }
})

test('a clip of 300 MB goes through in constant memory', async (t) => {
  const clip = await clipBytes()
  const padding = 300 * 1_048_576
  const free = Buffer.alloc(8)
  free.writeUInt32BE(padding)
  free.write('free', 4)
  answers.set('/long.mp4', (response) => {
    const chunk = Buffer.alloc(1_048_576)
    let left = padding - 8
    response.write(Buffer.concat([clip, free]))
    const send = (): void => {
      while (left > 0) {
        const piece = chunk.subarray(0, left)
        left -= piece.length
        if (!response.write(piece)) return void response.once('drain', send)
      }
      response.end()
    }
    send()
  })
  const id = await pending([at('/long.mp4')])
  const task = await claim()
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  const startedAt = performance.now()
  await advanceTask(site.context, task, never)
  clearInterval(watch)
  const grownMb = (most - before) / 1_048_576
  t.diagnostic(
    `300 MB in ${Math.round(performance.now() - startedAt)} ms, RSS grew by ${grownMb.toFixed(1)} MB`,
  )
  const [file] = (await read(id)).files
  assert.ok(file)
  assert.equal((await site.context.files.stat(file.storeKey))?.bytes, padding + clip.length)
  assert.ok((file.width ?? 0) > 0 && file.mediaType === 'video/mp4')
  assert.ok(grownMb < 100, `RSS grew by ${grownMb} MB`)
})

/** What a worker leaves that is killed while it stores: files of any kind and number, one of them half-written. */
async function leaveBehind(task: { id: bigint; generation: number }): Promise<string[]> {
  const keys = [
    storeKey(site.context, task, 'output', 0, 'mov'),
    storeKey(site.context, task, 'output', 41, 'docx'),
    storeKey(site.context, task, 'poster', 7, 'jpg'),
  ]
  for (const key of keys) await site.context.files.put(key, png)
  return keys
}

test('what a killed worker left is cleared by whoever ends its task, and nothing else is', async () => {
  const other = await leaveBehind({ id: 999_999n, generation: 1 })
  serve('/a.png', png)
  const id = await pending([at('/a.png')])
  const killed = await claim()
  await leaveBehind(killed)
  await advance()
  const { files } = await read(id)
  assert.deepEqual(await stored(), [...other, ...files.map(({ storeKey: key }) => key)].sort())
})

test('and by a refusal, a cancel and a deadline', async () => {
  for (const end of ['refused', 'canceled', 'overdue'] as const) {
    const id = await pending([])
    provider.nextCheck = []
    await leaveBehind(await claim())
    assert.equal((await stored()).length, 3)
    if (end === 'refused') {
      serve('/page', Buffer.from('<html>'))
      provider.nextCheck.push(async () => ({ state: 'done', outputs: [at('/page')] }))
      await advance()
    } else if (end === 'canceled') await cancelTask(site.context, actor, (await read(id)).handle)
    else {
      await site.context.db.rows(
        statement('overdue', `update task set deadline = now() - interval '1 second' where id = $1`),
        [id],
      )
      await sweepTasks(site.context)
    }
    assert.deepEqual(await stored(), [], end)
    actor = { accountId: (await createUser(site.context, units(100))).accountId }
  }
})

test('a worker that lost its claim clears away its own files, not those of the one that took over', async () => {
  serve('/a.png', png)
  const id = await pending([at('/a.png')], [at('/a.png')])
  const stale = await claim()
  await advance()
  await advanceTask(site.context, stale, never)
  const { files, state } = await read(id)
  assert.equal(state, 'succeeded')
  assert.deepEqual(
    await stored(),
    files.map(({ storeKey: key }) => key),
  )
  assert.deepEqual(await wallet(), PAID)
})

for (const how of ['whose job goes on at the vendor', 'whose vendor answered at once'] as const) {
  test(`a worker that is told to stop while it fetches decides nothing and leaves nothing: a task ${how}`, async () => {
    answers.set('/hang.png', (response) => void response.write(Buffer.concat([png, Buffer.alloc(100_000)])))
    let id: bigint
    if (how === 'whose vendor answered at once') {
      provider.next.push(async () => ({ state: 'done', outputs: [at('/hang.png')] }))
      id = await submit()
    } else id = await pending([at('/hang.png')])
    const stop = new AbortController()
    const advancing = advanceTask(site.context, await claim(), stop.signal)
    while (asked.length === 0 || (await stored()).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
    stop.abort(new Error('the worker stops'))
    await advancing
    assert.deepEqual([(await read(id)).state, await wallet(), await stored()], ['running', HELD, []])
  })
}
