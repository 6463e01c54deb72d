import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AssistantStage, AssistantUser } from '../../../test/assistant-stage.ts'
import { inHand, openAssistantStage } from '../../../test/assistant-stage.ts'
import { providerFailure, until, VENDOR_WORDS } from '../../../test/contracts/stage.ts'
import { breaksWith, endsWith, writes } from '../../../test/fakes/writing.ts'
import { setAccountState } from '../../kernel/accounts/administer.ts'
import { logOut } from '../../kernel/accounts/log-out.ts'
import { units } from '../../kernel/money.ts'
import { plaza } from './dialect.ts'

/** `npm run test:races` runs all of it, CI a few. */
const ROUNDS = Number(process.env.RACES ?? 40)

let stage: AssistantStage
before(async () => {
  stage = await openAssistantStage(plaza)
})
after(async () => {
  await stage.assertTrue()
  await stage.close()
})

const chat = (user: AssistantUser | null, body: unknown, more = {}) =>
  stage.call('POST', '/assistant/chat', user, body, more)
const get = async (user: AssistantUser | null, path: string) => stage.call('GET', path, user)

type Shown = { id: string; messages: { role: string; content: string; status: string }[]; total: number }
async function conversation(user: AssistantUser, id: string): Promise<Shown> {
  const answer = await get(user, `/assistant/conversations/${id}`)
  assert.equal(answer.status, 200)
  return answer.json?.data as unknown as Shown
}

async function newest(user: AssistantUser): Promise<{ id: string }> {
  const { data } = (await get(user, '/assistant/conversations')).json ?? {}
  const [row] = (data?.list ?? []) as { id: string }[]
  assert.ok(row)
  return row
}

