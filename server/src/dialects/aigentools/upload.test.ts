import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import OSS from 'ali-oss'
import { pino } from 'pino'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import { startStsStandIn } from '../../../test/files/oss-stand-in.ts'
import { startS3StandIn } from '../../../test/files/s3-stand-in.ts'
import { openOssUploads } from '../../files/oss-store.ts'
import { openS3Store } from '../../files/s3-store.ts'
import { buildApp } from '../../http/app.ts'
import type { Dialect } from '../../http/dialect.ts'
import { createMetrics } from '../../http/metrics.ts'
import { setAccountState } from '../../kernel/accounts/administer.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import { units } from '../../kernel/money.ts'
import { sweepUploads } from '../../kernel/uploads/sweep.ts'
import { storePictureFrom } from '../../kernel/uploads/take-picture.ts'
import { UPLOADS_A_DAY } from '../../kernel/uploads/take-signed-upload.ts'
import { aigentools } from './dialect.ts'
import { uploadRoutes } from './upload.ts'

// Everything from the token to the picture, with the client library that the front-end has, against a site that
// listens.

const dialect: Dialect = { ...aigentools, routes: uploadRoutes }
let site: TestSite
let port = 0
let ahead = 0
/** Whatever name is asked for, it is this machine. */
const agent = new Agent({
  lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
})
const picture = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#c04020' } })
  .png()
  .toBuffer()

before(async () => {
  const limits = Object.fromEntries(
    ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
  ) as never
  const models = [{ name: 'picture', title: 'A picture', description: '', kind: 'image' as const }]
  const preset = { limits, models, prices: { image: units(1) } }
  site = await buildSite({ dialect, preset, now: () => new Date(Date.now() + ahead) })
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  port = (site.app.server.address() as AddressInfo).port
  site.context.publicUrl = `http://127.0.0.1:${port}`
})
afterEach(() => {
  ahead = 0
  site.context.publicUrl = `http://127.0.0.1:${port}`
})
after(async () => {
  agent.destroy()
  await site.close()
})

type Ticket = {
  accessKeyId: string
  accessKeySecret: string
  securityToken: string
  expiration: string
  region: string
  bucket: string
  endpoint?: string
}
/** More than the library's types know of. */
type PutAnswer = { url: string; res: { status: number; headers: IncomingHttpHeaders } }
type User = Awaited<ReturnType<typeof createUser>>

const aUser = (role: 'user' | 'admin' = 'user'): Promise<User> => createUser(site.context, units(5), { role })

async function askTicket(
  token?: string,
): Promise<{ status: number; body: { data: Ticket; message: string } }> {
  const reply = await site.app.inject({
    method: 'GET',
    url: '/api/v1/common/upload/token',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
  return { status: reply.statusCode, body: reply.json() }
}

async function ticketOf(user: User): Promise<Ticket> {
  const { status, body } = await askTicket(user.token)
  assert.equal(status, 200)
  return body.data
}

/** As the front-end makes it (facts/aigentools.md, 2.5). */
function clientOf(ticket: Ticket): OSS {
  const { region, accessKeyId, accessKeySecret, securityToken: stsToken, bucket, endpoint } = ticket
  const refresh = { refreshSTSToken: async () => ({ accessKeyId, accessKeySecret, stsToken }) }
  const options = {
    region,
    accessKeyId,
    accessKeySecret,
    stsToken,
    bucket,
    secure: true,
    endpoint,
    ...refresh,
  }
  return new OSS({ ...options, agent } as OSS.Options)
}

let serial = 0
const aName = (extension = 'png'): string => {
  serial += 1
  return `uploads/${Date.now()}_${String(serial).padStart(6, 'x')}.${extension}`
}

type Answer = { status: number; headers: IncomingHttpHeaders; bytes: Buffer; text: string }

function send(options: {
  method?: string
  path: string
  host?: string
  headers?: Record<string, string>
  body?: Buffer
  agent?: Agent
}): Promise<Answer> {
  const { method = 'GET', path, host = `127.0.0.1:${port}`, headers = {}, body, agent: by } = options
  const where = { host: '127.0.0.1', port, method, path, headers: { host, ...headers } }
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, ...(by && { agent: by }) }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk) => chunks.push(chunk))
      reply.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, bytes, text: bytes.toString() })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** The headers with which a browser's client signs a PUT, written out by hand. */
