import assert from 'node:assert/strict'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import type { Route } from '../../src/http/dialect.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import { createFakeGateway } from '../contracts/fake-gateway.ts'
import { withoutQuotas } from '../contracts/stage.ts'
import { writes } from '../fakes/writing.ts'
import type { Ground, HostileDialect } from './ground.ts'
import { assertNothingForeign } from './ground.ts'
import { JSON_TYPE } from './values.ts'

const STATUSES = new Set([200, 201, 400, 401, 403, 404, 408, 422, 429, 431])
const NOTHING = '999999999'
const PICTURE = {
  prompt: '猫',
  negativePrompt: '狗',
  width: 64,
  height: 64,
  numImages: 1,
  style: '写实',
  seed: 1,
}
const CLIP = { prompt: '海', model: 'sora', duration: 1, resolution: '480p', fps: 8, style: '电影感' }
const CURRENT = {
  ...{ imageProvider: 'stability', imageModel: 'stable-diffusion-xl', videoProvider: 'sora' },
  ...{ videoModel: 'sora-1.0', assistantProvider: 'openai', assistantModel: 'gpt-4' },
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

/** Well-formed, and refused for what the comment says. */
const SAMPLES: Readonly<Record<string, Record<string, unknown>>> = {
  // Too short a name.
  'POST /auth/register': { username: 'x', email: 'hostile@example.com', password: 'password-123' },
  // Nobody of that name.
  'POST /auth/login': { email: 'nobody@example.com', password: 'another-password' },
  // Too many pictures; a resolution that is none.
  'POST /generate/text-to-image': { ...PICTURE, numImages: 5 },
  'POST /generate/text-to-video': { ...CLIP, resolution: '1p' },
  // Pictures that are nobody's.
  'POST /generate/image-to-image': {
    ...{ prompt: '猫', imageUrl: 'http://localhost:3334/files/aaaaaaaaaaaaaaaaaaaaaaaa.png' },
  },
  'POST /generate/image-to-video': {
    ...{ prompt: '猫', imageUrl: 'http://localhost:3334/files/aaaaaaaaaaaaaaaaaaaaaaaa.png' },
  },
  // Nothing there.
  'PUT /works/:id': { isPublic: true, title: '标题' },
  'POST /assistant/chat': { message: '你好', conversationId: NOTHING },
  // No such way to pay.
  'POST /user/recharge': { amount: 10, paymentMethod: 'none' },
  // A model of somebody else's.
  'PUT /config/providers': { ...CURRENT, imageModel: 'dall-e-3' },
  // Not over https.
  'POST /config/providers/custom': {
    ...{
      type: 'image',
      name: 'hostile',
      apiUrl: 'http://example.com',
      apiKey: 'k',
      config: { models: ['m'] },
    },
  },
}

/** What may come to pass, upon things that are there for it. */
const TRIALS: Readonly<
  Record<string, (ids: Ground['ids']) => { fields: object; param?: string | undefined }>
> = {
  'POST /auth/register': () => ({
    fields: { username: 'tried', email: 'tried@example.com', password: 'password-123' },
  }),
  'POST /generate/text-to-image': () => ({ fields: PICTURE }),
  'POST /generate/text-to-video': () => ({ fields: CLIP }),
  'PUT /works/:id': ({ work }) => ({ fields: { isPublic: true, title: '标题' }, param: work }),
  'POST /assistant/chat': () => ({ fields: { message: '你好' } }),
  'POST /user/recharge': () => ({ fields: { amount: 10, paymentMethod: 'alipay' } }),
  'PUT /config/providers': () => ({ fields: CURRENT }),
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

async function prepare(ground: Ground): Promise<void> {
  const { ids, rich, provider, site } = ground
  provider.kinds = [...provider.kinds, 'text', 'video']
  provider.write = writes('你好。')
  await addChannel(site.context, {
    ...{ name: 'fake', gateway: 'fake', url: 'https://gateway.example.com', merchant: 'merchant' },
    ...{ secret: 'the secret of the merchant', options: {}, methods: ['alipay', 'wechat'] },
  })
  const { taskId } = await made(ground, rich, 'POST', '/generate/text-to-image', PICTURE)
  for (;;) {
    const { status } = await made(ground, rich, 'GET', `/generate/task/${taskId}`)
    if (status === 'completed') break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { list } = await made(ground, rich, 'GET', '/works')
  ids.work = String((list as { id: string }[])[0]?.id)
}

/** `{code, message, data | error, timestamp}`, in Chinese; the code is HTTP's. */
export const hostilePlaza: HostileDialect = {
  dialect: plaza,
  preset: withoutQuotas(plaza.preset),
  gateways: [createFakeGateway()],
  prepare,
  read: (answer, told) => {
    assert.ok(STATUSES.has(answer.status), told)
    if (answer.status === 200 && answer.headers['content-type'] !== 'application/json; charset=utf-8') {
      assert.match(String(answer.headers['content-type']), /^(text\/event-stream|image\/png)/, told)
      return { isSuccess: true, code: 200, message: '', data: null }
    }
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8', told)
    const envelope = JSON.parse(answer.text)
    const isSuccess = answer.status < 300
    const { code, message, data = null, error } = envelope
    assert.deepEqual(
      Object.keys(envelope).sort(),
      ['code', isSuccess ? 'data' : 'error', 'message', 'timestamp'],
      told,
    )
    if (isSuccess) return { isSuccess, code, message, data }
    assert.ok(code === answer.status || code === 400, told)
    assert.match(message, /\p{Script=Han}/u, told)
    assert.equal(typeof error, 'string', told)
    assert.doesNotMatch(answer.text, /Bad Request|Not Found|Internal Server|Too Large/, told)
    // The name of its field is the document's own.
    assertNothingForeign(answer.text.replace('"error":', '"detail":'), told)
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
      ...['POST /generate/text-to-image', 'POST /generate/text-to-video'],
      ...['POST /user/recharge', 'POST /assistant/chat'],
    ].includes(nameOf(route)),
  queryNames: ['page', 'pageSize', 'type', 'status', 'sort', 'token', 'conversationId'],
  elsewhere: [
    ...['/api/user/profile', '/api/v2/user/profile', '/api/v1/admin/users', '/api/v1/users/profile'],
    ...['/uploads/x.png', '/api/v1/assistant/send', '/api/v1/square/works', '/api/v1/generate/image-models'],
  ],
  malformedPaths: ['/api/v1/works/%zz', `/api/v1/works/${'x'.repeat(201)}`],
  paths: { login: '/auth/login', read: '/user/profile', write: '/user/recharge' },
  slow: ({ provider }, begun, finish) => {
    provider.write = async function* () {
      begun()
      await finish
      yield { type: 'text', text: '好' }
      yield { type: 'end', reason: 'stop', usage: null }
    }
    return { path: '/assistant/chat', body: { message: '关闭' } }
  },
}
