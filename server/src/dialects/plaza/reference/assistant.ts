import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = 'AI助手接口'
const AT = '2024-01-26T00:00:00Z'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const id = { id: parameter('对话ID', { type: 'string', examples: ['12'] }) }
const pages = (usual: number): Record<string, ParameterReference> => ({
  page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
  pageSize: parameter('每页数量，最大 100', { type: 'integer', minimum: 1, default: usual }),
})
const MISSING = { 不存在: refuse(404, '对话不存在') }
const conversation = { id: '12', title: '你好', createdAt: AT, updatedAt: AT }

/** AI助手接口. */
export const assistantReference: Readonly<Record<string, RouteReference>> = {
  'POST /assistant/chat': {
    section: SECTION,
    title: '发送消息',
    description: [
      '以 Server-Sent Events 逐字返回：`token` 是写出的文字，`done` 带对话ID，`error` 表示中途出错并结束。第一个字写出之前的错误是普通的 JSON 响应；15 秒没有文字时先返回响应头和注释行（`:` 开头，客户端忽略）。',
      '计费：每次回复的价格固定。模型写出任何文字即按一次回复计费，包括中途停止、断开连接或中断；没有写出文字，或模型拒绝回答时不计费，算力退还。',
      '断开连接会停止回复，已写出的部分保存在对话中。同一对话一次只回复一条消息。请求头 `Idempotency-Key`（可选）相同的重复请求得到同一回复，只计费一次。',
      '助手记住对话最近的内容（默认约 4000 tokens），更早的内容不再发送给模型。',
    ].join('\n\n'),
    fields: {
      message: '消息，1 至 4000 个字符',
      conversationId: '对话ID，可选，继续对话；省略时开始新的对话',
    },
    request: { message: '你好' },
    success: {
      status: 200,
      body: [
        'data: {"type":"token","content":"你"}',
        'data: {"type":"token","content":"好"}',
        'data: {"type":"done","conversationId":"12"}',
      ].join('\n\n'),
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    },
    refusals: {
      消息为空: refuse(400, '请求参数错误', '消息太短'),
      算力不足: refuse(400, '算力不足，当前余额 0，需要 1，请充值后重试'),
      正在回复: refuse(400, '上一条消息仍在回复中，请稍后再发'),
      ...MISSING,
      AI服务不可用: refuse(500, 'AI服务暂时不可用，请稍后重试或更换模型，算力已退还'),
    },
  },
  'GET /assistant/conversations': {
    section: SECTION,
    title: '获取对话历史',
    description: '最近使用的在前。`lastMessage` 是最后一条消息的开头，最多 100 个字符。',
    parameters: pages(20),
    success: done({
      list: [
        {
          id: '12',
          title: '你好',
          lastMessage: '你好！我可以告诉你这个平台怎么用。',
          messageCount: 2,
          createdAt: AT,
          updatedAt: AT,
        },
      ],
      total: 1,
      page: 1,
      pageSize: 20,
    }),
  },
  'GET /assistant/conversations/:id': {
    section: SECTION,
    title: '获取单次对话',
    description:
      '第 1 页是最新的消息，每页内按时间先后排列。`status`：`completed` 完整，`stopped` 被停止或断开，`interrupted` 中断；后两者保存已写出的部分。正在写的回复在结束后出现。',
    parameters: { ...id, ...pages(100) },
    success: done({
      ...conversation,
      messages: [
        { id: '23', role: 'user', content: '你好', status: 'completed', createdAt: AT },
        { id: '24', role: 'assistant', content: '你好！', status: 'completed', createdAt: AT },
      ],
      total: 2,
      page: 1,
      pageSize: 100,
    }),
    refusals: MISSING,
  },
  'DELETE /assistant/conversations/:id': {
    section: SECTION,
    title: '删除对话',
    description: '对话和其中的文字一并删除，不可恢复；正在写的回复随之停止。',
    parameters: id,
    success: done(null, '删除成功'),
    refusals: MISSING,
  },
  'POST /assistant/conversations/:id/stop': {
    section: SECTION,
    title: '停止回复',
    description: '停止对话中正在写的回复，已写出的部分保存并计费。没有正在写的回复时 `stopped` 为 false。',
    parameters: id,
    success: done({ conversationId: '12', stopped: true }, '已停止'),
    refusals: MISSING,
  },
}
