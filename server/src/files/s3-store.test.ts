import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testFileStore } from '../../test/files/file-store-suite.ts'
import { startS3StandIn } from '../../test/files/s3-stand-in.ts'
import type { StandIn } from '../../test/files/stand-in.ts'
import type { S3Account } from './s3-store.ts'
import { openS3Store } from './s3-store.ts'

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'se/cr+et' }
const key = 'abcdefghijklmnop.png'

const accountAt = (port: number): S3Account => ({
  endpoint: `http://127.0.0.1:${port}`,
  region: 'eu-west-1',
  bucket: 'pictures',
  isPathStyle: true,
  ...keys,
})

testFileStore('S3', async () => {
  const standIn = await startS3StandIn(keys)
  const store = openS3Store(accountAt(standIn.port), 'waliassets')
  const neighbour = openS3Store(accountAt(standIn.port), 'aigentools')
  return {
    store,
    neighbour,
    received: standIn.received,
    close: async () => {
      store.close()
      neighbour.close()
      await standIn.close()
    },
  }
})

let standIn: StandIn
before(async () => {
  standIn = await startS3StandIn(keys)
})
after(() => standIn.close())

test('files lie in the bucket under the name of their site', async () => {
  const store = openS3Store(accountAt(standIn.port), 'waliassets')
  await store.put(key, Buffer.from('a picture'))
  assert.deepEqual([...standIn.objects.keys()], [`pictures/waliassets/${key}`])
  store.close()
})

test('a wrong secret is an error, and not a file that is missing', async () => {
  const store = openS3Store({ ...accountAt(standIn.port), secretAccessKey: 'other' }, 'waliassets')
  await assert.rejects(store.put(key, Buffer.from('x')))
  await assert.rejects(store.stat(key))
  await assert.rejects(store.remove(key))
  store.close()
})

test('a server that stumbles is asked again; one that stays down is an error', async () => {
  const store = openS3Store(accountAt(standIn.port), 'waliassets')
  standIn.failNext(503, 2)
  await store.put(key, Buffer.from('after all'))
  assert.equal((await store.stat(key))?.bytes, 9)
  standIn.failNext(500, 3)
  await assert.rejects(store.put(key, Buffer.from('x')))
  standIn.failNext(500, 3)
  await assert.rejects(store.stat(key))
  store.close()
})

test('a broken stream leaves no half upload behind', async () => {
  const store = openS3Store(accountAt(standIn.port), 'waliassets')
  const start = standIn.requests.length
  await assert.rejects(
    store.put(
      'qrstuvwxyzabcdef.mp4',
      (async function* () {
        for (let index = 0; index < 20; index += 1) yield Buffer.alloc(1_048_576)
        throw new Error('the source broke off')
      })(),
    ),
    /the source broke off/,
  )
  const asked = standIn.requests.slice(start).map((request) => request.split(' ')[0])
  assert.equal(asked.at(0), 'POST')
  assert.equal(asked.at(-1), 'DELETE')
  store.close()
})
