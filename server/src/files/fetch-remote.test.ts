import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { OutboundError, type OutboundErrorKind, type OutboundRequest } from '../kernel/ports/outbound.ts'
import { createOutbound, isPublicAddress } from './fetch-remote.ts'

const BOUNDS = { timeoutMs: 5_000, maxBytes: 1_000 } satisfies OutboundRequest
const VENDOR = { ...BOUNDS, isOperatorConfigured: true } satisfies OutboundRequest

type Seen = { method: string; url: string; headers: IncomingMessage['headers']; body: string }
let seen: Seen[] = []
let server: Server
let port: number
let origin: string

before(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      answer(url, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  origin = `http://127.0.0.1:${port}`
})

after(() => {
  server.closeAllConnections()
  server.close()
})

function answer(url: string, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://stand.in')
  if (pathname === '/to') response.writeHead(302, { location: searchParams.get('url') ?? '' }).end('moved')
  else if (pathname === '/loop') response.writeHead(302, { location: '/loop' }).end()
  else if (pathname === '/bytes') response.end(Buffer.alloc(Number(searchParams.get('n'))))
  else if (pathname === '/endless') {
    const timer = setInterval(() => response.write(Buffer.alloc(400)), 5)
    response.on('close', () => clearInterval(timer))
  } else if (pathname === '/gzip') {
    response
      .writeHead(200, { 'content-encoding': 'gzip' })
      .end(gzipSync(Buffer.alloc(Number(searchParams.get('n')))))
  } else if (pathname === '/not-gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain')
  else if (pathname === '/zstd') response.writeHead(200, { 'content-encoding': 'zstd' }).end('?')
  else if (pathname === '/slow-body') {
    const timer = setInterval(() => response.write('.'), 20)
    response.on('close', () => clearInterval(timer))
  } else if (pathname === '/cut') {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    setTimeout(() => response.destroy(), 20)
  } else if (pathname === '/drop') response.destroy()
  else if (pathname !== '/hang') response.end('hello')
}

