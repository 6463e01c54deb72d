import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'
import { exampleUser } from './auth.ts'

const SECTION = '用户接口'
const AVATAR = 'https://example.com/avatar.jpg'
const changes = { nickname: '新昵称', email: 'newemail@example.com', phone: '13900139000' }
const withAvatar = { ...exampleUser, avatar_url: AVATAR }

/** 用户接口. */
export const usersReference: Readonly<Record<string, RouteReference>> = {
  'GET /users/profile': { section: SECTION, title: '获取用户信息', success: done(exampleUser) },
  'PUT /users/profile': {
    section: SECTION,
    title: '更新用户信息',
    description: '返回更新后的用户信息。没有给出的字段不变；空字符串或 null 会清除该字段。',
    fields: {
      nickname: '昵称，最多 50 个字符',
      email: '邮箱',
      phone: '手机号：11 位手机号，或以 + 开头的国际号码',
    },
    request: changes,
    success: done({ ...exampleUser, ...changes }, '更新成功'),
    refusals: {
      没有字段: refuse(400, '没有要更新的字段'),
      邮箱已被使用: refuse(400, '邮箱已被使用'),
      手机号已被使用: refuse(400, '手机号已被使用'),
    },
  },
  'POST /users/change-password': {
    section: SECTION,
    title: '修改密码',
    description: '修改后，其他设备上的登录全部失效，当前登录继续有效。',
    fields: { oldPassword: '旧密码', newPassword: '新密码，至少 6 个字符' },
    request: { oldPassword: 'oldpass123', newPassword: 'newpass123' },
    success: done(null, '密码修改成功'),
    refusals: {
      参数错误: refuse(400, '旧密码和新密码不能为空'),
      旧密码错误: refuse(400, '旧密码错误'),
    },
  },
  'POST /users/upload-avatar': {
    section: SECTION,
    title: '上传头像',
    description: '头像地址可以是本站已上传的图片，也可以是其他网站的 http(s) 地址。',
    fields: { avatar_url: '头像图片的地址' },
    request: { avatar_url: AVATAR },
    success: done({ ...withAvatar, user: withAvatar }, '头像更新成功'),
    refusals: { 参数错误: refuse(400, '请使用 /api/v1/upload/avatar 接口上传文件') },
  },
}
