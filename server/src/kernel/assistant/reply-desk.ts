import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { LiveReply } from './live-reply.ts'

/** What this process is writing. */
export type ReplyDesk = {
  /** Under this name the desk has its tasks. */
  name: string
  live: ReadonlyMap<bigint, LiveReply>
  add: (reply: LiveReply) => void
  remove: (reply: LiveReply) => void
  /** Puts first words on record at once. */
  keepSoon: () => void
}

/** As long as a worker's: a process that died is noticed no later here. */
export const LEASE_MS = 10_000
/** Words go on record at most this often, all replies of the process in one statement. */
const KEEP_EVERY_MS = 500
/** A reply without new words is kept this often, and asked whether it is to stop, in case the event was lost. */
const LOOK_EVERY_MS = 1_000

const keepReplies = statement(
  'keep replies',
  'select task_id, is_held, is_stop_asked from keep_replies_v2($1, $2, $3, $4, make_interval(secs => $5))',
)

type Kept = { task_id: bigint; is_held: boolean; is_stop_asked: boolean }

const desks = new WeakMap<Context, ReplyDesk>()

/** The desk of this process for a site. */
export function deskOf(context: Context): ReplyDesk {
  const existing = desks.get(context)
  if (existing) return existing
  const made = openDesk(context)
  desks.set(context, made)
  return made
}

function openDesk(context: Context): ReplyDesk {
  const live = new Map<bigint, LiveReply>()
  let timer: NodeJS.Timeout | undefined
  let isKeeping = false
  let again = false
  let isSoon = false

  const keep = async (): Promise<void> => {
    again = true
    if (isKeeping) return
    isKeeping = true
    try {
      while (again) {
        again = false
        await keepOnce()
      }
    } catch (error) {
      // The lease outlasts a short loss of the database, and the next round tries again. What the database says of a
      // row may be the row, so only its code is told.
      context.log.warn({ code: codeOf(error) }, 'replies could not be kept')
    } finally {
      isKeeping = false
    }
  }

  const keepOnce = async (): Promise<void> => {
    const now = performance.now()
    const due = [...live.values()].filter((reply) => reply.isNew() || now - reply.keptAt >= LOOK_EVERY_MS)
    if (due.length === 0) return
    const words = due.map((reply) => (reply.isNew() ? reply.text() : null))
    const rows = await context.db.rows<Kept>(keepReplies, [
      due.map(({ taskId }) => taskId),
      due.map(({ generation }) => generation),
      words,
      // Of the same moment as the words.
      due.map(({ meter }, at) =>
        meter && words[at] !== null ? JSON.stringify(meter.settle().explanation) : null,
      ),
      LEASE_MS / 1000,
    ])
    for (const [at, reply] of due.entries()) {
      reply.keptAt = now
      reply.noteKept(words[at]?.length ?? 0)
    }
    for (const { task_id, is_held, is_stop_asked } of rows) {
      if (!is_held) live.get(task_id)?.lose()
      else if (is_stop_asked) live.get(task_id)?.stop()
    }
  }

  // Both hold as long as the context does, as its caches do.
  context.events.subscribe('reply', null, (id) => {
    if (id !== null) live.get(id)?.stop()
  })
  context.events.subscribe('ended', null, (id) => {
    if (id !== null) live.get(id)?.lose()
  })
  return {
    name: `reply/${context.ids.token(12)}`,
    live,
    add: (reply) => {
      live.set(reply.taskId, reply)
      timer ??= setInterval(() => void keep(), KEEP_EVERY_MS)
    },
    remove: (reply) => {
      live.delete(reply.taskId)
      if (live.size > 0) return
      clearInterval(timer)
      timer = undefined
    },
    keepSoon: () => {
      if (isSoon) return
      isSoon = true
      // Behind whatever delivers these words.
      setImmediate(() => {
        isSoon = false
        void keep()
      })
    },
  }
}

/** Stops all replies of this process, keeps what there is, and waits until that is on record: for a process that ends. */
export async function closeDesk(context: Context): Promise<void> {
  const replies = [...(desks.get(context)?.live.values() ?? [])]
  for (const reply of replies) reply.stop()
  await Promise.all(replies.map(({ ended }) => ended))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error
    ? String(error.code)
    : error instanceof Error
      ? error.name
      : 'unknown'
}
