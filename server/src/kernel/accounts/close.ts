import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Operator } from './update.ts'
import { refusedChange } from './update.ts'

const closeRow = statement('close account', 'select outcome, ended from close_account_v1($1, $2, $3)')
const endLateTasks = statement('end late tasks', 'select end_tasks_of_account_v1($1, $2) as ended')

/**
 * Closes an account for good (money rule 11): its open tasks are ended and paid back, its sessions end, its name is
 * free for another. Ledger, orders and tasks stay, and an order paid later is still credited to its wallet.
 *
 * @throws account_not_found, account_is_own, account_is_last_administrator, forbidden when the operator has just
 *   lost the role
 */
export async function closeAccount(context: Context, operator: Operator, accountId: bigint): Promise<void> {
  const [row] = await context.db.rows<{ outcome: string; ended: bigint[] | null }>(closeRow, [
    context.keys.chain,
    operator?.accountId ?? null,
    accountId,
  ])
  if (row?.outcome !== 'closed') throw refusedChange(row?.outcome, accountId)
  context.events.publish('account', accountId)
  // A submission that had read the account as active may have committed after the closing looked for its tasks.
  const [late] = await context.db.rows<{ ended: bigint[] }>(endLateTasks, [context.keys.chain, accountId])
  for (const id of [...(row.ended ?? []), ...(late?.ended ?? [])]) {
    context.events.publish('ended', id)
    context.events.publish('task', id)
  }
}
