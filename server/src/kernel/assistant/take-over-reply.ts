import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { ClaimedReply } from '../generation/claim.ts'

const endReply = statement(
  'end reply taken over',
  `select is_ended from end_reply_v2($1, $2, $3, 'broken', null, null, true, 'unavailable', 'the process that wrote it was lost',
     null, null)`,
)

/**
 * Ends a reply whose process is gone. The vendor is never asked again: what is on record is the reply, and it costs what
 * any other does: its price with words, or what those words were counted as, and nothing without.
 */
export async function takeOverReply(context: Context, task: ClaimedReply): Promise<void> {
  await context.db.rows(endReply, [context.keys.chain, task.id, task.generation])
  context.events.publish('reply', task.id)
}
