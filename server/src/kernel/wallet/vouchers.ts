import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'

const postVouchers = statement('post vouchers', 'select post_vouchers_v1($1, $2, $3, $4, $5) as done')
const isSame = statement(
  'is same voucher entry',
  'select from voucher_entry where effect = $1 and account_id = $2 and amount = $3',
)
const MOST = 1_000_000

/**
 * Gives vouchers to an account or takes them, as an operator does.
 *
 * @param input.count positive to give, negative to take.
 * @param input.key makes a repeat harmless: the same key has its effect once.
 * @returns false when this key had its effect before.
 * @throws input_invalid for zero, more than a million, or more taken than there are; idempotency_key_reused when the key
 *   stands for another account or count
 */
export async function adjustVouchers(
  context: Context,
  input: { accountId: bigint; count: number; reason: string; key: string; operatorId: bigint | null },
): Promise<boolean> {
  const { accountId, count } = input
  if (!Number.isSafeInteger(count) || count === 0)
    throw refusal('input_invalid', { field: 'count', problem: 'too_small' })
  if (Math.abs(count) > MOST) throw refusal('input_invalid', { field: 'count', problem: 'too_large' })
  const effect = `adjustment:${input.key}`
  try {
    const values = [accountId, count, effect, input.reason, input.operatorId]
    const [row] = await context.db.rows<{ done: boolean }>(postVouchers, values)
    if (row?.done) return true
  } catch (error) {
    if (violatedUnique(error) !== 'one_voucher_entry_per_effect') throw error
    if ((await context.db.rows(isSame, [effect, accountId, count])).length > 0) return false
    throw refusal('idempotency_key_reused')
  }
  throw refusal('input_invalid', { field: 'count', problem: 'too_large' })
}
