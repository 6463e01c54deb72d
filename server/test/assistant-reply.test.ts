import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { setAccountState } from '../src/kernel/accounts/administer.ts'
import type { Reply, ReplyEnding } from '../src/kernel/assistant/reply.ts'
import { closeDesk } from '../src/kernel/assistant/reply-desk.ts'
import { sendMessage } from '../src/kernel/assistant/send-message.ts'
import { setSetting } from '../src/kernel/catalog/administer.ts'
import { ensureConnections } from '../src/kernel/catalog/ensure-connections.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import type { Provider } from '../src/kernel/ports/provider.ts'
import { createOpenAiCompatible } from '../src/providers/openai/openai.ts'
import type { AssistantStage, AssistantUser } from './assistant-stage.ts'
import { inHand, openAssistantStage } from './assistant-stage.ts'
import { providerFailure, until, withPart } from './contracts/stage.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { breaksWith, writes } from './fakes/writing.ts'
import { createLoopbackOutbound } from './providers/loopback-outbound.ts'
import { startOpenAiStandIn } from './providers/openai-stand-in.ts'
import { chunk } from './providers/openai-wire.ts'

let stage: AssistantStage
before(async () => {
  stage = await openAssistantStage(plaza)
})
after(async () => {
  await stage.assertTrue()
  await stage.close()
})

const message = (content: string) => ({
  conversationId: null,
  content,
  model: null,
  idempotencyKey: null,
  origin: { ip: null, device: null },
})

function hear(reply: Reply): { text: () => string; ended: Promise<ReplyEnding> } {
  let text = ''
  const ended = new Promise<ReplyEnding>((resolve) => {
    reply.follow({
      onText: (piece) => {
        text += piece
      },
      onEnd: resolve,
    })
  })
  return { text: () => text, ended }
}

