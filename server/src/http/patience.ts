import type { IncomingMessage, Server } from 'node:http'

/** How long the largest form may take, however steadily it comes. */
export const LONGEST_FORM_MS = 15 * 60_000
/** What a form has to come in on the average, once its time as a request is over: half a megabit a second. */
const LEAST_BYTES_PER_SECOND = 65_536

const withFiles = new WeakSet<IncomingMessage>()

/** Lets a request take longer than others, as long as it keeps coming: it has files, which somebody may send. */
export function bePatientWith(request: IncomingMessage): void {
  withFiles.add(request)
}

/**
 * Ends requests whose bodies are late. Node knows one time for all requests of a server, in which a clip would have to
 * arrive as a line of JSON does; so it is given the longest, and the time of all others is kept here.
 *
 * @param usualMs for a request to arrive, from its head on.
 */
export function endLateBodies(server: Server, usualMs: number): void {
  server.on('request', (request: IncomingMessage) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers
    if (length === '0' && coding === undefined) return
    const { socket } = request
    const [startedAt, before] = [performance.now(), socket.bytesRead]
    const look = (): void => {
      if (request.complete || socket.destroyed) return
      const seconds = (performance.now() - startedAt) / 1_000
      const isComing = socket.bytesRead - before >= seconds * LEAST_BYTES_PER_SECOND
      if (withFiles.has(request) && isComing) {
        timer = setTimeout(look, usualMs / 10).unref()
        return
      }
      const late = Object.assign(new Error('a body is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
      server.emit('clientError', late, socket)
    }
    let timer = setTimeout(look, usualMs).unref()
    request.once('close', () => clearTimeout(timer))
  })
}
