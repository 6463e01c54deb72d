import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { KernelError } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { CachedSession } from './session-cache.ts'

const readSession = statement(
  'read session',
  `select a.id as account_id, a.uuid, a.username, a.email, a.role, a.state,
     s.ended_at is not null or s.version <> a.session_version as revoked, s.expires_at <= now() as expired,
     case when m.lifetime_level is null then m.ends_at else timestamptz '9999-12-31 00:00:00Z' end as member_until
   from session s join account a on a.id = s.account_id left join membership m on m.account_id = a.id
   where s.id = $1`,
)

/**
 * Who has this session, as of now: role, ban and the end of the session take effect within two seconds, at
 * once where the event arrives.
 *
 * @throws account_missing (the account was deleted, or there never was such a session), account_disabled,
 *   credentials_revoked, credentials_expired
 */
export async function authenticate(context: Context, sessionId: string): Promise<Actor> {
  let row = context.sessions.get(sessionId)
  if (!row) {
    // A row that was read before a logout committed must not be kept after it.
    const epoch = context.sessions.epoch()
    ;[row] = await context.db.rows<CachedSession>(readSession, [sessionId])
    if (!row) throw refusal('account_missing')
    context.sessions.set(sessionId, row, epoch)
  }
  const ended = whyEnded(row)
  if (ended) throw ended
  const { account_id: accountId, uuid, username, email, role, member_until: memberUntil } = row
  return { accountId, uuid, username, email, role, sessionId, memberUntil }
}

/** Why a session opens nothing any more; null while it does. */
export function whyEnded(row: Pick<CachedSession, 'state' | 'revoked' | 'expired'>): KernelError | null {
  if (row.state === 'closed') return refusal('account_missing')
  if (row.state === 'disabled') return refusal('account_disabled')
  if (row.revoked) return refusal('credentials_revoked')
  return row.expired ? refusal('credentials_expired') : null
}
