import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { AccountSummary } from './account.ts'
import { readAccount } from './account.ts'
import { hashPassword } from './passwords.ts'
import { naming, normaliseUsername } from './register.ts'

/** Who administers: an administrator with the session at hand, or null for the command line. */
export type Operator = Pick<Actor, 'accountId' | 'sessionId'> | null

/** What an operator may change; what is absent stays. */
export type AccountChanges = {
  username?: string | undefined
  password?: string | undefined
  role?: 'user' | 'admin' | undefined
  active?: boolean | undefined
  creditLimit?: Credits | undefined
  /** `updated_at` as the operator's screen showed it, to the millisecond: the change is refused when it is stale. */
  readAt?: Date | undefined
}

const updateRow = statement(
  'update account',
  'select update_account_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as outcome',
)

/**
 * Changes an account as an operator does. All of it happens or nothing, and of two changes that were based on the
 * same row one is refused. A new password, role or state ends the account's sessions within five seconds, except
 * the operator's own at hand; a new name or limit ends none.
 *
 * @throws input_invalid (nothing to change has the field ''), account_not_found, account_conflict, account_exists,
 *   account_is_own, account_is_last_administrator, credit_limit_drawn, forbidden when the operator has just lost
 *   the role
 */
export async function updateAccount(
  context: Context,
  operator: Operator,
  accountId: bigint,
  changes: AccountChanges,
): Promise<AccountSummary> {
  const { password, role, active, creditLimit, readAt } = changes
  const given = [changes.username, password, role, active, creditLimit]
  if (given.every((one) => one === undefined))
    throw refusal('input_invalid', { field: '', problem: 'missing' })
  if (creditLimit !== undefined && creditLimit < 0n)
    throw refusal('input_invalid', { field: 'creditLimit', problem: 'too_small' })
  const username = changes.username === undefined ? null : normaliseUsername(changes.username)
  const { version } = await readAccount(context, accountId)
  const outcome = await decide(context, [
    operator?.accountId ?? null,
    accountId,
    version,
    readAt ?? null,
    operator?.sessionId ?? null,
    username,
    password === undefined ? null : await hashPassword(password),
    role ?? null,
    active === undefined ? null : active ? 'active' : 'disabled',
    creditLimit ?? null,
  ])
  if (outcome !== 'updated') throw await refuse(context, outcome, accountId)
  context.events.publish('account', accountId)
  return readAccount(context, accountId)
}

async function decide(context: Context, values: readonly unknown[]): Promise<string | undefined> {
  const [row] = await naming(() => context.db.rows<{ outcome: string }>(updateRow, values))
  return row?.outcome
}

async function refuse(context: Context, outcome: string | undefined, accountId: bigint): Promise<Error> {
  if (outcome === 'conflict') return refusal('account_conflict', { account: String(accountId) })
  if (outcome === 'limit_drawn') {
    const { available } = await readAccount(context, accountId)
    return refusal('credit_limit_drawn', { drawn: credits(available < 0n ? -available : 0n) })
  }
  return refusedChange(outcome, accountId)
}

/** The refusals that changing and closing an account share. */
export function refusedChange(outcome: string | undefined, accountId: bigint): Error {
  switch (outcome) {
    case 'missing':
      return refusal('account_not_found', { account: String(accountId) })
    case 'own':
      return refusal('account_is_own')
    case 'last_administrator':
      return refusal('account_is_last_administrator')
    case 'forbidden':
      return refusal('forbidden')
    default:
      return new Error(`a change of account ${accountId} ended as ${outcome}`)
  }
}
