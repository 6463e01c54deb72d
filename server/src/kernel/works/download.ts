import type { Readable } from 'node:stream'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { TaskFile } from '../generation/task.ts'
import { toFileName } from './file-url.ts'
import { shortTitle } from './title.ts'
import type { Work, WorkViewRow } from './work.ts'
import { readWork, toWork, WORK_VIEW } from './work.ts'

/** An output to be saved: where it lies, and what it is called where it is saved. */
export type Download = { workId: bigint; file: TaskFile; name: string }

/**
 * The outputs of the caller's work, each under a name of its own.
 * @throws work_not_found, also for somebody else's; work_not_ready before there are any
 */
export async function findDownloads(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<Download[]> {
  const downloads = downloadsOf(await readWork(context, actor, workId))
  if (downloads.length === 0) throw refusal('work_not_ready', { id: String(workId) })
  return downloads
}

const readReady = statement(
  'ready works by number',
  `select ${WORK_VIEW} from work w join task t on t.id = w.task_id
   where w.id = any ($1) and w.account_id = $2 and w.deleted_at is null and w.state = 'ready' order by w.id`,
)

/** The outputs of those of the works that are the caller's and have some. */
export async function findAllDownloads(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workIds: readonly bigint[],
): Promise<Download[]> {
  const rows = await context.db.rows<WorkViewRow>(readReady, [workIds, actor.accountId])
  return rows.flatMap((row) => downloadsOf(toWork(row)))
}

/** A download whose content is read while it is sent. */
export type OpenDownload = Download & { bytes: number; content: Readable }

/**
 * Opens one output of the caller's work, the first unless its place, from 0, is given.
 * @throws what `findDownloads` throws; input_invalid for `index` where there are not so many
 */
export async function openDownload(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
  place = 0,
): Promise<OpenDownload> {
  const download = (await findDownloads(context, actor, workId))[place]
  if (!download) throw refusal('input_invalid', { field: 'index', problem: 'too_large' })
  const stat = await context.files.stat(download.file.storeKey)
  if (!stat) throw refusal('work_not_found', { id: String(workId) })
  return { ...download, bytes: stat.bytes, content: context.files.read(download.file.storeKey) }
}

function downloadsOf(work: Work): Download[] {
  const title = toFileName(shortTitle(work))
  return work.files.map((file, index) => {
    const extension = file.storeKey.slice(file.storeKey.lastIndexOf('.'))
    const place = work.files.length > 1 ? `-${index + 1}` : ''
    return { workId: work.workId, file, name: `${title}${place}${extension}` }
  })
}
