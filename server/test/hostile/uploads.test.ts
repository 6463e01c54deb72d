import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32, deflateRawSync, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { aClip, box } from '../fakes/clips.ts'
import { dribble, send } from './client.ts'

const MEBIBYTE = 1_048_576
const MOST_GROWTH = 256 * MEBIBYTE
const SCRIPT = '<html><script>alert(document.domain)</script></html>'
const TINY = { width: 8, height: 8, channels: 3, background: '#888888' } as const
const SHOWN = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'video/mp4',
  'video/webm',
  'video/quicktime',
])

type Hostile = { what: string; kind: 'image' | 'video'; content: Buffer; fileName?: string; takes?: boolean }

function chunk(name: string, content: Buffer): Buffer {
  const framed = Buffer.concat([Buffer.from(name, 'latin1'), content])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(framed))
  return Buffer.concat([length, framed, sum])
}

/** A PNG of `side` x `side` pixels of nothing, which is small as long as nobody opens it. */
function bomb(side: number, depth: 1 | 8 | 16, colour: 0 | 6, extra: Buffer[] = []): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(side, 0)
  head.writeUInt32BE(side, 4)
  head.set([depth, colour], 8)
  const row = 1 + Math.ceil((side * depth * (colour === 6 ? 4 : 1)) / 8)
  const rows = deflateSync(Buffer.alloc(row * side), { level: 9 })
  const mark = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    mark,
    chunk('IHDR', head),
    ...extra,
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A ZIP of one file of `bytes` zeros. */
function zipBomb(bytes: number): Buffer {
  const packed = deflateRawSync(Buffer.alloc(bytes), { level: 9 })
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  head.set([20, 0, 0, 0, 8, 0], 4)
  head.writeUInt32LE(packed.length, 18)
  head.writeUInt32LE(bytes, 22)
  head.writeUInt16LE(1, 26)
  return Buffer.concat([head, Buffer.from('a'), packed])
}

function table(name: string, ...numbers: number[]): Buffer {
  const content = Buffer.alloc(numbers.length * 4)
  for (const [index, number] of numbers.entries()) content.writeUInt32BE(number >>> 0, index * 4)
  return box(name, content)
}

