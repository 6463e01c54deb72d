import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { PlatformProblem } from '../errors.ts'
import type {
  Platform,
  PlatformApi,
  PlatformSecrets,
  PublishContent,
  PublishMedia,
  PublishStep,
} from '../ports/platform.ts'
import { PlatformError } from '../ports/platform.ts'
import { readStored } from '../uploads/take-picture.ts'
import type { OpenBinding } from './bound-account.ts'
import { markBroken, openBinding } from './bound-account.ts'
import type { ClaimedTarget } from './claim.ts'
import type { Content, ContentFile } from './read-work.ts'

/** How often in a row a platform may be out of reach before that is the end of it; about an hour. */
const MOST_ATTEMPTS = 12
const LONGEST_WAIT_MS = 600_000
const HANDOFF_DAYS = 14

const readContent = statement(
  'content to publish',
  `select p.content, w.deleted_at is null and a.state = 'active' as wanted
   from publication p join work w on w.id = p.work_id join account a on a.id = p.account_id where p.id = $1`,
)

/**
 * Takes a claimed platform of a publication one step further and writes what came of it, fenced by the claim's
 * generation. A call that makes something is on record before it is made; when its answer is lost, by a cut line or
 * with its worker, nobody calls again: the outcome is unknown and its user is told to look.
 *
 * @param signal aborted when the lease is lost or the worker stops.
 */
export async function advanceTarget(
  context: Context,
  target: ClaimedTarget,
  signal: AbortSignal,
): Promise<void> {
  if (target.phase === 'acting' && target.acting_at !== null) {
    await end(context, target, {
      state: 'unknown',
      reason: 'unknown',
      error: 'its worker ended in the middle of the call',
    })
    return
  }
  const [row] = await context.db.rows<{ content: Content; wanted: boolean }>(readContent, [
    target.publication_id,
  ])
  if (!row) throw new Error(`publication ${target.publication_id} of target ${target.id} is gone`)
  if (!row.wanted) {
    await fail(context, target, 'content_unfit', 'the work or its account is gone')
    return
  }
  const platform = context.platforms.get(target.platform)
  if (!platform?.api?.shapes.includes(row.content.shape)) {
    await handOff(context, target)
    return
  }
  const binding = target.binding_id === null ? null : await openBinding(context, target.binding_id)
  if (!binding || !isSameAccount(target, binding)) {
    await fail(context, target, 'credentials_wrong', 'the binding is broken, or another account is bound now')
    return
  }
  await step(context, target, platform, platform.api, binding, toContent(context, row.content), signal)
}

/** What was begun in one account is not finished in another. */
const isSameAccount = (target: ClaimedTarget, { account }: OpenBinding): boolean =>
  target.operation === null || target.remote_account === account.remoteAccount

const recordActing = statement(
  'record acting',
  `update publication_target set acting_at = now() where id = $1 and generation = $2 and state = 'publishing'
     and acting_at is null returning id`,
)

async function step(
  context: Context,
  target: ClaimedTarget,
  platform: Platform,
  api: PlatformApi,
  binding: OpenBinding,
  content: PublishContent,
  signal: AbortSignal,
): Promise<void> {
  if (target.phase === 'acting') {
    signal.throwIfAborted()
    const recorded = await context.db.rows(recordActing, [target.id, target.generation])
    if (recorded.length === 0) return
  }
  let next: PublishStep
  try {
    next = await api.advance(binding.account, content, target.operation, signal)
  } catch (error) {
    await settleError(context, target, binding, toPlatformError(error, target, signal), signal)
    return
  }
  if (next.state === 'working') await keepWorking(context, target, binding, next)
  else await end(context, target, { ...next, accountName: binding.name })
  context.log.debug({ target: target.id, platform: platform.name, state: next.state }, 'published one step')
}

/** What is no word of the platform is a fault of ours or of the store; what it means depends on what was under way. */
function toPlatformError(error: unknown, target: ClaimedTarget, signal: AbortSignal): PlatformError {
  if (error instanceof PlatformError) return error
  if (target.phase !== 'acting' && signal.aborted) throw error
  return new PlatformError('ambiguous', error instanceof Error ? error.message : String(error), {
    cause: error,
  })
}

