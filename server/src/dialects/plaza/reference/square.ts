import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = '广场接口'
const AT = '2024-01-26T00:00:00Z'
const FILE = 'https://example.com/files/abc.png'
const THUMBNAIL = 'https://example.com/files/abc.webp'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const id = { id: parameter('作品ID', { type: 'string', examples: ['1'] }) }
const notShown = { 作品不存在: refuse(404, '作品不存在或未完成') }

/** 广场接口. */
export const squareReference: Readonly<Record<string, RouteReference>> = {
  'GET /square/feeds': {
    section: SECTION,
    title: '获取广场内容',
    description:
      '无需登录；携带有效令牌时，`liked` 和 `favorited` 为当前用户的状态，失效的令牌按未登录处理。只有作者公开、已完成且未删除的作品会出现。`latest` 按首次公开的时间排序，`hot` 按热度（点赞、收藏、播放）与时间排序。第 1000 页之后为空。',
    parameters: {
      type: parameter('作品类型', { type: 'string', enum: ['image', 'video', 'all'], default: 'all' }),
      sort: parameter('排序', { type: 'string', enum: ['hot', 'latest'], default: 'hot' }),
      page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
      pageSize: parameter('每页数量，最大 100，更大的按 100 计', {
        type: 'integer',
        minimum: 1,
        default: 20,
      }),
    },
    success: done({
      list: [
        {
          id: '1',
          type: 'video',
          title: '海边的日落',
          thumbnail: THUMBNAIL,
          fileUrl: 'https://example.com/files/abc.mp4',
          playCount: 136700,
          likeCount: 12,
          favoriteCount: 3,
          liked: false,
          favorited: false,
          description: '海边的日落',
          author: { id: '1', username: 'testuser', avatar: '' },
          createdAt: AT,
        },
      ],
      total: 1000,
      page: 1,
      pageSize: 20,
    }),
    refusals: { 参数错误: refuse(400, '排序格式不正确') },
  },
  'POST /square/:id/like': {
    section: SECTION,
    title: '点赞作品',
    description: '每个用户对每个作品最多一个赞；再次调用即取消。',
    parameters: id,
    success: done({ liked: true, likeCount: 1, like_count: 1 }),
    refusals: notShown,
  },
  'POST /square/:id/favorite': {
    section: SECTION,
    title: '收藏作品',
    description: '再次调用即取消收藏。',
    parameters: id,
    success: done({ favorited: true, favoriteCount: 1 }),
    refusals: notShown,
  },
  'POST /square/:id/view': {
    section: SECTION,
    title: '记录播放',
    description: '无需登录。同一观看者一小时内只计一次，`counted` 表示本次是否计入。',
    parameters: id,
    success: done({ playCount: 1, counted: true }),
    refusals: notShown,
  },
  'PUT /works/:id': {
    section: '作品管理接口',
    title: '更新作品',
    description: '公开或取消公开自己的作品，或修改标题。只能公开已完成的图片或视频；取消公开立即生效。',
    parameters: id,
    fields: { isPublic: '是否公开', title: '标题，1 至 100 个字符' },
    request: { isPublic: true, title: '新标题' },
    success: done(
      {
        id: '1',
        type: 'image',
        title: '新标题',
        thumbnail: THUMBNAIL,
        status: 'completed',
        createdAt: AT,
        fileUrl: FILE,
        isPublic: true,
        likeCount: 0,
        favoriteCount: 0,
        playCount: 0,
      },
      '更新成功',
    ),
    refusals: {
      没有字段: refuse(400, '没有要更新的字段'),
      未完成: refuse(400, '作品尚未完成，无法发布'),
      作品不存在: refuse(404, '作品不存在'),
    },
  },
}
