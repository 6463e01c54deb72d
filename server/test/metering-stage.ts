import assert from 'node:assert/strict'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { setPriceRule } from '../src/kernel/catalog/administer.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import type { Claimed } from '../src/kernel/generation/claim.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import type { Submission } from '../src/kernel/generation/submit.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import type { ModelKind } from '../src/kernel/generation/task-input.ts'
import { explainedInWords, explainTask } from '../src/kernel/metering/explain-task.ts'
import type { Explanation } from '../src/kernel/metering/explanation.ts'
import type { PriceRule, TokensRule } from '../src/kernel/metering/price-rule.ts'
import { credits } from '../src/kernel/money.ts'
import type { TextPart } from '../src/kernel/ports/provider.ts'
import type { Preset } from '../src/kernel/preset.ts'
import { toTextInput } from '../src/kernel/tools/text-input.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import type { FakeRenderer, FakeWriter } from './fakes/writing.ts'
import { aTool, createFakeRenderer, createFakeWriter } from './fakes/writing.ts'

/** A site whose models have rules, and a vendor that does what the test says. */
export type MeteringStage = {
  site: TestSite
  writer: FakeWriter
  renderer: FakeRenderer
  text: (topic?: string) => Submission
  deck: () => Submission
  picture: (count?: number, side?: number) => Submission
  clip: (seconds?: number) => Submission
  submit: (actor: Actor, what: Submission) => Promise<bigint>
  claimOne: () => Promise<Claimed>
  /** Claims what is due, which must be one, and takes it a step further. */
  advance: () => Promise<void>
  makeDue: () => Promise<unknown>
  setRule: (kind: ModelKind, rule: PriceRule) => Promise<number>
  wallet: (actor: Actor) => Promise<{ available: bigint; held: bigint; spent: bigint }>
  rows: <Row>(text: string, values?: unknown[]) => Promise<Row[]>
  /** What is on record of a task's price. */
  record: (id: bigint) => Promise<TaskRecord>
  words: (id: bigint) => Promise<string>
  /** Each hold of these accounts was settled once, and what was paid and what went back is what was held. */
  assertSettled: (actors: readonly Actor[]) => Promise<void>
}
type Actor = { accountId: bigint }
type TaskRecord = {
  state: string
  cost: bigint
  charged: bigint
  failure: string | null
  explanation: Explanation | null
}

/** 0.5 a thousand tokens of input, 2 a thousand of output. */
export const TEXT_RULE: TokensRule = {
  unit: 'tokens',
  inputPer1000: 5_000,
  outputPer1000: 20_000,
  minimum: 100,
  roundTo: 1,
}
/** 10 up to 100 × 100, 25 above. */
export const PICTURE_RULE: PriceRule = {
  unit: 'pictures',
  sizes: [
    { mostPixels: 10_000, credits: 100_000 },
    { mostPixels: null, credits: 250_000 },
  ],
  roundTo: 1,
}
/** 6 a second. */
export const CLIP_RULE: PriceRule = {
  unit: 'seconds',
  sizes: [{ mostPixels: null, credits: 60_000 }],
  roundTo: 1,
}

const never = new AbortController().signal
const common = { model: null, parameters: {}, idempotencyKey: null, origin: { ip: null, device: null } }

export async function openMeteringStage(preset: Partial<Preset> = {}): Promise<MeteringStage> {
  const writer = createFakeWriter({ repeatable: false })
  const renderer = createFakeRenderer()
  const site = await buildSite({
    dialect: aiCreator,
    providers: [writer],
    decks: renderer,
    preset: { writingTools: [aTool], chargeStep: credits(1n), ...preset },
  })
  const { context } = site
  const rows: MeteringStage['rows'] = async (text, values = []) =>
    (await context.db.pool.query(text, values)).rows as never
  const claimOne = async (): Promise<Claimed> => {
    const [task, ...others] = await claimTasks(context, 'test', 10, 60_000)
    assert.ok(task)
    assert.equal(others.length, 0)
    return task
  }
  return {
    site,
    writer,
    renderer,
    rows,
    claimOne,
    text: (topic = '春天') => ({ ...toTextInput(context.preset, aTool.name, { topic }), ...common }),
    deck: () => ({ kind: 'deck', input: { topic: '产品发布会', outline: ['核心功能'] }, ...common }),
    picture: (count = 1, side = 100) => ({
      kind: 'image',
      input: {
        ...{ prompt: '猫', width: side, height: side, count, seed: 7, guidance: 2.5, watermark: false },
      },
      ...common,
    }),
    clip: (seconds = 5) => ({
      kind: 'video',
      input: { prompt: '猫', width: 1_280, height: 720, seconds, fps: 24, seed: 7 },
      ...common,
    }),
    submit: async (actor, what) => (await submitTask(context, actor, what)).taskId,
    advance: async () => advanceTask(context, await claimOne(), never),
    makeDue: () => rows(`update task set due_at = now() where state in ('queued', 'running')`),
    setRule: async (kind, rule) => {
      const model = context.catalog.models().find((one) => one.kind === kind && one.isDefault)
      return setPriceRule(context, String(model?.id), rule)
    },
    wallet: async (actor) => {
      const { available, held, spent } = await readBalance(context, actor)
      return { available, held, spent }
    },
    record: async (id) => {
      const [row] = await rows<TaskRecord>(
        'select state, cost, charged, failure, explanation from task where id = $1',
        [id],
      )
      assert.ok(row)
      return row
    },
    words: async (id) => explainedInWords(await explainTask(context, String(id))).join('\n'),
    assertSettled: async (actors) => {
      const holds = await rows<{
        id: bigint
        state: string
        amount: bigint
        captured: bigint
        moved: bigint
        entries: bigint
      }>(
        `select h.id, h.state, h.amount, h.captured,
           coalesce((select sum(e.amount) from entry e where e.effect in ('resolve:' || h.id, 'difference:' || h.id)), 0)::bigint as moved,
           (select count(*) from entry e where e.effect = 'resolve:' || h.id) as entries
         from hold h where h.account_id = any ($1)`,
        [actors.map(({ accountId }) => accountId)],
      )
      for (const hold of holds) {
        assert.notEqual(hold.state, 'open')
        assert.equal(hold.moved, hold.amount, 'captured + released = held')
        assert.ok(hold.captured <= hold.amount)
        assert.equal(hold.entries, hold.amount === 0n ? 0n : 1n)
      }
    },
  }
}

/** Writes these pieces and reports this usage at the end. */
export const writesWith = (
  usage: { inputTokens: number; outputTokens: number } | null,
  ...pieces: string[]
) =>
  async function* (): AsyncGenerator<TextPart> {
    for (const text of pieces) yield { type: 'text', text }
    yield { type: 'end', reason: 'stop', usage }
  }

/** Writes for ever, whatever it was asked for, until it is hung up on. */
export function writesForEver(piece: string): {
  seen: { pieces: number; aborted: boolean }
  write: (job: unknown, options: { signal: AbortSignal }) => AsyncGenerator<TextPart>
} {
  const seen = { pieces: 0, aborted: false }
  return {
    seen,
    write: async function* (_job, { signal }) {
      signal.addEventListener('abort', () => {
        seen.aborted = true
      })
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        signal.throwIfAborted()
        seen.pieces += 1
        yield { type: 'text', text: piece }
      }
    },
  }
}
