import { Type } from 'typebox'
import type { Route } from '../../http/dialect.ts'
import { EventStream, route } from '../../http/dialect.ts'
import type { Message } from '../../kernel/assistant/conversations.ts'
import {
  deleteConversation,
  listConversations,
  readConversation,
} from '../../kernel/assistant/conversations.ts'
import type { Reply } from '../../kernel/assistant/reply.ts'
import { sendMessage } from '../../kernel/assistant/send-message.ts'
import { stopReply } from '../../kernel/assistant/stop-reply.ts'
import type { Failure } from '../../kernel/errors.ts'
import { refusal } from '../../kernel/errors.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { done, refuse } from './envelope.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'

/** What a user is told of a reply that did not come; nothing was charged. */
const FAILURES: Readonly<Record<Failure, string>> = {
  content: '消息未通过安全审核，请修改后重试，算力已退还',
  rejected: '消息不被模型支持，请缩短或修改后重试，算力已退还',
  unavailable: 'AI服务暂时不可用，请稍后重试或更换模型，算力已退还',
  deadline: '回复超时，请稍后重试，算力已退还',
  unknown: '回复失败，请稍后重试，算力已退还',
}
const BROKEN = '回复中断，已写出的部分保存在对话中，可发送“继续”接着写'

const Chat = Type.Object({
  message: Type.String({ minLength: 1, maxLength: 4_000 }),
  conversationId: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Null()])),
})

/** 1. 发送消息: `POST /assistant/chat`, answered as it is written. */
const chat = route({
  method: 'POST',
  path: '/assistant/chat',
  allow: 'user',
  rate: 'generate',
  body: Chat,
  refusals: {
    reply_failed: ({ reason }) =>
      refuse(reason === 'content' || reason === 'rejected' ? 400 : 500, FAILURES[reason]),
  },
  run: (context, actor, { body, idempotencyKey, origin, whenLeft }) =>
    sendMessage(context, actor, {
      // Front-ends that keep it in a text field send an empty one.
      conversationId: body.conversationId ? readConversationId(body.conversationId) : null,
      content: body.message,
      model: null,
      idempotencyKey:
        idempotencyKey === null ? null : bindIdempotencyKey('assistant/chat', idempotencyKey, body),
      origin,
      whenLeft,
    }),
  reply: (reply) => ({ status: 200, body: toEvents(reply) }),
})

function toEvents(reply: Reply): EventStream {
  return new EventStream({
    follow: (sink) =>
      reply.follow({
        onText: (content) => sink.send({ type: 'token', content }),
        onEnd: (ending) => {
          if (ending.state === 'failed') sink.send({ type: 'error', error: FAILURES[ending.reason] })
          else if (ending.state === 'broken') sink.send({ type: 'error', error: BROKEN })
          else sink.send({ type: 'done', conversationId: String(reply.conversationId) })
          sink.end()
        },
      }),
    leave: reply.leave,
    refused: ({ body }) => ({ type: 'error', error: (body as { message: string }).message }),
  })
}

/** 2. 获取对话历史: `GET /assistant/conversations`. */
const list = route({
  method: 'GET',
  path: '/assistant/conversations',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => listConversations(context, actor, readPage(query)),
  reply: ({ items, total, page, limit }) =>
    done({
      list: items.map(({ id, title, lastMessage, messages, createdAt, updatedAt }) => ({
        id: String(id),
        title,
        lastMessage,
        messageCount: messages,
        createdAt: presentTime(createdAt),
        updatedAt: presentTime(updatedAt),
      })),
      total,
      page,
      pageSize: limit,
    }),
})

/** What an answer is, once it has ended. */
const STATUS: Readonly<Record<Message['state'], string>> = {
  done: 'completed',
  stopped: 'stopped',
  broken: 'interrupted',
}

/** 3. 获取单次对话: `GET /assistant/conversations/:id`; its newest messages first by page, each page in order. */
const one = route({
  method: 'GET',
  path: '/assistant/conversations/:id',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params, query }) =>
    readConversation(context, actor, readConversationId(params.id ?? ''), readPage(query, 100)),
  reply: ({ id, title, createdAt, updatedAt, page }) =>
    done({
      id: String(id),
      title,
      createdAt: presentTime(createdAt),
      updatedAt: presentTime(updatedAt),
      messages: page.items.map((message) => ({
        id: String(message.id),
        role: message.role,
        content: message.content,
        status: STATUS[message.state],
        createdAt: presentTime(message.createdAt),
      })),
      total: page.total,
      page: page.page,
      pageSize: page.limit,
    }),
})

/** `DELETE /assistant/conversations/:id`, beyond the document (facts/plaza.md, 4). */
const remove = route({
  method: 'DELETE',
  path: '/assistant/conversations/:id',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) =>
    deleteConversation(context, actor, readConversationId(params.id ?? '')),
  reply: () => done(null, '删除成功'),
})

/** `POST /assistant/conversations/:id/stop`, beyond the document: what was written so far stays. */
const stop = route({
  method: 'POST',
  path: '/assistant/conversations/:id/stop',
  allow: 'user',
  rate: 'write',
  run: async (context, actor, { params }) => {
    const id = readConversationId(params.id ?? '')
    return { id, stopped: await stopReply(context, actor, id) }
  },
  reply: ({ id, stopped }) =>
    done({ conversationId: String(id), stopped }, stopped ? '已停止' : '没有正在进行的回复'),
})

/** @throws conversation_not_found for what is no id of ours */
function readConversationId(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refusal('conversation_not_found', { id: text })
  return BigInt(text)
}

/** AI助手接口. */
export const assistantRoutes: readonly Route[] = [chat, list, one, remove, stop]
