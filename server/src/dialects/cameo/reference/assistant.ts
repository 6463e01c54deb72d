import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = 'AI助手接口'
const AT = '2026-01-22T02:00:00.000Z'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const id = { id: parameter('会话ID', { type: 'string', examples: ['12'] }) }
const pages: Record<string, ParameterReference> = {
  page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
  pageSize: parameter('每页数量，最大 100', { type: 'integer', minimum: 1, default: 100 }),
}
const MISSING = { 不存在: refuse(404, '对话不存在') }

/** assistant of its front-end. */
export const assistantReference: Readonly<Record<string, RouteReference>> = {
  'POST /assistant/send': {
    section: SECTION,
    title: '发送消息',
    description: [
      '回复写完后一次返回。客户端中途离开不影响回复，写完后可在会话消息中查看。',
      '计费：每次回复的价格固定。模型写出任何文字即按一次回复计费，包括被停止或中断；没有写出文字，或模型拒绝回答时不计费，算力退还。同一会话一次只回复一条消息。',
      '请求头 `Idempotency-Key`（可选）相同的重复请求得到同一回复，只计费一次。',
    ].join('\n\n'),
    fields: {
      content: '消息，1 至 4000 个字符',
      sessionId: '会话ID，可选，继续会话；省略或为空时开始新的会话',
      modelName: '文本模型名称，可选；省略或为空时使用默认模型',
    },
    request: { content: '你好' },
    success: done({ sessionId: '12', message: '你好！' }),
    refusals: {
      内容为空: refuse(400, '内容太短'),
      模型不存在: refuse(400, '模型不存在或未启用'),
      算力不足: refuse(400, '算力不足，当前余额 0，需要 1，请充值后重试'),
      正在回复: refuse(400, '上一条消息仍在回复中，请稍后再发'),
      ...MISSING,
      AI服务不可用: refuse(500, 'AI服务暂时不可用，请稍后重试或更换模型，算力已退还'),
    },
  },
  'GET /assistant/conversations': {
    section: SECTION,
    title: '获取会话列表',
    description: '最近使用的在前。',
    parameters: pages,
    success: done({ list: [{ sessionId: '12', lastMessageTime: AT, title: '你好' }], total: 1 }),
  },
  'GET /assistant/messages': {
    section: SECTION,
    title: '获取会话消息',
    description: '第 1 页是最新的消息，每页内按时间先后排列。正在写的回复在结束后出现。',
    parameters: { sessionId: parameter('会话ID', { type: 'string', examples: ['12'] }), ...pages },
    success: done({
      list: [
        { id: 23, role: 'user', content: '你好', created_at: AT },
        { id: 24, role: 'assistant', content: '你好！', created_at: AT },
      ],
      total: 2,
    }),
    refusals: MISSING,
  },
  'DELETE /assistant/conversations/:id': {
    section: SECTION,
    title: '删除会话',
    description: '会话和其中的文字一并删除，不可恢复；正在写的回复随之停止。',
    parameters: id,
    success: done(null, '删除成功'),
    refusals: MISSING,
  },
  'POST /assistant/conversations/:id/stop': {
    section: SECTION,
    title: '停止回复',
    description: '停止会话中正在写的回复，已写出的部分保存并计费。没有正在写的回复时 `stopped` 为 false。',
    parameters: id,
    success: done({ sessionId: '12', stopped: true }, '已停止'),
    refusals: MISSING,
  },
}
