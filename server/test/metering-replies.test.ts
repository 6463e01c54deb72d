import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { setAccountState } from '../src/kernel/accounts/administer.ts'
import { chatTemplate } from '../src/kernel/assistant/chat-template.ts'
import type { Reply, ReplyEnding } from '../src/kernel/assistant/reply.ts'
import type { NewMessage } from '../src/kernel/assistant/send-message.ts'
import { askAssistant, sendMessage } from '../src/kernel/assistant/send-message.ts'
import { stopReply } from '../src/kernel/assistant/stop-reply.ts'
import { setPriceRule } from '../src/kernel/catalog/administer.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { countTokens, mostTokensOf } from '../src/kernel/metering/count-tokens.ts'
import { explainedInWords, explainTask } from '../src/kernel/metering/explain-task.ts'
import type { Explanation } from '../src/kernel/metering/explanation.ts'
import type { TokensRule } from '../src/kernel/metering/price-rule.ts'
import { amountOf } from '../src/kernel/metering/price-rule.ts'
import { credits, units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import type { AssistantStage, AssistantUser } from './assistant-stage.ts'
import { inHand, openAssistantStage } from './assistant-stage.ts'
import { until } from './contracts/stage.ts'
import { createUser } from './factories.ts'
import { breaksWith, endsWith } from './fakes/writing.ts'
import { writesForEver, writesWith } from './metering-stage.ts'

const RULE: TokensRule = {
  unit: 'tokens',
  inputPer1000: 10_000,
  outputPer1000: 40_000,
  minimum: 0,
  roundTo: 1,
}
const BUDGET = units(100)
const REPLY_TOKENS = 2_000

let stage: AssistantStage
before(async () => {
  stage = await openAssistantStage(plaza, {
    preset: { chargeStep: credits(1n), assistantReplyTokens: REPLY_TOKENS },
  })
  const { model } = stage.site.context.catalog.quote('chat', null, 1)
  await setPriceRule(stage.site.context, model.name, RULE)
})
after(async () => {
  await stage.assertTrue()
  await stage.close()
})
beforeEach(() => {
  Object.assign(stage.writer, { asked: [], nextText: [] })
})

const message = (content: string, conversationId: bigint | null = null): NewMessage => ({
  conversationId,
  content,
  model: null,
  idempotencyKey: null,
  origin: { ip: null, device: null },
})
const hold = (content: string, memoryBytes = 0) =>
  amountOf(RULE, {
    unit: 'tokens',
    inputTokens: mostTokensOf([chatTemplate.system, content]) + memoryBytes,
    outputTokens: REPLY_TOKENS,
  })
const worth = (inputTokens: number, outputTokens: number) =>
  amountOf(RULE, { unit: 'tokens', inputTokens, outputTokens })
const wallet = async ({ accountId }: { accountId: bigint }) => {
  const { available, held, spent } = await readBalance(stage.site.context, { accountId })
  return { available, held, spent }
}
const record = async (taskId: bigint) => {
  const [row] = await stage.rows<{
    state: string
    charged: bigint
    cost: bigint
    explanation: Explanation
    said: string
    content: string
    is_cut: boolean
  }>(
    `select t.state, t.charged, t.cost, t.explanation, m.state as said, m.content, m.is_cut
     from task t join message m on m.task_id = t.id where t.id = $1 and m.role = 'assistant'`,
    [taskId],
  )
  assert.ok(row)
  return row
}
const lastTask = async ({ accountId }: { accountId: bigint }): Promise<bigint> => {
  const [row] = await stage.rows<{ id: bigint }>('select max(id) as id from task where account_id = $1', [
    accountId,
  ])
  assert.ok(row)
  return row.id
}
const ended = (reply: Reply): Promise<ReplyEnding> =>
  new Promise((resolve) => reply.follow({ onText: () => {}, onEnd: resolve }))

/** A reply of which `words` have come and are on record. */
async function halfway(user: AssistantUser, words: string) {
  const vendor = inHand()
  stage.writer.nextText.push(vendor.write)
  const sending = sendMessage(stage.site.context, user, { ...message('说吧'), whenLeft: () => {} })
  await vendor.asked
  vendor.say(words)
  const reply = await sending
  await until(
    () =>
      stage.rows<{ content: string }>(
        'select content from message where task_id = $1 and has_text order by id desc',
        [reply.taskId],
      ),
    (rows) => rows[0]?.content === words,
  )
  return { vendor, reply }
}
/** What comes to one half of a reply to `说吧`, counted here. */
const halfWorth = (words: string) =>
  worth(countTokens([chatTemplate.system, '说吧']), Math.ceil(words.length * 0.7))
const WORDS = '天'.repeat(1_000)

test('a reply holds the worst and pays for what its vendor counted', async () => {
  const user = await stage.user()
  stage.writer.nextText.push(writesWith({ inputTokens: 300, outputTokens: 50 }, '你好。'))
  const sending = askAssistant(stage.site.context, user, message('你好'))
  await sending
  const id = await lastTask(user)
  const { charged, cost, explanation, said } = await record(id)
  assert.deepEqual([charged, cost, said], [worth(300, 50), hold('你好'), 'done'])
  assert.deepEqual(
    [explanation.by, explanation.counted],
    ['vendor', { unit: 'tokens', inputTokens: 300, outputTokens: 50 }],
  )
  assert.deepEqual(await wallet(user), { available: BUDGET - charged, held: 0n, spent: charged })
  const words = explainedInWords(await explainTask(stage.site.context, String(id))).join('\n')
  assert.match(words, /chat on [\s\S]*1 credits per 1,000 tokens of input[\s\S]*0\.5 credits were charged/)
})

test('what was said before is held for, byte by byte, and no more of it is sent than that', async () => {
  const user = await stage.user()
  const { context } = stage.site
  const first = '第一个问题'
  const { conversationId } = await askAssistant(context, user, message(first))
  // Usage of the fake: 10 and 20 tokens, and these are its words.
  const memory = Buffer.byteLength(`${first}第一段。第二段。`) + 2 * 16
  await askAssistant(context, user, message('第二个', conversationId))
  assert.equal((await record(await lastTask(user))).cost, hold('第二个', memory))
  assert.equal(stage.writer.asked.at(-1)?.messages.length, 3)
  const [shorter] = await stage.rows<{ memory: unknown[] }>(
    'select conversation_memory_v2($1, 100000, $2) as memory',
    [conversationId, memory],
  )
  assert.equal(shorter?.memory.length, 2, 'the last two of four, for as many bytes')
})

test('a reply that does not end is ended when it has been worth its hold', async () => {
  const user = await stage.user()
  const { seen, write } = writesForEver('天'.repeat(200))
  stage.writer.nextText.push(write)
  const { text } = await askAssistant(stage.site.context, user, message('说吧'))
  assert.equal(seen.aborted, true)
  const { charged, cost, said, is_cut, content } = await record(await lastTask(user))
  assert.deepEqual([charged, said, is_cut], [cost, 'done', true])
  // One piece is what was on its way when the hold was reached.
  assert.ok(halfWorth(content) - cost <= worth(0, 140), `${content.length} characters`)
  assert.equal(content, text)
  assert.deepEqual(await wallet(user), { available: BUDGET - cost, held: 0n, spent: cost })
  const before = seen.pieces
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(seen.pieces, before)
})

test('however it ends, a reply pays for the words that are kept: stopped, lost, swept, closed', async () => {
  const { context } = stage.site
  const cases: [string, (reply: Reply, user: AssistantUser) => Promise<unknown>][] = [
    ['stopped', ({ conversationId }, user) => stopReply(context, user, conversationId)],
    ['stopped', async (reply) => reply.leave('left')],
    [
      'broken',
      async ({ taskId }) => {
        await stage.rows(`update task set due_at = now() - interval '1 second' where id = $1`, [taskId])
        const worker = stage.site.startWorker()
        await until(
          () => stage.rows<{ state: string }>('select state from task where id = $1', [taskId]),
          (rows) => rows[0]?.state !== 'running',
        )
        await worker.stop(1_000)
      },
    ],
    [
      'broken',
      async ({ taskId }) => {
        await stage.rows(`update task set deadline = now() - interval '1 second' where id = $1`, [taskId])
        await sweepTasks(context)
      },
    ],
    ['broken', (_reply, { accountId }) => setAccountState(context, accountId, 'closed')],
  ]
  for (const [said, end] of cases) {
    const user = await stage.user()
    const { vendor, reply } = await halfway(user, WORDS)
    await end(reply, user)
    await vendor.aborted
    // Whoever has left is told of no end.
    await until(
      () => stage.rows<{ state: string }>('select state from task where id = $1', [reply.taskId]),
      (rows) => rows[0]?.state !== 'running',
    )
    const row = await record(reply.taskId)
    assert.deepEqual([row.said, row.content.length, row.charged], [said, WORDS.length, halfWorth(WORDS)])
    assert.deepEqual([row.explanation.by, row.explanation.charged], ['us', Number(row.charged)])
    assert.deepEqual(await wallet(user), { available: BUDGET - row.charged, held: 0n, spent: row.charged })
  }
})

test('a reply that breaks off at the vendor pays for what came; one that is refused, or says nothing, for nothing', async () => {
  for (const [write, charged] of [
    [breaksWith(new ProviderError('ambiguous', 'gone'), WORDS), halfWorth(WORDS)],
    [endsWith('content', WORDS), 0n],
    [breaksWith(new ProviderError('rejected', 'no')), 0n],
  ] as const) {
    const user = await stage.user()
    stage.writer.nextText.push(write)
    await askAssistant(stage.site.context, user, message('说吧')).catch(() => {})
    const row = await record(await lastTask(user))
    assert.deepEqual([row.charged, row.explanation.charged], [charged, Number(charged)])
    assert.deepEqual(await wallet(user), { available: BUDGET - charged, held: 0n, spent: charged })
  }
})

test('a wallet that cannot pay the hold begins no reply', async () => {
  const most = hold('你好')
  const { accountId } = await createUser(stage.site.context, credits(most - 1n))
  await assert.rejects(sendMessage(stage.site.context, { accountId }, message('你好')), {
    code: 'insufficient_credits',
  })
  assert.equal(stage.writer.asked.length, 0)
  assert.deepEqual(await stage.rows('select from conversation where account_id = $1', [accountId]), [])
})

test('of the end, a stop and a take-over at once one settles a metered reply', async () => {
  const { context } = stage.site
  const rounds = Number(process.env.RACES ?? 20)
  const ends: Record<string, number> = {}
  for (let round = 0; round < rounds; round += 1) {
    const user = await stage.user()
    const { vendor, reply } = await halfway(user, WORDS)
    const ending = ended(reply)
    const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * ms))
    await Promise.all([
      soon(4).then(() => {
        vendor.say('完')
        vendor.end()
      }),
      soon(4).then(() => stopReply(context, user, reply.conversationId)),
      soon(4).then(async () => {
        await stage.rows(
          `update task set deadline = now() - interval '1 second' where id = $1 and state = 'running'`,
          [reply.taskId],
        )
        await sweepTasks(context)
      }),
    ])
    await ending
    const row = await record(reply.taskId)
    ends[row.said] = (ends[row.said] ?? 0) + 1
    const kept = row.content
    assert.ok(kept === WORDS || kept === `${WORDS}完`)
    assert.equal(row.charged, halfWorth(kept), row.said)
    assert.deepEqual(await wallet(user), { available: BUDGET - row.charged, held: 0n, spent: row.charged })
  }
  console.log(`# ends: ${JSON.stringify(ends)}`)
})
