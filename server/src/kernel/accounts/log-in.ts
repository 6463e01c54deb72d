import type { Statement } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { credits } from '../money.ts'
import type { NameKind } from './login-names.ts'
import { readLoginName } from './login-names.ts'
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
const FIND: Readonly<Record<NameKind, Statement>> = {
  email: statement('account to log in by email', `select ${COLUMNS} and a.email = $1`),
  username: statement('account to log in by username', `select ${COLUMNS} and lower(a.username) = lower($1)`),
  phone: statement('account to log in by phone', `select ${COLUMNS} and a.phone = $1`),
}

/** How a name is read: as what the document says it is, or, where it may be any of them, by its form. */
const READ = {
  email: (name) => ({ by: 'email', name: name.trim().toLowerCase() }),
  username: (name) => ({ by: 'username', name: name.normalize('NFKC').trim() }),
  any: readLoginName,
} as const satisfies Record<string, (name: string) => { by: NameKind; name: string }>

// State and password are read again here: an account disabled while its password was checked gets no session, nor
// does the old password of one that has just been given another.
const beginSession = statement(
  'begin session',
  `insert into session (id, account_id, version, expires_at)
   select $2, id, session_version, $3 from account where id = $1 and state = 'active' and password_hash = $4
   returning id`,
)
const accountState = statement('state of account', 'select state from account where id = $1')

/**
 * Wrong passwords for one name from one address. Routes limit attempts by name and by address as well; this stops
 * somebody who guesses long before those stop an office that logs in, and never stops who knows the password
 * (facts/aigentools.md, B25).
 */
export const GUESSES = { name: 'guess', points: 10, perSeconds: 60 }

/**
 * Begins a session for who knows the password of an account.
 *
 * @param input.by what names the account; `any` where one field takes user name, address and phone number.
 * @param input.address where the attempt comes from, or null inside the house, where nobody guesses.
 * @throws login_failed (unknown name or wrong password: indistinguishable, also in time), account_disabled,
 *   rate_limited
 */
export async function logIn(
  context: Context,
  input: { by: keyof typeof READ; name: string; password: string; address: string | null },
): Promise<{ account: Account; session: Session }> {
  const { by, name } = READ[input.by](input.name)
  const guesser = `${input.address} ${name.toLowerCase()}`
  // Counted before the password is looked at, so that a hundred guesses at once are not one; given back when right.
  const wait = input.address === null ? null : await context.limiter.take(GUESSES, guesser)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
  const [row] = await context.db.rows<Row>(FIND[by], [name])
  const matches = await passwordMatches(row?.password_hash ?? null, input.password)
  if (!row || !matches) throw refusal('login_failed')
  const session = newSession(context)
  const values = [row.id, session.id, session.expiresAt, row.password_hash]
  const begun = await context.db.rows(beginSession, values)
  if (begun.length === 0) {
    const [now] = await context.db.rows<{ state: string }>(accountState, [row.id])
    throw refusal(now?.state === 'active' ? 'login_failed' : 'account_disabled')
  }
  // Not where there is no session: where a document hides that an account is disabled, this would tell.
  if (input.address !== null) await context.limiter.giveBack(GUESSES, guesser)
  const { id, uuid, username, email, role } = row
  return { account: { id, uuid, username, email, role, available: credits(row.available) }, session }
}
