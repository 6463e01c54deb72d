import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { MOST_CHARACTERS } from '../../kernel/characters/create.ts'
import { units } from '../../kernel/money.ts'
import { cameo } from './dialect.ts'
import { characters as house } from './house-characters.ts'

const PLENTY = { points: 1_000_000, perSeconds: 60 }

let site: TestSite
before(async () => {
  site = await buildSite({
    dialect: cameo,
    preset: { limits: { auth: PLENTY, generate: PLENTY, read: PLENTY, write: PLENTY } },
  })
})
after(() => site.close())

type Row = {
  id: number
  user_id: number | null
  name: string
  avatar_url: string | null
  type: string
  is_system: boolean
  sora_id: string | null
  created_at: string
  updated_at: string
}
type Answer = { status: number; code: number; message: string; data: unknown; text: string }

async function call(method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
  const reply = await site.app.inject({
    method: method as 'GET',
    url: `/api/v1/characters${path}`,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { payload: body as object }),
  })
  return { status: reply.statusCode, text: reply.payload, ...reply.json() }
}
const newUser = () => createUser(site.context, units(0))
async function create(token: string, body: object = {}): Promise<Row> {
  const answer = await call('POST', '', token, { name: '角色名称', type: 'sora', ...body })
  assert.equal(answer.status, 200, answer.text)
  return answer.data as Row
}
async function list(token: string, query = ''): Promise<{ list: Row[]; total: number }> {
  const answer = await call('GET', query, token)
  assert.equal(answer.status, 200, answer.text)
  return answer.data as { list: Row[]; total: number }
}
function assertRefused(answer: Answer, status: number, message: string | RegExp): void {
  assert.deepEqual([answer.status, answer.code, answer.data], [status, status, null], answer.text)
  if (typeof message === 'string') assert.equal(answer.message, message)
  else assert.match(answer.message, message)
}

