import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { DirectGrant } from '../ports/direct-uploads.ts'
import { uploadPlace } from './addresses.ts'
import { mintUploadGrant } from './grant.ts'

/** What a user's OSS client is told. `endpoint` is null where the region alone says where to go. */
export type UploadTicket = DirectGrant & { endpoint: string | null }

/** As OSS clients want one; nothing else reads it when there is an endpoint. */
const OWN_REGION = 'oss-local'

/** The shortest that Aliyun gives. */
const DIRECT_SECONDS = 900
const MOST_SKEW_MS = 15 * 60_000
const SLICE_MS = 1_000_000

/**
 * Lets a user upload pictures: straight to the storage service where it gives out temporary keys, otherwise to
 * this site, with keys of our own.
 *
 * @throws unavailable when the storage service does not answer or refuses.
 */
export async function openUpload(context: Context, actor: Actor): Promise<UploadTicket> {
  const { directUploads } = context
  if (directUploads === null) {
    const { endpoint, bucket } = uploadPlace(context.publicUrl)
    return { ...mintUploadGrant(context, actor), region: OWN_REGION, bucket, endpoint }
  }
  const wish = {
    holder: `${context.site}-${actor.accountId}`,
    prefixes: prefixesAround(context.clock.now()),
    seconds: DIRECT_SECONDS,
  }
  try {
    return { ...(await directUploads.grant(wish)), endpoint: null }
  } catch (error) {
    context.log.warn({ error: String(error) }, 'the storage service gave no key for an upload')
    throw refusal('unavailable')
  }
}

/**
 * What the names of uploads begin with while a grant lasts. Front-ends name them `uploads/<ms>_<random>.<ext>`
 * by their own clock, without anything of the user in it; so the time is all that a grant can be bound to. Three
 * or four beginnings of a quarter of an hour each keep a grant from overwriting anything older, by anybody.
 * A clock may be wrong by the 15 minutes that OSS allows it.
 */
function prefixesAround(now: Date): string[] {
  const first = Math.floor((now.getTime() - MOST_SKEW_MS) / SLICE_MS)
  const last = Math.floor((now.getTime() + DIRECT_SECONDS * 1000 + MOST_SKEW_MS) / SLICE_MS)
  return Array.from({ length: last - first + 1 }, (_, index) => `uploads/${first + index}`)
}
