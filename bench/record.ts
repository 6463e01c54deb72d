// Reads the kernel's own statements off it, so that the straight drivers run exactly these and cannot drift
// from the product: the kernel's functions are called once on a context whose database only takes notes.
import type { Statement } from '../server/src/db/database.ts'
import type { Context } from '../server/src/kernel/context.ts'
import { advanceTask } from '../server/src/kernel/generation/advance.ts'
import { claimTasks } from '../server/src/kernel/generation/claim.ts'
import { submitTask } from '../server/src/kernel/generation/submit.ts'
import { readTask, readTaskById } from '../server/src/kernel/generation/task.ts'
import { PROMPT, submissionOf } from './seed.ts'

export type Recorded = { what: Statement; values: readonly unknown[] }

export type MoneyStatements = {
  submit: Recorded
  status: Recorded
  statusById: Recorded
  claim: Recorded
  finish: Recorded
}

export async function recordStatements(context: Context): Promise<MoneyStatements> {
  const actor = { accountId: 0n }
  const { model } = context.catalog.quote('image', null, 1)
  const prompt = submissionOf(PROMPT, 1)
  if (prompt.kind !== 'image') throw new Error('a picture was meant')
  const claimed = {
    ...{ id: 0n, account_id: 0n, model_id: model.id, cost: 200_000n, deadline: new Date(), operation: null },
    ...{ generation: 1, attempts: 1, max_attempts: 5, attempt_generation: 1, remote_id: null, unanswered: 0 },
    ...{ price_subject: 'kind:image', price_version: 1, explanation: null, refused_by: [] },
    ...{ kind: 'image' as const, input: prompt.input },
  }
  const never = new AbortController().signal
  return {
    submit: await recordOne(context, (noting) => submitTask(noting, actor, prompt)),
    status: await recordOne(context, (noting) => readTask(noting, actor, '')),
    statusById: await recordOne(context, (noting) => readTaskById(noting, actor, 0n)),
    claim: await recordOne(context, (noting) => claimTasks(noting, 'bench', 1, 60_000)),
    finish: await recordOne(context, (noting) => advanceTask(noting, claimed, never)),
  }
}

async function recordOne(context: Context, act: (noting: Context) => Promise<unknown>): Promise<Recorded> {
  const calls: Recorded[] = []
  const rows = async <Row>(what: Statement, values: readonly unknown[]): Promise<Row[]> => {
    calls.push({ what, values })
    return [{ outcome: 'submitted', task_id: 0n, available: 0n, done: true, cost: 0n, charged: 0n }] as Row[]
  }
  await act({
    ...context,
    db: { ...context.db, rows },
    events: { ...context.events, publish: () => {} },
    files: { ...context.files, put: async () => {} },
  })
  const [only, ...others] = calls
  if (!only || others.length > 0) {
    throw new Error(
      `expected one statement, saw ${calls.map(({ what }) => what.name).join(', ') || 'none'}: the peer must follow`,
    )
  }
  return only
}
