import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import { normaliseEmail } from './email.ts'
import { requireAllowedDomain, tryEmailCode } from './email-codes.ts'
import { hashPassword } from './passwords.ts'

export type Session = { id: string; expiresAt: Date }
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
 * Opens an account by name and password alone, where a document asks for no address: account, wallet, sign-up
 * bonus and first session in one statement. Of many registrations of one name exactly one succeeds. What makes a
 * good password is the document's to say.
 *
 * @throws input_invalid, account_exists
 */
export async function registerWithPassword(
  context: Context,
  input: { username: string; password: string },
): Promise<{ account: Account; session: Session }> {
  const username = normaliseUsername(input.username)
  const passwordHash = await hashPassword(input.password)
  const opened = await openAccount(context, {
    username,
    email: null,
    passwordHash,
    role: 'user',
    issue: null,
    withSession: true,
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
): Promise<{ account: Account; session: Session | null } | null> {
  const uuid = context.ids.uuid()
  const session = input.withSession ? newSession(context) : null
  const bonus = input.role === 'user' ? context.preset.signUpBonus : credits(0n)
  try {
    const [row] = await context.db.rows<{ id: bigint | null }>(registerAccount, [
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
  const expiresAt = new Date(context.clock.now().getTime() + context.preset.sessionMs)
  return { id: context.ids.uuid(), expiresAt }
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
