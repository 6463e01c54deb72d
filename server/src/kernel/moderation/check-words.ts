import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { TaskInput } from '../generation/task-input.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import type { ProviderJob } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import { countRefusedRequest } from './count-refusals.ts'

// Where the operator's word list is asked: before anything is taken for a request, and again before a vendor is called.

/** What a task would not have been taken for, had it been asked for now. It ends as if its vendor had refused it. */
export class RefusedByList extends ProviderError {
  constructor() {
    super('content', 'a word of the operator’s list')
  }
}

const knownKey = statement(
  'known idempotency key',
  'select from idempotency where account_id = $1 and scope = $2 and key = $3',
)

/**
 * Refuses and counts a request that has a word of the list in it. A repeat of a request that was taken before the word
 * was on the list is not refused: it is told what became of it.
 *
 * @throws content_refused; never with the word
 */
export async function checkWords(
  context: Context,
  request: {
    accountId: bigint
    kind: string
    texts: readonly string[]
    idempotencyKey?: IdempotencyKey | null
  },
): Promise<void> {
  const { accountId, kind, texts, idempotencyKey } = request
  if (!context.words.finds(texts)) return
  if (idempotencyKey) {
    const values = [accountId, idempotencyKey.scope, idempotencyKey.key]
    if ((await context.db.rows(knownKey, values)).length > 0) return
  }
  await countRefusedRequest(context, { accountId, kind, by: 'list' })
  throw refusal('content_refused')
}

/** Before a vendor is called: the list may have grown since the task was taken. @throws RefusedByList */
export function checkBeforeCall(context: Pick<Context, 'words'>, texts: readonly string[]): void {
  if (context.words.finds(texts)) throw new RefusedByList()
}

/** After a model has written: only where the operator wants that (`moderate_outputs`). @throws RefusedByList */
export function checkWritten(context: Pick<Context, 'words' | 'preset'>, written: unknown): void {
  if (moderatesOutputs(context) && context.words.finds(stringsIn(written))) throw new RefusedByList()
}

/** Whether what models write is compared with the list, too. */
export function moderatesOutputs({ words, preset }: Pick<Context, 'words' | 'preset'>): boolean {
  return (preset.moderatesOutputs ?? false) && words.size() > 0
}

/** Everything that a task's user wrote. */
export function textsOf(what: TaskInput): string[] {
  switch (what.kind) {
    case 'image': {
      const { prompt, negativePrompt = '', style = '' } = what.input
      return [prompt, negativePrompt, style]
    }
    case 'video': {
      const { prompt, style = '' } = what.input
      return [prompt, style]
    }
    case 'text':
      return [what.input.title, ...Object.values(what.input.values)]
    case 'deck':
      return [what.input.topic, ...what.input.outline]
    case 'custom':
      return stringsIn(what.input.arguments)
  }
}

/** Everything of a job that its vendor would read, with what characters and styles added to it. */
export function textsOfJob(job: ProviderJob): string[] {
  if (job.kind === 'custom') return stringsIn(job.arguments)
  return job.kind === 'video' ? [job.prompt] : [job.prompt, job.negativePrompt ?? '']
}

/** A picture in the middle of a text: a million letters that nobody wrote. */
const INLINE_FILE = /^data:[\w.+/-]+;base64,[A-Za-z0-9+/=\s]*$/

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return INLINE_FILE.test(value) ? [] : [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((one) => stringsIn(one))
}
