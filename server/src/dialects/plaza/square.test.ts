import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Stage, User } from '../../../test/contracts/plaza-stage.ts'
import { openStage } from '../../../test/contracts/plaza-stage.ts'
import { setAccountState } from '../../kernel/accounts/administer.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(() => stage.close())

type Row = { id: string; description: string; [name: string]: unknown }
const feed = async (token?: string, query = 'sort=latest&pageSize=100') => {
  const { data, text } = await stage.call('GET', `/square/feeds?${query}`, token)
  return { list: data.list as Row[], total: data.total as number, text }
}
const rowOf = async (id: string, token?: string) => (await feed(token)).list.find((row) => row.id === id)

test('a feed row has what the document shows, and what the caller liked', async () => {
  const owner = await stage.user()
  const { id } = await stage.picture(owner, { prompt: `海边的日落${'，很长的秘密提示词'.repeat(20)}` })
  await stage.call('PUT', `/works/${id}`, owner.token, { isPublic: true })
  const row = await rowOf(id)
  assert.deepEqual(Object.keys(row ?? {}).sort(), [
    ...['author', 'createdAt', 'description', 'favoriteCount', 'favorited', 'fileUrl', 'id', 'likeCount'],
    ...['liked', 'playCount', 'thumbnail', 'title', 'type'],
  ])
  assert.deepEqual(row?.author, { id: String(owner.id), username: owner.username, avatar: '' })
  assert.match(String(row?.createdAt), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)
  assert.match(String(row?.fileUrl), /\/files\/\w+\.png$/)
  assert.match(String(row?.thumbnail), /\/files\/\w+\.webp$/)
  assert.match(String(row?.description), /^海边的日落.{0,25}$/)
  const other = await stage.user()
  const liked = await stage.call('POST', `/square/${id}/like`, other.token)
  assert.deepEqual(liked.data, { liked: true, likeCount: 1, like_count: 1 })
  const kept = await stage.call('POST', `/square/${id}/favorite`, other.token)
  assert.deepEqual(kept.data, { favorited: true, favoriteCount: 1 })
  const told = (one: Row | undefined) => [one?.liked, one?.likeCount, one?.favorited, one?.favoriteCount]
  assert.deepEqual(told(await rowOf(id, other.token)), [true, 1, true, 1])
  assert.deepEqual(told(await rowOf(id, owner.token)), [false, 1, false, 1])
  assert.deepEqual(told(await rowOf(id)), [false, 1, false, 1])
  const back = await stage.call('POST', `/square/${id}/like`, other.token)
  assert.deepEqual(back.data, { liked: false, likeCount: 0, like_count: 0 })
  const detail = await stage.call('GET', `/works/${id}`, owner.token)
  assert.deepEqual(
    [detail.data.isPublic, detail.data.likeCount, detail.data.favoriteCount, detail.data.playCount],
    [true, 0, 1, 0],
  )
})

test('plaza hole: square exposes private works; not here, in no feed and to no call', async () => {
  const owner = await stage.user()
  const { id } = await stage.picture(owner)
  const other = await stage.user()
  const gone = async (why: string) => {
    for (const query of ['sort=latest', 'sort=hot', 'sort=latest&type=image', 'sort=hot&type=image'])
      for (const token of [undefined, other.token, owner.token]) {
        const { list, total } = await feed(token, `${query}&pageSize=100`)
        assert.ok(!list.some((row) => row.id === id), `${why}: ${query}`)
        assert.equal(list.length, total, why)
      }
    for (const call of ['like', 'favorite', 'view'])
      for (const one of [id, '999999999', 'no-such-id', '0']) {
        const { status, body } = await stage.call('POST', `/square/${one}/${call}`, other.token)
        assert.deepEqual([status, body.message], [404, '作品不存在或未完成'], why)
      }
  }
  await gone('never published')
  await stage.call('PUT', `/works/${id}`, owner.token, { isPublic: true })
  assert.ok(await rowOf(id))
  await stage.call('PUT', `/works/${id}`, owner.token, { isPublic: false })
  await gone('taken back')
  await stage.call('PUT', `/works/${id}`, owner.token, { isPublic: true })
  assert.ok(await rowOf(id))
  await stage.call('DELETE', `/works/${id}`, owner.token)
  await gone('deleted')
  const banned = await stage.published()
  await setAccountState(stage.context, banned.owner.id, 'disabled')
  assert.ok(!(await rowOf(banned.id)), 'its owner is banned')
  await setAccountState(stage.context, banned.owner.id, 'active')
  assert.ok(await rowOf(banned.id))
})

