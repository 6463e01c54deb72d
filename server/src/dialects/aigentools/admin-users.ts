import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { AccountSummary } from '../../kernel/accounts/account.ts'
import { adjustAccount } from '../../kernel/accounts/adjust.ts'
import { closeAccount } from '../../kernel/accounts/close.ts'
import { listAccounts } from '../../kernel/accounts/list.ts'
import { updateAccount } from '../../kernel/accounts/update.ts'
import { refusal } from '../../kernel/errors.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import type { Credits } from '../../kernel/money.ts'
import { toNumber } from '../../kernel/money.ts'
import { given, readId } from '../shared/query.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { readMoney } from './money.ts'
import { requirePassword } from './password.ts'
import { readMoment, readPage, readSwitch } from './query.ts'
import { presentTime } from './time.ts'

/** 7.1 获取用户列表; `username` and `role` are what the front-end's table sends besides (facts/aigentools.md, 2.8). */
const list = route({
  method: 'GET',
  path: '/admin/users',
  allow: 'admin',
  rate: 'read',
  run: async (context, _actor, { query }) => {
    const { page, limit } = readPage(query, 20)
    const filter = {
      search: given(query, 'username'),
      role: readRole(given(query, 'role')),
      active: readSwitch(query, 'is_active'),
      createdFrom: readMoment(query, 'created_after'),
      createdBefore: readMoment(query, 'created_before', true),
    }
    const accounts = await listAccounts(context, filter, { limit, offset: (page - 1) * limit })
    return { ...accounts, page, limit }
  },
  reply: ({ items, total, page, limit }) =>
    done('Users retrieved successfully', { users: items.map(presentUser), total, page, limit }),
})

function readRole(text: string | null): 'user' | 'admin' | null {
  if (text === null || text === 'user' || text === 'admin') return text
  throw refusal('input_invalid', { field: 'role', problem: 'format' })
}

const optional = <T extends Parameters<typeof Type.Optional>[0]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]))

// Forms send null for what was left empty, and "" for a password that stays.
const UpdateUser = Type.Object({
  username: optional(Type.String({ minLength: 1, maxLength: 100 })),
  password: optional(Type.String({ maxLength: 200 })),
  role: optional(Type.Union([Type.Literal('admin'), Type.Literal('user')])),
  is_active: optional(Type.Boolean()),
  creditLimit: optional(Type.Number()),
  updated_at: optional(Type.String({ maxLength: 40 })),
})

/**
 * 7.1 更新用户. With `updated_at` as the list showed it, a change that somebody else made meanwhile is not
 * overwritten: 409.
 */
const update = route({
  method: 'PATCH',
  path: '/admin/users/:id',
  allow: 'admin',
  rate: 'write',
  body: UpdateUser,
  refusals: {
    input_invalid: (issue) => refuse(400, issue.field === '' ? 'No fields to update' : describeIssue(issue)),
  },
  run: (context, actor, { params, body }) =>
    updateAccount(context, actor, readId('user ID', params.id), {
      username: body.username ?? undefined,
      password: body.password ? requirePassword(body.password) : undefined,
      role: body.role ?? undefined,
      active: body.is_active ?? undefined,
      creditLimit: body.creditLimit == null ? undefined : readMoney('creditLimit', body.creditLimit),
      readAt: body.updated_at
        ? (readMoment({ updated_at: body.updated_at }, 'updated_at') ?? undefined)
        : undefined,
    }),
  reply: (account) => done('User updated successfully', presentUser(account)),
})

const AdjustBalance = Type.Object({
  amount: Type.Number(),
  type: Type.Union([Type.Literal('credit'), Type.Literal('debit')]),
  reason: optional(Type.String({ maxLength: 500 })),
})

/** 7.1 调整用户余额: `amount` is always positive, `type` says which way. */
const adjust = route({
  method: 'POST',
  path: '/admin/users/:id/balance',
  allow: 'admin',
  rate: 'write',
  body: AdjustBalance,
  run: (context, actor, { params, body, idempotencyKey, origin }) => {
    const amount = readMoney('amount', body.amount)
    if (amount <= 0n) throw refusal('input_invalid', { field: 'amount', problem: 'too_small' })
    const key = idempotencyKey === null ? null : bindIdempotencyKey('admin/balance', idempotencyKey, body).key
    return adjustAccount(context, actor, readId('user ID', params.id), {
      amount: (body.type === 'credit' ? amount : -amount) as Credits,
      reason: body.reason ?? '',
      key,
      origin,
    })
  },
  reply: (account) => done('Balance adjusted successfully', presentUser(account)),
})

/** 7.1 删除用户: the account is closed and its ledger kept (facts/aigentools.md, B18). */
const remove = route({
  method: 'DELETE',
  path: '/admin/users/:id',
  allow: 'admin',
  rate: 'write',
  run: (context, actor, { params }) => closeAccount(context, actor, readId('user ID', params.id)),
  reply: () => done('User deleted successfully', null),
})

function presentUser(account: AccountSummary) {
  return {
    id: Number(account.id),
    username: account.username,
    role: account.role,
    is_active: account.state === 'active',
    activated_at: presentTime(account.activated_at),
    deactivated_at: account.deactivated_at && presentTime(account.deactivated_at),
    balance: toNumber(account.available),
    creditLimit: toNumber(account.credit_limit),
    created_at: presentTime(account.created_at),
    updated_at: presentTime(account.updated_at),
  }
}

export const adminUserRoutes = [list, update, adjust, remove]
