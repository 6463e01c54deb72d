import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'

let site: TestSite
before(async () => {
  site = await buildSite({ providers: [createFakeProvider()] })
  site.startWorker()
})
after(() => site.close())

const post = async (url: string, body: object, token?: string) => {
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  const reply = await site.app.inject({ method: 'POST', url: `/api${url}`, payload: body, headers })
  return { status: reply.statusCode, ...reply.json() }
}
const get = async (url: string, token?: string) => {
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  const reply = await site.app.inject({ method: 'GET', url: `/api${url}`, headers })
  return { status: reply.statusCode, ...reply.json() }
}

test('from an address to a paid-for picture', async () => {
  const email = 'New.User@qq.com'
  const sent = await post('/auth/send-code', { email, type: 'register' })
  assert.deepEqual(sent, {
    status: 200,
    success: true,
    code: 1,
    message: '验证码已发送到您的邮箱，请查收',
    data: { email: 'new.user@qq.com', expiresIn: 600 },
  })
  const [mail = ''] = await site.mails()
  const code = /\b(\d{6})\b/.exec(
    Buffer.from(mail.split('base64\r\n\r\n')[1]?.split('\r\n--')[0] ?? '', 'base64').toString(),
  )?.[1]
  assert.ok(code, mail)
  const registered = await post('/auth/register', {
    email,
    password: 'password123',
    username: 'newuser',
    emailCode: code,
  })
  assert.equal(registered.message, '用户注册成功，获得 100 tokens奖励')
  assert.equal(registered.data.user.tokenBalance, 100)
  const loggedIn = await post('/auth/login', { email, password: 'password123' })
  assert.equal(loggedIn.message, '登录成功')
  const { token } = loggedIn.data

  const made = await post(
    '/generate/image',
    { prompt: '一只可爱的小猫', size: '512x512', seed: 12345, watermark: true },
    token,
  )
  assert.equal(made.message, '图片生成成功，消耗 20 tokens')
  assert.match(made.data.taskId, /^img_\d+_[a-z0-9]{9}$/)
  assert.match(made.data.image_url, /^http:\/\/localhost:3334\/files\/[a-z2-7]{45}\.png$/)
  const file = await site.app.inject({ url: new URL(made.data.image_url).pathname })
  assert.equal(file.headers['content-type'], 'image/png')

  const balance = await get('/token/balance', token)
  assert.equal(balance.data.balance, 80)
  const { transactions, pagination } = (await get('/token/transactions', token)).data
  assert.deepEqual(pagination, { total: 2, page: 1, limit: 20, totalPages: 1 })
  assert.equal(transactions[0].type, 'IMAGE_GENERATION')
  assert.equal(transactions[0].amount, -20)
  assert.equal(transactions[0].balance, 80)
  assert.deepEqual(transactions[0].metadata, { taskId: made.data.taskId })
  assert.equal(transactions[1].type, 'REGISTER_BONUS')

  const status = await get(`/generate/status/${made.data.taskId}`, token)
  assert.equal(status.data.status, 'completed')
  const history = await get('/generate/history?type=image&status=completed', token)
  assert.equal(history.data.history[0].prompt, '一只可爱的小猫')
  assert.deepEqual(history.data.summary, { totalGenerated: 1, totalTokensConsumed: 20 })
  const gone = await site.app.inject({
    method: 'DELETE',
    url: `/api/generate/history/${history.data.history[0].id}`,
    headers: { authorization: `Bearer ${token}` },
  })
  assert.deepEqual(gone.json(), { success: true, code: 1, message: '删除成功', data: null })
  assert.equal((await get(`/generate/status/${made.data.taskId}`, token)).code, 1501)
})
