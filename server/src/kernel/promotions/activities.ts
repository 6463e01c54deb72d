import { sql } from 'kysely'
import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'
import type { Json } from '../ports/provider.ts'

/**
 * A gift that accounts take by joining; the others work by themselves: a discount on memberships, more for whoever
 * invites, and a discount or more credits for a first purchase.
 */
export type ActivityType = 'credit_gift' | 'membership_discount' | 'referral_bonus' | 'first_purchase'

/** Where an activity stands now. */
export type ActivityStatus = 'active' | 'upcoming' | 'ended' | 'disabled'

export type Activity = {
  id: bigint
  name: string
  type: ActivityType
  description: string
  /** As the operator wrote it. */
  config: Json
  credits: Credits | null
  /** Hundredths of a percent off. */
  percent: number | null
  startsAt: Date
  endsAt: Date
  status: ActivityStatus
  mostParticipants: number | null
  participants: number
  budget: Credits | null
  given: Credits
  createdAt: Date
}

type Row = {
  id: bigint
  name: string
  type: ActivityType
  description: string
  config: Json
  credits: bigint | null
  percent: number | null
  starts_at: Date
  ends_at: Date
  status: ActivityStatus
  most_participants: number | null
  participants: number
  budget: bigint | null
  given: bigint
  created_at: Date
}

const STATUS = `case when a.state <> 'active' then 'disabled' when a.starts_at > now() then 'upcoming'
  when a.ends_at <= now() then 'ended' else 'active' end`
const COLUMNS = `a.id, a.name, a.type, a.description, a.config, a.credits, a.percent, a.starts_at, a.ends_at,
  a.most_participants, a.participants, a.budget, a.given, a.created_at, ${STATUS} as status`

function toActivity(row: Row): Activity {
  const { id, name, type, description, config, percent, participants, status } = row
  return {
    ...{ id, name, type, description, config, percent, participants, status },
    credits: row.credits === null ? null : credits(row.credits),
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    mostParticipants: row.most_participants,
    budget: row.budget === null ? null : credits(row.budget),
    given: credits(row.given),
    createdAt: row.created_at,
  }
}

const addActivity = statement(
  'add activity',
  `insert into activity as a (name, type, description, config, credits, percent, starts_at, ends_at, most_participants,
     budget, created_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning ${COLUMNS}`,
)

export type ActivityInput = Pick<
  Activity,
  | 'name'
  | 'type'
  | 'description'
  | 'config'
  | 'credits'
  | 'percent'
  | 'startsAt'
  | 'endsAt'
  | 'mostParticipants'
  | 'budget'
>

/** What each type is made of: credits, a percentage, or either. */
const NEEDS: Readonly<Record<ActivityType, 'credits' | 'percent' | 'either'>> = {
  credit_gift: 'credits',
  referral_bonus: 'credits',
  membership_discount: 'percent',
  first_purchase: 'either',
}

/**
 * Starts an activity, as an operator does.
 * @throws input_invalid: what its type needs is missing, given twice or out of bounds, or it ends before it starts
 */
export async function createActivity(
  context: Context,
  operator: Pick<Actor, 'accountId'>,
  input: ActivityInput,
): Promise<Activity> {
  checkReward(input)
  if (input.endsAt <= input.startsAt)
    throw refusal('input_invalid', { field: 'end_time', problem: 'too_small' })
  const { name, type, description, config, percent, startsAt, endsAt, mostParticipants, budget } = input
  const [row] = await context.db.rows<Row>(addActivity, [
    name,
    type,
    description,
    JSON.stringify(config),
    input.credits,
    percent,
    startsAt,
    endsAt,
    mostParticipants,
    budget,
    operator.accountId,
  ])
  if (!row) throw new Error('the activity was not stored')
  return toActivity(row)
}

const MOST_CREDITS_EACH = 10_000_000_000n

