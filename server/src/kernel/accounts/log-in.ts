import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { credits } from '../money.ts'
import { passwordMatches } from './passwords.ts'
import type { Account, Session } from './register.ts'
import { newSession } from './register.ts'

type Row = {
  id: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  password_hash: string
  available: bigint
}

const COLUMNS = `a.id, a.uuid, a.username, a.email, a.role, a.password_hash, w.available
  from account a join wallet w on w.account_id = a.id where a.state <> 'closed'`

/** What names an account to somebody who logs in, and how each finds it; the name arrives normalised. */
const FIND = {
  email: statement('account to log in by email', `select ${COLUMNS} and a.email = $1`),
  username: statement('account to log in by username', `select ${COLUMNS} and lower(a.username) = lower($1)`),
} as const

const NORMALISE: Readonly<Record<keyof typeof FIND, (name: string) => string>> = {
  email: (name) => name.trim().toLowerCase(),
  username: (name) => name.normalize('NFKC').trim(),
}

// The state is read again here: an account disabled while its password was checked gets no session.
const beginSession = statement(
  'begin session',
  `insert into session (id, account_id, version, expires_at)
   select $2, id, session_version, $3 from account where id = $1 and state = 'active' returning id`,
)

/**
 * Wrong passwords for one name from one address. Routes limit attempts by name and by address as well; this stops
 * somebody who guesses long before those stop an office that logs in, and never stops who knows the password
 * (facts/aigentools.md, B25).
 */
const GUESSES = { name: 'guess', points: 10, perSeconds: 60 }

/**
 * Begins a session for who knows the password of an account.
 *
 * @param input.by what names the account.
 * @param input.address where the attempt comes from, or null inside the house, where nobody guesses.
 * @throws login_failed (unknown name or wrong password: indistinguishable, also in time), account_disabled,
 *   rate_limited
 */
export async function logIn(
  context: Context,
  input: { by: keyof typeof FIND; name: string; password: string; address: string | null },
): Promise<{ account: Account; session: Session }> {
  const name = NORMALISE[input.by](input.name)
  const guesser = `${input.address} ${name.toLowerCase()}`
  // Counted before the password is looked at, so that a hundred guesses at once are not one; given back when right.
  const wait = input.address === null ? null : await context.limiter.take(GUESSES, guesser)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
  const [row] = await context.db.rows<Row>(FIND[input.by], [name])
  const matches = await passwordMatches(row?.password_hash ?? null, input.password)
  if (!row || !matches) throw refusal('login_failed')
  if (input.address !== null) await context.limiter.giveBack(GUESSES, guesser)
  const session = newSession(context)
  const begun = await context.db.rows(beginSession, [row.id, session.id, session.expiresAt])
  if (begun.length === 0) throw refusal('account_disabled')
  const { id, uuid, username, email, role } = row
  return { account: { id, uuid, username, email, role, available: credits(row.available) }, session }
}
