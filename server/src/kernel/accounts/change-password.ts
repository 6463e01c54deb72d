import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { GUESSES } from './log-in.ts'
import { hashPassword, passwordMatches } from './passwords.ts'

const readHash = statement('password of account', 'select password_hash from account where id = $1')

// Guarded by the hash that was checked, so that of two changes that name one old password the second is wrong. The
// calling session goes along to the new version and every other one is of an old one.
const changeRow = statement(
  'change password',
  `with changed as (
     update account set password_hash = $3, session_version = session_version + 1, version = version + 1,
       updated_at = greatest(now(), updated_at + interval '1 millisecond')
     where id = $1 and password_hash = $2 and state = 'active' returning id, session_version),
   kept as (
     update session s set version = c.session_version from changed c
     where s.id = $4 and s.account_id = c.id and s.version = c.session_version - 1 and s.ended_at is null)
   select id from changed`,
)

/**
 * Gives the caller a new password for the old one. Every other session of the account ends, within five seconds; the
 * calling one goes on (decided reading). Wrong old passwords are counted as guesses at a login are, by account, since
 * whoever has got hold of a session would otherwise try them all here. What makes a good password is the document's
 * to say.
 *
 * @throws password_wrong, rate_limited
 */
export async function changePassword(
  context: Context,
  actor: Pick<Actor, 'accountId' | 'sessionId'>,
  passwords: { old: string; new: string },
): Promise<void> {
  const guesser = `password of ${actor.accountId}`
  const wait = await context.limiter.take(GUESSES, guesser)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
  const [row] = await context.db.rows<{ password_hash: string }>(readHash, [actor.accountId])
  const before = row?.password_hash ?? null
  if (!(await passwordMatches(before, passwords.old))) throw refusal('password_wrong')
  await context.limiter.giveBack(GUESSES, guesser)
  const after = await hashPassword(passwords.new)
  const changed = await context.db.rows(changeRow, [actor.accountId, before, after, actor.sessionId])
  if (changed.length === 0) throw refusal('password_wrong')
  context.events.publish('account', actor.accountId)
}
