import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { changeAvatar, changeProfile } from '../../kernel/accounts/profile.ts'
import { updateAccount } from '../../kernel/accounts/update.ts'
import { submitTask } from '../../kernel/generation/submit.ts'
import { units } from '../../kernel/money.ts'
import { deleteWork } from '../../kernel/works/delete.ts'
import { plaza } from './dialect.ts'

const PLENTY = { points: 1_000_000, perSeconds: 60 }
const PLANS = [
  { id: 'monthly', name: '月度', priceFen: 1_998n, days: 30, level: 1 },
  { id: 'yearly', name: '年度', priceFen: 9_998n, days: 365, level: 2 },
] as unknown as NonNullable<typeof plaza.preset.plans>

let site: TestSite
before(async () => {
  site = await buildSite({
    dialect: plaza,
    providers: [createFakeProvider()],
    preset: { plans: PLANS, limits: { auth: PLENTY, generate: PLENTY, read: PLENTY, write: PLENTY } },
  })
})
after(() => site.close())

type Data = Record<string, unknown>
type Answer = {
  status: number
  code: number
  message: string
  error?: string
  timestamp: number
  data: Data
  text: string
}

async function call(method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
  const reply = await site.app.inject({
    method: method as 'GET',
    url: `/api/v1${path}`,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { payload: body as object }),
  })
  return { status: reply.statusCode, text: reply.payload, ...reply.json() }
}
const register = (body: unknown) => call('POST', '/auth/register', undefined, body)
const logIn = (body: unknown) => call('POST', '/auth/login', undefined, body)

let serial = 0
/** A registration that nobody made before. */
const fresh = () => {
  serial += 1
  return { username: `user${serial}x`, email: `user${serial}x@example.com`, password: '123456' }
}
async function newUser() {
  const body = fresh()
  const made = await register(body)
  assert.equal(made.status, 201, made.text)
  return { ...body, token: String(made.data.token), id: BigInt(String((made.data.user as Data).id)) }
}
function assertRefused(answer: Answer, status: number, message: string | RegExp): void {
  assert.deepEqual([answer.status, answer.code], [status, status], answer.text)
  const keys = Object.keys(JSON.parse(answer.text)).sort()
  assert.deepEqual(keys, ['code', 'error', 'message', 'timestamp'])
  if (typeof message === 'string') assert.equal(answer.message, message)
  else assert.match(answer.message, message)
}

test('a registration answers 201 with the user and a token, a login 200 with the same', async () => {
  const made = await register({ username: 'testuser', email: 'Test@Example.com', password: 'password123' })
  assert.deepEqual([made.status, made.code, made.message], [201, 201, 'success'])
  assert.deepEqual(Object.keys(made.data), ['user', 'token'])
  const { user } = made.data
  const { id } = user as Data
  assert.deepEqual(user, { id, username: 'testuser', email: 'test@example.com' })
  assert.match(String(id), /^\d+$/)
  assert.equal(typeof id, 'string')
  assert.ok(Math.abs(made.timestamp - Date.now()) < 60_000)
  for (const names of [
    ...[{ email: 'test@example.com' }, { email: ' TEST@EXAMPLE.COM ' }, { username: 'TestUser' }],
    ...[{ email: 'testuser' }, { username: 'test@example.com' }, { email: '', username: 'testuser' }],
  ]) {
    const answer = await logIn({ ...names, password: 'password123' })
    assert.deepEqual([answer.status, answer.code, answer.data?.user], [200, 200, user], answer.text)
    const profile = await call('GET', '/user/profile', String(answer.data.token))
    assert.deepEqual(profile.data, {
      ...{ id, username: 'testuser', email: 'test@example.com', avatar: '' },
      ...{ computePower: 50, vipLevel: 0, totalGenerated: 0 },
    })
  }
})

