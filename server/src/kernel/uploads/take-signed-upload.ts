import { createHash } from 'node:crypto'
import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { SignedRequest } from './signed-request.ts'
import { authenticateSigned } from './signed-request.ts'
import type { CleanPicture } from './take-picture.ts'
import { cleanPicture } from './take-picture.ts'
import { readUploadName } from './upload-name.ts'

/** The front-end's own bound (facts/aigentools.md, 2.5). */
export const LARGEST_UPLOAD = 5 * 1_048_576
/** Enough for a day's work on one account, and too little to host files for others: a gigabyte at most. */
export const UPLOADS_A_DAY = 200

const ownerOfName = statement('owner of upload', 'select account_id from upload where name = $1')

const countUpload = statement(
  'count upload',
  `insert into upload_count as c (account_id, day, uploads) values ($1, (now() at time zone 'utc')::date, 1)
   on conflict (account_id, day) do update set uploads = c.uploads + 1 where c.uploads < $2
   returning uploads`,
)

const addLooseFile = statement('add loose file', 'insert into loose_file (store_key) values ($1)')
// The sweeper takes it after an hour, and must not have begun.
const claimLooseFile = statement(
  'claim loose file',
  `delete from loose_file where store_key = $1 and since > now() - interval '50 minutes' returning store_key`,
)
const insertUpload = statement(
  'insert upload',
  `insert into upload (account_id, name, store_key, media_type, bytes) values ($1, $2, $3, $4, $5)
   on conflict on constraint one_upload_per_name do nothing returning id`,
)
const lockUpload = statement(
  'lock upload',
  'select account_id, store_key from upload where name = $1 for update',
)
const replaceUpload = statement(
  'replace upload',
  `update upload set store_key = $3, media_type = $4, bytes = $5, created_at = now(),
     due_at = now() + interval '30 days'
   where name = $2 and account_id = $1`,
)

/**
 * Takes a picture in that a user's OSS client sends under a grant of ours (`mintUploadGrant`): who and what is
 * checked before a byte of it is read, then what the bytes are. It is re-encoded, stored under a key of ours and
 * recorded under the client's name. The same account may send the same name again: the later one stays, and of
 * two at once either.
 *
 * @returns the MD5 of what was sent, as OSS answers it.
 * @throws what `authenticateSigned` does; input_invalid for `name`, for `body` (too_large, format) or for `digest`;
 *   forbidden when the name is another account's; rate_limited
 */
export async function takeSignedUpload(context: Context, request: SignedRequest): Promise<{ md5: Buffer }> {
  const actor = await authenticateSigned(context, request)
  const name = readUploadName(request.path)
  if (name === null) throw refusal('input_invalid', { field: 'name', problem: 'format' })
  const tooLarge = refusal('input_invalid', { field: 'body', problem: 'too_large' })
  if (Number(request.headers['content-length'] ?? 0) > LARGEST_UPLOAD) throw tooLarge
  await refuseOften(context, actor)
  const [owner] = await context.db.rows<{ account_id: bigint }>(ownerOfName, [name])
  if (owner && owner.account_id !== actor.accountId) throw refusal('forbidden')
  await countOnce(context, actor)

  const bytes = await readAtMost(request.body, LARGEST_UPLOAD, tooLarge)
  const md5 = createHash('md5').update(bytes).digest()
  const digest = request.headers['content-md5']
  if (digest !== undefined && digest !== md5.toString('base64'))
    throw refusal('input_invalid', { field: 'digest', problem: 'format' })
  await keep(context, actor, name, await cleanPicture('body', bytes))
  return { md5 }
}

/** In the class of writing routes, which this is one of. */
async function refuseOften(context: Context, actor: Actor): Promise<void> {
  const { points, perSeconds } = context.preset.limits.write
  const wait = await context.limiter.take({ name: 'write', points, perSeconds }, `account:${actor.accountId}`)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
}

const DAY_SECONDS = 86_400

/** Counted when it begins: one that fails has cost as much. */
async function countOnce(context: Context, actor: Actor): Promise<void> {
  if ((await context.db.rows(countUpload, [actor.accountId, UPLOADS_A_DAY])).length > 0) return
  const passed = Math.floor(context.clock.now().getTime() / 1000) % DAY_SECONDS
  throw refusal('rate_limited', { retryAfterSeconds: DAY_SECONDS - passed })
}

async function readAtMost(body: AsyncIterable<Uint8Array>, most: number, tooLarge: Error): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.byteLength
    if (total > most) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Whatever breaks off here leaves a loose file at worst, which the sweeper finds. */
async function keep(context: Context, actor: Actor, name: string, picture: CleanPicture): Promise<void> {
  const storeKey = `${context.ids.token(32)}.${picture.extension}`
  await context.db.rows(addLooseFile, [storeKey])
  await context.files.put(storeKey, picture.bytes)
  const row = [actor.accountId, name, storeKey, picture.mediaType, picture.bytes.byteLength]
  await context.db.transaction(async (within) => {
    if ((await within.rows(claimLooseFile, [storeKey])).length === 0)
      throw new Error('an upload took so long that its file was cleared away')
    if ((await within.rows(insertUpload, row)).length > 0) return
    await replace(within, actor, name, row)
  })
}

async function replace(
  within: Queryable,
  actor: Actor,
  name: string,
  row: readonly unknown[],
): Promise<void> {
  const [present] = await within.rows<{ account_id: bigint; store_key: string | null }>(lockUpload, [name])
  if (present?.account_id !== actor.accountId) throw refusal('forbidden')
  await within.rows(replaceUpload, row)
  if (present.store_key !== null) await within.rows(addLooseFile, [present.store_key])
}
