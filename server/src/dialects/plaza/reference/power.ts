import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const section = '算力/会员接口'
const order = {
  orderId: 'P20240126123456789012',
  amount: 100,
  price: 10,
  status: 'pending',
  paymentUrl: 'https://payment.example.com/pay?order=...',
}

/** 算力/会员接口. */
export const powerReference: Readonly<Record<string, RouteReference>> = {
  'GET /user/compute-power': {
    section,
    title: '获取算力信息',
    description:
      '`total` 为累计获得的算力，`used` 为已使用（含生成中预扣），`remaining` = `total` − `used`。`gifted` 为其中由管理员、活动或卡密赠送的部分，注册赠送不计入。`hdCount` 为剩余高清次数。',
    success: done({ total: 50, used: 10, remaining: 40, gifted: 0, hdCount: 0 }),
  },
  'POST /user/recharge': {
    section,
    title: '充值算力',
    description:
      '`amount`、`plan`、`cardCode` 三选一。前两者返回待支付订单，支付成功后到账；卡密立即生效，返回 `{status:"completed",total,used,remaining,gifted,hdCount}`。请求头 `Idempotency-Key`（可选）相同的重复请求只生效一次。',
    fields: {
      amount: '充值的算力数量；默认 10 算力 = 1 元，最低 0.01 元',
      plan: '会员套餐：`monthly`（30 天）、`quarterly`（90 天）为 `vipLevel` 1，`yearly`（365 天）为 2；高等级的时间先使用，低等级的时间顺延',
      cardCode: '卡密，16 位',
      paymentMethod: '`alipay` 或 `wechat`；使用卡密时可省略',
    },
    request: { amount: 100, paymentMethod: 'alipay' },
    success: done(order, '订单已创建，请完成支付'),
    refusals: {
      参数错误: refuse(400, '请在充值数量(amount)、会员套餐(plan)和卡密(cardCode)中选择一项'),
      卡密已使用: refuse(400, '卡密已被使用'),
      卡密不存在: refuse(404, '卡密不存在'),
    },
  },
  'GET /user/recharge/:orderId': {
    section,
    title: '查询充值订单',
    description: '`status`：`pending`、`completed`（已支付）、`expired`、`failed` 或 `refunded`。',
    parameters: { orderId: { description: '订单号', schema: { type: 'string' } } },
    success: done({
      orderId: order.orderId,
      amount: 100,
      plan: null,
      price: 10,
      paymentMethod: 'alipay',
      status: 'completed',
      paid: true,
      paymentUrl: null,
      createdAt: '2024-01-26T00:00:00Z',
      paidAt: '2024-01-26T00:00:00Z',
    }),
    refusals: { 订单不存在: refuse(404, '订单不存在') },
  },
}
