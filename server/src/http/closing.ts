import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { closeDesk } from '../kernel/assistant/reply-desk.ts'
import type { Context } from '../kernel/context.ts'

/**
 * Has a closing server wait for answers only. Node counts a connection on which nothing was ever asked as busy until
 * its time for a head is over (more than a minute), and looks for idle ones once, when closing begins: a connection
 * whose last answer ends after that would be kept alive for as long as any other.
 */
export function waitForAnswersOnly(app: FastifyInstance): void {
  const unasked = new Set<Socket>()
  let isClosing = false
  app.server.on('connection', (socket) => {
    unasked.add(socket)
    socket.once('close', () => unasked.delete(socket))
  })
  app.server.on('request', (request, response) => {
    unasked.delete(request.socket)
    response.once('close', () => {
      // A moment later the connection is idle for Node, too, unless there is another request on it.
      if (isClosing) setImmediate(() => app.server.closeIdleConnections())
    })
  })
  app.addHook('preClose', async () => {
    isClosing = true
    for (const socket of unasked) if (socket.bytesRead === 0) socket.destroy()
  })
}

/**
 * Has a closing server end the replies of an assistant that are still being written when their time is over: what was
 * written is kept and its stream ends as one that was stopped, where a connection that is cut would tell its reader
 * nothing.
 *
 * @param graceMs how long a reply may go on.
 */
export function endRepliesOnClose(app: FastifyInstance, context: Context, graceMs: number): void {
  let timer: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    timer = setTimeout(() => {
      closeDesk(context).catch((error: unknown) => app.log.error(error, 'replies could not be ended'))
    }, graceMs)
  })
  app.addHook('onClose', async () => clearTimeout(timer))
}
