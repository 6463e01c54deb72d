import type { Meter } from '../metering/meter.ts'
import type { Reply, ReplyEnding, ReplyFollower, ReplySource } from './reply.ts'

/** A reply that this process writes. */
export type LiveReply = ReplySource & {
  generation: number
  /** What counts its words, where that is what it costs. */
  meter: Meter | null
  /** Everything so far. */
  text: () => string
  /** Whether there are words that are not on record yet. */
  isNew: () => boolean
  /** So many characters are on record. */
  noteKept: (length: number) => void
  /** On the clock of `performance.now()`. */
  keptAt: number
  /** Aborted when nobody waits for more: the vendor is hung up on at once. */
  signal: AbortSignal
  say: (text: string) => void
  /** Ends it soon, and keeps what there is. */
  stop: () => void
  /** Somebody else has ended it. */
  lose: () => void
  isLost: () => boolean
  tellEnd: (ending: ReplyEnding) => void
  /** Resolves when it has been told. */
  ended: Promise<void>
}

/**
 * Makes a reply that is about to be written.
 *
 * @param goesOn whether it is written to its end though nobody reads it.
 */
export function createLiveReply(options: {
  taskId: bigint
  conversationId: bigint
  generation: number
  meter: Meter | null
  goesOn: boolean
  onFirstText: () => void
}): LiveReply {
  const { taskId, conversationId, generation, meter, onFirstText } = options
  const followers = new Set<ReplyFollower>()
  const abort = new AbortController()
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  let { goesOn } = options
  let readers = 0
  let text = ''
  let kept = 0
  let ending: ReplyEnding | null = null
  let isLost = false

  const stop = (): void => abort.abort(new Error('nobody waits for the reply'))
  const open = (): Reply => {
    let own: ReplyFollower | null = null
    let hasLeft = false
    readers += 1
    return {
      taskId,
      conversationId,
      follow: (follower) => {
        if (hasLeft) return
        own = follower
        if (text !== '') follower.onText(text)
        if (ending) follower.onEnd(ending)
        else followers.add(follower)
      },
      leave: (why) => {
        if (hasLeft) return
        hasLeft = true
        readers -= 1
        if (own) followers.delete(own)
        if (why === 'slow') goesOn = true
        if (readers === 0 && !goesOn) stop()
      },
    }
  }
  return {
    taskId,
    conversationId,
    generation,
    meter,
    open,
    text: () => text,
    isNew: () => text.length > kept,
    noteKept: (length) => {
      kept = Math.max(kept, length)
    },
    keptAt: performance.now(),
    signal: abort.signal,
    say: (piece) => {
      const isFirst = text === ''
      text += piece
      for (const follower of followers) follower.onText(piece)
      if (isFirst) onFirstText()
    },
    stop,
    lose: () => {
      isLost = true
      stop()
    },
    isLost: () => isLost,
    tellEnd: (how) => {
      ending = how
      for (const follower of followers) follower.onEnd(how)
      followers.clear()
      resolve()
    },
    ended,
  }
}
