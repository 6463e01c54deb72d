import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowsSandbox, ConfigError, readConfig, readVendors } from './config.ts'

test('without any environment everything has its default', () => {
  const config = readConfig({})
  assert.deepEqual(
    config.sites.map(({ name, port, publicUrl }) => ({ name, port, publicUrl })),
    [
      { name: 'ai-creator', port: 8000, publicUrl: 'http://localhost:8000' },
      { name: 'aigentools', port: 8080, publicUrl: 'http://localhost:8080' },
      { name: 'cameo', port: 3001, publicUrl: 'http://localhost:3001' },
      { name: 'plaza', port: 3000, publicUrl: 'http://localhost:3000' },
      { name: 'waliassets', port: 3334, publicUrl: 'http://localhost:3334' },
    ],
  )
  assert.equal(config.autoAudit, false)
  assert.equal(config.role, 'all')
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.databaseUrl, null)
  assert.equal(config.paymentsSandbox, null)
})

test('the sandbox is for sites that only this machine can see', () => {
  const allowed = (environment: Record<string, string>): boolean => {
    const config = readConfig({ SITES: 'waliassets', ...environment })
    const [site] = config.sites
    assert.ok(site)
    return allowsSandbox(config, site)
  }
  assert.equal(allowed({}), true)
  assert.equal(allowed({ HOST: '0.0.0.0' }), false)
  assert.equal(
    allowed({ PUBLIC_URL_WALIASSETS: 'https://wali.example.com' }),
    false,
    'behind a reverse proxy',
  )
  assert.equal(allowed({ HOST: '0.0.0.0', PAYMENTS_SANDBOX: 'on' }), true)
  assert.equal(allowed({ PAYMENTS_SANDBOX: 'off' }), false)
})

test("a site's own form of a variable wins", () => {
  const [site] = readConfig({
    SITES: 'waliassets',
    EPAY_URL: 'https://pay.example.com/',
    EPAY_PID: '1',
    EPAY_KEY: 'common-key',
    EPAY_PID_WALIASSETS: '2',
    PUBLIC_URL_WALIASSETS: 'https://wali.example.com/',
  }).sites
  assert.deepEqual(site?.epay, { url: 'https://pay.example.com', merchant: '2', secret: 'common-key' })
  assert.equal(site?.publicUrl, 'https://wali.example.com')
})

test('files lie where STORAGE_URL says', () => {
  assert.deepEqual(readConfig({}).storage, { kind: 'disk' })
  assert.deepEqual(readConfig({ STORAGE_URL: 'file:' }).storage, { kind: 'disk' })
  const s3 = 's3://key:se%2Fcret@minio.example.com:9000/pictures?region=eu-west-1&tls=0'
  assert.deepEqual(readConfig({ STORAGE_URL: s3 }).storage, {
    kind: 's3',
    account: {
      endpoint: 'http://minio.example.com:9000',
      region: 'eu-west-1',
      bucket: 'pictures',
      isPathStyle: true,
      accessKeyId: 'key',
      secretAccessKey: 'se/cret',
    },
  })
  const amazon = readConfig({ STORAGE_URL: 's3://key:secret@s3.eu-west-1.amazonaws.com/pictures' }).storage
  assert.ok(amazon.kind === 's3' && !amazon.account.isPathStyle)
  assert.equal(amazon.account.endpoint, 'https://s3.eu-west-1.amazonaws.com')
  const oss = 'oss://key:secret@pictures.cn-beijing?role_arn=acs:ram::1234:role/uploads'
  assert.deepEqual(readConfig({ STORAGE_URL: oss }).storage, {
    kind: 'oss',
    account: {
      bucket: 'pictures',
      region: 'oss-cn-beijing',
      accessKeyId: 'key',
      accessKeySecret: 'secret',
      endpoint: null,
      roleArn: 'acs:ram::1234:role/uploads',
      stsEndpoint: null,
    },
  })
})

test('a bad STORAGE_URL is refused without showing its secret', () => {
  const bad = [
    'disk',
    'ftp://key:hidden@host/bucket',
    's3://key:hid/den@host/bucket',
    's3://key:hidden@host',
    's3://key:hidden@host/Bucket',
    's3://key@host/hidden',
    's3://key:hidden%@host/bucket',
    's3://key:hidden@host/bucket?hidden=1',
    's3://key:hidden@host/bucket?tls=maybe',
    's3://key:hidden@host/bucket?region=hidden/x',
    'oss://key:hidden@bucket',
    'oss://key:hidden@bucket.oss-cn-beijing/path',
    'oss://key:hidden@bucket.oss-cn-beijing?role_arn=hidden',
    'oss://key:hidden@bucket.oss-cn-beijing?endpoint=hidden',
  ]
  for (const value of bad) {
    assert.throws(
      () => readConfig({ STORAGE_URL: value }),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, value)
        assert.match(error.message, /STORAGE_URL/, value)
        assert.doesNotMatch(error.message, /hid/, value)
        assert.equal(error.message.match(/[.]$/g)?.length, 1, error.message)
        return true
      },
    )
  }
})