function signed(ticket: Ticket, name: string, changes: Record<string, string> = {}): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'image/png',
    'x-oss-date': new Date().toUTCString(),
    'x-oss-security-token': ticket.securityToken,
    'x-oss-user-agent': 'aliyun-sdk-js/6.23.0 Chrome 140',
    ...changes,
  }
  const ossHeaders = Object.entries(headers)
    .filter(([header]) => header.startsWith('x-oss-'))
    .map(([header, value]) => `${header}:${value}`)
    .sort()
  const text = [
    'PUT',
    headers['content-md5'] ?? '',
    headers['content-type'],
    headers['x-oss-date'],
    ...ossHeaders,
  ]
  const signature = createHmac('sha1', ticket.accessKeySecret)
    .update([...text, `/${ticket.bucket}/${name}`].join('\n'))
    .digest('base64')
  return { ...headers, authorization: `OSS ${ticket.accessKeyId}:${signature}` }
}

const putSigned = (
  ticket: Ticket,
  name: string,
  body: Buffer = picture,
  changes: Record<string, string> = {},
): Promise<Answer> => send({ method: 'PUT', path: `/${name}`, headers: signed(ticket, name, changes), body })

function assertRefused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text)
  assert.match(answer.headers['content-type'] ?? '', /^application\/xml/)
  assert.match(answer.text, new RegExp(`<Code>${code}</Code>`))
  assert.equal(answer.headers['access-control-allow-origin'], '*')
}

const countRows = async (text: string, values: unknown[] = []): Promise<number> =>
  Number((await site.context.db.pool.query(`select count(*) from ${text}`, values)).rows[0].count)

test('nobody gets a key without logging in', async () => {
  assert.equal((await askTicket()).status, 401)
  assert.equal((await askTicket('nonsense')).status, 401)
})

