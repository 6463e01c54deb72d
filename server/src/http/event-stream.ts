import { Readable } from 'node:stream'
import { KernelError } from '../kernel/errors.ts'
import type { EventStream, Reply } from './dialect.ts'

/** What a front-end's proxy must not do: keep the answer, change it, or wait until there is more of it. */
export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

/** Proxies close a connection that is silent for longer. */
const HEARTBEAT_MS = 15_000
/** Logging out, a ban or a new password ends a stream within five seconds; sessions are remembered for two. */
const CHECK_EVERY_MS = 1_500
/** What a client that does not read may have waiting here, besides what its connection takes. Bytes. */
const MOST_WAITING = 256 * 1024

/**
 * The bytes of a stream of events. As much as the client's connection takes goes out at once; a client that lets more
 * than a bound wait is cut off, so that slow readers fill no memory.
 *
 * @param options.check throws a KernelError when whoever asked may no longer.
 * @param options.explain what that is in the dialect's words.
 */
export function openEventStream(
  source: EventStream,
  options: {
    check: () => Promise<void>
    explain: (error: KernelError) => Reply
    heartbeatMs?: number
    mostWaiting?: number
  },
): Readable {
  const { heartbeatMs = HEARTBEAT_MS, mostWaiting = MOST_WAITING } = options
  let isOver = false
  const over = (): void => {
    isOver = true
    clearTimeout(heartbeat)
    clearInterval(checking)
  }
  const readable = new Readable({
    read: () => {},
    destroy: (error, done) => {
      over()
      source.leave('left')
      done(error)
    },
  })
  const heartbeat = setTimeout(() => push(': \n\n'), heartbeatMs)
  const push = (text: string): void => {
    if (isOver) return
    readable.push(text)
    if (readable.readableLength > mostWaiting) {
      over()
      source.leave('slow')
      readable.destroy(new Error('the client reads too slowly'))
      return
    }
    heartbeat.refresh()
  }
  const end = (): void => {
    if (isOver) return
    over()
    readable.push(null)
  }
  const checking = setInterval(() => {
    options.check().catch((error: unknown) => {
      // A database that does not answer is nobody's logout.
      if (isOver || !(error instanceof KernelError)) return
      push(eventOf(source.refused(options.explain(error))))
      source.leave('left')
      end()
    })
  }, CHECK_EVERY_MS)
  source.follow({ send: (event) => push(eventOf(event)), end })
  // Begun before there was anything to say: the head goes out with this.
  if (!isOver && readable.readableLength === 0) push(': \n\n')
  return readable
}

const eventOf = (event: unknown): string => `data: ${JSON.stringify(event)}\n\n`
