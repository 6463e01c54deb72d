import assert from 'node:assert/strict'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import type { ModelDefinition, ModelDetails } from '../../src/kernel/catalog/models.ts'
import { createModel } from '../../src/kernel/catalog/models.ts'
import type { Context } from '../../src/kernel/context.ts'
import { units } from '../../src/kernel/money.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import { createHttpModel } from '../../src/providers/http-model/http-model.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { createUser } from '../factories.ts'
import type { AccessDialect, Ground } from './ground.ts'

/** An open model that costs 20 and draws on the site's own provider, unless said otherwise. */
export function aModel(context: Context, changes: Partial<ModelDefinition> = {}): Promise<ModelDetails> {
  return createModel(context, {
    ...{ title: 'a model', description: '', kind: 'image', state: 'open', serving: null, price: units(20) },
    declaration: { headers: [], inputs: [], outputs: [] },
    ...changes,
  })
}

/** A task of the account's, once it has come to its end. @returns its id and where its result is */
export async function finishedTask(ground: Ground, token: string): Promise<{ id: number; url: string }> {
  const { call, url, purchase, site } = ground
  const submitted = await call('POST', url('/tasks'), { token, body: purchase })
  assert.equal(submitted.status, 200, submitted.text)
  const { token: admin } = await createUser(site.context, units(0), { role: 'admin' })
  const { id } = submitted.data as { id: number }
  await call('PATCH', url(`/tasks/${id}/approve`), { token: admin })
  const giveUpAt = performance.now() + 10_000
  for (;;) {
    const { data } = await call('GET', url(`/tasks/${id}`), { token })
    if (data?.status === 4) return { id, url: String(data.result_url) }
    assert.ok(Number(data?.status) < 4 && performance.now() < giveUpAt, JSON.stringify(data))
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** A vendor that refuses everything, repeating in its answer all that it was sent. */
const parrot: Outbound = async (url, { headers, body }) => {
  const words = JSON.stringify({ error: 'bad request', you: { url, headers, body: String(body) } })
  return { status: 400, headers: { 'content-type': 'application/json' }, body: Buffer.from(words), url }
}

/** The body repeats the HTTP status, but for 201. */
export const accessAigentools: AccessDialect = {
  dialect: aigentools,
  gateways: [{ ...createFakeGateway(), name: 'epay' }],
  providers: [createHttpModel(parrot)],
  codeOf: (body) => Number(body.status),
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
  checkLimited: ({ data, message }, seconds) => {
    assert.equal(data, null)
    assert.match(message, new RegExp(`\\b${seconds} seconds`))
  },
  paths: {
    own: '/auth/user',
    reads: ['/models', '/payment/methods'],
    login: '/auth/login',
    purchase: '/tasks',
  },
  login: ({ username }, password) => ({ username, password }),
  prepare: async (context) => ({
    body: { model_id: Number((await aModel(context)).id), prompt: 'limited', size: '64x64' },
  }),
  makePicture: async (ground, token) => new URL((await finishedTask(ground, token)).url).pathname,
  endsSession: ({ path }) => path === '/auth/logout',
}