test('the answer has the six fields of the document and where to send to', async () => {
  const { body } = await askTicket((await aUser()).token)
  assert.equal(body.message, 'OSS token retrieved successfully')
  assert.deepEqual(Object.keys(body.data), [
    'accessKeyId',
    'accessKeySecret',
    'securityToken',
    'expiration',
    'region',
    'bucket',
    'endpoint',
  ])
  assert.match(body.data.expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const lasts = new Date(body.data.expiration).getTime() - Date.now()
  assert.ok(lasts > 3_590_000 && lasts <= 3_600_000, `${lasts} ms`)
})

for (const [host, uploadHost, bucket] of [
  ['127.0.0.1', '127.0.0.1', 'uploads'],
  ['localhost', 'uploads.localhost', 'uploads'],
  ['app.example.com', 'app.example.com', 'app'],
  ['example.com', 'example.com', 'example'],
  ['a.example.com', 'uploads.a.example.com', 'uploads'],
] as const) {
  test(`the front-end's client uploads a picture to a site at ${host}, and it is there`, async () => {
    site.context.publicUrl = `http://${host}:${port}`
    const ticket = await ticketOf(await aUser())
    assert.equal(ticket.bucket, bucket)
    const name = aName()
    const { url, res } = (await clientOf(ticket).put(name, picture)) as unknown as PutAnswer
    assert.equal(url, `http://${uploadHost}:${port}/${name}`)
    assert.equal(res.status, 200)
    assert.match(String(res.headers.etag), /^"[0-9A-F]{32}"$/)

    const address = new URL(url)
    const shown = await send({ path: address.pathname, host: address.host })
    assert.equal(shown.status, 200)
    assert.equal(shown.headers['content-type'], 'image/png')
    assert.equal(shown.headers['x-content-type-options'], 'nosniff')
    assert.match(String(shown.headers['content-security-policy']), /sandbox/)
    assert.equal(shown.headers['cross-origin-resource-policy'], 'cross-origin')
    const { width, height } = await sharp(shown.bytes).metadata()
    assert.deepEqual([width, height], [40, 30])

    const headers = { 'if-none-match': String(shown.headers.etag) }
    assert.equal((await send({ path: address.pathname, headers })).status, 304)
    const head = await send({ method: 'HEAD', path: address.pathname })
    assert.equal(head.headers['content-length'], String(shown.bytes.length))
    const part = await send({ path: address.pathname, headers: { range: 'bytes=0-3' } })
    assert.deepEqual([part.status, part.bytes.length], [206, 4])

    // The front-end shows and submits it as https (facts/aigentools.md, 2.5).
    const key = await storePictureFrom(site.context, 'imageUrl', url.replace('http://', 'https://'))
    assert.ok(await site.context.files.stat(key))
  })
}

test('the client as browsers run it uploads too', async () => {
  const ticket = await ticketOf(await aUser())
  const { accessKeyId, accessKeySecret, securityToken: stsToken, region, bucket, endpoint } = ticket
  // It asks for a browser's window and signs by other rules then; what carries its requests is ours, and leaves out
  // what a browser does not let it set.
  const scope = globalThis as { window?: unknown; location?: unknown }
  scope.window = scope
  scope.location = new URL('http://front.example.com/')
  try {
    const BrowserOSS: typeof OSS = createRequire(import.meta.url)('ali-oss/dist/aliyun-oss-sdk.js')
    const sent: Record<string, string>[] = []
    const urllib = {
      request: async (url: string, asked: { headers: Record<string, string>; content: Uint8Array }) => {
        const { host: _, 'Content-Length': __, ...headers } = asked.headers
        sent.push(headers)
        const { pathname: path } = new URL(url)
        const {
          status,
          headers: answered,
          bytes,
        } = await send({
          method: 'PUT',
          path,
          headers,
          body: Buffer.from(asked.content),
        })
        return { status, headers: answered, data: bytes, res: { status, headers: answered } }
      },
    }
    const options = { region, accessKeyId, accessKeySecret, stsToken, bucket, endpoint, secure: true, urllib }
    const { Buffer: BrowserBuffer } = BrowserOSS as unknown as { Buffer: typeof Buffer }
    const client = new BrowserOSS(options as OSS.Options)
    const { url } = (await client.put(aName(), BrowserBuffer.from(picture))) as unknown as PutAnswer
    assert.equal((await send({ path: new URL(url).pathname })).status, 200)
    assert.ok(sent[0]?.['x-oss-user-agent']?.startsWith('aliyun-sdk-js/'))
  } finally {
    delete scope.window
    delete scope.location
  }
})

test('what a browser sends is allowed to it: the preflight, and the answer it reads', async () => {
  const asked = 'authorization,content-type,x-oss-date,x-oss-security-token,x-oss-user-agent'
  const preflight = await send({
    method: 'OPTIONS',
    path: `/${aName()}`,
    headers: {
      origin: 'https://front.example.com',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': asked,
    },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-origin'], '*')
  assert.match(preflight.headers['access-control-allow-methods'] ?? '', /\bPUT\b/)
  assert.equal(preflight.headers['access-control-allow-headers'], asked)

  const answer = await putSigned(await ticketOf(await aUser()), aName())
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.headers['access-control-expose-headers'] ?? '', /ETag/)
})

test('all four formats stay what they are, without what else was in them', async () => {
  const client = clientOf(await ticketOf(await aUser()))
  const withMetadata = sharp(picture).withExif({ IFD0: { Copyright: 'a secret place' } })
  for (const [format, extension] of [
    ['png', 'png'],
    ['jpeg', 'jpg'],
    ['webp', 'webp'],
    ['gif', 'gif'],
  ] as const) {
    const name = aName(extension)
    const sent = Buffer.concat([
      await withMetadata.clone().toFormat(format).toBuffer(),
      Buffer.from('<script>'),
    ])
    await client.put(name, sent)
    const shown = await send({ path: `/${name}` })
    assert.equal(shown.headers['content-type'], `image/${format}`)
    assert.equal((await sharp(shown.bytes).metadata()).format, format)
    assert.ok(!shown.bytes.includes('a secret place') && !shown.bytes.includes('<script>'), format)
  }
})

test('a name with letters of any script works', async () => {
  const client = clientOf(await ticketOf(await aUser()))
  const { url } = (await client.put(aName('图片'), picture)) as { url: string }
  assert.equal((await send({ path: new URL(url).pathname })).status, 200)
  assert.ok(await storePictureFrom(site.context, 'imageUrl', url))
})

test('a signature that does not fit is refused, whatever of it was changed', async () => {
  const ticket = await ticketOf(await aUser())
  const other = await ticketOf(await aUser())
  const name = aName()
  const good = signed(ticket, name)
  const [encoded = '', mark = ''] = ticket.securityToken.split('.')
  const claim = Buffer.from(encoded, 'base64url').toString()
  const later = Buffer.from(claim.replace(/\d+$/, (end) => String(Number(end) + 9))).toString('base64url')
  const forged: Record<string, string>[] = [
    { ...good, authorization: `${good.authorization}=` },
    { ...good, authorization: good.authorization?.replace('OSS ', 'Bearer ') ?? '' },
    { ...good, authorization: good.authorization?.replace('TMP.', 'TMPx') ?? '' },
    { ...good, authorization: `OSS ${ticket.accessKeyId}:` },
    { ...good, 'content-type': 'image/gif' },
    { ...good, 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' },
    { ...good, 'x-oss-date': new Date(Date.now() - 60_000).toUTCString() },
    { ...good, 'x-oss-object-acl': 'public-read' },
    { ...good, 'x-oss-security-token': other.securityToken },
    { ...good, 'x-oss-security-token': '' },
    { ...good, 'x-oss-security-token': '.' },
    { ...good, 'x-oss-security-token': `${'a'.repeat(300)}.${mark}` },
    signed({ ...ticket, securityToken: `${later}.${mark}` }, name),
    signed({ ...ticket, accessKeySecret: 'guessed' }, name),
    signed({ ...ticket, bucket: 'other' }, name),
    signed(ticket, aName()),
  ]
  for (const headers of forged) {
    const answer = await send({ method: 'PUT', path: `/${name}`, headers, body: picture })
    assertRefused(answer, 403, 'SignatureDoesNotMatch')
  }
  const unsigned = await send({ method: 'PUT', path: `/${name}`, headers: {}, body: picture })
  assertRefused(unsigned, 403, 'AccessDenied')
  assert.equal((await send({ path: `/${name}` })).status, 404)
  const fine = await send({ method: 'PUT', path: `/${name}`, headers: good, body: picture })
  assert.equal(fine.status, 200, 'unchanged it is good')
})

test('a key ends after an hour', async () => {
  const ticket = await ticketOf(await aUser())
  ahead = 3_599_000
  const date = { 'x-oss-date': new Date(Date.now() + ahead).toUTCString() }
  assert.equal((await putSigned(ticket, aName(), picture, date)).status, 200)
  ahead = 3_601_000
  assertRefused(await putSigned(ticket, aName(), picture, date), 403, 'SecurityTokenExpired')
})

test('a request is good for a quarter of an hour', async () => {
  const ticket = await ticketOf(await aUser())
  for (const minutes of [-16, 16]) {
    const date = { 'x-oss-date': new Date(Date.now() + minutes * 60_000).toUTCString() }
    assertRefused(await putSigned(ticket, aName(), picture, date), 403, 'RequestTimeTooSkewed')
  }
  assertRefused(
    await putSigned(ticket, aName(), picture, { 'x-oss-date': 'today' }),
    403,
    'RequestTimeTooSkewed',
  )
})

test('a disabled account cannot use the keys it has', async () => {
  const user = await aUser()
  const ticket = await ticketOf(user)
  assert.equal((await putSigned(ticket, aName())).status, 200)
  await setAccountState(site.context, user.accountId, 'disabled')
  assertRefused(await putSigned(ticket, aName()), 403, 'AccessDenied')
  assert.equal((await askTicket(user.token)).status, 403)
})

test("nobody writes over another account's picture, and everybody may look at it", async () => {
  const [owner, other] = [await ticketOf(await aUser()), await ticketOf(await aUser())]
  const name = aName()
  assert.equal((await putSigned(owner, name)).status, 200)
  const before = await send({ path: `/${name}` })
  assertRefused(await putSigned(other, name), 403, 'AccessDenied')
  assert.equal((await send({ path: `/${name}` })).headers.etag, before.headers.etag)
  await assert.rejects(clientOf(other).put(name, picture), { name: 'AccessDeniedError', status: 403 })
})

test('sent again by its owner, the later picture stays and the earlier file goes', async () => {
  const ticket = await ticketOf(await aUser())
  const name = aName()
  await putSigned(ticket, name)
  const first = await send({ path: `/${name}` })
  const wider = await sharp(picture).resize(80, 30, { fit: 'fill' }).png().toBuffer()
  assert.equal((await putSigned(ticket, name, wider)).status, 200)
  const second = await send({ path: `/${name}` })
  assert.notEqual(second.headers.etag, first.headers.etag)
  assert.equal((await sharp(second.bytes).metadata()).width, 80)
  assert.equal(await countRows('upload where name = $1', [name]), 1)

  const key = String(first.headers.etag).slice(1, -1)
  await sweepUploads(site.context)
  assert.ok(await site.context.files.stat(key), 'somebody may be reading it')
  await site.context.db.pool.query(`update loose_file set since = now() - interval '61 minutes'`)
  await sweepUploads(site.context)
  assert.equal(await site.context.files.stat(key), null)
  assert.equal(await countRows('loose_file'), 0)
  assert.equal((await send({ path: `/${name}` })).status, 200)
})

test('of many at once under one name one stays whole, and no file is lost sight of', async () => {
  const [one, other] = [await ticketOf(await aUser()), await ticketOf(await aUser())]
  const name = aName()
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) => putSigned(index % 2 === 0 ? one : other, name)),
  )
  const taken = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status !== 200)
  assert.ok(taken.length >= 1)
  for (const answer of refused) assertRefused(answer, 403, 'AccessDenied')
  const { rows } = await site.context.db.pool.query('select * from upload where name = $1', [name])
  assert.equal(rows.length, 1)
  assert.equal((await sharp((await send({ path: `/${name}` })).bytes).metadata()).width, 40)
  // Every file but the one that stays is known as loose, those of the refused ones included.
  await site.context.db.pool.query(`update loose_file set since = now() - interval '61 minutes'`)
  await sweepUploads(site.context)
  assert.equal(await countRows('loose_file'), 0)
  assert.ok(await site.context.files.stat(rows[0].store_key))
})

