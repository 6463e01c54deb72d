import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { donePictures } from '../../../test/fakes/provider.ts'
import type { CallSettings, Someone, WorksStage } from '../../../test/works-stage.ts'
import { aPicture, held, openWorksStage } from '../../../test/works-stage.ts'
import { OutboundError } from '../../kernel/ports/outbound.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { cameo } from './dialect.ts'

let stage: WorksStage
let user: Someone

before(async () => {
  stage = await openWorksStage(cameo, {
    outbound: async (url) => {
      if (!url.startsWith('https://example.com/')) throw new OutboundError('forbidden', 'a private address')
      return { status: 200, headers: {}, body: await aPicture(), url }
    },
  })
})
after(() => stage.site.close())
beforeEach(async () => {
  Object.assign(stage.provider, { started: [], checked: [], next: [], nextCheck: [] })
  user = await stage.someone()
})

const post = (path: string, body?: object, settings: CallSettings = {}) =>
  stage.call('POST', path, body, { as: user, ...settings })
const get = (path: string, settings: CallSettings = {}) =>
  stage.call('GET', path, undefined, { as: user, ...settings })
const remove = (path: string, as: Someone = user) => stage.call('DELETE', path, undefined, { as })
const ended = (data: { status: string }): boolean => ['completed', 'failed'].includes(data.status)
const finish = async (path: string, body: object) => {
  const { data, text } = await post(path, body)
  assert.ok(data?.id, text)
  return stage.until(`/generate/tasks/${data.id}`, ended, user)
}
const DATA = async () => `data:image/png;base64,${(await aPicture()).toString('base64')}`

test('文生图 as the document sends it: one number for the task and for its work', async () => {
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const made = await post('/generate/text-to-image', {
    task_type: 'text2img',
    model_provider: 'stability',
    model_name: 'stable-diffusion-xl',
    prompt: 'a beautiful landscape',
    negative_prompt: 'blurry, low quality',
    parameters: { width: 1024, height: 768 },
  })
  assert.deepEqual(
    [made.status, made.body.code, made.body.message],
    [200, 0, '任务已创建，正在后台处理中...'],
  )
  const { id } = made.data
  assert.deepEqual(made.data, { id, status: 'pending' })
  assert.equal(typeof id, 'number')
  await begun
  // The front-end asks again only for rows that are `processing`.
  const [row] = (await get('/works')).data.list
  assert.deepEqual([row.id, row.status, row.result_url, row.progress], [id, 'processing', '', 0])
  letGo(await donePictures())
  const task = await stage.until(`/generate/tasks/${id}`, ended, user)
  assert.deepEqual(
    [task.id, task.work_id, task.task_type, task.model_provider, task.model_name, task.status, task.progress],
    [id, id, 'text2img', 'stability', 'stable-diffusion-xl', 'completed', 100],
  )
  assert.deepEqual(task.parameters, { width: 1024, height: 768 })
  assert.deepEqual([task.negative_prompt, task.error_message], ['blurry, low quality', null])
  assert.ok(!('api_response' in task))
  assert.equal((await get(new URL(task.result_url).pathname)).status, 200)
  const { data: work } = await get(`/works/${id}`)
  assert.deepEqual(
    [work.id, work.result_url, work.content_type, work.work_type, work.computing_power_used],
    [id, task.result_url, 'text2img', 'image', 10],
  )
  const [job] = stage.provider.started
  assert.ok(job?.kind === 'image' && !('strength' in job))
  assert.deepEqual([job.width, job.height, job.negativePrompt], [1_024, 768, 'blurry, low quality'])
})

test('cameo hole 4: a picture costs 10, from a picture 15, a clip 50, from a picture 60', async () => {
  const source = await DATA()
  const paths: [string, object, number][] = [
    ['text-to-image', {}, 10],
    ['text-to-image', { parameters: { count: 3 } }, 30],
    ['image-to-image', { source_image_url: source }, 15],
    ['text-to-video', { model_name: 'sora' }, 50],
    ['image-to-video', { source_image_url: source }, 60],
  ]
  let left = 1_000
  for (const [path, body, price] of paths) {
    const task = await finish(`/generate/${path}`, { prompt: 'x', ...body })
    left -= price
    assert.deepEqual([task.status, await stage.availableOf(user)], ['completed', left], path)
  }
  const poor = await stage.someone(59)
  const answer = await post(
    '/generate/image-to-video',
    { prompt: 'x', source_image_url: source },
    { as: poor },
  )
  assert.equal(answer.status, 400)
  assert.match(answer.body.message, /^算力不足/)
  assert.equal(await stage.availableOf(poor), 59)
})

