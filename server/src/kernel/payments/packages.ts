import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { fen } from '../fen.ts'
import type { Credits } from '../money.ts'
import type { OrderItem } from './create-order.ts'

/** What an order for one of the site's packages is about. @throws package_not_found */
export function quotePackage(context: Context, id: string): OrderItem {
  const wanted = context.preset.packages.find((one) => one.id === id)
  if (!wanted) throw refusal('package_not_found', { id })
  const { name, credits, priceFen } = wanted
  return { kind: 'credits', name, credits, priceFen }
}

/**
 * What an order for so many credits is about, at the site's price of credits; parts of a fen are a fen.
 * @throws payment_unconfigured where credits have no price
 */
export function quoteCredits({ preset }: Context, credits: Credits, name: string): OrderItem {
  const { creditsPerYuan } = preset
  if (creditsPerYuan === undefined) throw refusal('payment_unconfigured')
  return {
    kind: 'credits',
    name,
    credits,
    priceFen: fen((credits * 100n + creditsPerYuan - 1n) / creditsPerYuan),
  }
}
