import { timingSafeEqual } from 'node:crypto'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { TaskFile } from '../generation/task.ts'
import { mediaTypeOf } from './media-types.ts'
import { thumbnailKey } from './store-key.ts'

/** Files that only their owner may fetch, by extension: an address of theirs is good for a while and no longer. */
const PRIVATE_EXTENSIONS: readonly string[] = ['pptx']
/** How long such an address is good; every look at the row shows a new one. */
const PRIVATE_SECONDS = 24 * 3_600
const SIGNATURE_BYTES = 20

/** Whether a stored file is served under signed addresses alone. */
export function isPrivate(storeKey: string): boolean {
  return PRIVATE_EXTENSIONS.includes(storeKey.slice(storeKey.lastIndexOf('.') + 1))
}

/**
 * The address of a stored file: unguessable, with its real extension and no query string, so that it works in
 * an `<img src>` or a plain download without a header (decided reading *Files*). Rows hold the key; the address is made
 * when it is shown, so a site can move, and that of a private file ends 24 hours later.
 */
export function fileUrl(context: Pick<Context, 'publicUrl' | 'keys' | 'clock'>, storeKey: string): string {
  if (!isPrivate(storeKey)) return `${context.publicUrl}/files/${storeKey}`
  const expires = String(Math.floor(context.clock.now().getTime() / 1000) + PRIVATE_SECONDS)
  const signature = sign(context, expires, storeKey).toString('hex')
  return `${context.publicUrl}/files/private/${expires}.${signature}/${storeKey}`
}

/**
 * The address of a small picture of an output, made when it is first asked for (docs/decisions/0009). Null for what is
 * neither a picture nor a clip with a poster.
 */
export function thumbnailUrl(
  context: Pick<Context, 'publicUrl' | 'keys' | 'clock'>,
  { storeKey, hasPoster }: Pick<TaskFile, 'storeKey' | 'hasPoster'>,
): string | null {
  if (mediaTypeOf(storeKey)?.kind !== 'picture' && !hasPoster) return null
  return fileUrl(context, thumbnailKey(context, storeKey))
}

function sign(context: Pick<Context, 'keys'>, expires: string, storeKey: string): Buffer {
  return context.keys.codeHash('private file', expires, storeKey).subarray(0, SIGNATURE_BYTES)
}

const readPrivateFile = statement(
  'private file',
  `select f.media_type, w.title from file f join work w on w.id = f.work_id
   where f.store_key = $1 and f.removed_at is null and w.deleted_at is null`,
)

/**
 * The private file behind a signed address: what it is, and what it is called where it is saved. Null when the
 * signature is none of ours or has ended, or the work was deleted.
 */
export async function openPrivateFile(
  context: Context,
  signed: { grant: string; storeKey: string },
): Promise<{ mediaType: string; name: string } | null> {
  const [, expires, signature] = /^(\d{10,12})\.([0-9a-f]{40})$/.exec(signed.grant) ?? []
  if (expires === undefined || signature === undefined || !isPrivate(signed.storeKey)) return null
  const isOurs = timingSafeEqual(Buffer.from(signature, 'hex'), sign(context, expires, signed.storeKey))
  if (!isOurs || Number(expires) * 1000 <= context.clock.now().getTime()) return null
  const [row] = await context.db.rows<{ media_type: string; title: string }>(readPrivateFile, [
    signed.storeKey,
  ])
  if (!row) return null
  const extension = signed.storeKey.slice(signed.storeKey.lastIndexOf('.'))
  return { mediaType: row.media_type, name: `${toFileName(row.title)}${extension}` }
}

/** A title as the name of a file on any system; never cut through a character. */
export function toFileName(title: string): string {
  const clean = title
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
    .replace(/[\u0000-\u001F\u007F-\u009F<>:"/\\|?*\u200E\u200F\u202A-\u202E\u2066-\u2069]+/g, ' ')
    .replace(/\s+/g, ' ')
  const short = [...clean.trim()].slice(0, 80).join('')
  return short.replace(/^[. ]+|[. ]+$/g, '') || 'download'
}

/** RFC 6266: the name as it is, and one in ASCII for whoever cannot read that. */
export function contentDisposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7E]+/g, '_').replace(/["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