describe('POST /assistant/chat', () => {
  test('answers token by token and ends with the conversation', async () => {
    const user = await stage.user()
    stage.writer.nextText.push(writes('你', '好', '🙂'))
    const answer = await chat(user, { message: '你好' })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    assert.equal(answer.headers.get('cache-control'), 'no-cache')
    assert.equal(answer.headers.get('x-accel-buffering'), 'no')
    assert.equal(await answer.text(), '你好🙂')
    const { type, conversationId = '' } = answer.last() ?? { type: '' }
    assert.equal(type, 'done')
    assert.deepEqual(
      answer.events.slice(0, -1).map((event) => Object.keys(event)),
      answer.events.slice(0, -1).map(() => ['type', 'content']),
    )
    assert.equal(await stage.balance(user), 99)
    const shown = await conversation(user, conversationId)
    assert.deepEqual(
      shown.messages.map(({ role, content, status }) => [role, content, status]),
      [
        ['user', '你好', 'completed'],
        ['assistant', '你好🙂', 'completed'],
      ],
    )
  })

  test('hands on each token before the next is there', async () => {
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const user = await stage.user()
    const asking = chat(user, { message: '讲个故事' })
    await vendor.asked
    vendor.say('从前')
    const answer = await asking
    assert.equal((await answer.until(({ content }) => content === '从前'))?.type, 'token')
    vendor.say('有座山')
    assert.equal((await answer.until(({ content }) => content === '有座山'))?.type, 'token')
    vendor.end()
    assert.equal(await answer.text(), '从前有座山')
  })

  test('what is wrong before the first token is JSON with its own status, and costs nothing', async () => {
    const user = await stage.user()
    const poor = await stage.user(0)
    const other = await stage.user()
    const theirs = await chat(other, { message: '我的' })
    await theirs.text()
    const foreign = theirs.last()?.conversationId
    const asked = stage.writer.asked.length
    const cases: [AssistantUser | null, unknown, number, RegExp][] = [
      [user, { message: '' }, 400, /消息/],
      [user, { message: ' \n ' }, 400, /消息/],
      [user, {}, 400, /消息/],
      [user, { message: 1 }, 400, /消息/],
      [user, { message: 'x'.repeat(4_001) }, 400, /消息/],
      [user, { message: '好', conversationId: 1 }, 400, /./],
      [user, { message: '好', conversationId: foreign }, 404, /对话不存在/],
      [user, { message: '好', conversationId: '999999999' }, 404, /对话不存在/],
      [user, { message: '好', conversationId: 'none' }, 404, /对话不存在/],
      [poor, { message: '好' }, 400, /算力不足/],
      [null, { message: '好' }, 401, /./],
    ]
    for (const [who, body, status, words] of cases) {
      const answer = await chat(who, body)
      assert.equal(answer.status, status, JSON.stringify(body).slice(0, 80))
      assert.equal(answer.json?.code, status)
      assert.match(`${answer.json?.message} ${JSON.stringify(answer.json)}`, words)
    }
    assert.equal(stage.writer.asked.length, asked, 'no vendor was asked')
    assert.equal(await stage.balance(user), 100)
    assert.deepEqual((await get(poor, '/assistant/conversations')).json?.data?.total, 0)
  })

  test('a vendor that fails before a word is a refusal in our words, given back, and leaves no conversation', async () => {
    const user = await stage.user()
    for (const [kind, status] of [
      ['unavailable', 500],
      ['throttled', 500],
      ['failed', 500],
      ['ambiguous', 500],
      ['rejected', 400],
      ['content', 400],
    ] as const) {
      stage.writer.nextText.push(breaksWith(providerFailure(kind)))
      const answer = await chat(user, { message: '你好' })
      assert.equal(answer.status, status, kind)
      assert.ok(!JSON.stringify(answer.json).includes(VENDOR_WORDS.slice(0, 12)))
      assert.match(String(answer.json?.message), /已退还/)
    }
    stage.writer.nextText.push(writes())
    assert.equal((await chat(user, { message: '你好' })).status, 500, 'an empty reply is none')
    assert.equal(await stage.balance(user), 100)
    assert.equal((await get(user, '/assistant/conversations')).json?.data?.total, 0)
  })

  test('what goes wrong after the first token is an event; what was written is kept and charged', async () => {
    const user = await stage.user()
    stage.writer.nextText.push(breaksWith(providerFailure('ambiguous'), '半句'))
    const answer = await chat(user, { message: '你好' })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), '半句')
    assert.equal(answer.last()?.type, 'error')
    assert.ok(!JSON.stringify(answer.events).includes('sk-secret'))
    assert.equal(await stage.balance(user), 99)
    const row = await newest(user)
    assert.equal((await conversation(user, row.id)).messages.at(-1)?.status, 'interrupted')
  })

  test('a vendor that refuses what it wrote is not paid for, and its words are not kept', async () => {
    const user = await stage.user()
    await (await chat(user, { message: '先说一句' })).text()
    const row = await newest(user)
    const id = row.id
    stage.writer.nextText.push(endsWith('content', '我不能'))
    const answer = await chat(user, { message: '不该说的', conversationId: id })
    await answer.text()
    assert.equal(answer.last()?.type, 'error')
    assert.equal(await stage.balance(user), 99)
    const shown = await conversation(user, id)
    assert.deepEqual(
      shown.messages.map(({ role }) => role),
      ['user', 'assistant', 'user'],
    )
    // Neither it nor what it did not answer is sent again.
    await (await chat(user, { message: '换个话题', conversationId: id })).text()
    const sent = stage.writer.asked.at(-1)?.messages.map(({ text }) => text)
    assert.deepEqual(sent, ['先说一句', '第一段。第二段。', '换个话题'])
  })
})

