import assert from 'node:assert/strict'
import { waliassets } from '../../src/dialects/waliassets/dialect.ts'
import { donePictures } from '../fakes/provider.ts'
import type { HostileDialect } from './ground.ts'
import { assertNothingForeign, fieldsOf } from './ground.ts'

/** The codes of facts/waliassets.md, section 0, that may be answered to a client's mistake. */
const CODES = new Set([
  ...[1, 1001, 1002, 1003, 1004, 1005, 1006, 1101, 1102, 1103, 1104, 1105, 1107, 1201, 1202, 1203, 1301],
  ...[1401, 1402, 1404, 1406, 1501, 1503, 1601, 1602, 9003],
])
const STATUSES = new Set([200, 400, 404, 408, 413, 415, 429, 431])

/** Refused where it may be: example.com, no code, no package. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  email: 'hostile@example.com',
  emailCode: '000000',
  password: 'password123',
  username: 'hostile',
  type: 'register',
  prompt: '猫',
  size: '64x64',
  guidance_scale: 2.5,
  seed: 7,
  watermark: false,
  package: 'no_such_package',
  paymentType: 'alipay',
}

/** `{success, code, message, data}`, in Chinese; HTTP says 200 to whatever a route refuses. */
export const hostileWaliassets: HostileDialect = {
  dialect: waliassets,
  read: (answer, told) => {
    assert.ok(STATUSES.has(answer.status), told)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
    const envelope = JSON.parse(answer.text)
    assert.deepEqual(Object.keys(envelope), ['success', 'code', 'message', 'data'], told)
    assert.ok(CODES.has(envelope.code), told)
    assert.equal(envelope.success, envelope.code === 1, told)
    assert.match(envelope.message, /\p{Script=Han}/u, told)
    assert.doesNotMatch(answer.text, /Bad Request|Not Found|Internal Server|Too Large|\bmust be\b/i, told)
    assertNothingForeign(answer.text, told)
    const { success: isSuccess, code, message, data } = envelope
    return { isSuccess, code, message, data }
  },
  codes: {
    malformed: 1602,
    badInput: new Set([1406, 1503, 1601, 1602]),
    unauthenticated: new Set([1001, 1003]),
  },
  sample: (route) => Object.fromEntries(fieldsOf(route).map(([name]) => [name, SAMPLES[name] ?? 'sample'])),
  nothing: 'x1',
  readsKey: ({ rate }) => rate === 'generate',
  queryNames: ['page', 'limit', 'type', 'status', 'startDate', 'endDate'],
  elsewhere: [
    ...['/api/auth/add-tokens', '/api/user/all', '/api/payment/test-success/1', '/api/token/recharge'],
    ...['/api/v1/token/balance', '/uploads/x.png'],
  ],
  malformedPaths: ['/api/generate/status/%zz', `/api/generate/status/${'x'.repeat(201)}`],
  paths: { login: '/auth/login', read: '/token/balance', write: '/generate/image' },
  slow: ({ provider }, begun, finish) => {
    provider.next.push(async () => {
      begun()
      await finish
      return donePictures()
    })
    return { path: '/generate/image', body: { prompt: '关闭', size: '64x64' } }
  },
}