test('the front-end’s own bodies are taken: sizes, sora’s lengths, veo’s shapes, a clip without a model', async () => {
  for (const size of ['1024x1024', '1920×1080', '1080×1920', '1366×1024', '1024×1366', '2048×864']) {
    const body = { prompt: 'x', model_name: 'dall-e-3', parameters: { size } }
    assert.equal((await finish('/generate/text-to-image', body)).status, 'completed', size)
  }
  assert.deepEqual(
    stage.provider.started.map((job) => job.kind === 'image' && `${job.width}×${job.height}`),
    ['1024×1024', '1920×1080', '1080×1920', '1366×1024', '1024×1366', '2048×864'],
  )
  stage.provider.started = []
  const clips: [string, object][] = [
    ['text-to-video', { model_name: 'sora', parameters: { duration: 15, resolution: '1080p' } }],
    ['text-to-video', { model: 'veo', parameters: { aspectRatio: '9:16', duration: '8' } }],
    ['image-to-video', { source_image_url: await DATA(), parameters: { duration: 5 } }],
  ]
  for (const [path, body] of clips)
    assert.equal((await finish(`/generate/${path}`, { prompt: 'x', ...body })).status, 'completed')
  assert.deepEqual(
    stage.provider.started.map((job) => job.kind === 'video' && [job.seconds, job.width, job.height]),
    [
      [15, 1_920, 1_080],
      [8, 720, 1_280],
      [5, 1_280, 720],
    ],
  )
  const rows = async (query: string) =>
    (await get(`/works?${query}`)).data.list.map((row: { model_name: string }) => row.model_name)
  assert.deepEqual(await rows('category=veo'), ['veo'])
  // What named no model was made by the default one.
  assert.deepEqual(await rows('category=sora'), ['sora', 'sora'])
  assert.deepEqual(await rows('category=image&work_type=video'), [])
  assert.equal((await rows('category=image&pageSize=100')).length, 6)
})

test('every field is checked, and nothing is charged or kept for what is refused', async () => {
  const picture = await DATA()
  const wrong: [string, object][] = [
    ['text-to-image', {}],
    ['text-to-image', { prompt: ' ' }],
    ['text-to-image', { prompt: 7 }],
    ['text-to-image', { prompt: 'x'.repeat(2_001) }],
    ['text-to-image', { prompt: 'x', task_type: 'img2img' }],
    ['text-to-image', { prompt: 'x', task_type: 'nothing' }],
    ['text-to-image', { prompt: 'x', model_name: 'nobody' }],
    ['text-to-image', { prompt: 'x', model_name: 'sora' }],
    ['text-to-image', { prompt: 'x', model_provider: 'nobody' }],
    ['text-to-image', { prompt: 'x', model_provider: 'openai', model_name: 'stable-diffusion-xl' }],
    ['text-to-image', { prompt: 'x', negative_prompt: {} }],
    ['text-to-image', { prompt: 'x', parameters: [] }],
    ['text-to-image', { prompt: 'x', parameters: 'x' }],
    ['text-to-image', { prompt: 'x', parameters: { width: 10 } }],
    ['text-to-image', { prompt: 'x', parameters: { height: 5_000 } }],
    ['text-to-image', { prompt: 'x', parameters: { size: 'big' } }],
    ['text-to-image', { prompt: 'x', parameters: { size: '9999x64' } }],
    ['text-to-image', { prompt: 'x', parameters: { count: 5 } }],
    ['text-to-image', { prompt: 'x', parameters: { seed: 'x' } }],
    ['image-to-image', { prompt: 'x' }],
    ['image-to-image', { prompt: 'x', source_image_url: '' }],
    ['image-to-image', { prompt: 'x', source_image_url: 'file:///etc/passwd' }],
    ['image-to-image', { prompt: 'x', source_image_url: 'http://169.254.169.254/latest' }],
    ['image-to-image', { prompt: 'x', source_image_url: 'data:image/svg+xml;base64,PHN2Zy8+' }],
    ['image-to-image', { prompt: 'x', source_image_url: picture, parameters: { strength: 1.5 } }],
    ['text-to-video', { prompt: 'x', parameters: { duration: 61 } }],
    ['text-to-video', { prompt: 'x', parameters: { resolution: '8k' } }],
    ['text-to-video', { prompt: 'x', parameters: { aspectRatio: '2:1' } }],
    ['image-to-video', { prompt: 'x', model_name: 'sora' }],
  ]
  for (const [path, body] of wrong) {
    const answer = await post(`/generate/${path}`, body)
    assert.deepEqual([answer.status, answer.body.code, answer.data], [400, 400, null], JSON.stringify(body))
    assert.match(answer.body.message, /[一-龥]/)
  }
  assert.equal((await post('/generate/text-to-image', { prompt: 'x' }, { as: null })).status, 401)
  assert.equal(await stage.availableOf(user), 1_000)
  assert.equal((await get('/works')).data.total, 0)
})

