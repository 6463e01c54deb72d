import { Type } from 'typebox'
import type { Issue, View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import { logIn } from '../../kernel/accounts/log-in.ts'
import { readLoginName, requirePlainUsername } from '../../kernel/accounts/login-names.ts'
import type { Profile } from '../../kernel/accounts/profile.ts'
import { readProfile } from '../../kernel/accounts/profile.ts'
import type { Account } from '../../kernel/accounts/register.ts'
import { normaliseUsername, registerWithPassword } from '../../kernel/accounts/register.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import { readMembership } from '../../kernel/memberships/membership.ts'
import { toNumber } from '../../kernel/money.ts'
import { readBalance } from '../../kernel/wallet/balance.ts'
import { countReadyWorks } from '../../kernel/works/count.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'

const SHORTEST_NAME = 3

// What is not named here is ignored.
const Registration = Type.Object({
  username: Type.String({ minLength: SHORTEST_NAME, maxLength: 200 }),
  email: Type.String({ minLength: 1, maxLength: 300 }),
  password: Type.String({ minLength: 6, maxLength: 200 }),
})

// Front-ends of its sibling say `username` for whatever names the account.
const Credentials = Type.Object({
  email: Type.Optional(Type.String({ maxLength: 300 })),
  username: Type.Optional(Type.String({ maxLength: 300 })),
  password: Type.String({ minLength: 1, maxLength: 200 }),
})

type Names = { email?: string; username?: string }
const nameOf = ({ email, username }: Names): string => email?.trim() || username?.trim() || ''

/** Before login: one name from one address is one target, however it is written. */
const whoFrom = (body: Names, address: string): string =>
  `${address} ${readLoginName(nameOf(body)).name.toLowerCase()}`

const SENTENCES: Readonly<Record<string, string>> = {
  username: '用户名须为3至64个字符，且不能是邮箱或手机号',
  email: '邮箱格式不正确，请检查后重试',
  password: '密码须为6至200个字符',
}

const explain = (issue: Issue): string =>
  (issue.problem !== 'missing' &&
    issue.problem !== 'type' &&
    Object.hasOwn(SENTENCES, issue.field) &&
    SENTENCES[issue.field]) ||
  describeIssue(issue)

/** What a form asks for, in the message as well: it is what front-ends show. */
function refuseForm(issues: readonly Issue[]) {
  const text = issues.map(explain).join('；')
  return refuse(400, text, text)
}

/** 1. 用户注册: whoever registers is logged in. */
const register = route({
  method: 'POST',
  path: '/auth/register',
  allow: 'public',
  rate: 'auth',
  body: Registration,
  target: ({ email }, address) => whoFrom({ email }, address),
  invalid: refuseForm,
  refusals: { input_invalid: (issue) => refuseForm([issue]) },
  run: (context, _nobody, { body }) =>
    registerWithPassword(context, {
      username: requireUsername(body.username),
      email: body.email,
      password: body.password,
    }),
  reply: ({ account, session }, view) =>
    done({ user: presentAccount(account), token: view.token(session, account.uuid) }, 'success', 201),
})

function requireUsername(text: string): string {
  const username = requirePlainUsername(normaliseUsername(text))
  if ([...username].length < SHORTEST_NAME)
    throw refusal('input_invalid', { field: 'username', problem: 'too_short' })
  return username
}

/** 2. 用户登录 by address, and by user name or phone number, whichever field it comes in. */
const login = route({
  method: 'POST',
  path: '/auth/login',
  allow: 'public',
  rate: 'auth',
  body: Credentials,
  target: whoFrom,
  run: (context, _nobody, { body, origin }) => {
    const name = nameOf(body)
    if (name === '') throw refusal('input_invalid', { field: 'email', problem: 'missing' })
    return logIn(context, { by: 'any', name, password: body.password, address: origin.ip })
  },
  reply: ({ account, session }, view) =>
    done({ user: presentAccount(account), token: view.token(session, account.uuid) }),
})

function presentAccount({ id, username, email }: Account) {
  return { id: String(id), username, email }
}

/** 3. 获取用户信息. */
const profile = route({
  method: 'GET',
  path: '/user/profile',
  allow: 'user',
  rate: 'read',
  run: async (context, actor) => {
    const [own, standing, works] = await Promise.all([
      readProfile(context, actor),
      readStanding(context, actor),
      countReadyWorks(context, actor),
    ])
    return { own, standing, works }
  },
  reply: ({ own, standing, works }, view) => done(presentProfile(own, standing, works, view)),
})

type Standing = { remaining: bigint; level: 0 | 1 | 2 }

/** What an account has to spend and is as a member. */
async function readStanding(context: Context, actor: Pick<Actor, 'accountId'>): Promise<Standing> {
  const [balance, membership] = await Promise.all([
    readBalance(context, actor),
    readMembership(context, actor),
  ])
  const plan = context.preset.plans?.find(({ id }) => id === membership?.plan)
  return { remaining: balance.available, level: membership?.isActive ? (plan?.level ?? 1) : 0 }
}

function presentProfile(own: Profile, { remaining, level }: Standing, works: number, view: View) {
  return {
    id: String(own.id),
    username: own.username,
    email: own.email,
    avatar: avatarUrl(view.fileUrl, own.avatar) ?? '',
    computePower: toNumber(remaining),
    vipLevel: level,
    totalGenerated: works,
  }
}

/** 用户相关接口. */
export const authRoutes = [register, login, profile]
