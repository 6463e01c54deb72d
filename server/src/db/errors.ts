type PostgresError = { code: string; constraint?: string }

function isPostgresError(error: unknown): error is PostgresError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

/** The name of the unique constraint that refused a statement, or null when it failed for another reason. */
export function violatedUnique(error: unknown): string | null {
  return isPostgresError(error) && error.code === '23505' ? (error.constraint ?? '') : null
}

/** The name of the CHECK constraint that refused a statement, or null. */
export function violatedCheck(error: unknown): string | null {
  return isPostgresError(error) && error.code === '23514' ? (error.constraint ?? '') : null
}

const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EACCES'])
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/

/**
 * True when a statement failed because the database could not be reached or went away: backend terminated,
 * server starting, stopping or out of connections or disk. Whether the statement was carried out is then unknown.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (CONNECTION_MESSAGES.test(error.message)) return true
  if (!isPostgresError(error)) return false
  // 08 connection exception, 53 insufficient resources, 57 operator intervention, 58 system error.
  return CONNECTION_CODES.has(error.code) || /^(08|53|57P|58)/.test(error.code)
}