test('a character is made, read, changed and deleted', async () => {
  const { token, accountId } = await newUser()
  const avatar_url = 'https://example.com/avatar.jpg'
  const made = await call('POST', '', token, { name: ' 角色名称 ', avatar_url, type: 'sora' })
  assert.deepEqual([made.status, made.code, made.message], [200, 0, '创建成功'], made.text)
  const row = made.data as Row
  const { id, created_at } = row
  const times = { created_at, updated_at: created_at }
  const given = { id, user_id: Number(accountId), name: '角色名称', avatar_url, type: 'sora' }
  assert.deepEqual(row, { ...given, is_system: false, sora_id: null, ...times })
  assert.match(created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.deepEqual((await call('GET', `/${id}`, token)).data, row)
  const changes = { name: '新名称', avatar_url: 'https://example.com/new-avatar.jpg' }
  const changed = await call('PUT', `/${id}`, token, changes)
  assert.equal(changed.message, '更新成功')
  const after = changed.data as Row
  assert.deepEqual(after, { ...row, ...changes, updated_at: after.updated_at })
  assert.notEqual(after.updated_at, created_at)
  const retyped = (await call('PUT', `/${id}`, token, { type: 'custom', avatar_url: '' })).data as Row
  assert.deepEqual([retyped.type, retyped.name, retyped.avatar_url], ['custom', '新名称', null])
  const gone = await call('DELETE', `/${id}`, token)
  assert.deepEqual([gone.status, gone.data, gone.message], [200, null, '删除成功'])
  assertRefused(await call('GET', `/${id}`, token), 404, '角色不存在')
  assertRefused(await call('DELETE', `/${id}`, token), 404, '角色不存在或无权限')
})

test('the list: own first and newest first, then the system’s; by type, without them, by pages', async () => {
  const { token } = await newUser()
  const others = await newUser()
  await create(others.token, { name: '别人的' })
  const one = await create(token, { name: '一' })
  const two = await create(token, { name: '二', type: 'custom' })
  const { list: all, total } = await list(token)
  assert.deepEqual(
    all.map(({ name }) => name),
    ['二', '一', ...house.map(({ name }) => name)],
  )
  assert.equal(total, 2 + house.length)
  const system = all.filter(({ is_system }) => is_system)
  assert.deepEqual(
    system.map(({ sora_id, user_id, type }) => [sora_id, user_id, type]),
    house.map(({ mention, type }) => [mention, null, type]),
  )
  assert.deepEqual((await list(token, '?type=custom')).list, [two])
  assert.equal((await list(token, '?type=sora&includeSystem=true')).total, 1 + house.length)
  assert.deepEqual(await list(token, '?type=sora&includeSystem=false'), { list: [one], total: 1 })
  assert.deepEqual((await list(token, '?page=2&pageSize=1')).list, [one])
  assert.equal((await list(token, '?page=1')).total, total)
  assert.deepEqual((await list(token, '?page=99&pageSize=20')).list, [])
  assertRefused(await call('GET', '?type=veo', token), 400, '无效的角色类型')
  for (const query of ['?page=0', '?page=x', '?pageSize=-1'])
    assert.equal((await call('GET', query, token)).status, 400)
})

test('system characters are everybody’s to read and nobody’s to change', async () => {
  const user = await newUser()
  const admin = await createUser(site.context, units(0), { role: 'admin' })
  const [first] = (await list(user.token)).list
  assert.ok(first)
  for (const { token } of [user, admin]) {
    assert.deepEqual((await call('GET', `/${first.id}`, token)).data, first)
    assertRefused(await call('PUT', `/${first.id}`, token, { name: '我的' }), 404, '角色不存在')
    assertRefused(await call('DELETE', `/${first.id}`, token), 404, '角色不存在或无权限')
  }
  assert.deepEqual((await list(user.token)).list[0], first)
})

test('cameo hole 6: another’s character is as if it were not there, and what is not there is 404', async () => {
  const [owner, other] = [await newUser(), await newUser()]
  const admin = await createUser(site.context, units(0), { role: 'admin' })
  const row = await create(owner.token, { name: '秘密角色' })
  for (const { token } of [other, admin]) {
    for (const [method, body] of [['GET'], ['PUT', { name: '偷来的' }], ['DELETE']] as const) {
      const foreign = await call(method, `/${row.id}`, token, body)
      assert.equal(foreign.status, 404)
      for (const id of ['999999999', '0', '-1', 'abc', '1e3', '99999999999999999999', '1%00'])
        assert.equal((await call(method, `/${id}`, token, body)).status, id === '1%00' ? 400 : 404, id)
      const missing = await call(method, '/999999999', token, body)
      assert.equal(foreign.text, missing.text)
      assert.ok(!foreign.text.includes('秘密'))
    }
    assert.equal((await list(token)).total, house.length)
  }
  assert.deepEqual((await call('GET', `/${row.id}`, owner.token)).data, row)
  for (const [method, path, body] of [
    ['GET', ''],
    ['GET', `/${row.id}`],
    ['POST', '', { name: 'x', type: 'sora' }],
    ['PUT', `/${row.id}`, { name: 'x' }],
    ['DELETE', `/${row.id}`],
  ] as const)
    assertRefused(await call(method, path, undefined, body), 401, '未提供认证令牌')
})

test('what is no character is 400 with a sentence', async () => {
  const { token } = await newUser()
  const post = (body: unknown) => call('POST', '', token, body)
  for (const body of [
    {},
    { name: '名' },
    { type: 'sora' },
    { name: '', type: 'sora' },
    { name: '  ', type: 'sora' },
  ])
    assertRefused(await post(body), 400, '角色名称和类型不能为空')
  assertRefused(await post({ name: '名', type: 'veo' }), 400, '无效的角色类型')
  for (const name of ['长'.repeat(51), '长'.repeat(500), 'a\nb', 'a\u202eb'])
    assertRefused(await post({ name, type: 'sora' }), 400, /^名称/)
  const bad = [
    'javascript:alert(1)',
    'data:text/html;base64,PGI+',
    'data:image/svg+xml;base64,PHN2Zy8+',
    'avatar.jpg',
  ]
  const { id } = await create(token)
  for (const avatar_url of bad) {
    assertRefused(await post({ name: '名', type: 'sora', avatar_url }), 400, /^头像格式不正确/)
    assertRefused(await call('PUT', `/${id}`, token, { avatar_url }), 400, /^头像格式不正确/)
  }
  for (const body of [{}, { is_system: true, user_id: 1, sora_id: 'mine' }])
    assertRefused(await call('PUT', `/${id}`, token, body), 400, '没有要更新的字段')
  assertRefused(await call('PUT', `/${id}`, token, { name: ' ' }), 400, '名称不能为空')
  assertRefused(await call('PUT', `/${id}`, token, { type: 'veo' }), 400, '无效的角色类型')
  assert.equal((await list(token, '?includeSystem=false')).total, 1)
  // A client cannot make its own of the system's.
  const row = await create(token, { is_system: true, user_id: null, sora_id: 'linxiaolu' })
  assert.deepEqual([row.is_system, row.sora_id, typeof row.user_id], [false, null, 'number'])
})

const picture = (width: number, height: number, noise = false): Promise<Buffer> =>
  sharp({
    create: {
      ...{ width, height, channels: 3 as const, background: '#2a6' },
      ...(noise && { noise: { type: 'gaussian' as const, mean: 128, sigma: 80 } }),
    },
  })
    .png({ compressionLevel: 1 })
    .toBuffer()
const dataUrl = (bytes: Buffer): string => `data:image/png;base64,${bytes.toString('base64')}`
const isThere = async (address: string | null): Promise<boolean> =>
  (await site.app.inject({ method: 'GET', url: new URL(String(address)).pathname })).statusCode === 200
const isLoose = async (address: string | null): Promise<boolean> => {
  const key = String(address).split('/').at(-1)
  return (
    ((await site.context.db.pool.query('select from loose_file where store_key = $1', [key])).rowCount ?? 0) >
    0
  )
}

test('a picture in the address’s place, up to eight megabytes, becomes a file of ours', async () => {
  const { token } = await newUser()
  const large = await picture(1_500, 1_200, true)
  assert.ok(large.byteLength > 4 * 1_048_576 && large.byteLength < 5.8 * 1_048_576, `${large.byteLength}`)
  const row = await create(token, { avatar_url: dataUrl(large) })
  assert.match(String(row.avatar_url), /^http:\/\/localhost:3334\/files\/[a-z0-9]{32}\.webp$/)
  assert.deepEqual([await isThere(row.avatar_url), await isLoose(row.avatar_url)], [true, false])
  const payload = {
    name: '大',
    type: 'sora',
    avatar_url: `data:image/png;base64,${'A'.repeat(8 * 1_048_576)}`,
  }
  assertRefused(await call('POST', '', token, payload), 400, '请求体过大')
})

test('an avatar is replaced and let go with its character, and its own address keeps it', async () => {
  const { token } = await newUser()
  const small = dataUrl(await picture(64, 64))
  const { id, avatar_url: first } = await create(token, { avatar_url: small })
  const put = async (body: object) => (await call('PUT', `/${id}`, token, body)).data as Row
  assert.equal((await put({ name: '改名', avatar_url: first })).avatar_url, first)
  assert.equal(await isLoose(first), false)
  const { avatar_url: second } = await put({ avatar_url: small })
  assert.notEqual(second, first)
  assert.deepEqual([await isLoose(first), await isLoose(second)], [true, false])
  // One character's avatar may be another's: each has its own file.
  const copy = await create(token, { avatar_url: second })
  assert.notEqual(copy.avatar_url, second)
  await call('DELETE', `/${id}`, token)
  assert.deepEqual([await isLoose(second), await isLoose(copy.avatar_url)], [true, false])
  // Of many changes at once one stays, and every other file is let go.
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => call('PUT', `/${copy.id}`, token, { avatar_url: small })),
  )
  const last = ((await call('GET', `/${copy.id}`, token)).data as Row).avatar_url
  for (const { data } of answers) {
    const { avatar_url } = data as Row
    assert.equal(await isLoose(avatar_url), avatar_url !== last, String(avatar_url))
  }
})

test('nobody has more characters than may be looked through, however many he makes at once', async () => {
  const { token, accountId } = await newUser()
  await site.context.db.pool.query(
    `insert into character (account_id, name, type) select $1, 'n' || n, 'custom' from generate_series(1, $2) n`,
    [accountId, MOST_CHARACTERS - 3],
  )
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => call('POST', '', token, { name: '再来一个', type: 'sora' })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 3)
  for (const one of answers.filter(({ status }) => status !== 200))
    assertRefused(one, 400, /^最多可创建500个角色/)
  assert.equal((await list(token)).list.length, MOST_CHARACTERS + house.length)
})

test('the house’s characters follow the code and are not doubled by another start', async () => {
  const { context } = site
  await context.db.pool.query(`update character set description = '旧' where mention = 'motuan'`)
  await site.another()
  const { rows } = await context.db.pool.query(
    'select mention, name, description from character where account_id is null order by id',
  )
  assert.deepEqual(
    rows,
    house.map(({ mention, name, description }) => ({ mention, name, description })),
  )
  assert.ok(house.length >= 5)
})
