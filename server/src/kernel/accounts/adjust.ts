import type { Actor, Context, Origin } from '../context.ts'
import type { Credits } from '../money.ts'
import { adjustBalance } from '../wallet/adjust.ts'
import type { AccountSummary } from './account.ts'
import { readAccount } from './account.ts'

/**
 * Gives credits to an account or takes them, as an administrator does. Taking may draw on the account's credit
 * limit and never below it; it does not count as consumption.
 *
 * @param input.amount positive to give, negative to take.
 * @param input.key the client's own, which makes a repeat harmless; null makes every request a new adjustment.
 * @throws account_not_found, insufficient_credits, input_invalid, idempotency_key_reused
 */
export async function adjustAccount(
  context: Context,
  operator: Pick<Actor, 'accountId'>,
  accountId: bigint,
  input: { amount: Credits; reason: string; key: string | null; origin: Origin },
): Promise<AccountSummary> {
  await readAccount(context, accountId)
  await adjustBalance(context, {
    accountId,
    amount: input.amount,
    reason: input.reason,
    key: input.key === null ? context.ids.uuid() : `operator:${operator.accountId}:${input.key}`,
    operatorId: operator.accountId,
    origin: input.origin,
  })
  return readAccount(context, accountId)
}
