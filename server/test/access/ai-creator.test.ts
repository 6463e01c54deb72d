import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import { createUser } from '../factories.ts'
import { accessAiCreator } from './ai-creator.ts'
import { nameOf } from './ground.ts'
import { testAccess } from './suite.ts'

const ground = testAccess(accessAiCreator)
const { call, url, urlOf } = ground

const aUser = (credits = 100) => createUser(ground.site.context, units(credits))
const anAdmin = () => createUser(ground.site.context, units(0), { role: 'admin' })
const get = (path: string, token: string) => call('GET', url(path), { token })
const post = (path: string, token: string, body: object = {}) => call('POST', url(path), { token, body })
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString()
type Items = { total: number; items: { id: number }[] }

test('a user is 403 on every route for administrators, and none is open by mistake', async () => {
  const { token } = await aUser()
  const closed = ground.guarded.filter(({ allow }) => allow === 'admin')
  for (const one of closed) {
    for (const body of [{}, { name: 'x', type: 'credit_gift', role: 'admin' }]) {
      const answer = await call(one.method, urlOf(one), { token, ...(one.body && { body }) })
      assert.deepEqual([answer.status, answer.code, answer.data], [403, 403, null], nameOf(one))
      assert.equal(answer.message, '需要管理员权限')
    }
  }
  assert.deepEqual(closed.map(nameOf).sort(), [
    'DELETE /models/:id',
    'GET /operation/statistics',
    'POST /models',
    'POST /operation/activities',
    'POST /operation/coupons',
    'PUT /models/:id',
  ])
  const others = aiCreator.routes.filter(({ allow }) => allow === 'public' || allow === 'refresh')
  assert.deepEqual(others.map(nameOf).sort(), [
    'GET /writing/tools',
    'POST /auth/login',
    'POST /auth/refresh',
    'POST /auth/register',
    'POST /credit/payment/callback',
  ])
})

test('refresh opens with a refresh token alone, which opens nothing else', async () => {
  const { account, password, token } = await aUser()
  const { data } = await ground.login({ username: account.username, email: account.email ?? '' }, password)
  const refresh = String(data?.refresh_token)
  await ground.everywhere([401, 401], refresh, 'a refresh token')
  for (const bad of [undefined, token, String(data?.access_token), `${refresh}x`, 'garbage']) {
    const answer = await call('POST', url('/auth/refresh'), bad === undefined ? {} : { token: bad })
    assert.deepEqual([answer.status, answer.code, answer.data], [401, 401, null])
  }
  const fresh = await call('POST', url('/auth/refresh'), { token: refresh })
  assert.equal(fresh.status, 200)
  assert.equal((await get('/auth/me', String(fresh.data?.access_token))).data?.id, Number(account.id))
})

test('creations, versions and clips of others are as if they were not there, for administrators as well', async () => {
  const [owner, other, admin] = [await aUser(), await aUser(), await anAdmin()]
  const made = await post('/image/generate', owner.token, ground.purchase)
  const id = Number(made.data?.creation_id)
  assert.equal((await get(`/creations/${id}`, owner.token)).status, 200)
  for (const { token } of [other, admin]) {
    const none = await get('/creations/999999999', token)
    for (const [method, path, body] of [
      ['GET', `/creations/${id}`],
      ['PUT', `/creations/${id}`, { title: '我的' }],
      ['DELETE', `/creations/${id}`],
      ['GET', `/creations/${id}/versions`],
      ['POST', `/creations/${id}/versions/1/restore`],
      ['POST', '/publish', { creation_id: id, platforms: ['wechat'] }],
    ] as const) {
      const answer = await call(method, url(path), { token, ...(body && { body }) })
      assert.equal(answer.data, null, `${method} ${path}: ${answer.text}`)
      if (path !== '/publish') assert.equal(answer.text, none.text, `${method} ${path}`)
      else assert.ok(answer.status >= 400)
    }
    assert.equal((await get(`/video/${made.data?.task_id}/status`, token)).status, 404)
    for (const query of [
      '',
      '?status=completed',
      '?type=image',
      `?user_id=${owner.accountId}`,
      `?keyword=猫`,
    ])
      assert.equal(((await get(`/creations${query}`, token)).data as Items).total, 0, query)
  }
  assert.equal((await get(`/creations/${id}`, owner.token)).status, 200, 'nothing happened to it')
})

test('orders, statement, coupons, publications and referrals show nobody what is another’s', async () => {
  const [owner, other, admin] = [await aUser(2_000), await aUser(), await anAdmin()]
  const paid = await post('/credit/membership', owner.token, {
    membership_type: 'monthly',
    payment_method: 'balance',
  })
  assert.equal(paid.status, 200, paid.text)
  const coupon = await post('/operation/coupons', admin.token, {
    ...{ code: 'OWNED', name: '券', type: 'discount', value: 10 },
    ...{ valid_from: '2020-01-01T00:00:00', valid_until: '2099-01-01T00:00:00' },
  })
  assert.equal((await post(`/operation/coupons/${coupon.data?.id}/claim`, owner.token)).status, 200)
  const bind = { platform: 'wechat', credentials: { app_id: 'x', app_secret: 'the-secret-of-the-owner' } }
  const bound = await post('/publish/platforms/bind', owner.token, bind)
  assert.equal(bound.status, 200, bound.text)
  const made = await post('/image/generate', owner.token, ground.purchase)
  const publication = await post('/publish', owner.token, {
    ...{ creation_id: made.data?.creation_id, platforms: ['wechat'], schedule_time: tomorrow() },
  })
  assert.equal(publication.status, 200, publication.text)
  const lists = ['/credit/membership/orders', '/operation/my-coupons', '/publish/history', '/creations']
  for (const path of lists) {
    assert.equal(((await get(path, owner.token)).data as Items).total, 1, path)
    for (const { token } of [other, admin])
      for (const query of ['', `?user_id=${owner.accountId}`, '?page_size=100'])
        assert.equal(((await get(`${path}${query}`, token)).data as Items).total, 0, path)
  }
  const rows = ((await get('/credit/transactions', owner.token)).data as Items).items.map(({ id }) => id)
  const foreign = ((await get('/credit/transactions', other.token)).data as Items).items
  assert.ok(rows.length >= 2 && foreign.every(({ id }) => !rows.includes(id)))
  const invitation = (await post('/operation/referral/generate', owner.token)).data?.referral_code
  const invited = { username: 'invited_by_owner', email: 'invited@example.com', password: 'password-123' }
  const joined = await post('/auth/register', '', { ...invited, referral_code: invitation })
  assert.equal(joined.status, 200, joined.text)
  const records = '/operation/referral/records'
  assert.equal(((await get(records, owner.token)).data as Items).total, 1)
  for (const { token } of [other, admin])
    for (const query of ['', `?user_id=${owner.accountId}`, `?referral_code=${invitation}`])
      assert.equal(((await get(`${records}${query}`, token)).data as Items).total, 0, query)
  for (const { token } of [owner, other, admin]) {
    const listed = await get('/publish/platforms', token)
    assert.ok(!listed.text.includes('the-secret-of-the-owner'))
    assert.equal(listed.text.includes('account x'), token === owner.token)
  }
  const unclaimed = await post('/credit/recharge', other.token, {
    ...{ amount: 10, payment_method: 'alipay', coupon_code: 'OWNED' },
  })
  assert.ok(unclaimed.status === 400 && unclaimed.data === null, unclaimed.text)
})
