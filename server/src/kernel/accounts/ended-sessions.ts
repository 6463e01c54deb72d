import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { KernelError } from '../errors.ts'
import { refusal } from '../errors.ts'
import { whyEnded } from './authenticate.ts'

const sessionsNow = statement(
  'sessions as they are now',
  `select given.id, a.state, s.ended_at is not null or s.version <> a.session_version as revoked,
     s.expires_at <= now() as expired
   from unnest($1::uuid[]) as given (id) left join session s on s.id = given.id
     left join account a on a.id = s.account_id
   where s.id is null or a.state <> 'active' or s.ended_at is not null or s.version <> a.session_version
     or s.expires_at <= now()`,
)

type EndedRow = { id: string } & (
  | { state: 'active' | 'disabled' | 'closed'; revoked: boolean; expired: boolean }
  | { state: null }
)

/**
 * Which of these sessions open nothing any more, each with what a request of theirs would be refused for. Read past
 * the cache and in one statement: what stays connected is asked about every few seconds.
 */
export async function findEndedSessions(
  context: Context,
  sessionIds: readonly string[],
): Promise<Map<string, KernelError>> {
  if (sessionIds.length === 0) return new Map()
  const rows = await context.db.rows<EndedRow>(sessionsNow, [sessionIds])
  return new Map(
    rows.map((row) => [row.id, (row.state === null ? null : whyEnded(row)) ?? refusal('account_missing')]),
  )
}
