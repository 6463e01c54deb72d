import { sql } from 'kysely'
import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

/** `percent` off, an `amount` off, or more `credits` for the money. */
export type CouponType = 'percent' | 'amount' | 'credits'

/** Where a coupon stands now: what an operator set, its window and its number taken together. */
export type CouponStatus = 'active' | 'upcoming' | 'ended' | 'exhausted' | 'disabled'

export type Coupon = {
  id: bigint
  code: string
  name: string
  type: CouponType
  /** Hundredths of a percent, fen, or 1/10000 credits, by type. */
  value: bigint
  leastFen: bigint
  /** How many accounts may claim it; null for any number. */
  mostClaims: number | null
  claims: number
  validFrom: Date
  validUntil: Date
  status: CouponStatus
  createdAt: Date
}

type Row = {
  id: bigint
  code: string
  name: string
  type: CouponType
  value: bigint
  least_fen: bigint
  most_claims: number | null
  claims: number
  valid_from: Date
  valid_until: Date
  status: CouponStatus
  created_at: Date
}

const STATUS = `case when c.state <> 'active' then 'disabled' when c.valid_from > now() then 'upcoming'
  when c.valid_until <= now() then 'ended' when c.claims >= c.most_claims then 'exhausted' else 'active' end`

/** The columns of a coupon, for a query over `coupon c`. */
export const COUPON_COLUMNS = `c.id, c.code, c.name, c.type, c.value, c.least_fen, c.most_claims, c.claims, c.valid_from,
  c.valid_until, c.created_at, ${STATUS} as status`

function toCoupon(row: Row): Coupon {
  const { id, code, name, type, value, claims, status } = row
  return {
    ...{ id, code, name, type, value, claims, status },
    leastFen: row.least_fen,
    mostClaims: row.most_claims,
    validFrom: row.valid_from,
    validUntil: row.valid_until,
    createdAt: row.created_at,
  }
}

const addCoupon = statement(
  'add coupon',
  `insert into coupon as c (code, name, type, value, least_fen, most_claims, valid_from, valid_until, created_by)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COUPON_COLUMNS}`,
)

export type CouponInput = Pick<
  Coupon,
  'code' | 'name' | 'type' | 'value' | 'leastFen' | 'mostClaims' | 'validFrom' | 'validUntil'
>

const MOST: Readonly<Record<CouponType, bigint>> = {
  percent: 10_000n,
  amount: 100_000_000n,
  credits: 10_000_000_000n,
}

/**
 * Makes a coupon, as an operator does. Its code is one whatever the case.
 * @throws input_invalid, coupon_exists
 */
export async function createCoupon(
  context: Context,
  operator: Pick<Actor, 'accountId'>,
  input: CouponInput,
): Promise<Coupon> {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(input.code))
    throw refusal('input_invalid', { field: 'code', problem: 'format' })
  if (input.value < 1n) throw refusal('input_invalid', { field: 'value', problem: 'too_small' })
  if (input.value > MOST[input.type]) throw refusal('input_invalid', { field: 'value', problem: 'too_large' })
  if (input.validUntil <= input.validFrom)
    throw refusal('input_invalid', { field: 'valid_until', problem: 'too_small' })
  const { code, name, type, value, leastFen, mostClaims, validFrom, validUntil } = input
  const values = [code, name, type, value, leastFen, mostClaims, validFrom, validUntil, operator.accountId]
  try {
    const [row] = await context.db.rows<Row>(addCoupon, values)
    if (!row) throw new Error('the coupon was not stored')
    return toCoupon(row)
  } catch (error) {
    if (violatedUnique(error) === 'one_coupon_per_code') throw refusal('coupon_exists', { code })
    throw error
  }
}