test('names that are no names of pictures are refused', async () => {
  const ticket = await ticketOf(await aUser())
  const count = await countRows('upload')
  for (const name of [
    'uploads/..',
    'uploads/../files/x.png',
    'uploads/..%2Fx.png',
    'uploads/a/b.png',
    'uploads/a%2Fb.png',
    'uploads/a..b.png',
    'uploads/.hidden',
    'uploads/a%00b.png',
    'uploads/a%0Ab.png',
    'uploads/a%5Cb.png',
    'uploads/a%20b.png',
    'uploads/%3Cb%3E.png',
    `uploads/${'a'.repeat(200)}.png`,
  ]) {
    const headers = signed(ticket, decodeURIComponent(name))
    const answer = await send({ method: 'PUT', path: `/${name}`, headers, body: picture })
    assertRefused(answer, 400, 'InvalidObjectName')
    assert.equal((await send({ path: `/${name}` })).status, 404, name)
  }
  const elsewhere = await send({
    method: 'PUT',
    path: '/files/abcdefghijklmnop.png',
    headers: signed(ticket, 'files/abcdefghijklmnop.png'),
    body: picture,
  })
  assert.equal(elsewhere.status, 404)
  assert.equal(await countRows('upload'), count)
})

test('what is no picture is refused, whatever it says it is', async () => {
  const ticket = await ticketOf(await aUser())
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script/></svg>')
  const tiff = await sharp(picture).tiff().toBuffer()
  const cut = picture.subarray(0, 60)
  for (const body of [
    svg,
    tiff,
    cut,
    Buffer.from('<html>'),
    Buffer.from('GIF89a<script>'),
    Buffer.alloc(0),
  ]) {
    assertRefused(await putSigned(ticket, aName(), body), 400, 'InvalidArgument')
  }
  const bomb = await sharp({ create: { width: 9_000, height: 9_000, channels: 3, background: '#fff' } })
    .png()
    .toBuffer()
  assertRefused(await putSigned(ticket, aName(), bomb), 400, 'InvalidArgument')
  const digest = { 'content-md5': Buffer.alloc(16).toString('base64') }
  assertRefused(await putSigned(ticket, aName(), picture, digest), 400, 'InvalidDigest')
})

