import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import type { TaskKind } from '../../kernel/generation/task-input.ts'
import { toNumber } from '../../kernel/money.ts'
import { readBalance } from '../../kernel/wallet/balance.ts'
import type { EntryKind, StatementFilter, StatementRow } from '../../kernel/wallet/statement.ts'
import { readStatement } from '../../kernel/wallet/statement.ts'
import { done } from './envelope.ts'
import { readChoice, readPage } from './query.ts'
import { presentTime } from './time.ts'

/** 获取Token余额: `GET /token/balance`. */
const balance = route({
  method: 'GET',
  path: '/token/balance',
  allow: 'user',
  rate: 'read',
  run: async (context, actor) => ({ actor, balance: await readBalance(context, actor) }),
  reply: ({ actor, balance: { available } }) =>
    done({
      balance: toNumber(available),
      user: { id: actor.uuid, username: actor.username, email: actor.email },
    }),
})

const IMAGE = { type: 'IMAGE_GENERATION', title: '图像生成' }
const VIDEO = { type: 'VIDEO_GENERATION', title: '动画生成' }
/** The document sells two kinds of generation. */
const consumption = (topic: StatementRow['topic']) => (topic === 'video' ? VIDEO : IMAGE)

/** 交易类型, each with the entries it stands for. */
const TYPES: Readonly<Record<string, StatementFilter>> = {
  REGISTER_BONUS: [{ kinds: ['bonus'] }],
  IMAGE_GENERATION: [{ kinds: ['hold'], topic: 'image' }],
  VIDEO_GENERATION: [{ kinds: ['hold'], topic: 'video' }],
  PAYMENT: [{ kinds: ['purchase', 'purchase_refund'] }],
  ADMIN_ADJUST: [{ kinds: ['adjustment'] }],
  REFUND: [{ kinds: ['release', 'difference'] }],
}

/**
 * 获取Token使用历史: `GET /token/transactions`, and `GET /token/history`, as the earlier system called it
 * (facts/waliassets.md, section 4).
 */
const statements = ['/token/transactions', '/token/history'].map((path) =>
  route({
    method: 'GET',
    path,
    allow: 'user',
    rate: 'read',
    run: (context, actor, { query }) => {
      const type = readChoice(query, 'type', TYPES)
      return readStatement(context, actor, {
        ...readPage(query, 20),
        filter: type ? (TYPES[type] ?? null) : null,
      })
    },
    reply: ({ items, total, page, limit, totalPages }) =>
      done({ transactions: items.map(presentRow), pagination: { total, page, limit, totalPages } }),
  }),
)

const KINDS: Readonly<Record<string, TaskKind>> = { IMAGE_GENERATION: 'image', VIDEO_GENERATION: 'video' }

/** What one generation costs, and whether the caller can pay it: `GET /token/cost/:type` (facts, section 4). */
const cost = route({
  method: 'GET',
  path: '/token/cost/:type',
  allow: 'user',
  rate: 'read',
  run: async (context, actor, { params: { type = '' } }) => {
    const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined
    if (!kind) throw refusal('input_invalid', { field: 'type', problem: 'format' })
    const quote = context.catalog.quote(kind, null, 1)
    return { type, price: quote.cost, balance: await readBalance(context, actor) }
  },
  reply: ({ type, price, balance: { available, creditLimit } }) =>
    done({
      type,
      cost: toNumber(price),
      currentBalance: toNumber(available),
      canAfford: available + creditLimit >= price,
    }),
})

const ROW_TYPES: Readonly<Record<EntryKind, (row: StatementRow) => { type: string; description: string }>> = {
  bonus: ({ reason }) => ({ type: 'REGISTER_BONUS', description: reason ?? '新用户注册奖励' }),
  adjustment: ({ reason }) => ({ type: 'ADMIN_ADJUST', description: reason ?? '管理员调整' }),
  hold: ({ topic }) => ({ type: consumption(topic).type, description: consumption(topic).title }),
  purchase: ({ order }) => ({
    type: 'PAYMENT',
    description: `支付充值 - 订单号: ${order?.tradeNumber ?? ''}`,
  }),
  purchase_refund: ({ order }) => ({
    type: 'PAYMENT',
    description: `支付退款 - 订单号: ${order?.tradeNumber ?? ''}`,
  }),
  gift: ({ reason }) => ({ type: 'ADMIN_ADJUST', description: reason ?? '活动赠送' }),
  gift_reversal: ({ reason }) => ({ type: 'ADMIN_ADJUST', description: reason ?? '活动赠送收回' }),
  membership: ({ reason }) => ({ type: 'PAYMENT', description: reason ?? '购买会员' }),
  membership_refund: ({ reason }) => ({ type: 'PAYMENT', description: reason ?? '会员退款' }),
  // A capture changes no balance and so is never a row; only what it gives back is.
  capture: ({ topic }) => ({ type: consumption(topic).type, description: consumption(topic).title }),
  difference: ({ topic }) => ({ type: 'REFUND', description: `${consumption(topic).title}差额退还` }),
  release: ({ topic }) => ({ type: 'REFUND', description: `${consumption(topic).title}未完成，tokens退还` }),
}

function presentRow(row: StatementRow) {
  return {
    id: Number(row.id),
    ...ROW_TYPES[row.kind](row),
    amount: toNumber(row.amount),
    balance: toNumber(row.balance),
    metadata: presentMetadata(row),
    createdAt: presentTime(row.createdAt),
  }
}

function presentMetadata({ taskHandle, order }: StatementRow) {
  if (order) {
    return { paymentOrderId: order.handle, tradeNo: order.gatewayTrade, paymentType: order.method }
  }
  return taskHandle === null ? {} : { taskId: taskHandle }
}

export const tokenRoutes = [balance, ...statements, cost]