/** Coupons, newest first, with how many match. Disabled ones are for operators. */
export async function listCoupons(
  context: Context,
  request: PageRequest & { status: CouponStatus | null; withDisabled: boolean },
): Promise<Page<Coupon>> {
  const { page, limit, status, withDisabled } = request
  const matching = sql`from coupon c where ${withDisabled ? sql`true` : sql`c.state = 'active'`}
    ${status === null ? sql`` : sql`and ${sql.raw(STATUS)} = ${status}`}`
  const [rows, count] = await Promise.all([
    sql<Row>`select ${sql.raw(COUPON_COLUMNS)} ${matching} order by c.id desc
      limit ${limit} offset ${(page - 1) * limit}`.execute(context.db.kysely),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(context.db.kysely),
  ])
  return toPage({ page, limit }, rows.rows.map(toCoupon), count.rows[0]?.total ?? 0)
}

/** A coupon in an account's hands. `ended` is unused and past its time. */
export type ClaimStatus = 'unused' | 'reserved' | 'used' | 'ended'

export type CouponClaim = {
  id: bigint
  status: ClaimStatus
  coupon: Coupon
  claimedAt: Date
  usedAt: Date | null
  /** The handle of the order that has it. */
  orderHandle: string | null
}

type ClaimRow = Row & {
  claim_id: bigint
  claim_status: ClaimStatus
  claimed_at: Date
  used_at: Date | null
  order_handle: string | null
}

const CLAIM_STATUS = `case when m.state = 'unused' and c.valid_until <= now() then 'ended' else m.state end`
const CLAIM_COLUMNS = `${COUPON_COLUMNS}, m.id as claim_id, ${CLAIM_STATUS} as claim_status, m.claimed_at, m.used_at,
  (select o.handle from payment_order o where o.id = m.order_id) as order_handle`

function toClaim(row: ClaimRow): CouponClaim {
  return {
    id: row.claim_id,
    status: row.claim_status,
    coupon: toCoupon(row),
    claimedAt: row.claimed_at,
    usedAt: row.used_at,
    orderHandle: row.order_handle,
  }
}

const claimStatement = statement('claim coupon', 'select outcome, claim_id from claim_coupon_v1($1, $2)')
const readClaim = statement(
  'coupon claim by id',
  `select ${CLAIM_COLUMNS} from coupon_claim m join coupon c on c.id = m.coupon_id where m.id = $1 and m.account_id = $2`,
)

/**
 * Takes a coupon into the caller's hands: one for each account, and no more in all than its number.
 * @throws coupon_not_found, coupon_refused
 */
export async function claimCoupon(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  couponId: bigint,
): Promise<CouponClaim> {
  const [row] = await context.db.rows<{ outcome: string; claim_id: bigint | null }>(claimStatement, [
    couponId,
    actor.accountId,
  ])
  switch (row?.outcome) {
    case 'claimed': {
      const [claim] = await context.db.rows<ClaimRow>(readClaim, [row.claim_id, actor.accountId])
      if (!claim) throw new Error(`claim ${row.claim_id} is gone`)
      return toClaim(claim)
    }
    case 'missing':
      throw refusal('coupon_not_found', { coupon: String(couponId) })
    case 'disabled':
    case 'not_begun':
    case 'ended':
    case 'exhausted':
    case 'claimed_before':
      throw refusal('coupon_refused', { problem: row.outcome })
    default:
      throw new Error(`claim_coupon_v1 answered ${row?.outcome}`)
  }
}

/** The caller's coupons, newest first, with how many match. */
export async function listClaims(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: PageRequest & { statuses: readonly ClaimStatus[] | null },
): Promise<Page<CouponClaim>> {
  const { page, limit, statuses } = request
  const matching = sql`from coupon_claim m join coupon c on c.id = m.coupon_id where m.account_id = ${actor.accountId}
    ${statuses ? sql`and ${sql.raw(CLAIM_STATUS)} = any (${[...statuses]})` : sql``}`
  const [rows, count] = await Promise.all([
    sql<ClaimRow>`select ${sql.raw(CLAIM_COLUMNS)} ${matching} order by m.id desc
      limit ${limit} offset ${(page - 1) * limit}`.execute(context.db.kysely),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(context.db.kysely),
  ])
  return toPage({ page, limit }, rows.rows.map(toClaim), count.rows[0]?.total ?? 0)
}
