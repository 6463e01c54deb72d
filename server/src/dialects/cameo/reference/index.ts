import type { Reference } from '../../../http/dialect.ts'
import { assistantReference } from './assistant.ts'
import { authReference } from './auth.ts'
import { charactersReference } from './characters.ts'
import { generateReference } from './generate.ts'
import { imageModelsReference } from './image-models.ts'
import { powerReference } from './power.ts'
import { squareReference } from './square.ts'
import { uploadReference } from './upload.ts'
import { usersReference } from './users.ts'
import { worksReference } from './works.ts'

/**
 * The words and examples of specs/cameo.md for the page at /docs. That they are the document's, and that the site answers
 * so, is checked against contracts/cameo.
 */
export const reference: Reference = {
  title: '后端API接口文档',
  introduction: [],
  sections: [
    { title: '认证接口', description: '注册、登录与退出。' },
    { title: '用户接口', description: '个人资料、密码与头像。' },
    { title: '作品接口', description: '自己的作品：列表、详情、发布、分享、下载与删除。' },
    { title: '角色接口', description: '系统角色与自己的角色，可在提示词中用 @ 提及。' },
    { title: '生成接口', description: '文生图、图生图、文生视频、图生视频与任务。' },
    { title: '文件上传接口', description: '上传图片、视频与头像文件。' },
    { title: '广场接口', description: '用户公开的作品，点赞与浏览量。' },
    { title: 'AI助手接口', description: '对话与历史消息。' },
    { title: '算力与会员接口', description: '算力记录、会员购买、卡密兑换与推荐码。' },
  ],
  routes: {
    ...authReference,
    ...usersReference,
    ...worksReference,
    ...charactersReference,
    ...imageModelsReference,
    ...generateReference,
    ...uploadReference,
    ...squareReference,
    ...assistantReference,
    ...powerReference,
  },
  tables: [],
}