test('what is taken, badly formed or of another type is 400 in a sentence', async () => {
  const taken = await newUser()
  assertRefused(await register({ ...fresh(), username: taken.username.toUpperCase() }), 400, '用户名已存在')
  assertRefused(await register({ ...fresh(), email: taken.email.toUpperCase() }), 400, '邮箱已存在')
  for (const [changes, sentence] of [
    [{ username: 'ab' }, /^用户名须为3至64个字符/],
    [{ username: 'a b'.replace('b', '') }, /^用户名须为3至64个字符/],
    [{ username: ' a  ' }, /^用户名须为3至64个字符/],
    [{ username: 'x'.repeat(65) }, /^用户名须为3至64个字符/],
    [{ username: 'other@example.com' }, /不能是邮箱或手机号$/],
    [{ username: '13800138000' }, /不能是邮箱或手机号$/],
    [{ email: '' }, /^邮箱格式不正确/],
    [{ email: 'nobody@' }, /^邮箱格式不正确/],
    [{ password: '12345' }, /^密码须为6至200个字符/],
    [{ username: undefined }, /^用户名不能为空/],
    [{ email: undefined }, /^邮箱不能为空/],
    [{ email: null }, /^邮箱类型不正确/],
    [{ password: 123_456 }, /^密码类型不正确/],
    [{ username: ['abc'] }, /^用户名类型不正确/],
  ] as const)
    assertRefused(await register({ ...fresh(), ...changes }), 400, sentence)
  for (const body of [
    {},
    [],
    { password: 'x' },
    { email: 'x', password: '' },
    { email: 1, password: 'x' },
    { email: ' ', password: 'x' },
  ])
    assert.equal((await logIn(body)).status, 400, JSON.stringify(body))
})

test('of many registrations of one name or address exactly one wins', async () => {
  for (const same of [{ username: 'one-name' }, { email: 'one@example.com' }]) {
    const answers = await Promise.all(Array.from({ length: 16 }, () => register({ ...fresh(), ...same })))
    assert.equal(answers.filter(({ status }) => status === 201).length, 1)
    for (const answer of answers) if (answer.status !== 201) assertRefused(answer, 400, /已存在$/)
  }
})

test('an unknown name and a wrong password are one answer; a disabled account is told to who knows its password', async () => {
  const user = await newUser()
  const wrong = await logIn({ email: user.email, password: 'wrong' })
  assertRefused(wrong, 401, '用户名或密码错误')
  assertRefused(await logIn({ email: 'none@example.com', password: 'wrong' }), 401, '用户名或密码错误')
  await updateAccount(site.context, null, user.id, { active: false })
  assertRefused(await logIn({ email: user.email, password: 'wrong' }), 401, '用户名或密码错误')
  assertRefused(await logIn({ email: user.email, password: user.password }), 403, '账号已被禁用')
  assertRefused(await call('GET', '/user/profile', user.token), 403, '账号已被禁用')
  assertRefused(await call('GET', '/user/profile'), 401, '未提供认证令牌')
  assertRefused(await call('GET', '/user/profile', 'x.y.z'), 401, '无效的认证令牌')
})

test('a profile shows avatar, level and what is left of the power', async () => {
  const { token, id } = await newUser()
  const actor = { accountId: id }
  await changeAvatar(site.context, actor, 'https://example.com/a.png')
  await changeProfile(site.context, actor, { phone: '13912341234' })
  const join = (plan: string, days: number) =>
    site.context.db.pool.query(
      `insert into membership (account_id, plan, started_at, ends_at, high_until)
       values ($1, $2, now() - interval '400 days', now() + make_interval(days => $3),
         case when $2 = 'yearly' then now() + make_interval(days => $3) end)
       on conflict (account_id) do update set plan = excluded.plan, ends_at = excluded.ends_at, high_until = excluded.high_until`,
      [id, plan, days],
    )
  const profile = async () => (await call('GET', '/user/profile', token)).data
  assert.deepEqual([(await profile()).avatar, (await profile()).vipLevel], ['https://example.com/a.png', 0])
  for (const [plan, days, level] of [
    ['monthly', 3, 1],
    ['yearly', 300, 2],
    ['yearly', -1, 0],
  ] as const) {
    await join(plan, days)
    assert.equal((await profile()).vipLevel, level)
  }
})

test('what was generated counts once it is there, and no longer when it is deleted', async () => {
  const { accountId, account, token } = await createUser(site.context, units(50))
  const actor = { ...account, accountId, sessionId: '', memberUntil: null }
  const profile = async () => {
    const { totalGenerated, computePower } = (await call('GET', '/user/profile', token)).data
    return [totalGenerated, computePower]
  }
  assert.deepEqual(await profile(), [0, 50])
  const task = await submitTask(site.context, actor, pictureOf('一只猫'))
  // Held from the start, counted at the end.
  assert.deepEqual(await profile(), [0, 40])
  site.startWorker()
  const giveUpAt = performance.now() + 10_000
  while ((await profile())[0] === 0) {
    assert.ok(performance.now() < giveUpAt)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  assert.deepEqual(await profile(), [1, 40])
  assert.ok(task)
  const { rows } = await site.context.db.pool.query('select id from work where account_id = $1', [accountId])
  await deleteWork(site.context, actor, rows[0].id)
  assert.deepEqual(await profile(), [0, 40])
  // Nobody else's count.
  assert.equal((await call('GET', '/user/profile', (await newUser()).token)).data.totalGenerated, 0)
})
