import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { closeAccount } from '../../kernel/accounts/close.ts'
import { updateAccount } from '../../kernel/accounts/update.ts'
import { units } from '../../kernel/money.ts'
import type { RateClass } from '../../kernel/preset.ts'
import { sweepUploads } from '../../kernel/uploads/sweep.ts'
import { cameo } from './dialect.ts'

const PLENTY = { points: 1_000_000, perSeconds: 60 }
const limits = { auth: PLENTY, generate: PLENTY, read: PLENTY, write: PLENTY } satisfies Record<
  RateClass,
  object
>
const PLANS = [
  { id: 'monthly', name: '月度', priceFen: 1_998n, days: 30, level: 1 },
  { id: 'yearly', name: '年度', priceFen: 9_998n, days: 365, level: 2 },
] as unknown as NonNullable<typeof cameo.preset.plans>

let site: TestSite
before(async () => {
  site = await buildSite({ dialect: cameo, preset: { limits, plans: PLANS } })
})
after(() => site.close())

type Data = Record<string, unknown>
type Answer = { status: number; code: number; message: string; data: Data | null; text: string }

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
const logIn = (username: string, password = '123456') =>
  call('POST', '/auth/login', undefined, { username, password })

let serial = 0
const fresh = (): string => `u${++serial}x`
/** A new user by registration, and the token of it. */
async function newUser(extra: object = {}): Promise<{ token: string; user: Data; name: string }> {
  const name = fresh()
  const made = await register({ username: name, password: '123456', ...extra })
  assert.equal(made.status, 200, made.text)
  const { token, user } = made.data as { token: string; user: Data }
  return { token, user, name }
}
/** Who an answer says is logged in. */
const userIn = ({ data, text }: Answer): unknown => {
  assert.ok(data, text)
  return (data.user as Data).id
}
function assertRefused(answer: Answer, status: number, message: string | RegExp): void {
  assert.deepEqual([answer.status, answer.code, answer.data], [status, status, null], answer.text)
  if (typeof message === 'string') assert.equal(answer.message, message)
  else assert.match(answer.message, message)
}

const FIELDS = [
  ...['id', 'username', 'nickname', 'email', 'phone', 'avatar_url', 'role', 'user_type', 'computing_power'],
  ...['total_computing_power', 'gifted_computing_power', 'hd_count', 'membership_expires_at'],
  ...['referral_code', 'created_at'],
]

test('the document’s user registers, logs in by each name and reads himself', async () => {
  const body = {
    ...{ username: 'testuser', password: 'password123', email: 'Test@Example.com', phone: '13800138000' },
    referral_code: 'ABC12345',
  }
  const made = await register(body)
  assert.deepEqual([made.status, made.code, made.message], [200, 0, '注册成功'], made.text)
  const { token, user } = made.data as { token: string; user: Data }
  assert.deepEqual(Object.keys(user), FIELDS)
  assert.deepEqual(
    { ...user, id: 0, created_at: '', referral_code: '' },
    {
      ...{ id: 0, username: 'testuser', nickname: null, email: 'test@example.com', phone: '13800138000' },
      ...{ avatar_url: null, role: 'user', user_type: 'normal', computing_power: 100 },
      ...{ total_computing_power: 100, gifted_computing_power: 0, hd_count: 0 },
      ...{ membership_expires_at: null, referral_code: '', created_at: '' },
    },
  )
  assert.match(String(user.referral_code), /^[A-Z0-9]{8}$/)
  for (const name of [
    'testuser',
    'TESTUSER',
    ' test@example.com ',
    'TEST@EXAMPLE.COM',
    '13800138000',
    '+86 138-0013-8000',
  ]) {
    const { message, data } = await logIn(name, 'password123')
    assert.deepEqual([message, data?.user], ['登录成功', user], name)
  }
  for (const path of ['/auth/me', '/users/profile'])
    assert.deepEqual((await call('GET', path, token)).data, user)
})

test('the document’s curl needs a name and a password alone; what a form leaves out may be empty or null', async () => {
  const made = await register({ username: 'test', password: '123456' })
  assert.equal(made.status, 200, made.text)
  assert.equal((made.data as { user: Data }).user.email, null)
  const { user } = await newUser({ email: '', phone: null, referral_code: '' })
  assert.deepEqual([user.email, user.phone], [null, null])
})

