import type { Queryable } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import { violatedUnique } from '../../db/errors.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'

const readCode = statement(
  'referral code of account',
  'select referral_code as code from account where id = $1',
)
const setCode = statement(
  'set referral code',
  `update account set referral_code = coalesce(referral_code, $2) where id = $1 returning referral_code as code`,
)

const LENGTH = 8
/** 32^8 codes: two that are alike after this many tries are no chance. */
const MOST_TRIES = 10

/**
 * The code with which an account invites others: eight of A–Z and 0–9, made when it is first asked for and the same
 * ever after. Of many that ask at once all are told the same one.
 *
 * @throws account_missing
 */
export async function ensureReferralCode(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
): Promise<string> {
  const [known] = await context.db.rows<{ code: string | null }>(readCode, [accountId])
  if (!known) throw refusal('account_missing')
  if (known.code !== null) return known.code
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    try {
      const code = context.ids.token(LENGTH).toUpperCase()
      const [row] = await context.db.rows<{ code: string }>(setCode, [accountId, code])
      if (row) return row.code
      throw refusal('account_missing')
    } catch (error) {
      if (violatedUnique(error) !== 'one_account_per_referral_code') throw error
    }
  }
  throw new Error('no free referral code was found')
}

const addReferral = statement(
  'register referral',
  `insert into referral (referred_id, referrer_id)
   select $1, id from account where referral_code = upper($2) and state = 'active' and id <> $1
   on conflict (referred_id) do update set referrer_id = referral.referrer_id returning id`,
)

/**
 * Notes who invited an account, in the transaction that opens it. An account is invited once: a second code changes
 * nothing. Nobody invites himself.
 *
 * @throws referral_code_unknown when the code is nobody's, or of an account that is closed or disabled
 */
export async function registerReferral(
  within: Queryable,
  { referredId, code }: { referredId: bigint; code: string },
): Promise<void> {
  const rows = await within.rows(addReferral, [referredId, code.trim()])
  if (rows.length === 0) throw refusal('referral_code_unknown', { code })
}
