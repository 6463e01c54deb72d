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
  password_hash: string
  state: string
  available: bigint
}

const accountByEmail = statement(
  'account to log in',
  `select a.id, a.uuid, a.username, a.email, a.password_hash, a.state, w.available
   from account a join wallet w on w.account_id = a.id where a.email = $1`,
)

// The state is read again here: an account disabled while its password was checked gets no session.
const beginSession = statement(
  'begin session',
  `insert into session (id, account_id, version, expires_at)
   select $2, id, session_version, $3 from account where id = $1 and state = 'active' returning id`,
)

/**
 * Begins a session for the owner of an address.
 * @throws login_failed (unknown address or wrong password: indistinguishable, also in time), account_disabled
 */
export async function logIn(
  context: Context,
  input: { email: string; password: string },
): Promise<{ account: Account; session: Session }> {
  const [row] = await context.db.rows<Row>(accountByEmail, [input.email.trim().toLowerCase()])
  const matches = await passwordMatches(row?.password_hash ?? null, input.password)
  if (!row || !matches || row.state === 'closed') throw refusal('login_failed')
  const session = newSession(context)
  const begun = await context.db.rows(beginSession, [row.id, session.id, session.expiresAt])
  if (begun.length === 0) throw refusal('account_disabled')
  const { id, uuid, username, email } = row
  return { account: { id, uuid, username, email, available: credits(row.available) }, session }
}
