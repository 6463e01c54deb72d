import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import type { Credits } from '../money.ts'
import { credits, MOST_CREDITS } from '../money.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

/** What a code is worth: credits, or so many days of one of the site's plans. */
export type CodeWorth =
  | { kind: 'credits'; credits: Credits }
  | { kind: 'membership'; plan: string; level: 1 | 2; days: number }

/** A code as operators see it: only its end, because the code itself is kept nowhere. */
export type RedeemCode = {
  id: bigint
  hint: string
  label: string
  worth: CodeWorth
  state: 'active' | 'disabled'
  createdAt: Date
  expiresAt: Date | null
  usedBy: string | null
  usedAt: Date | null
}

const LENGTH = 16
const MOST_AT_ONCE = 1_000
const MOST_DAYS = 36_500
/** Refused codes in an hour. Those of an office behind one address are counted together. */
const MISSES = { account: 10, address: 100 }

const addCodes = statement(
  'add redeem codes',
  `insert into redeem_code (code_hash, hint, label, kind, credits, plan, level, days, expires_at, created_by)
   select code.hash, code.hint, $3, $4, $5, $6, $7, $8, $9, $10 from unnest($1::bytea[], $2::text[]) as code (hash, hint)`,
)

/**
 * Makes codes of 80 random bits each. They are returned here and never again: the database has their HMAC alone, so a copy of it
 * redeems none.
 *
 * @param input.worth credits, or days of the plan `plan`, whose level they have whatever becomes of it.
 * @throws plan_not_found, input_invalid
 */
export async function createRedeemCodes(
  context: Context,
  input: {
    count: number
    worth: { kind: 'credits'; credits: Credits } | { kind: 'membership'; plan: string; days: number }
    label: string
    expiresAt: Date | null
    operatorId: bigint | null
  },
): Promise<string[]> {
  const { count, worth, label, expiresAt } = input
  requireBetween('count', count, 1, MOST_AT_ONCE)
  if (label.length > 100) throw refusal('input_invalid', { field: 'label', problem: 'too_long' })
  if (expiresAt !== null && expiresAt <= context.clock.now())
    throw refusal('input_invalid', { field: 'expires', problem: 'too_small' })
  if (worth.kind === 'credits') requireBetween('credits', worth.credits, 1n, MOST_CREDITS)
  else requireBetween('days', worth.days, 1, MOST_DAYS)
  const isTime = worth.kind === 'membership'
  const plan = isTime ? context.preset.plans?.find(({ id }) => id === worth.plan) : undefined
  if (isTime && !plan) throw refusal('plan_not_found', { id: worth.plan })
  const codes = Array.from({ length: count }, () => context.ids.token(LENGTH).toUpperCase())
  await context.db.rows(addCodes, [
    codes.map((code) => hashOf(context, code)),
    codes.map((code) => code.slice(-4)),
    label,
    worth.kind,
    isTime ? null : worth.credits,
    plan?.id ?? null,
    plan ? (plan.level ?? 1) : null,
    isTime ? worth.days : null,
    expiresAt,
    input.operatorId,
  ])
  return codes
}

function requireBetween(
  field: string,
  size: number | bigint,
  least: number | bigint,
  most: number | bigint,
): void {
  if (typeof size === 'number' && !Number.isSafeInteger(size))
    throw refusal('input_invalid', { field, problem: 'format' })
  if (size < least) throw refusal('input_invalid', { field, problem: 'too_small' })
  if (size > most) throw refusal('input_invalid', { field, problem: 'too_large' })
}

const hashOf = ({ keys }: Context, code: string): Buffer => keys.codeHash('redeem', code)

/** As people type codes: in either case, in groups. */
const normalize = (text: string): string => text.replace(/[\s-]/g, '').toUpperCase()

const redeem = statement(
  'redeem code',
  'select outcome, code_id, retry_after from redeem_code_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
)
type Redeemed = { outcome: string; code_id: bigint | null; retry_after: number | null }

/**
 * Redeems a code for the caller: once ever, whoever else sends it at the same time.
 *
 * @param field what the document calls the code.
 * @returns what it was worth.
 * @throws redeem_code_refused, input_invalid for an empty one, rate_limited after too many refused ones, idempotency_key_reused,
 *   account_disabled
 */