async function settleError(
  context: Context,
  target: ClaimedTarget,
  binding: OpenBinding,
  error: PlatformError,
  signal: AbortSignal,
): Promise<void> {
  const told = withoutSecrets(error.message, binding.secrets())
  context.log.warn(
    { target: target.id, platform: target.platform, kind: error.kind, reason: error.reason, error: told },
    'a platform took no step',
  )
  if (error.kind === 'refused') {
    if (error.reason === 'credentials_wrong' && target.binding_id !== null)
      await markBroken(context, target.binding_id, binding.version())
    // Whoever may not use the API can still publish by hand.
    if (error.reason === 'no_permission' && target.phase !== 'asking') await handOff(context, target)
    else await fail(context, target, error.reason, told, error.address)
    return
  }
  if (error.kind === 'ambiguous' && target.phase === 'acting') {
    await end(context, target, { state: 'unknown', reason: 'unknown', error: told })
    return
  }
  // A worker that stops has not failed.
  if (signal.aborted) return
  if (target.attempts + 1 >= MOST_ATTEMPTS) {
    // What was done and cannot be asked after has not failed: nobody knows.
    if (target.phase === 'asking')
      await end(context, target, { state: 'unknown', reason: 'unknown', error: told })
    else await fail(context, target, 'unavailable', told)
    return
  }
  const backOffMs = Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** target.attempts)
  await context.db.rows(tryAgain, [
    target.id,
    target.generation,
    (error.retryAfterMs ?? backOffMs) / 1_000,
    told,
  ])
}

const tryAgain = statement(
  'try target again',
  `update publication_target set worker = null, acting_at = null, attempts = attempts + 1, error = $4,
     due_at = now() + make_interval(secs => $3), updated_at = now()
   where id = $1 and generation = $2 and state = 'publishing'`,
)

const keepWorkingStatement = statement(
  'keep target working',
  `update publication_target set worker = null, acting_at = null, attempts = 0, phase = $3, operation = $4,
     remote_account = $5, account_name = $6, due_at = now() + make_interval(secs => $7), updated_at = now()
   where id = $1 and generation = $2 and state = 'publishing'`,
)

async function keepWorking(
  context: Context,
  target: ClaimedTarget,
  binding: OpenBinding,
  next: PublishStep & { state: 'working' },
): Promise<void> {
  await context.db.rows(keepWorkingStatement, [
    target.id,
    target.generation,
    next.phase,
    JSON.stringify(next.operation),
    binding.account.remoteAccount,
    binding.name,
    next.afterMs / 1_000,
  ])
}

const endTarget = statement(
  'end target',
  `update publication_target set state = $3, worker = null, due_at = null, acting_at = null, remote_id = $4, url = $5,
     failure = $6, failure_address = $7, error = $8, account_name = coalesce($9, account_name), updated_at = now(),
     published_at = case when $3 in ('drafted', 'in_review', 'published') then now() end
   where id = $1 and generation = $2 and state = 'publishing'`,
)

async function end(
  context: Context,
  target: ClaimedTarget,
  outcome: {
    state: 'drafted' | 'in_review' | 'published' | 'failed' | 'unknown'
    remoteId?: string | null
    url?: string | null
    reason?: PlatformProblem
    address?: string | undefined
    error?: string
    accountName?: string
  },
): Promise<void> {
  await context.db.rows(endTarget, [
    target.id,
    target.generation,
    outcome.state,
    outcome.remoteId ?? null,
    outcome.url ?? null,
    outcome.reason ?? null,
    outcome.address ?? null,
    outcome.error ?? null,
    outcome.accountName ?? null,
  ])
}

const fail = (
  context: Context,
  target: ClaimedTarget,
  reason: PlatformProblem,
  error: string,
  address?: string,
): Promise<void> => end(context, target, { state: 'failed', reason, error, address })

const handOffStatement = statement(
  'hand target off',
  `update publication_target set state = 'handed_off', worker = null, acting_at = null, handoff_token = $3,
     due_at = now() + make_interval(days => $4), updated_at = now()
   where id = $1 and generation = $2 and state = 'publishing'`,
)

/** Gives the work to its user, on a page under an address that nobody guesses. */
async function handOff(context: Context, target: ClaimedTarget): Promise<void> {
  await context.db.rows(handOffStatement, [target.id, target.generation, context.ids.token(32), HANDOFF_DAYS])
}

function toContent(context: Context, content: Content): PublishContent {
  const media = ({ storeKey, mediaType, bytes }: ContentFile): PublishMedia => ({
    name: storeKey,
    mediaType,
    bytes,
    read: () => readStored(context, storeKey),
  })
  const { shape, title, body, tags, files, thumbnail } = content
  const pictures = files.filter(({ mediaType }) => mediaType.startsWith('image/')).map(media)
  const clip = files.find(({ mediaType }) => mediaType.startsWith('video/'))
  return {
    ...{ shape, title, body, tags, pictures },
    clip: clip ? media(clip) : null,
    cover: pictures[0] ?? (thumbnail ? media(thumbnail) : null),
  }
}

/** A platform may quote what it was sent. */
function withoutSecrets(text: string, secrets: PlatformSecrets): string {
  return Object.values(secrets)
    .filter((value) => value.length >= 4)
    .reduce((clean, value) => clean.replaceAll(value, '[redacted]'), text)
    .slice(0, 500)
}
