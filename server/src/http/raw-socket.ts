import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Dialect } from './dialect.ts'

/** What every answer needs that no hook has seen. */
export const BARE_HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/**
 * Requests that never became one: no reply object, only a socket.
 *
 * @param latest the answer to the last request on this connection that did become one.
 */
export function answerRawSocket(
  dialect: Dialect,
  error: NodeJS.ErrnoException,
  socket: Socket,
  latest: ServerResponse | undefined,
): void {
  // Refused before its body was read, and now the rest of the body is late or broken: it has its answer.
  const isAnswered = latest?.headersSent && !latest.req.complete
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy()
    return
  }
  // An earlier request is still being answered, and nothing may be written into that.
  if (latest?.req.complete && !latest.writableFinished) {
    latest.once('finish', () => socket.end())
    return
  }
  const { faults } = dialect
  const answer =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? faults.tooSlow()
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? faults.headersTooLarge()
        : faults.malformedRequest()
  const body = JSON.stringify(answer.body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...BARE_HEADERS,
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n${head.join('')}\r\n${body}`)
}
