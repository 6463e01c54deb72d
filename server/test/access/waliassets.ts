import assert from 'node:assert/strict'
import { waliassets } from '../../src/dialects/waliassets/dialect.ts'
import type { AccessDialect } from './ground.ts'

/** Business codes with HTTP 200, but for limits. */
export const accessWaliassets: AccessDialect = {
  dialect: waliassets,
  codeOf: (body) => Number(body.code),
  success: [200, 1],
  refused: {
    missing: [200, 1003],
    invalid: [200, 1001],
    expired: [200, 1002],
    revoked: [200, 1002],
    unknown: [200, 1005],
    disabled: [200, 1006],
    notAdmin: [200, 1203],
    login: [200, 1004],
    limited: [429, 9003],
  },
  nowhere: () => 1602,
  checkLimited: ({ data }, seconds) => assert.equal(data?.retryAfter, seconds),
  paths: {
    own: '/token/balance',
    reads: ['/token/balance', '/generate/history'],
    login: '/auth/login',
    purchase: '/generate/image',
  },
  login: ({ email }, password) => ({ email, password }),
  prepare: async () => ({ prompt: '限', size: '64x64' }),
  makePicture: async ({ call, purchase }, token) => {
    const { code, data, text } = await call('POST', '/api/generate/image', { token, body: purchase })
    assert.equal(code, 1, text)
    return new URL(String(data?.image_url)).pathname
  },
  deletePicture: async ({ call }, token) => {
    const { data } = await call('GET', '/api/generate/history', { token })
    const [{ id } = { id: 0 }] = (data?.history ?? []) as { id: number }[]
    assert.equal((await call('DELETE', `/api/generate/history/${id}`, { token })).code, 1)
  },
}
