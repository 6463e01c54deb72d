import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'

const LENGTH = 8

const readCode = statement(
  'referral code of account',
  'select referral_code as code from account where id = $1',
)

// Of two who ask at once both get the one that was stored first.
const takeCode = statement(
  'take referral code',
  `update account set referral_code = coalesce(referral_code, $2) where id = $1 returning referral_code as code`,
)

/** The code by which an account invites others; made when it is first asked for, and the same ever after. */
export async function referralCodeOf(context: Context, accountId: bigint): Promise<string> {
  const [known] = await context.db.rows<{ code: string | null }>(readCode, [accountId])
  if (known?.code) return known.code
  for (let tries = 0; ; tries += 1) {
    try {
      const code = context.ids.token(LENGTH).toUpperCase()
      const [row] = await context.db.rows<{ code: string }>(takeCode, [accountId, code])
      if (!row) throw refusal('account_missing')
      return row.code
    } catch (error) {
      // Somebody else has drawn the same one.
      if (violatedUnique(error) !== 'one_account_per_referral_code' || tries >= 5) throw error
    }
  }
}

const addReferral = statement(
  'register referral',
  `insert into referral (referred_id, referrer_id)
   select $1, id from account where referral_code = $2 and state = 'active' and id <> $1 returning id`,
)

/**
 * Writes down who invited an account, in the transaction that opens it.
 * @throws referral_code_unknown when the code is nobody's, or that of an account that is closed or disabled
 */
export async function registerReferral(
  within: Queryable,
  referral: { referredId: bigint; code: string },
): Promise<void> {
  const code = referral.code.trim().toUpperCase()
  const rows = await within.rows(addReferral, [referral.referredId, code])
  if (rows.length === 0) throw refusal('referral_code_unknown', { code })
}
