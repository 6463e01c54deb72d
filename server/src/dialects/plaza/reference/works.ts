import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const WORKS = '作品管理接口'

const row = {
  id: '1',
  type: 'image',
  title: '一只在窗边睡觉的猫',
  thumbnail: 'string',
  status: 'completed',
  createdAt: '2024-01-26T00:00:00Z',
  fileUrl: 'string',
}
const id = { description: '作品 ID', schema: { type: 'string' } }
const missing = { 作品不存在: refuse(404, '作品不存在') }

/** 作品管理接口. */
export const worksReference: Readonly<Record<string, RouteReference>> = {
  'GET /works': {
    section: WORKS,
    title: '获取作品列表',
    description: '自己的作品，最新的在前，包括正在生成的；完成之前 `fileUrl` 和 `thumbnail` 为空字符串。',
    parameters: {
      type: {
        description: '类型，默认全部',
        schema: { type: 'string', enum: ['image', 'video', 'all'] },
      },
      status: {
        description: '状态，默认全部',
        schema: { type: 'string', enum: ['all', 'processing', 'completed', 'failed'] },
      },
      page: { description: '页码', schema: { type: 'integer', minimum: 1, default: 1 } },
      pageSize: {
        description: '每页数量，最多 100',
        schema: { type: 'integer', minimum: 1, default: 20 },
      },
    },
    success: done({ list: [row], total: 100, page: 1, pageSize: 20 }),
    refusals: { 请求参数错误: refuse(400, '请求参数错误', '类型格式不正确') },
  },
  'GET /works/:id': {
    section: WORKS,
    title: '获取作品详情',
    description: '有多张图片时 `images` 包含全部图片。',
    parameters: { id },
    success: done({
      ...row,
      prompt: '一只在窗边睡觉的猫',
      negativePrompt: '',
      model: 'stable-diffusion-xl',
      style: '',
      width: 1024,
      height: 1024,
      duration: null,
      resolution: '1024x1024',
      fileSize: 1024000,
      progress: 100,
      error: null,
      isPublic: false,
      likeCount: 0,
      favoriteCount: 0,
      playCount: 0,
      taskId: 'task_abc123456',
      updatedAt: '2024-01-26T00:00:30Z',
      images: [{ url: 'string', thumbnail: 'string', width: 1024, height: 1024 }],
    }),
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
    description:
      '返回文件流（`Content-Disposition: attachment`）；请求头 `Accept` 包含 `application/json` 时返回下载地址。',
    parameters: {
      id,
      index: {
        description: '第几张图片，默认第 1 张',
        schema: { type: 'integer', minimum: 1, default: 1 },
      },
    },
    success: done({ url: 'string', filename: '一只在窗边睡觉的猫.png' }),
    refusals: { ...missing, 作品尚未完成: refuse(400, '作品尚未完成，无法下载') },
  },
}
