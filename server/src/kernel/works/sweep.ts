import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { prefixOf } from './store-key.ts'

const filesToRemove = statement(
  'files to remove',
  `select f.id, f.store_key, t.input ->> 'source' as source
   from file f join work w on w.id = f.work_id join task t on t.id = w.task_id
   where w.deleted_at is not null and f.removed_at is null limit 500`,
)
const markRemoved = statement('mark files removed', 'update file set removed_at = now() where id = any ($1)')

/** Removes the files of deleted works from the store, and their thumbnails, which have no rows. @returns how many rows. */
export async function sweepFiles(context: Context): Promise<number> {
  const rows = await context.db.rows<{ id: bigint; store_key: string; source: string | null }>(
    filesToRemove,
    [],
  )
  for (const prefix of new Set(rows.map((row) => prefixOf(row.store_key))))
    await context.files.removeAll(prefix)
  for (const source of new Set(rows.map((row) => row.source))) {
    if (source !== null) await context.files.remove(source)
  }
  if (rows.length > 0) await context.db.rows(markRemoved, [rows.map((row) => row.id)])
  return rows.length
}
