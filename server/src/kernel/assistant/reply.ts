import type { Failure } from '../errors.ts'

/**
 * How a reply ended. `done`: by itself; `stopped`: nobody waited for it any more; `broken`: it ended too early, at the
 * vendor or because its process died; each of them left words and is charged. `failed`: not a word came, or the vendor
 * refused what was written, and nothing is charged.
 */
export type ReplyEnding =
  | { state: 'done' | 'stopped' | 'broken' }
  | { state: 'failed'; reason: Failure; hadText: boolean }

/** Told of a reply as it comes. Nothing after `onEnd`. */
export type ReplyFollower = { onText: (text: string) => void; onEnd: (ending: ReplyEnding) => void }

/**
 * Why somebody no longer reads: they went away, which ends a reply that nobody else reads; or they read too slowly, which
 * ends the delivery alone.
 */
export type Leaving = 'left' | 'slow'

/** One reader's hold on a reply. */
export type Reply = {
  taskId: bigint
  conversationId: bigint
  /** Begins to tell of it, with everything that was written so far first. Once. */
  follow: (follower: ReplyFollower) => void
  /** May be repeated. */
  leave: (why: Leaving) => void
}

/** Where a reply comes from, whoever writes it. */
export type ReplySource = {
  taskId: bigint
  conversationId: bigint
  open: () => Reply
}

/**
 * Waits until a reply has begun to come, has ended, or has been silent for so long that whoever waits should be told that
 * the line is up.
 *
 * @returns how it ended, when it did so without a word.
 */
export function whenBegun(
  reply: Reply,
  patienceMs: number,
): Promise<{ reply: Reply; failed: ReplyEnding | null }> {
  return new Promise((resolve) => {
    let early = ''
    let ending: ReplyEnding | null = null
    let follower: ReplyFollower | null = null
    const timer = setTimeout(() => begin(null), patienceMs)
    const begun: Reply = {
      taskId: reply.taskId,
      conversationId: reply.conversationId,
      leave: reply.leave,
      follow: (one) => {
        if (early !== '') one.onText(early)
        if (ending) one.onEnd(ending)
        follower = one
      },
    }
    const begin = (failed: ReplyEnding | null): void => {
      clearTimeout(timer)
      resolve({ reply: begun, failed })
    }
    reply.follow({
      onText: (text) => {
        if (follower) follower.onText(text)
        else {
          early += text
          begin(null)
        }
      },
      onEnd: (how) => {
        ending = how
        if (follower) follower.onEnd(how)
        else begin(how.state === 'failed' && early === '' ? how : null)
      },
    })
  })
}
