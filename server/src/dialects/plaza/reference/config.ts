import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = 'AI服务商配置接口'
const NO_RIGHT = { 无权限: refuse(403, '需要管理员权限') }

const inUse = {
  imageProvider: 'stability',
  imageModel: 'stable-diffusion-xl',
  videoProvider: 'sora',
  videoModel: 'sora-1.0',
  assistantProvider: 'openai',
  assistantModel: 'gpt-4',
}
const vendor = (id: string, name: string, models: string[]) => ({
  ...{ id, name, enabled: true, models },
  servedBy: 'sketch',
})

const chosen: Record<string, string> = {
  imageProvider: '图片服务商的 id；单独给出时使用它的第一个模型',
  imageModel: '图片模型；单独给出时必须属于当前的服务商',
  videoProvider: '视频服务商的 id',
  videoModel: '视频模型',
  assistantProvider: 'AI助手服务商的 id',
  assistantModel: 'AI助手模型',
}

/** AI服务商配置接口. */
export const configReference: Readonly<Record<string, RouteReference>> = {
  'GET /config/providers': {
    section: SECTION,
    title: '获取可用服务商列表',
    description:
      '`servedBy` 说明实际由谁生成：没有配置密钥的服务商由内置渲染器 `sketch` 代为生成。响应中没有密钥和接口地址。',
    success: done({
      image: [
        vendor('stability', 'Stability AI', ['stable-diffusion-xl', 'stable-diffusion-3']),
        vendor('dalle', 'DALL-E', ['dall-e-3']),
      ],
      video: [
        vendor('sora', 'SORA (OpenAI)', ['sora-1.0']),
        vendor('veo', 'VEO (Google)', ['veo-2']),
        vendor('runway', 'Runway ML', ['gen-4']),
      ],
      assistant: [vendor('openai', 'OpenAI', ['gpt-4', 'gpt-3.5-turbo'])],
    }),
  },
  'GET /config/current': { section: SECTION, title: '获取当前配置', success: done(inUse) },
  'PUT /config/providers': {
    section: SECTION,
    title: '更新服务商配置',
    description:
      '需要管理员权限。只更新给出的字段，任何一个不可用则全部不更新；立即生效，已提交的任务不受影响。',
    fields: chosen,
    request: inUse,
    success: done(inUse, '配置已更新'),
    refusals: {
      ...NO_RIGHT,
      不存在: refuse(400, '服务商不存在或未启用', 'imageProvider：midjourney 不存在或未启用'),
    },
  },
  'POST /config/providers/custom': {
    section: SECTION,
    title: '添加自定义服务商',
    description:
      '需要管理员权限。图片和AI助手可以是 OpenAI 兼容接口（`config.kind` 为 `openai` 或省略，`config.models` 列出模型）；图片和视频可以是任意 HTTP 接口（`config.kind` 为 `http`，`config.body` 是请求体，用 `{prompt}` 等占位；`config.queryUrl` 是查询地址，用 `{id}` 占位；`config.outputs` 说明结果在响应的什么位置）。添加后用 `PUT /config/providers` 启用。',
    fields: {
      type: '`image`、`video` 或 `assistant`',
      name: '名称，最多 60 个字符；由它得到 `id`',
      apiUrl: '接口地址，以 https:// 开头的公网地址；内网地址须列入 OUTBOUND_ALLOW',
      apiKey: '接口密钥；加密保存，不会再返回',
      config: '接口的说明',
    },
    request: {
      type: 'image',
      name: 'My Images',
      apiUrl: 'https://images.example.com/v1',
      apiKey: 'sk-...',
      config: { models: ['my-image-1'] },
    },
    success: done(
      { id: 'my-images', type: 'image', name: 'My Images', enabled: true, models: ['my-image-1'] },
      '添加成功',
      201,
    ),
    refusals: { ...NO_RIGHT, 已存在: refuse(400, '同名服务商已存在', 'name：My Images 已存在，请更换名称') },
  },
}
