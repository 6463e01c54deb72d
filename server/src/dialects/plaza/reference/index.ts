import type { Reference } from '../../../http/dialect.ts'
import { assistantReference } from './assistant.ts'
import { authReference } from './auth.ts'
import { configReference } from './config.ts'
import { generateReference } from './generate.ts'
import { liveTable } from './live.ts'
import { powerReference } from './power.ts'
import { squareReference } from './square.ts'
import { uploadReference } from './upload.ts'
import { worksReference } from './works.ts'

/**
 * The words and examples of specs/plaza.md for the page at /docs. That they are the document's, and that the site answers
 * so, is checked against contracts/plaza.
 */
export const reference: Reference = {
  title: 'API接口文档',
  introduction: [],
  sections: [
    { title: '用户相关接口', description: '注册、登录与个人信息。' },
    { title: '图片生成接口', description: '文生图、图生图与任务查询。' },
    { title: '视频生成接口', description: '文生视频、图生视频与任务查询。' },
    { title: '作品管理接口', description: '自己的作品：列表、详情、发布、下载与删除。' },
    { title: '广场接口', description: '用户公开的作品，点赞、收藏与播放量。' },
    { title: 'AI助手接口', description: '流式对话与对话历史。' },
    { title: '文件上传接口', description: '上传图片与视频。' },
    { title: '算力/会员接口', description: '算力余额、充值与会员。' },
    { title: 'AI服务商配置接口', description: '可用服务商与当前配置；修改需要管理员权限。' },
  ],
  routes: {
    ...authReference,
    ...generateReference,
    ...worksReference,
    ...squareReference,
    ...assistantReference,
    ...uploadReference,
    ...powerReference,
    ...configReference,
  },
  tables: [liveTable],
}
