import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { aClip } from '../../../test/fakes/clips.ts'
import { cameo } from '../../dialects/cameo/dialect.ts'
import { plaza } from '../../dialects/plaza/dialect.ts'
import type { Dialect } from '../../http/dialect.ts'
import type { KernelError } from '../errors.ts'
import { units } from '../money.ts'
import { fileUrl } from '../works/file-url.ts'
import { findOwnPicture } from './find-own-picture.ts'
import { sweepUploads } from './sweep.ts'
import { readStored, storeSentPicture } from './take-picture.ts'
import { BYTES_A_DAY, takeUpload } from './take-upload.ts'

const sites = new Map<string, TestSite>()
before(async () => {
  for (const dialect of [plaza, cameo]) {
    const limits = { ...dialect.preset.limits, write: { points: 10_000, perSeconds: 60 } }
    sites.set(dialect.name, await buildSite({ dialect, preset: { limits } }))
  }
})
after(() => Promise.all([...sites.values()].map((site) => site.close())))

const siteOf = (dialect: Dialect): TestSite => sites.get(dialect.name) as TestSite

function formOf(field: string, content: Uint8Array): Buffer {
  const head = `--b\r\nContent-Disposition: form-data; name="${field}"; filename="x"\r\n\r\n`
  return Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')])
}

type Data = Record<string, unknown> & { url: string; thumbnail: string; filename: string; avatar_url: string }