test('duplicates are refused by what is taken, in any spelling', async () => {
  const body = { username: 'Taken', password: '123456', email: 'taken@example.com', phone: '13700000001' }
  assert.equal((await register(body)).status, 200)
  assertRefused(await register({ username: 'TAKEN', password: '123456' }), 400, '用户名已存在')
  assertRefused(await register({ ...body, username: fresh(), email: 'TAKEN@example.com' }), 400, '邮箱已存在')
  const other = { ...body, username: fresh(), email: `${fresh()}@example.com` }
  for (const phone of ['13700000001', '+8613700000001', '0086 137 0000 0001'])
    assertRefused(await register({ ...other, phone }), 400, '手机号已存在')
  // The whole registration was taken back: the name is free, and no wallet or bonus stayed.
  assert.equal((await register({ ...other, phone: '+1 (415) 555-0123' })).status, 200)
  assert.equal((await logIn('+14155550123')).status, 200)
})

test('of many registrations of one name, address or number exactly one wins', async () => {
  const races: ((index: number) => object)[] = [
    (index) => ({ username: index % 2 ? 'racer' : 'RACER' }),
    () => ({ username: fresh(), email: 'race@example.com' }),
    (index) => ({ username: fresh(), phone: index % 2 ? '13700000002' : '+86 13700000002' }),
  ]
  const accounts = async () =>
    Number((await site.context.db.pool.query('select count(*) from account')).rows[0].count)
  for (const race of races) {
    const before = await accounts()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => register({ password: '123456', ...race(index) })),
    )
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    assert.ok(
      answers.every(
        ({ status, message }) => status === 200 || (status === 400 && message.endsWith('已存在')),
      ),
    )
    assert.equal(await accounts(), before + 1)
  }
})

test('a known referral code is registered, an unknown one is passed over', async () => {
  const inviter = await newUser()
  const invited = await newUser({ referral_code: ` ${String(inviter.user.referral_code).toLowerCase()} ` })
  const alone = await newUser({ referral_code: 'NOBODYS1' })
  const odd = await newUser({ referral_code: "`' or 1=1 --", phone: '13700000003' })
  const { rows } = await site.context.db.pool.query(
    'select referred_id, referrer_id from referral where referred_id = any ($1)',
    [[invited.user.id, alone.user.id, odd.user.id]],
  )
  assert.deepEqual(rows, [
    { referred_id: BigInt(invited.user.id as number), referrer_id: BigInt(inviter.user.id as number) },
  ])
})

test('a registration that is not one is 400 with a sentence', async () => {
  const good = { username: 'wellformed', password: '123456' }
  for (const body of [
    {},
    { username: 'a' },
    { password: '123456' },
    { ...good, username: '' },
    { ...good, password: '' },
    [],
  ])
    assertRefused(await register(body), 400, '用户名和密码不能为空')
  assertRefused(await register({ ...good, password: '12345' }), 400, '密码至少6个字符，最多200个字符')
  assertRefused(await register({ ...good, password: 'x'.repeat(201) }), 400, /^密码/)
  assertRefused(await register({ ...good, email: 'nobody' }), 400, '邮箱格式不正确，请检查后重试')
  for (const phone of ['1380013800', '12345678901', 'phone', '+0123456789', '+123456789012345678'])
    assertRefused(await register({ ...good, phone }), 400, /^手机号格式不正确/)
  for (const username of ['  ', 'x'.repeat(65), 'a\u0007b'])
    assertRefused(await register({ ...good, username }), 400, /^用户名/)
})