const failure = async (work: Promise<unknown>, kind: OutboundErrorKind): Promise<OutboundError> => {
  const error = await work.then(
    () => assert.fail(`it went through, expected ${kind}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof OutboundError, `threw ${error}`)
  assert.equal(error.kind, kind, error.message)
  return error
}

const fails = async (work: Promise<unknown>, kind: OutboundErrorKind): Promise<void> => {
  await failure(work, kind)
}

const nobodyAsks = (): Promise<string[]> => assert.fail('a name was looked up')

describe('which addresses are public', () => {
  const PUBLIC = ['8.8.8.8', '1.1.1.1', '223.5.5.5', '100.63.255.255', '100.128.0.1', '172.15.255.255']
  const PUBLIC6 = ['2606:4700::1111', '2400:3200::1', '::ffff:8.8.8.8', '64:ff9b::808:808']
  for (const address of [...PUBLIC, ...PUBLIC6]) {
    test(`${address} is`, () => assert.equal(isPublicAddress(address), true))
  }

  const PRIVATE: readonly (readonly [string, string])[] = [
    ['0.0.0.0', 'this host'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['100.64.0.1', 'carrier NAT'],
    ['100.100.100.200', 'metadata at Aliyun'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'platform of Azure'],
    ['169.254.169.254', 'metadata'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.192', 'protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', 'old 6to4 relays'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmark'],
    ['198.19.255.255', 'benchmark'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'mapped loopback'],
    ['::ffff:a00:1', 'mapped private'],
    ['::ffff:0:10.0.0.1', 'translated private'],
    ['64:ff9b::7f00:1', 'NAT64 of loopback'],
    ['64:ff9b::a9fe:a9fe', 'NAT64 of metadata'],
    ['64:ff9b:1::808:808', 'local NAT64'],
    ['100::1', 'discard'],
    ['2001::1', 'Teredo'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
    ['2001:2::1', 'benchmark'],
    ['2001:20::1', 'ORCHID'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4 of loopback'],
    ['2002:c0a8:101::1', '6to4 of private'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'not assigned'],
    ['5f00::1', 'segment routing'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata at Amazon'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['010.0.0.1', 'octal, which is no address here'],
    ['2130706433', 'a number, which is no address here'],
    ['localhost', 'a name'],
    ['', 'nothing'],
  ]
  for (const [address, what] of PRIVATE) {
    test(`${address || '(empty)'} is not: ${what}`, () => assert.equal(isPublicAddress(address), false))
  }
})

describe('addresses in a URL', () => {
  const outbound = createOutbound({ allow: [], lookup: nobodyAsks })
  const NOTATIONS = [
    'http://127.0.0.1/',
    'http://127.1/',
    'http://127.0.1/',
    'http://127.0.0.1./',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://017700000001/',
    'http://0177.0.0.1/',
    'http://0/',
    'http://①②⑦.0.0.1/',
    'http://%31%32%37.0.0.1/',
    'http://127。0。0。1/',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[64:ff9b::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://[fe80::1]/',
    'https://169.254.169.254/latest/meta-data/',
  ]
  for (const url of NOTATIONS) {
    test(`${url} is refused`, () => fails(outbound(url, BOUNDS), 'forbidden'))
  }

  const WRONG = [
    'file:///etc/passwd',
    'ftp://8.8.8.8/',
    'gopher://8.8.8.8/',
    'data:text/plain,hello',
    'javascript:alert(1)',
    'http://user@8.8.8.8/',
    'http://user:word@8.8.8.8/',
    '//8.8.8.8/',
    'http://',
    'http://256.256.256.256/',
    'nonsense',
    '',
  ]
  for (const url of WRONG) {
    test(`${url || '(empty)'} is refused`, () => fails(outbound(url, BOUNDS), 'forbidden'))
  }

  for (const low of [0, 21, 22, 25, 110, 587, 993]) {
    test(`port ${low} is refused`, () => fails(outbound(`http://8.8.8.8:${low}/`, BOUNDS), 'forbidden'))
  }
})

describe('names', () => {
  test('a name with one private address among public ones is refused', async () => {
    const outbound = createOutbound({ allow: [], lookup: async () => ['8.8.8.8', '10.0.0.1'] })
    await fails(outbound('http://mixed.example/', BOUNDS), 'forbidden')
  })

  test('so is one whose only address is IPv6 loopback', async () => {
    const outbound = createOutbound({ allow: [], lookup: async () => ['::1'] })
    await fails(outbound('http://six.example/', BOUNDS), 'forbidden')
  })

  test('localhost is refused by the system resolver too', async () => {
    await fails(createOutbound({ allow: [] })(`http://localhost:${port}/`, BOUNDS), 'forbidden')
  })

  test('a name that cannot be resolved is unreachable', async () => {
    const lookup = (): Promise<string[]> =>
      Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
    const error = await failure(
      createOutbound({ allow: [], lookup })('http://gone.example/', BOUNDS),
      'unreachable',
    )
    assert.match(error.message, /gone\.example.*ENOTFOUND/)
  })

  test('a name with no addresses is unreachable', async () => {
    const outbound = createOutbound({ allow: [], lookup: async () => [] })
    await fails(outbound('http://empty.example/', BOUNDS), 'unreachable')
  })

  test('a resolver that never answers is unreachable at the deadline', async () => {
    const outbound = createOutbound({ allow: [], lookup: () => new Promise(() => {}) })
    await fails(outbound('http://slow.example/', { ...BOUNDS, timeoutMs: 50 }), 'unreachable')
  })

  test('a name is resolved once and the connection goes where the check looked (rebinding)', async () => {
    const answers = [['127.0.0.1'], ['10.0.0.1'], ['10.0.0.1']]
    let asked = 0
    const lookup = async (): Promise<string[]> => answers[asked++] ?? []
    const outbound = createOutbound({ allow: ['127.0.0.1/32'], lookup })
    // `.invalid` resolves nowhere: only the pinned address can have been used.
    const reply = await outbound(`http://rebind.invalid:${port}/`, VENDOR)
    assert.equal(Buffer.from(reply.body).toString(), 'hello')
    assert.equal(asked, 1)
    assert.equal(seen.at(-1)?.headers.host, `rebind.invalid:${port}`)
  })

  test('the next address is tried when the first does not answer', async () => {
    const outbound = createOutbound({
      allow: ['127.0.0.0/8'],
      lookup: async () => ['127.0.0.9', '127.0.0.1'],
    })
    const reply = await outbound(`http://two.invalid:${port}/`, VENDOR)
    assert.equal(reply.status, 200)
  })
})

