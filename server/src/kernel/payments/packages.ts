import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { OrderItem } from './create-order.ts'

/** What an order for one of the site's packages is about. @throws package_not_found */
export function quotePackage(context: Context, id: string): OrderItem {
  const wanted = context.preset.packages.find((one) => one.id === id)
  if (!wanted) throw refusal('package_not_found', { id })
  const { name, credits, priceFen } = wanted
  return { kind: 'credits', name, credits, priceFen }
}
