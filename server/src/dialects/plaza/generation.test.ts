import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { donePictures } from '../../../test/fakes/provider.ts'
import type { CallSettings, Someone, WorksStage } from '../../../test/works-stage.ts'
import { aPicture, held, openWorksStage } from '../../../test/works-stage.ts'
import { setModelState, setPrice } from '../../kernel/catalog/administer.ts'
import { units } from '../../kernel/money.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { sweepFiles } from '../../kernel/works/sweep.ts'
import { plaza } from './dialect.ts'

let stage: WorksStage
let user: Someone
let aheadMs = 0

before(async () => {
  stage = await openWorksStage(plaza, { now: () => new Date(Date.now() + aheadMs) })
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
const ended = (data: { status: string }): boolean => data.status !== 'processing'
const pictureOf = async (body: object = { prompt: '一只猫' }) => {
  const { data } = await post('/generate/text-to-image', body)
  await stage.until(`/generate/task/${data.taskId}`, ended, user)
  return data.taskId as string
}
const newest = async () => (await get('/works')).data.list[0]
const form = async (fields: Record<string, string>, name = 'image', bytes?: Buffer): Promise<FormData> => {
  const made = new FormData()
  for (const [field, value] of Object.entries(fields)) made.append(field, value)
  made.append(name, new Blob([new Uint8Array(bytes ?? (await aPicture()))], { type: 'image/png' }), 'a.png')
  return made
}

test('文生图 answers at once, and its task shows the pictures when they are there', async () => {
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const made = await post('/generate/text-to-image', {
    prompt: ' 一只猫 ',
    negativePrompt: '模糊',
    width: 512,
    height: 256,
    numImages: 2,
    style: '油画',
    seed: 7,
  })
  assert.deepEqual([made.status, made.body.code, made.body.message], [200, 200, 'success'])
  const { taskId, ...rest } = made.data
  assert.deepEqual(rest, { status: 'processing', estimatedTime: 30 })
  await begun
  const before = await get(`/generate/task/${taskId}`)
  assert.deepEqual(before.data, { taskId, status: 'processing', progress: 0, result: null })
  letGo(await donePictures(2))
  const task = await stage.until(`/generate/task/${taskId}`, ended, user)
  assert.deepEqual([task.status, task.progress, task.result.images.length], ['completed', 100, 2])
  assert.deepEqual(Object.keys(task.result.images[0]), ['url', 'thumbnail', 'width', 'height'])
  for (const address of [task.result.images[0].url, task.result.images[1].thumbnail])
    assert.equal((await get(new URL(address).pathname)).status, 200)
  assert.deepEqual(stage.provider.started[0], {
    kind: 'image',
    model: 'sketch',
    prompt: '一只猫, oil painting, visible brush strokes, rich texture',
    negativePrompt: '模糊',
    width: 512,
    height: 256,
    count: 2,
    seed: 7,
    guidance: 7,
    watermark: false,
  })
  // Each picture is paid for, and the user's own words are what is shown.
  assert.equal(await stage.availableOf(user), 980)
  const work = await newest()
  assert.deepEqual([work.title, work.status], ['一只猫', 'completed'])
  const { data: detail } = await get(`/works/${work.id}`)
  assert.deepEqual(
    [detail.prompt, detail.negativePrompt, detail.style, detail.model, detail.taskId, detail.images.length],
    ['一只猫', '模糊', '油画', 'stable-diffusion-xl', taskId, 2],
  )
})

test('every field of a picture is checked, and nothing is charged for what is refused', async () => {
  const wrong: [object, string][] = [
    [{}, '提示词不能为空'],
    [{ prompt: '   ' }, '提示词不能为空'],
    [{ prompt: 7 }, '提示词类型不正确'],
    [{ prompt: '长'.repeat(2_001) }, '提示词太长'],
    [{ prompt: 'x', negativePrompt: [] }, '反向提示词类型不正确'],
    [{ prompt: 'x', width: 63 }, '宽度太小'],
    [{ prompt: 'x', height: 2_049 }, '高度太大'],
    [{ prompt: 'x', width: 100.5 }, '宽度类型不正确'],
    [{ prompt: 'x', numImages: 0 }, '图片数量太小'],
    [{ prompt: 'x', numImages: 5 }, '图片数量太大'],
    [{ prompt: 'x', seed: 3_000_000_000 }, '随机种子太大'],
    [{ prompt: 'x', style: 'x'.repeat(101) }, '风格太长'],
  ]
  for (const [body, error] of wrong) {
    const answer = await post('/generate/text-to-image', body)
    assert.deepEqual([answer.status, answer.body.code, answer.body.error], [400, 400, error])
  }
  assert.equal((await post('/generate/text-to-image', [])).status, 400)
  assert.equal((await post('/generate/text-to-image', { prompt: 'x' }, { as: null })).status, 401)
  assert.equal(await stage.availableOf(user), 1_000)
  assert.equal((await get('/works')).data.total, 0)
})

test('图生图 takes a form whose numbers are text, at the price of what starts from a picture', async () => {
  const sent = await form({
    prompt: '改成夜晚',
    strength: '0.35',
    width: '320',
    height: '320',
    numImages: '2',
  })
  const made = await post('/generate/image-to-image', undefined, { form: sent })
  assert.equal(made.status, 200, made.text)
  const task = await stage.until(`/generate/task/${made.data.taskId}`, ended, user)
  assert.equal(task.result.images.length, 2)
  const [job] = stage.provider.started
  assert.ok(job?.kind === 'image_edit' && job.source)
  assert.deepEqual([job.strength, job.width, job.count], [0.35, 320, 2])
  assert.equal(await stage.availableOf(user), 1_000 - 2 * 15)
  const usual = await post('/generate/image-to-image', undefined, { form: await form({ prompt: '改' }) })
  await stage.until(`/generate/task/${usual.data.taskId}`, ended, user)
  const again = stage.provider.started[1]
  assert.equal(again?.kind === 'image_edit' && again.strength, 0.8)
})

test('图生图 takes the address of an own picture as JSON, and nobody else may', async () => {
  const taskId = await pictureOf()
  const { data: task } = await get(`/generate/task/${taskId}`)
  const imageUrl = task.result.images[0].url
  const made = await post('/generate/image-to-image', { prompt: '改', imageUrl })
  assert.equal(made.status, 200, made.text)
  await stage.until(`/generate/task/${made.data.taskId}`, ended, user)
  const stranger = await stage.someone()
  for (const [as, address] of [
    [stranger, imageUrl],
    [user, 'http://example.com/a.png'],
    [user, 'http://localhost:3334/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png'],
  ] as const) {
    const refused = await post('/generate/image-to-image', { prompt: '改', imageUrl: address }, { as })
    assert.deepEqual([refused.status, refused.body.message], [404, '文件不存在'])
  }
  assert.equal(await stage.availableOf(stranger), 1_000)
})

test('图生图 refuses what has no picture, no picture in it, or numbers that are none', async () => {
  const noPicture = await post('/generate/image-to-image', { prompt: 'x' })
  assert.deepEqual([noPicture.status, noPicture.body.error], [400, '图片不能为空'])
  const text = await post('/generate/image-to-image', undefined, {
    form: await form({ prompt: 'x' }, 'image', Buffer.from('<svg onload="alert(1)"/>')),
  })
  assert.deepEqual([text.status, text.body.message], [400, '不支持的文件类型'])
  for (const [field, value] of [
    ['strength', '1.5'],
    ['strength', 'much'],
    ['width', '1e9'],
    ['numImages', '2.5'],
    ['prompt', ''],
  ] as const) {
    const answer = await post('/generate/image-to-image', undefined, {
      form: await form({ prompt: 'x', [field]: value }),
    })
    assert.equal(answer.status, 400, `${field} ${value}`)
  }
  assert.equal(await stage.availableOf(user), 1_000)
})

test('文生视频 goes by the vendor, runway unless named, and says the resolution as it was asked for', async () => {
  const made = await post('/generate/text-to-video', {
    prompt: '海浪',
    duration: 4,
    resolution: '4K',
    fps: 30,
  })
  assert.deepEqual([made.data.status, made.data.estimatedTime], ['processing', 120])
  const task = await stage.until(`/generate/video-task/${made.data.taskId}`, ended, user)
  assert.deepEqual(Object.keys(task.result.video), ['url', 'thumbnail', 'duration', 'resolution', 'fileSize'])
  const { resolution, duration, fileSize } = task.result.video
  assert.deepEqual([resolution, duration], ['4k', 0.5])
  assert.ok(fileSize > 500)
  const [job] = stage.provider.started
  assert.ok(job?.kind === 'video')
  assert.deepEqual([job.seconds, job.fps, job.width, job.height], [4, 30, 2_048, 1_152])
  assert.equal((await get(`/works/${(await newest()).id}`)).data.model, 'gen-4')
  assert.equal(await stage.availableOf(user), 950)
  for (const [model, name] of [
    ['sora', 'sora-1.0'],
    ['veo', 'veo-2'],
  ] as const) {
    const { data } = await post('/generate/text-to-video', { prompt: '海浪', model })
    await stage.until(`/generate/video-task/${data.taskId}`, ended, user)
    assert.equal((await get(`/works/${(await newest()).id}`)).data.model, name)
  }
})

test('图生视频 takes a form, and every field of a clip is checked', async () => {
  const sent = await form({ prompt: '动起来', model: 'sora', duration: '3', resolution: '480p', fps: '12' })
  const made = await post('/generate/image-to-video', undefined, { form: sent })
  await stage.until(`/generate/video-task/${made.data.taskId}`, ended, user)
  const [job] = stage.provider.started
  assert.ok(job?.kind === 'video' && job.source)
  assert.deepEqual([job.seconds, job.fps, job.height], [3, 12, 480])
  assert.equal(await stage.availableOf(user), 940)
  for (const body of [
    { prompt: 'x', model: 'nobody' },
    { prompt: 'x', model: 'stability' },
    { prompt: 'x', model: '__proto__' },
    { prompt: 'x', model: 7 },
    { prompt: 'x', duration: 0 },
    { prompt: 'x', duration: 61 },
    { prompt: 'x', duration: '五' },
    { prompt: 'x', resolution: '360p' },
    { prompt: 'x', resolution: 720 },
    { prompt: 'x', fps: 0 },
    { prompt: 'x', fps: 61 },
    { duration: 5 },
  ])
    assert.equal((await post('/generate/text-to-video', body)).status, 400, JSON.stringify(body))
  await setModelState(stage.site.context, 'veo-2', 'closed')
  await stage.site.context.catalog.reload()
  assert.equal((await post('/generate/text-to-video', { prompt: 'x', model: 'veo' })).status, 400)
  await setModelState(stage.site.context, 'veo-2', 'open')
  await stage.site.context.catalog.reload()
})

test('a picture is no clip, and what is somebody else’s is not there', async () => {
  const picture = await pictureOf()
  const clip = (await post('/generate/text-to-video', { prompt: 'x' })).data.taskId
  await stage.until(`/generate/video-task/${clip}`, ended, user)
  const { id } = await newest()
  const stranger = await stage.someone()
  const asked = [
    await get(`/generate/video-task/${picture}`),
    await get(`/generate/task/${clip}`),
    await get('/generate/task/nothing'),
    await get(`/generate/task/${picture}`, { as: stranger }),
    await post(`/generate/task/${picture}/cancel`, undefined, { as: stranger }),
    await post('/generate/task/nothing/cancel'),
  ]
  for (const { status, body } of asked) assert.deepEqual([status, body.message], [404, '任务不存在'])
  for (const path of [`/works/${id}`, `/works/${id}/download`]) {
    for (const answer of [await get(path, { as: stranger }), await get(path.replace(id, '999999'))])
      assert.deepEqual([answer.status, answer.body.message], [404, '作品不存在'])
  }
  for (const wrong of ['0', '-1', 'x', '1.5', '9'.repeat(30)]) {
    assert.equal((await get(`/works/${wrong}`)).status, 404)
    assert.equal((await get(`/works/${wrong}/download`)).status, 404)
    assert.equal((await remove(`/works/${wrong}`)).status, 404)
  }
  const refused = await remove(`/works/${id}`, stranger)
  assert.deepEqual([refused.status, refused.body.message], [404, '作品不存在或无权限'])
  assert.equal((await get(`/works/${id}`)).status, 200)
  for (const path of ['/works', `/works/${id}`, `/works/${id}/download`, `/generate/task/${picture}`])
    assert.equal((await get(path, { as: null })).status, 401)
})

test('cameo hole 4: too little power is 400 with nothing taken, and a failure gives everything back', async () => {
  const poor = await stage.someone(25)
  const answer = await post('/generate/text-to-image', { prompt: 'x', numImages: 3 }, { as: poor })
  assert.deepEqual(
    [answer.status, answer.body.message],
    [400, '算力不足，当前余额 25，需要 30，请充值后重试'],
  )
  assert.equal(await stage.availableOf(poor), 25)
  stage.provider.next.push(async () => {
    throw new ProviderError('content', 'the vendor said why, in its own words')
  })
  const { data } = await post('/generate/text-to-image', { prompt: 'x', numImages: 2 }, { as: poor })
  const task = await stage.until(`/generate/task/${data.taskId}`, ended, poor)
  assert.deepEqual(
    [task.status, task.result, task.error],
    ['failed', null, '内容未通过安全审核，请修改后重试，算力已退还'],
  )
  assert.equal(await stage.availableOf(poor), 25)
})

test('a task is canceled once, given back once, and never completes after', async () => {
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const { data } = await post('/generate/text-to-image', { prompt: 'x' })
  await begun
  assert.equal(await stage.availableOf(user), 990)
  const canceled = await post(`/generate/task/${data.taskId}/cancel`)
  assert.deepEqual(
    [canceled.status, canceled.body.message, canceled.data.status],
    [200, '任务已取消', 'failed'],
  )
  assert.equal(canceled.data.error, '任务已取消，算力已退还')
  letGo(await donePictures())
  const again = await post(`/generate/task/${data.taskId}/cancel`)
  assert.deepEqual([again.status, again.body.message], [400, '任务已结束，无法取消'])
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal((await get(`/generate/task/${data.taskId}`)).data.status, 'failed')
  assert.equal(await stage.availableOf(user), 1_000)
})

test('the same Idempotency-Key is one task, also for a form; another body or picture is refused', async () => {
  const key = 'once'
  const [first, second] = await Promise.all([
    post('/generate/text-to-image', { prompt: 'x' }, { key }),
    post('/generate/text-to-image', { prompt: 'x' }, { key }),
  ])
  assert.equal(first.data.taskId, second.data.taskId)
  assert.equal((await post('/generate/text-to-image', { prompt: 'y' }, { key })).status, 422)
  const forms = await Promise.all(
    [80, 80, 81].map(async (side) => form({ prompt: 'x' }, 'image', await aPicture(side))),
  )
  const answers = []
  for (const one of forms) answers.push(await post('/generate/image-to-image', undefined, { form: one, key }))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 422],
  )
  assert.equal(answers[0]?.data.taskId, answers[1]?.data.taskId)
  assert.equal(await stage.availableOf(user), 1_000 - 10 - 15)
})

