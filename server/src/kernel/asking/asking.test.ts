import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pictureOf } from '../../../test/factories.ts'
import type { Someone, WorksStage } from '../../../test/works-stage.ts'
import { aPicture, openWorksStage } from '../../../test/works-stage.ts'
import { plaza } from '../../dialects/plaza/dialect.ts'
import { setPrice } from '../catalog/administer.ts'
import { findModel } from '../catalog/find-model.ts'
import { clipSize } from '../generation/clip-size.ts'
import { editTask } from '../generation/edit.ts'
import { estimateSeconds, learnFrom } from '../generation/estimate.ts'
import { retryTask } from '../generation/retry.ts'
import { withStyle } from '../generation/style.ts'
import { submitTask } from '../generation/submit.ts'
import { readTaskById } from '../generation/task.ts'
import { units } from '../money.ts'
import { ProviderError } from '../ports/provider.ts'
import { shortTitle } from '../works/title.ts'

let stage: WorksStage
let user: Someone
let aheadMs = 0

before(async () => {
  stage = await openWorksStage(plaza, { withWorker: false, now: () => new Date(Date.now() + aheadMs) })
  user = await stage.someone()
})
after(() => stage.site.close())

const ORIGIN = { ip: null, device: null }
const input = (count = 1, source?: string) => ({
  ...pictureOf('x').input,
  count,
  ...(source !== undefined && { source }),
})
const storePicture = async (): Promise<string> => {
  const key = `${stage.site.context.ids.token(32)}.png`
  await stage.site.context.files.put(key, await aPicture())
  return key
}

test('an edit is priced anew when a picture comes to start from, or goes, or the number of pictures changes', async () => {
  const { context } = stage.site
  const who = await stage.someone(100)
  const { taskId } = await submitTask(context, who, pictureOf('x'))
  const { modelId } = await readTaskById(context, who, taskId)
  const edit = async (count: number, source?: string) => {
    await editTask(context, who, taskId, {
      ...{ kind: 'image', model: modelId, input: input(count, source), parameters: {}, origin: ORIGIN },
    })
    const { cost } = await readTaskById(context, who, taskId)
    return [Number(cost) / 10_000, await stage.availableOf(who)]
  }
  assert.deepEqual(await edit(1), [10, 90])
  assert.deepEqual(await edit(1, await storePicture()), [15, 85])
  assert.deepEqual(await edit(3, await storePicture()), [45, 55])
  assert.deepEqual(await edit(2), [20, 80])
  await assert.rejects(edit(10, await storePicture()), { code: 'insufficient_credits' })
  assert.equal(await stage.availableOf(who), 80)
})

test('a retry of what starts from a picture costs what that costs today', async () => {
  const { context } = stage.site
  const who = await stage.someone(100)
  const worker = stage.site.startWorker()
  // One for the task of the test before, which still waits.
  for (let times = 0; times < 2; times += 1) {
    stage.provider.next.push(async () => {
      throw new ProviderError('rejected', 'no')
    })
  }
  const { taskId } = await submitTask(context, who, {
    ...pictureOf('x'),
    input: input(2, await storePicture()),
  })
  for (
    let tries = 0;
    tries < 300 && (await readTaskById(context, who, taskId)).state !== 'failed';
    tries += 1
  )
    await new Promise((resolve) => setTimeout(resolve, 10))
  await worker.stop(1_000)
  assert.equal(await stage.availableOf(who), 100)
  await setPrice(context, 'image:source', units(16))
  await retryTask(context, who, taskId, ORIGIN)
  assert.equal(await stage.availableOf(who), 100 - 32)
  await setPrice(context, 'image:source', units(15))
})