/** The clip with `change` done to its index, in place. */
function lying(clip: Buffer, name: string, change: (at: number, bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(clip)
  const at = bytes.indexOf(name, 0, 'latin1')
  assert.ok(at > 0, `the clip has a box ${name}`)
  change(at, bytes)
  return bytes
}

async function hostileFiles(): Promise<Hostile[]> {
  const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 7_919) % 251))
  const picture = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
  const [png, jpeg, gif] = [
    await picture.clone().png().toBuffer(),
    await picture.clone().jpeg().toBuffer(),
    await picture.clone().gif().toBuffer(),
  ]
  const comment = Buffer.from(SCRIPT)
  const jpegWithHtml = Buffer.concat([
    ...[jpeg.subarray(0, 2), Buffer.from([0xff, 0xfe, 0, comment.length + 2]), comment, jpeg.subarray(2)],
  ])
  const clip = await aClip({ frames: 10 })
  const start = clip.subarray(0, clip.readUInt32BE(0))
  let nest = Buffer.alloc(0)
  for (let depth = 0; depth < 20_000; depth += 1) nest = box(depth % 2 ? 'moov' : 'trak', nest) as typeof nest
  const profile = chunk(
    'iCCP',
    Buffer.concat([Buffer.from('p\0\0', 'latin1'), deflateSync(Buffer.alloc(200 * MEBIBYTE))]),
  )
  const pictures: Omit<Hostile, 'kind'>[] = [
    { what: 'a pixel bomb of 50,000 x 50,000', content: bomb(50_000, 1, 0), takes: false },
    { what: 'a picture of 6,300 x 6,300, 16 bits a channel', content: bomb(6_300, 16, 6), takes: true },
    { what: 'a profile of 200 MB in a picture of 8 x 8', content: bomb(8, 8, 6, [profile]) },
    { what: 'a zip bomb of 100 MB', content: zipBomb(100 * MEBIBYTE), fileName: 'x.png', takes: false },
    { what: 'GIF and HTML at once', content: Buffer.concat([gif, Buffer.from(SCRIPT)]), takes: true },
    { what: 'JPEG and HTML at once', content: jpegWithHtml, fileName: 'x.html', takes: true },
    {
      what: 'PNG and PDF at once',
      content: Buffer.concat([png, Buffer.from(`%PDF-1.7 ${SCRIPT}`)]),
      takes: true,
    },
    { what: 'PDF and JPEG at once', content: Buffer.concat([Buffer.from('%PDF-1.7\n'), jpeg]), takes: false },
    {
      what: 'SVG with a script',
      content: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
      fileName: 'x.svg',
      takes: false,
    },
    {
      what: 'SVG that includes files',
      content: Buffer.from(
        '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>',
      ),
      takes: false,
    },
    { what: 'HTML said to be a PNG', content: Buffer.from(SCRIPT), fileName: 'evil.html', takes: false },
    { what: 'HTML that begins like a GIF', content: Buffer.from(`GIF89a=1;${SCRIPT}`), takes: false },
    { what: 'a clip among pictures', content: clip, takes: false },
    { what: 'half a picture', content: png.subarray(0, png.length / 2), takes: false },
    { what: 'nothing', content: Buffer.alloc(0), takes: false },
    ...[
      '../../data/x.png',
      '/etc/cron.d/x.png',
      '..\\..\\x.png',
      'a\0b.png',
      'x'.repeat(65_536),
      '%2e%2e%2fx.png',
    ].map((fileName) => ({ what: `named ${fileName.slice(0, 20)}`, content: png, fileName })),
  ]
  const clips: Omit<Hostile, 'kind'>[] = [
    { what: 'a clip with HTML behind it', content: Buffer.concat([clip, Buffer.from(SCRIPT)]), takes: true },
    {
      what: 'a clip cut off in its index',
      content: clip.subarray(0, clip.indexOf('moov') + 80),
      takes: false,
    },
    {
      what: 'a clip without an index',
      content: lying(clip, 'moov', (at, bytes) => bytes.write('free', at)),
      takes: false,
    },
    {
      what: 'a clip whose box is of 4 GB',
      content: lying(clip, 'moov', (at, bytes) => bytes.writeUInt32BE(0xffff_fff0, at - 4)),
    },
    {
      what: 'a clip whose box is of 8 EB',
      content: Buffer.concat([
        start,
        Buffer.from([0, 0, 0, 1]),
        Buffer.from('moov'),
        Buffer.alloc(8, 0x7f),
        Buffer.alloc(64),
      ]),
      takes: false,
    },
    {
      what: 'a clip of 10^9 samples',
      content: lying(clip, 'stsz', (at, bytes) => bytes.writeUInt32BE(1_000_000_000, at + 12)),
    },
    {
      what: 'a clip of 10^9 durations',
      content: lying(clip, 'stts', (at, bytes) => bytes.writeUInt32BE(1_000_000_000, at + 8)),
    },
    {
      what: 'a clip of a sample 10^9 times',
      content: lying(clip, 'stts', (at, bytes) => bytes.writeUInt32BE(1_000_000_000, at + 12)),
    },
    {
      what: 'a clip of 4 billion pixels a side',
      content: lying(clip, 'avc1', (at, bytes) => bytes.writeUInt32BE(0xffff_ffff, at + 28)),
    },
    { what: '20,000 boxes in each other', content: Buffer.concat([start, nest]), takes: false },
    {
      what: 'an index of nothing but tables',
      content: Buffer.concat([start, box('moov', table('stsz', 0, 0, 1_000_000_000))]),
      takes: false,
    },
    {
      what: 'a WebM that says it is endless',
      content: Buffer.concat([
        Buffer.from(
          '1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff',
          'hex',
        ),
        Buffer.alloc(5_000, 0xec),
      ]),
      takes: false,
    },
    {
      what: 'a playlist',
      content: Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'),
      fileName: 'x.mp4',
      takes: false,
    },
    { what: 'a picture among clips', content: png, takes: false },
    { what: '30 MB of nothing', content: Buffer.concat([start, Buffer.alloc(30 * MEBIBYTE)]), takes: false },
  ]
  return [
    ...pictures.map((one) => ({ ...one, kind: 'image' as const })),
    ...clips.map((one) => ({ ...one, kind: 'video' as const })),
  ]
}

const formOf = (content: Buffer, fileName = 'x.png', field = 'file'): Buffer =>
  Buffer.concat([
    Buffer.from(
      `--b\r\nContent-Disposition: form-data; name="${field}"; filename="${fileName}"\r\nContent-Type: image/png\r\n\r\n`,
    ),
    content,
    Buffer.from('\r\n--b--\r\n'),
  ])

type Site = { port: number; dataDir: string; tokens: [string, string] }
type Told = {
  status: number
  code: number
  message: string
  data: { url: string; thumbnail: string; filename?: string } | null
}

let files: Hostile[]
before(async () => {
  files = await hostileFiles()
})

