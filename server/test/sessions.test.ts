import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import type { Dialect, Route } from '../src/http/dialect.ts'
import { createTokens } from '../src/http/tokens.ts'
import { resetPassword, setAccountState } from '../src/kernel/accounts/administer.ts'
import { authenticate } from '../src/kernel/accounts/authenticate.ts'
import { logIn } from '../src/kernel/accounts/log-in.ts'
import { logOut } from '../src/kernel/accounts/log-out.ts'
import type { RefreshGrant } from '../src/kernel/accounts/refresh.ts'
import { refreshSession } from '../src/kernel/accounts/refresh.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { units } from '../src/kernel/money.ts'
import { ensureReferralCode } from '../src/kernel/promotions/referral-codes.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

// Sessions that are refreshed: which token opens what, and what becomes of one that is used twice.

const limits = Object.fromEntries(
  Object.keys(aiCreator.preset.limits).map((name) => [name, { points: 1_000_000, perSeconds: 60 }]),
) as typeof aiCreator.preset.limits

type Body = { code: number; message: string; data: Record<string, unknown> | null }
type Answer = { status: number; body: Body; headers: Record<string, unknown> }

let site: TestSite
before(async () => {
  site = await buildSite({ dialect: aiCreator, preset: { limits } })
})
after(() => site.close())

const call = async (
  method: string,
  path: string,
  {
    token,
    body,
    on = site,
    ip = '127.0.0.1',
  }: { token?: string; body?: object; on?: TestSite; ip?: string } = {},
): Promise<Answer> => {
  const reply = await on.app.inject({
    method: method as 'GET',
    url: `/api/v1${path}`,
    remoteAddress: ip,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body && { payload: body }),
  })
  return { status: reply.statusCode, body: reply.json(), headers: reply.headers }
}

