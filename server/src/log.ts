import type { Logger } from 'pino'
import { destination, pino, stdSerializers } from 'pino'

/**
 * Structured logs on standard error, one JSON object a line. Whatever could carry a secret is struck out, even
 * where nobody should have logged it.
 */
export function createLog(level: string): Logger {
  const secret = ['password', 'token', 'authorization', 'cookie', 'secret', 'key', 'code', 'passwordHash']
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: withoutRows, error: withoutRows },
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secret.filter((name) => name !== 'code').flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
    },
    destination({ fd: 2, sync: false }),
  )
}

/** PostgreSQL's `detail` quotes the failing row, password hash and all: it is not for a log. */
function withoutRows(error: Error): object {
  const { detail: _detail, ...shown } = stdSerializers.err(error) as object & { detail?: unknown }
  return shown
}
