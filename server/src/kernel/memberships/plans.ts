import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { OrderItem } from '../payments/create-order.ts'

/** What an order for one of the site's memberships is about. @throws plan_not_found */
export function quotePlan(context: Context, id: string): OrderItem {
  const plan = context.preset.plans?.find((one) => one.id === id)
  if (!plan) throw refusal('plan_not_found', { id })
  return { kind: 'membership', name: plan.name, plan: plan.id, days: plan.days, priceFen: plan.priceFen }
}
