import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Stage } from '../../../test/contracts/cameo-stage.ts'
import { openStage } from '../../../test/contracts/cameo-stage.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(() => stage.close())

type Row = { id: number; [name: string]: unknown }
const square = async (token?: string, query = 'page=1&pageSize=50') => {
  const { data } = await stage.call('GET', `/square/works?${query}`, token)
  return data as { list: Row[]; total: number; page: number; pageSize: number }
}
const rowOf = async (id: number, token?: string) => (await square(token)).list.find((row) => row.id === id)

test('the front-end’s square: its rows, its sorts, its like and its view', async () => {
  const [first, second] = [await stage.published(), await stage.published()]
  const row = await rowOf(first.id)
  assert.deepEqual(Object.keys(row ?? {}).sort(), [
    ...['created_at', 'id', 'like_count', 'liked', 'prompt', 'result_url', 'thumbnail_url', 'title'],
    ...['user_avatar', 'username', 'view_count', 'work_type'],
  ])
  assert.deepEqual([row?.username, row?.work_type, row?.like_count], [first.owner.username, 'image', 0])
  const liked = await stage.call('POST', `/square/works/${first.id}/like`, second.owner.token)
  assert.deepEqual(liked.data, { like_count: 1, liked: true })
  const seen = await stage.call('POST', `/square/works/${first.id}/view`)
  assert.deepEqual(seen.data, { view_count: 1, counted: true })
  assert.deepEqual((await stage.call('POST', `/square/works/${first.id}/view`)).data, {
    view_count: 1,
    counted: false,
  })
  for (const [sort, expected] of [
    ['latest', [second.id, first.id]],
    ['likes', [first.id, second.id]],
    ['views', [first.id, second.id]],
  ] as const) {
    const { list, total, page, pageSize } = await square(undefined, `sort=${sort}&pageSize=2`)
    assert.deepEqual(
      list.map(({ id }) => id),
      expected,
      sort,
    )
    assert.deepEqual([total, page, pageSize], [2, 1, 2])
  }
  assert.equal((await rowOf(first.id, second.owner.token))?.liked, true)
  assert.equal((await rowOf(first.id, 'an expired token'))?.liked, false)
  assert.deepEqual((await square(undefined, 'work_type=video')).list, [])
  const { data } = await stage.call('GET', '/works', first.owner.token)
  const [own] = data.list as Row[]
  assert.deepEqual([own?.is_public, own?.like_count, own?.view_count], [true, 1, 1])
  for (const query of ['sort=hot', 'work_type=music', 'page=0', 'pageSize=x'])
    assert.equal((await stage.call('GET', `/square/works?${query}`)).status, 400, query)
})

test('cameo hole 5: private works are on nobody’s square, and nobody likes or views them', async () => {
  const owner = await stage.user()
  const id = await stage.picture(owner)
  for (const sort of ['latest', 'likes', 'views'])
    assert.ok(!(await square(owner.token, `sort=${sort}`)).list.some((row) => row.id === id), sort)
  for (const call of ['like', 'view'])
    for (const one of [id, 999_999_999, 'no-such-id']) {
      const { status, body } = await stage.call('POST', `/square/works/${one}/${call}`, owner.token)
      assert.deepEqual([status, body.message], [404, '作品不存在或未完成'])
    }
  assert.equal((await stage.call('POST', `/square/works/${id}/like`)).status, 401)
})

test('cameo hole 5: likes and views are not unlimited per user', async () => {
  const { id } = await stage.published()
  const fan = await stage.user()
  await Promise.all(
    Array.from({ length: 21 }, () => stage.call('POST', `/square/works/${id}/like`, fan.token)),
  )
  await Promise.all(
    Array.from({ length: 21 }, () => stage.call('POST', `/square/works/${id}/view`, fan.token)),
  )
  const row = await rowOf(id, fan.token)
  assert.deepEqual([row?.like_count, row?.liked, row?.view_count], [1, true, 1])
})

test('cameo hole 6: an update of a missing or foreign work is no success', async () => {
  const owner = await stage.user()
  const id = await stage.picture(owner)
  const other = await stage.user()
  for (const one of [id, 999_999_999, 'no-such-id'])
    for (const body of [{ is_public: true }, { title: '我的' }]) {
      const reply = await stage.call('PUT', `/works/${one}`, other.token, body)
      assert.deepEqual([reply.status, reply.body.message], [404, '作品不存在'])
    }
  assert.equal(await rowOf(id), undefined)
  const nothing = await stage.call('PUT', `/works/${id}`, owner.token, {})
  assert.deepEqual([nothing.status, nothing.body.message], [400, '没有要更新的字段'])
  for (const is_public of [2, '1', null])
    assert.equal((await stage.call('PUT', `/works/${id}`, owner.token, { is_public })).status, 400)
  const shown = await stage.call('PUT', `/works/${id}`, owner.token, { is_public: 1, title: ' 灯火 ' })
  assert.deepEqual([shown.data.id, shown.data.is_public, shown.data.title], [id, true, '灯火'])
  assert.equal((await rowOf(id))?.title, '灯火')
  const hidden = await stage.call('PUT', `/works/${id}`, owner.token, { is_public: 0 })
  assert.equal(hidden.data.is_public, false)
  assert.equal(await rowOf(id), undefined)
})

test('a share is counted for its owner alone', async () => {
  const owner = await stage.user()
  const id = await stage.picture(owner)
  const other = await stage.user()
  assert.equal((await stage.call('POST', `/works/${id}/share`, other.token)).status, 404)
  await stage.call('POST', `/works/${id}/share`, owner.token)
  const { data } = await stage.call('GET', `/works/${id}`, owner.token)
  assert.equal(data.share_count, 1)
})
