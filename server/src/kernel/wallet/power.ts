import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import type { Credits } from '../money.ts'
import { credits } from '../money.ts'

/**
 * A wallet in sums: `total` ever came in (less what was taken back), `used` is spent or held, `remaining` is what is
 * left of it.
 */
export type Power = {
  total: Credits
  used: Credits
  remaining: Credits
  /** What of the total an operator or a promotion gave, less what they took back; a sign-up bonus does not count. */
  gifted: Credits
  /** How many vouchers for an output of high resolution there are. */
  hd: number
}

// One statement, so that the sums are of one moment and always add up.
const readSums = statement(
  'read power',
  `select w.granted as total, w.held + w.spent as used, w.available as remaining, w.vouchers as hd,
     greatest(0, (select coalesce(sum(e.available_after - e.available_before), 0) from entry e
       where e.account_id = w.account_id and e.kind in ('gift', 'gift_reversal', 'adjustment')))::bigint as gifted
   from wallet w where w.account_id = $1`,
)

type Row = { total: bigint; used: bigint; remaining: bigint; gifted: bigint; hd: number }

/** The caller's wallet in sums, net of holds. */
export async function readPower(context: Context, actor: Pick<Actor, 'accountId'>): Promise<Power> {
  const [row] = await context.db.rows<Row>(readSums, [actor.accountId])
  if (!row) throw new Error(`account ${actor.accountId} has no wallet`)
  return {
    total: credits(row.total),
    used: credits(row.used),
    remaining: credits(row.remaining),
    gifted: credits(row.gifted),
    hd: row.hd,
  }
}
