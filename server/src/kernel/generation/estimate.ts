import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { TaskInput } from './task-input.ts'

/** What is said of a kind until a task of it has come to be: the documents' own examples. */
const UNTIL_KNOWN = { image: 30, video: 120 } as const
const USUAL_SECONDS = 30
/** A sample a second says as much of a model as all of them, and its row is no place to queue for. */
const LEARN_EVERY_MS = 1_000

const readEstimate = statement(
  'read estimate',
  `select seconds from estimate where model_id = $1 and kind = $2 order by abs(size - $3), size limit 1`,
)
const learnStatement = statement(
  'learn from task',
  `insert into estimate (model_id, kind, size, seconds, samples)
   select t.model_id, t.kind, $2, greatest(0, extract(epoch from t.finished_at - t.attempt_at)), 1
   from task t where t.id = $1 and t.state = 'succeeded' and t.attempt_at is not null
   on conflict on constraint one_estimate_per_size do update set
     seconds = estimate.seconds + (excluded.seconds - estimate.seconds) * greatest(0.2, 1.0 / (estimate.samples + 1)),
     samples = least(estimate.samples + 1, 1000000), updated_at = now()`,
)

/** How large a task is, for how long it takes: its pictures, or the seconds of its clip. */
function sizeOf(what: TaskInput): number {
  const size = what.kind === 'image' ? what.input.count : what.kind === 'video' ? what.input.seconds : 1
  return Math.min(1_000, Math.max(1, Math.round(size)))
}

/**
 * About how many seconds such a task takes once it has begun: as long as past ones of the model and of the size that
 * comes nearest. Nothing is made up for other sizes, since some vendors take as long for four pictures as for one and
 * others four times as long; each size tells of itself as soon as one has come to be. One row is read.
 *
 * @returns whole seconds, at least 1.
 */
export async function estimateSeconds(context: Context, modelId: bigint, what: TaskInput): Promise<number> {
  const [row] = await context.db.rows<{ seconds: number }>(readEstimate, [modelId, what.kind, sizeOf(what)])
  const usual = what.kind === 'image' || what.kind === 'video' ? UNTIL_KNOWN[what.kind] : USUAL_SECONDS
  return Math.max(1, Math.ceil(row?.seconds ?? usual))
}

/** When a process last learned of each model and size. */
const lastLearned = new WeakMap<Context, Map<string, number>>()

/**
 * Lets the estimates learn from a task that has come to be. Never more than once a second for a model and size, and
 * never in anybody's way: an estimate is not worth a failure.
 */
export async function learnFrom(
  context: Context,
  task: TaskInput & { id: bigint; model_id: bigint },
): Promise<void> {
  const size = sizeOf(task)
  const now = context.clock.now().getTime()
  const key = `${task.model_id}/${task.kind}/${size}`
  const learned = lastLearned.get(context) ?? new Map<string, number>()
  lastLearned.set(context, learned)
  if (now - (learned.get(key) ?? Number.NEGATIVE_INFINITY) < LEARN_EVERY_MS) return
  learned.set(key, now)
  try {
    await context.db.rows(learnStatement, [task.id, size])
  } catch (error) {
    context.log.debug({ task: task.id, error }, 'an estimate could not be learned')
  }
}