describe('conversations', () => {
  test('cameo hole 13: the newest turns are remembered, never the oldest, up to a budget', async () => {
    const user = await stage.user(1_000)
    let id: string | undefined
    for (let turn = 1; turn <= 30; turn += 1) {
      stage.writer.nextText.push(writes(`答${turn}${'好'.repeat(150)}`))
      const answer = await chat(user, { message: `问${turn}${'吗'.repeat(50)}`, conversationId: id })
      await answer.text()
      id = answer.last()?.conversationId
    }
    const job = stage.writer.asked.at(-1)
    assert.ok(job)
    const sent = job.messages.map(({ text }) => text.slice(0, 3).replace(/[吗好]/g, ''))
    assert.equal(sent.at(-1), '问30')
    assert.equal(sent.at(-2), '答29')
    assert.ok(!sent.includes('问1'), 'the oldest is forgotten')
    assert.ok(sent.length > 21, `${sent.length} messages`)
    const tokens = job.messages.reduce((sum, { text }) => sum + text.length, 0)
    assert.ok(tokens <= 4_000 && tokens > 2_500, `${tokens} characters`)
    for (const [place, { role }] of job.messages.entries())
      assert.equal(role, (job.messages.length - 1 - place) % 2 === 0 ? 'user' : 'assistant')
    assert.equal(job.temperature, 0.7)
    assert.equal(job.maxTokens, 2_000)
    assert.notEqual(job.system, '')
  })

  test('are listed by their last use, with totals and pages', async () => {
    const user = await stage.user()
    const ids: string[] = []
    for (const message of ['第一个\n第二行', '第二个', '第三个']) {
      const answer = await chat(user, { message })
      await answer.text()
      ids.push(answer.last()?.conversationId ?? '')
    }
    await (await chat(user, { message: '接着说', conversationId: ids[0] })).text()
    const { data } = (await get(user, '/assistant/conversations?pageSize=2')).json ?? {}
    assert.deepEqual(Object.keys(data ?? {}), ['list', 'total', 'page', 'pageSize'])
    assert.deepEqual([data?.total, data?.page, data?.pageSize], [3, 1, 2])
    const list = data?.list as Record<string, unknown>[]
    assert.deepEqual(
      list.map(({ id }) => id),
      [ids[0], ids[2]],
    )
    const keys = ['id', 'title', 'lastMessage', 'messageCount', 'createdAt', 'updatedAt']
    assert.deepEqual(Object.keys(list[0] ?? {}), keys)
    assert.deepEqual(
      [list[0]?.title, list[0]?.lastMessage, list[0]?.messageCount],
      ['第一个', '第一段。第二段。', 4],
    )
    const page = (await get(user, `/assistant/conversations/${ids[0]}?pageSize=1&page=2`)).json?.data
    assert.deepEqual([page?.total, (page?.messages as unknown[] | undefined)?.length], [4, 1])
    assert.equal((await get(user, '/assistant/conversations?page=0')).status, 400)
  })

  test('are their owner’s alone, and gone when deleted', async () => {
    const owner = await stage.user()
    const stranger = await stage.user()
    const answer = await chat(owner, { message: '秘密的话' })
    await answer.text()
    const id = answer.last()?.conversationId ?? ''
    const routes: [string, string, unknown?][] = [
      ['GET', `/assistant/conversations/${id}`],
      ['DELETE', `/assistant/conversations/${id}`],
      ['POST', `/assistant/conversations/${id}/stop`],
      ['POST', '/assistant/chat', { message: '好', conversationId: id }],
    ]
    for (const [method, path, body] of routes) {
      assert.equal((await stage.call(method, path, stranger, body)).status, 404, `${method} ${path}`)
      assert.equal((await stage.call(method, path, null, body)).status, 401, `${method} ${path}`)
      const missing = path.replace(id, '888888888')
      const missingBody = body && { message: '好', conversationId: '888888888' }
      assert.equal(
        (await stage.call(method, missing, owner, missingBody)).status,
        404,
        `${method} ${missing}`,
      )
    }
    assert.equal((await get(stranger, '/assistant/conversations')).json?.data?.total, 0)
    assert.equal((await get(null, '/assistant/conversations')).status, 401)
    assert.equal((await stage.call('DELETE', `/assistant/conversations/${id}`, owner)).status, 200)
    for (const [method, path, body] of routes)
      assert.equal((await stage.call(method, path, owner, body)).status, 404, `${method} after deletion`)
    const left = await stage.rows(`select from message where content like '%秘密的话%'`)
    assert.equal(left.length, 0, 'its words are gone')
  })

  test('a reply is no work and no task of anybody’s lists', async () => {
    const [{ works } = { works: 0n }] = await stage.rows<{ works: bigint }>(
      `select count(*) as works from work w join task t on t.id = w.task_id where t.kind = 'chat'`,
    )
    assert.equal(works, 0n)
  })
})

