import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { units } from '../money.ts'
import type { OrderItem } from '../payments/create-order.ts'

/** What an order for one of the site's memberships is about. @throws plan_not_found */
export function quotePlan(context: Context, id: string): OrderItem {
  const plan = context.preset.plans?.find((one) => one.id === id)
  if (!plan) throw refusal('plan_not_found', { id })
  const { name, priceFen, days, level = 1, credits = units(0), vouchers = 0 } = plan
  return { kind: 'membership', name, plan: id, level, days, credits, vouchers, priceFen }
}
