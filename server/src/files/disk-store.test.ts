import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FileStore } from '../kernel/ports/file-store.ts'
import { openDiskStore } from './disk-store.ts'

let dir: string
let store: FileStore
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atelier-files-'))
  store = await openDiskStore(dir)
})
after(() => rm(dir, { recursive: true, force: true }))

const KEY = 'aabbccddeeffgghh.png'
const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(join(dir, folder)).catch(() => [])).sort()

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function readAll(key: string, range?: { start: number; end: number }): Promise<string> {
  return (await store.read(key, range).toArray()).join('')
}

test('a file is stored whole or in pieces, read in ranges, and removed', async () => {
  await store.put(KEY, Buffer.from('in one piece'))
  assert.equal(await readAll(KEY), 'in one piece')
  await store.put(KEY, pieces('in ', 'three ', 'pieces'))
  assert.equal(await readAll(KEY), 'in three pieces')
  assert.equal(await readAll(KEY, { start: 3, end: 7 }), 'three')
  assert.equal((await store.stat(KEY))?.bytes, 15)
  await store.remove(KEY)
  await store.remove(KEY)
  assert.equal(await store.stat(KEY), null)
})

test('a sender that breaks off leaves nothing behind, not even a file of before it in part', async () => {
  await store.put(KEY, Buffer.from('before'))
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half')
    throw new Error('the vendor hung up')
  }
  await assert.rejects(store.put(KEY, broken()), /hung up/)
  assert.equal(await readAll(KEY), 'before')
  assert.deepEqual(await namesIn('aa'), [KEY])
  await store.remove(KEY)
})

test('two writers of one key do not write into each other', async () => {
  async function* slowly(letter: string): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 20; index += 1) {
      yield Buffer.alloc(1_000, letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(['a', 'b', 'c'].map((letter) => store.put(KEY, slowly(letter))))
  const text = await readAll(KEY)
  assert.equal(text, text.slice(0, 1).repeat(20_000))
  assert.deepEqual(await namesIn('aa'), [KEY])
  await store.remove(KEY)
})

test('many files of one folder are stored at once, and each is there when its put resolves', async () => {
  const keys = Array.from({ length: 50 }, (_, index) => `cccccccccccccc${String(index).padStart(2, '0')}.png`)
  await Promise.all(
    keys.map(async (key) => {
      await store.put(key, Buffer.from(key))
      assert.equal(await readFile(join(dir, 'cc', key), 'utf8'), key)
    }),
  )
  assert.deepEqual(await namesIn('cc'), keys)
})

test('a folder that was removed under the running server is made again', async () => {
  await store.put('ddddddddddddddd1.png', Buffer.from('1'))
  await rm(join(dir, 'dd'), { recursive: true })
  await store.put('ddddddddddddddd2.png', Buffer.from('2'))
  assert.equal(await readAll('ddddddddddddddd2.png'), '2')
})

test('removing by prefix takes exactly those, and only which are meant', async () => {
  const keys = [
    'bbaaaaaaaaaaaaaa1.png',
    'bbaaaaaaaaaaaaaa2.mp4',
    'bbaaaaaaaaaaaaab1.png',
    'bcaaaaaaaaaaaaaa1.png',
  ]
  for (const key of keys) await store.put(key, Buffer.from(key))
  await store.removeAll('bbaaaaaaaaaaaaaa', (key) => key.endsWith('.mp4'))
  assert.deepEqual(await namesIn('bb'), [keys[0], keys[2]])
  await store.removeAll('bbaaaaaaaaaaaaaa')
  assert.deepEqual([await namesIn('bb'), await namesIn('bc')], [[keys[2]], [keys[3]]])
  await store.removeAll('zz')
})

test('a prefix that could reach out of the folder, or everything, is refused', async () => {
  for (const prefix of ['', 'a', '..', '../', 'a/b', 'aa/../..']) {
    await assert.rejects(store.removeAll(prefix), /prefix/, prefix)
  }
  await assert.rejects(store.put('../../../etc/passwd', Buffer.from('')), /key/)
})

test('what a killed writer left half-written is removed by its prefix', async () => {
  const program = `
    import { openDiskStore } from ${JSON.stringify(import.meta.resolve('./disk-store.ts'))}
    const store = await openDiskStore(${JSON.stringify(dir)})
    async function* endless() {
      yield Buffer.from('half')
      console.log('writing')
      await new Promise((resolve) => setTimeout(resolve, 60_000))
    }
    await store.put('eeaaaaaaaaaaaaaa1.mp4', endless())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  const [left, ...others] = await namesIn('ee')
  assert.ok(left?.startsWith('eeaaaaaaaaaaaaaa1.mp4.') && others.length === 0, left)
  assert.equal(await store.stat('eeaaaaaaaaaaaaaa1.mp4'), null, 'and it never looked whole')
  await writeFile(join(dir, 'ee', 'eeaaaaaaaaaaaaaa2.mp4'), 'whole')
  await store.removeAll('eeaaaaaaaaaaaaaa', (key) => key === 'eeaaaaaaaaaaaaaa1.mp4')
  assert.deepEqual(await namesIn('ee'), ['eeaaaaaaaaaaaaaa2.mp4'])
})