test('anybody may look; a token that opens nothing is nobody’s and breaks no page', async () => {
  const { id, owner } = await stage.published()
  await stage.call('POST', `/square/${id}/like`, owner.token)
  const banned = await stage.user()
  await setAccountState(stage.context, banned.id, 'disabled')
  for (const token of ['rubbish', `${owner.token}x`, banned.token]) {
    assert.equal((await rowOf(id, token))?.liked, false)
    assert.equal((await stage.call('POST', `/square/${id}/view`, token)).status, 200)
  }
  assert.equal((await rowOf(id, owner.token))?.liked, true)
  for (const call of ['like', 'favorite'])
    for (const token of [undefined, 'rubbish'])
      assert.equal((await stage.call('POST', `/square/${id}/${call}`, token)).status, 401, call)
  assert.equal((await stage.call('PUT', `/works/${id}`, undefined, { isPublic: false })).status, 401)
})

test('plaza hole: unlimited likes and views; here one per account, and one per viewer and hour', async () => {
  const { id } = await stage.published()
  const fans: User[] = await Promise.all(Array.from({ length: 8 }, () => stage.user()))
  await Promise.all(fans.map((fan) => stage.call('POST', `/square/${id}/like`, fan.token)))
  const [fan] = fans
  await Promise.all(Array.from({ length: 10 }, () => stage.call('POST', `/square/${id}/like`, fan?.token)))
  assert.equal((await rowOf(id))?.likeCount, 8)
  const views = await Promise.all(
    fans.flatMap(({ token }) => [1, 2, 3].map(() => stage.call('POST', `/square/${id}/view`, token))),
  )
  assert.equal(views.filter(({ data }) => data.counted).length, 8)
  await Promise.all(Array.from({ length: 10 }, () => stage.call('POST', `/square/${id}/view`)))
  assert.equal((await rowOf(id))?.playCount, 9)
})

test('PUT /works/:id: bad fields, nothing to change, and what is not completed', async () => {
  const owner = await stage.user(500)
  const { id } = await stage.picture(owner)
  const put = (body: object, name = id) => stage.call('PUT', `/works/${name}`, owner.token, body)
  for (const [body, message] of [
    [{}, /没有要更新的字段/],
    [{ color: 'red' }, /没有要更新的字段/],
    [{ title: '' }, /标题/],
    [{ title: '   ' }, /标题/],
    [{ title: '长'.repeat(101) }, /标题太长/],
    [{ title: 7 }, /标题/],
    [{ title: null }, /标题/],
    [{ isPublic: 'yes' }, /公开|isPublic/],
    [{ isPublic: null }, /公开|isPublic/],
  ] as const) {
    const { status, body: answer, text } = await put(body)
    assert.equal(status, 400, text)
    assert.match(`${answer.message} ${answer.error}`, message)
  }
  const renamed = await put({ title: `  ${'长'.repeat(100)}  ` })
  assert.equal(renamed.data.title, '长'.repeat(100), renamed.text)
  assert.equal(renamed.data.isPublic, false)
  let finish = (): void => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  stage.provider.next.push(async () => {
    await held
    throw new Error('broken')
  })
  await stage.call('POST', '/generate/text-to-image', owner.token, { prompt: '慢', width: 64, height: 64 })
  const { data } = await stage.call('GET', '/works?status=processing', owner.token)
  const [slow] = data.list as Row[]
  const refused = await put({ isPublic: true }, slow?.id)
  finish()
  assert.deepEqual([refused.status, refused.body.message], [400, '作品尚未完成，无法发布'])
})

test('what a feed may be asked for', async () => {
  for (const query of ['page=0', 'page=-1', 'page=x', 'pageSize=0', 'type=music', 'sort=best', 'page=1e3'])
    assert.equal((await stage.call('GET', `/square/feeds?${query}`)).status, 400, query)
  for (const query of ['', 'type=all', 'type=video&sort=hot', 'pageSize=5000', 'page=1001', 'page=999999'])
    assert.equal((await stage.call('GET', `/square/feeds?${query}`)).status, 200, query)
})