describe('stopping and leaving', () => {
  test('stop ends the reply at the vendor within two seconds and keeps what there is', async () => {
    const user = await stage.user()
    await (await chat(user, { message: '先建一个' })).text()
    const row = await newest(user)
    const id = row.id
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const asking = chat(user, { message: '长篇', conversationId: id })
    await vendor.asked
    vendor.say('第一')
    const answer = await asking
    const startedAt = performance.now()
    const stopped = await stage.call('POST', `/assistant/conversations/${id}/stop`, user)
    assert.deepEqual(stopped.json?.data, { conversationId: id, stopped: true })
    assert.ok((await vendor.aborted) - startedAt < 2_000)
    assert.equal(await answer.text(), '第一')
    assert.deepEqual(answer.last(), { type: 'done', conversationId: id })
    assert.equal(await stage.balance(user), 98)
    assert.deepEqual((await conversation(user, id)).messages.at(-1)?.status, 'stopped')
    const again = await stage.call('POST', `/assistant/conversations/${id}/stop`, user)
    assert.deepEqual(again.json?.data, { conversationId: id, stopped: false })
  })

  test('a client that leaves ends the reply likewise; before the first word nothing is charged', async () => {
    for (const words of ['已经写的', '']) {
      const user = await stage.user()
      const vendor = inHand()
      stage.writer.nextText.push(vendor.write)
      const leave = new AbortController()
      const asking = chat(user, { message: '走了' }, { signal: leave.signal })
      await vendor.asked
      if (words !== '') {
        vendor.say(words)
        await (await asking).until(({ type }) => type === 'token')
      }
      const leftAt = performance.now()
      leave.abort()
      await asking.catch(() => {})
      assert.ok((await vendor.aborted) - leftAt < 2_000)
      const rows = await until(
        () =>
          stage.rows<{ state: string; content: string }>(
            `select m.state, m.content from message m join task t on t.id = m.task_id
           where t.account_id = $1 and m.role = 'assistant'`,
            [user.accountId],
          ),
        ([row]) => row?.state !== 'writing',
      )
      assert.deepEqual(rows, [{ state: words === '' ? 'failed' : 'stopped', content: words }])
      assert.equal(await stage.balance(user), words === '' ? 100 : 99)
    }
  })

  const SHUT_OUT: readonly [how: string, shut: (user: AssistantUser) => Promise<void>, says: RegExp][] = [
    [
      'logging out',
      // The document has no route for it; other sites on the same kernel have.
      async ({ accountId }) => {
        const [session] = await stage.rows<{ id: string }>('select id from session where account_id = $1', [
          accountId,
        ])
        assert.ok(session)
        await logOut(stage.site.context, { accountId, sessionId: session.id })
      },
      /失效|登录/,
    ],
    ['a ban', ({ accountId }) => setAccountState(stage.site.context, accountId, 'disabled'), /禁用|失效/],
  ]
  for (const [how, shut, says] of SHUT_OUT) {
    test(`${how} in the middle of a stream ends it within five seconds; what was written is kept and charged`, async () => {
      const user = await stage.user()
      const vendor = inHand()
      stage.writer.nextText.push(vendor.write)
      const asking = chat(user, { message: '讲下去' })
      await vendor.asked
      vendor.say('说到一半')
      const answer = await asking
      const shutAt = performance.now()
      await shut(user)
      assert.equal(await answer.text(), '说到一半')
      assert.ok(performance.now() - shutAt < 5_000)
      assert.equal(answer.last()?.type, 'error')
      assert.match(answer.last()?.error ?? '', says)
      assert.ok((await vendor.aborted) - shutAt < 5_000)
      // The reader is gone, so the reply is stopped, and charged as what is stopped with words is: whole.
      const rows = await until(
        () =>
          stage.rows<{ state: string; content: string; charged: number }>(
            `select m.state, m.content, t.charged::int from message m join task t on t.id = m.task_id
             where t.account_id = $1 and m.role = 'assistant'`,
            [user.accountId],
          ),
        ([row]) => row?.state !== 'writing',
      )
      assert.deepEqual(rows, [{ state: 'stopped', content: '说到一半', charged: Number(units(1)) }])
      assert.equal(await stage.balance(user), 99)
    })
  }

  test('deleting a conversation stops its reply, whose words are not kept', async () => {
    const user = await stage.user()
    await (await chat(user, { message: '一' })).text()
    const row = await newest(user)
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const asking = chat(user, { message: '二', conversationId: row.id })
    await vendor.asked
    vendor.say('不留的话')
    const answer = await asking
    assert.equal((await stage.call('DELETE', `/assistant/conversations/${row.id}`, user)).status, 200)
    await answer.text()
    await vendor.aborted
    assert.equal(await stage.balance(user), 98)
    assert.equal((await stage.rows(`select from message where content like '%不留的话%'`)).length, 0)
  })

  test('a silent vendor is waited for with comments after the head has gone out', async () => {
    const { openEventStream } = await import('../../http/event-stream.ts')
    const { EventStream } = await import('../../http/dialect.ts')
    let put: (event: unknown) => void = () => {}
    const left: string[] = []
    const stream = openEventStream(
      new EventStream({
        follow: (sink) => {
          put = sink.send
        },
        leave: (why) => left.push(why),
        refused: () => ({}),
      }),
      {
        check: async () => {},
        explain: () => ({ status: 401, body: {} }),
        heartbeatMs: 20,
        mostWaiting: 10_000,
      },
    )
    assert.equal(String(stream.read()), ': \n\n')
    await sleep(120)
    assert.match(String(stream.read()), /^(: \n\n){2,}$/)
    // Nobody reads any more: what waits is bounded, and then only the delivery ends.
    stream.on('error', () => {})
    for (let at = 0; at < 1_000 && !stream.destroyed; at += 1)
      put({ type: 'token', content: 'x'.repeat(100) })
    assert.ok(stream.destroyed)
    assert.equal(left[0], 'slow')
  })
})

