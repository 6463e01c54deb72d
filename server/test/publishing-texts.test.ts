import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { units } from '../src/kernel/money.ts'
import { readWorkToPublish } from '../src/kernel/publishing/read-work.ts'
import { createSketch } from '../src/providers/sketch/sketch.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

let site: TestSite
before(async () => {
  site = await buildSite({ dialect: aiCreator, providers: [createSketch()] })
  site.startWorker()
})
after(() => site.close())

test('a text is published as its owner last wrote it, under its title; nobody publishes that of another', async () => {
  const { accountId, token } = await createUser(site.context, units(100))
  const headers = { authorization: `Bearer ${token}` }
  const made = await site.app.inject({
    ...{ method: 'POST', url: '/api/v1/writing/wechat_article/generate', headers },
    payload: { title: '如何提高工作效率' },
  })
  const { creation_id: id, content } = made.json().data
  const written = await readWorkToPublish(site.context, { accountId }, BigInt(id))
  assert.deepEqual([written.shape, written.body, written.files], ['article', content, []])

  const payload = { title: '改过的标题', content: '改过的正文 #效率' }
  const edited = await site.app.inject({ method: 'PUT', url: `/api/v1/creations/${id}`, headers, payload })
  assert.equal(edited.json().code, 200)
  const { shape, title, body, tags } = await readWorkToPublish(site.context, { accountId }, BigInt(id))
  assert.deepEqual([shape, title, body, tags], ['article', '改过的标题', '改过的正文 #效率', ['效率']])

  const stranger = await createUser(site.context, units(0))
  await assert.rejects(
    readWorkToPublish(site.context, stranger, BigInt(id)),
    (error) => error instanceof KernelError && error.code === 'work_not_found',
  )
})
