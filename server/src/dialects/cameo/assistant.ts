import { Type } from 'typebox'
import type { Route } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import {
  deleteConversation,
  listConversations,
  readConversation,
} from '../../kernel/assistant/conversations.ts'
import { askAssistant } from '../../kernel/assistant/send-message.ts'
import { stopReply } from '../../kernel/assistant/stop-reply.ts'
import type { Failure } from '../../kernel/errors.ts'
import { KernelError, refusal } from '../../kernel/errors.ts'
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

const SessionId = Type.Optional(
  Type.Union([Type.String({ maxLength: 100 }), Type.Integer({ minimum: 0 }), Type.Null()]),
)
const Send = Type.Object({
  content: Type.String({ minLength: 1, maxLength: 4_000 }),
  sessionId: SessionId,
  modelName: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
})

/**
 * `POST /assistant/send` {content, sessionId?, modelName?} → {sessionId, message} (facts/cameo.md, 2): the whole reply at
 * once. A client that leaves finds it in the conversation.
 */
const send = route({
  method: 'POST',
  path: '/assistant/send',
  allow: 'user',
  rate: 'generate',
  body: Send,
  refusals: {
    reply_failed: ({ reason }) =>
      refuse(reason === 'content' || reason === 'rejected' ? 400 : 500, FAILURES[reason]),
  },
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    try {
      return await askAssistant(context, actor, {
        conversationId: body.sessionId ? readSessionId(String(body.sessionId)) : null,
        content: body.content,
        model: body.modelName || null,
        idempotencyKey:
          idempotencyKey === null ? null : bindIdempotencyKey('assistant/send', idempotencyKey, body),
        origin,
      })
    } catch (error) {
      throw inTheFrontEndsWords(error)
    }
  },
  reply: ({ conversationId, text }) => done({ sessionId: String(conversationId), message: text }),
})

/** What is wrong with a message, under the name that the front-end gave it. */
function inTheFrontEndsWords(error: unknown): unknown {
  if (!(error instanceof KernelError) || error.code !== 'input_invalid') return error
  const { problem } = (error as KernelError<'input_invalid'>).details
  return refusal('input_invalid', { field: 'content', problem })
}

/** `GET /assistant/conversations` → {list: [{sessionId, lastMessageTime}], total}, the last used first. */
const list = route({
  method: 'GET',
  path: '/assistant/conversations',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => listConversations(context, actor, readPage(query, 100)),
  reply: ({ items, total }) =>
    done({
      list: items.map(({ id, title, updatedAt }) => ({
        sessionId: String(id),
        lastMessageTime: presentTime(updatedAt),
        title,
      })),
      total,
    }),
})

/** `GET /assistant/messages?sessionId=` → {list: [{id, role, content, created_at}], total}: the newest, in order. */
const messages = route({
  method: 'GET',
  path: '/assistant/messages',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    readConversation(context, actor, readSessionId(query.sessionId ?? ''), readPage(query, 100)),
  reply: ({ page }) =>
    done({
      list: page.items.map(({ id, role, content, createdAt }) => ({
        id: Number(id),
        role,
        content,
        created_at: presentTime(createdAt),
      })),
      total: page.total,
    }),
})

/** `DELETE /assistant/conversations/:id`. */
const remove = route({
  method: 'DELETE',
  path: '/assistant/conversations/:id',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) => deleteConversation(context, actor, readSessionId(params.id ?? '')),
  reply: () => done(null, '删除成功'),
})

/** `POST /assistant/conversations/:id/stop`: what was written so far stays, and is what `send` then answers. */
const stop = route({
  method: 'POST',
  path: '/assistant/conversations/:id/stop',
  allow: 'user',
  rate: 'write',
  run: async (context, actor, { params }) => {
    const id = readSessionId(params.id ?? '')
    return { id, stopped: await stopReply(context, actor, id) }
  },
  reply: ({ id, stopped }) =>
    done({ sessionId: String(id), stopped }, stopped ? '已停止' : '没有正在进行的回复'),
})

/** A session is a conversation. @throws conversation_not_found for what is no id of ours */
function readSessionId(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refusal('conversation_not_found', { id: text })
  return BigInt(text)
}

/** assistant of its front-end. */
export const assistantRoutes: readonly Route[] = [send, list, messages, remove, stop]