test('five mebibytes are the most, said or not', async () => {
  const ticket = await ticketOf(await aUser())
  const most = 5 * 1_048_576
  const full = Buffer.concat([picture, Buffer.alloc(most - picture.length)])
  assert.equal((await putSigned(ticket, aName(), full)).status, 200)
  const over = Buffer.concat([full, Buffer.alloc(1)])
  assertRefused(await putSigned(ticket, aName(), over), 400, 'EntityTooLarge')
  const unsaid = { 'transfer-encoding': 'chunked' }
  assertRefused(await putSigned(ticket, aName(), over, unsaid), 400, 'EntityTooLarge')
  assert.equal((await putSigned(ticket, aName(), full, unsaid)).status, 200)
  const far = Buffer.concat([full, Buffer.alloc(6 * most)])
  // Said to be too large, it is refused before any of it comes.
  const saidName = aName()
  const said = signed(ticket, saidName, { 'content-length': String(most + 1) })
  const early = await new Promise<number | undefined>((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, method: 'PUT', path: `/${saidName}`, headers: said })
    asking.on('response', (reply) => {
      resolve(reply.statusCode)
      asking.destroy()
    })
    asking.on('error', reject)
    asking.flushHeaders()
  })
  assert.equal(early, 400)
  const one = new Agent({ keepAlive: true, maxSockets: 1 })
  const name = aName()
  const headers = signed(ticket, name, unsaid)
  assertRefused(
    await send({ method: 'PUT', path: `/${name}`, headers, body: far, agent: one }),
    400,
    'EntityTooLarge',
  )
  // The same connection goes on.
  const startedAt = performance.now()
  assert.equal((await send({ path: `/${name}`, agent: one })).status, 404)
  assert.ok(performance.now() - startedAt < 5_000)
  one.destroy()
})

