import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { testFileStore } from '../../test/files/file-store-suite.ts'
import { startOssStandIn, startStsStandIn } from '../../test/files/oss-stand-in.ts'
import type { StandIn } from '../../test/files/stand-in.ts'
import type { OssAccount } from './oss-store.ts'
import { openOssStore, openOssUploads } from './oss-store.ts'

const keys = { accessKeyId: 'LTAIexample', accessKeySecret: 'se/cr+et', bucket: 'pictures' }
const key = 'abcdefghijklmnop.png'

const accountAt = (port: number): OssAccount => ({
  ...keys,
  region: 'oss-cn-beijing',
  endpoint: `http://127.0.0.1:${port}`,
  roleArn: 'acs:ram::1234:role/uploads',
  stsEndpoint: `http://127.0.0.1:${port}`,
})

testFileStore('OSS', async () => {
  const standIn = await startOssStandIn(keys)
  return {
    store: openOssStore(accountAt(standIn.port), 'waliassets'),
    neighbour: openOssStore(accountAt(standIn.port), 'aigentools'),
    received: standIn.received,
    close: standIn.close,
  }
})

let standIn: StandIn
before(async () => {
  standIn = await startOssStandIn(keys)
})
after(() => standIn.close())

test('files lie in the bucket under the name of their site', async () => {
  await openOssStore(accountAt(standIn.port), 'waliassets').put(key, Buffer.from('a picture'))
  assert.deepEqual([...standIn.objects.keys()], [`pictures/waliassets/${key}`])
})

test('a wrong secret is an error that shows no signature, and not a file that is missing', async () => {
  const store = openOssStore({ ...accountAt(standIn.port), accessKeySecret: 'other' }, 'waliassets')
  await assert.rejects(store.stat(key))
  await assert.rejects(store.put(key, Buffer.from('x')), (error) => {
    assert.match(String(error), /403 SignatureDoesNotMatch/)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /LTAIexample|OSS /)
    return true
  })
})

test('a server that is down is an error', async () => {
  const store = openOssStore(accountAt(standIn.port), 'waliassets')
  standIn.failNext(500, 1)
  await assert.rejects(store.put(key, Buffer.from('x')))
  standIn.failNext(503, 1)
  await assert.rejects(store.stat(key))
  await assert.rejects(openOssStore(accountAt(1), 'waliassets').stat(key))
})

test('STS gives a key for one action on the wished names, under the name of its holder', async () => {
  const sts = await startStsStandIn(keys)
  try {
    const uploads = openOssUploads(accountAt(sts.port))
    assert.ok(uploads)
    const wish = { holder: 'aigentools-7', prefixes: ['uploads/17', 'uploads/18'], seconds: 900 }
    const grant = await uploads.grant(wish)
    assert.ok(grant.expiresAt.getTime() > Date.now() + 800_000)
    const { expiresAt: _, ...rest } = grant
    assert.deepEqual(rest, {
      accessKeyId: 'STS.stand-in',
      accessKeySecret: 'stand-in secret',
      securityToken: 'stand-in token',
      region: 'oss-cn-beijing',
      bucket: 'pictures',
    })
    assert.deepEqual(sts.assumed, [
      {
        RoleArn: 'acs:ram::1234:role/uploads',
        RoleSessionName: 'aigentools-7',
        DurationSeconds: 900,
        Policy: {
          Version: '1',
          Statement: [
            {
              Effect: 'Allow',
              Action: ['oss:PutObject'],
              Resource: ['acs:oss:*:*:pictures/uploads/17*', 'acs:oss:*:*:pictures/uploads/18*'],
            },
          ],
        },
      },
    ])
    const thief = openOssUploads({ ...accountAt(sts.port), accessKeySecret: 'other' })
    await assert.rejects(thief?.grant(wish) ?? Promise.resolve(), (error) => {
      assert.doesNotMatch(inspect(error, { depth: 9 }), /LTAIexample|Signature=/)
      return true
    })
    assert.equal(openOssUploads({ ...accountAt(sts.port), roleArn: null }), null)
  } finally {
    await sts.close()
  }
})
