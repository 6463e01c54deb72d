import { statement } from '../db/database.ts'
import type { Context } from './context.ts'

// Each with how long it is kept after it has served; the ledger, holds and tasks are never pruned.
const EXPIRED = [
  statement('expired sessions', `delete from session where expires_at < now() - interval '7 days'`),
  statement('expired codes', `delete from email_code where expires_at < now() - interval '1 day'`),
  statement('old idempotency keys', `delete from idempotency where created_at < now() - interval '30 days'`),
  statement('old analyses', `delete from analysis where created_at < now() - interval '13 months'`),
  statement('old upload counts', `delete from upload_count where day < (now() at time zone 'utc')::date - 1`),
  statement('partitions', 'select ensure_partitions()'),
]

const oldPartitions = statement(
  'old partitions',
  `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent in ('attempt'::regclass, 'payment_report'::regclass) and c.relname ~ '^[a-z_]+_\\d{4}_\\d{2}$'
     and right(c.relname, 7) < to_char(now() - interval '13 months', 'YYYY_MM')`,
)

/** Removes what has expired: sessions after a week, codes after a day, keys after 30 days, attempts and analyses after 13 months. */
export async function sweepExpired(context: Context): Promise<void> {
  for (const what of EXPIRED) await context.db.rows(what, [])
  for (const { name } of await context.db.rows<{ name: string }>(oldPartitions, [])) {
    // The pattern above leaves only letters, digits and underscores in the name.
    await context.db.rows(statement(`drop ${name}`, `drop table if exists ${name}`), [])
  }
}
