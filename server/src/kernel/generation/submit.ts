import { statement } from '../../db/database.ts'
import type { ModelState } from '../catalog/catalog.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import { quoteTask } from '../metering/quote-task.ts'
import { checkWords, textsOf } from '../moderation/check-words.ts'
import { credits } from '../money.ts'
import type { Json } from '../ports/provider.ts'
import { checkInput } from './check-input.ts'
import type { TaskInput } from './task-input.ts'
import { sourceOf } from './task-input.ts'

export type Submission = TaskInput & {
  /** The model's name or number, or null for the default of the kind. */
  model: string | bigint | null
  /** What the client asked for in its own words, shown again in its history. */
  parameters: Json
  idempotencyKey: IdempotencyKey | null
  origin: Origin
  /** Which models may be used; an administrator tries drafts out. Open ones unless given. */
  modelStates?: readonly ModelState[]
}

export const OPEN_MODELS: readonly ModelState[] = ['open']
/** How long a task waits for approval before it is given up and paid back. */
export const APPROVAL_MS = 30 * 86_400_000

type Row = {
  outcome: string
  task_id: bigint | null
  available: bigint | null
  was_member: boolean | null
  quota_limit?: number
  wait_seconds?: number
}

const submitTaskStatement = statement(
  'submit task',
  `select outcome, task_id, available, was_member from submit_task_v4($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
     make_interval(secs => $14), $15, $16, $17, $18, $19, $20, $21, $22)`,
)

const submitWithinQuota = statement(
  'submit task within quota',
  `select outcome, task_id, available, was_member, quota_limit, wait_seconds
   from submit_within_quota_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
     make_interval(secs => $14), $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
)

/**
 * Submits a task: in one statement the idempotency key, the price it was quoted, the hold, the task and its
 * work; or, when it is refused, nothing.
 *
 * @returns the task's number, and whether an earlier request with the same key had made it.
 * @throws model_not_found, quota_spent, insufficient_credits, idempotency_key_reused, account_disabled, input_invalid,
 *   content_refused
 */
export async function submitTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  submission: Submission,
): Promise<{ taskId: bigint; repeated: boolean }> {
  const source = sourceOf(submission)
  let isKept = false
  try {
    checkInput(context, submission)
    const { kind, idempotencyKey } = submission
    const texts = textsOf(submission)
    await checkWords(context, { accountId: actor.accountId, kind, texts, idempotencyKey })
    const submitted = await submit(context, actor, submission)
    isKept = !submitted.repeated
    return submitted
  } finally {
    // A picture that was taken in for a task which did not come to be serves nobody.
    if (source !== undefined && !isKept) await context.files.remove(source)
  }
}

async function submit(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  submission: Submission,
): Promise<{ taskId: bigint; repeated: boolean }> {
  const { kind, input, idempotencyKey, origin, modelStates = OPEN_MODELS } = submission
  const { preset } = context
  const timeMs = preset.needsApproval ? APPROVAL_MS : preset.taskMs
  const quota = kind === 'image' || kind === 'video' ? preset.quotas?.[kind] : undefined
  // A price that changed since the catalogue was read is quoted again; it cannot change faster than this.
  for (let tries = 0; tries < 5; tries += 1) {
    const quote = quoteTask(context, submission, submission.model, modelStates)
    const handle = preset.taskHandle(kind, context.clock.now().getTime(), context.ids.token(9))
    const values = [
      context.keys.chain,
      actor.accountId,
      handle,
      kind,
      quote.model.id,
      modelStates,
      quote.subject,
      quote.version,
      quote.cost,
      quote.cost === 0n ? 'free' : null,
      JSON.stringify(input),
      JSON.stringify(submission.parameters),
      preset.needsApproval ? 'awaiting_approval' : 'queued',
      timeMs / 1000,
      preset.mostAttempts,
      idempotencyKey?.scope ?? null,
      idempotencyKey?.key ?? null,
      idempotencyKey?.bodyHash ?? null,
      origin.ip,
      origin.device,
      context.preset.membersGenerateFree ?? false,
      quote.metered && JSON.stringify(quote.metered),
    ]
    const [row] = await (quota
      ? context.db.rows<Row>(submitWithinQuota, [...values, quota.users, quota.members])
      : context.db.rows<Row>(submitTaskStatement, values))
    switch (row?.outcome) {
      case 'submitted':
      case 'repeated':
        if (row.task_id === null) throw new Error('a stored key always has its task')
        if (row.outcome === 'submitted') context.events.publish('queue')
        return { taskId: row.task_id, repeated: row.outcome === 'repeated' }
      case 'key_conflict':
        throw refusal('idempotency_key_reused')
      case 'insufficient':
        throw refusal('insufficient_credits', {
          required: quote.cost,
          available: credits(row.available ?? 0n),
          wasMember: row.was_member ?? false,
        })
      case 'quota_spent':
        throw refusal('quota_spent', {
          quota: kind === 'video' ? 'video' : 'image',
          limit: row.quota_limit ?? 0,
          retryAfterSeconds: row.wait_seconds ?? 0,
        })
      case 'account_ended':
        throw refusal('account_disabled')
      case 'price_changed':
        await context.catalog.reload()
        break
      default:
        throw new Error(`submit_task_v4 answered ${row?.outcome}`)
    }
  }
  throw refusal('unavailable')
}
