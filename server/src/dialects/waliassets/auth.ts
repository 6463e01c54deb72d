import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { sendEmailCode } from '../../kernel/accounts/email-codes.ts'
import { logIn } from '../../kernel/accounts/log-in.ts'
import type { Account } from '../../kernel/accounts/register.ts'
import { registerWithCode } from '../../kernel/accounts/register.ts'
import { toNumber, toText } from '../../kernel/money.ts'
import { done, refuse } from './envelope.ts'
import { refuseIssues, requireAll } from './faults.ts'

const SendCode = Type.Object({
  email: Type.String({ minLength: 1, maxLength: 254 }),
  type: Type.Optional(
    Type.Union([Type.Literal('register'), Type.Literal('login'), Type.Literal('reset_password')]),
  ),
})

/** 发送邮箱验证码: `POST /auth/send-code`. */
const sendCode = route({
  method: 'POST',
  path: '/auth/send-code',
  allow: 'public',
  rate: 'auth',
  body: SendCode,
  target: ({ email }) => email.trim().toLowerCase(),
  invalid: (issues) => {
    if (issues.some(({ field }) => field === 'type')) return refuse(1602, '无效的操作类型')
    return requireAll('邮箱地址是必填项')(issues)
  },
  run: (context, _nobody, { body }) =>
    sendEmailCode(context, { email: body.email, purpose: body.type ?? 'register' }),
  reply: ({ email, expiresInSeconds }) =>
    done({ email, expiresIn: expiresInSeconds }, '验证码已发送到您的邮箱，请查收'),
})

const Register = Type.Object({
  email: Type.String({ minLength: 1, maxLength: 254 }),
  password: Type.String({ minLength: 6, maxLength: 200 }),
  username: Type.String({ minLength: 3, maxLength: 50 }),
  emailCode: Type.String({ minLength: 1, maxLength: 20 }),
})

/** 用户注册: `POST /auth/register`. */
const register = route({
  method: 'POST',
  path: '/auth/register',
  allow: 'public',
  rate: 'auth',
  body: Register,
  target: ({ email }) => email.trim().toLowerCase(),
  invalid: requireAll('用户名、邮箱、密码和验证码都是必填项'),
  run: (context, _nobody, { body }) => registerWithCode(context, { ...body, code: body.emailCode }),
  reply: ({ account, session, bonus }, view) =>
    done(
      { user: presentUser(account), token: view.token(session, account.uuid), tokenBonus: toNumber(bonus) },
      `用户注册成功，获得 ${toText(bonus)} tokens奖励`,
    ),
})

const Login = Type.Object({
  email: Type.String({ minLength: 1, maxLength: 254 }),
  password: Type.String({ minLength: 1, maxLength: 200 }),
})

/** 用户登录: `POST /auth/login`. */
const login = route({
  method: 'POST',
  path: '/auth/login',
  allow: 'public',
  rate: 'auth',
  body: Login,
  target: ({ email }) => email.trim().toLowerCase(),
  invalid: (issues) =>
    issues.some(({ problem }) => problem === 'missing' || problem === 'too_short')
      ? refuse(1601, '邮箱和密码都是必填项')
      : refuseIssues(issues),
  run: (context, _nobody, { body, origin }) =>
    logIn(context, { by: 'email', name: body.email, password: body.password, address: origin.ip }),
  reply: ({ account, session }, view) =>
    done({ user: presentUser(account), token: view.token(session, account.uuid) }, '登录成功'),
})

function presentUser({ uuid, username, email, available }: Account) {
  return { id: uuid, username, email, tokenBalance: toNumber(available) }
}

export const authRoutes = [sendCode, register, login]
