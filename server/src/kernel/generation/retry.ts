import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import { quoteTask } from '../metering/quote-task.ts'
import { checkWords, textsOf } from '../moderation/check-words.ts'
import { credits } from '../money.ts'
import { OPEN_MODELS } from './submit.ts'
import type { Task, TaskName } from './task.ts'
import { readTask } from './task.ts'
import type { TaskInput } from './task-input.ts'

const readForRetry = statement('task for retry', 'select model_id, kind, input from task where id = $1')

const retryTaskStatement = statement(
  'retry task',
  'select outcome, available, was_member from retry_task_v4($1, $2, $3, $4, $5, $6, $7, $8, make_interval(secs => $9), $10, $11, $12, $13)',
)

/**
 * Starts the caller's failed task again, with a new hold at today's price.
 *
 * @throws task_not_found, task_not_owned, task_not_retryable (it did not fail, or another retry was faster),
 *   insufficient_credits, model_not_found, account_disabled, content_refused
 */
export async function retryTask(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  named: TaskName,
  origin: Origin,
): Promise<Task> {
  const task = await readTask(context, { accountId: null }, named)
  // Whoever pays decides; an administrator does not pay with another's credits.
  if (task.accountId !== actor.accountId) throw refusal('task_not_owned', { id: task.handle })
  const [stored] = await context.db.rows<TaskInput & { model_id: bigint }>(readForRetry, [task.id])
  if (!stored) throw refusal('task_not_found', { id: task.handle })
  const { accountId } = actor
  await checkWords(context, { accountId, kind: stored.kind, texts: textsOf(stored) })
  for (let tries = 0; tries < 5; tries += 1) {
    const quote = quoteTask(context, stored, stored.model_id, OPEN_MODELS)
    const [row] = await context.db.rows<{
      outcome: string
      available: bigint | null
      was_member: boolean | null
    }>(retryTaskStatement, [
      context.keys.chain,
      actor.accountId,
      task.id,
      OPEN_MODELS,
      quote.subject,
      quote.version,
      quote.cost,
      quote.cost === 0n ? 'free' : null,
      context.preset.taskMs / 1000,
      origin.ip,
      origin.device,
      context.preset.membersGenerateFree ?? false,
      quote.metered && JSON.stringify(quote.metered),
    ])
    switch (row?.outcome) {
      case 'retried':
        context.events.publish('queue')
        context.events.publish('task', task.id)
        return readTask(context, actor, named)
      case 'account_ended':
        throw refusal('account_disabled')
      case 'not_retryable':
        throw refusal('task_not_retryable', { id: task.handle })
      case 'insufficient':
        throw refusal('insufficient_credits', {
          required: quote.cost,
          available: credits(row.available ?? 0n),
          wasMember: row.was_member ?? false,
        })
      case 'price_changed':
        await context.catalog.reload()
        break
      default:
        throw new Error(`retry_task_v4 answered ${row?.outcome}`)
    }
  }
  throw refusal('unavailable')
}
