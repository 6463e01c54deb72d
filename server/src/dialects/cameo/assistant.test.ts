import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AssistantStage, AssistantUser } from '../../../test/assistant-stage.ts'
import { inHand, openAssistantStage } from '../../../test/assistant-stage.ts'
import { providerFailure, until } from '../../../test/contracts/stage.ts'
import { breaksWith, writes } from '../../../test/fakes/writing.ts'
import { cameo } from './dialect.ts'

let stage: AssistantStage
before(async () => {
  stage = await openAssistantStage(cameo)
})
after(async () => {
  await stage.assertTrue()
  await stage.close()
})

const send = (user: AssistantUser | null, body: unknown, more = {}) =>
  stage.call('POST', '/assistant/send', user, body, more)
const get = (user: AssistantUser | null, path: string) => stage.call('GET', path, user)

describe('POST /assistant/send', () => {
  test('answers the whole reply, in a session that goes on', async () => {
    const user = await stage.user()
    stage.writer.nextText.push(writes('你', '好'))
    const first = await send(user, { content: '你好', sessionId: '', modelName: 'gpt-4' })
    assert.deepEqual([first.status, first.json?.code], [200, 0])
    const { sessionId, message } = first.json?.data ?? {}
    assert.equal(message, '你好')
    assert.match(String(sessionId), /^\d+$/)
    assert.equal(typeof sessionId, 'string')
    const next = await send(user, { content: '接着说', sessionId })
    assert.deepEqual(Object.keys(next.json?.data ?? {}), ['sessionId', 'message'])
    assert.equal(next.json?.data?.sessionId, sessionId)
    assert.deepEqual(
      stage.writer.asked.at(-1)?.messages.map(({ text }) => text),
      ['你好', '你好', '接着说'],
    )
    assert.equal((await send(user, { content: '好', sessionId: Number(sessionId) })).status, 200)
    assert.equal(await stage.balance(user), 97)

    const sessions = (await get(user, '/assistant/conversations')).json?.data
    assert.equal(sessions?.total, 1)
    const [row] = (sessions?.list ?? []) as Record<string, string>[]
    assert.equal(row?.sessionId, sessionId)
    assert.match(row?.lastMessageTime ?? '', /^\d{4}-.*Z$/)
    const messages = (await get(user, `/assistant/messages?sessionId=${sessionId}`)).json?.data
    assert.equal(messages?.total, 6)
    const list = (messages?.list ?? []) as Record<string, unknown>[]
    assert.deepEqual(Object.keys(list[0] ?? {}), ['id', 'role', 'content', 'created_at'])
    assert.deepEqual(
      list.slice(0, 2).map(({ role, content }) => [role, content]),
      [
        ['user', '你好'],
        ['assistant', '你好'],
      ],
    )
    assert.equal(typeof list[0]?.id, 'number')
  })

  test('refuses what cannot be answered, at no cost', async () => {
    const user = await stage.user()
    const poor = await stage.user(0)
    const cases: [AssistantUser | null, unknown, number, RegExp][] = [
      [user, {}, 400, /内容/],
      [user, { content: '' }, 400, /内容/],
      [user, { content: '  ' }, 400, /内容/],
      [user, { content: 5 }, 400, /内容/],
      [user, { content: 'x'.repeat(4_001) }, 400, /内容/],
      [user, { content: '好', sessionId: {} }, 400, /会话/],
      [user, { content: '好', modelName: 5 }, 400, /模型/],
      [user, { content: '好', modelName: 'none' }, 400, /模型/],
      [user, { content: '好', modelName: 'dall-e-3' }, 400, /模型/],
      [user, { content: '好', sessionId: 'made-up-by-a-client' }, 404, /对话不存在/],
      [user, { content: '好', sessionId: '99999999' }, 404, /对话不存在/],
      [poor, { content: '好' }, 400, /算力不足/],
      [null, { content: '好' }, 401, /./],
    ]
    for (const [who, body, status, words] of cases) {
      const answer = await send(who, body)
      assert.equal(answer.status, status, JSON.stringify(body).slice(0, 60))
      assert.match(String(answer.json?.message), words)
    }
    stage.writer.nextText.push(breaksWith(providerFailure('unavailable')))
    const failed = await send(user, { content: '好' })
    assert.equal(failed.status, 500)
    assert.match(String(failed.json?.message), /已退还/)
    assert.equal(await stage.balance(user), 100)
  })

  test('cameo hole 13: a failed reply is no turn of the conversation', async () => {
    const user = await stage.user()
    const { sessionId } = (await send(user, { content: '一' })).json?.data ?? {}
    stage.writer.nextText.push(breaksWith(providerFailure('unavailable')))
    assert.equal((await send(user, { content: '二', sessionId })).status, 500)
    assert.equal((await send(user, { content: '三', sessionId })).status, 200)
    const sent = stage.writer.asked.at(-1)?.messages.map(({ text }) => text)
    assert.deepEqual(sent, ['一', '第一段。第二段。', '三'])
    const list = (await get(user, `/assistant/messages?sessionId=${sessionId}`)).json?.data?.list
    assert.deepEqual(
      (list as { role: string }[]).map(({ role }) => role),
      ['user', 'assistant', 'user', 'user', 'assistant'],
    )
  })

  test('is written to its end and kept when the client has left', async () => {
    const user = await stage.user()
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const leave = new AbortController()
    const asking = send(user, { content: '走了也写完' }, { signal: leave.signal })
    await vendor.asked
    vendor.say('写')
    leave.abort()
    await asking.catch(() => {})
    vendor.say('完了')
    vendor.end()
    const rows = await until(
      () =>
        stage.rows<{ state: string; content: string }>(
          `select m.state, m.content from message m join task t on t.id = m.task_id
         where t.account_id = $1 and m.role = 'assistant'`,
          [user.accountId],
        ),
      ([row]) => row?.state !== 'writing',
    )
    assert.deepEqual(rows, [{ state: 'done', content: '写完了' }])
    assert.equal(await stage.balance(user), 99)
  })

  test('a repeat with the same key is the same reply', async () => {
    const user = await stage.user()
    const headers = { 'idempotency-key': 'once' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send(user, { content: '一次' }, { headers })),
    )
    assert.equal(new Set(answers.map(({ json }) => JSON.stringify(json))).size, 1)
    assert.equal(answers[0]?.status, 200)
    assert.equal(await stage.balance(user), 99)
    assert.equal((await send(user, { content: '另一次' }, { headers })).status, 422)
  })

  test('a stopped reply is answered as far as it came', async () => {
    const user = await stage.user()
    const { sessionId } = (await send(user, { content: '一' })).json?.data ?? {}
    const vendor = inHand()
    stage.writer.nextText.push(vendor.write)
    const asking = send(user, { content: '二', sessionId })
    await vendor.asked
    vendor.say('到此')
    const busy = await send(user, { content: '三', sessionId })
    assert.equal(busy.status, 400)
    await stage.call('POST', `/assistant/conversations/${sessionId}/stop`, user)
    assert.equal((await asking).json?.data?.message, '到此')
  })
})

test('sessions are their owner’s alone, and gone when deleted', async () => {
  const owner = await stage.user()
  const stranger = await stage.user()
  const { sessionId: id } = (await send(owner, { content: '秘密' })).json?.data ?? {}
  const routes: [string, string, unknown?][] = [
    ['GET', `/assistant/messages?sessionId=${id}`],
    ['DELETE', `/assistant/conversations/${id}`],
    ['POST', `/assistant/conversations/${id}/stop`],
    ['POST', '/assistant/send', { content: '好', sessionId: id }],
  ]
  for (const [method, path, body] of routes) {
    assert.equal((await stage.call(method, path, stranger, body)).status, 404, `${method} ${path}`)
    assert.equal((await stage.call(method, path, null, body)).status, 401, `${method} ${path}`)
  }
  assert.equal((await get(stranger, '/assistant/conversations')).json?.data?.total, 0)
  assert.equal((await get(null, '/assistant/conversations')).status, 401)
  assert.equal((await get(owner, '/assistant/messages')).status, 404)
  assert.equal((await stage.call('DELETE', `/assistant/conversations/${id}`, owner)).status, 200)
  for (const [method, path, body] of routes)
    assert.equal((await stage.call(method, path, owner, body)).status, 404, `${method} after deletion`)
})
