import type { RouteReference } from '../../../http/dialect.ts'
import { done } from '../envelope.ts'

const drawn = (id: string, name: string, models: string[]) => ({ id, name, models, servedBy: 'sketch' })

export const imageModelsReference: Readonly<Record<string, RouteReference>> = {
  'GET /generate/image-models': {
    section: '生成接口',
    title: '获取图片模型列表',
    description:
      '无需登录。`models` 中的名称用作生成请求的 `model_name`，第一个是默认模型；`servedBy` 说明实际由谁生成。',
    success: done({
      models: ['stable-diffusion-xl', 'dall-e-3'],
      providers: [
        drawn('stability', 'Stability AI', ['stable-diffusion-xl']),
        drawn('openai', 'OpenAI', ['dall-e-3']),
      ],
    }),
  },
}