function checkReward({ type, credits: amount, percent }: ActivityInput): void {
  const need = NEEDS[type]
  const [hasCredits, hasPercent] = [amount !== null, percent !== null]
  const missing =
    need === 'credits' ? !hasCredits : need === 'percent' ? !hasPercent : !hasCredits && !hasPercent
  if (missing) {
    const field = need === 'percent' ? 'config.percent' : 'config.credits'
    throw refusal('input_invalid', { field, problem: 'missing' })
  }
  // Which of two would count is nothing to guess.
  if (hasCredits && hasPercent) throw refusal('input_invalid', { field: 'config', problem: 'unknown_field' })
  if (amount !== null && (amount < 1n || amount > MOST_CREDITS_EACH)) {
    throw refusal('input_invalid', {
      field: 'config.credits',
      problem: amount < 1n ? 'too_small' : 'too_large',
    })
  }
  if (percent !== null && (percent < 1 || percent > 10_000))
    throw refusal('input_invalid', {
      field: 'config.percent',
      problem: percent < 1 ? 'too_small' : 'too_large',
    })
}

/** Activities, newest first, with how many match. Disabled ones are for operators. */
export async function listActivities(
  context: Context,
  request: PageRequest & { status: ActivityStatus | null; withDisabled: boolean },
): Promise<Page<Activity>> {
  const { page, limit, status, withDisabled } = request
  const matching = sql`from activity a where ${withDisabled ? sql`true` : sql`a.state = 'active'`}
    ${status === null ? sql`` : sql`and ${sql.raw(STATUS)} = ${status}`}`
  const [rows, count] = await Promise.all([
    sql<Row>`select ${sql.raw(COLUMNS)} ${matching} order by a.id desc
      limit ${limit} offset ${(page - 1) * limit}`.execute(context.db.kysely),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(context.db.kysely),
  ])
  return toPage({ page, limit }, rows.rows.map(toActivity), count.rows[0]?.total ?? 0)
}

const acceptGift = statement(
  'accept gift',
  'select outcome, participation_id, credits from accept_gift_v1($1, $2, $3, $4, $5)',
)

/** What came of joining: the gift is in the wallet. */
export type Participation = { id: bigint; activityId: bigint; credits: Credits; available: Credits; at: Date }

const readParticipation = statement(
  'participation',
  `select p.created_at, w.available from participation p join wallet w on w.account_id = p.account_id where p.id = $1`,
)

/**
 * Joins an activity that gives credits: once for an account, and within its window, number and budget.
 * @throws activity_not_found, activity_not_joinable, activity_joined_before, activity_closed
 */
export async function joinActivity(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  activityId: bigint,
  origin: Origin,
): Promise<Participation> {
  const values = [context.keys.chain, activityId, actor.accountId, origin.ip, origin.device]
  const [row] = await context.db.rows<{
    outcome: string
    participation_id: bigint | null
    credits: bigint | null
  }>(acceptGift, values)
  const id = String(activityId)
  switch (row?.outcome) {
    case 'joined': {
      const [now] = await context.db.rows<{ created_at: Date; available: bigint }>(readParticipation, [
        row.participation_id,
      ])
      if (!now || row.participation_id === null) throw new Error(`a participation in ${id} is gone`)
      return {
        id: row.participation_id,
        activityId,
        credits: credits(row.credits ?? 0n),
        available: credits(now.available),
        at: now.created_at,
      }
    }
    case 'missing':
      throw refusal('activity_not_found', { id })
    case 'not_joinable':
      throw refusal('activity_not_joinable', { id })
    case 'joined_before':
      throw refusal('activity_joined_before', { id })
    case 'not_begun':
    case 'ended':
    case 'full':
    case 'spent':
      throw refusal('activity_closed', { problem: row.outcome })
    case 'disabled':
      throw refusal('activity_closed', { problem: 'ended' })
    default:
      throw new Error(`accept_gift_v1 answered ${row?.outcome}`)
  }
}
