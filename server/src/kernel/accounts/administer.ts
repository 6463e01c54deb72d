import type { Context } from '../context.ts'
import { closeAccount } from './close.ts'
import { updateAccount } from './update.ts'

/**
 * Disables or enables an account, or closes it for good, as the command line does: its sessions end within five
 * seconds, its ledger stays (money rule 11).
 *
 * @throws account_not_found when there is none or it was closed before, account_is_last_administrator,
 *   account_conflict
 */
export async function setAccountState(
  context: Context,
  accountId: bigint,
  state: 'active' | 'disabled' | 'closed',
): Promise<void> {
  if (state === 'closed') return closeAccount(context, null, accountId)
  await updateAccount(context, null, accountId, { active: state === 'active' })
}

/** Sets a password for somebody else, as the command line does; all their sessions end. @throws account_not_found */
export async function resetPassword(context: Context, accountId: bigint, password: string): Promise<void> {
  await updateAccount(context, null, accountId, { password })
}
