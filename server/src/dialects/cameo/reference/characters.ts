import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = '角色接口'
const AT = '2026-01-22T02:00:00.000Z'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const id = { id: parameter('角色ID', { type: 'integer', minimum: 1, examples: [7] }) }
const request = { name: '角色名称', avatar_url: 'https://example.com/avatar.jpg', type: 'sora' }
const character = {
  id: 7,
  user_id: 1,
  ...request,
  is_system: false,
  sora_id: null,
  created_at: AT,
  updated_at: AT,
}
const house = {
  id: 1,
  user_id: null,
  name: '林小鹿',
  avatar_url: null,
  type: 'sora',
  is_system: true,
  sora_id: 'linxiaolu',
  created_at: AT,
  updated_at: AT,
}
const changes = { name: '新名称', avatar_url: 'https://example.com/new-avatar.jpg' }
const fields = {
  name: '角色名称，最多 50 个字符',
  avatar_url: '头像，可省略：http(s) 图片地址、本站已上传的图片，或 `data:` 图片（请求体最大 8 MB）',
  type: '`sora` 或 `custom`',
}
const MISSING = { 不存在: refuse(404, '角色不存在') }

/** 角色接口. */
export const charactersReference: Readonly<Record<string, RouteReference>> = {
  'GET /characters': {
    section: SECTION,
    title: '获取角色列表',
    description:
      '自己的角色在前，系统角色在后。提示词中可以用 `@名称` 或 `@sora_id` 提及角色。不给出页码时返回全部。',
    parameters: {
      type: parameter('角色类型', { type: 'string', enum: ['sora', 'custom'] }),
      includeSystem: parameter('是否包括系统角色', { type: 'boolean', default: true }),
      page: parameter('页码', { type: 'integer', minimum: 1 }),
      pageSize: parameter('每页数量，最大 100', { type: 'integer', minimum: 1 }),
    },
    success: done({ list: [character, house], total: 2 }),
    refusals: { 参数错误: refuse(400, '无效的角色类型') },
  },
  'GET /characters/:id': {
    section: SECTION,
    title: '获取角色详情',
    parameters: id,
    success: done(character),
    refusals: MISSING,
  },
  'POST /characters': {
    section: SECTION,
    title: '创建角色',
    fields,
    request,
    success: done(character, '创建成功'),
    refusals: {
      参数错误: refuse(400, '角色名称和类型不能为空'),
      类型错误: refuse(400, '无效的角色类型'),
    },
  },
  'PUT /characters/:id': {
    section: SECTION,
    title: '更新角色',
    description: '只能更新自己的角色。',
    parameters: id,
    fields,
    request: changes,
    success: done({ ...character, ...changes }, '更新成功'),
    refusals: { 没有字段: refuse(400, '没有要更新的字段'), ...MISSING },
  },
  'DELETE /characters/:id': {
    section: SECTION,
    title: '删除角色',
    description: '只能删除自己的角色。',
    parameters: id,
    success: done(null, '删除成功'),
    refusals: { 不存在: refuse(404, '角色不存在或无权限') },
  },
}
