import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'

export type Balance = {
  available: Credits
  held: Credits
  spent: Credits
  granted: Credits
  creditLimit: Credits
}

type Row = { available: bigint; held: bigint; spent: bigint; granted: bigint; credit_limit: bigint }

const readWallet = statement(
  'read wallet',
  'select available, held, spent, granted, credit_limit from wallet where account_id = $1',
)

/** The caller's balance; `available` is net of holds. */
export async function readBalance(context: Context, actor: Pick<Actor, 'accountId'>): Promise<Balance> {
  const [row] = await context.db.rows<Row>(readWallet, [actor.accountId])
  if (!row) throw new Error(`account ${actor.accountId} has no wallet`)
  return {
    available: credits(row.available),
    held: credits(row.held),
    spent: credits(row.spent),
    granted: credits(row.granted),
    creditLimit: credits(row.credit_limit),
  }
}
