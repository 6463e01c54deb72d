import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'
import { row } from './works.ts'

const SECTION = '广场接口'
const AT = '2026-01-01T00:00:00.000Z'
const FILE = 'https://example.com/files/abc.png'
const THUMBNAIL = 'https://example.com/files/abc.webp'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const id = { id: parameter('作品ID', { type: 'integer', minimum: 1, examples: [1] }) }
const notShown = { 作品不存在: refuse(404, '作品不存在或未完成') }

/** The square of its front-end, and how works come there. */
export const squareReference: Readonly<Record<string, RouteReference>> = {
  'GET /square/works': {
    section: SECTION,
    title: '广场作品',
    description:
      '无需登录；携带有效令牌时 `liked` 为当前用户的状态，失效的令牌按未登录处理。只有作者公开、已完成且未删除的作品会出现。`prompt` 与标题相同，不会泄露完整提示词。第 1000 页之后为空。',
    parameters: {
      page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
      pageSize: parameter('每页数量，最大 100，更大的按 100 计', {
        type: 'integer',
        minimum: 1,
        default: 50,
      }),
      work_type: parameter('作品类型', { type: 'string', enum: ['image', 'video', 'all'], default: 'all' }),
      sort: parameter('排序', { type: 'string', enum: ['latest', 'likes', 'views'], default: 'latest' }),
    },
    success: done({
      list: [
        {
          id: 1,
          title: '新标题',
          prompt: '新标题',
          work_type: 'image',
          result_url: FILE,
          thumbnail_url: THUMBNAIL,
          username: 'testuser',
          user_avatar: '',
          like_count: 0,
          view_count: 0,
          liked: false,
          created_at: AT,
        },
      ],
      total: 1,
      page: 1,
      pageSize: 50,
    }),
    refusals: { 参数错误: refuse(400, '排序格式不正确') },
  },
  'POST /square/works/:id/like': {
    section: SECTION,
    title: '点赞',
    description: '每个用户对每个作品最多一个赞；再次调用即取消。',
    parameters: id,
    success: done({ like_count: 1, liked: true }),
    refusals: notShown,
  },
  'POST /square/works/:id/view': {
    section: SECTION,
    title: '记录浏览',
    description: '无需登录。同一浏览者一小时内只计一次，`counted` 表示本次是否计入。',
    parameters: id,
    success: done({ view_count: 1, counted: true }),
    refusals: notShown,
  },
  'PUT /works/:id': {
    section: '作品接口',
    title: '更新作品',
    description: '返回更新后的作品。只能公开已完成的图片或视频；取消公开立即生效。',
    parameters: id,
    fields: { is_public: '是否公开（true/false，也接受 1/0）', title: '标题，1 至 100 个字符' },
    request: { is_public: true, title: '新标题' },
    success: done({ ...row, title: '新标题', is_public: true }, '更新成功'),
    refusals: {
      没有字段: refuse(400, '没有要更新的字段'),
      未完成: refuse(400, '作品尚未完成，无法发布'),
      作品不存在: refuse(404, '作品不存在'),
    },
  },
}
