import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import { registerReferral } from '../promotions/referral-codes.ts'
import { normaliseEmail } from './email.ts'
import { requireAllowedDomain, tryEmailCode } from './email-codes.ts'
import { hashPassword } from './passwords.ts'

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

/**
 * Opens an account without proof of an address, or without one, where a document asks for none: account, wallet,
 * sign-up bonus and first session in one statement. Of many registrations of one name or address exactly one
 * succeeds. What makes a good password is the document's to say.
 *
 * @param input.invitedBy the referral code of whoever invited the new user; an unknown one opens no account.
 * @throws input_invalid, account_exists, email_domain_refused, referral_code_unknown
 */
export async function registerWithPassword(
  context: Context,
  input: { username: string; email?: string; password: string; invitedBy?: string | null },
): Promise<{ account: Account; session: Session }> {
  const username = normaliseUsername(input.username)
  const email = input.email === undefined ? null : normaliseEmail('email', input.email)
  if (email !== null) requireAllowedDomain(context, email)
  const passwordHash = await hashPassword(input.password)
  const opening = { username, email, passwordHash, role: 'user', issue: null, withSession: true } as const
  const { invitedBy: code = null } = input
  const opened =
    code === null
      ? await openAccount(context, opening)
      : await context.db.transaction(async (within) => {
          const done = await openAccount(context, opening, within)
          if (done) await registerReferral(within, { referredId: done.account.id, code })
          return done
        })
  if (!opened?.session) throw new Error('an account without a code cannot lose one')
  return { account: opened.account, session: opened.session }
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
  try {
    const [row] = await db.rows<{ id: bigint | null }>(registerAccount, [
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
    ])
    if (!row || row.id === null) return null
    const { username, email, role } = input
    const account = { id: row.id, uuid, username, email, role, available: bonus }
    return { account, session }
  } catch (error) {
    const constraint = violatedUnique(error)
    if (constraint === 'one_account_per_username') throw refusal('account_exists', { field: 'username' })
    if (constraint === 'one_account_per_email') throw refusal('account_exists', { field: 'email' })
    throw error
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
