import { cameo } from '../../src/dialects/cameo/dialect.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import type { AccessDialect } from './ground.ts'

type Work = { id: number; result_url: string; status: string }

export const accessCameo: AccessDialect = {
  dialect: cameo,
  gateways: [createFakeGateway()],
  codeOf: (body) => Number(body.code),
  success: [200, 0],
  refused: {
    missing: [401, 401],
    invalid: [401, 401],
    expired: [401, 401],
    revoked: [401, 401],
    unknown: [401, 401],
    disabled: [403, 403],
    // In the words of a wrong password (facts/cameo.md, 1 Auth).
    disabledLogin: [401, 401],
    notAdmin: [403, 403],
    login: [401, 401],
    limited: [429, 429],
  },
  nowhere: (status) => status,
  paths: {
    own: '/users/profile',
    reads: ['/users/profile', '/works'],
    login: '/auth/login',
    purchase: '/generate/text-to-image',
  },
  login: ({ email }, password) => ({ username: email, password }),
  prepare: async () => ({ task_type: 'text2img', prompt: '一只猫', parameters: { width: 64, height: 64 } }),
  makePicture: async ({ call, url, purchase }, token) => {
    await call('POST', url('/generate/text-to-image'), { token, body: purchase })
    for (;;) {
      const { data } = await call('GET', url('/works'), { token })
      const [work] = (data?.list ?? []) as Work[]
      if (work?.status === 'completed') return new URL(work.result_url).pathname
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  },
  deletePicture: async ({ call, url }, token) => {
    const { data } = await call('GET', url('/works'), { token })
    const [work] = (data?.list ?? []) as Work[]
    await call('DELETE', url(`/works/${work?.id}`), { token })
  },
  endsSession: ({ path }) => path === '/auth/logout',
}