const PROVIDERS = [
  { name: 'sketch' },
  {
    name: 'near',
    account: {
      keyVariable: 'NEAR_KEY',
      addressVariable: 'NEAR_URL',
      address: 'https://near.example.com/v1/',
      serves: [],
    },
  },
  { name: 'home', account: { keyVariable: null, addressVariable: 'HOME_URL', address: null, serves: [] } },
  {
    name: 'private',
    account: { keyVariable: 'PRIVATE_KEY', addressVariable: 'PRIVATE_URL', address: null, serves: [] },
  },
]

test('a vendor is brought in by a key, an address, or both', () => {
  const vendors = (environment: Record<string, string>) => readVendors(environment, PROVIDERS)
  assert.deepEqual(vendors({ OTHER_KEY: 'x', NEAR_KEY: ' ', HOME_URL: '' }), [])
  assert.deepEqual(vendors({ HOME_URL: 'http://10.0.0.5:8188/', NEAR_KEY: ' key-one ' }), [
    { provider: 'near', url: 'https://near.example.com/v1', secret: 'key-one' },
    { provider: 'home', url: 'http://10.0.0.5:8188', secret: '' },
  ])
  assert.deepEqual(vendors({ NEAR_URL: 'http://localhost:11434/v1/' }), [
    { provider: 'near', url: 'http://localhost:11434/v1', secret: '' },
  ])
})

const BAD_VENDORS: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{ NEAR_URL: 'near.example.com' }, /NEAR_URL is not an address/],
  [{ NEAR_URL: 'https://u:secret@a.example.com/v1' }, /NEAR_URL must not/],
  [{ NEAR_KEY: 'sk-one\nsk-two secret' }, /NEAR_KEY has characters/],
  [{ PRIVATE_KEY: 'key-secret' }, /PRIVATE_KEY needs PRIVATE_URL/],
]

test('a bad key or address of a vendor is named in one sentence, without the value', () => {
  for (const [environment, sentence] of BAD_VENDORS) {
    assert.throws(
      () => readVendors(environment, PROVIDERS),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, sentence)
        assert.doesNotMatch(error.message, /secret|sk-/)
        return true
      },
    )
  }
})

const BAD: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{ SITES: 'nothing' }, /SITES names "nothing"/],
  [{ SITES: 'waliassets:99999' }, /SITES gives waliassets the port/],
  [{ SITES: 'waliassets,waliassets:4000' }, /twice/],
  [{ SITES: ',' }, /SITES names no site/],
  [{ ROLE: 'boss' }, /ROLE is "boss"/],
  [{ SECRET_KEY: 'short' }, /SECRET_KEY is shorter than 32 bytes/],
  [{ DATABASE_URL: 'mysql://root:secret@localhost' }, /DATABASE_URL is not an address/],
  [{ SMTP_URL: 'mail.example.com' }, /SMTP_URL/],
  [{ PUBLIC_URL_WALIASSETS: 'https://a.example.com/?x=1' }, /must not have a query/],
  [{ EPAY_URL: 'https://pay.example.com' }, /belong together/],
  [{ TRUST_PROXY: 'everyone' }, /TRUST_PROXY has "everyone"/],
  [{ OUTBOUND_ALLOW: 'localhost' }, /OUTBOUND_ALLOW has "localhost"/],
  [{ ADMIN_PASSWORD: 'admin' }, /ADMIN_PASSWORD/],
  [{ PAYMENTS_SANDBOX: 'maybe' }, /PAYMENTS_SANDBOX/],
  [{ AUTO_AUDIT: 'perhaps' }, /AUTO_AUDIT/],
  [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL/],
]

for (const [environment, sentence] of BAD) {
  test(`${Object.entries(environment)[0]?.join('=')} stops the start with one sentence`, () => {
    assert.throws(
      () => readConfig(environment),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, sentence)
        assert.doesNotMatch(error.message, /secret/)
        assert.ok(!error.message.includes('\n'))
        return true
      },
    )
  })
}
