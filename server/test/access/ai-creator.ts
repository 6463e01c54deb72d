import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { createFakePlatform } from '../fakes/platform.ts'
import type { AccessDialect } from './ground.ts'

/** HTTP says what the body says. */
export const accessAiCreator: AccessDialect = {
  dialect: aiCreator,
  gateways: [createFakeGateway()],
  platforms: [createFakePlatform('wechat')],
  preset: { platforms: ['wechat'] },
  codeOf: (body) => Number(body.code),
  success: [200, 200],
  refused: {
    missing: [401, 401],
    invalid: [401, 401],
    expired: [401, 401],
    revoked: [401, 401],
    unknown: [401, 401],
    disabled: [403, 403],
    notAdmin: [403, 403],
    login: [401, 401],
    limited: [429, 429],
  },
  nowhere: (status) => status,
  paths: {
    own: '/credit/balance',
    reads: ['/credit/balance', '/creations'],
    login: '/auth/login',
    purchase: '/image/generate',
  },
  login: ({ email }, password) => ({ username: email, password }),
  tokenField: 'access_token',
  prepare: async () => ({ prompt: '一只猫', size: '64x64' }),
  makePicture: async ({ call, url, purchase }, token) => {
    const { data } = await call('POST', url('/image/generate'), { token, body: purchase })
    return new URL(String(data?.image_url)).pathname
  },
  deletePicture: async ({ call, url }, token) => {
    const { data } = await call('GET', url('/creations'), { token })
    const [{ id } = { id: 0 }] = (data?.items ?? []) as { id: number }[]
    await call('DELETE', url(`/creations/${id}`), { token })
  },
}
