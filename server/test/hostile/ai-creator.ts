import assert from 'node:assert/strict'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import type { Route } from '../../src/http/dialect.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { createFakePlatform } from '../fakes/platform.ts'
import { donePictures } from '../fakes/provider.ts'
import { writes } from '../fakes/writing.ts'
import type { Ground, HostileDialect } from './ground.ts'
import { assertNothingForeign } from './ground.ts'
import { JSON_TYPE } from './values.ts'

const STATUSES = new Set([200, 400, 401, 403, 404, 408, 413, 415, 422, 429, 431])
/** Appendix G. */
const DETAILS = new Set([40_001, 40_002, 40_003, 40_004, 40_005, 40_006, 40_007, 40_008, 40_009, 40_010])

export const SECRET = 'the secret of the merchant'
const NOTHING = '999999999'
const MODEL = {
  ...{ name: 'hostile', provider: 'openai', model_name: 'x', kind: 'text', description: '', is_active: true },
  ...{ api_key: 'sk-of-the-operator', api_base: 'https://api.example.com/v1', base_url: null, config: {} },
  ...{ capabilities: ['text'], credits_cost: 10 },
}
const TIMES = ['2030-01-01T00:00:00', '2031-01-01T00:00:00'] as const
const ACTIVITY = {
  ...{ name: '活动', type: 'credit_gift', description: '', config: { credits: 5 } },
  ...{ start_time: TIMES[0], end_time: TIMES[1], max_participants: 5, budget: 100 },
}
const COUPON = {
  ...{ code: 'HOSTILE', name: '券', type: 'discount', value: 10, min_amount: 0, max_usage: 5 },
  ...{ valid_from: TIMES[0], valid_until: TIMES[1] },
}
const TEXT = { title: '标题', keywords: ['词'], requirements: '要求', parameters: {} }
const PICTURE = { prompt: '猫', size: '64x64', negative_prompt: '狗' }

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** Well-formed, and refused for what the comment says. */
const SAMPLES: Readonly<Record<string, Record<string, unknown>>> = {
  // Too short a name.
  'POST /auth/register': {
    ...{ username: 'x', email: 'hostile@example.com', password: 'password-123', referral_code: null },
  },
  // Nobody of that name.
  'POST /auth/login': { username: 'hostile nobody', password: 'another-password' },
  // No such way to pay.
  'POST /credit/recharge': { amount: 10, payment_method: 'none', coupon_code: null },
  'POST /credit/membership': { membership_type: 'monthly', payment_method: 'none', coupon_code: null },
  // No such order.
  'POST /credit/payment/callback': {
    ...{ order_id: 'R202601220000001', payment_method: 'alipay', transaction_id: '1', status: 'success' },
  },
  // No such tool, no such models.
  'POST /writing/:tool_type/generate': { ...TEXT, model_id: 999_999 },
  'POST /image/generate': { ...PICTURE, model_id: 999_999 },
  'POST /video/generate': { script: '脚本', duration: 5, model_id: 999_999 },
  'POST /ppt/generate': { topic: '主题', outline: ['一'], model_id: 999_999 },
  // Things that are not there.
  'PUT /creations/:id': { title: '标题', content: '内容' },
  'POST /publish': { creation_id: 999_999_999, platforms: ['wechat'], schedule_time: null },
  // What the platform refuses.
  'POST /publish/platforms/bind': { platform: 'wechat', credentials: { app_id: 'x', app_secret: 'wrong' } },
  // They end before they begin.
  'POST /operation/activities': { ...ACTIVITY, end_time: '2029-01-01T00:00:00' },
  'POST /operation/coupons': { ...COUPON, valid_until: '2029-01-01T00:00:00' },
  // No such vendor, no such model.
  'POST /models': { ...MODEL, provider: 'nobody' },
  'PUT /models/:id': MODEL,
}

/** What may come to pass, upon things that are there for it. */
const TRIALS: Readonly<
  Record<string, (ids: Ground['ids']) => { fields: object; param?: string | undefined }>
> = {
  'POST /auth/register': () => ({
    fields: { username: 'tried', email: 'tried@example.com', password: 'password-123' },
  }),
  'POST /credit/recharge': () => ({ fields: { amount: 10, payment_method: 'alipay' } }),
  'POST /credit/membership': () => ({
    fields: { membership_type: 'monthly', payment_method: 'alipay' },
  }),
  'POST /writing/:tool_type/generate': () => ({ fields: TEXT, param: 'wechat_article' }),
  'POST /image/generate': () => ({ fields: PICTURE }),
  'POST /video/generate': () => ({ fields: { script: '脚本', duration: 5 } }),
  'POST /ppt/generate': () => ({ fields: { topic: '主题', outline: ['一'] } }),
  'PUT /creations/:id': ({ creation }) => ({ fields: { title: '标题' }, param: creation }),
  'POST /publish': ({ creation }) => ({
    fields: {
      creation_id: Number(creation),
      platforms: ['wechat'],
      schedule_time: new Date(Date.now() + 86_400_000).toISOString(),
    },
  }),
  'POST /publish/platforms/bind': () => ({
    fields: { platform: 'wechat', credentials: { app_id: 'x', app_secret: 'y' } },
  }),
  'POST /operation/activities': () => ({ fields: ACTIVITY }),
  'POST /operation/coupons': () => ({ fields: COUPON }),
  'POST /models': () => ({ fields: MODEL }),
  'PUT /models/:id': ({ model }) => ({ fields: MODEL, param: model }),
}

