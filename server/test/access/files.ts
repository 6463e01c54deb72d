import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { units } from '../../src/kernel/money.ts'
import { sweepFiles } from '../../src/kernel/works/sweep.ts'
import { createUser } from '../factories.ts'
import type { Ground } from './ground.ts'

/** Stored files are served by their keys alone, and nothing in them runs. */
export function testFiles(ground: Ground): void {
  const { about } = ground
  test('stored files: traversal, unknown keys, HEAD, ranges, validators, and nothing that runs', async () => {
    const { token } = await createUser(ground.site.context, units(100))
    const url = await about.makePicture(ground, token)
    const key = url.slice('/files/'.length)
    const planted = 'planted where no request may reach'
    await mkdir(join(ground.site.dataDir, 'outbox'), { recursive: true })
    await writeFile(join(ground.site.dataDir, 'secret.png'), planted)
    await writeFile(join(ground.site.dataDir, 'files', 'secretsecretsecret.png'), planted)
    await ground.site.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = ground.site.app.server.address() as AddressInfo

    type Served = { status: number; headers: Record<string, string | undefined>; bytes: Buffer }
    // The path goes out as it is written; a client library would resolve its dots.
    const fetchRaw = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Served> =>
      new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (reply) => {
          const chunks: Buffer[] = []
          reply.on('data', (chunk: Buffer) => chunks.push(chunk))
          reply.on('end', () =>
            resolve({
              status: reply.statusCode ?? 0,
              headers: reply.headers as Served['headers'],
              bytes: Buffer.concat(chunks),
            }),
          )
        })
        sent.on('error', reject)
        sent.end()
      })

    const whole = await fetchRaw(url)
    assert.equal(whole.status, 200)
    assert.equal(whole.headers['content-type'], 'image/png')
    assert.equal(whole.headers['content-length'], String(whole.bytes.length))
    assert.equal(whole.headers['x-content-type-options'], 'nosniff')
    assert.equal(whole.headers['content-security-policy'], "default-src 'none'; sandbox")
    assert.equal(whole.headers['cross-origin-resource-policy'], 'cross-origin')
    assert.equal(whole.headers['access-control-allow-origin'], '*')
    assert.match(String(whole.headers['cache-control']), /immutable/)
    assert.equal(whole.bytes.subarray(1, 4).toString(), 'PNG')
    const size = whole.bytes.length

    const traversals = [
      ...[
        '../secret.png',
        '../../secret.png',
        '..%2fsecret.png',
        '..%2f..%2fsecret.png',
        '%2e%2e/%2e%2e/secret.png',
      ],
      ...[
        '%2e%2e%2f%2e%2e%2fsecret.png',
        '..%5c..%5csecret.png',
        '..%252f..%252fsecret.png',
        '%c0%ae%c0%ae/secret.png',
      ],
      ...[
        '....//....//secret.png',
        './secret.png',
        '/secret.png',
        '%2fetc%2fpasswd',
        '../../../../../../etc/passwd',
      ],
      ...[
        'secretsecretsecret.png',
        '..%2fsecretsecretsecret.png',
        `${key.slice(0, 2)}%2f${key}`,
        `${key}%00.png`,
      ],
    ]
    const unknown = [
      ...[
        '',
        'x.png',
        'a'.repeat(32),
        `${'a'.repeat(32)}.png`,
        key.toUpperCase(),
        `${key}/`,
        `${key}x`,
        `${key}.part`,
      ],
      ...[
        key.replace('.png', ''),
        key.replace('.png', '.svg'),
        key.replace('.png', '.html'),
        key.replace('.png', '.webp'),
      ],
      ...[
        `${'a'.repeat(32)}.svg`,
        `%20${key}`,
        `${key}%20`,
        '__proto__',
        'constructor.png',
        `${'a'.repeat(65)}.png`,
      ],
    ]
    for (const name of [...traversals, ...unknown]) {
      const answer = await fetchRaw(`/files/${name}`)
      const text = answer.bytes.toString()
      // Routers ignore one trailing slash; what comes back then is the same public file.
      if (name === `${key}/`) continue
      assert.ok(answer.status === 404 || answer.status === 400, `${name}: ${answer.status}`)
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
      const envelope = JSON.parse(text)
      assert.deepEqual(
        [about.codeOf(envelope), envelope.data ?? null],
        [about.nowhere(answer.status), null],
        name,
      )
      assert.ok(!text.includes(planted) && !text.includes('root:'), name)
    }
    const secretive = await fetchRaw('/files/nothing.png?token=a-secret-value')
    assert.equal(secretive.status, 404)
    assert.doesNotMatch(secretive.bytes.toString(), /a-secret-value/)
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      assert.equal((await fetchRaw(url, {}, method)).status, 404, method)
    }

    const head = await fetchRaw(url, {}, 'HEAD')
    assert.deepEqual([head.status, head.bytes.length, head.headers['content-length']], [200, 0, String(size)])
    assert.equal(head.headers.etag, whole.headers.etag)
    assert.equal((await fetchRaw('/files/nothing.png', {}, 'HEAD')).status, 404)

    const ranges: [range: string, status: number, from: number, to: number][] = [
      ['bytes=0-9', 206, 0, 10],
      ['bytes=10-', 206, 10, size],
      ['bytes=-5', 206, size - 5, size],
      [`bytes=0-${size * 10}`, 206, 0, size],
      [`bytes=-${size * 10}`, 206, 0, size],
      ['bytes=0-1,5-6', 200, 0, size],
      [`bytes=${'0-1,3-4,'.repeat(500)}9-9`, 200, 0, size],
      ['bytes=abc', 200, 0, size],
      ['lines=0-1', 200, 0, size],
      ['bytes', 200, 0, size],
    ]
    for (const [range, status, from, to] of ranges) {
      const part = await fetchRaw(url, { range })
      const why = range.slice(0, 40)
      assert.equal(part.status, status, why)
      assert.ok(part.bytes.equals(whole.bytes.subarray(from, to)), why)
      assert.equal(part.headers['content-length'], String(to - from), why)
      assert.equal(
        part.headers['content-range'],
        status === 206 ? `bytes ${from}-${to - 1}/${size}` : undefined,
        why,
      )
    }
    for (const range of [`bytes=${size}-`, `bytes=${size + 5}-${size + 9}`]) {
      const none = await fetchRaw(url, { range })
      assert.deepEqual(
        [none.status, none.headers['content-range'], none.bytes.length],
        [416, `bytes */${size}`, 0],
        range,
      )
    }
    const partial = await fetchRaw(url, { range: 'bytes=0-9' }, 'HEAD')
    assert.deepEqual(
      [partial.status, partial.headers['content-length'], partial.bytes.length],
      [206, '10', 0],
    )
    const { etag = '' } = whole.headers
    const same = await fetchRaw(url, { range: 'bytes=0-9', 'if-range': etag })
    const changed = await fetchRaw(url, { range: 'bytes=0-9', 'if-range': '"another"' })
    assert.deepEqual([same.status, changed.status], [206, 200])
    const fresh = await fetchRaw(url, { 'if-none-match': etag })
    assert.deepEqual([fresh.status, fresh.bytes.length], [304, 0])
    assert.equal((await fetchRaw(url, { 'if-none-match': '"another"' })).status, 200)

    if (!about.deletePicture) return
    await about.deletePicture(ground, token)
    await sweepFiles(ground.site.context)
    assert.equal((await fetchRaw(url)).status, 404, 'a deleted picture is gone')
  })
}
