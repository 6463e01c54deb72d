import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = '用户相关接口'
const user = { id: '1', username: 'testuser', email: 'test@example.com' }
const TOKEN = 'eyJhbGciOiJIUzI1NiIs...'

/** 用户相关接口. */
export const authReference: Readonly<Record<string, RouteReference>> = {
  'POST /auth/register': {
    section: SECTION,
    title: '用户注册',
    description: '注册成功即登录。新用户有 50 算力。',
    fields: {
      username: '用户名，3 至 64 个字符，不能是邮箱或手机号',
      email: '邮箱',
      password: '密码，6 至 200 个字符',
    },
    request: { username: 'testuser', email: 'test@example.com', password: 'password123' },
    success: done({ user, token: TOKEN }, 'success', 201),
    refusals: {
      参数错误: refuse(400, '邮箱格式不正确，请检查后重试'),
      用户名已存在: refuse(400, '用户名已存在'),
      邮箱已存在: refuse(400, '邮箱已存在'),
    },
  },
  'POST /auth/login': {
    section: SECTION,
    title: '用户登录',
    fields: {
      email: '邮箱；也可以填写用户名或手机号',
      username: '用户名，没有 `email` 时使用',
      password: '密码',
    },
    request: { email: 'test@example.com', password: 'password123' },
    success: done({ user, token: TOKEN }),
    refusals: { 登录失败: refuse(401, '用户名或密码错误'), 账号已被禁用: refuse(403, '账号已被禁用') },
  },
  'GET /user/profile': {
    section: SECTION,
    title: '获取用户信息',
    description: '`vipLevel`：0 普通用户，1 VIP，2 年度 VIP。`totalGenerated` 是已完成且未删除的作品数量。',
    success: done({
      id: '1',
      username: 'testuser',
      email: 'test@example.com',
      avatar: '',
      computePower: 50,
      vipLevel: 0,
      totalGenerated: 0,
    }),
    refusals: { 未认证: refuse(401, '未提供认证令牌') },
  },
}