async function post(
  dialect: Dialect,
  { path, field, content, token }: { path: string; field: string; content: Uint8Array; token?: string },
): Promise<{ status: number; body: { code: number; message: string; data: Data } }> {
  const reply = await siteOf(dialect).app.inject({
    method: 'POST',
    url: `/api/v1${path}`,
    headers: {
      'content-type': 'multipart/form-data; boundary=b',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    payload: formOf(field, content),
  })
  return { status: reply.statusCode, body: reply.json() }
}

/** A photograph on its side, that tells where it was taken. */
function aPhoto(): Promise<Buffer> {
  return sharp({ create: { width: 3_000, height: 1_000, channels: 3, background: '#c86432' } })
    .withExif({ IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '39/1 54/1 0/1' }, IFD0: { Copyright: 'secret' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
}

const bytesAt = async (dialect: Dialect, address: string): Promise<Buffer> => {
  const reply = await siteOf(dialect).app.inject({ url: new URL(address).pathname })
  assert.equal(reply.statusCode, 200)
  return reply.rawPayload
}

for (const [dialect, field, keys] of [
  [plaza, 'file', ['url', 'thumbnail', 'width', 'height', 'fileSize']],
  [plaza, 'image', ['url', 'thumbnail', 'width', 'height', 'fileSize']],
  [cameo, 'image', ['url', 'filename', 'size', 'mimetype', 'thumbnail', 'width', 'height']],
] as const) {
  test(`${dialect.name}: a picture in the field ${field} is upright, fits, and tells nothing but its pixels`, async () => {
    const { token } = await createUser(siteOf(dialect).context, units(0))
    const { status, body } = await post(dialect, {
      path: '/upload/image',
      field,
      content: await aPhoto(),
      token,
    })
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body.data), keys)
    const kept = await bytesAt(dialect, body.data.url)
    assert.equal(body.data.fileSize ?? body.data.size, kept.byteLength)
    const { width, height, format, exif, orientation } = await sharp(kept).metadata()
    assert.deepEqual({ width, height, format }, { width: 683, height: 2_048, format: 'jpeg' })
    assert.deepEqual([body.data.width, body.data.height], [width, height])
    assert.deepEqual([exif, orientation], [undefined, undefined])
    assert.ok(!kept.includes('secret') && !kept.includes('GPS'))
    const small = await sharp(await bytesAt(dialect, body.data.thumbnail)).metadata()
    assert.deepEqual([small.format, small.height], ['webp', 320])
  })
}

for (const [dialect, field] of [
  [plaza, 'file'],
  [plaza, 'video'],
  [cameo, 'video'],
] as const) {
  test(`${dialect.name}: a clip in the field ${field} is kept as it came, measured, with a poster`, async () => {
    const { token } = await createUser(siteOf(dialect).context, units(0))
    const content = await aClip({ width: 160, height: 90, frames: 25 })
    const { status, body } = await post(dialect, { path: '/upload/video', field, content, token })
    assert.equal(status, 200)
    const { width, height, duration } = body.data
    assert.deepEqual({ width, height, duration }, { width: 160, height: 90, duration: 2.5 })
    assert.deepEqual(await bytesAt(dialect, body.data.url), content)
    assert.equal((await sharp(await bytesAt(dialect, body.data.thumbnail)).metadata()).format, 'webp')
  })
}

test('of an animation the first frame is kept', async () => {
  const frames = Buffer.concat([Buffer.alloc(64 * 64 * 3, 10), Buffer.alloc(64 * 64 * 3, 200)])
  const gif = await sharp(frames, { raw: { width: 64, height: 128, channels: 3, pageHeight: 64 } })
    .gif()
    .toBuffer()
  assert.equal((await sharp(gif).metadata()).pages, 2)
  const { token } = await createUser(siteOf(plaza).context, units(0))
  const { body } = await post(plaza, { path: '/upload/image', field: 'file', content: gif, token })
  const kept = await sharp(await bytesAt(plaza, body.data.url)).metadata()
  assert.deepEqual([kept.format, kept.pages ?? 1, kept.height], ['gif', 1, 64])
})

test('who is nobody, or sends nothing, is told so', async () => {
  const content = await aPhoto()
  for (const dialect of [plaza, cameo]) {
    const paths = ['/upload/image', '/upload/video', ...(dialect === cameo ? ['/upload/avatar'] : [])]
    const { token } = await createUser(siteOf(dialect).context, units(0))
    for (const path of paths) {
      assert.equal((await post(dialect, { path, field: 'file', content })).status, 401)
      const { app } = siteOf(dialect)
      const empty = await app.inject({
        ...{ method: 'POST', url: `/api/v1${path}`, payload: {} },
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(empty.statusCode, 400)
      assert.equal(empty.json().message, '请选择要上传的文件')
    }
    assert.deepEqual(await readdir(join(siteOf(dialect).dataDir, 'forms')), [])
  }
})

test('cameo: what somebody sent, nobody else deletes, and of many deletions at once one comes to pass', async () => {
  const { context, app } = siteOf(cameo)
  const [owner, other] = [await createUser(context, units(0)), await createUser(context, units(0))]
  const sent = await post(cameo, {
    path: '/upload/image',
    field: 'image',
    content: await aPhoto(),
    token: owner.token,
  })
  const remove = async (token: string | null, payload: object): Promise<number> => {
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    return (await app.inject({ method: 'DELETE', url: '/api/v1/upload/file', headers, payload })).statusCode
  }
  const { filename, url, thumbnail } = sent.body.data
  assert.equal(await remove(other.token, { filename }), 404)
  assert.equal(await remove(null, { filename }), 401)
  assert.equal(await remove(owner.token, { filename: new URL(thumbnail).pathname.slice(7) }), 404)
  const many = await Promise.all(Array.from({ length: 8 }, () => remove(owner.token, { url })))
  assert.deepEqual(many.sort(), [200, ...Array(7).fill(404)])
  assert.equal(await context.files.stat(filename), null)
  const loose = await context.db.pool.query('select * from loose_file where store_key = $1', [filename])
  assert.equal(loose.rowCount, 0)
})

async function onDisk(content: Uint8Array): Promise<{ field: string; path: string; bytes: number }> {
  const { dataDir, context } = siteOf(plaza)
  const path = join(dataDir, `${context.ids.token(8)}.part`)
  await writeFile(path, content)
  return { field: 'file', path, bytes: content.byteLength }
}

const isRefusal =
  (code: string, details: object) =>
  (error: KernelError): boolean => {
    assert.equal(error.code, code)
    assert.partialDeepStrictEqual(error.details, details)
    return true
  }

test('an account has 200 uploads and 2 GiB a day, also when they come at once', async () => {
  const { context } = siteOf(plaza)
  const { accountId } = await createUser(context, units(0))
  const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  const sent = await onDisk(png)
  const setCount = (uploads: number, bytes: number) =>
    context.db.pool.query(
      `insert into upload_count (account_id, day, uploads, bytes) values ($1, (now() at time zone 'utc')::date, $2, $3)
       on conflict (account_id, day) do update set uploads = $2, bytes = $3`,
      [accountId, uploads, bytes],
    )
  for (const [uploads, bytes] of [
    [197, 0],
    [1, BYTES_A_DAY - 3 * png.byteLength],
  ] as const) {
    await setCount(uploads, bytes)
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => takeUpload(context, { accountId }, 'picture', sent)),
    )
    const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as KernelError] : []))
    assert.equal(results.length - refused.length, 3)
    for (const error of refused) isRefusal('rate_limited', {})(error)
  }
  const { rows } = await context.db.pool.query(
    'select count(*)::int as n from sent_file where account_id = $1',
    [accountId],
  )
  assert.equal(rows[0].n, 6)
})

