import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Reply, ReplyEnding, ReplyFollower } from './reply.ts'
import { deskOf } from './reply-desk.ts'

type Row = {
  conversation_id: bigint
  state: 'writing' | 'done' | 'stopped' | 'broken' | 'failed'
  content: string
  failure: Failure | null
  worker: string | null
}

const readReply = statement(
  'reply of task',
  `select m.conversation_id, m.state, m.content, t.failure, t.worker
   from message m join task t on t.id = m.task_id join conversation c on c.id = m.conversation_id
   where m.task_id = $1 and m.role = 'assistant' and t.account_id = $2
     and (c.deleted_at is null or m.state = 'failed')`,
)

/** Words of a reply that another process writes are read this often; first sooner, as it may have ended meanwhile. */
const READ_EVERY_MS = 500
const FIRST_READ_MS = 25

/**
 * A reply that was begun before, from its beginning: as it comes where this process writes it, read from its row where
 * another does, and at once when it has ended.
 *
 * @throws conversation_not_found when its conversation has been deleted
 */
export async function findReply(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  taskId: bigint,
): Promise<Reply> {
  const desk = deskOf(context)
  const here = (): Reply | undefined => desk.live.get(taskId)?.open()
  const live = here()
  if (live) return live
  const row = await read(context, actor, taskId)
  if (row.state === 'writing' && row.worker === desk.name) {
    // Begun here a moment ago: its answer from the database is on its way to whoever began it.
    await new Promise((resolve) => setImmediate(resolve))
    const begun = here()
    if (begun) return begun
  }
  return readAlong(context, actor, taskId, row)
}

async function read(context: Context, actor: Pick<Actor, 'accountId'>, taskId: bigint): Promise<Row> {
  const [row] = await context.db.rows<Row>(readReply, [taskId, actor.accountId])
  if (!row) throw refusal('conversation_not_found', { id: String(taskId) })
  return row
}

function readAlong(context: Context, actor: Pick<Actor, 'accountId'>, taskId: bigint, first: Row): Reply {
  let hasLeft = false
  let timer: NodeJS.Timeout | undefined
  let unsubscribe = (): void => {}
  const stop = (): void => {
    hasLeft = true
    clearTimeout(timer)
    unsubscribe()
  }

  const run = (follower: ReplyFollower): void => {
    let sent = 0
    const take = (row: Row): boolean => {
      if (row.content.length > sent) follower.onText(row.content.slice(sent))
      sent = Math.max(sent, row.content.length)
      if (row.state === 'writing') return false
      stop()
      follower.onEnd(endingOf(row, sent > 0))
      return true
    }
    const again = (): void => {
      read(context, actor, taskId)
        .then((row) => {
          if (!hasLeft && !take(row)) timer = setTimeout(again, READ_EVERY_MS)
        })
        .catch(() => {
          if (hasLeft) return
          stop()
          follower.onEnd(
            sent > 0 ? { state: 'broken' } : { state: 'failed', reason: 'unknown', hadText: false },
          )
        })
    }
    if (!take(first)) {
      unsubscribe = context.events.subscribe('reply', taskId, () => {
        clearTimeout(timer)
        again()
      })
      timer = setTimeout(again, FIRST_READ_MS)
    }
  }
  return {
    taskId,
    conversationId: first.conversation_id,
    follow: (follower) => {
      if (!hasLeft) run(follower)
    },
    leave: stop,
  }
}

function endingOf({ state, failure }: Row, hadText: boolean): ReplyEnding {
  if (state === 'failed' || state === 'writing')
    return { state: 'failed', reason: failure ?? 'unavailable', hadText }
  return { state }
}
