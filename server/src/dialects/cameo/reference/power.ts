import type { ParameterReference, RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const section = '算力与会员接口'
const AT = '2024-01-26T00:00:00.000Z'
const pages: Record<string, ParameterReference> = {
  page: { description: '页码', schema: { type: 'integer', minimum: 1, default: 1 } },
  pageSize: {
    description: '每页数量，最大 100，更大的按 100 计',
    schema: { type: 'integer', minimum: 1, default: 20 },
  },
}
const ONCE = '请求头 `Idempotency-Key`（可选）相同的重复请求只生效一次。'

/** Power, memberships and codes. */
export const powerReference: Readonly<Record<string, RouteReference>> = {
  'GET /users/computing-power-logs': {
    section,
    title: '获取算力记录',
    description: '`type`：`recharge`、`consume`、`refund`、`gift` 或 `adjust`。`amount` 为负表示扣除。',
    parameters: pages,
    success: done({
      list: [{ id: 1, type: 'gift', amount: 100, balance: 100, description: '注册赠送', created_at: AT }],
      total: 1,
      page: 1,
      pageSize: 20,
    }),
  },
  'POST /users/purchase-membership': {
    section,
    title: '购买会员',
    description: `返回待支付订单，支付成功后生效。高等级的时间先使用，低等级的时间顺延。${ONCE}`,
    fields: {
      plan_type:
        '`monthly`（19.98 元，30 天，vip）、`yearly`（99.98 元，365 天，svip）或 `lifetime`（299.98 元，永久，svip）；各含 2000 算力和 1 次高清',
      payment_method: '`alipay`（默认）或 `wechat`',
    },
    request: { plan_type: 'monthly' },
    success: done(
      {
        order_id: 'C20240126123456789012',
        plan_type: 'monthly',
        amount: 19.98,
        computing_power: 2000,
        hd_count: 1,
        payment_method: 'alipay',
        status: 'pending',
        payment_url: 'https://payment.example.com/pay?order=...',
      },
      '订单已创建，请完成支付',
    ),
    refusals: { 套餐不存在: refuse(400, '会员套餐不存在') },
  },
  'POST /users/redeem': {
    section,
    title: '兑换卡密',
    description: `\`type\` 为 \`computing_power\`（\`value\` 为算力）、\`vip\` 或 \`svip\`（\`value\` 为天数）。每个卡密只能使用一次。${ONCE}`,
    fields: { code: '卡密，16 位' },
    request: { code: 'ABCDEFGHIJKLMNOP' },
    success: done(
      {
        type: 'computing_power',
        value: 500,
        computing_power: 600,
        total_computing_power: 600,
        gifted_computing_power: 500,
        hd_count: 0,
        user_type: 'normal',
        membership_expires_at: null,
      },
      '兑换成功',
    ),
    refusals: {
      卡密已使用: refuse(400, '卡密已被使用'),
      卡密已过期: refuse(400, '卡密已过期'),
      卡密不存在: refuse(404, '卡密不存在'),
    },
  },
  'GET /distribution/referral-code': {
    section,
    title: '获取推荐码',
    success: done({ referral_code: 'XYZ12345' }),
  },
  'GET /distribution/team': {
    section,
    title: '获取我的团队',
    description: '由我的推荐码注册的用户，最新的在前。',
    parameters: pages,
    success: done({
      list: [{ id: 1, username: 'testuser', level: 1, created_at: AT }],
      total: 1,
      page: 1,
      pageSize: 20,
    }),
  },
}