describe('OUTBOUND_ALLOW', () => {
  test('lets an operator reach a private address', async () => {
    const reply = await createOutbound({ allow: ['127.0.0.0/8'] })(`${origin}/`, VENDOR)
    assert.equal(reply.status, 200)
    assert.equal(reply.url, `${origin}/`)
  })

  test('counts an IPv4 address mapped into IPv6 as the IPv4 address', async () => {
    const reply = await createOutbound({ allow: ['127.0.0.0/8'] })(
      `http://[::ffff:127.0.0.1]:${port}/`,
      VENDOR,
    )
    assert.equal(reply.status, 200)
  })

  test('lets nobody else', async () => {
    await fails(createOutbound({ allow: ['127.0.0.0/8'] })(`${origin}/`, BOUNDS), 'forbidden')
  })

  test('lets an operator no further than it says', async () => {
    await fails(createOutbound({ allow: ['10.0.0.0/8', '::1/128'] })(`${origin}/`, VENDOR), 'forbidden')
  })

  test('a range that cannot be read stops the start', () => {
    assert.throws(() => createOutbound({ allow: ['10.0.0.0'] }), /not a CIDR.*10\.0\.0\.0/)
    assert.throws(() => createOutbound({ allow: ['10.0.0.0/33'] }), RangeError)
  })
})