/** A reply whose first word has come and is on record. */
async function halfway(user: AssistantUser, words = '一半') {
  const vendor = inHand()
  stage.writer.nextText.push(vendor.write)
  const sending = sendMessage(stage.site.context, user, message('说吧'))
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

const stateOf = async ({ taskId }: Reply) => {
  const [row] = await stage.rows<{ state: string; charged: bigint; said: string; content: string }>(
    `select t.state, t.charged, m.state as said, m.content from task t join message m on m.task_id = t.id
     where t.id = $1 and m.role = 'assistant'`,
    [taskId],
  )
  assert.ok(row)
  return [row.state, row.charged, row.said, row.content]
}

describe('a reply that its process loses', () => {
  test('is ended by whoever claims it, with the words on record, and no vendor is asked again', async () => {
    const user = await stage.user()
    const { vendor, reply } = await halfway(user)
    const asked = stage.writer.asked.length
    const { ended } = hear(reply)
    await stage.rows(`update task set due_at = now() - interval '1 second' where id = $1`, [reply.taskId])
    const worker = stage.site.startWorker()
    assert.deepEqual(await ended, { state: 'broken' })
    await vendor.aborted
    await worker.stop(1_000)
    assert.deepEqual(await stateOf(reply), ['succeeded', 10_000n, 'broken', '一半'])
    assert.equal(await stage.balance(user), 99)
    assert.equal(stage.writer.asked.length, asked)
  })

  test('costs nothing when not a word is on record', async () => {
    const user = await stage.user()
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const sending = sendMessage(stage.site.context, user, message('说吧'))
    await vendor.asked
    await stage.rows(`update task set due_at = now() - interval '1 second' where account_id = $1`, [
      user.accountId,
    ])
    const worker = stage.site.startWorker()
    await assert.rejects(sending, { code: 'reply_failed' })
    await worker.stop(1_000)
    assert.equal(await stage.balance(user), 100)
  })

  test('a sweep past its deadline, or the account’s closing, ends it by the same rule', async () => {
    for (const end of [
      async ({ taskId }: Reply) => {
        await stage.rows(`update task set deadline = now() - interval '1 second' where id = $1`, [taskId])
        await sweepTasks(stage.site.context)
      },
      (_reply: Reply, { accountId }: AssistantUser) =>
        setAccountState(stage.site.context, accountId, 'closed'),
    ]) {
      const user = await stage.user()
      const { vendor, reply } = await halfway(user)
      const { ended } = hear(reply)
      await end(reply, user)
      assert.deepEqual(await ended, { state: 'broken' })
      await vendor.aborted
      const [, charged, said, content] = await stateOf(reply)
      assert.deepEqual([charged, said, content], [10_000n, 'broken', '一半'])
      assert.equal(await stage.balance(user), 99)
    }
  })

  test('a process that stops keeps what there is', async () => {
    const user = await stage.user()
    const { reply } = await halfway(user)
    await closeDesk(stage.site.context)
    assert.deepEqual(await stateOf(reply), ['succeeded', 10_000n, 'stopped', '一半'])
  })
})

test('readers: the last to leave ends it, one that is too slow does not', async () => {
  const user = await stage.user()
  const vendor = inHand()
  stage.writer.nextText.push(vendor.write)
  let leave = (): void => {}
  const sending = sendMessage(stage.site.context, user, {
    ...message('说吧'),
    whenLeft: (listener) => {
      leave = listener
    },
  })
  await vendor.asked
  vendor.say('慢')
  const reply = await sending
  reply.leave('slow')
  leave()
  vendor.say('慢说')
  vendor.end()
  await until(
    async () => String((await stateOf(reply))[2]),
    (said) => said !== 'writing',
  )
  assert.deepEqual(await stateOf(reply), ['succeeded', 10_000n, 'done', '慢慢说'])
})

test('another channel is asked only while nothing can have been done, on the same hold', async () => {
  const asked: string[] = []
  let fails: 'unavailable' | 'ambiguous' = 'unavailable'
  // Which is asked first is drawn: the first that is asked fails.
  const provider = (name: string): Provider => ({
    ...createFakeProvider({ repeatable: false }),
    name,
    write: (job, call) => {
      asked.push(name)
      const write = asked.length === 1 ? breaksWith(providerFailure(fails)) : writes('换了一家')
      return write(job, call)
    },
  })
  const own = await openAssistantStage(plaza, { providers: [provider('sketch'), provider('second')] })
  try {
    await own.rows(
      `insert into channel (model_id, provider, vendor_model) select id, 'second', 'x' from model where name = 'gpt-4'`,
    )
    await own.site.context.catalog.reload()
    const user = await own.user()
    const reply = await sendMessage(own.site.context, user, message('说吧'))
    const { text, ended } = hear(reply)
    assert.deepEqual([await ended, text()], [{ state: 'done' }, '换了一家'])
    assert.deepEqual([...asked].sort(), ['second', 'sketch'])
    const attempts = await own.rows<{ state: string }>(
      'select state from attempt where task_id = $1 order by id',
      [reply.taskId],
    )
    assert.deepEqual(
      attempts.map(({ state }) => state),
      ['failed', 'succeeded'],
    )
    assert.equal(await own.balance(user), 99)

    asked.length = 0
    fails = 'ambiguous'
    await assert.rejects(sendMessage(own.site.context, user, message('说吧')), { code: 'reply_failed' })
    assert.equal(asked.length, 1)
    assert.equal(await own.balance(user), 99)
    await own.assertTrue()
  } finally {
    await own.close()
  }
})

test('at the vendor’s own wire the connection is closed within two seconds of a stop and of a client that leaves', async () => {
  const vendor = await startOpenAiStandIn()
  const outbound = createLoopbackOutbound()
  const own = await openAssistantStage(plaza, { providers: [createOpenAiCompatible(outbound)], outbound })
  try {
    await ensureConnections(own.site.context, { openai: { url: vendor.url, key: vendor.key } })
    const user = await own.user()
    for (const how of ['stop', 'leave'] as const) {
      const closed = Promise.withResolvers<number>()
      vendor.next.push((response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(chunk('开头'))
        void once(response, 'close').then(() => closed.resolve(performance.now()))
      })
      const leave = new AbortController()
      const answer = await own.call(
        'POST',
        '/assistant/chat',
        user,
        { message: '说吧' },
        { signal: leave.signal },
      )
      await answer.until(({ type }) => type === 'token')
      const [row] = await own.rows<{ id: bigint }>('select max(id) as id from conversation')
      const at = performance.now()
      if (how === 'stop') await own.call('POST', `/assistant/conversations/${row?.id}/stop`, user)
      else leave.abort()
      const tookMs = (await closed.promise) - at
      assert.ok(tookMs < 2_000, `${how}: ${tookMs} ms`)
    }
    await until(
      () => own.rows(`select from message where state = 'writing'`),
      (rows) => rows.length === 0,
    )
    assert.equal(await own.balance(user), 98)
    await own.assertTrue()
  } finally {
    await own.close()
    await vendor.close()
  }
})

test('nothing of a conversation stands in the log, also when things fail', async () => {
  const user = await stage.user()
  const lines: string[] = []
  const note = (details: object, text: string): void => {
    lines.push(
      text,
      ...Object.values(details).map((one) =>
        one instanceof Error
          ? String(one.stack)
          : JSON.stringify(one, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      ),
    )
  }
  await withPart(
    stage.site.context,
    'log',
    { debug: note, info: note, warn: note, error: note },
    async () => {
      for (const failing of [
        breaksWith(new Error('私密的话 repeated by a vendor')),
        breaksWith(providerFailure('unavailable'), '私密的答'),
      ]) {
        stage.writer.nextText.push(failing)
        await sendMessage(stage.site.context, user, message('私密的话')).then(
          (reply) => hear(reply).ended,
          () => {},
        )
      }
      await stage.rows(
        `alter table message add constraint no_secrets check (content <> '私密的话') not valid`,
      )
      await assert.rejects(sendMessage(stage.site.context, user, message('私密的话')))
      await stage.rows('alter table message drop constraint no_secrets')
    },
  )
  assert.ok(lines.some((line) => line.includes('did not write a reply')))
  assert.doesNotMatch(lines.join('\n'), /私密/)
})

test('an operator sets how much is remembered and what a reply costs', async () => {
  const user = await stage.user()
  const { context } = stage.site
  await setSetting(context, 'assistant_memory_tokens', 500)
  await context.catalog.reload()
  assert.equal(context.preset.assistantMemoryTokens, 500)
  await assert.rejects(setSetting(context, 'assistant_reply_tokens', 'many'), { code: 'input_invalid' })
  await stage.rows(
    `insert into price (subject, version, credits, source) values ('kind:chat', 2, 30000, 'operator')`,
  )
  await hear(await sendMessage(context, user, message('贵一点'))).ended
  assert.equal(await stage.balance(user), 97, 'also where the price was read before it changed')
})