test('cameo hole 12: a value of another type is 400 in our own words and never 500 or SQL', async () => {
  const { token } = await newUser()
  const good = { username: 'typed', password: '123456' }
  const odd = [1, true, ['x'], { a: 1 }]
  for (const value of odd) {
    for (const field of ['username', 'password', 'email', 'phone', 'referral_code'])
      assertRefused(await register({ ...good, [field]: value }), 400, /类型不正确/)
    for (const field of ['username', 'password'])
      assertRefused(
        await call('POST', '/auth/login', undefined, { ...good, [field]: value }),
        400,
        /类型不正确/,
      )
    for (const field of ['nickname', 'email', 'phone'])
      assertRefused(await call('PUT', '/users/profile', token, { [field]: value }), 400, /类型不正确/)
    for (const field of ['oldPassword', 'newPassword'])
      assertRefused(
        await call('POST', '/users/change-password', token, {
          oldPassword: 'a',
          newPassword: '123456',
          [field]: value,
        }),
        400,
        /类型不正确/,
      )
    assertRefused(await call('POST', '/users/upload-avatar', token, { avatar_url: value }), 400, /类型不正确/)
    for (const field of ['name', 'type', 'avatar_url'])
      assertRefused(
        await call('POST', '/characters', token, { name: 'x', type: 'sora', [field]: value }),
        400,
        /类型不正确/,
      )
  }
  for (const text of ["' or 1=1 --", 'a\0b', '\ud800']) {
    const answer = await logIn(text, text)
    assert.ok(answer.status === 400 || answer.status === 401, answer.text)
    assert.doesNotMatch(answer.text, /select|syntax|error at/i)
  }
})

test('cameo hole 8: nobody becomes an administrator by being the first, nor by asking', async () => {
  const other = await buildSite({ dialect: cameo, preset: { limits } })
  try {
    const payload = {
      username: 'first',
      password: '123456',
      role: 'admin',
      user_type: 'svip',
      computing_power: 9_999,
    }
    const reply = await other.app.inject({ method: 'POST', url: '/api/v1/auth/register', payload })
    const { user } = reply.json().data
    assert.deepEqual([user.id, user.role, user.user_type, user.computing_power], [1, 'user', 'normal', 100])
    // At the next start the source made him one.
    const again = await other.another()
    const { rows } = await again.db.pool.query('select role from account where id = 1')
    assert.deepEqual(rows, [{ role: 'user' }])
  } finally {
    await other.close()
  }
})

test('cameo hole 7: a token of a disabled or closed account, and another site’s, opens nothing', async () => {
  const [one, two, three] = [await newUser(), await newUser(), await newUser()]
  const { context } = site
  const idOf = ({ user }: { user: Data }) => BigInt(user.id as number)
  await updateAccount(context, null, idOf(one), { active: false })
  assertRefused(await call('GET', '/auth/me', one.token), 403, '账号已被禁用')
  await closeAccount(context, null, idOf(two))
  assertRefused(await call('GET', '/auth/me', two.token), 401, /请重新登录/)
  // Banned, deleted, mistaken and unknown are one answer at the login.
  const answers = [
    await logIn(one.name),
    await logIn(two.name),
    await logIn(three.name, 'wrong'),
    await logIn('nobody'),
  ]
  for (const answer of answers) assert.equal(answer.text, answers[0]?.text)
  assertRefused(answers[0] as Answer, 401, '用户名或密码错误')
  // The role is read with each request, whatever the token was given for.
  const admin = await createUser(context, units(0), { role: 'admin' })
  assert.equal((await call('GET', '/auth/me', admin.token)).data?.role, 'admin')
  await createUser(context, units(0), { role: 'admin' })
  await updateAccount(context, null, admin.accountId, { role: 'user' })
  assertRefused(await call('GET', '/auth/me', admin.token), 401, /失效/)
  // HS256 with the source's own default secret, and with none.
  const [header, payload] = three.token.split('.')
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  for (const token of [`${none}.${payload}.`, `${header}.${payload}.AAAA`, 'garbage', ''])
    assert.equal((await call('GET', '/auth/me', token)).status, 401, token)
})

