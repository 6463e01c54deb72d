import assert from 'node:assert/strict'
import { cameo } from '../../src/dialects/cameo/dialect.ts'
import type { Route } from '../../src/http/dialect.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { withoutQuotas } from '../contracts/stage.ts'
import { writes } from '../fakes/writing.ts'
import type { Ground, HostileDialect } from './ground.ts'
import { assertNothingForeign, openLeavers } from './ground.ts'
import { JSON_TYPE } from './values.ts'

const STATUSES = new Set([200, 400, 401, 403, 404, 408, 422, 429, 431])
const NOTHING = '999999999'
const NO_PICTURE = 'http://localhost:3334/files/aaaaaaaaaaaaaaaaaaaaaaaa.png'
const PICTURE = {
  ...{ task_type: 'text2img', model_provider: 'stability', model_name: 'stable-diffusion-xl' },
  ...{ prompt: '猫', negative_prompt: '狗', parameters: { width: 64, height: 64 } },
}
const CLIP = {
  ...{ task_type: 'text2video', model_provider: 'openai', model_name: 'sora', prompt: '海' },
  ...{ parameters: { duration: 1, resolution: '480p' } },
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** Well-formed, and refused for what the comment says. */
const SAMPLES: Readonly<Record<string, Record<string, unknown>>> = {
  // A number that is none.
  'POST /auth/register': { username: 'hostile', password: 'password-123', phone: 'x' },
  // Nobody of that name.
  'POST /auth/login': { username: 'hostile nobody', password: 'another-password' },
  'PUT /users/profile': { nickname: '昵称', email: 'no address', phone: '13900139000' },
  // Another password is in use.
  'POST /users/change-password': { oldPassword: 'not-the-password', newPassword: 'newpass123' },
  'POST /users/upload-avatar': { avatar_url: 'javascript:alert(1)' },
  // Nothing there.
  'PUT /works/:id': { is_public: true, title: '标题' },
  'POST /works/batch-delete': { ids: [] },
  'POST /works/batch-download': { ids: [] },
  // Of no type there is.
  'POST /characters': { name: '角色', avatar_url: 'https://example.com/a.jpg', type: 'none' },
  'PUT /characters/:id': { name: '角色', avatar_url: 'https://example.com/a.jpg' },
  // Models and pictures that are nobody's.
  'POST /generate/text-to-image': { ...PICTURE, model_name: 'none' },
  'POST /generate/text-to-video': { ...CLIP, model_name: 'none' },
  'POST /generate/image-to-image': { task_type: 'img2img', prompt: '猫', source_image_url: NO_PICTURE },
  'POST /generate/image-to-video': { task_type: 'img2video', prompt: '猫', source_image_url: NO_PICTURE },
  'POST /assistant/send': { content: '你好', sessionId: NOTHING, modelName: 'gpt-4' },
  'POST /users/purchase-membership': { plan_type: 'none' },
  'POST /users/redeem': { code: 'NOSUCHCODE000000' },
  'DELETE /upload/file': { filename: '../../data/d.sqlite' },
}

/** What may come to pass, upon things that are there for it. */
const TRIALS: Readonly<
  Record<string, (ids: Ground['ids']) => { fields: object; param?: string | undefined }>
> = {
  'POST /auth/register': () => ({ fields: { username: 'tried', password: 'password-123' } }),
  'PUT /works/:id': ({ work }) => ({ fields: { is_public: true, title: '标题' }, param: work }),
  'POST /characters': () => ({ fields: { name: '角色', type: 'sora' } }),
  'POST /generate/text-to-image': () => ({ fields: PICTURE }),
  'POST /generate/text-to-video': () => ({ fields: CLIP }),
  'POST /assistant/send': () => ({ fields: { content: '你好' } }),
  // null takes it away.
  'PUT /users/profile': () => ({ fields: { nickname: '昵称' } }),
  // Of the ids those are meant that are the caller's: none.
  'POST /works/batch-delete': () => ({ fields: { ids: [Number(NOTHING)] } }),
  'POST /works/batch-download': () => ({ fields: { ids: [Number(NOTHING)] } }),
  // Guesses are counted, and there is a row for each.
  'POST /users/redeem': () => ({ fields: { code: 'NOSUCHCODE000000' } }),
  'POST /users/purchase-membership': () => ({ fields: { plan_type: 'monthly' } }),
}

/** A call that must succeed. @returns its `data` */
export async function made(
  ground: Ground,
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const call = { method, path: `/api/v1${path}`, token, headers: JSON_TYPE }
  const verdict = ground.read(
    await ground.ask({ ...call, ...(body && { body: JSON.stringify(body) }) }),
    path,
  )
  assert.equal(verdict.isSuccess, true, `${path}: ${verdict.message}`)
  return verdict.data as Record<string, unknown>
}

/** Logging out works, so whoever asks for it has a session for each time. */
let leaver: () => string

async function prepare(ground: Ground): Promise<void> {
  const { ids, rich, poor, admin, provider, site } = ground
  provider.kinds = [...provider.kinds, 'text', 'video']
  provider.write = writes('你好。')
  await addChannel(site.context, {
    ...{ name: 'fake', gateway: 'fake', url: 'https://gateway.example.com', merchant: 'merchant' },
    ...{ secret: 'the secret of the merchant', options: {}, methods: ['alipay', 'wechat'] },
  })
  const { id } = await made(ground, rich, 'POST', '/generate/text-to-image', PICTURE)
  for (;;) {
    const { status } = await made(ground, rich, 'GET', `/generate/tasks/${id}`)
    if (status === 'completed') break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  ids.work = String(id)
  // Everybody has a code from the first time on that it is shown.
  for (const token of [rich, poor, admin]) await made(ground, token, 'GET', '/users/profile')
  leaver = await openLeavers(ground)
}

/** `{code, message, data}`, in Chinese; the code is HTTP's, or 0. */
export const hostileCameo: HostileDialect = {
  dialect: cameo,
  preset: withoutQuotas(cameo.preset),
  gateways: [createFakeGateway()],
  prepare,
  read: (answer, told) => {
    assert.ok(STATUSES.has(answer.status), told)
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
    const envelope = JSON.parse(answer.text)
    assert.deepEqual(Object.keys(envelope), ['code', 'message', 'data'], told)
    const { code, message, data } = envelope
    const isSuccess = answer.status === 200
    if (isSuccess) assert.equal(code, 0, told)
    if (isSuccess) return { isSuccess, code, message, data }
    assert.ok(code === answer.status || code === 400, told)
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
  token: (route) => (route.path === '/auth/logout' ? leaver() : null),
  readsKey: (route) =>
    [
      ...['POST /generate/text-to-image', 'POST /generate/text-to-video', 'POST /generate/image-to-image'],
      ...['POST /generate/image-to-video', 'POST /users/purchase-membership', 'POST /assistant/send'],
    ].includes(nameOf(route)),
  queryNames: [
    ...['page', 'pageSize', 'status', 'work_type', 'category', 'sort', 'type', 'includeSystem', 'sessionId'],
  ],
  elsewhere: [
    ...['/api/auth/me', '/api/v1/admin/users', '/api/v1/admin/cards', '/api/v1/admin/api-configs', '/health'],
    ...['/uploads/x.png', '/api/v1/distribution/withdraw', '/api/v1/auth/reset-password', '/ws'],
  ],
  malformedPaths: ['/api/v1/works/%zz', `/api/v1/works/${'x'.repeat(201)}`],
  paths: { login: '/auth/login', read: '/auth/me', write: '/users/purchase-membership' },
  slow: ({ provider }, begun, finish) => {
    provider.write = async function* () {
      begun()
      await finish
      yield { type: 'text', text: '好' }
      yield { type: 'end', reason: 'stop', usage: null }
    }
    return { path: '/assistant/send', body: { content: '关闭' } }
  },
}
