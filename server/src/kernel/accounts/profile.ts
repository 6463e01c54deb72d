import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { keepAvatar, takeAvatar } from './avatar.ts'
import { normaliseEmail } from './email.ts'
import { requireAllowedDomain } from './email-codes.ts'
import { normalisePhone } from './phone.ts'
import { naming } from './register.ts'

/** What an account says of itself. */
export type Profile = {
  id: bigint
  uuid: string
  username: string
  nickname: string | null
  email: string | null
  phone: string | null
  /** A store key or an address; `avatarUrl` makes an address of it. */
  avatar: string | null
  role: 'user' | 'admin'
  createdAt: Date
}

const readRow = statement(
  'profile of account',
  `select id, uuid, username, nickname, email, phone, avatar, role, created_at as "createdAt"
   from account where id = $1`,
)

/** The caller's own profile: one read by key. @throws account_missing */
export async function readProfile(context: Context, actor: Pick<Actor, 'accountId'>): Promise<Profile> {
  const [row] = await context.db.rows<Profile>(readRow, [actor.accountId])
  if (!row) throw refusal('account_missing')
  return row
}

/** What somebody may change of his profile: what is absent stays, what is null or blank is taken away. */
export type ProfileChanges = {
  nickname?: string | null | undefined
  email?: string | null | undefined
  phone?: string | null | undefined
}

const changeRow = statement(
  'change profile',
  `update account set
     nickname = case when $2 then $3 else nickname end,
     email = case when $4 then $5 else email end,
     phone = case when $6 then $7 else phone end,
     version = version + 1, updated_at = greatest(now(), updated_at + interval '1 millisecond')
   where id = $1 and state = 'active' returning id`,
)

/**
 * Changes the caller's own profile, all of it or nothing. Of many who want one address or number exactly one gets it.
 *
 * @throws input_invalid (nothing to change has the field ''), account_exists, email_domain_refused, account_missing
 */
export async function changeProfile(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  changes: ProfileChanges,
): Promise<void> {
  const { nickname, email, phone } = changes
  if (nickname === undefined && email === undefined && phone === undefined)
    throw refusal('input_invalid', { field: '', problem: 'missing' })
  const address = isBlank(email) ? null : normaliseEmail('email', email)
  if (address !== null) requireAllowedDomain(context, address)
  const changed = await naming(() =>
    context.db.rows(changeRow, [
      actor.accountId,
      nickname !== undefined,
      isBlank(nickname) ? null : requireNickname(nickname),
      email !== undefined,
      address,
      phone !== undefined,
      isBlank(phone) ? null : normalisePhone('phone', phone),
    ]),
  )
  if (changed.length === 0) throw refusal('account_missing')
  // Sessions are kept for a moment with the address of their account.
  context.events.publish('account', actor.accountId)
}

function isBlank(text: string | null | undefined): text is null | undefined {
  return text == null || text.trim() === ''
}

const LONGEST_NICKNAME = 50

function requireNickname(text: string): string {
  const nickname = text.normalize('NFC').trim()
  if ([...nickname].length > LONGEST_NICKNAME)
    throw refusal('input_invalid', { field: 'nickname', problem: 'too_long' })
  // Neither control characters nor those that turn the direction of what follows them.
  if (/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(nickname))
    throw refusal('input_invalid', { field: 'nickname', problem: 'format' })
  return nickname
}

const lockAvatar = statement('lock avatar', `select avatar from account where id = $1 for no key update`)
const setAvatar = statement(
  'set avatar',
  `update account set avatar = $2, version = version + 1,
     updated_at = greatest(now(), updated_at + interval '1 millisecond')
   where id = $1 and state = 'active' returning id`,
)

/**
 * Gives the caller another avatar: a picture of this site by its address, such as an upload, or one elsewhere.
 *
 * @throws input_invalid for `avatar`, account_missing
 */
export async function changeAvatar(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  address: string,
): Promise<void> {
  const { avatar: current } = await readProfile(context, actor)
  if (address.startsWith('data:')) throw refusal('input_invalid', { field: 'avatar', problem: 'format' })
  const avatar = await takeAvatar(context, 'avatar', address, current)
  await context.db.transaction((within) => replaceAvatar(within, actor.accountId, avatar))
}

async function replaceAvatar(within: Queryable, accountId: bigint, avatar: string): Promise<void> {
  const [row] = await within.rows<{ avatar: string | null }>(lockAvatar, [accountId])
  if (!row || (await within.rows(setAvatar, [accountId, avatar])).length === 0)
    throw refusal('account_missing')
  await keepAvatar(within, row.avatar, avatar)
}
