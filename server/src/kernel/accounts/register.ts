import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { KernelError, refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import { registerReferral } from '../promotions/referral-codes.ts'
import { normaliseEmail } from './email.ts'
import { requireAllowedDomain, tryEmailCode } from './email-codes.ts'
import { hashPassword } from './passwords.ts'
import { normalisePhone } from './phone.ts'

export type Session = {
  id: string
  expiresAt: Date
  /** Its current refresh token, where a document has them. */
  refresh: { number: number; issuedAt: Date }
}
export type Account = {
  id: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  available: Credits
}

const registerAccount = statement(
  'register account',
  'select register_account_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as id',
)

/**
 * Opens an account for a proven address: account, wallet, sign-up bonus, use of the code and first session in
 * one statement, so that a failure leaves nothing behind and burns no code (facts W18).
 *
 * @throws input_invalid, email_domain_refused, email_code_wrong, email_code_expired, email_code_used,
 *   account_exists
 */
export async function registerWithCode(
  context: Context,
  input: { username: string; email: string; password: string; code: string },
): Promise<{ account: Account; session: Session; bonus: Credits }> {
  const username = normaliseUsername(input.username)
  const email = normaliseEmail('email', input.email)
  requireAllowedDomain(context, email)
  const { issue } = await tryEmailCode(context, { email, purpose: 'register', code: input.code })
  const passwordHash = await hashPassword(input.password)
  const opened = await openAccount(context, {
    username,
    email,
    passwordHash,
    role: 'user',
    issue,
    withSession: true,
  })
  if (!opened?.session) throw refusal('email_code_used')
  return { account: opened.account, session: opened.session, bonus: opened.account.available }
}

// The number belongs to nobody else: the index decides, and takes the whole registration back.
const setPhone = statement('set phone of new account', 'update account set phone = $2 where id = $1')

/**
 * Opens an account without proof of an address, or without one, where a document asks for none: account, wallet,
 * sign-up bonus and first session together. Of many registrations of one name, address or number exactly one
 * succeeds. What makes a good password is the document's to say.
 *
 * @param input.invitedBy the referral code of whoever invited the new user.
 * @param input.unknownInviter whether a code that is nobody's opens no account, or is passed over where a document
 *   says so; refused unless given.
 * @throws input_invalid, account_exists, email_domain_refused, referral_code_unknown
 */
export async function registerWithPassword(
  context: Context,
  input: {
    username: string
    email?: string | null
    phone?: string | null
    password: string
    invitedBy?: string | null
    unknownInviter?: 'refused' | 'ignored'
  },
): Promise<{ account: Account; session: Session }> {
  const { invitedBy: code = null, unknownInviter = 'refused' } = input
  const username = normaliseUsername(input.username)
  const email = input.email == null ? null : normaliseEmail('email', input.email)
  const phone = input.phone == null ? null : normalisePhone('phone', input.phone)
  if (email !== null) requireAllowedDomain(context, email)
  const passwordHash = await hashPassword(input.password)
  const opening = { username, email, passwordHash, role: 'user', issue: null, withSession: true } as const
  const open = async (within?: Queryable) => {
    const done = await openAccount(context, opening, within)
    if (!done?.session) throw new Error('an account without a code cannot lose one')
    return { account: done.account, session: done.session }
  }
  if (code === null && phone === null) return open()
  return naming(() =>
    context.db.transaction(async (within) => {
      const done = await open(within)
      if (phone !== null) await within.rows(setPhone, [done.account.id, phone])
      if (code !== null) await refer(within, done.account.id, code, unknownInviter)
      return done
    }),
  )
}

async function refer(
  within: Queryable,
  referredId: bigint,
  code: string,
  unknown: 'refused' | 'ignored',
): Promise<void> {
  try {
    await registerReferral(within, { referredId, code })
  } catch (error) {
    const isUnknown = error instanceof KernelError && error.code === 'referral_code_unknown'
    if (unknown === 'refused' || !isUnknown) throw error
  }
}

/**
 * Opens an account without proof of an address, as an operator does.
 * @throws input_invalid, account_exists
 */
export async function createAccount(
  context: Context,
  input: { username: string; email: string | null; password: string; role: 'user' | 'admin' },
): Promise<Account> {
  const opened = await openAccount(context, {
    username: normaliseUsername(input.username),
    email: input.email === null ? null : normaliseEmail('email', input.email),
    passwordHash: await hashPassword(input.password),
    role: input.role,
    issue: null,
    withSession: false,
  })
  if (!opened) throw new Error('an account without a code cannot lose one')
  return opened.account
}

async function openAccount(
  context: Context,
  input: {
    username: string
    email: string | null
    passwordHash: string
    role: 'user' | 'admin'
    issue: string | null
    withSession: boolean
  },
  db: Queryable = context.db,
): Promise<{ account: Account; session: Session | null } | null> {
  const uuid = context.ids.uuid()
  const session = input.withSession ? newSession(context) : null
  const bonus = input.role === 'user' ? context.preset.signUpBonus : credits(0n)
  const values = [
    context.keys.chain,
    uuid,
    input.username,
    input.email,
    input.passwordHash,
    input.role,
    bonus,
    context.preset.signUpBonusReason,
    input.issue,
    session?.id ?? null,
    session?.expiresAt ?? null,
  ]
  const [row] = await naming(() => db.rows<{ id: bigint | null }>(registerAccount, values))
  if (!row || row.id === null) return null
  const { username, email, role } = input
  return { account: { id: row.id, uuid, username, email, role, available: bonus }, session }
}

const TAKEN = new Map([
  ['one_account_per_username', 'username'],
  ['one_account_per_email', 'email'],
  ['one_account_per_phone', 'phone'],
] as const)

/** Runs what may meet a name that is taken, and says which it was. @throws account_exists */
export async function naming<Result>(change: () => Promise<Result>): Promise<Result> {
  try {
    return await change()
  } catch (error) {
    const field = (TAKEN as ReadonlyMap<string | null, 'username' | 'email' | 'phone'>).get(
      violatedUnique(error),
    )
    throw field === undefined ? error : refusal('account_exists', { field })
  }
}

/** A session that begins now and lasts as long as the site's sessions do. Not stored yet. */
export function newSession(context: Context): Session {
  const now = context.clock.now()
  const expiresAt = new Date(now.getTime() + context.preset.sessionMs)
  return { id: context.ids.uuid(), expiresAt, refresh: { number: 1, issuedAt: now } }
}

/** Trimmed, in one Unicode form, without control characters. @throws input_invalid */
export function normaliseUsername(text: string): string {
  const username = text.normalize('NFKC').trim()
  if (/\p{C}/u.test(username)) throw refusal('input_invalid', { field: 'username', problem: 'format' })
  const length = [...username].length
  if (length === 0) throw refusal('input_invalid', { field: 'username', problem: 'missing' })
  if (length > 64) throw refusal('input_invalid', { field: 'username', problem: 'too_long' })
  return username
}