test('a picture that comes a byte a second is not waited for, and nothing is kept of it', async () => {
  const slow = await buildApp(site.context, dialect, {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(site.context, () => 0),
    trustProxy: [],
    requestTimeoutMs: 1_000,
  })
  try {
    await slow.listen({ port: 0, host: '127.0.0.1' })
    const ticket = await ticketOf(await aUser())
    const name = aName()
    const count = await countRows('loose_file')
    const socket = connect((slow.server.address() as AddressInfo).port, '127.0.0.1')
    const head = Object.entries(signed(ticket, name)).map(([header, value]) => `${header}: ${value}\r\n`)
    socket.write(
      `PUT /${name} HTTP/1.1\r\nhost: x\r\n${head.join('')}content-length: ${picture.length}\r\n\r\n`,
    )
    let sent = 0
    const timer = setInterval(() => socket.write(picture.subarray(sent, ++sent)), 200)
    const startedAt = performance.now()
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    await new Promise((resolve) => {
      socket.on('error', resolve)
      socket.on('close', resolve)
    })
    clearInterval(timer)
    assert.ok(performance.now() - startedAt < 5_000)
    assert.match(text, /^HTTP\/1\.1 408 /)
    assert.equal((await send({ path: `/${name}` })).status, 404)
    assert.equal(await countRows('loose_file'), count)
  } finally {
    await slow.close()
  }
})