test('cameo hole 14: codes are not to be guessed, and whoever tries passwords is stopped', async () => {
  const codes = new Set<unknown>()
  for (let index = 0; index < 20; index += 1) codes.add((await newUser()).user.referral_code)
  assert.equal(codes.size, 20)
  const { context } = site
  const drawn: number[] = []
  const token = context.ids.token
  context.ids.token = (length) => {
    drawn.push(length)
    return token(length)
  }
  try {
    await newUser()
  } finally {
    context.ids.token = token
  }
  assert.ok(drawn.includes(8), 'the code comes from the secure source')
  const victim = await newUser()
  const statuses: number[] = []
  for (let index = 0; index < 12; index += 1)
    statuses.push((await logIn(victim.name, `guess${index}`)).status)
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429])
  const headers = (await site.app.inject({ method: 'GET', url: '/api/v1/auth/me' })).headers
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('how a name reads decides whose login it is: nobody shadows another', async () => {
  const [email, phone] = ['victim@example.com', '13712345678']
  const victim = await newUser({ email, phone })
  for (const username of [email, phone, '+86 137 1234 5678', ` ${email} `, '１３７１２３４５６７８', 'a@b'])
    assertRefused(await register({ username, password: 'attacker' }), 400, /^用户名格式不正确/)
  // Names in those forms that an operator gave, before or after, open nothing and stand in nobody's way.
  await updateAccount(site.context, null, BigInt((await newUser()).user.id as number), { username: phone })
  await updateAccount(site.context, null, BigInt((await newUser()).user.id as number), { username: email })
  for (const name of [email, phone, victim.name])
    assert.equal(userIn(await logIn(name)), victim.user.id, name)
  // And who is called what somebody later has as a number keeps his own login.
  const numbered = await newUser()
  assert.equal((await call('PUT', '/users/profile', numbered.token, { phone: '13812345678' })).status, 200)
  assert.equal(userIn(await logIn(numbered.name)), numbered.user.id)
})

test('a closed account’s number is free for another, its own login is not', async () => {
  const old = await newUser({ phone: '13611112222' })
  await closeAccount(site.context, null, BigInt(old.user.id as number))
  const next = await newUser({ phone: '13611112222' })
  assert.equal(userIn(await logIn('13611112222')), next.user.id)
})

test('a profile is changed and answered whole; empty text takes an address away', async () => {
  const { token, user } = await newUser({ email: 'me@example.com', phone: '13511110000' })
  const changes = {
    nickname: ' 新昵称 ',
    email: 'NewEmail@example.com',
    phone: '+86 13900139000',
    avatar: 'ignored',
  }
  const { message, data } = await call('PUT', '/users/profile', token, changes)
  assert.equal(message, '更新成功')
  assert.deepEqual(data, { ...user, nickname: '新昵称', email: 'newemail@example.com', phone: '13900139000' })
  assert.deepEqual((await call('GET', '/auth/me', token)).data, data)
  assert.deepEqual((await call('PUT', '/users/profile', token, { nickname: '只改昵称' })).data, {
    ...data,
    nickname: '只改昵称',
  })
  const emptied = await call('PUT', '/users/profile', token, { nickname: '', email: '', phone: null })
  assert.deepEqual(emptied.data, { ...user, nickname: null, email: null, phone: null })
  // Two of nothing are no duplicates.
  assert.equal(
    (await call('PUT', '/users/profile', (await newUser()).token, { email: '', phone: '' })).status,
    200,
  )
})

test('a change of profile that is none, or is taken, is 400 and changes nothing', async () => {
  const { token, user } = await newUser({ email: 'keeps@example.com' })
  const put = (body: unknown) => call('PUT', '/users/profile', token, body)
  await newUser({ email: 'used@example.com', phone: '13522223333' })
  for (const body of [{}, { avatar: 'x' }, { role: 'admin' }])
    assertRefused(await put(body), 400, '没有要更新的字段')
  assertRefused(await put({ nickname: 'x', email: 'USED@example.com' }), 400, '邮箱已被使用')
  assertRefused(await put({ nickname: 'x', phone: '+8613522223333' }), 400, '手机号已被使用')
  assertRefused(await put({ email: 'nobody' }), 400, '邮箱格式不正确，请检查后重试')
  assertRefused(await put({ phone: '123' }), 400, /^手机号格式不正确/)
  for (const nickname of ['长'.repeat(51), 'a\u202eb', 'a\nb'])
    assertRefused(await put({ nickname }), 400, /^昵称/)
  assert.deepEqual((await call('GET', '/users/profile', token)).data, user)
})