let serial = 0
async function loggedIn(on = site): Promise<{ id: bigint; access: string; refresh: string; name: string }> {
  serial += 1
  const name = `session_${serial}`
  const body = { username: name, email: `${name}@example.com`, password: 'secret-1' }
  const opened = await call('POST', '/auth/register', { body, on })
  assert.equal(opened.status, 200, JSON.stringify(opened.body))
  const { body: answer } = await call('POST', '/auth/login', { body, on })
  const { access_token: access, refresh_token: refresh } = answer.data as Record<string, string>
  return { id: BigInt(Number(opened.body.data?.id)), access: String(access), refresh: String(refresh), name }
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const grantOf = (token: string): RefreshGrant => {
  const { sid, n } = claimsOf(token)
  return { sessionId: String(sid), number: Number(n) }
}
const rotatedAgo = (sessionId: string, seconds: number) =>
  site.context.db.pool.query(
    `update session set refreshed_at = now() - make_interval(secs => $2) where id = $1`,
    [sessionId, seconds],
  )
const refreshOver = (token: string, on = site): Promise<Answer> =>
  call('POST', '/auth/refresh', { token, on })

describe('opening an account and a session', () => {
  test('register answers as documented, logs nobody in, and starts without credits', async () => {
    const body = { username: '小明_01', email: 'Ming@Example.com', password: 'secret-1', nickname: 'ignored' }
    const { status, body: answer } = await call('POST', '/auth/register', { body })
    assert.equal(status, 200)
    assert.deepEqual([answer.code, answer.message], [200, '注册成功'])
    assert.partialDeepStrictEqual(answer.data, {
      username: '小明_01',
      email: 'ming@example.com',
      credit_balance: 0,
      is_member: false,
      membership_type: null,
    })
    assert.match(String(answer.data?.referral_code), /^[A-Z0-9]{8}$/)
    assert.equal(answer.data?.access_token, undefined)
  })

  test('says in words what is wrong with a registration', async () => {
    const sound = { username: 'sound_name', email: 'sound@example.com', password: 'secret-1' }
    for (const [changes, words] of [
      [{ username: 'ab' }, /用户名须为3至50个/],
      [{ username: 'a b c' }, /用户名须为/],
      [{ username: 'x'.repeat(51) }, /用户名须为/],
      [{ email: 'nowhere' }, /邮箱格式不正确/],
      [{ password: '12345' }, /密码须为6至50个字符/],
      [{ password: 'x'.repeat(51) }, /密码须为/],
      [{ username: undefined }, /用户名不能为空/],
      [{ referral_code: 'NOBODYS1' }, /推荐码无效/],
    ] as [object, RegExp][]) {
      const { status, body } = await call('POST', '/auth/register', { body: { ...sound, ...changes } })
      assert.deepEqual([status, body.code], [400, 400], JSON.stringify(changes))
      assert.match(body.message, words)
    }
    // Of all these none was opened, also not by the unknown code.
    assert.equal((await call('POST', '/auth/register', { body: sound })).status, 200)
    const again = await call('POST', '/auth/register', { body: { ...sound, email: 'other@example.com' } })
    assert.deepEqual([again.status, again.body.message], [400, '用户名已存在'])
    const mail = await call('POST', '/auth/register', { body: { ...sound, username: 'other_name' } })
    assert.deepEqual([mail.status, mail.body.message], [400, '邮箱已被注册'])
  })

  test('whoever was invited is written down once, in whatever case the code is typed', async () => {
    const inviter = await loggedIn()
    const me = await call('GET', '/auth/me', { token: inviter.access })
    const code = String(me.body.data?.referral_code)
    const body = { username: 'invited_one', email: 'invited@example.com', password: 'secret-1' }
    const reply = await call('POST', '/auth/register', {
      body: { ...body, referral_code: code.toLowerCase() },
    })
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    const { rows } = await site.context.db.pool.query(
      'select referred_id, state from referral where referrer_id = $1',
      [inviter.id],
    )
    assert.deepEqual(rows, [{ referred_id: BigInt(Number(reply.body.data?.id)), state: 'pending' }])
  })

  test('of many registrations of one name, or of one address, exactly one opens an account', async () => {
    const inviter = await loggedIn()
    const me = await call('GET', '/auth/me', { token: inviter.access })
    const body = { password: 'secret-1', referral_code: me.body.data?.referral_code }
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        call('POST', '/auth/register', {
          body:
            n % 2
              ? { ...body, username: 'one_name', email: `race${n}@example.com` }
              : { ...body, username: `race_${n}`, email: 'one@example.com' },
        }),
      ),
    )
    assert.equal(answers.filter(({ status }) => status === 200).length, 2)
    assert.ok(answers.every(({ status }) => status === 200 || status === 400))
    const { rows } = await site.context.db.pool.query(
      `select (select count(*)::int from referral where referrer_id = $1) as referrals,
         (select count(*)::int from account where username = 'one_name' or email = 'one@example.com') as accounts,
         (select count(distinct referral_code)::int from account where username = 'one_name' or email = 'one@example.com')
           as codes`,
      [inviter.id],
    )
    assert.deepEqual(rows, [{ referrals: 2, accounts: 2, codes: 2 }])
  })

  test('a referral code is made once, whoever asks at once', async () => {
    const { account } = await createUser(site.context, units(0))
    const codes = await Promise.all(
      Array.from({ length: 20 }, () => ensureReferralCode(site.context, { accountId: account.id })),
    )
    assert.equal(new Set(codes).size, 1)
  })

  test('login takes the name or the address, and tells of both tokens', async () => {
    const { name } = await loggedIn()
    for (const username of [name, ` ${name.toUpperCase()} `, `${name}@example.com`, `${name}@EXAMPLE.com`]) {
      const { status, body } = await call('POST', '/auth/login', { body: { username, password: 'secret-1' } })
      assert.equal(status, 200, username)
      assert.partialDeepStrictEqual(body, {
        message: '登录成功',
        data: {
          token_type: 'bearer',
          expires_in: 7_200,
          user: { username: name, credit_balance: 0, credits: 0, is_member: false, role: 'user' },
        },
      })
      const { access_token: access, refresh_token: refresh } = body.data as Record<string, string>
      const [a, r] = [claimsOf(String(access)), claimsOf(String(refresh))]
      assert.deepEqual([a.kind, r.kind, r.n], ['access', 'refresh', 1])
      assert.equal(Number(a.exp) - Number(a.iat), 2 * 3_600)
      assert.equal(Number(r.exp) - Number(r.iat), 7 * 86_400)
    }
    const wrong = await call('POST', '/auth/login', { body: { username: name, password: 'secret-2' } })
    assert.deepEqual([wrong.status, wrong.body.message], [401, '账号或密码不正确，请重新输入'])
  })

  test('me tells of a membership, and of one that has lapsed nothing', async () => {
    const { id, access } = await loggedIn()
    const member = (ends: string) =>
      site.context.db.pool.query(
        `insert into membership (account_id, plan, started_at, ends_at)
         values ($1, 'monthly', '2020-01-01T00:00:00Z', ($2::text)::timestamptz)
         on conflict (account_id) do update set ends_at = excluded.ends_at`,
        [id, ends],
      )
    await member('2096-02-22T02:00:00Z')
    assert.partialDeepStrictEqual((await call('GET', '/auth/me', { token: access })).body.data, {
      is_member: true,
      membership_type: 'monthly',
      membership_end_date: '2096-02-22T10:00:00',
      member_expired_at: '2096-02-22T10:00:00',
    })
    await member('2026-02-22T02:00:00Z')
    assert.partialDeepStrictEqual((await call('GET', '/auth/me', { token: access })).body.data, {
      is_member: false,
      membership_type: null,
      membership_end_date: null,
      member_expired_at: null,
    })
  })
})

