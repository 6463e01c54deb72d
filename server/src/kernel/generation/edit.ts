import { statement } from '../../db/database.ts'
import type { Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import { quoteTask } from '../metering/quote-task.ts'
import { checkWords, textsOf } from '../moderation/check-words.ts'
import { credits } from '../money.ts'
import type { Json } from '../ports/provider.ts'
import { checkInput } from './check-input.ts'
import { APPROVAL_MS, OPEN_MODELS, type Submission } from './submit.ts'
import type { Task, TaskName, TaskReach } from './task.ts'
import { readTask } from './task.ts'
import type { TaskInput } from './task-input.ts'
import { sourceOf } from './task-input.ts'

/** What an edited task is to do from now on. */
export type Edit = TaskInput & {
  /** The model's number. */
  model: bigint
  parameters: Json
  origin: Origin
  modelStates?: Submission['modelStates']
}

const readSource = statement('source of task', `select input ->> 'source' as source from task where id = $1`)

const editTaskStatement = statement(
  'edit task',
  `select outcome, available, was_member from edit_task_v3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
     make_interval(secs => $14), $15, $16, $17, $18)`,
)

/**
 * Replaces what a task within reach is to do, as long as it has not begun. With another model it is priced anew,
 * at its owner's expense, and always where the price is measured. Where tasks need approval, an edited one needs it again: what was approved is not what
 * would run (facts/aigentools.md, B5).
 *
 * @throws task_not_found, task_not_editable, insufficient_credits, model_not_found, input_invalid,
 *   content_refused
 */
export async function editTask(
  context: Context,
  reach: TaskReach,
  named: TaskName,
  edit: Edit,
): Promise<Task> {
  const source = sourceOf(edit)
  let unused: string | null | undefined = source
  try {
    checkInput(context, edit)
    const task = await readTask(context, reach, named)
    const accountId = reach.accountId ?? task.accountId
    await checkWords(context, { accountId, kind: edit.kind, texts: textsOf(edit) })
    const [before] = await context.db.rows<{ source: string | null }>(readSource, [task.id])
    await write(context, reach, task, edit)
    // The picture of before serves nobody now.
    unused = before?.source
    context.events.publish('queue')
    context.events.publish('task', task.id)
    return await readTask(context, reach, named)
  } finally {
    if (unused != null) await context.files.remove(unused)
  }
}

async function write(context: Context, reach: TaskReach, task: Task, edit: Edit): Promise<void> {
  const { preset } = context
  const { kind, input, origin, modelStates = OPEN_MODELS } = edit
  for (let tries = 0; tries < 5; tries += 1) {
    const quote = quoteTask(context, edit, edit.model, modelStates)
    const [row] = await context.db.rows<{
      outcome: string
      available: bigint | null
      was_member: boolean | null
    }>(editTaskStatement, [
      context.keys.chain,
      task.id,
      reach.accountId,
      kind,
      quote.model.id,
      modelStates,
      quote.subject,
      quote.version,
      quote.cost,
      quote.cost === 0n ? 'free' : null,
      JSON.stringify(input),
      JSON.stringify(edit.parameters),
      preset.needsApproval ? 'awaiting_approval' : 'queued',
      (preset.needsApproval ? APPROVAL_MS : preset.taskMs) / 1000,
      origin.ip,
      origin.device,
      context.preset.membersGenerateFree ?? false,
      quote.metered && JSON.stringify(quote.metered),
    ])
    switch (row?.outcome) {
      case 'edited':
        return
      case 'not_editable':
        throw refusal('task_not_editable', { id: task.handle })
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
        throw new Error(`edit_task_v3 answered ${row?.outcome}`)
    }
  }
  throw refusal('unavailable')
}