test('of many who want one number or address exactly one gets it', async () => {
  const users = await Promise.all(Array.from({ length: 12 }, () => newUser()))
  for (const change of [{ phone: '13544445555' }, { email: 'wanted@example.com' }]) {
    const answers = await Promise.all(users.map(({ token }) => call('PUT', '/users/profile', token, change)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    assert.ok(answers.every(({ status, message }) => status === 200 || /已被使用$/.test(message)))
  }
})

test('a new password ends every other session, and the calling one goes on', async () => {
  const { token, name } = await newUser()
  const other = String((await logIn(name)).data?.token)
  const change = (oldPassword: string, newPassword: string) =>
    call('POST', '/users/change-password', token, { oldPassword, newPassword })
  assertRefused(await change('wrong', 'newpass123'), 400, '旧密码错误')
  assertRefused(await change('123456', '12345'), 400, '新密码至少6个字符')
  for (const [one, two] of [
    ['', '123456'],
    ['123456', ''],
    ['', ''],
  ])
    assertRefused(await change(String(one), String(two)), 400, '旧密码和新密码不能为空')
  assertRefused(await call('POST', '/users/change-password', token, {}), 400, '旧密码和新密码不能为空')
  assert.equal((await call('GET', '/auth/me', other)).status, 200)
  const { status, data, message } = await change('123456', 'newpass123')
  assert.deepEqual([status, data, message], [200, null, '密码修改成功'])
  assert.equal((await call('GET', '/auth/me', token)).status, 200)
  assertRefused(await call('GET', '/auth/me', other), 401, /失效/)
  assertRefused(await logIn(name), 401, '用户名或密码错误')
  assert.equal((await logIn(name, 'newpass123')).status, 200)
})

test('wrong old passwords are counted, and of many changes from one old password one is made', async () => {
  const guessed = await newUser()
  const change = (token: string, oldPassword: string, newPassword: string) =>
    call('POST', '/users/change-password', token, { oldPassword, newPassword })
  const statuses: number[] = []
  for (let index = 0; index < 11; index += 1)
    statuses.push((await change(guessed.token, `no${index}`, '1234567')).status)
  assert.deepEqual(statuses, [...Array(10).fill(400), 429])
  assert.equal((await change(guessed.token, '123456', '1234567')).status, 429)
  const { token, name } = await newUser()
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => change(token, '123456', `password${index}`)),
  )
  const won = answers.findIndex(({ status }) => status === 200)
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal((await logIn(name, `password${won}`)).status, 200)
})

test('an old password that is replaced while it is checked begins no session', async () => {
  const { token, name } = await newUser()
  const { context } = site
  const { db } = context
  let changed: Promise<Answer> | null = null
  context.db = {
    ...db,
    rows: async (what, values) => {
      if (what.name === 'begin session' && changed === null) {
        const body = { oldPassword: '123456', newPassword: 'newpass123' }
        changed = call('POST', '/users/change-password', token, body)
        assert.equal((await changed).status, 200)
      }
      return db.rows(what, values)
    },
  }
  try {
    assertRefused(await logIn(name), 401, '用户名或密码错误')
  } finally {
    context.db = db
  }
  assert.ok(changed)
  assert.equal((await logIn(name, 'newpass123')).status, 200)
})

test('logout ends the calling session alone', async () => {
  const { token, name } = await newUser()
  const other = String((await logIn(name)).data?.token)
  const { status, code, data, message } = await call('POST', '/auth/logout', token)
  assert.deepEqual([status, code, data, message], [200, 0, null, '退出成功'])
  assertRefused(await call('GET', '/auth/me', token), 401, /失效/)
  assertRefused(await call('POST', '/auth/logout', token), 401, /失效/)
  assert.equal((await call('GET', '/auth/me', other)).status, 200)
})

const picture = (width = 900, height = 600): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#a40' } })
    .png()
    .toBuffer()
const keyIn = (address: unknown): string => String(address).split('/').at(-1) ?? ''
const loose = async (): Promise<string[]> =>
  (await site.context.db.pool.query('select store_key from loose_file')).rows.map((row) => row.store_key)

test('an avatar elsewhere is kept by its address, and is never fetched', async () => {
  const { token, user } = await newUser()
  const address = 'https://example.com/avatar.jpg'
  const { status, message, data } = await call('POST', '/users/upload-avatar', token, { avatar_url: address })
  assert.deepEqual([status, message], [200, '头像更新成功'])
  const changed = { ...user, avatar_url: address }
  assert.deepEqual(data, { ...changed, user: changed })
  assert.deepEqual((await call('GET', '/users/profile', token)).data, changed)
})