describe('requests', () => {
  const outbound = createOutbound({ allow: ['127.0.0.0/8'] })

  test('carry method, headers and body, and ask for no compression', async () => {
    await outbound(`${origin}/post?a=1`, {
      ...VENDOR,
      method: 'POST',
      headers: { 'Content-Type': 'text/plain', 'Accept-Encoding': 'gzip' },
      body: '正文',
    })
    const request = seen.at(-1)
    assert.equal(request?.method, 'POST')
    assert.equal(request?.url, '/post?a=1')
    assert.equal(request?.body, '正文')
    assert.equal(request?.headers['content-type'], 'text/plain')
    assert.equal(request?.headers['accept-encoding'], 'identity')
  })

  test('an answer exactly at the cap is read', async () => {
    const reply = await outbound(`${origin}/bytes?n=1000`, VENDOR)
    assert.equal(reply.body.length, 1000)
  })

  test('one byte more is too large', () => fails(outbound(`${origin}/bytes?n=1001`, VENDOR), 'too_large'))

  test('an endless answer is too large before it ends', () =>
    fails(outbound(`${origin}/endless`, VENDOR), 'too_large'))

  test('a compressed answer is read', async () => {
    const reply = await outbound(`${origin}/gzip?n=900`, VENDOR)
    assert.equal(reply.body.length, 900)
  })

  test('the cap counts what it decompresses to', () =>
    fails(outbound(`${origin}/gzip?n=100000000`, VENDOR), 'too_large'))

  test('a broken compression is interrupted', () =>
    fails(outbound(`${origin}/not-gzip`, VENDOR), 'interrupted'))
  test('an unknown one too', () => fails(outbound(`${origin}/zstd`, VENDOR), 'interrupted'))

  test('an answer that breaks off is interrupted', () =>
    fails(outbound(`${origin}/cut`, VENDOR), 'interrupted'))

  test('a connection closed without an answer is interrupted, and the request is not repeated', async () => {
    seen = []
    await fails(outbound(`${origin}/drop`, VENDOR), 'interrupted')
    assert.equal(seen.length, 1)
  })

  test('no answer in time is too slow', () =>
    fails(outbound(`${origin}/hang`, { ...VENDOR, timeoutMs: 100 }), 'too_slow'))

  test('a body that drips is too slow', () =>
    fails(outbound(`${origin}/slow-body`, { ...VENDOR, timeoutMs: 150 }), 'too_slow'))

  test('a port where nobody listens is unreachable', async () => {
    const unused = createSocketServer()
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve))
    const { port: free } = unused.address() as AddressInfo
    await new Promise((resolve) => unused.close(resolve))
    const error = await failure(outbound(`http://127.0.0.1:${free}/secret?key=1`, VENDOR), 'unreachable')
    assert.match(error.message, /ECONNREFUSED/)
    assert.doesNotMatch(error.message, /secret|key/)
  })

  test('a TLS handshake that fails is unreachable: no request was sent', () =>
    fails(outbound(`https://127.0.0.1:${port}/`, VENDOR), 'unreachable'))

  test('a connection that never gets ready is unreachable at the deadline, or when aborted', async () => {
    const silent = createSocketServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    const started = performance.now()
    await fails(outbound(url, { ...VENDOR, timeoutMs: 60 }), 'unreachable')
    await fails(outbound(url, { ...VENDOR, signal: AbortSignal.timeout(60) }), 'unreachable')
    assert.ok(performance.now() - started < 1_000)
    silent.close()
  })

  test('an answer that is not HTTP is interrupted', async () => {
    const odd = createSocketServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve))
    try {
      await fails(outbound(`http://127.0.0.1:${(odd.address() as AddressInfo).port}/`, VENDOR), 'interrupted')
    } finally {
      odd.close()
    }
  })

  test('aborted before it began, nothing is sent', async () => {
    seen = []
    await fails(outbound(`${origin}/`, { ...VENDOR, signal: AbortSignal.abort() }), 'unreachable')
    assert.equal(seen.length, 0)
  })

  test('aborted on the way, it is interrupted', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 60)
    await fails(outbound(`${origin}/hang`, { ...VENDOR, signal: controller.signal }), 'interrupted')
  })

  test('aborted while the body comes, it is interrupted', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 60)
    await fails(outbound(`${origin}/slow-body`, { ...VENDOR, signal: controller.signal }), 'interrupted')
  })
})