describe('races', () => {
  test('of two messages at once in one conversation one is answered', async () => {
    const user = await stage.user(1_000)
    const first = await chat(user, { message: '开始' })
    await first.text()
    const id = first.last()?.conversationId
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 4 }, (_, at) => chat(user, { message: `同时${at}`, conversationId: id })),
      )
      const texts = await Promise.all(answers.map((answer) => (answer.status === 200 ? answer.text() : null)))
      for (const [at, answer] of answers.entries()) {
        if (answer.status === 200) assert.equal(texts[at], '第一段。第二段。')
        else {
          assert.equal(answer.status, 400)
          assert.match(String(answer.json?.message), /仍在回复/)
        }
      }
      assert.ok(texts.some((text) => text !== null))
    }
    const [counted] = await stage.rows<{ replies: bigint }>(
      `select count(*) as replies from task where account_id = $1 and state = 'succeeded'`,
      [user.accountId],
    )
    assert.equal(await stage.balance(user), 1_000 - Number(counted?.replies))
    await stage.assertTrue()
  })

  test('a hundred repeats with one key are one reply, one charge and the same stream', async () => {
    const user = await stage.user()
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const asked = stage.writer.asked.length
    const headers = { 'idempotency-key': 'once' }
    const asking = Array.from({ length: 100 }, () => chat(user, { message: '只一次' }, { headers }))
    await vendor.asked
    vendor.say('只有')
    const answers = await Promise.all(asking)
    vendor.say('一份')
    vendor.end()
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    assert.deepEqual([...new Set(texts)], ['只有一份'])
    assert.equal(new Set(answers.map((answer) => answer.last()?.conversationId)).size, 1)
    const later = await chat(user, { message: '只一次' }, { headers })
    assert.equal(await later.text(), '只有一份')
    assert.equal(later.last()?.type, 'done')
    assert.equal(stage.writer.asked.length, asked + 1)
    assert.equal(await stage.balance(user), 99)
    assert.equal((await chat(user, { message: '别的' }, { headers })).status, 422)
  })

  test('another process streams from what is on record, and its stop reaches the one that writes', async () => {
    const { sendMessage } = await import('../../kernel/assistant/send-message.ts')
    const { stopReply } = await import('../../kernel/assistant/stop-reply.ts')
    const { bindIdempotencyKey } = await import('../../kernel/idempotency.ts')
    const user = await stage.user()
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const body = { message: '两处' }
    const asking = chat(user, body, { headers: { 'idempotency-key': 'two-places' } })
    await vendor.asked
    vendor.say('这里')
    const answer = await asking
    const other = await stage.site.another()
    const joined = await sendMessage(other, user, {
      conversationId: null,
      content: body.message,
      model: null,
      idempotencyKey: bindIdempotencyKey('assistant/chat', 'two-places', body),
      origin: { ip: null, device: null },
    })
    let text = ''
    const ended = new Promise((resolve) => {
      joined.follow({
        onText: (piece) => {
          text += piece
        },
        onEnd: resolve,
      })
    })
    vendor.say('那里')
    await until(
      async () => text,
      (seen) => seen === '这里那里',
    )
    const at = performance.now()
    assert.equal(await stopReply(other, user, joined.conversationId), true)
    assert.ok((await vendor.aborted) - at < 2_000)
    assert.deepEqual(await ended, { state: 'stopped' })
    assert.equal(await answer.text(), '这里那里')
  })

  test(`stopping or leaving races the end ${ROUNDS} times: one outcome, and the books are true`, async (t) => {
    const user = await stage.user(10 * ROUNDS)
    const first = await chat(user, { message: '开始' })
    await first.text()
    const id = first.last()?.conversationId ?? ''
    for (let round = 0; round < ROUNDS; round += 1) {
      const vendor = inHand()
      stage.writer.nextText.push(vendor.write)
      const leave = new AbortController()
      const asking = chat(user, { message: `第${round}轮`, conversationId: id }, { signal: leave.signal })
      await vendor.asked
      vendor.say('话')
      const answer = await asking
      const end = () => vendor.end()
      const stop = async () =>
        round % 2 === 0
          ? void (await stage.call('POST', `/assistant/conversations/${id}/stop`, user))
          : leave.abort()
      if (round % 4 < 2) await Promise.all([end(), stop()])
      else await Promise.all([stop(), sleep(round % 5).then(end)])
      await answer.text().catch(() => '')
      await until(
        () => stage.rows(`select from message where conversation_id = $1 and state = 'writing'`, [id]),
        (writing) => writing.length === 0,
      )
    }
    assert.equal(await stage.balance(user), 10 * ROUNDS - (ROUNDS + 1))
    const won = await stage.rows<{ state: string; replies: bigint }>(
      `select state, count(*) as replies from message where conversation_id = $1 and role = 'assistant'
       group by state order by state`,
      [id],
    )
    t.diagnostic(won.map(({ state, replies }) => `${state} ${replies}`).join(', '))
    // Nothing else came of any, and neither side only ever lost.
    assert.deepEqual(
      won.map(({ state }) => state),
      ['done', 'stopped'],
    )
    await stage.assertTrue()
  })
})
