import { Type } from 'typebox'
import type { Issue } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { logIn } from '../../kernel/accounts/log-in.ts'
import { logOut } from '../../kernel/accounts/log-out.ts'
import { readLoginName, requirePlainUsername } from '../../kernel/accounts/login-names.ts'
import { normaliseUsername, registerWithPassword } from '../../kernel/accounts/register.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { requirePassword } from './password.ts'
import { presentUser, readUser } from './user.ts'

/** A field that a form sends empty, or as null, where its user left it out. */
const LeftOut = (longest: number) =>
  Type.Optional(Type.Union([Type.String({ maxLength: longest }), Type.Null()]))

// What is not named here is ignored.
const Registration = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 200 }),
  password: Type.String({ minLength: 1, maxLength: 200 }),
  email: LeftOut(300),
  phone: LeftOut(60),
  // Whoever invited, by a code of any form: one that is nobody's changes nothing (facts/cameo.md, 1).
  referral_code: LeftOut(200),
})

const Credentials = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 300 }),
  password: Type.String({ minLength: 1, maxLength: 200 }),
})

/** Before login: one name from one address is one target, however it is written. */
const whoFrom = ({ username }: { username: string }, address: string): string =>
  `${address} ${readLoginName(username).name.toLowerCase()}`

const SENTENCES: Readonly<Record<string, string>> = {
  username: '用户名格式不正确，最多64个字符，且不能是邮箱或手机号',
  password: '密码至少6个字符，最多200个字符',
  email: '邮箱格式不正确，请检查后重试',
  phone: '手机号格式不正确，请填写11位手机号，或以+开头的国际号码',
}

/** What a form asks for, rather than what is wrong with it. */
const explain = ({ field, problem }: Issue): string =>
  (problem !== 'type' && Object.hasOwn(SENTENCES, field) && SENTENCES[field]) ||
  describeIssue({ field, problem })

/** Neither a name nor a password, or an empty one, has one sentence (facts/cameo.md, 1). */
function refuseForm(issues: readonly Issue[]) {
  const isEmpty = ({ field, problem }: Issue): boolean => {
    const isNeeded = field === 'username' || field === 'password'
    return (isNeeded && (problem === 'missing' || problem === 'too_short')) || field === ''
  }
  return refuse(400, issues.some(isEmpty) ? '用户名和密码不能为空' : issues.map(explain).join('；'))
}

/** 用户注册: whoever registers is logged in. */
const register = route({
  method: 'POST',
  path: '/auth/register',
  allow: 'public',
  rate: 'auth',
  body: Registration,
  target: whoFrom,
  invalid: refuseForm,
  refusals: {
    input_invalid: (issue) =>
      refuse(400, issue.problem === 'missing' ? describeIssue(issue) : explain(issue)),
  },
  run: async (context, _nobody, { body }) => {
    const { account, session } = await registerWithPassword(context, {
      username: requirePlainUsername(normaliseUsername(body.username)),
      password: requirePassword(body.password),
      email: body.email?.trim() || null,
      phone: body.phone?.trim() || null,
      invitedBy: body.referral_code?.trim() || null,
      unknownInviter: 'ignored',
    })
    return { session, user: await readUser(context, { accountId: account.id }) }
  },
  reply: ({ session, user }, view) =>
    done({ token: view.token(session, user.profile.uuid), user: presentUser(user, view) }, '注册成功'),
})

/**
 * 用户登录 by user name, address or phone number. That an account is disabled is not told from a wrong password
 * (facts/cameo.md, 1).
 */
const login = route({
  method: 'POST',
  path: '/auth/login',
  allow: 'public',
  rate: 'auth',
  body: Credentials,
  target: whoFrom,
  invalid: refuseForm,
  refusals: { account_disabled: () => refuse(401, '用户名或密码错误') },
  run: async (context, _nobody, { body, origin }) => {
    const { account, session } = await logIn(context, {
      by: 'any',
      name: body.username,
      password: body.password,
      address: origin.ip,
    })
    return { session, user: await readUser(context, { accountId: account.id }) }
  },
  reply: ({ session, user }, view) =>
    done({ token: view.token(session, user.profile.uuid), user: presentUser(user, view) }, '登录成功'),
})

/** 获取当前用户信息. */
const me = route({
  method: 'GET',
  path: '/auth/me',
  allow: 'user',
  rate: 'read',
  run: readUser,
  reply: (user, view) => done(presentUser(user, view)),
})

/** Beyond the document, as its front-end calls it: the token in use is worth nothing from now on. */
const logout = route({
  method: 'POST',
  path: '/auth/logout',
  allow: 'user',
  rate: 'write',
  run: (context, actor) => logOut(context, actor),
  reply: () => done(null, '退出成功'),
})

/** 认证接口. */
export const authRoutes = [register, login, me, logout]