describe('a body taken as it comes', () => {
  const outbound = createOutbound({ allow: ['127.0.0.0/8'] })

  /** What a reader took; `bytes` grows while it reads. */
  function counting(): {
    bytes: number
    heads: number[]
    readBody: NonNullable<OutboundRequest['readBody']>
  } {
    const taken = {
      bytes: 0,
      heads: [] as number[],
      readBody: async (body: AsyncIterable<Uint8Array>, head: { status: number }): Promise<void> => {
        taken.heads.push(head.status)
        for await (const chunk of body) taken.bytes += chunk.byteLength
      },
    }
    return taken
  }

  test('goes to its reader with its head, and the reply has none', async () => {
    const taken = counting()
    const reply = await outbound(`${origin}/bytes?n=1000`, { ...VENDOR, readBody: taken.readBody })
    assert.deepEqual([reply.status, reply.body.length, taken.bytes, taken.heads], [200, 0, 1000, [200]])
  })

  test('is read once, at the last address of its redirects', async () => {
    const taken = counting()
    const url = `${origin}/to?url=${encodeURIComponent('/bytes?n=7')}`
    const reply = await outbound(url, { ...VENDOR, maxRedirects: 3, readBody: taken.readBody })
    assert.deepEqual([reply.url, taken.bytes, taken.heads], [`${origin}/bytes?n=7`, 7, [200]])
    const unfollowed = counting()
    await outbound(url, { ...VENDOR, readBody: unfollowed.readBody })
    assert.deepEqual([unfollowed.bytes, unfollowed.heads], [5, [302]])
  })

  test('is not begun where a redirect is refused', async () => {
    const taken = counting()
    const url = `${origin}/to?url=${encodeURIComponent('http://10.0.0.1/')}`
    await fails(outbound(url, { ...VENDOR, maxRedirects: 3, readBody: taken.readBody }), 'forbidden')
    assert.deepEqual(taken.heads, [])
  })

  for (const [path, kind] of [
    ['/bytes?n=1001', 'too_large'],
    ['/endless', 'too_large'],
    ['/gzip?n=100000000', 'too_large'],
    ['/cut', 'interrupted'],
    ['/not-gzip', 'interrupted'],
  ] as const) {
    test(`${path} is ${kind} for its reader and its caller`, async () => {
      const told: unknown[] = []
      const readBody = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
        try {
          for await (const _ of body);
        } catch (error) {
          // A reader that takes a break for the end must not make it one.
          told.push(error)
        }
      }
      const error = await failure(outbound(`${origin}${path}`, { ...VENDOR, readBody }), kind)
      assert.deepEqual(told, [error])
    })
  }

  test('a body that drips is too slow', async () => {
    const taken = counting()
    await fails(
      outbound(`${origin}/slow-body`, { ...VENDOR, timeoutMs: 150, readBody: taken.readBody }),
      'too_slow',
    )
    assert.ok(taken.bytes > 0)
  })

  for (const how of ['ends', 'throws'] as const) {
    test(`the connection is closed when the reader ${how} before the body`, async () => {
      const closed = new Promise<void>((resolve) =>
        server.once('connection', (socket) => socket.once('close', () => resolve())),
      )
      const words = new RangeError('enough')
      const readBody = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
        for await (const _ of body) {
          if (how === 'throws') throw words
          break
        }
      }
      const visit = outbound(`${origin}/slow-body`, { ...VENDOR, timeoutMs: 60_000, readBody })
      if (how === 'throws') await assert.rejects(visit, (error) => error === words)
      else assert.equal((await visit).status, 200)
      await closed
    })
  }

  test('a reader that takes its time holds up the sender', async () => {
    const size = 64 * 1_048_576
    let sent = 0
    const generous = createServer((_, response) => {
      const chunk = Buffer.alloc(65_536)
      const send = (): void => {
        while (sent < size) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', send)
        }
        response.end()
      }
      send()
    })
    await new Promise<void>((resolve) => generous.listen(0, '127.0.0.1', resolve))
    try {
      let sentWhileWaiting = size
      const readBody = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
        let bytes = 0
        for await (const chunk of body) {
          if (bytes === 0) {
            await new Promise((resolve) => setTimeout(resolve, 300))
            sentWhileWaiting = sent
          }
          bytes += chunk.byteLength
        }
        assert.equal(bytes, size)
      }
      const url = `http://127.0.0.1:${(generous.address() as AddressInfo).port}/`
      await outbound(url, { ...VENDOR, maxBytes: size, readBody })
      assert.ok(sentWhileWaiting < size / 4, `${sentWhileWaiting} of ${size} bytes went out meanwhile`)
    } finally {
      generous.closeAllConnections()
      generous.close()
    }
  })
})

