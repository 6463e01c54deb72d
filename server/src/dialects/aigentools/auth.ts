import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { AccountSummary } from '../../kernel/accounts/account.ts'
import { readOwnAccount } from '../../kernel/accounts/account.ts'
import { logIn } from '../../kernel/accounts/log-in.ts'
import { logOut } from '../../kernel/accounts/log-out.ts'
import type { Account } from '../../kernel/accounts/register.ts'
import { registerWithPassword } from '../../kernel/accounts/register.ts'
import { toNumber } from '../../kernel/money.ts'
import { done } from './envelope.ts'
import { requirePassword } from './password.ts'
import { presentTime } from './time.ts'

// A front-end sends its own field `confirm` along; what is not named here is ignored.
const Credentials = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 100 }),
  password: Type.String({ minLength: 1, maxLength: 200 }),
})

/** One name is one target, however it is written. */
const nameOf = ({ username }: { username: string }): string => username.normalize('NFKC').trim().toLowerCase()

/** 1.1 用户注册: HTTP 201, and 200 in the body. */
const register = route({
  method: 'POST',
  path: '/auth/register',
  allow: 'public',
  rate: 'auth',
  body: Credentials,
  target: nameOf,
  run: (context, _nobody, { body }) =>
    registerWithPassword(context, { username: body.username, password: requirePassword(body.password) }),
  reply: ({ account, session }, view) =>
    done('User registered successfully', presentLogin(account, view.token(session, account.uuid)), 201),
})

/** 1.2 用户登录. */
const login = route({
  method: 'POST',
  path: '/auth/login',
  allow: 'public',
  rate: 'auth',
  body: Credentials,
  target: nameOf,
  run: (context, _nobody, { body, origin }) =>
    logIn(context, { by: 'username', name: body.username, password: body.password, address: origin.ip }),
  reply: ({ account, session }, view) =>
    done('Logged in successfully', presentLogin(account, view.token(session, account.uuid))),
})

function presentLogin({ id, username, role }: Account, token: string) {
  return { id: Number(id), username, role, token }
}

/** 1.3 用户登出: the token in use is worth nothing from now on. */
const logout = route({
  method: 'POST',
  path: '/auth/logout',
  allow: 'user',
  rate: 'write',
  run: (context, actor) => logOut(context, actor),
  reply: () => done('Logged out successfully', null),
})

/**
 * 1.4 获取当前用户信息. The front-end asks on every change of its page and takes any failure for a logout, so this is
 * one read by key and never limited (facts/aigentools.md, 2.2).
 */
const user = route({
  method: 'GET',
  path: '/auth/user',
  allow: 'user',
  rate: 'unlimited',
  run: async (context, actor, { token }) => ({ account: await readOwnAccount(context, actor), token }),
  reply: ({ account, token }) =>
    done('User information retrieved successfully', {
      id: Number(account.id),
      username: account.username,
      role: account.role,
      is_active: account.state === 'active',
      activated_at: presentTime(account.activated_at),
      deactivated_at: account.deactivated_at && presentTime(account.deactivated_at),
      creditLimit: toNumber(account.credit_limit),
      total_consumed: toNumber(consumedBy(account)),
      credit: presentCredit(account),
      // The one in use: minting another on each call would make sessions endless (facts/aigentools.md, B25).
      token,
    }),
})

/** What a running task holds counts as consumed from its submission on. */
const consumedBy = ({ spent, held }: AccountSummary): bigint => spent + held

/** `used` is all that was consumed, `available` the balance and the limit, `total` both (the decided reading). */
function presentCredit(account: AccountSummary) {
  const used = consumedBy(account)
  const available = account.available + account.credit_limit
  const total = available + used
  return {
    total: toNumber(total),
    used: toNumber(used),
    available: toNumber(available),
    usagePercentage: total > 0n ? Number((used * 10_000n + total / 2n) / total) / 100 : 0,
  }
}

export const authRoutes = [register, login, logout, user]
