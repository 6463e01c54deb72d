import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const askToStop = statement(
  'ask reply to stop',
  `with own as (select id from conversation where id = $1 and account_id = $2 and deleted_at is null),
   asked as (
     update message m set stop_asked_at = coalesce(stop_asked_at, now()) from own
     where m.conversation_id = own.id and m.state = 'writing' returning m.task_id)
   select (select task_id from asked) as writing from own`,
)

/**
 * Stops the reply that is being written in a conversation, in whichever process. What was written stays.
 *
 * @returns whether one was being written.
 * @throws conversation_not_found
 */
export async function stopReply(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  conversationId: bigint,
): Promise<boolean> {
  const [row] = await context.db.rows<{ writing: bigint | null }>(askToStop, [
    conversationId,
    actor.accountId,
  ])
  if (!row) throw refusal('conversation_not_found', { id: String(conversationId) })
  if (row.writing === null) return false
  context.events.publish('reply', row.writing)
  return true
}