describe('redirects', () => {
  const outbound = createOutbound({ allow: ['127.0.0.1/32'] })
  const to = (url: string): string => `${origin}/to?url=${encodeURIComponent(url)}`

  test('are returned unless asked for', async () => {
    const reply = await outbound(to('/'), VENDOR)
    assert.equal(reply.status, 302)
    assert.equal(reply.headers.location, '/')
    assert.equal(Buffer.from(reply.body).toString(), 'moved')
  })

  test('are followed as often as asked for', async () => {
    const reply = await outbound(to(to('/there')), { ...VENDOR, maxRedirects: 2 })
    assert.equal(reply.status, 200)
    assert.equal(reply.url, `${origin}/there`)
  })

  test('the one after the last is returned', async () => {
    seen = []
    const reply = await outbound(`${origin}/loop`, { ...VENDOR, maxRedirects: 3 })
    assert.equal(reply.status, 302)
    assert.equal(seen.length, 4)
  })

  test('of a POST are never followed', async () => {
    const reply = await outbound(to('/'), { ...VENDOR, method: 'POST', body: 'x', maxRedirects: 3 })
    assert.equal(reply.status, 302)
  })

  for (const target of ['http://10.0.0.1/', 'http://[::1]/', 'http://0xa.1/', 'http://localhost/']) {
    test(`to ${target} are refused`, () =>
      fails(outbound(to(target), { ...VENDOR, maxRedirects: 3 }), 'forbidden'))
  }

  test('to another scheme are refused', () =>
    fails(outbound(to('file:///etc/passwd'), { ...VENDOR, maxRedirects: 3 }), 'forbidden'))

  test('to an allowed address of another name are refused: nobody configured that', async () => {
    const named = createOutbound({ allow: ['127.0.0.1/32'], lookup: async () => ['127.0.0.1'] })
    const url = `http://vendor.invalid:${port}/to?url=${encodeURIComponent(`${origin}/`)}`
    await fails(named(url, { ...VENDOR, maxRedirects: 3 }), 'forbidden')
  })

  test('resolve and check each name again', async () => {
    let asked = 0
    const lookup = async (): Promise<string[]> => (asked++ === 0 ? ['127.0.0.1'] : ['192.168.0.1'])
    const rebound = createOutbound({ allow: ['127.0.0.1/32'], lookup })
    const url = `http://vendor.invalid:${port}/to?url=${encodeURIComponent('/again')}`
    await fails(rebound(url, { ...VENDOR, maxRedirects: 3 }), 'forbidden')
    assert.equal(asked, 2)
  })

  test('to nobody are interrupted: the first request was sent', async () => {
    const unused = createSocketServer()
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve))
    const { port: free } = unused.address() as AddressInfo
    await new Promise((resolve) => unused.close(resolve))
    await fails(outbound(to(`http://127.0.0.1:${free}/`), { ...VENDOR, maxRedirects: 3 }), 'interrupted')
  })

  const SECRETS = { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Goog-Api-Key': 'k', Accept: 'image/*' }

  test('within an origin keep the headers', async () => {
    await outbound(to('/there'), { ...VENDOR, maxRedirects: 1, headers: SECRETS })
    assert.equal(seen.at(-1)?.url, '/there')
    assert.equal(seen.at(-1)?.headers.authorization, 'Bearer x')
    assert.equal(seen.at(-1)?.headers['x-goog-api-key'], 'k')
  })

  test('to another origin carry no secret, not even back again', async () => {
    const other = createServer((_, response) => response.writeHead(302, { location: `${origin}/back` }).end())
    let received: IncomingMessage['headers'] = {}
    other.on('request', (request: IncomingMessage) => {
      received = request.headers
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
      const reply = await outbound(to(url), { ...VENDOR, maxRedirects: 2, headers: SECRETS })
      assert.equal(reply.url, `${origin}/back`)
      for (const headers of [received, seen.at(-1)?.headers ?? {}]) {
        assert.equal(headers.accept, 'image/*')
        for (const name of ['authorization', 'cookie', 'x-goog-api-key'])
          assert.equal(headers[name], undefined)
      }
    } finally {
      other.closeAllConnections()
      other.close()
    }
  })
})
