import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

const endSession = statement(
  'end session',
  'update session set ended_at = now() where id = $1 and account_id = $2 and ended_at is null',
)

/**
 * Ends the calling session: at once in this process, and elsewhere at the event, or within two seconds when that is
 * lost. The account's other sessions go on. Repeating it changes nothing.
 */
export async function logOut(context: Context, actor: Pick<Actor, 'accountId' | 'sessionId'>): Promise<void> {
  await context.db.rows(endSession, [actor.sessionId, actor.accountId])
  context.events.publish('account', actor.accountId)
}
