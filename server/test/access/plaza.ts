import { plaza } from '../../src/dialects/plaza/dialect.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import type { AccessDialect } from './ground.ts'

type Work = { id: string; fileUrl: string; status: string }

export const accessPlaza: AccessDialect = {
  dialect: plaza,
  gateways: [createFakeGateway()],
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
    own: '/user/compute-power',
    reads: ['/user/compute-power', '/works'],
    login: '/auth/login',
    purchase: '/generate/text-to-image',
  },
  login: ({ email }, password) => ({ email, password }),
  prepare: async () => ({ prompt: '一只猫', width: 64, height: 64 }),
  makePicture: async ({ call, url, purchase }, token) => {
    await call('POST', url('/generate/text-to-image'), { token, body: purchase })
    for (;;) {
      const { data } = await call('GET', url('/works'), { token })
      const [work] = (data?.list ?? []) as Work[]
      if (work?.status === 'completed') return new URL(work.fileUrl).pathname
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  },
  deletePicture: async ({ call, url }, token) => {
    const { data } = await call('GET', url('/works'), { token })
    const [work] = (data?.list ?? []) as Work[]
    await call('DELETE', url(`/works/${work?.id}`), { token })
  },
}