test('an operator may set the price of what starts from a picture; a stale one charges nobody', async () => {
  const another = await stage.site.another()
  await setPrice(another, 'image:source', units(20))
  // This context's catalogue may still say 15: the statement that takes the credits knows better.
  const made = await post('/generate/image-to-image', undefined, { form: await form({ prompt: 'x' }) })
  assert.equal(made.status, 200)
  assert.equal(await stage.availableOf(user), 980)
  await setPrice(stage.site.context, 'image:source', units(15))
  await assert.rejects(setPrice(stage.site.context, 'text:source', units(1)), { code: 'model_not_found' })
  await assert.rejects(setPrice(stage.site.context, 'image:other', units(1)), { code: 'model_not_found' })
})

test('progress never goes back, whatever the provider reports', async () => {
  const marks = [10, 50, 30, 70]
  const { step, begun, letGo } = held()
  stage.provider.next.push(async (job, call) => {
    const report = async (): Promise<void> => {
      for (const mark of marks) {
        call.progress(mark)
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      letGo(await donePictures())
    }
    void report()
    return step(job, call)
  })
  const { data } = await post('/generate/text-to-image', { prompt: 'x' })
  await begun
  const seen: number[] = []
  await stage.until(
    `/generate/task/${data.taskId}`,
    (task) => {
      seen.push(task.progress)
      return ended(task)
    },
    user,
  )
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  for (const mark of [10, 50, 70, 100]) assert.ok(seen.includes(mark), `${mark} in ${new Set(seen)}`)
  assert.ok(!seen.includes(30))
})

test('progress never goes back either where each look at a vendor says something else', async () => {
  const pending = (progress: number) => async () =>
    ({ state: 'pending', operation: { job: 1 }, checkAfterMs: 60, progress }) as const
  stage.provider.next.push(pending(10))
  stage.provider.nextCheck.push(pending(50), pending(30), pending(70), () => donePictures())
  const { data } = await post('/generate/text-to-image', { prompt: 'x' })
  const seen: number[] = []
  await stage.until(
    `/generate/task/${data.taskId}`,
    (task) => {
      seen.push(task.progress)
      return ended(task)
    },
    user,
  )
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  assert.ok(seen.some((progress) => progress === 50 || progress === 70) && !seen.includes(30), `${seen}`)
})

test('how long things take is learned from those that came to be', async () => {
  aheadMs += 60_000
  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  const first = await post('/generate/text-to-image', { prompt: 'x', numImages: 4 })
  await begun
  letGo(await donePictures(4))
  await stage.until(`/generate/task/${first.data.taskId}`, ended, user)
  const { rows } = await stage.site.context.db.pool.query(
    `update estimate set seconds = 41.2 where kind = 'image' and size = 4 returning samples`,
  )
  assert.equal(rows.length, 1)
  assert.equal((await post('/generate/text-to-image', { prompt: 'x', numImages: 4 })).data.estimatedTime, 42)
})

test('作品列表 is the own ones, newest first, with filters and pages; texts are none', async () => {
  const { step, begun, letGo } = held()
  await pictureOf({ prompt: `${'很长的提示词'.repeat(10)}\n第二行` })
  stage.provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  await pictureOf({ prompt: '失败' })
  const clip = (await post('/generate/text-to-video', { prompt: '短片' })).data.taskId
  await stage.until(`/generate/video-task/${clip}`, ended, user)
  stage.provider.next.push(step)
  await post('/generate/text-to-image', { prompt: '还在画' })
  await begun
  const { data } = await get('/works')
  assert.deepEqual([data.total, data.page, data.pageSize], [4, 1, 20])
  const row = data.list[0]
  assert.deepEqual(Object.keys(row), ['id', 'type', 'title', 'thumbnail', 'status', 'createdAt', 'fileUrl'])
  assert.deepEqual([row.title, row.status, row.thumbnail, row.fileUrl], ['还在画', 'processing', '', ''])
  assert.match(row.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.deepEqual(
    data.list.map((one: { type: string; status: string }) => `${one.type} ${one.status}`),
    ['image processing', 'video completed', 'image failed', 'image completed'],
  )
  assert.equal([...data.list[3].title].length, 30)
  const count = async (query: string) => (await get(`/works?${query}`)).data.total
  assert.deepEqual(
    await Promise.all(
      ['type=video', 'type=image', 'type=all', 'status=failed', 'status=processing'].map(count),
    ),
    [1, 3, 4, 1, 1],
  )
  assert.equal(await count('type=image&status=completed'), 1)
  const second = await get('/works?page=2&pageSize=3')
  assert.deepEqual([second.data.list.length, second.data.total], [1, 4])
  assert.equal((await get('/works?pageSize=1000')).data.pageSize, 100)
  for (const query of ['type=text', 'status=done', 'page=0', 'pageSize=-1', 'page=x'])
    assert.equal((await get(`/works?${query}`)).status, 400, query)
  letGo(await donePictures())
  assert.equal((await get('/works', { as: await stage.someone() })).data.total, 0)
})

test('下载 sends the file under its title, or tells its address to whoever wants JSON', async () => {
  await pictureOf({ prompt: '山 与/海', numImages: 2 })
  const { id, fileUrl } = await newest()
  const saved = await get(`/works/${id}/download`)
  assert.equal(saved.status, 200)
  assert.equal(saved.headers['content-type'], 'image/png')
  assert.match(String(saved.headers['content-disposition']), /^attachment; filename=".+"; filename\*=UTF-8''/)
  assert.ok(String(saved.headers['content-disposition']).includes(encodeURIComponent('山 与 海-1.png')))
  assert.equal(saved.headers['x-content-type-options'], 'nosniff')
  const file = await get(new URL(fileUrl).pathname)
  assert.equal(saved.headers['content-length'], file.headers['content-length'])
  assert.equal(saved.text, file.text)
  const json = await get(`/works/${id}/download`, {
    headers: { accept: 'application/json, text/plain, */*' },
  })
  assert.deepEqual(json.data, { url: fileUrl, filename: '山 与 海-1.png' })
  const second = await get(`/works/${id}/download?index=2`, { headers: { accept: 'application/json' } })
  assert.equal(second.data.filename, '山 与 海-2.png')
  for (const index of ['3', '0', 'x'])
    assert.equal((await get(`/works/${id}/download?index=${index}`)).status, 400)
  stage.provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  await pictureOf({ prompt: '失败' })
  const failed = await get(`/works/${(await newest()).id}/download`)
  assert.deepEqual([failed.status, failed.body.message], [400, '作品尚未完成，无法下载'])
})

test('a deleted work is gone with its files and the picture it was made from; one under way is given back', async () => {
  const made = await post('/generate/image-to-image', undefined, { form: await form({ prompt: 'x' }) })
  await stage.until(`/generate/task/${made.data.taskId}`, ended, user)
  const { id, fileUrl } = await newest()
  assert.deepEqual((await remove(`/works/${id}`)).body.data, null)
  for (const path of [`/works/${id}`, `/generate/task/${made.data.taskId}`])
    assert.equal((await get(path)).status, 404)
  assert.equal((await remove(`/works/${id}`)).status, 404)
  await sweepFiles(stage.site.context)
  assert.equal((await get(new URL(fileUrl).pathname)).status, 404)
  const { rows } = await stage.site.context.db.pool.query(
    `select l.store_key from loose_file l join task t on t.input ->> 'source' = l.store_key where t.handle = $1`,
    [made.data.taskId],
  )
  assert.equal(rows.length, 1)
  // What was made stays paid.
  assert.equal(await stage.availableOf(user), 985)

  const { step, begun, letGo } = held()
  stage.provider.next.push(step)
  await post('/generate/text-to-image', { prompt: 'x' })
  await begun
  assert.equal(await stage.availableOf(user), 975)
  assert.equal((await remove(`/works/${(await newest()).id}`)).status, 200)
  letGo(await donePictures())
  assert.equal(await stage.availableOf(user), 985)
  assert.equal((await get('/works')).data.total, 0)
})
