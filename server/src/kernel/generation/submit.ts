import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import { credits } from '../money.ts'
import type { Json } from '../ports/provider.ts'
import type { ImageInput, TaskInput, VideoInput } from './task-input.ts'
import { outputsOf } from './task-input.ts'

export type Submission = TaskInput & {
  /** The model's name, or null for the default of the kind. */
  model: string | null
  /** What the client asked for in its own words, shown again in its history. */
  parameters: Json
  idempotencyKey: IdempotencyKey | null
  origin: Origin
}

type Row = { outcome: string; task_id: bigint | null; available: bigint | null }

const submitTaskStatement = statement(
  'submit task',
  `select outcome, task_id, available from submit_task_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
     make_interval(secs => $12), $13, $14, $15, $16, $17, $18)`,
)

const MOST_ATTEMPTS = 5

/**
 * Submits a task: in one statement the idempotency key, the price it was quoted, the hold, the task and its
 * work; or, when it is refused, nothing.
 *
 * @returns the task's number, and whether an earlier request with the same key had made it.
 * @throws model_not_found, insufficient_credits, idempotency_key_reused, account_disabled, input_invalid
 */
export async function submitTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  submission: Submission,
): Promise<{ taskId: bigint; repeated: boolean }> {
  const source = submission.kind === 'custom' ? undefined : submission.input.source
  let isKept = false
  try {
    if (submission.kind === 'image') checkImageInput(context, submission.input)
    else if (submission.kind === 'video') checkVideoInput(context, submission.input)
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
  const { kind, input, idempotencyKey, origin } = submission
  // A price that changed since the catalogue was read is quoted again; it cannot change faster than this.
  for (let tries = 0; tries < 5; tries += 1) {
    const quote = context.catalog.quote(kind, submission.model, outputsOf(submission))
    const handle = context.preset.taskHandle(kind, context.clock.now().getTime(), context.ids.token(9))
    const [row] = await context.db.rows<Row>(submitTaskStatement, [
      context.keys.chain,
      actor.accountId,
      handle,
      kind,
      quote.model.id,
      quote.subject,
      quote.version,
      quote.cost,
      quote.cost === 0n ? 'free' : null,
      JSON.stringify(input),
      JSON.stringify(submission.parameters),
      context.preset.taskMs / 1000,
      MOST_ATTEMPTS,
      idempotencyKey?.scope ?? null,
      idempotencyKey?.key ?? null,
      idempotencyKey?.bodyHash ?? null,
      origin.ip,
      origin.device,
    ])
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
        })
      case 'account_ended':
        throw refusal('account_disabled')
      case 'price_changed':
        await context.catalog.reload()
        break
      default:
        throw new Error(`submit_task_v1 answered ${row?.outcome}`)
    }
  }
  throw refusal('unavailable')
}

const MOST_PROMPT_CHARACTERS = 8_000
const MOST_OUTPUTS = 10
const LEAST_SIDE = 64

const LONGEST_CLIP_SECONDS = 60

function within(field: string, value: number, least: number, most: number): void {
  if (!Number.isFinite(value)) throw refusal('input_invalid', { field, problem: 'type' })
  if (value < least) throw refusal('input_invalid', { field, problem: 'too_small' })
  if (value > most) throw refusal('input_invalid', { field, problem: 'too_large' })
}

function checkPromptAndSize(context: Context, input: ImageInput | VideoInput): void {
  if (input.prompt.length > MOST_PROMPT_CHARACTERS) {
    throw refusal('input_invalid', { field: 'prompt', problem: 'too_long' })
  }
  within('size', Math.min(input.width, input.height), LEAST_SIDE, context.preset.maxSide)
  within('size', Math.max(input.width, input.height), LEAST_SIDE, context.preset.maxSide)
  within('seed', input.seed, 1, 2_147_483_647)
}

function checkVideoInput(context: Context, input: VideoInput): void {
  // A picture alone is enough to make a clip from.
  if (input.prompt.trim() === '' && !input.source)
    throw refusal('input_invalid', { field: 'prompt', problem: 'missing' })
  checkPromptAndSize(context, input)
  within('seconds', input.seconds, 1, LONGEST_CLIP_SECONDS)
  within('fps', input.fps, 1, 60)
}

function checkImageInput(context: Context, input: ImageInput): void {
  if (input.prompt.trim() === '') throw refusal('input_invalid', { field: 'prompt', problem: 'missing' })
  checkPromptAndSize(context, input)
  within('count', input.count, 1, MOST_OUTPUTS)
  within('guidance', input.guidance, 0, 30)
}
