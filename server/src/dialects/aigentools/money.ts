import { refusal } from '../../kernel/errors.ts'
import type { Credits } from '../../kernel/money.ts'
import { parseCredits } from '../../kernel/money.ts'

/** A JSON number of money with at most four decimals. @throws input_invalid for `field` */
export function readMoney(field: string, value: number): Credits {
  const amount = parseCredits(value)
  if (amount === null) throw refusal('input_invalid', { field, problem: 'format' })
  return amount
}