test('a store that takes no more: refused as unavailable, no row, no file', async () => {
  const { context } = siteOf(plaza)
  const { accountId } = await createUser(context, units(0))
  const written: string[] = []
  const full = {
    ...context,
    files: {
      ...context.files,
      put: async (key: string, content: Uint8Array | AsyncIterable<Uint8Array>) => {
        if (key.endsWith('.webp')) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
        written.push(key)
        await context.files.put(key, content)
      },
    },
  }
  for (const [kind, content] of [
    ['picture', await aPhoto()],
    ['clip', await aClip()],
  ] as const)
    await assert.rejects(
      takeUpload(full, { accountId }, kind, await onDisk(content)),
      isRefusal('unavailable', {}),
    )
  assert.equal(written.length, 2)
  for (const key of written) assert.equal(await context.files.stat(key), null)
  const { rowCount } = await context.db.pool.query('select from sent_file where account_id = $1', [accountId])
  assert.equal(rowCount, 0)
})

test('an upload that no work names goes after 30 days, an administrator’s stays', async () => {
  const { context } = siteOf(plaza)
  const user = await createUser(context, units(0))
  const admin = await createUser(context, units(0), { role: 'admin' })
  const photo = await onDisk(await aPhoto())
  const [unused, kept, young] = [
    await takeUpload(context, user, 'picture', photo),
    await takeUpload(context, admin, 'picture', photo),
    await takeUpload(context, user, 'picture', photo),
  ]
  await context.db.pool.query(
    `update sent_file set due_at = now() - interval '1 second' where store_key = any ($1)`,
    [[unused.storeKey, kept.storeKey]],
  )
  await sweepUploads(context)
  await sweepUploads(context)
  const isThere = async (key: string): Promise<boolean> => (await context.files.stat(key)) !== null
  assert.deepEqual(
    await Promise.all([unused.storeKey, unused.previewKey, kept.storeKey, young.storeKey].map(isThere)),
    [false, false, true, true],
  )
})

test('the source of something new is the caller’s own upload, copied; nobody else’s and nothing else', async () => {
  const { context } = siteOf(plaza)
  const [owner, other] = [await createUser(context, units(0)), await createUser(context, units(0))]
  const { storeKey } = await takeUpload(context, owner, 'picture', await onDisk(await aPhoto()))
  const address = fileUrl(context, storeKey)
  const copy = await findOwnPicture(context, owner, address)
  assert.notEqual(copy, storeKey)
  assert.deepEqual(
    (({ format, height }) => ({ format, height }))(await sharp(await readStored(context, copy)).metadata()),
    { format: 'png', height: 2_048 },
  )
  const clip = await takeUpload(context, owner, 'clip', await onDisk(await aClip()))
  for (const [who, what] of [
    [other, address],
    [owner, fileUrl(context, clip.storeKey)],
    [owner, fileUrl(context, copy)],
    [owner, 'https://elsewhere.example/x.png'],
    [owner, 'data:image/png;base64,AAAA'],
    [owner, `${context.publicUrl}/files/../../x.png`],
    [owner, ''],
  ] as const)
    await assert.rejects(findOwnPicture(context, who, what), isRefusal('upload_not_found', {}), what)
})

test('a sent picture becomes a PNG under a key of ours, and what is none is refused', async () => {
  const { context } = siteOf(plaza)
  const photo = await onDisk(await aPhoto())
  const key = await storeSentPicture(context, 'image', photo.path)
  assert.match(key, /^[a-z2-7]{32}\.png$/)
  assert.equal((await sharp(await readStored(context, key)).metadata()).format, 'png')
  for (const [content, problem] of [
    [Buffer.from('<svg/>'), 'type'],
    [(await aPhoto()).subarray(0, 400), 'broken'],
    [Buffer.alloc(21 * 1_048_576), 'too_large'],
  ] as const) {
    const { path } = await onDisk(content)
    await assert.rejects(
      storeSentPicture(context, 'image', path),
      isRefusal('upload_refused', { field: 'image', problem }),
    )
  }
})