for (const dialect of ['plaza', 'cameo'] as const) {
  let child: ChildProcess
  let site: Site
  before(async () => {
    // As `npm start` runs it: without these, glibc keeps a picture's memory in every thread that ever opened one.
    const { scripts } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
    const allocator = Object.fromEntries(
      [...String(scripts.start).matchAll(/\b(MALLOC_\w+)=(\d+)/g)].map(([, name, value]) => [name, value]),
    )
    child = fork(new URL('./upload-site.ts', import.meta.url), [dialect], {
      env: { ...process.env, ...allocator },
    })
    site = await new Promise<Site>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Site))
      child.once('exit', () => reject(new Error('the site did not start')))
    })
  })
  after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.send('end')
    await ended
  })

  const success = dialect === 'plaza' ? 200 : 0
  const call = async (
    method: string,
    path: string,
    type: string,
    body: Buffer | string,
    who = 0,
  ): Promise<Told> => {
    const answer = await send(site.port, {
      ...{ method, path: `/api/v1${path}`, headers: { 'content-type': type }, body },
      token: site.tokens[who] ?? '',
    })
    const told = JSON.parse(answer.text) as Omit<Told, 'status'> & Record<string, unknown>
    assert.ok(answer.status < 500, `${path}: ${answer.status} ${answer.text.slice(0, 200)}`)
    const names =
      dialect === 'cameo'
        ? ['code', 'message', 'data']
        : ['code', 'message', told.code === success ? 'data' : 'error', 'timestamp']
    assert.deepEqual(Object.keys(told).sort(), names.sort())
    assert.equal(told.code, answer.status === 200 ? success : answer.status)
    assert.doesNotMatch(answer.text.replace(/https?:\S+/g, ''), /FST_|\.ts:\d|sharp|vips|ENO|Error:/)
    return { ...told, status: answer.status }
  }
  const upload = ({
    kind,
    content,
    fileName,
  }: Pick<Hostile, 'kind' | 'content' | 'fileName'>): Promise<Told> =>
    call('POST', `/upload/${kind}`, 'multipart/form-data; boundary=b', formOf(content, fileName))

  /** What is served at an address of an answer can only be shown. */
  const assertHarmless = async (address: string): Promise<void> => {
    const { pathname } = new URL(address)
    const answer = await send(site.port, { path: pathname })
    assert.equal(answer.status, 200, address)
    assert.ok(SHOWN.has(String(answer.headers['content-type'])), String(answer.headers['content-type']))
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    assert.match(String(answer.headers['content-security-policy']), /default-src 'none'; ?sandbox/)
    if (!pathname.endsWith('.mp4')) assert.doesNotMatch(answer.text, /<script|%PDF|<svg/)
  }

  /** Everything in the data folder, but for what is under keys of ours. */
  const strays = async (): Promise<string[]> => {
    const entries = await readdir(site.dataDir, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(site.dataDir.length + 1))
      .filter(
        (path) => !/^files\/\w+\/[a-z0-9]{2}\/[a-z0-9]{32}\.(png|jpg|webp|gif|mp4|webm|mov)$/.test(path),
      )
  }
  const assertNothingAstray = async (): Promise<void> => {
    for (let tries = 0; tries < 40 && (await strays()).length > 0; tries += 1) await sleep(50)
    assert.deepEqual(await strays(), [])
    assert.deepEqual(await readdir(join(site.dataDir, 'forms')), [])
    await assert.rejects(stat(join(site.dataDir, '..', 'data')))
    await assert.rejects(stat('/etc/cron.d/x.png'))
  }
  const memory = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(
      readFileSync(`/proc/${child.pid}/status`, 'utf8'),
    )
    return Number(found?.[1]) * 1_024
  }

  test(`${dialect}: 50 hostile uploads at once grow the process by less than 256 MB`, async () => {
    await upload({ kind: 'image', content: await sharp({ create: TINY }).png().toBuffer() })
    await sleep(1_000)
    // The peak is counted from here on.
    writeFileSync(`/proc/${child.pid}/clear_refs`, '5')
    const start = memory('VmRSS')
    // Of each, and the largest picture that is opened three times more.
    const largest = files.filter(({ what }) => what.includes('6,300'))
    const fifty = [...largest, ...largest, ...largest, ...files, ...files].slice(0, 50)
    assert.equal(fifty.length, 50)
    const startedAt = performance.now()
    const answers = await Promise.all(fifty.map(upload))
    const took = performance.now() - startedAt
    const peak = memory('VmHWM')
    const growth = peak - start
    process.stdout.write(
      `# ${dialect}: 50 at once in ${Math.round(took)} ms, ${answers.filter(({ code }) => code === success).length} taken; ` +
        `${Math.round(start / MEBIBYTE)} MB before, ${Math.round(peak / MEBIBYTE)} MB at the peak: +${Math.round(growth / MEBIBYTE)} MB\n`,
    )
    assert.ok(growth < MOST_GROWTH, `${Math.round(growth / MEBIBYTE)} MB`)
    await assertNothingAstray()
  })

  test(`${dialect}: every hostile file is refused or made harmless, and nothing is astray`, async () => {
    let [taken, refused] = [0, 0]
    for (const file of files) {
      const startedAt = performance.now()
      const told = await upload(file)
      const isTaken = told.code === success
      if (file.takes !== undefined) assert.equal(isTaken, file.takes, `${file.what}: ${told.message}`)
      if (isTaken) taken += 1
      else refused += 1
      if (!isTaken) assert.equal(told.status, 400, file.what)
      if (isTaken && told.data) {
        await assertHarmless(told.data.url)
        await assertHarmless(told.data.thumbnail)
      }
      const took = performance.now() - startedAt
      assert.ok(took < 12_000, `${file.what}: ${Math.round(took)} ms`)
    }
    await assertNothingAstray()
    process.stdout.write(
      `# ${dialect}: ${files.length} hostile files, ${refused} refused, ${taken} made harmless\n`,
    )
  })

  test(`${dialect}: 10,000 parts are refused cheaply`, async () => {
    const parts = Array.from(
      { length: 10_000 },
      (_, n) => `--b\r\nContent-Disposition: form-data; name="f${n}"\r\n\r\nx\r\n`,
    )
    const body = Buffer.from(`${parts.join('')}--b--\r\n`)
    const startedAt = performance.now()
    const told = await call('POST', '/upload/image', 'multipart/form-data; boundary=b', body)
    const took = performance.now() - startedAt
    assert.equal(told.status, 400)
    assert.ok(took < 1_000, `${took} ms`)
    process.stdout.write(`# ${dialect}: 10,000 parts refused in ${Math.round(took)} ms\n`)
    await assertNothingAstray()
  })

  test(`${dialect}: a byte at a time ends with 408 when the time is over, and nothing stays`, async () => {
    const head =
      `POST /api/v1/upload/image HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${site.tokens[0]}\r\n` +
      'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n' +
      '--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    const startedAt = performance.now()
    const heard = await dribble(head, 'x', site.port)
    const took = performance.now() - startedAt
    assert.match(heard, /^HTTP\/1\.1 408 /)
    assert.equal(heard.match(/HTTP\/1\.1/g)?.length, 1)
    assert.ok(took < 8_000, `${took} ms`)
    process.stdout.write(
      `# ${dialect}: a byte every 100 ms ended after ${Math.round(took)} ms (limit 5000)\n`,
    )
    await assertNothingAstray()
  })

  if (dialect === 'plaza') continue

  test('cameo hole 1: a name is a key of the caller’s own upload or nothing at all', async () => {
    const png = files.find(({ what }) => what.startsWith('named'))?.content as Buffer
    const { data } = await upload({ kind: 'image', content: png })
    const own = data?.filename ?? ''
    const remove = (body: object, who = 0): Promise<Told> =>
      call('DELETE', '/upload/file', 'application/json', JSON.stringify(body), who)
    const names = [
      ...[
        '../../data/d.sqlite',
        '/etc/passwd',
        `../cameo/${own}`,
        `./${own}`,
        `${own}/../${own}`,
        `${own}%00`,
      ],
      ...[
        '..',
        '',
        '.',
        '*',
        '%',
        own.slice(0, -1),
        own.toUpperCase(),
        `${own.slice(0, 8)}%`,
        'aaaaaaaaaaaaaaaa.png',
      ],
      ...['x'.repeat(2_000), '..\\..\\x', 'file:///etc/passwd', `https://elsewhere.example/files/${own}`],
    ]
    for (const filename of names) {
      for (const body of [{ filename }, { url: filename }])
        assert.equal((await remove(body)).status, 404, filename)
    }
    assert.equal((await remove({ filename: own }, 1)).status, 404, 'somebody else’s is none')
    assert.equal((await remove({})).status, 400)
    assert.equal((await remove({ filename: 7 })).status, 400)
    assert.equal((await send(site.port, { path: `/files/${own}` })).status, 200, 'it is still there')
    const twice = await Promise.all([remove({ filename: own }), remove({ url: data?.url })])
    assert.deepEqual(twice.map(({ status }) => status).sort(), [200, 404], 'of two one deletes it')
    for (const address of [data?.url, data?.thumbnail])
      assert.equal((await send(site.port, { path: new URL(address ?? '').pathname })).status, 404)
    assert.equal((await stat(site.dataDir)).isDirectory(), true)
    await assertNothingAstray()
  })

  test('cameo hole 2: HTML declared a picture is refused by its content, under any name and in any field', async () => {
    for (const [path, field] of [
      ['image', 'image'],
      ['avatar', 'avatar'],
      ['video', 'video'],
      ['image', 'file'],
    ] as const) {
      for (const fileName of ['evil.html', 'evil.png', 'evil.png.html', 'evil.svg', 'evil']) {
        const body = formOf(Buffer.from(SCRIPT), fileName, field)
        const told = await call('POST', `/upload/${path}`, 'multipart/form-data; boundary=b', body)
        assert.equal(told.status, 400)
        assert.equal(told.message, '不支持的文件类型')
      }
    }
    await assertNothingAstray()
  })
}
