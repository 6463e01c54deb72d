import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'

/** A broken rule of the books: which, and where it shows. */
export type Finding = { check: string; details: Record<string, string> }

// Walks every wallet's chain from its first entry: places without gaps, balances that follow from one
// another, hashes that follow from the content. Reads only; PostgreSQL does the hashing.
const brokenEntries = statement(
  'verify entries',
  `with checked as (
     select e.*,
       coalesce(lag(hash) over chain, '\\x00') as previous_hash,
       coalesce(lag(available_after) over chain, 0) as previous_available,
       coalesce(lag(held_after) over chain, 0) as previous_held,
       row_number() over chain as place
     from entry e where account_id > $2 and account_id <= $3
     window chain as (partition by account_id order by sequence))
   select account_id::text as account, sequence::text as sequence,
     case when sequence <> place then 'gap'
       when available_before <> previous_available then 'balance before'
       when available_after <> available_before + (credit = 'available')::int * amount - (debit = 'available')::int * amount
         then 'balance after'
       when held_after <> previous_held + (credit = 'held')::int * amount - (debit = 'held')::int * amount then 'held'
       else 'hash' end as problem
   from checked
   where sequence <> place or available_before <> previous_available
     or available_after <> available_before + (credit = 'available')::int * amount - (debit = 'available')::int * amount
     or held_after <> previous_held + (credit = 'held')::int * amount - (debit = 'held')::int * amount
     or hash <> entry_hash_v1($1, previous_hash, entry_content_v1(account_id, sequence, kind, topic, debit, credit,
       amount, available_before, available_after, held_after, effect, task_id, reason, operator_id, ip, device,
       created_at))
   limit 20`,
)

const brokenWallets = statement(
  'verify wallets',
  `select w.account_id::text as account, w.available::text, coalesce(s.available, 0)::text as entries_say
   from wallet w left join lateral (
     select sum((credit = 'available')::int * amount - (debit = 'available')::int * amount) as available,
       sum((credit = 'held')::int * amount - (debit = 'held')::int * amount) as held,
       sum((credit = 'revenue')::int * amount) as spent,
       count(*) as entries,
       (array_agg(hash order by sequence desc))[1] as head
     from entry e where e.account_id = w.account_id) s on true
   where w.account_id > $1 and w.account_id <= $2
     and (w.available <> coalesce(s.available, 0) or w.held <> coalesce(s.held, 0) or w.spent <> coalesce(s.spent, 0)
       or w.entries <> s.entries or w.chain <> coalesce(s.head, '\\x00'))
   limit 20`,
)

const brokenHolds = statement(
  'verify holds',
  `select h.id::text as hold, h.state, t.state as task_state,
     case when h.state = 'open' and t.state in ('succeeded', 'failed', 'canceled') and t.hold_id = h.id then 'open after its task ended'
       when h.state <> 'open' and t.state in ('awaiting_approval', 'queued', 'running', 'unknown') and t.hold_id = h.id then 'settled before its task ended'
       when t.hold_id = h.id and t.charged <> h.captured and t.state in ('succeeded', 'failed', 'canceled') then 'charged is not captured'
       when t.hold_id = h.id and (t.explanation ->> 'charged')::bigint <> t.charged and t.state in ('succeeded', 'failed', 'canceled') then 'explained is not charged'
       else 'open beside its task''s own' end as problem
   from hold h join task t on t.id = h.task_id
   where h.account_id > $1 and h.account_id <= $2 and (
     (h.state = 'open' and t.state in ('succeeded', 'failed', 'canceled'))
     or (h.state <> 'open' and t.state in ('awaiting_approval', 'queued', 'running', 'unknown') and t.hold_id = h.id)
     or (t.hold_id = h.id and t.charged <> h.captured and t.state in ('succeeded', 'failed', 'canceled'))
     or (t.hold_id = h.id and (t.explanation ->> 'charged')::bigint <> t.charged and t.state in ('succeeded', 'failed', 'canceled'))
     or (h.state = 'open' and t.hold_id <> h.id))
   limit 20`,
)

const heldOverall = statement(
  'verify held',
  `select w.account_id::text as account, w.held::text, coalesce(h.open, 0)::text as open_holds
   from wallet w left join lateral (
     select sum(amount) as open from hold where account_id = w.account_id and state = 'open') h on true
   where w.account_id > $1 and w.account_id <= $2 and w.held <> coalesce(h.open, 0) limit 20`,
)

const brokenVouchers = statement(
  'verify vouchers',
  `select w.account_id::text as account, w.vouchers::text, coalesce(v.total, 0)::text as entries_say
   from wallet w left join lateral (
     select sum(amount) as total, (array_agg(balance_after order by id desc))[1] as last
     from voucher_entry where account_id = w.account_id) v on true
   where w.account_id > $1 and w.account_id <= $2
     and (w.vouchers <> coalesce(v.total, 0) or w.vouchers <> coalesce(v.last, 0))
   limit 20`,
)

const accountRange = statement('last account', 'select coalesce(max(account_id), 0) as last from wallet')

// So many wallets a statement: none runs for long, and each sees one consistent moment.
const WALLETS_AT_ONCE = 1_000n

/**
 * Checks all books of the site: chains, balances, holds against tasks, vouchers. Works on a live system; each batch of
 * wallets is read in one snapshot.
 *
 * @returns what is broken; an empty list means that the books are true.
 */
export async function verifyLedger(context: Context): Promise<Finding[]> {
  const findings: Finding[] = []
  const [range] = await context.db.rows<{ last: bigint }>(accountRange, [])
  const last = range?.last ?? 0n
  const add = (check: string, rows: Record<string, string>[]): void => {
    findings.push(...rows.map((details) => ({ check, details })))
  }
  for (let from = 0n; from < last; from += WALLETS_AT_ONCE) {
    const to = from + WALLETS_AT_ONCE
    add('entries', await context.db.rows(brokenEntries, [context.keys.chain, from, to]))
    add('wallets', await context.db.rows(brokenWallets, [from, to]))
    add('holds', await context.db.rows(brokenHolds, [from, to]))
    add('held', await context.db.rows(heldOverall, [from, to]))
    add('vouchers', await context.db.rows(brokenVouchers, [from, to]))
  }
  return findings
}
