import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cameo } from '../src/dialects/cameo/dialect.ts'
import { setModelState } from '../src/kernel/catalog/administer.ts'
import { chooseModels } from '../src/kernel/catalog/choose-models.ts'
import { units } from '../src/kernel/money.ts'
import { createSketch } from '../src/providers/sketch/sketch.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

let site: TestSite
before(async () => {
  site = await buildSite({ dialect: cameo, providers: [createSketch()] })
})
after(() => site.close())

async function ask(token?: string) {
  const reply = await site.app.inject({
    method: 'GET',
    url: '/api/v1/generate/image-models',
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  })
  return { status: reply.statusCode, headers: reply.headers, body: reply.json() }
}

test('the front-end learns without a login what to draw with; the default first', async () => {
  const { status, headers, body } = await ask()
  assert.equal(status, 200)
  assert.deepEqual(body, {
    code: 0,
    message: 'success',
    data: {
      models: ['stable-diffusion-xl', 'dall-e-3'],
      providers: [
        { id: 'stability', name: 'Stability AI', models: ['stable-diffusion-xl'], servedBy: 'sketch' },
        { id: 'openai', name: 'OpenAI', models: ['dall-e-3'], servedBy: 'sketch' },
      ],
    },
  })
  // No quotas here, so nothing is told of any, with a login neither.
  const { token } = await createUser(site.context, units(0))
  for (const told of [headers, (await ask(token)).headers])
    assert.ok(!Object.keys(told).some((name) => /quota|ratelimit/.test(name)))
  assert.equal(headers['access-control-expose-headers'], 'Retry-After')
})

test('what is closed is not offered, and another default comes first', async () => {
  await chooseModels(site.context, [{ kind: 'image', vendor: 'openai', model: null }])
  assert.deepEqual((await ask()).body.data.models, ['dall-e-3', 'stable-diffusion-xl'])
  await setModelState(site.context, 'stable-diffusion-xl', 'closed')
  await site.context.catalog.reload()
  const { data } = (await ask()).body
  assert.deepEqual(
    [data.models, data.providers.map(({ id }: { id: string }) => id)],
    [['dall-e-3'], ['openai']],
  )
})
