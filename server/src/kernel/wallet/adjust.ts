import { statement } from '../../db/database.ts'
import { violatedCheck, violatedUnique } from '../../db/errors.ts'
import type { Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { MOST_CREDITS } from '../money.ts'
import { readBalance } from './balance.ts'

const postAdjustment = statement(
  'post adjustment',
  `select post_entry_v1($1, $2, 'adjustment', null, case when $3 then 'grants' else 'available' end,
     case when $3 then 'available' else 'adjustments' end, $4, $5, null, $6, $7, $8, $9) as entry`,
)

const isSameAdjustment = statement(
  'is same adjustment',
  `select from entry where effect = $1 and account_id = $2 and (credit = 'available') = $3 and amount = $4`,
)

/**
 * Gives credits to an account or takes them, as an operator does, with a reason that the statement shows.
 *
 * @param input.amount positive to give, negative to take.
 * @param input.key makes a repeat harmless: the same key has its effect once.
 * @returns false when this key had its effect before.
 * @throws insufficient_credits when more is taken than there is, input_invalid for zero or too much,
 *   idempotency_key_reused when the key stands for another account or amount
 */
export async function adjustBalance(
  context: Context,
  input: {
    accountId: bigint
    amount: Credits
    reason: string
    key: string
    operatorId: bigint | null
    origin: Origin
  },
): Promise<boolean> {
  const size = input.amount < 0n ? -input.amount : input.amount
  if (size === 0n) throw refusal('input_invalid', { field: 'amount', problem: 'too_small' })
  if (size > MOST_CREDITS) throw refusal('input_invalid', { field: 'amount', problem: 'too_large' })
  const effect = `adjustment:${input.key}`
  try {
    const [row] = await context.db.rows<{ entry: bigint | null }>(postAdjustment, [
      context.keys.chain,
      input.accountId,
      input.amount > 0n,
      size,
      effect,
      input.reason,
      input.operatorId,
      input.origin.ip,
      input.origin.device,
    ])
    if (row?.entry != null) return true
  } catch (error) {
    if (violatedUnique(error) === 'one_entry_per_effect') {
      const same = [effect, input.accountId, input.amount > 0n, size]
      if ((await context.db.rows(isSameAdjustment, same)).length === 0)
        throw refusal('idempotency_key_reused')
      return false
    }
    if (violatedCheck(error) !== null)
      throw refusal('input_invalid', { field: 'amount', problem: 'too_large' })
    throw error
  }
  const { available } = await readBalance(context, input)
  throw refusal('insufficient_credits', { required: size as Credits, available })
}
