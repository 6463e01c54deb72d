import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const GENERATE = '生成接口'

const ONCE = '请求头 `Idempotency-Key`（可选）相同的重复请求只扣费一次。'
const fields = {
  prompt: '提示词，最多 2000 个字符',
  task_type: '`text2img`、`img2img`、`text2video` 或 `img2video`，可省略；必须与请求路径一致',
  model_provider: '服务商，可省略',
  model_name: '模型名称或服务商，可省略；省略时使用默认模型',
  model: '同 `model_name`',
  negative_prompt: '反向提示词，可省略，最多 2000 个字符',
  source_image_url:
    '参考图片，图生图和图生视频必填：自己上传或生成的图片地址、公开的 http(s) 地址或 `data:` 地址',
  parameters:
    '图片：`width`、`height`（64 至 2048）或 `size`、`count`（1 至 4）、`strength`（0 至 1）、`style`、`seed`；视频：`duration`（1 至 60 秒）、`resolution`（480p、720p、1080p、4k）、`aspectRatio`（16:9、9:16、1:1、4:3、3:4）、`fps`、`style`、`seed`',
}
const refusals = {
  请求参数错误: refuse(400, '提示词不能为空'),
  模型不存在: refuse(400, '模型不存在或未启用'),
  算力不足: refuse(400, '算力不足，当前余额 0，需要 10，请充值后重试'),
}
const created = done({ id: 1, status: 'pending' }, '任务已创建，正在后台处理中...')
const id = { description: '任务 ID，与作品 ID 相同', schema: { type: 'integer' } }

const generates = (title: string, price: string, request: object): RouteReference => ({
  section: GENERATE,
  title,
  description: `${price}，生成失败或取消时自动退还。${ONCE}`,
  fields,
  request,
  success: created,
  refusals,
})

/** 生成接口. */
export const generateReference: Readonly<Record<string, RouteReference>> = {
  'POST /generate/text-to-image': generates('文生图', '每张图片 10 算力', {
    task_type: 'text2img',
    model_provider: 'stability',
    model_name: 'stable-diffusion-xl',
    prompt: 'a beautiful landscape',
    negative_prompt: 'blurry, low quality',
    parameters: { width: 1024, height: 1024 },
  }),
  'POST /generate/image-to-image': generates('图生图', '每张图片 15 算力', {
    task_type: 'img2img',
    model_provider: 'stability',
    model_name: 'stable-diffusion-xl',
    prompt: 'transform this image',
    source_image_url: 'https://example.com/image.jpg',
    parameters: { strength: 0.7 },
  }),
  'POST /generate/text-to-video': generates('文生视频', '每个视频 50 算力', {
    task_type: 'text2video',
    model_provider: 'openai',
    model_name: 'sora',
    prompt: 'a cat playing with a ball',
    parameters: { duration: 5, resolution: '1080p' },
  }),
  'POST /generate/image-to-video': generates('图生视频', '每个视频 60 算力', {
    task_type: 'img2video',
    model_provider: 'openai',
    model_name: 'sora',
    prompt: 'animate this image',
    source_image_url: 'https://example.com/image.jpg',
    parameters: { duration: 5 },
  }),
  'GET /generate/tasks/:id': {
    section: GENERATE,
    title: '获取任务状态',
    description: '`status` 为 `pending`、`processing`、`completed` 或 `failed`。',
    parameters: { id },
    success: done({
      id: 1,
      user_id: 1,
      work_id: 1,
      task_type: 'text2img',
      model_provider: 'stability',
      model_name: 'stable-diffusion-xl',
      prompt: 'a beautiful landscape',
      negative_prompt: 'blurry, low quality',
      source_image_url: null,
      parameters: { width: 1024, height: 1024 },
      status: 'completed',
      progress: 100,
      result_url: 'string',
      error_message: null,
      created_at: '2024-01-26T00:00:00.000Z',
      updated_at: '2024-01-26T00:00:30.000Z',
    }),
    refusals: { 任务不存在: refuse(404, '任务不存在') },
  },
  'POST /generate/tasks/:id/cancel': {
    section: GENERATE,
    title: '取消任务',
    description: '任务变为 `failed`（用户取消），算力立即退还。',
    parameters: { id },
    success: done(null, '任务已取消'),
    refusals: { 任务不存在或无法取消: refuse(404, '任务不存在或无法取消') },
  },
}
