import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { TaskState } from '../generation/task.ts'
import type { TaskKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits, toText, units } from '../money.ts'
import type { Explanation } from './explanation.ts'
import { amountOf, ruleInWords } from './price-rule.ts'

/** A task and all there is on record of what it costs. */
export type ExplainedTask = {
  id: bigint
  handle: string
  owner: string
  kind: TaskKind
  model: string
  state: TaskState
  failure: string | null
  /** Of its last hold, as they are now. */
  held: Credits
  charged: Credits
  /** Why nothing was held; null when something was. */
  freeReason: string | null
  /** Null for what has a fixed price until it is paid for, and for replies at one. */
  explanation: Explanation | null
  subject: string
  version: number
  /** Of one output, in that version. */
  price: Credits
}

type Row = Omit<ExplainedTask, 'held' | 'charged' | 'price'> & {
  held: bigint
  charged: bigint
  price: bigint | null
}

const readExplained = statement(
  'explained task',
  `select t.id, t.handle, a.username as owner, t.kind, m.name as model, t.state, t.failure, h.amount as held, t.charged,
     h.free_reason as "freeReason", t.explanation, t.price_subject as subject, t.price_version as version,
     p.credits as price
   from task t join account a on a.id = t.account_id join model m on m.id = t.model_id join hold h on h.id = t.hold_id
     left join price p on p.subject = t.price_subject and p.version = t.price_version
   where t.handle = $1 or t.id::text = $1 order by t.handle = $1 desc limit 1`,
)

/**
 * Why a task costs what it costs, whoever's it is and whether its work was deleted: for operators.
 *
 * @param named its handle or its number.
 * @throws task_not_found
 */
export async function explainTask(context: Context, named: string): Promise<ExplainedTask> {
  const [row] = await context.db.rows<Row>(readExplained, [named])
  if (!row) throw refusal('task_not_found', { id: named })
  return {
    ...row,
    held: credits(row.held),
    charged: credits(row.charged),
    price: credits(row.price ?? 0n),
  }
}

/** The same in sentences, one a line. */
export function explainedInWords(task: ExplainedTask): string[] {
  const { explanation } = task
  return [
    `Task ${task.id} (${task.kind} on ${task.model}, for ${task.owner}) ${STATES[task.state]}.`,
    priceInWords(task),
    ...(explanation?.rule
      ? [`At most, ${quantitiesInWords(explanation.most)}: ${amount(explanation.hold)}.`]
      : []),
    ...countedInWords(explanation),
    outcomeInWords(task),
  ]
}

const STATES: Readonly<Record<TaskState, string>> = {
  awaiting_approval: 'awaits approval',
  queued: 'waits for its turn',
  running: 'is running',
  unknown: 'may have been done or not',
  succeeded: 'is done',
  failed: 'failed',
  canceled: 'was canceled',
}

function priceInWords({ explanation, subject, version, price, model }: ExplainedTask): string {
  const whose = subject.startsWith('model:')
    ? `of ${model} itself`
    : `of ${subject.replace('kind:', 'every ')}`
  const what = explanation?.rule ? ruleInWords(explanation.rule) : `${amount(price)} for one output`
  return `Its price is that ${whose}, version ${version}: ${what}.`
}

function countedInWords(explanation: Explanation | null): string[] {
  const { rule, counted, by } = explanation ?? {}
  if (!counted) return []
  const who = by === 'vendor' ? 'The vendor counted' : rule ? 'We counted' : 'It came to'
  const worth = rule && counted.unit !== 'outputs' ? `: ${amount(amountOf(rule, counted))}` : ''
  return [`${who} ${quantitiesInWords(counted)}${worth}.`]
}

function outcomeInWords({ state, failure, held, charged, freeReason, explanation }: ExplainedTask): string {
  const isOver = state === 'succeeded' || state === 'failed' || state === 'canceled'
  if (held === 0n) return `Nothing was taken: ${FREE[freeReason ?? ''] ?? freeReason ?? 'it is free'}.`
  if (!isOver) return `${amount(held)} ${held === ONE ? 'is' : 'are'} held until it ends.`
  if (charged === 0n) {
    const why =
      state === 'succeeded'
        ? 'that is what it came to'
        : `it ${STATES[state]}${failure ? ` (${failure})` : ''}`
    return `Nothing was charged, and ${amount(held)} went back: ${why}.`
  }
  const { rule, counted } = explanation ?? {}
  const worth = rule && counted && counted.unit !== 'outputs' ? amountOf(rule, counted) : charged
  const beyond =
    worth > charged ? ` The other ${amount(worth - charged)} are the house's: no more was held.` : ''
  const back = held > charged ? `, and ${amount(held - charged)} went back` : ''
  return `${amount(charged)} ${charged === ONE ? 'was' : 'were'} charged${back}.${beyond}`
}

const ONE = units(1)

const FREE: Readonly<Record<string, string>> = {
  membership: 'the account was a member when it was submitted',
  free: 'it costs nothing',
}

function quantitiesInWords(quantities: Explanation['most']): string {
  switch (quantities.unit) {
    case 'tokens':
      return `${quantities.inputTokens} tokens of input and ${quantities.outputTokens} of output`
    case 'pictures': {
      const sizes = Map.groupBy(quantities.pixels, (pixels) => pixels)
      const parts = [...sizes].map(([pixels, same]) => `${same.length} of ${pixels} pixels`)
      return parts.length === 0 ? 'no pictures' : `pictures: ${parts.join(', ')}`
    }
    case 'seconds':
      return `${quantities.milliseconds / 1_000} seconds of ${quantities.pixels} pixels`
    case 'outputs':
      return `${quantities.outputs} ${quantities.outputs === 1 ? 'output' : 'outputs'}`
  }
}

function amount(stored: bigint | number): string {
  return `${toText(BigInt(stored))} ${BigInt(stored) === ONE ? 'credit' : 'credits'}`
}
