import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { authenticate } from './authenticate.ts'
import type { Session } from './register.ts'

/** What a refresh token stands for: a session, and which of its refresh tokens this is. */
export type RefreshGrant = { sessionId: string; number: number }

/** How long the token before the current one is forgiven: for as long as a client waits for a lost answer. */
const FORGIVEN_SECONDS = 10

type Row = {
  account_id: bigint
  uuid: string
  number: number
  refreshed_at: Date
  expires_at: Date
  replayed: boolean
}

// Every request of one session meets at its row, so that of a hundred with one token the first moves the number and
// the others see it moved a moment ago.
const rotate = statement(
  'rotate refresh token',
  `update session s set
     refresh_number = s.refresh_number + case when s.refresh_number = $2 then 1 else 0 end,
     refreshed_at = case when s.refresh_number = $2 then now() else s.refreshed_at end,
     ended_at = case
       when s.refresh_number = $2 then null
       when s.refresh_number = $2 + 1 and s.refreshed_at >= now() - make_interval(secs => $3) then null
       else now() end
   from account a
   where s.id = $1 and a.id = s.account_id and a.state = 'active' and s.version = a.session_version
     and s.ended_at is null and s.expires_at > now()
   returning a.id as account_id, a.uuid, s.refresh_number as number, s.refreshed_at, s.expires_at,
     s.ended_at is not null as replayed`,
)

/**
 * Takes a session's refresh token in and names the next one; the session ends when it always would have. Asked again
 * with the token before within ten seconds it names the same successor; a token that is older, or comes later, has
 * been copied, and ends the session for whoever has it (specs/ai-creator.md, appendix I.1).
 *
 * @throws credentials_revoked (also for a replayed token), credentials_expired, account_missing, account_disabled
 */
export async function refreshSession(
  context: Context,
  grant: RefreshGrant,
): Promise<{ uuid: string; session: Session }> {
  const [row] = await context.db.rows<Row>(rotate, [grant.sessionId, grant.number, FORGIVEN_SECONDS])
  if (!row) {
    await authenticate(context, grant.sessionId)
    throw refusal('credentials_revoked')
  }
  if (row.replayed) {
    context.events.publish('account', row.account_id)
    context.log.warn(
      { account: row.account_id, session: grant.sessionId, used: grant.number, current: row.number },
      'a refresh token was used again: its session has been ended',
    )
    throw refusal('credentials_revoked')
  }
  const refresh = { number: row.number, issuedAt: row.refreshed_at }
  return { uuid: row.uuid, session: { id: grant.sessionId, expiresAt: row.expires_at, refresh } }
}
