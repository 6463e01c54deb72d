import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import { platformNamed } from './platforms.ts'
import { readWorkToPublish } from './read-work.ts'

const createPublicationStatement = statement(
  'create publication',
  'select outcome, publication_id, unbound from create_publication_v1($1, $2, $3, $4, $5, $6, $7, $8, $9)',
)

const MOST_AHEAD_MS = 366 * 86_400_000
/** A clock that is a little slow, and the way here, make no schedule a past one. */
const GRACE_MS = 5_000

/**
 * Asks for a work to be published on some platforms, now or at a time. One statement makes the publication with all
 * its platforms or nothing; workers do the rest.
 *
 * @param input.scheduledAt null for now; a time of the past is refused, and so is one more than a year ahead.
 * @returns the publication's number, and whether it waits for its time.
 * @throws work_not_found, work_not_publishable, platform_unknown, platform_unbound for the first platform that
 *   needs an account of the caller's and has none, input_invalid, idempotency_key_reused, account_disabled
 */
export async function publishWork(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: {
    workId: bigint
    platforms: readonly string[]
    scheduledAt: Date | null
    idempotencyKey: IdempotencyKey | null
  },
): Promise<{ id: bigint; isScheduled: boolean }> {
  const platforms = [...new Set(input.platforms)].map((name) => platformNamed(context, name))
  if (platforms.length === 0) throw refusal('input_invalid', { field: 'platforms', problem: 'missing' })
  const { scheduledAt, idempotencyKey: key } = input
  // A repeat may come after the time that the first one was in time for, and after its work is gone.
  const isKnown = await isRepeat(context, actor, key)
  const aheadMs = scheduledAt === null ? 0 : scheduledAt.getTime() - context.clock.now().getTime()
  if (aheadMs > MOST_AHEAD_MS)
    throw refusal('input_invalid', { field: 'schedule_time', problem: 'too_large' })
  if (aheadMs < -GRACE_MS && !isKnown)
    throw refusal('input_invalid', { field: 'schedule_time', problem: 'too_small' })
  const content = isKnown ? null : await readWorkToPublish(context, actor, input.workId)
  const isBound = ({ api }: (typeof platforms)[number]): boolean =>
    content !== null && api?.shapes.includes(content.shape) === true
  const [row] = await context.db.rows<{
    outcome: string
    publication_id: bigint | null
    unbound: string | null
  }>(createPublicationStatement, [
    actor.accountId,
    input.workId,
    content && JSON.stringify(content),
    scheduledAt,
    platforms.filter(isBound).map(({ name }) => name),
    platforms.filter((one) => !isBound(one)).map(({ name }) => name),
    key?.scope ?? null,
    key?.key ?? null,
    key?.bodyHash ?? null,
  ])
  switch (row?.outcome) {
    case 'key_conflict':
      throw refusal('idempotency_key_reused')
    case 'account_ended':
      throw refusal('account_disabled')
    case 'work_gone':
      throw refusal('work_not_found', { id: String(input.workId) })
    case 'unbound':
      throw refusal('platform_unbound', { platform: row.unbound ?? '' })
  }
  if (!row || row.publication_id === null) throw new Error(`create_publication_v1 answered ${row?.outcome}`)
  return { id: row.publication_id, isScheduled: aheadMs > 0 }
}

const knownKey = statement(
  'publication of key',
  'select from idempotency where account_id = $1 and scope = $2 and key = $3 and publication_id is not null',
)

async function isRepeat(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  key: IdempotencyKey | null,
): Promise<boolean> {
  return key !== null && (await context.db.rows(knownKey, [actor.accountId, key.scope, key.key])).length > 0
}
