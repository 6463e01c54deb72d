import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const WORKS = '作品接口'

export const row = {
  id: 1,
  user_id: 1,
  title: 'a beautiful landscape',
  description: '',
  work_type: 'image',
  content_type: 'text2img',
  model_name: 'stable-diffusion-xl',
  prompt: 'a beautiful landscape',
  negative_prompt: null,
  source_image_url: null,
  result_url: 'string',
  thumbnail_url: 'string',
  file_size: 1024000,
  duration: null,
  width: 1024,
  height: 1024,
  status: 'completed',
  progress: 100,
  error_message: null,
  is_public: false,
  view_count: 0,
  like_count: 0,
  share_count: 0,
  computing_power_used: 10,
  created_at: '2024-01-26T00:00:00.000Z',
  updated_at: '2024-01-26T00:00:30.000Z',
}
const id = { description: '作品 ID，与任务 ID 相同', schema: { type: 'integer' } }
const missing = { 作品不存在: refuse(404, '作品不存在') }
const ids = { ids: '作品 ID 的列表，1 至 100 个；不是自己的作品会被忽略' }
const text = (description: string, values: readonly string[]) => ({
  description,
  schema: { type: 'string', enum: values },
})

const share = {
  section: WORKS,
  title: '分享作品',
  description: '返回任何人都可以打开的作品地址。',
  parameters: { id },
  success: done({ share_url: 'string' }),
  refusals: { ...missing, 作品尚未完成: refuse(400, '作品尚未完成，无法分享') },
}

/** 作品接口. */
export const worksReference: Readonly<Record<string, RouteReference>> = {
  'GET /works': {
    section: WORKS,
    title: '获取作品列表',
    description:
      '自己的作品，最新的在前。正在生成的也在其中，`status` 为 `processing`。有多张图片时 `result_urls` 包含全部地址。',
    parameters: {
      page: { description: '页码', schema: { type: 'integer', minimum: 1, default: 1 } },
      pageSize: {
        description: '每页数量，最多 100',
        schema: { type: 'integer', minimum: 1, default: 20 },
      },
      status: text('状态', ['pending', 'processing', 'completed', 'failed', 'all']),
      work_type: text('作品类型', ['image', 'video', 'all']),
      category: text('分类', ['all', 'image', 'video', 'sora', 'veo']),
    },
    success: done({ list: [row], total: 1, page: 1, pageSize: 20 }),
    refusals: { 请求参数错误: refuse(400, '状态格式不正确') },
  },
  'GET /works/:id': {
    section: WORKS,
    title: '获取作品详情',
    parameters: { id },
    success: done(row),
    refusals: missing,
  },
  'DELETE /works/:id': {
    section: WORKS,
    title: '删除作品',
    description: '文件一并删除；正在生成的作品会先取消并退还算力。',
    parameters: { id },
    success: done(null, '删除成功'),
    refusals: { 作品不存在: refuse(404, '作品不存在或无权限') },
  },
  'GET /works/:id/download': {
    section: WORKS,
    title: '下载作品',
    parameters: { id },
    success: done({ download_url: 'string', filename: 'a beautiful landscape.png' }),
    refusals: { ...missing, 作品尚未完成: refuse(400, '作品尚未完成，无法下载') },
  },
  'GET /works/:id/share': share,
  'POST /works/:id/share': share,
  'POST /works/batch-delete': {
    section: WORKS,
    title: '批量删除作品',
    fields: ids,
    request: { ids: [1, 2, 3] },
    success: done({ deletedCount: 3 }, '删除成功'),
    refusals: { 请求参数错误: refuse(400, '作品不能为空') },
  },
  'POST /works/batch-download': {
    section: WORKS,
    title: '批量下载作品',
    description: '已完成的作品的全部文件。',
    fields: ids,
    request: { ids: [1, 2] },
    success: done({ downloads: [{ id: 1, url: 'string', filename: 'a beautiful landscape.png' }] }),
    refusals: { 请求参数错误: refuse(400, '作品不能为空') },
  },
}