test('an avatar of this site is known by its address and outlives what it was taken from', async () => {
  const { token } = await newUser()
  const { context } = site
  const uploaded = `${context.ids.token(32)}.png`
  await context.files.put(uploaded, await picture())
  const set = (avatar_url: string) => call('POST', '/users/upload-avatar', token, { avatar_url })
  const first = await set(`${context.publicUrl}/files/${uploaded}`)
  assert.equal(first.status, 200, first.text)
  const address = String(first.data?.avatar_url)
  await context.files.remove(uploaded)
  const shown = await site.app.inject({ method: 'GET', url: new URL(address).pathname })
  assert.deepEqual([shown.statusCode, shown.headers['content-type']], [200, 'image/webp'])
  const { width, height } = await sharp(shown.rawPayload).metadata()
  assert.deepEqual([width, height], [512, 341])
  // Its own address again changes nothing; another one lets the file go.
  assert.equal((await set(address)).data?.avatar_url, address)
  assert.deepEqual((await loose()).includes(keyIn(address)), false)
  await set('https://example.com/other.png')
  assert.ok((await loose()).includes(keyIn(address)))
  await context.db.pool.query(`update loose_file set since = now() - interval '2 hours'`)
  await sweepUploads(context)
  assert.equal(await context.files.stat(keyIn(address)), null)
})

test('what is no picture’s address is no avatar', async () => {
  const { token, user } = await newUser()
  const { publicUrl } = site.context
  for (const avatar_url of [
    ...[
      'javascript:alert(1)',
      'ftp://example.com/a.png',
      'file:///etc/passwd',
      '/files/a.png',
      'example.com/a.png',
    ],
    ...[
      'https://user:pass@example.com/a.png',
      'https://example.com/a b.png',
      'https://example.com/"onload=',
      'http://',
    ],
    ...[
      `${publicUrl}/files/${'a'.repeat(32)}.png`,
      `${publicUrl}/api/v1/auth/me`,
      `${publicUrl}/uploads/none.png`,
    ],
    `data:image/png;base64,${(await picture(1, 1)).toString('base64')}`,
  ])
    assertRefused(
      await call('POST', '/users/upload-avatar', token, { avatar_url }),
      400,
      /^头像地址格式不正确/,
    )
  const hint = '请使用 /api/v1/upload/avatar 接口上传文件'
  for (const body of [{}, { avatar_url: '' }])
    assertRefused(await call('POST', '/users/upload-avatar', token, body), 400, hint)
  assert.deepEqual((await call('GET', '/users/profile', token)).data, user)
})

test('membership shows as vip and svip while it lasts', async () => {
  const { token, user } = await newUser()
  const join = (plan: string, days: number) =>
    site.context.db.pool.query(
      `insert into membership (account_id, plan, started_at, ends_at, high_until)
       values ($1, $2, now() - interval '400 days', now() + make_interval(days => $3),
         case when $2 = 'yearly' then now() + make_interval(days => $3) end)
       on conflict (account_id) do update set plan = excluded.plan, ends_at = excluded.ends_at, high_until = excluded.high_until`,
      [user.id, plan, days],
    )
  for (const [plan, days, expected] of [
    ['monthly', 3, 'vip'],
    ['yearly', 300, 'svip'],
    ['monthly', -1, 'normal'],
  ] as const) {
    await join(plan, days)
    const { data } = await call('GET', '/users/profile', token)
    assert.equal(data?.user_type, expected)
    if (days > 0) assert.match(String(data?.membership_expires_at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    else assert.equal(data?.membership_expires_at, null)
  }
})

test('none of these opens without a token', async () => {
  for (const [method, path, body] of [
    ['GET', '/auth/me'],
    ['POST', '/auth/logout'],
    ['GET', '/users/profile'],
    ['PUT', '/users/profile', { nickname: 'x' }],
    ['POST', '/users/change-password', { oldPassword: 'a', newPassword: '123456' }],
    ['POST', '/users/upload-avatar', { avatar_url: 'https://example.com/a.png' }],
  ] as const)
    assertRefused(await call(method, path, undefined, body), 401, '未提供认证令牌')
})
