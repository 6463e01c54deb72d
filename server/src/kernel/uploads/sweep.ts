import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'

const looseFiles = statement(
  'loose files',
  `select store_key from loose_file where since < now() - interval '1 hour' order by since limit 500`,
)
const forgetLooseFiles = statement('forget loose files', 'delete from loose_file where store_key = any ($1)')

// A work names an upload when its task's input does, in whatever field; deleted works name nothing any more.
const putOffUsed = statement(
  'put off used uploads',
  `with due as (
     select id, account_id, name from upload
     where store_key is not null and due_at < now() order by due_at limit 200),
   named as (
     select distinct w.account_id, name[1] as name
     from (select distinct account_id from due) o
     join work w on w.account_id = o.account_id and w.deleted_at is null
     join task t on t.id = w.task_id
     cross join regexp_matches(t.input::text || t.parameters::text, 'uploads/[A-Za-z0-9._%-]+', 'g') as name)
   update upload u set due_at = now() + interval '30 days' from due
   where u.id = due.id and (
     exists (select from named where named.account_id = due.account_id and named.name = due.name)
     or exists (select from account a where a.id = due.account_id and a.role = 'admin'))`,
)
const unusedUploads = statement(
  'unused uploads',
  'select id, store_key from upload where store_key is not null and due_at < now() order by due_at limit 200',
)
const emptyUpload = statement(
  'empty upload',
  'update upload set store_key = null where id = $1 and store_key = $2 and due_at < now()',
)

const putOffUsedSent = statement(
  'put off used sent files',
  `with due as (
     select id, account_id, store_key from sent_file where due_at < now() order by due_at limit 200),
   named as (
     select distinct w.account_id, key[1] as key
     from (select distinct account_id from due) o
     join work w on w.account_id = o.account_id and w.deleted_at is null
     join task t on t.id = w.task_id
     cross join regexp_matches(t.input::text || t.parameters::text, '[a-z0-9]{16,64}[.][a-z0-9]{1,8}', 'g') as key)
   update sent_file s set due_at = now() + interval '30 days' from due
   where s.id = due.id and (
     exists (select from named where named.account_id = due.account_id and named.key = due.store_key)
     or exists (select from account a where a.id = due.account_id and a.role = 'admin'))`,
)
const letGoSent = statement(
  'let go of unused sent files',
  `with unused as (
     delete from sent_file where id in (
       select id from sent_file where due_at < now() order by due_at limit 200 for update skip locked)
     returning store_key, preview_key)
   insert into loose_file (store_key, since)
   select key, now() - interval '2 hours' from unused, unnest(array[store_key, preview_key]) as key
   on conflict do nothing`,
)

/**
 * Removes files that no row names, an hour after they were written or replaced, and uploads that no work of their
 * account has named for 30 days. An upload stays as long as one does, and an administrator's (logos, samples)
 * always; its name stays its owner's for ever.
 */
export async function sweepUploads(context: Context): Promise<void> {
  await context.db.rows(putOffUsedSent, [])
  await context.db.rows(letGoSent, [])
  const loose = await context.db.rows<{ store_key: string }>(looseFiles, [])
  for (const { store_key } of loose) await context.files.remove(store_key)
  if (loose.length > 0) await context.db.rows(forgetLooseFiles, [loose.map((row) => row.store_key)])

  await context.db.rows(putOffUsed, [])
  const unused = await context.db.rows<{ id: bigint; store_key: string }>(unusedUploads, [])
  for (const { id, store_key } of unused) {
    // First the file: a row that names none is forgotten, a file without a row would never be.
    await context.files.remove(store_key)
    await context.db.rows(emptyUpload, [id, store_key])
  }
}
