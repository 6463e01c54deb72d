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

/** True when a statement was broken off because it and others waited for each other; nothing of it was carried out. */
export function isDeadlock(error: unknown): boolean {
  return isPostgresError(error) && error.code === '40P01'
}

/**
 * Takes a step of a start that needs the database, again and again while that is away: a process that starts
 * beside a crash waits for the server as a running one does.
 */
export async function whenDatabaseAnswers<T>(
  step: () => Promise<T>,
  options: { withinMs?: number; onError: (error: Error) => void },
): Promise<T> {
  const endsAt = performance.now() + (options.withinMs ?? 60_000)
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 1_000)) {
    try {
      return await step()
    } catch (error) {
      if (!isConnectionLoss(error) || performance.now() > endsAt) throw error
      options.onError(error as Error)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
    }
  }
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
