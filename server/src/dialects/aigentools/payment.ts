import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { fenOfNumber, formatYuan } from '../../kernel/fen.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import { credits } from '../../kernel/money.ts'
import { listUsableChannels } from '../../kernel/payments/channels.ts'
import type { OrderItem } from '../../kernel/payments/create-order.ts'
import { createOrder } from '../../kernel/payments/create-order.ts'
import { requireReturnUrl } from '../../kernel/payments/return-url.ts'
import { done, refuse } from './envelope.ts'

/** 4.1 获取支付方式: the channels a payer may choose from; an empty list when there are none. */
const methods = route({
  method: 'GET',
  path: '/payment/methods',
  allow: 'user',
  rate: 'read',
  run: (context) => listUsableChannels(context),
  reply: (channels) =>
    done(
      'success',
      channels.map(({ uuid, gateway, name }) => ({ uuid, type: gateway, name })),
    ),
})

const CreatePayment = Type.Object({
  amount: Type.Number(),
  payment_method_uuid: Type.String({ minLength: 1, maxLength: 100 }),
  payment_channel: Type.String({ minLength: 1, maxLength: 20 }),
  return_url: Type.String({ minLength: 1, maxLength: 1_000 }),
})

/** 4.2 创建支付订单: an order of the caller's own amount at the channel it names, and where to pay it. */
const create = route({
  method: 'POST',
  path: '/payment/create',
  allow: 'user',
  rate: 'write',
  body: CreatePayment,
  refusals: { payment_method_refused: () => refuse(400, 'unsupported payment_channel') },
  run: (context, actor, { body, idempotencyKey, origin }) =>
    createOrder(context, actor, {
      item: quoteTopUp(body.amount),
      channelUuid: body.payment_method_uuid,
      method: body.payment_channel,
      returnUrl: requireReturnUrl('return_url', body.return_url),
      idempotencyKey:
        idempotencyKey === null ? null : bindIdempotencyKey('payment/create', idempotencyKey, body),
      origin,
    }),
  reply: (order) => done('success', { jump_url: order.payUrl ?? order.qrCode, order_id: order.handle }),
})

/** A fen of yuan is a hundred credits of 1/10000 yuan. */
const CREDITS_PER_FEN = 100n

/** Money in is money in the wallet, one for one. @throws input_invalid for more than two decimals */
function quoteTopUp(yuan: number): OrderItem {
  const priceFen = fenOfNumber(yuan)
  if (priceFen === null)
    throw refusal('input_invalid', { field: 'amount', problem: yuan < 0 ? 'too_small' : 'format' })
  return {
    kind: 'credits',
    name: `Topup ${formatYuan(priceFen)}`,
    credits: credits(priceFen * CREDITS_PER_FEN),
    priceFen,
  }
}

export const paymentRoutes = [methods, create]