test('a picture to start from may be a data: address, a public one, or one of the site', async () => {
  const first = await finish('/generate/image-to-image', {
    prompt: 'x',
    source_image_url: 'https://example.com/image.jpg',
    parameters: { strength: 0.7 },
  })
  assert.equal(first.task_type, 'img2img')
  assert.equal((await get(new URL(first.source_image_url).pathname)).status, 200)
  const second = await finish('/generate/image-to-image', { prompt: 'x', source_image_url: first.result_url })
  assert.equal(second.status, 'completed')
  const [job, again] = stage.provider.started
  assert.ok(job?.kind === 'image_edit' && again?.kind === 'image_edit')
  assert.deepEqual([job.strength, again.strength], [0.7, 0.8])
})

test('cameo hole 10: a canceled task has failed, is given back once, and never completes', async () => {
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const { id } = (await post('/generate/text-to-video', { prompt: 'x' })).data
  await begun
  const canceled = await post(`/generate/tasks/${id}/cancel`)
  assert.deepEqual([canceled.status, canceled.body.message, canceled.data], [200, '任务已取消', null])
  letGo(await donePictures())
  await new Promise((resolve) => setTimeout(resolve, 200))
  const { data: task } = await get(`/generate/tasks/${id}`)
  assert.deepEqual([task.status, task.error_message, task.result_url], ['failed', '用户取消', null])
  assert.equal(await stage.availableOf(user), 1_000)
  const stranger = await stage.someone()
  const other = (await post('/generate/text-to-image', { prompt: 'x' })).data.id
  for (const answer of [
    await post(`/generate/tasks/${id}/cancel`),
    await post('/generate/tasks/999999/cancel'),
    await post('/generate/tasks/x/cancel'),
    await post(`/generate/tasks/${other}/cancel`, undefined, { as: stranger }),
  ])
    assert.deepEqual([answer.status, answer.body.message], [404, '任务不存在或无法取消'])
})

test('cameo hole 10: one slow provider call holds nobody else up', async () => {
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const slow = (await post('/generate/text-to-image', { prompt: 'slow' })).data.id
  await begun
  assert.equal((await finish('/generate/text-to-image', { prompt: 'quick' })).status, 'completed')
  letGo(await donePictures())
  await stage.until(`/generate/tasks/${slow}`, ended, user)
})

test('cameo holes 11 and 12: a failure says what to do and nothing of the vendor; no address of a vendor is stored', async () => {
  stage.provider.next.push(async () => {
    throw new ProviderError('rejected', 'POST https://vendor.example/v1 said: stack trace at line 1')
  })
  const failed = await finish('/generate/text-to-image', { prompt: 'x' })
  assert.deepEqual(
    [failed.status, failed.error_message],
    ['failed', '生成参数不被支持，请修改后重试，算力已退还'],
  )
  stage.provider.next.push(async () => ({ state: 'done', outputs: [{ url: 'http://10.0.0.1/secret' }] }))
  const { id } = (await post('/generate/text-to-image', { prompt: 'x' })).data
  const task = await stage.until(`/generate/tasks/${id}`, ended, user)
  assert.deepEqual([task.status, task.result_url], ['failed', null])
  assert.ok(!JSON.stringify((await get('/works')).body).includes('10.0.0.1'))
  assert.equal(await stage.availableOf(user), 1_000)
})

