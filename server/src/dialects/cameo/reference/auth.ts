import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const SECTION = '认证接口'
const TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...'

const user = {
  id: 1,
  username: 'testuser',
  nickname: null,
  email: 'test@example.com',
  phone: '13800138000',
  avatar_url: null,
  role: 'user',
  user_type: 'normal',
  computing_power: 100,
  total_computing_power: 100,
  gifted_computing_power: 0,
  hd_count: 0,
  membership_expires_at: null,
  referral_code: 'XYZ12345',
  created_at: '2026-01-22T02:00:00.000Z',
}

/** What every answer about a user looks like. */
export const exampleUser: Readonly<Record<string, unknown>> = user

/** 认证接口. */
export const authReference: Readonly<Record<string, RouteReference>> = {
  'POST /auth/register': {
    section: SECTION,
    title: '用户注册',
    description: '注册成功即登录。新用户有 100 算力和自己的推荐码。',
    fields: {
      username: '用户名，最多 64 个字符，不能是邮箱或手机号',
      password: '密码，至少 6 个字符',
      email: '邮箱，可省略',
      phone: '手机号，可省略：11 位手机号，或以 + 开头的国际号码',
      referral_code: '推荐码，可省略；无效的推荐码会被忽略',
    },
    request: {
      username: 'testuser',
      password: 'password123',
      email: 'test@example.com',
      phone: '13800138000',
      referral_code: 'ABC12345',
    },
    success: done({ token: TOKEN, user }, '注册成功'),
    refusals: {
      参数错误: refuse(400, '用户名和密码不能为空'),
      用户名已存在: refuse(400, '用户名已存在'),
      邮箱已存在: refuse(400, '邮箱已存在'),
      手机号已存在: refuse(400, '手机号已存在'),
    },
  },
  'POST /auth/login': {
    section: SECTION,
    title: '用户登录',
    fields: { username: '用户名、邮箱或手机号', password: '密码' },
    request: { username: 'testuser', password: 'password123' },
    success: done({ token: TOKEN, user }, '登录成功'),
    refusals: {
      参数错误: refuse(400, '用户名和密码不能为空'),
      登录失败: refuse(401, '用户名或密码错误'),
    },
  },
  'GET /auth/me': {
    section: SECTION,
    title: '获取当前用户信息',
    success: done(user),
    refusals: { 未认证: refuse(401, '未提供认证令牌') },
  },
  'POST /auth/logout': {
    section: SECTION,
    title: '退出登录',
    description: '当前令牌立即失效，其他设备上的登录不受影响。',
    success: done(null, '退出成功'),
  },
}