test('an estimate is the average of the first, then follows; the nearest size speaks for one that is unknown', async () => {
  const { context } = stage.site
  const { taskId } = await submitTask(context, user, pictureOf('x'))
  const { modelId } = await readTaskById(context, user, taskId)
  await context.db.pool.query('delete from estimate')
  aheadMs += 2_000
  const four = { kind: 'image', input: input(4) } as const
  assert.equal(await estimateSeconds(context, modelId, four), 30)
  const clip = { kind: 'video', input: { ...pictureOf('x').input, seconds: 5, fps: 24 } } as const
  assert.equal(await estimateSeconds(context, modelId, clip), 120)
  const learn = async (seconds: number): Promise<number> => {
    await context.db.pool.query(
      `update task set state = 'succeeded', attempt_at = now() - make_interval(secs => $2), finished_at = now() where id = $1`,
      [taskId, seconds],
    )
    await learnFrom(context, { ...four, id: taskId, model_id: modelId })
    return estimateSeconds(context, modelId, four)
  }
  assert.equal(await learn(10), 10)
  // Within the same second nothing more is learned.
  assert.equal(await learn(20), 10)
  aheadMs += 2_000
  assert.equal(await learn(20), 15)
  for (let turn = 0; turn < 30; turn += 1) {
    aheadMs += 2_000
    await learn(60)
  }
  assert.equal(await estimateSeconds(context, modelId, four), 60)
  assert.equal(await estimateSeconds(context, modelId, { kind: 'image', input: input(1) }), 60)
  const { rows } = await context.db.pool.query('select count(*)::int as rows from estimate')
  assert.equal(rows[0].rows, 1)
})

test('a known style is told in words for models, any other as it is, and none changes nothing', () => {
  assert.equal(withStyle('cat', undefined), 'cat')
  assert.equal(withStyle('cat', '  '), 'cat')
  assert.equal(withStyle('cat', 'Pixel Art'), 'cat, pixel art, limited palette')
  assert.equal(withStyle('cat', '像素'), 'cat, pixel art, limited palette')
  assert.equal(withStyle('cat', '敦煌壁画'), 'cat, 敦煌壁画')
  assert.equal(withStyle('cat', 'constructor'), 'cat, constructor')
})

test('a clip has the lines and the shape asked for, even sides, and none too long', () => {
  assert.deepEqual(clipSize('720p', '16:9', 2_048), { width: 1_280, height: 720 })
  assert.deepEqual(clipSize('1080p', '9:16', 2_048), { width: 1_080, height: 1_920 })
  assert.deepEqual(clipSize('480p', '16:9', 2_048), { width: 852, height: 480 })
  assert.deepEqual(clipSize('4k', '16:9', 2_048), { width: 2_048, height: 1_152 })
  assert.deepEqual(clipSize('4k', '1:1', 2_048), { width: 2_048, height: 2_048 })
  assert.deepEqual(clipSize('720p', '4:3', 2_048), { width: 960, height: 720 })
})

test('a title of a work that nobody named is how its prompt begins, whole characters of it', () => {
  assert.equal(shortTitle({ title: '短', prompt: '短' }), '短')
  assert.equal(shortTitle({ title: '😀'.repeat(40), prompt: '😀'.repeat(40) }), '😀'.repeat(30))
  const own = '我自己取的名字'.repeat(8)
  assert.equal(shortTitle({ title: own, prompt: '别的' }), own)
})

test('a model is found by vendor, by name, or by both where they are the same one’s', () => {
  const { context } = stage.site
  const name = (wish: Parameters<typeof findModel>[2]) => findModel(context, 'image', wish)?.name
  assert.equal(name({}), undefined)
  assert.equal(name({ vendor: 'stability' }), 'stable-diffusion-xl')
  assert.equal(name({ name: 'stable-diffusion-3', vendor: 'stability' }), 'stable-diffusion-3')
  assert.equal(name({ name: 'dalle' }), 'dall-e-3')
  assert.equal(name({ name: 'dall-e-3', vendor: 'dall-e-3' }), 'dall-e-3')
  assert.throws(() => name({ name: 'dall-e-3', vendor: 'stability' }), { code: 'model_not_found' })
  assert.throws(() => name({ vendor: 'sora' }), { code: 'model_not_found' })
})