test('a client that leaves in the middle leaves nothing', async () => {
  const ticket = await ticketOf(await aUser())
  const name = aName()
  const socket = connect(port, '127.0.0.1')
  const head = Object.entries(signed(ticket, name)).map(([header, value]) => `${header}: ${value}\r\n`)
  socket.write(
    `PUT /${name} HTTP/1.1\r\nhost: x\r\n${head.join('')}content-length: ${picture.length}\r\n\r\n`,
  )
  socket.write(picture.subarray(0, 50))
  await new Promise((resolve) => setTimeout(resolve, 100))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal((await send({ path: `/${name}` })).status, 404)
  assert.equal((await putSigned(ticket, name)).status, 200)
})

test('an account has so many uploads a day, counted together however they come', async () => {
  const user = await aUser()
  const ticket = await ticketOf(user)
  await site.context.db.pool.query(
    `insert into upload_count (account_id, day, uploads) values ($1, (now() at time zone 'utc')::date, $2)`,
    [user.accountId, UPLOADS_A_DAY - 3],
  )
  const answers = await Promise.all(Array.from({ length: 10 }, () => putSigned(ticket, aName())))
  const refused = answers.filter(({ status }) => status !== 200)
  assert.equal(refused.length, 7)
  for (const answer of refused) {
    assertRefused(answer, 429, 'QuotaExceeded')
    assert.ok(Number(answer.headers['retry-after']) > 0)
  }
  assert.equal((await putSigned(await ticketOf(await aUser()), aName())).status, 200, 'others have their own')
})

test('addresses of the site are read from its store, others go over the network', async () => {
  site.context.publicUrl = `https://app.example.com`
  const { storeKey } = await aStored()
  const name = aName()
  const ticket = await ticketOf(await aUser())
  assert.equal((await putSigned(ticket, name)).status, 200)
  for (const address of [
    `https://app.example.com/files/${storeKey}`,
    `http://app.example.com/files/${storeKey}`,
    `https://uploads.app.example.com/files/${storeKey}`,
    `https://app.example.com/${name}`,
    `http://app.example.com/${name}`,
    `http://uploads.app.example.com/${name}?x=1`,
    `HTTPS://APP.example.com:443/${name}`,
  ]) {
    const key = await storePictureFrom(site.context, 'imageUrl', address)
    assert.ok(await site.context.files.stat(key), address)
  }
  // This test's outbound client refuses everything, with the same words as a picture that cannot be had.
  for (const address of [
    `https://app.example.com:8443/${name}`,
    `https://other.example.com/${name}`,
    `https://app.example.com.evil.example/${name}`,
    `https://app.example.com@evil.example/${name}`,
    `https://user:password@app.example.com/${name}`,
    `https://app.example.com/${aName()}`,
    `https://app.example.com/uploads/..%2F..%2F${name}`,
    `ftp://app.example.com/${name}`,
  ]) {
    await assert.rejects(
      storePictureFrom(site.context, 'imageUrl', address),
      { code: 'input_invalid' },
      address,
    )
  }
})

/** A task of the user's that names the address among its parameters. */
async function nameInWork(user: User, address: string): Promise<void> {
  const parameters = { data: { image: address } }
  await submitTask(site.context, user, { ...pictureOf('as in the picture'), parameters })
}

async function aStored(): Promise<{ storeKey: string }> {
  const data = `data:image/png;base64,${picture.toString('base64')}`
  return { storeKey: await storePictureFrom(site.context, 'imageUrl', data) }
}

test('an upload that no work names goes after 30 days; its name stays its owner’s', async () => {
  const [user, admin] = [await aUser(), await aUser('admin')]
  const ticket = await ticketOf(user)
  const [unused, used, kept] = [aName(), aName(), aName()]
  for (const name of [unused, used]) assert.equal((await putSigned(ticket, name)).status, 200)
  assert.equal((await putSigned(await ticketOf(admin), kept)).status, 200)
  await sweepUploads(site.context)
  for (const name of [unused, used, kept]) assert.equal((await send({ path: `/${name}` })).status, 200)

  await nameInWork(user, `http://127.0.0.1:${port}/${used}`)
  await site.context.db.pool.query(`update upload set due_at = now() - interval '1 second'`)
  const { rows } = await site.context.db.pool.query('select store_key from upload where name = $1', [unused])
  await sweepUploads(site.context)
  assert.equal((await send({ path: `/${unused}` })).status, 404)
  assert.equal(await site.context.files.stat(rows[0].store_key), null)
  for (const name of [used, kept]) assert.equal((await send({ path: `/${name}` })).status, 200)

  assertRefused(await putSigned(await ticketOf(await aUser()), unused), 403, 'AccessDenied')
  assert.equal((await putSigned(ticket, unused)).status, 200)
})