describe('refreshing', () => {
  test('answers a new access token and the next refresh token, by header as documented', async () => {
    const { refresh, access } = await loggedIn()
    const { status, body } = await refreshOver(refresh)
    assert.equal(status, 200, JSON.stringify(body))
    assert.partialDeepStrictEqual(body, {
      message: 'Token刷新成功',
      data: { token_type: 'bearer', expires_in: 7_200 },
    })
    assert.deepEqual(grantOf(String(body.data?.refresh_token)), { ...grantOf(refresh), number: 2 })
    for (const token of [access, String(body.data?.access_token)])
      assert.equal((await call('GET', '/auth/me', { token })).status, 200)
  })

  test('takes the token from the body only where there is no header', async () => {
    const { refresh, access } = await loggedIn()
    const inBody = { refresh_token: refresh }
    const wrong = await call('POST', '/auth/refresh', { token: access, body: inBody })
    assert.deepEqual([wrong.status, wrong.body.message], [401, '无效的刷新令牌，请重新登录'])
    assert.equal((await call('POST', '/auth/refresh', { body: inBody })).status, 200)
    for (const body of [{}, { refresh_token: 7 }, { refresh_token: '' }, [refresh]]) {
      const reply = await call('POST', '/auth/refresh', { body })
      assert.deepEqual([reply.status, reply.body.message], [401, '请提供刷新令牌'])
    }
    const bare = await site.app.inject({
      method: 'POST',
      url: '/api/v1/auth/refresh',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${refresh}` },
    })
    assert.equal(bare.statusCode, 200, 'a client that names a content type and sends nothing')
  })

  test('a retry within ten seconds gets the same successor, letter by letter', async () => {
    const { refresh } = await loggedIn()
    const first = await refreshOver(refresh)
    await rotatedAgo(grantOf(refresh).sessionId, 9)
    const again = await refreshOver(refresh)
    assert.equal(again.status, 200)
    assert.deepEqual(
      grantOf(String(again.body.data?.refresh_token)),
      grantOf(String(first.body.data?.refresh_token)),
    )
    // Forgiving does not renew: the ten seconds run from the rotation.
    await rotatedAgo(grantOf(refresh).sessionId, 11)
    assert.equal((await refreshOver(refresh)).status, 401)
  })

  test('the same token is the same letters while its number stays', async () => {
    const { refresh } = await loggedIn()
    const [one, two] = [await refreshOver(refresh), await refreshOver(refresh)]
    assert.equal(one.body.data?.refresh_token, two.body.data?.refresh_token)
  })

  for (const [why, use] of [
    ['later than ten seconds', async (first: string) => rotatedAgo(grantOf(first).sessionId, 11)],
    [
      'two rotations old, at once',
      async (first: string) => {
        const { body } = await refreshOver(first)
        assert.equal((await refreshOver(String(body.data?.refresh_token))).status, 200)
      },
    ],
  ] as [string, (first: string) => Promise<unknown>][]) {
    test(`a replayed token (${why}) ends the session for whoever has it`, async () => {
      const { refresh } = await loggedIn()
      const { body } = await refreshOver(refresh)
      const { access_token: access = '', refresh_token: next } = body.data as Record<string, string>
      assert.equal((await call('GET', '/auth/me', { token: access })).status, 200)
      await use(refresh)
      const replay = await refreshOver(refresh)
      assert.deepEqual([replay.status, replay.body.message], [401, '刷新令牌已失效，请重新登录'])
      assert.equal((await call('GET', '/auth/me', { token: access })).status, 401, 'its access token')
      assert.equal((await refreshOver(String(next))).status, 401, 'and the newest refresh token')
      const { rows } = await site.context.db.pool.query('select ended_at from session where id = $1', [
        grantOf(refresh).sessionId,
      ])
      assert.ok(rows[0]?.ended_at)
    })
  }

  test('a replay ends the session in another process within five seconds', async () => {
    const { refresh, access } = await loggedIn()
    const other = await site.another()
    const { sessionId } = grantOf(refresh)
    await authenticate(other, sessionId)
    await refreshOver(refresh)
    await rotatedAgo(sessionId, 11)
    await refreshOver(refresh)
    const endsAt = Date.now() + 5_000
    let code: string | undefined
    while (code !== 'credentials_revoked' && Date.now() < endsAt) {
      await sleep(50)
      code = await authenticate(other, sessionId).then(
        () => undefined,
        (error: KernelError) => error.code,
      )
    }
    assert.equal(code, 'credentials_revoked')
    assert.equal((await call('GET', '/auth/me', { token: access })).status, 401)
  })

  test('of a hundred at once with one token all get one successor, and one session lives', async () => {
    const { refresh, id } = await loggedIn()
    const other = await site.another()
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, at) => refreshSession(at % 2 ? other : site.context, grantOf(refresh))),
    )
    assert.deepEqual([...new Set(all.map(({ session }) => session.refresh.number))], [2])
    const { rows } = await site.context.db.pool.query(
      // The one that registering began is nobody's.
      'select count(*)::int as n from session where account_id = $1 and ended_at is null and refresh_number = 2',
      [id],
    )
    assert.deepEqual(rows, [{ n: 1 }])
    const [winner] = all
    assert.ok(winner)
    const next = await refreshSession(site.context, {
      sessionId: winner.session.id,
      number: winner.session.refresh.number,
    })
    assert.equal(next.session.refresh.number, 3)
  })

  test('of a hundred old tokens and the current one at once none leaves a living session', async () => {
    const { refresh } = await loggedIn()
    const first = grantOf(refresh)
    await refreshSession(site.context, first)
    await refreshSession(site.context, { ...first, number: 2 })
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, (_, at) =>
        refreshSession(site.context, { ...first, number: at === 50 ? 3 : 1 }),
      ),
    )
    assert.ok(all.some(({ status }) => status === 'rejected'))
    await assert.rejects(refreshSession(site.context, { ...first, number: 4 }), {
      code: 'credentials_revoked',
    })
  })

  test('logout, a new password and a ban end it', async () => {
    for (const [end, code] of [
      [
        (user: { id: bigint; sessionId: string }) =>
          logOut(site.context, { accountId: user.id, sessionId: user.sessionId }),
        'credentials_revoked',
      ],
      [
        (user: { id: bigint }) => resetPassword(site.context, user.id, 'another secret'),
        'credentials_revoked',
      ],
      [(user: { id: bigint }) => setAccountState(site.context, user.id, 'disabled'), 'account_disabled'],
    ] as [(user: { id: bigint; sessionId: string }) => Promise<unknown>, string][]) {
      const user = await loggedIn()
      const grant = grantOf(user.refresh)
      await end({ ...user, sessionId: grant.sessionId })
      await assert.rejects(refreshSession(site.context, grant), { code })
      assert.notEqual((await refreshOver(user.refresh)).status, 200)
    }
  })

  test('a session ends seven days after its login, however often it is refreshed', async () => {
    const { refresh } = await loggedIn()
    const { body } = await refreshOver(refresh)
    assert.equal(claimsOf(String(body.data?.refresh_token)).exp, claimsOf(refresh).exp)
    const { sessionId } = grantOf(refresh)
    await site.context.db.pool.query('update session set expires_at = now() where id = $1', [sessionId])
    await assert.rejects(refreshSession(site.context, { sessionId, number: 2 }), (error) => {
      assert.ok(error instanceof KernelError)
      return ['credentials_expired', 'credentials_revoked'].includes(error.code)
    })
  })
})

describe('tokens in each other’s place', () => {
  const pairOf = (on: TestSite, sessionId: string, uuid: string) => {
    const now = on.context.clock.now()
    const expiresAt = new Date(now.getTime() + 60_000)
    const session = { id: sessionId, expiresAt, refresh: { number: 1, issuedAt: now } }
    return createTokens(on.context.keys.token, on.context.site, on.context.clock.now).signPair(
      session,
      uuid,
      30_000,
    )
  }
  const urlOf = ({ base }: Dialect, one: Route): string => `${base}${one.path.replace(/:\w+/g, '1')}`

  for (const dialect of [waliassets, aigentools, aiCreator]) {
    test(`${dialect.name}: a refresh token opens no route but the one that refreshes`, async () => {
      const on = dialect === aiCreator ? site : await buildSite({ dialect, preset: { limits } })
      try {
        const { account } = await createUser(on.context, units(1), { role: 'admin' })
        const { session } = await logIn(on.context, {
          by: 'username',
          name: account.username,
          password: 'a long password',
          address: null,
        })
        const { access, refresh } = pairOf(on, session.id, account.uuid)
        const guarded = dialect.routes.filter(({ allow }) => allow === 'user' || allow === 'admin')
        assert.ok(guarded.length > 0)
        for (const one of guarded) {
          const answer = await on.app.inject({
            method: one.method,
            url: urlOf(dialect, one),
            headers: { authorization: `Bearer ${refresh}` },
            ...(one.body && { payload: {} }),
          })
          const invalid = dialect.refusals.credentials_invalid({})
          const own = one.refusals.credentials_invalid?.({}) ?? invalid
          assert.equal(answer.statusCode, own.status, `${one.method} ${one.path}`)
          assert.deepEqual(
            [answer.json().code ?? answer.json().status, answer.json().message],
            [
              (own.body as Body & { status?: number }).code ?? (own.body as { status?: number }).status,
              (own.body as Body).message,
            ],
          )
        }
        for (const one of dialect.routes.filter(({ allow }) => allow === 'refresh')) {
          for (const headers of [{ authorization: `Bearer ${access}` }, {}]) {
            const payload = { refresh_token: access }
            const answer = await on.app.inject({
              method: one.method,
              url: urlOf(dialect, one),
              headers,
              payload,
            })
            assert.equal(answer.statusCode, 401)
          }
        }
      } finally {
        if (on !== site) await on.close()
      }
    })
  }

  test('tokens of another site, and refresh tokens with a number that is none, are refused', async () => {
    const { refresh } = await loggedIn()
    const { sid, id } = claimsOf(refresh)
    const now = site.context.clock.now()
    const session = (number: number) => ({
      id: String(sid),
      expiresAt: new Date(now.getTime() + 60_000),
      refresh: { number, issuedAt: now },
    })
    const foreign = createTokens(site.context.keys.token, 'waliassets', site.context.clock.now)
    assert.equal((await refreshOver(foreign.signPair(session(1), String(id), 1_000).refresh)).status, 401)
    const own = createTokens(site.context.keys.token, site.context.site, site.context.clock.now)
    for (const number of [0, -1, 1.5, Number.NaN, 2 ** 40])
      assert.equal((await refreshOver(own.signPair(session(number), String(id), 1_000).refresh)).status, 401)
    assert.equal((await refreshOver(refresh)).status, 200, 'and none of them ended the session')
  })
})

describe('limits before login', () => {
  test('ten a minute for a name from one address; others are not kept out', async () => {
    const limited = await buildSite({ dialect: aiCreator })
    try {
      const { name } = await loggedIn(limited)
      const attempt = (ip: string, username = name) =>
        call('POST', '/auth/login', { on: limited, ip, body: { username, password: 'secret-1' } })
      const all = []
      for (let n = 0; n < 11; n += 1) all.push((await attempt('10.0.0.1')).status)
      assert.deepEqual(all, [...Array(10).fill(200), 429])
      assert.equal((await attempt('10.0.0.1', name.toUpperCase())).status, 429, 'however it is written')
      assert.equal((await attempt('10.0.0.2')).status, 200, 'its owner elsewhere')
      assert.equal(
        (await attempt('10.0.0.1', `${name}@example.com`)).status,
        200,
        'a colleague in that office',
      )
    } finally {
      await limited.close()
    }
  })

  test('an address gets a hundred a minute, whoever it says it is', async () => {
    const limited = await buildSite({ dialect: aiCreator })
    try {
      const statuses = await Promise.all(
        Array.from({ length: 110 }, (_, n) =>
          call('POST', '/auth/refresh', { on: limited, ip: '10.0.0.9', body: { refresh_token: `no-${n}` } }),
        ),
      )
      assert.equal(statuses.filter(({ status }) => status === 429).length, 10)
    } finally {
      await limited.close()
    }
  })
})