export async function redeemCode(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: { code: string; field: string; idempotencyKey: IdempotencyKey | null; origin: Origin },
): Promise<CodeWorth> {
  const { idempotencyKey: key, origin } = input
  const code = normalize(input.code)
  if (code === '') throw refusal('input_invalid', { field: input.field, problem: 'missing' })
  const [row] = await context.db.rows<Redeemed>(redeem, [
    context.keys.chain,
    actor.accountId,
    hashOf(context, code),
    MISSES.account,
    MISSES.address,
    key?.scope ?? null,
    key?.key ?? null,
    key?.bodyHash ?? null,
    origin.ip,
    origin.device,
  ])
  const id = requireRedeemed(row)
  const [found] = await context.db.rows<Row>(readCode, [id])
  if (!found) throw new Error(`redeem code ${id} is gone`)
  const { worth } = toCode(found)
  // A membership counts from the next request on.
  if (worth.kind === 'membership') context.events.publish('account', actor.accountId)
  return worth
}

function requireRedeemed(row: Redeemed | undefined): bigint {
  switch (row?.outcome) {
    case 'unknown':
    case 'used':
    case 'expired':
      throw refusal('redeem_code_refused', { problem: row.outcome })
    case 'limited':
      throw refusal('rate_limited', { retryAfterSeconds: Math.max(1, row.retry_after ?? 1) })
    case 'key_conflict':
      throw refusal('idempotency_key_reused')
    case 'account_ended':
      throw refusal('account_disabled')
  }
  if (!row || row.code_id === null) throw new Error(`redeem_code_v1 answered ${row?.outcome}`)
  return row.code_id
}

const COLUMNS = `c.id, c.hint, c.label, c.kind, c.credits, c.plan, c.level, c.days, c.state, c.created_at as "createdAt",
  c.expires_at as "expiresAt", a.username as "usedBy", c.used_at as "usedAt"`
const FROM = 'from redeem_code c left join account a on a.id = c.used_by'
const readCode = statement('redeem code by id', `select ${COLUMNS} ${FROM} where c.id = $1`)
const listCodes = statement(
  'list redeem codes',
  `select ${COLUMNS} ${FROM} where $1::text is null or c.label = $1 order by c.id desc limit $2 offset $3`,
)
const countCodes = statement(
  'count redeem codes',
  'select count(*) as total from redeem_code where $1::text is null or label = $1',
)

type Row = Omit<RedeemCode, 'worth'> & {
  kind: 'credits' | 'membership'
  credits: bigint | null
  plan: string | null
  level: 1 | 2 | null
  days: number | null
}

function toCode({ kind, credits: amount, plan, level, days, ...rest }: Row): RedeemCode {
  return {
    ...rest,
    worth:
      kind === 'credits'
        ? { kind, credits: credits(amount ?? 0n) }
        : { kind, plan: plan ?? '', level: level ?? 1, days: days ?? 0 },
  }
}

/** The codes of a label, or all, newest first. */
export async function listRedeemCodes(
  context: Context,
  request: PageRequest & { label: string | null },
): Promise<Page<RedeemCode>> {
  const { page, limit, label } = request
  const [rows, [count]] = await Promise.all([
    context.db.rows<Row>(listCodes, [label, limit, (page - 1) * limit]),
    context.db.rows<{ total: bigint }>(countCodes, [label]),
  ])
  return toPage({ page, limit }, rows.map(toCode), count?.total ?? 0)
}

const disableCodes = statement(
  'disable redeem codes',
  `update redeem_code set state = 'disabled'
   where used_by is null and state = 'active' and (id = $1 or label = $2 or code_hash = $3) returning id`,
)

/**
 * Switches off codes that nobody has redeemed yet: one by its number or as it is written, or all of a label.
 * @returns how many.
 */
export async function disableRedeemCodes(
  context: Context,
  which: { id: bigint } | { label: string } | { code: string },
): Promise<number> {
  const rows = await context.db.rows(disableCodes, [
    'id' in which ? which.id : null,
    'label' in which ? which.label : null,
    'code' in which ? hashOf(context, normalize(which.code)) : null,
  ])
  return rows.length
}
