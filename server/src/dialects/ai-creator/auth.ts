import { Type } from 'typebox'
import type { Issue } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { AccountSummary } from '../../kernel/accounts/account.ts'
import { readOwnAccount } from '../../kernel/accounts/account.ts'
import { logIn } from '../../kernel/accounts/log-in.ts'
import { refreshSession } from '../../kernel/accounts/refresh.ts'
import { normaliseUsername, registerWithPassword } from '../../kernel/accounts/register.ts'
import type { Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import { readMembership } from '../../kernel/memberships/membership.ts'
import { ensureReferralCode } from '../../kernel/promotions/referral-codes.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { presentStanding } from './members.ts'

// What is not named here, such as a front-end's own `confirm_password`, is ignored.
const Registration = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 200 }),
  email: Type.String({ minLength: 1, maxLength: 300 }),
  password: Type.String({ minLength: 6, maxLength: 50 }),
  referral_code: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()])),
})

const Credentials = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 300 }),
  password: Type.String({ minLength: 1, maxLength: 200 }),
})

/**
 * Appendix H before login: one name from one address is one target, however it is written. By the name alone,
 * anybody could keep its owner out.
 */
const whoFrom = ({ username }: { username: string }, address: string): string =>
  `${address} ${username.normalize('NFKC').trim().toLowerCase()}`

const SENTENCES: Readonly<Record<string, string>> = {
  username: '用户名须为3至50个字母、数字或下划线',
  email: '邮箱格式不正确，请检查后重试',
  password: '密码须为6至50个字符',
}

/** What a form asks for, rather than what is wrong with it; a field that is missing is said to be. */
const explain = (issue: Issue): string =>
  (issue.problem !== 'missing' && Object.hasOwn(SENTENCES, issue.field) && SENTENCES[issue.field]) ||
  describeIssue(issue)

/** 1.1 用户注册. The account is not logged in by it. */
const register = route({
  method: 'POST',
  path: '/auth/register',
  allow: 'public',
  rate: 'auth',
  body: Registration,
  target: whoFrom,
  invalid: (issues) => refuse(400, issues.map(explain).join('；')),
  refusals: {
    input_invalid: (issue) => refuse(400, explain(issue)),
    referral_code_unknown: () => refuse(400, '推荐码无效，请检查后重试，或不填推荐码'),
  },
  run: async (context, _nobody, { body }) => {
    const { account } = await registerWithPassword(context, {
      username: requireUsername(body.username),
      email: body.email,
      password: body.password,
      invitedBy: body.referral_code?.trim() || null,
    })
    return { account, referralCode: await ensureReferralCode(context, { accountId: account.id }) }
  },
  reply: ({ account, referralCode }) =>
    done(
      {
        id: Number(account.id),
        username: account.username,
        email: account.email,
        ...presentStanding(account.available, null),
        role: account.role,
        referral_code: referralCode,
      },
      '注册成功',
    ),
})

/** 3 to 50 letters, digits or `_` (facts/ai-creator.md, 1 Auth): letters of any script, as its users write. */
function requireUsername(text: string): string {
  const username = normaliseUsername(text)
  if (!/^[\p{L}\p{N}_]{3,50}$/u.test(username))
    throw refusal('input_invalid', { field: 'username', problem: 'format' })
  return username
}

/** 1.2 用户登录, by user name or address. */
const login = route({
  method: 'POST',
  path: '/auth/login',
  allow: 'public',
  rate: 'auth',
  body: Credentials,
  target: whoFrom,
  run: async (context, _nobody, { body, origin }) => {
    const { account, session } = await logIn(context, {
      by: body.username.includes('@') ? 'email' : 'username',
      name: body.username,
      password: body.password,
      address: origin.ip,
    })
    return { session, user: await readUser(context, { accountId: account.id }) }
  },
  reply: ({ session, user }, view) => {
    const { access, accessSeconds, refresh } = view.tokens(session, user.account.uuid)
    return done(
      {
        access_token: access,
        refresh_token: refresh,
        token_type: 'bearer',
        expires_in: accessSeconds,
        user: presentUser(user),
      },
      '登录成功',
    )
  },
})

/**
 * 1.3 刷新Token: by header, or in the body where there is no header. The next refresh token comes along, and the one
 * that was used is worth nothing after ten seconds.
 */
const refresh = route({
  method: 'POST',
  path: '/auth/refresh',
  allow: 'refresh',
  rate: 'auth',
  refreshToken: (body) => {
    const named = typeof body === 'object' && body !== null && 'refresh_token' in body
    return named && typeof body.refresh_token === 'string' && body.refresh_token !== ''
      ? body.refresh_token
      : null
  },
  refusals: {
    credentials_missing: () => refuse(401, '请提供刷新令牌'),
    credentials_invalid: () => refuse(401, '无效的刷新令牌，请重新登录'),
    credentials_expired: () => refuse(401, '刷新令牌已过期，请重新登录'),
    credentials_revoked: () => refuse(401, '刷新令牌已失效，请重新登录'),
  },
  run: (context, grant) => refreshSession(context, grant),
  reply: ({ session, uuid }, view) => {
    const pair = view.tokens(session, uuid)
    return done(
      {
        access_token: pair.access,
        token_type: 'bearer',
        refresh_token: pair.refresh,
        expires_in: pair.accessSeconds,
      },
      'Token刷新成功',
    )
  },
})

/** 1.4 获取当前用户信息. */
const me = route({
  method: 'GET',
  path: '/auth/me',
  allow: 'user',
  rate: 'read',
  run: readUser,
  reply: (user) => done(presentUser(user)),
})

type User = {
  account: AccountSummary
  membership: Awaited<ReturnType<typeof readMembership>>
  referralCode: string
}

async function readUser(context: Context, actor: { accountId: bigint }): Promise<User> {
  const [account, membership, referralCode] = await Promise.all([
    readOwnAccount(context, actor),
    readMembership(context, actor),
    ensureReferralCode(context, actor),
  ])
  return { account, membership, referralCode }
}

function presentUser({ account, membership, referralCode }: User) {
  return {
    id: Number(account.id),
    username: account.username,
    email: account.email,
    ...presentStanding(account.available, membership),
    referral_code: referralCode,
    role: account.role,
  }
}

export const authRoutes = [register, login, refresh, me]
