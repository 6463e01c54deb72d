import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { parseYuan } from '../../kernel/fen.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { toNumber } from '../../kernel/money.ts'
import { queryOrder } from '../../kernel/payments/ask-gateway.ts'
import { createOrder } from '../../kernel/payments/create-order.ts'
import type { Order, OrderState } from '../../kernel/payments/order.ts'
import { quotePackage } from '../../kernel/payments/packages.ts'
import { requireReturnUrl } from '../../kernel/payments/return-url.ts'
import type { PaymentReport } from '../../kernel/ports/gateway.ts'
import { done, refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'
import { presentTime } from './time.ts'

const CreatePayment = Type.Object({
  package: Type.String({ minLength: 1, maxLength: 60 }),
  paymentType: Type.String({ minLength: 1, maxLength: 20 }),
  returnUrl: Type.Optional(Type.String({ maxLength: 500 })),
})

/** 创建支付订单: `POST /payment/create`. */
const create = route({
  method: 'POST',
  path: '/payment/create',
  allow: 'user',
  rate: 'write',
  body: CreatePayment,
  invalid: (issues) => {
    const isAbsent = (name: string): boolean =>
      issues.some(
        ({ field, problem }) => field === name && (problem === 'missing' || problem === 'too_short'),
      )
    if (issues.some(({ field }) => field === 'package') && !isAbsent('package'))
      return refuse(1406, '无效的套餐类型')
    return isAbsent('package') || isAbsent('paymentType')
      ? refuse(1601, '套餐和支付方式都是必填项')
      : refuseIssues(issues)
  },
  run: (context, actor, { body, idempotencyKey, origin }) =>
    createOrder(context, actor, {
      item: quotePackage(context, body.package),
      channelUuid: null,
      method: body.paymentType,
      returnUrl: body.returnUrl
        ? requireReturnUrl('returnUrl', body.returnUrl)
        : `${context.publicUrl}/payment/result`,
      idempotencyKey:
        idempotencyKey === null ? null : bindIdempotencyKey('payment/create', idempotencyKey, body),
      origin,
    }),
  reply: (order) =>
    done(
      { orderId: order.handle, outTradeNo: order.tradeNumber, payUrl: order.payUrl, qrCode: order.qrCode },
      '订单创建成功',
    ),
})

/** 查询订单状态: `GET /payment/query`, by `orderId` first. */
const query = route({
  method: 'GET',
  path: '/payment/query',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query: { orderId, outTradeNo } }) => {
    const named = { handle: orderId || null, tradeNumber: outTradeNo || null }
    if (named.handle === null && named.tradeNumber === null)
      throw refusal('input_invalid', { field: 'orderId', problem: 'missing' })
    return queryOrder(context, actor, named)
  },
  reply: ({ order, report }) => done({ localOrder: presentOrder(order), remoteOrder: presentReport(report) }),
})

/** 0 unpaid, 1 paid, 2 refunded (facts/waliassets.md, 3.6). */
const STATUS: Readonly<Record<OrderState, 0 | 1 | 2>> = {
  created: 0,
  open: 0,
  expired: 0,
  closed: 0,
  paid: 1,
  refunding: 2,
  refunded: 2,
}

function presentOrder(order: Order) {
  return {
    id: order.handle,
    outTradeNo: order.tradeNumber,
    tradeNo: order.gatewayTrade,
    name: order.name,
    money: Number(order.amountFen) / 100,
    type: order.method,
    status: STATUS[order.state],
    tokenAmount: toNumber(order.credits),
    createdAt: presentTime(order.createdAt),
    paidAt: order.paidAt && presentTime(order.paidAt),
  }
}

/** Null when the gateway could not be asked: the local order is shown all the same. */
function presentReport(report: PaymentReport | null) {
  if (!report) return null
  const total = parseYuan(report.amount)
  return {
    status: report.isPaid ? 1 : 0,
    tradeNo: report.gatewayTrade,
    totalFee: total === null ? null : Number(total) / 100,
  }
}

const METHODS: Readonly<Record<string, { name: string; icon: string }>> = {
  alipay: { name: '支付宝', icon: 'alipay' },
  wxpay: { name: '微信支付', icon: 'wechat' },
}

/** 获取支付套餐: `GET /payment/packages`; the document asks for no token here. */
const packages = route({
  method: 'GET',
  path: '/payment/packages',
  allow: 'public',
  rate: 'read',
  run: async (context) => context.preset,
  reply: ({ packages: sold, methods }) =>
    done({
      packages: sold.map(({ id, credits, priceFen, name }) => ({
        id,
        tokens: toNumber(credits),
        price: Number(priceFen) / 100,
        name,
      })),
      paymentTypes: methods.map((id) => ({ id, ...(METHODS[id] ?? { name: id, icon: id }) })),
    }),
})

export const paymentRoutes = [create, query, packages]
