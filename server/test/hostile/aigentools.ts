import assert from 'node:assert/strict'
import sharp from 'sharp'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import type { Route } from '../../src/http/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { createUser } from '../factories.ts'
import { writes } from '../fakes/vision-provider.ts'
import type { Ground, HostileDialect } from './ground.ts'
import { assertNothingForeign, openLeavers } from './ground.ts'
import { JSON_TYPE } from './values.ts'

const STATUSES = new Set([200, 201, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 431])

/** A picture as a client may send it in a body. */
export const PICTURE = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#d97757' } })
  .png()
  .toBuffer()
export const PICTURE_URL = `data:image/png;base64,${PICTURE.toString('base64')}`

const MODEL = {
  ...{ name: 'hostile', description: '', status: 'open', url: 'https://api.example.com/hostile', price: 20 },
  parameters: { request_header: [], request_body: [], response_parameters: [] },
  ...{ headers: { 'x-tenant': 'one' }, api_key: 'sk-of-the-operator' },
}
const declare = (type: string, more: object = {}) => ({
  ...{ name: `a_${type}`, type, required: false, description: 'x', example: 'x', ...more },
})
/** A parameter of every type. */
const PARAMETERS = {
  ...MODEL.parameters,
  request_body: [
    ...['string', 'number', 'integer', 'boolean', 'object'].map((type) => declare(type)),
    declare('array', { items: { type: 'integer' } }),
    declare('string', { name: 'prompt', maxLength: 100 }),
  ],
}
const CONFIG = { pid: '1001', key: 'the-key-of-the-merchant', gateway: 'https://pay.example.com', url: '' }
const USER = {
  ...{ username: 'hostile victim', password: 'password-123', role: 'user', is_active: true },
  ...{ creditLimit: 5, updated_at: '' },
}
const PAYMENT = {
  ...{ amount: 1, payment_method_uuid: '00000000-0000-4000-8000-000000000000' },
  ...{ payment_channel: 'alipay', return_url: 'https://your-site.example.com/back' },
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** Well-formed, and refused for what the comment says. */
const SAMPLES: Readonly<Record<string, (ground: Ground) => Record<string, unknown>>> = {
  // Too short a password.
  'POST /auth/register': () => ({ username: 'hostile', password: '12345' }),
  // Nobody of that name.
  'POST /auth/login': () => ({ username: 'hostile nobody', password: 'another-password' }),
  // A name of blanks.
  'POST /models/create': () => ({ ...MODEL, name: ' ' }),
  // Things that are not there.
  'PUT /models/:id': () => MODEL,
  'PATCH /models/:id/status': () => ({ status: 'open' }),
  'PUT /tasks/:id': () => ({ body: { prompt: 'x' } }),
  'PATCH /admin/users/:id': () => USER,
  'POST /admin/users/:id/balance': () => ({ amount: 1, type: 'credit', reason: 'x' }),
  'PUT /admin/payment/config/:id': () => ({ name: 'x', config: CONFIG, enable: true }),
  'POST /payment/create': () => PAYMENT,
  // A model that costs more than a poor account has.
  'POST /tasks': ({ ids }) => ({
    body: { model_id: Number(ids.model), prompt: 'x' },
    user: { creatorId: 1, creatorName: 'x' },
  }),
  // No such template.
  'POST /ai-assistant/analyze': () => ({ imageUrl: PICTURE_URL, template: 'none' }),
  // No such gateway.
  'POST /admin/payment/config': () => ({ name: 'x', payment_method: 'none', config: CONFIG, enable: true }),
}

type Trial = { fields: Record<string, unknown>; param: string }
/** What may come to pass, upon things that are there for it. */
const TRIALS: Readonly<Record<string, (ids: Ground['ids']) => Trial>> = {
  'POST /auth/register': () => ({ fields: { username: 'tried', password: 'password-123' }, param: '' }),
  'POST /models/create': () => ({ fields: MODEL, param: '' }),
  'PUT /models/:id': ({ spare = '' }) => ({ fields: MODEL, param: spare }),
  'PATCH /models/:id/status': ({ spare = '' }) => ({ fields: { status: 'draft' }, param: spare }),
  'PUT /tasks/:id': ({ task = '' }) => ({ fields: { body: { prompt: 'x' } }, param: task }),
  'POST /payment/create': ({ channel }) => ({
    fields: { ...PAYMENT, payment_method_uuid: channel },
    param: '',
  }),
  'POST /ai-assistant/analyze': () => ({
    fields: { imageUrl: PICTURE_URL, template: 'ecommerce' },
    param: '',
  }),
  'PATCH /admin/users/:id': ({ victim = '' }) => ({ fields: USER, param: victim }),
  'POST /admin/users/:id/balance': ({ victim = '' }) => ({
    fields: { amount: 1, type: 'credit', reason: 'x' },
    param: victim,
  }),
  'POST /admin/payment/config': () => ({
    fields: { name: 'x', payment_method: 'epay', config: CONFIG, enable: true },
    param: '',
  }),
  'PUT /admin/payment/config/:id': ({ spareChannel = '' }) => ({
    fields: { name: 'x', config: CONFIG, enable: true },
    param: spareChannel,
  }),
}

/** A call of an administrator that must succeed. @returns its `data` */
async function made(ground: Ground, path: string, body: object): Promise<Record<string, unknown>> {
  const call = { method: 'POST', path: `/api/v1${path}`, token: ground.admin, headers: JSON_TYPE }
  const verdict = ground.read(await ground.ask({ ...call, body: JSON.stringify(body) }), path)
  assert.equal(verdict.isSuccess, true, `${path}: ${verdict.message}`)
  return verdict.data as Record<string, unknown>
}

async function prepare(ground: Ground): Promise<void> {
  const { ids, provider, site } = ground
  provider.kinds = [...provider.kinds, 'vision']
  provider.write = writes('words about a picture')
  const victim = await createUser(site.context, units(5))
  ids.victim = String(victim.accountId)
  for (const [id, price] of [
    ['model', 20],
    ['free', 0],
    ['spare', 1],
  ] as const)
    ids[id] = String((await made(ground, '/models/create', { ...MODEL, name: id, url: '', price })).id)
  const declared = { ...MODEL, name: 'declared', url: `${MODEL.url}/declared`, parameters: PARAMETERS }
  ids.declared = String((await made(ground, '/models/create', declared)).id)
  const config = { name: 'x', payment_method: 'epay', config: CONFIG }
  ids.channel = String((await made(ground, '/admin/payment/config', config)).uuid)
  const other = { ...config, config: { ...CONFIG, pid: '1002' } }
  ids.spareChannel = String((await made(ground, '/admin/payment/config', other)).id)
  const poor = { ...ground, admin: ground.poor }
  ids.task = String((await made(poor, '/tasks', { body: { model_id: ids.free, prompt: 'x' } })).id)
  leaver = await openLeavers(ground)
}

/** Logging out works, so whoever asks for it has a session for each time. */
let leaver: () => string

/** `{status, message, data}`, in English; the status is HTTP's, but for 201, and there is no data in a refusal. */
export const hostileAigentools: HostileDialect = {
  dialect: aigentools,
  preset: { analysisLimit: { points: 1_000_000, perSeconds: 60 } },
  gateways: [{ ...createFakeGateway(), name: 'epay' }],
  prepare,
  read: (answer, told) => {
    assert.ok(STATUSES.has(answer.status), told)
    const isTable = answer.headers['content-type'] === 'text/csv; charset=utf-8'
    if (isTable && answer.status === 200) return { isSuccess: true, code: 200, message: '', data: null }
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
    const envelope = JSON.parse(answer.text)
    assert.deepEqual(Object.keys(envelope), ['status', 'message', 'data'], told)
    const { status, message, data } = envelope
    const isSuccess = answer.status < 400
    assert.equal(status, isSuccess ? 200 : answer.status, told)
    assert.match(message, /[A-Za-z]{4}/, told)
    // What succeeded may show what clients made things be called.
    if (isSuccess) return { isSuccess, code: status, message, data }
    assert.equal(data, null, told)
    assert.doesNotMatch(answer.text, /Bad Request|Not Found|Internal Server|Too Large/, told)
    assertNothingForeign(answer.text, told)
    assert.ok(message.length < 1_000, told)
    return { isSuccess, code: status, message, data }
  },
  codes: { malformed: 400, badInput: new Set([400]), unauthenticated: new Set([401]) },
  sample: (route, ground) => SAMPLES[nameOf(route)]?.(ground) ?? {},
  trial: (route, { ids }) => TRIALS[nameOf(route)]?.(ids) ?? null,
  nothing: '999999999',
  token: (route, ground) => {
    if (route.path === '/auth/logout') return leaver()
    if (route.allow === 'admin') return ground.admin
    // The task that is there for it is its own.
    return nameOf(route) === 'PUT /tasks/:id' ? ground.poor : null
  },
  readsKey: (route) =>
    ['POST /tasks', 'POST /payment/create', 'POST /admin/users/:id/balance'].includes(nameOf(route)),
  queryNames: [
    ...['page', 'limit', 'page_size', 'name', 'status', 'creator_id', 'is_active', 'created_after'],
    ...['created_before', 'user_id', 'type', 'start_time', 'end_time', 'min_amount', 'max_amount'],
    ...['username', 'role'],
  ],
  elsewhere: [
    ...['/api/auth/user', '/api/v2/auth/user', '/api/v1/payment/notify', '/api/v1/admin', '/api/v1/users'],
    ...[
      '/api/v1/ai-assistant/prompts',
      '/api/v1/common/upload',
      '/api/v1/tasks/1/reject',
      '/swagger/index.html',
    ],
    ...['/api/v1/admin/users/1/token', '/debug/pprof/', '/api/v1/auth/user/1'],
  ],
  malformedPaths: [
    ...['/api/v1/tasks/%zz', `/api/v1/tasks/${'x'.repeat(201)}`, '/api/v1/models/%E0%A4%A/parameters'],
    ...['/api/v1/payment/notify/%zz', `/api/v1/payment/notify/${'x'.repeat(201)}`],
  ],
  paths: { login: '/auth/login', read: '/auth/user', write: '/tasks' },
  slow: ({ provider }, begun, finish) => {
    provider.write = async function* (job, options) {
      begun()
      await finish
      yield* writes('words')(job, options)
    }
    return { path: '/ai-assistant/analyze', body: { imageUrl: PICTURE_URL, template: 'ecommerce' } }
  },
}