test('cameo hole 6: what is missing or somebody else’s is 404 and nothing happens to it', async () => {
  const { id } = await finish('/generate/text-to-image', { prompt: 'x' })
  const stranger = await stage.someone()
  for (const answer of [
    await remove(`/works/${id}`, stranger),
    await remove('/works/999999'),
    await remove('/works/x'),
  ])
    assert.deepEqual([answer.status, answer.body.message, answer.data], [404, '作品不存在或无权限', null])
  for (const path of ['', '/download', '/share']) {
    for (const answer of [
      await get(`/works/${id}${path}`, { as: stranger }),
      await get(`/works/999999${path}`),
      await get(`/works/0x1${path}`),
    ])
      assert.deepEqual([answer.status, answer.body.message], [404, '作品不存在'])
    assert.equal((await get(`/works/${id}${path}`, { as: null })).status, 401)
  }
  assert.equal((await get(`/generate/tasks/${id}`, { as: stranger })).body.message, '任务不存在')
  const batch = await post('/works/batch-delete', { ids: [id] }, { as: stranger })
  assert.deepEqual(batch.data, { deletedCount: 0 })
  const downloads = await post('/works/batch-download', { ids: [id] }, { as: stranger })
  assert.deepEqual(downloads.data, { downloads: [] })
  assert.equal((await get(`/works/${id}`)).status, 200)
})

test('works are downloaded, shared and deleted as the front-end does it, one by one and many at once', async () => {
  const first = await finish('/generate/text-to-image', { prompt: '第一' })
  const second = await finish('/generate/text-to-image', { prompt: '第二', parameters: { count: 2 } })
  const { data: saved } = await get(`/works/${first.id}/download`)
  assert.deepEqual(saved, { download_url: first.result_url, filename: '第一.png' })
  for (const share of [await get(`/works/${first.id}/share`), await post(`/works/${first.id}/share`)])
    assert.deepEqual(share.data, { share_url: first.result_url })
  const { data: many } = await post('/works/batch-download', { ids: [first.id, String(second.id), 999] })
  assert.deepEqual(
    many.downloads.map((one: { id: number; filename: string }) => `${one.id} ${one.filename}`),
    [`${first.id} 第一.png`, `${second.id} 第二-1.png`, `${second.id} 第二-2.png`],
  )
  stage.provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  const failed = await finish('/generate/text-to-image', { prompt: 'x' })
  assert.equal((await get(`/works/${failed.id}/download`)).body.message, '作品尚未完成，无法下载')
  assert.equal((await get(`/works/${failed.id}/share`)).body.message, '作品尚未完成，无法分享')
  for (const ids of [undefined, [], 'x', [{}], [1.5], Array(101).fill(1)]) {
    assert.equal((await post('/works/batch-delete', { ids })).status, 400, JSON.stringify(ids))
    assert.equal((await post('/works/batch-download', { ids })).status, 400)
  }
  const deleted = await post('/works/batch-delete', { ids: [first.id, second.id, second.id, 'x', 999_999] })
  assert.deepEqual(deleted.data, { deletedCount: 2 })
  assert.equal((await get('/works')).data.total, 1)
  assert.equal((await remove(`/works/${failed.id}`)).body.message, '删除成功')
  assert.equal((await get(`/generate/tasks/${failed.id}`)).status, 404)
})

test('works are listed by status, type and page, and other words are refused', async () => {
  await finish('/generate/text-to-image', { prompt: 'x' })
  await finish('/generate/text-to-video', { prompt: 'x' })
  const { data } = await get('/works?page=1&pageSize=20&status=completed&work_type=image')
  assert.deepEqual([data.total, data.page, data.pageSize, data.list[0].work_type], [1, 1, 20, 'image'])
  assert.deepEqual(Object.keys(data.list[0]), [
    ...['id', 'user_id', 'title', 'description', 'work_type', 'content_type', 'model_name', 'prompt'],
    ...[
      'negative_prompt',
      'source_image_url',
      'result_url',
      'thumbnail_url',
      'file_size',
      'duration',
      'width',
    ],
    ...[
      'height',
      'status',
      'progress',
      'error_message',
      'is_public',
      'view_count',
      'like_count',
      'share_count',
    ],
    ...['computing_power_used', 'created_at', 'updated_at'],
  ])
  assert.equal((await get('/works?status=failed')).data.total, 0)
  assert.equal((await get('/works?status=pending')).data.total, 0)
  assert.equal((await get('/works?pageSize=500')).data.pageSize, 100)
  for (const query of ['status=x', 'work_type=text', 'category=other', 'page=0', 'pageSize=0', 'page=-1'])
    assert.equal((await get(`/works?${query}`)).status, 400, query)
})

test('the same Idempotency-Key is one task; another body is refused', async () => {
  const key = 'once'
  const body = { prompt: 'x' }
  const [first, second] = await Promise.all(
    [body, body].map((one) => post('/generate/text-to-image', one, { key })),
  )
  assert.equal(first?.data.id, second?.data.id)
  assert.equal((await post('/generate/text-to-image', { prompt: 'y' }, { key })).status, 422)
  assert.equal(await stage.availableOf(user), 990)
})
