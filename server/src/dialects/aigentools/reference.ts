import type { Reference } from '../../http/dialect.ts'
import { done, refuse } from './envelope.ts'

const ASSISTANT = 'AI 助手'

/** The page at /docs, in the words of specs/aigentools.md. */
export const reference: Reference = {
  title: 'aigentools-backend API 接口文档',
  introduction: [],
  sections: [{ title: ASSISTANT, description: '根据图片生成提示词。' }],
  routes: {
    'POST /ai-assistant/analyze': {
      section: ASSISTANT,
      title: '分析图片生成提示词',
      description:
        '免费，每个账号每小时 20 次。`nsfw` 生成含蓄、不裸露的成年人物写真提示词，`ecommerce` 生成电商带货视频的提示词；管理员可以停用其中任何一个。站点没有接入视觉模型时，由内置渲染器 sketch 按测得的颜色、光线和构图来写，并在结果中说明。',
      fields: {
        imageUrl: '图片地址：公网地址，或本站的文件；PNG、JPEG、WebP、GIF，20 MB 以内',
        template: '`nsfw` 或 `ecommerce`',
      },
      request: { imageUrl: 'https://example.com/image.jpg', template: 'ecommerce' },
      success: done('Success', { result: '生成的提示词内容...' }),
      refusals: {
        模板不存在或已停用: refuse(400, 'Invalid template'),
        次数用完: refuse(429, 'Too many requests, please try again in 1200 seconds'),
        视觉模型没有给出结果: refuse(
          502,
          'The analysis service is not available at the moment, please try again later',
        ),
      },
    },
  },
  tables: [],
}