test('on S3 the keys are ours too, and the picture lies in the bucket', async () => {
  const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
  const standIn = await startS3StandIn(keys)
  const account = {
    endpoint: `http://127.0.0.1:${standIn.port}`,
    region: 'r',
    bucket: 'pictures',
    isPathStyle: true,
  }
  const { close, ...store } = openS3Store({ ...account, ...keys }, 'aigentools')
  const onDisk = site.context.files
  site.context.files = store
  try {
    const name = aName()
    const { url } = await clientOf(await ticketOf(await aUser())).put(name, picture)
    assert.equal((await sharp((await send({ path: new URL(url).pathname })).bytes).metadata()).width, 40)
    assert.equal(standIn.objects.size, 1)
    assert.match([...standIn.objects.keys()][0] ?? '', /^pictures\/aigentools\/[a-z0-9]{32}\.png$/)
    standIn.failNext(500, 3)
    assertRefused(await putSigned(await ticketOf(await aUser()), aName()), 500, 'InternalError')
  } finally {
    site.context.files = onDisk
    close()
    await standIn.close()
  }
})

test('on OSS the keys are Aliyun’s, for names of this quarter of an hour and nothing else', async () => {
  const keys = { accessKeyId: 'LTAIexample', accessKeySecret: 'secret' }
  const sts = await startStsStandIn(keys)
  const account = {
    ...keys,
    bucket: 'pictures',
    region: 'oss-cn-beijing',
    endpoint: null,
    roleArn: 'acs:ram::1234:role/uploads',
    stsEndpoint: `http://127.0.0.1:${sts.port}`,
  }
  site.context.directUploads = openOssUploads(account)
  try {
    const user = await aUser()
    const { body } = await askTicket(user.token)
    const { expiration, ...rest } = body.data
    assert.deepEqual(rest, {
      accessKeyId: 'STS.stand-in',
      accessKeySecret: 'stand-in secret',
      securityToken: 'stand-in token',
      region: 'oss-cn-beijing',
      bucket: 'pictures',
    })
    assert.match(expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const [assumed] = sts.assumed
    assert.ok(assumed)
    assert.equal(assumed.RoleSessionName, `aigentools-${user.accountId}`)
    assert.equal(assumed.DurationSeconds, 900)
    assert.equal(assumed.Policy.Statement.length, 1)
    const [rule] = assumed.Policy.Statement
    assert.deepEqual(rule?.Action, ['oss:PutObject'])
    const allows = (name: string): boolean =>
      rule?.Resource.some(
        (resource) =>
          resource.endsWith('*') && `acs:oss:*:*:pictures/${name}`.startsWith(resource.slice(0, -1)),
      ) ?? false
    for (const minutes of [-15, 0, 15, 30]) {
      assert.ok(allows(`uploads/${Date.now() + minutes * 60_000}_x7k2mq.png`), `${minutes} minutes`)
    }
    for (const minutes of [-35, 50, 600]) {
      assert.ok(!allows(`uploads/${Date.now() + minutes * 60_000}_x7k2mq.png`), `${minutes} minutes`)
    }
    for (const name of ['uploads/', 'uploads/logo.png', 'aigentools/abcdefghijklmnop.png', 'x'])
      assert.ok(!allows(name))

    sts.failNext(503, 1)
    const failed = await askTicket(user.token)
    assert.equal(failed.status, 500)
    assert.match(failed.body.message, /^Failed to get OSS token/)
    assert.equal((await askTicket()).status, 401)
  } finally {
    site.context.directUploads = null
    await sts.close()
  }
})