/** A call that must succeed. @returns its `data` */
export async function made(
  ground: Ground,
  token: string,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const call = { method: 'POST', path: `/api/v1${path}`, token, headers: JSON_TYPE }
  const verdict = ground.read(await ground.ask({ ...call, body: JSON.stringify(body) }), path)
  assert.equal(verdict.isSuccess, true, `${path}: ${verdict.message}`)
  return verdict.data as Record<string, unknown>
}

async function prepare(ground: Ground): Promise<void> {
  const { ids, rich, poor, admin, provider, site } = ground
  provider.kinds = [...provider.kinds, 'text', 'video']
  provider.write = writes('第一段。')
  await addChannel(site.context, {
    ...{ name: 'fake', gateway: 'fake', url: 'https://gateway.example.com', merchant: 'merchant' },
    ...{ secret: SECRET, options: {}, methods: ['alipay', 'wechat'] },
  })
  ids.creation = String((await made(ground, rich, '/image/generate', PICTURE)).creation_id)
  ids.model = String((await made(ground, admin, '/models', MODEL)).id)
  // Everybody has a code from the first time on that it is asked for.
  for (const token of [rich, poor, admin]) await made(ground, token, '/operation/referral/generate', {})
}

/** `{code, message, data}`, in Chinese; the code is HTTP's or one of appendix G, which travels with 400. */
export const hostileAiCreator: HostileDialect = {
  dialect: aiCreator,
  gateways: [createFakeGateway()],
  platforms: [createFakePlatform('wechat')],
  preset: { platforms: ['wechat'] },
  prepare,
  read: (answer, told) => {
    assert.ok(STATUSES.has(answer.status), told)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
    const envelope = JSON.parse(answer.text)
    assert.deepEqual(Object.keys(envelope), ['code', 'message', 'data'], told)
    const { code, message, data } = envelope
    const isSuccess = answer.status === 200
    if (isSuccess) assert.equal(code, 200, told)
    // What succeeded may show what clients made things be called.
    if (isSuccess) return { isSuccess, code, message, data }
    if (DETAILS.has(code)) assert.equal(answer.status, 400, told)
    else assert.ok(code === answer.status || code === 400, told)
    assert.match(message, /\p{Script=Han}/u, told)
    assert.equal(data, null, told)
    assert.doesNotMatch(answer.text, /Bad Request|Not Found|Internal Server|Too Large/, told)
    assertNothingForeign(answer.text, told)
    return { isSuccess, code, message, data }
  },
  statuses: { unsupported: 400, tooLarge: 400 },
  codes: { malformed: 400, badInput: new Set([400]), unauthenticated: new Set([401]) },
  sample: (route) => SAMPLES[nameOf(route)] ?? {},
  trial: (route, { ids }) => {
    const trial = TRIALS[nameOf(route)]?.(ids)
    return trial ? { fields: trial.fields as Record<string, unknown>, param: trial.param ?? '' } : null
  },
  nothing: NOTHING,
  token: (route, ground) => (route.allow === 'admin' ? ground.admin : null),
  readsKey: (route) =>
    [
      ...['POST /credit/recharge', 'POST /credit/membership'],
      ...['POST /image/generate', 'POST /video/generate', 'POST /ppt/generate', 'POST /publish'],
    ].includes(nameOf(route)),
  queryNames: [
    ...['page', 'page_size', 'limit', 'status', 'type', 'transaction_type', 'tool_type', 'keyword'],
    ...['search', 'start_date', 'end_date', 'platform', 'is_active', 'provider', 'ref'],
  ],
  elsewhere: [
    ...['/api/auth/me', '/api/v2/auth/me', '/api/v1/users', '/api/v1/admin', '/api/v1/credit/add'],
    ...['/redoc', '/uploads/x.png', '/api/v1/credit/callback'],
    ...['/api/v1/payment/callback', '/api/v1/operation/coupons/1', '/api/v1/publish/1'],
  ],
  malformedPaths: [
    ...['/api/v1/creations/%zz', `/api/v1/creations/${'x'.repeat(201)}`, '/api/v1/video/%E0%A4%A/status'],
  ],
  paths: { login: '/auth/login', read: '/auth/me', write: '/credit/recharge' },
  slow: ({ provider }, begun, finish) => {
    provider.next.push(async () => {
      begun()
      await finish
      return donePictures()
    })
    return { path: '/image/generate', body: { prompt: '关闭', size: '64x64' } }
  },
}
