import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Shape } from '../ports/platform.ts'
import { hashtagsIn, toPlainText } from './plain-text.ts'

/** A file of a work as a publication keeps it. */
export type ContentFile = { storeKey: string; mediaType: string; bytes: number }

/** What of a work is published, as it was at the time. Lies in `publication.content`. */
export type Content = {
  shape: Shape
  title: string
  /** Markdown. */
  body: string
  tags: string[]
  files: ContentFile[]
  thumbnail: ContentFile | null
}

type WorkRow = {
  state: string
  title: string | null
  body: string | null
  prompt: string | null
  files: (ContentFile & { role: string })[] | null
}

const readWorkStatement = statement(
  'work to publish',
  `select w.state, w.title, w.body, t.input ->> 'prompt' as prompt, (
     select json_agg(json_build_object('role', f.role, 'storeKey', f.store_key, 'mediaType', f.media_type,
       'bytes', f.bytes) order by f.role, f.position)
     from file f where f.work_id = w.id and f.removed_at is null) as files
   from work w join task t on t.id = w.task_id
   where w.id = $1 and w.account_id = $2 and w.deleted_at is null`,
)

const LONGEST_TITLE = 60

/**
 * The caller's finished work as something to publish.
 *
 * @throws work_not_found for a missing, deleted or foreign one, work_not_publishable while it is unfinished or when
 *   there is nothing in it that a platform takes
 */
export async function readWorkToPublish(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  workId: bigint,
): Promise<Content> {
  const [row] = await context.db.rows<WorkRow>(readWorkStatement, [workId, actor.accountId])
  if (!row) throw refusal('work_not_found', { id: String(workId) })
  const files = (row.files ?? []).filter(({ role }) => role === 'output').map(withoutRole)
  const thumbnail = row.files?.find(({ role }) => role === 'thumbnail')
  const isArticle = row.body !== null && files.length === 0
  const body = (isArticle ? row.body : row.prompt) ?? ''
  const shape = isArticle ? 'article' : shapeOf(files)
  if (row.state !== 'ready' || shape === null) throw refusal('work_not_publishable', { id: String(workId) })
  return {
    shape,
    title: titleOf(row.title || body),
    body,
    tags: hashtagsIn(body),
    files,
    thumbnail: thumbnail ? withoutRole(thumbnail) : null,
  }
}

const withoutRole = ({ storeKey, mediaType, bytes }: ContentFile): ContentFile => ({
  storeKey,
  mediaType,
  bytes,
})

/** Null when no platform takes such files. */
function shapeOf(files: readonly ContentFile[]): Shape | null {
  if (files.length === 0) return null
  if (files.every(({ mediaType }) => mediaType.startsWith('image/'))) return 'pictures'
  return files.length === 1 && files[0]?.mediaType === 'video/mp4' ? 'video' : null
}

/** The first line without marks, cut where a title is too long anywhere. */
function titleOf(body: string): string {
  const line = toPlainText(body.trim().split('\n', 1)[0] ?? '')
  return [...line].slice(0, LONGEST_TITLE).join('')
}
