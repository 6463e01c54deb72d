import { type Database, statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { QuotaState } from './allowance.ts'

/** Counts the calls of accounts in the hour of UTC+8 (which is an hour of UTC) that it is. */
export type CallCounter = {
  /** Counts one call of an account that may make `most` in an hour. */
  take: (accountId: bigint, most: number) => Promise<QuotaState & { isTaken: boolean }>
  /** Writes down what was counted since it last was. */
  close: () => Promise<void>
}

/** What an account has called in an hour. */
type Count = {
  hourMs: number
  /** What the database has counted, of all processes; null until it was first asked. */
  known: number | null
  /** Counted here since, on its way to the database, and still to go. */
  sent: number
  pending: number
}

type Row = { accountId: bigint; hour: Date; calls: number }

const HOUR_MS = 3_600_000
const FLUSH_MS = 1_000
/** Which part of what was left when the database was last asked is counted without asking it. */
const UNASKED_SHARE = 1 / 10

const readCount = statement(
  'calls of account',
  'select calls from call_count where account_id = $1 and hour = $2',
)
const countCalls = statement(
  'count calls',
  'select account_id as "accountId", hour, calls from count_calls_v1($1, $2, $3)',
)
const takeCall = statement('take call', 'select calls, taken from take_call_v1($1, $2, $3, $4)')

/**
 * Counts in memory and writes down what it counted once a second, all accounts in one statement: a write for each call
 * would cost more than most calls do. An account is looked up at its first call of an hour, so a restart forgives what
 * the last second had. Whoever has counted a tenth of what was left asks the database before it goes on, and near the
 * limit at each call: one process is exact, and several allow together at most what each may count unasked too much,
 * which near the limit is nothing.
 */
export function createCallCounter(
  db: Database,
  clock: Context['clock'],
  onError: (error: unknown) => void,
): CallCounter {
  const counts = new Map<bigint, Count>()
  const loading = new Map<bigint, Promise<void>>()

  const countOf = async (accountId: bigint, hourMs: number): Promise<Count & { known: number }> => {
    const count = counts.get(accountId)
    if (count?.hourMs === hourMs && count.known !== null) return count as Count & { known: number }
    // Many calls at once ask once; whoever waited looks again, for the hour may have changed.
    const under = loading.get(accountId) ?? load(accountId, hourMs).finally(() => loading.delete(accountId))
    loading.set(accountId, under)
    await under
    return countOf(accountId, hourMs)
  }
  const load = async (accountId: bigint, hourMs: number): Promise<void> => {
    const [row] = await db.rows<{ calls: number }>(readCount, [accountId, new Date(hourMs)])
    counts.set(accountId, { hourMs, known: row?.calls ?? 0, sent: 0, pending: 0 })
  }

  const flush = async (): Promise<void> => {
    const hourMs = hourOf(clock.now())
    const due = [...counts].filter(([, { pending }]) => pending > 0)
    if (due.length > 0) {
      const taken = due.map(([accountId, count]) => ({ accountId, count, calls: count.pending }))
      for (const { count, calls } of taken) move(count, calls)
      try {
        const rows = await db.rows<Row>(countCalls, [
          taken.map(({ accountId }) => accountId),
          taken.map(({ count }) => new Date(count.hourMs)),
          taken.map(({ calls }) => calls),
        ])
        const found = new Map(rows.map((row) => [row.accountId, row]))
        for (const { accountId, count } of taken) {
          const row = found.get(accountId)
          if (row?.hour.getTime() === count.hourMs) learn(count, row.calls)
        }
      } catch (error) {
        for (const { count, calls } of taken) count.pending += calls
        throw error
      } finally {
        for (const { count, calls } of taken) count.sent -= calls
      }
    }
    for (const [accountId, count] of counts) if (count.hourMs < hourMs) counts.delete(accountId)
  }
  const timer = setInterval(() => void flush().catch(onError), FLUSH_MS)
  timer.unref()

  /** The database decides, and says what the others have counted. */
  const takeExactly = async (accountId: bigint, count: Count, most: number): Promise<boolean> => {
    const calls = count.pending
    move(count, calls)
    // While nobody knows whether it is taken it counts: what others count meanwhile would come on top.
    count.sent += 1
    try {
      const values = [accountId, new Date(count.hourMs), calls, most]
      const [row] = await db.rows<{ calls: number; taken: boolean }>(takeCall, values)
      if (!row) throw new Error('a call is taken or not')
      learn(count, row.calls)
      return row.taken
    } catch (error) {
      count.pending += calls
      throw error
    } finally {
      count.sent -= calls + 1
    }
  }

  return {
    take: async (accountId, most) => {
      const hourMs = hourOf(clock.now())
      const count = await countOf(accountId, hourMs)
      const state = (isTaken: boolean) => ({
        isTaken,
        limit: most,
        remaining: Math.max(0, most - (count.known + count.sent + count.pending)),
        resetsAt: new Date(hourMs + HOUR_MS),
      })
      // Within an hour it only grows.
      if (count.known >= most) return state(false)
      if (count.sent + count.pending < Math.floor((most - count.known) * UNASKED_SHARE)) {
        count.pending += 1
        return state(true)
      }
      return state(await takeExactly(accountId, count, most))
    },
    close: async () => {
      clearInterval(timer)
      await flush().catch(onError)
    },
  }
}

function hourOf(moment: Date): number {
  return Math.floor(moment.getTime() / HOUR_MS) * HOUR_MS
}

function move(count: Count, calls: number): void {
  count.pending -= calls
  count.sent += calls
}

function learn(count: Count, calls: number): void {
  count.known = Math.max(count.known ?? 0, calls)
}
