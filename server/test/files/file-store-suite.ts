import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { FileStore } from '../../src/kernel/ports/file-store.ts'

/** A store to test, and what may be known of the far side. */
export type FileStoreBench = {
  store: FileStore
  /** Another site's store in the same place. */
  neighbour: FileStore
  /** How many bytes have arrived at the far side; null where there is none. */
  received: (() => number) | null
  close: () => Promise<void>
}

const MEBIBYTE = 1_048_576
let serial = 0

/** A key as the server makes them. */
function aKey(extension = 'png'): string {
  serial += 1
  return `${String(serial).padStart(4, '0')}abcdefghijklmnopqrstuvwxyz23.${extension}`
}

async function readAll(
  store: FileStore,
  key: string,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of store.read(key, range)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** What every store of files must do, wherever they lie. */
export function testFileStore(name: string, setup: () => Promise<FileStoreBench>): void {
  describe(`${name} as a file store`, () => {
    let bench: FileStoreBench
    before(async () => {
      bench = await setup()
    })
    after(() => bench.close())

    test('keeps bytes under a key and gives them back, whole or in part', async () => {
      const { store } = bench
      const key = aKey()
      const before = Date.now()
      await store.put(key, Buffer.from('0123456789'))
      const stat = await store.stat(key)
      assert.equal(stat?.bytes, 10)
      assert.ok(stat && Math.abs(stat.modifiedAt.getTime() - before) < 60_000)
      assert.equal((await readAll(store, key)).toString(), '0123456789')
      assert.equal((await readAll(store, key, { start: 2, end: 4 })).toString(), '234')
      assert.equal((await readAll(store, key, { start: 9, end: 9 })).toString(), '9')
    })

    test('keeps a part of a larger buffer, and an empty file', async () => {
      const { store } = bench
      const [part, empty] = [aKey(), aKey()]
      await store.put(part, new Uint8Array(Buffer.from('xxabcxx')).subarray(2, 5))
      await store.put(empty, new Uint8Array(0))
      assert.equal((await readAll(store, part)).toString(), 'abc')
      assert.equal((await store.stat(empty))?.bytes, 0)
      assert.equal((await readAll(store, empty)).length, 0)
    })

    test('says that there is no file, and fails to read it', async () => {
      const { store } = bench
      assert.equal(await store.stat(aKey()), null)
      await assert.rejects(readAll(store, aKey()))
    })

    test('removes a file, and does not mind when there is none', async () => {
      const { store } = bench
      const key = aKey()
      await store.put(key, Buffer.from('gone'))
      await store.remove(key)
      assert.equal(await store.stat(key), null)
      await store.remove(key)
    })

    test('takes no key that the server did not make', async () => {
      const { store } = bench
      for (const key of [
        '../secret.png',
        'short.png',
        'ABCDEFGHIJKLMNOPQRST.png',
        'abcdefghijklmnopqrst',
        '',
      ]) {
        await assert.rejects(async () => store.put(key, Buffer.from('x')), key)
        await assert.rejects(async () => readAll(store, key), key)
        await assert.rejects(async () => store.remove(key), key)
      }
    })

    test('takes a small stream', async () => {
      const { store } = bench
      const key = aKey()
      await store.put(
        key,
        (async function* () {
          yield Buffer.from('one ')
          yield new Uint8Array(Buffer.from('two'))
        })(),
      )
      assert.equal((await readAll(store, key)).toString(), 'one two')
    })

    test('takes a stream without holding it in memory', { timeout: 60_000 }, async () => {
      const { store, received } = bench
      const key = aKey('mp4')
      const hash = createHash('sha256')
      const start = received?.() ?? 0
      let made = 0
      let mostAhead = 0
      await store.put(
        key,
        (async function* () {
          for (let index = 0; index < 64; index += 1) {
            const chunk = Buffer.alloc(MEBIBYTE, index)
            hash.update(chunk)
            made += chunk.length
            mostAhead = Math.max(mostAhead, made - ((received?.() ?? 0) - start))
            yield chunk
          }
        })(),
      )
      assert.equal((await store.stat(key))?.bytes, 64 * MEBIBYTE)
      const back = createHash('sha256')
      for await (const chunk of store.read(key)) back.update(chunk as Buffer)
      assert.equal(back.digest('hex'), hash.digest('hex'))
      if (received) assert.ok(mostAhead <= 28 * MEBIBYTE, `${mostAhead / MEBIBYTE} MiB were held`)
      await store.remove(key)
    })

    for (const size of [1, 20]) {
      test(`keeps nothing of a stream that breaks off after ${size} MiB`, async () => {
        const { store } = bench
        const key = aKey()
        const broken = store.put(
          key,
          (async function* () {
            for (let index = 0; index < size; index += 1) yield Buffer.alloc(MEBIBYTE, 1)
            throw new Error('the source broke off')
          })(),
        )
        await assert.rejects(broken, /the source broke off/)
        assert.equal(await store.stat(key), null)
      })
    }

    test('goes on after readers that stop in the middle', async () => {
      const { store } = bench
      const key = aKey()
      await store.put(key, Buffer.alloc(4 * MEBIBYTE, 7))
      for (let index = 0; index < 20; index += 1) {
        for await (const chunk of store.read(key)) {
          assert.equal((chunk as Buffer)[0], 7)
          break
        }
      }
      assert.equal((await readAll(store, key)).length, 4 * MEBIBYTE)
    })

    test('serves many at once', async () => {
      const { store } = bench
      const keys = Array.from({ length: 40 }, () => aKey())
      await Promise.all(keys.map((key) => store.put(key, Buffer.from(key))))
      const back = await Promise.all(keys.map((key) => readAll(store, key)))
      assert.deepEqual(
        back.map((bytes) => bytes.toString()),
        keys,
      )
    })

    test('keeps the sites apart', async () => {
      const { store, neighbour } = bench
      const key = aKey()
      await store.put(key, Buffer.from('ours'))
      assert.equal(await neighbour.stat(key), null)
      await neighbour.remove(key)
      assert.equal((await readAll(store, key)).toString(), 'ours')
    })

    test('removes what begins alike, all of it or what is chosen, and nothing of another site', async () => {
      const { store, neighbour } = bench
      const start = 'aaprefixofatask'
      const keys = Array.from({ length: 8 }, (_, index) => `${start}${index}bcdefghij.png`)
      const other = 'aaprefixofanother0bcdefghij.png'
      await Promise.all([...keys, other].map((key) => store.put(key, Buffer.from(key))))
      await neighbour.put(keys[0] ?? '', Buffer.from('theirs'))
      await store.removeAll(start, (key) => key.charAt(start.length) < '4')
      const left = async (one: FileStore) =>
        (await Promise.all([...keys, other].map(async (key) => ((await one.stat(key)) ? key : '')))).filter(
          Boolean,
        )
      assert.deepEqual(await left(store), [...keys.slice(4), other])
      await store.removeAll(start)
      assert.deepEqual(await left(store), [other])
      assert.deepEqual(await left(neighbour), [keys[0]])
      await store.removeAll('nothingbeginsso')
      await assert.rejects(store.removeAll('../etc'))
      await assert.rejects(store.removeAll(''))
    })
  })
}
